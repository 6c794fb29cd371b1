"""A filtered, paged table of samples, one sample with its labels and origin, and the export of an arm's texts."""

import json
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.quality import neighbours
from core.study import browse, judgements, tasks
from core.study.browse import Opinion, Origin
from core.study.exchange import spreadsheets
from core.study.exchange.data_set import exporting
from core.study.rows.kinds import JudgementKind, SampleStatus
from core.study.rows.study import Arm, Task
from core.synthesis.generation import obedience
from ui.shared import resources
from ui.shared.tables import choose_rows, table
from ui.shared.words import money, plain, set_notice

ALL = "all"
NO_HUMAN = "none"
OPTIONAL = ("reason", "judged", "human", "model", "version")
EXPORTS = (
    ("CSV", "csv", "text/csv"),
    ("CSV for a spreadsheet (formulas escaped)", "safe.csv", "text/csv"),
    ("JSON lines", "jsonl", "application/x-ndjson"),
)


def samples_view(task: Task) -> None:
    """Draw the table of samples with its filters; chosen samples can be rejected, restored or labelled."""
    with resources.store()() as session:
        wanted = _pick_filter(session, task)
        total = browse.count(session, wanted)
        pages = max(1, -(-total // browse.PAGE))
        number = st.pagination(pages, key=f"samples.page.{task.id}.{hash(wanted)}") if pages > 1 else 1
        rows = browse.page(session, wanted, number=number)
        slips = obedience.sentences(session, wanted.arm_ids[0]) if len(wanted.arm_ids) == 1 else []
    for sentence in slips:
        st.caption(plain(f"⚠️ {sentence}"))
    refusal = st.session_state.pop("samples.problem", None)
    if refusal:
        st.error(plain(refusal))
    if rows.empty:
        st.info("No sample passes this filter.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        hint = f"{total:,} samples. Choose a sample to see its origin, or several samples to reject or restore them."
        st.caption(hint, width="stretch")
        _export(task)
    changes = st.session_state.get("samples.changes", 0)
    shown = _shown(rows, one_arm=len(wanted.arm_ids) == 1)
    chosen = choose_rows(shown, key=f"samples.table.{task.id}.{hash(wanted)}.{number}.{changes}", height=380)
    ids = [int(rows["id"].iloc[place]) for place in chosen]
    if ids and resources.may_change():
        _actions(ids, has_rejected=bool((rows["status"].iloc[chosen] == SampleStatus.REJECTED).any()))
    if len(ids) == 1:
        one_sample(task, ids[0])


def one_sample(task: Task, sample_id: int) -> None:
    """Draw a sample: its text, its labels, and the file or the completion and prompt that it came from."""
    with resources.store()() as session:
        origin = browse.origin(session, sample_id)
        labels = [label.name for label in tasks.labels_of(session, task.id)]
    st.header("The sample and its origin")
    st.code(origin.sample.text, language=None, wrap_lines=True)
    _labels(task, origin, labels)
    _nearest(origin)
    if origin.imported:
        st.caption(f"Row {origin.sample.part} of the file {plain(origin.imported.file)}")
    if origin.completion:
        _completion(origin)


def _nearest(origin: Origin) -> None:
    """Draw the real texts nearest to a sample, to reveal copies, if the task has been measured."""
    with resources.store()() as session:
        found = neighbours.nearest(session, origin.sample, home=resources.settings().home)
    if not found.empty:
        with st.expander(f"Nearest real text: cosine {found['cosine'].iloc[0]:.2f}"):
            table(found.drop(columns="sample_id"), key="samples.nearest")


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


@st.cache_data(ttl=10, max_entries=50, show_spinner=False)
def _facets(task_id: int) -> browse.Facets:
    with resources.store()() as session:
        return browse.facets(session, task_id)


def _choice(title: str, options: dict[str, Any], task: Task, width: int) -> Any:
    """Draw a choice of options by name; return the value of the chosen option, or None for "all" or without options."""
    if not options:
        return None
    key = f"samples.{title}.{task.id}"
    name = st.selectbox(title, [ALL, *options], key=key, width=width, persist_state="session")
    return options.get(name)


def _named(counted: dict[str, int]) -> dict[str, str]:
    return {name: name for name in counted}


def _shown(rows: pd.DataFrame, *, one_arm: bool) -> pd.DataFrame:
    """The rows without their empty optional columns, and without the arm if all rows are of one arm."""
    rows = rows.assign(version=["" if pd.isna(version) else str(version) for version in rows["version"]])
    empty = [name for name in OPTIONAL if (rows[name] == "").all()]
    return rows.drop(columns=[*empty, *(["arm"] if one_arm else [])])


def _actions(ids: Sequence[int], *, has_rejected: bool) -> None:
    many = f" {len(ids)}" if len(ids) > 1 else ""
    with st.container(horizontal=True):
        st.button(f"Reject{many}", key="samples.reject", on_click=_act, args=("reject", list(ids)))
        st.button(
            f"Restore{many}",
            key="samples.restore",
            on_click=_act,
            args=("restore", list(ids)),
            disabled=not has_rejected,
        )


def _act(action: str, ids: list[int]) -> None:
    change = judgements.reject if action == "reject" else judgements.restore
    try:
        with resources.store().write() as session:
            n = change(session, ids)
    except StudyError as error:
        st.session_state["samples.problem"] = str(error)
        return
    st.session_state["samples.changes"] = st.session_state.get("samples.changes", 0) + (len(ids) > 1)
    set_notice(f"{n} {'rejected' if action == 'reject' else 'restored'}.")


def _labels(task: Task, origin: Origin, labels: list[str]) -> None:
    """Draw the label the sample came with, the judges' labels, and a choice of the visitor's own label."""
    judged = origin.judgements[origin.judgements["kind"] == JudgementKind.JUDGE]
    human = origin.judgements[origin.judgements["kind"] == JudgementKind.HUMAN]
    by_judge = "; ".join(f"{row.label} by {row.judge}" for row in judged.itertuples())
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.caption(
            f"{'Intended' if origin.completion else 'Given'} label: **{plain(origin.label)}** · judged: "
            f"{plain(by_judge) if by_judge else 'not yet'} · {plain(origin.arm.name)}, {origin.sample.split}, "
            f"{origin.sample.status}"
            + (f" ({plain(origin.sample.reject_reason)})" if origin.sample.reject_reason else "")
        )
        if not resources.may_change():
            return
        current = str(human["label"].iloc[-1]) if len(human) else NO_HUMAN
        key = f"samples.human.{origin.sample.id}"
        st.selectbox(
            "Your label",
            [NO_HUMAN, *labels],
            index=[NO_HUMAN, *labels].index(current) if current in labels else 0,
            key=key,
            width=220,
            on_change=_label,
            args=(key, task.id, origin.sample.id),
            help="Kept beside the intended label, which never changes.",
        )


def _label(key: str, task_id: int, sample_id: int) -> None:
    name = st.session_state[key]
    with resources.store().write() as session:
        ids = {label.name: label.id for label in tasks.labels_of(session, task_id)}
        judgements.set_human_label(session, sample_id, ids.get(name))
    set_notice("Your label is stored beside the intended label." if name in ids else "Your label is removed.")


def _completion(origin: Origin) -> None:
    """Draw the completion that a sample came from, the status of each of its texts, and the request."""
    completion, prompt = origin.completion, origin.prompt
    assert completion is not None
    assert prompt is not None
    usage = (
        f"{completion.tokens_in} tokens in, {completion.tokens_out} out, {money(completion.cost_usd)}; "
        f"{completion.latency_s:.1f} s"
    )
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(completion.created_at))
    st.caption(
        f"Text {origin.sample.part + 1} of completion {completion.id} (slot {completion.slot}) by {plain(completion.model)}"
        f"{', by batch' if origin.batch else ''}; prompt version {prompt.version}; "
        + plain(f"recorded beforehand; {when}" if completion.is_recorded else f"{usage}; {when}")
    )
    if completion.attributes:
        drawn = "; ".join(f"{plain(name)}: {plain(str(value))}" for name, value in completion.attributes.items())
        st.caption(f"Drawn for this call: {drawn}")
    answer, request = st.columns(2, gap="large")
    with answer:
        st.caption(f"The raw completion (ended with {plain(completion.finish_reason)})")
        st.code(completion.content, language=None, wrap_lines=True, height=320)
        st.caption("The texts of the completion")
        table(_siblings(origin.siblings), key="samples.siblings")
    with request:
        st.caption("The request")
        for message in completion.request.get("messages", []):
            st.code(f"{message['role']}: {message['content']}", language=None, wrap_lines=True)
        others = {name: value for name, value in completion.request.items() if name != "messages"}
        st.code(json.dumps(others, ensure_ascii=False), language=None, wrap_lines=True)
        for title, shown in (
            ("Real texts shown as examples", origin.examples),
            ("Real texts to rewrite", origin.sources),
        ):
            if shown:
                st.caption(title)
                table(pd.DataFrame({"text": [sample.text for sample in shown]}), key=f"samples.{title}")


def _siblings(found: pd.DataFrame) -> pd.DataFrame:
    """The texts of one completion: columns status, text, and reason before the text if a text was rejected."""
    return found[["status", "reason", "text"] if found["reason"].any() else ["status", "text"]]
