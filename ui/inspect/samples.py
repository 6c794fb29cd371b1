"""The samples of a task: filters, a paged table with the chosen sample beside it or one sample at a time, and the export."""

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy.orm import Session

from core.study import browse, tasks
from core.study.browse import Opinion
from core.study.exchange import spreadsheets
from core.study.exchange.data_set import exporting
from core.study.rows.kinds import ArmKind, SampleStatus
from core.study.rows.study import Arm, Task
from core.synthesis.generation import obedience
from core.wording import counted
from ui.inspect import reading
from ui.shared import resources
from ui.shared.tables import choose_rows
from ui.shared.words import WHAT_AN_ARM_IS, plain

ALL = "all"
LIST, IN_TURN = "List", "One by one"
OPTIONAL = ("reason", "judged", "human", "model", "version")
EXPORTS = (
    ("CSV", "csv", "text/csv"),
    ("CSV for a spreadsheet (formulas escaped)", "safe.csv", "text/csv"),
    ("JSON lines", "jsonl", "application/x-ndjson"),
)


HINTS = {
    LIST: "Choose a sample to read it, or several samples to reject or restore them.",
    IN_TURN: "Keys: ← and → go on, X rejects or restores, a number gives your label.",
}
HEIGHT = 560  # pixels


def samples_view(task: Task) -> None:
    """Draw the samples that pass the filters, as a list or one by one; they can be rejected, restored or labelled."""
    with resources.store()() as session:
        wanted = _pick_filter(session, task)
        total = browse.count(session, wanted)
        slips = obedience.sentences(session, wanted.arm_ids[0]) if len(wanted.arm_ids) == 1 else []
    for sentence in slips:
        st.caption(plain(f"⚠️ {sentence}"))
    if not total:
        st.info("No sample passes this filter.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        way = st.segmented_control(
            "Way to read", [LIST, IN_TURN], default=LIST, required=True, key="samples.way", label_visibility="collapsed",
            persist_state="session",
        )  # fmt: skip
        st.caption(f"{counted(total, 'sample')}. {HINTS[way]}", width="stretch")
        _export(task)
    place = f"samples.at.{task.id}.{hash(wanted)}"
    if way == IN_TURN:
        reading.one_by_one(task, wanted, total, key=place)
    else:
        _list(task, wanted, total, place)


def _list(task: Task, wanted: browse.Filter, total: int, place: str) -> None:
    """Draw a page of samples as a table, and beside it the chosen sample, from which on samples can be read one by one."""
    pages = max(1, -(-total // browse.PAGE))
    number = st.pagination(pages, key=f"samples.page.{task.id}.{hash(wanted)}") if pages > 1 else 1
    with resources.store()() as session:
        rows = browse.page(session, wanted, number=number)
    changes = st.session_state.get("samples.changes", 0)
    table, beside = st.columns([3, 2], gap="medium")
    with table:
        shown = _shown(rows, one_arm=len(wanted.arm_ids) == 1)
        key = f"samples.table.{task.id}.{hash(wanted)}.{number}.{changes}"
        chosen = choose_rows(shown, key=key, height=HEIGHT, lines=3)
    ids = [int(rows["id"].iloc[row]) for row in chosen]
    with beside:
        if len(ids) == 1:
            reading.beside(task, ids[0])
            first = (number - 1) * browse.PAGE + chosen[0] + 1
            st.button("Read on from here", key="samples.from", on_click=_read_on, args=(place, first))
        elif not ids:
            st.caption("The sample chosen in the table is shown here.")
        if ids and resources.may_change():
            reading.actions(ids, has_rejected=bool((rows["status"].iloc[chosen] == SampleStatus.REJECTED).any()))
    if len(ids) == 1:
        reading.origin_of(task, ids[0])


def _read_on(place: str, at: int) -> None:
    """Show the sample at this place of the list, and those after it, one by one."""
    st.session_state[place] = at
    st.session_state["samples.way"] = IN_TURN


def _export(task: Task) -> None:
    """Draw the downloads of an arm's kept texts with their origin."""
    with st.popover("Export", width="content"), resources.store()() as session:
        arms = {arm.name: arm for arm in tasks.arms(session, task.id)}
        name = st.selectbox("Arm to export", list(arms), key=f"samples.export.{task.id}", width=260)
        for label, ending, kind in EXPORTS:
            st.download_button(
                label,
                partial(_exported, task.id, arms[name].id, ending),
                file_name=f"{task.name}-{name}.{ending.removeprefix('safe.')}",
                mime=kind,
                key=f"samples.export.{ending}.{task.id}",
                on_click="ignore",
                width="stretch",
            )
        st.caption("As Parquet with a data set card, or to the Hugging Face hub: `python -m core push`.")


def _exported(task_id: int, arm_id: int, ending: str) -> str:
    with resources.store()() as session:
        frame = exporting.rows(session, task=session.get_one(Task, task_id), arm=session.get_one(Arm, arm_id))
    if ending == "jsonl":
        return frame.to_json(orient="records", lines=True, force_ascii=False)
    return spreadsheets.safe_csv(frame) if ending == "safe.csv" else spreadsheets.plain_csv(frame)


def _pick_filter(session: Session, task: Task) -> browse.Filter:
    """Draw the filters and return the chosen filter."""
    found = _facets(task.id)
    labels = {label.name: label.id for label in tasks.labels_of(session, task.id)}
    arms = dict(zip(found.arms["arm"], found.arms["arm_id"], strict=True))
    names = found.prompts["arm"] + " " + found.prompts["version"].astype(str)
    versions = dict(zip(names, found.prompts["prompt_id"].tolist(), strict=True))
    if st.session_state.pop("inspect.synthetic", None) == task.name:
        _begin_with_synthetic(task, list(arms))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        arm = _choice("Arm", arms, task, 170)
        label = _choice("Label", labels, task, 170)
        status = _choice("Status", {str(status): str(status) for status in SampleStatus}, task, 130)
        contains = st.text_input("Contains", key=f"samples.words.{task.id}", width=180)
        with st.popover("More filters", width="content"):
            reason = _choice("Not kept because", _named(found.reasons), task, 300)
            version = _choice("Prompt version", versions, task, 300)
            model = _choice("Model", _named(found.models), task, 300)
            opinion = _choice("Judge or person", {str(opinion): opinion for opinion in Opinion}, task, 300)
    return browse.Filter(
        arm_ids=(int(arm),) if arm is not None else tuple(map(int, arms.values())), label_id=label, status=status,
        reason=reason, prompt_id=version, model=model, opinion=opinion, words=contains,
    )  # fmt: skip


def _begin_with_synthetic(task: Task, names: list[str]) -> None:
    """Choose an arm that a model wrote: the one in hand, else the first; for someone who comes to check the texts written."""
    synthetic = [name for name in names if tasks.kind_of(name) != ArmKind.REAL]
    in_hand = st.session_state.get(f"pickers.arm.{task.id}")
    if synthetic:
        st.session_state[f"samples.Arm.{task.id}"] = in_hand if in_hand in synthetic else synthetic[0]


@st.cache_data(ttl=10, max_entries=50, show_spinner=False)
def _facets(task_id: int) -> browse.Facets:
    with resources.store()() as session:
        return browse.facets(session, task_id)


def _choice(title: str, options: dict[str, Any], task: Task, width: int) -> Any:
    """Draw a choice of options by name; return the value of the chosen option, or None for "all" or without options."""
    if not options:
        return None
    key = f"samples.{title}.{task.id}"
    name = st.selectbox(
        title,
        [ALL, *options],
        key=key,
        width=width,
        persist_state="session",
        help=WHAT_AN_ARM_IS if title == "Arm" else None,
    )
    return options.get(name)


def _named(counts: dict[str, int]) -> dict[str, str]:
    return {name: name for name in counts}


def _shown(rows: pd.DataFrame, *, one_arm: bool) -> pd.DataFrame:
    """The rows without their empty optional columns, and without the arm if all rows are of one arm."""
    rows = rows.assign(version=["" if pd.isna(version) else str(version) for version in rows["version"]])
    empty = [name for name in OPTIONAL if (rows[name] == "").all()]
    return rows.drop(columns=[*empty, *(["arm"] if one_arm else [])])
