"""Samples in a table that the database filters and pages, and one of them with everything it came from."""

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
from core.study.exchange import exporting, spreadsheets
from core.study.rows.kinds import JudgementKind, SampleStatus
from core.study.rows.study import Arm, Task
from ui.shared import resources
from ui.shared.words import choose_rows, done, money, plain, table

ALL = "all"
NO_HUMAN = "none"
OPTIONAL = ("reason", "judged", "human", "model", "version")
EXPORTS = (
    ("CSV", "csv", "text/csv"),
    ("CSV for a spreadsheet (formulas escaped)", "safe.csv", "text/csv"),
    ("JSON lines", "jsonl", "application/x-ndjson"),
)


def samples_view(task: Task) -> None:
    """The table with its filters; what is chosen in it can be rejected, restored, labelled, and followed back."""
    with resources.store()() as session:
        wanted = _pick_filter(session, task)
        total = browse.count(session, wanted)
        pages = max(1, -(-total // browse.PAGE))
        number = st.pagination(pages, key=f"samples.page.{task.id}.{hash(wanted)}") if pages > 1 else 1
        rows = browse.page(session, wanted, number=number)
    problem_here = st.session_state.pop("samples.problem", None)
    if problem_here:
        st.error(plain(problem_here))
    if rows.empty:
        st.info("No sample passes this filter.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        words = f"{total:,} samples. Choose one to see where it came from, or several to reject or restore them."
        st.caption(words, width="stretch")
        _export(task)
    changes = st.session_state.get("samples.changes", 0)
    shown = _shown(rows, one_arm=len(wanted.arm_ids) == 1)
    chosen = choose_rows(shown, key=f"samples.table.{task.id}.{hash(wanted)}.{number}.{changes}", height=380)
    ids = [int(rows["id"].iloc[place]) for place in chosen]
    if ids:
        _actions(ids, has_rejected=bool((rows["status"].iloc[chosen] == SampleStatus.REJECTED).any()))
    if len(ids) == 1:
        one_sample(task, ids[0])


def one_sample(task: Task, sample_id: int) -> None:
    """A sample in full: its text and labels, and the way back to the answer and the prompt it came from."""
    with resources.store()() as session:
        origin = browse.origin(session, sample_id)
        labels = [label.name for label in tasks.labels_of(session, task.id)]
    st.subheader("Where it came from")
    st.code(origin.sample.text, language=None, wrap_lines=True)
    _labels(task, origin, labels)
    _nearest(origin)
    if origin.imported:
        st.caption(f"Row {origin.sample.part} of the file {plain(origin.imported.file)}")
    if origin.completion:
        _completion(origin)


def _nearest(origin: Origin) -> None:
    """The real texts that a measured sample is nearest to: what it may have been copied from."""
    with resources.store()() as session:
        found = neighbours.nearest(session, origin.sample, home=resources.settings().home)
    if not found.empty:
        with st.expander(f"Nearest real text: cosine {found['cosine'].iloc[0]:.2f}"):
            table(found.drop(columns="sample_id"), key="samples.nearest")


def _export(task: Task) -> None:
    """The kept texts of an arm to take along, with where each came from."""
    with st.popover("Export", width="content"), resources.store()() as session:
        arms = {arm.name: arm for arm in tasks.arms(session, task.id)}
        name = st.selectbox("Arm to export", list(arms), key=f"samples.export.{task.id}", width=260)
        for words, ending, kind in EXPORTS:
            st.download_button(
                words,
                partial(_exported, task.id, arms[name].id, ending),
                file_name=f"{task.name}-{name}.{ending.removeprefix('safe.')}",
                mime=kind,
                key=f"samples.export.{ending}.{task.id}",
                on_click="ignore",
                width="stretch",
            )
        st.caption("Parquet with a card, and the Hugging Face hub: `python -m core push`.")


def _exported(task_id: int, arm_id: int, ending: str) -> str:
    with resources.store()() as session:
        frame = exporting.rows(session, task=session.get_one(Task, task_id), arm=session.get_one(Arm, arm_id))
    if ending == "jsonl":
        return frame.to_json(orient="records", lines=True, force_ascii=False)
    return spreadsheets.safe_csv(frame) if ending == "safe.csv" else spreadsheets.plain_csv(frame)


def _pick_filter(session: Session, task: Task) -> browse.Filter:
    found = _facets(task.id)
    labels = {label.name: label.id for label in tasks.labels_of(session, task.id)}
    arms = dict(zip(found.arms["arm"], found.arms["arm_id"], strict=True))
    names = found.prompts["arm"] + " " + found.prompts["version"].astype(str)
    versions = dict(zip(names, found.prompts["prompt_id"].tolist(), strict=True))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        arm = _choice("Arm", arms, task, 170)
        label = _choice("Label", labels, task, 170)
        status = _choice("Status", {str(status): str(status) for status in SampleStatus}, task, 130)
        words = st.text_input("Contains", key=f"samples.words.{task.id}", width=180)
        with st.popover("More filters", width="content"):
            reason = _choice("Not kept because", _named(found.reasons), task, 300)
            version = _choice("Prompt version", versions, task, 300)
            model = _choice("Model", _named(found.models), task, 300)
            opinion = _choice("Judge or person", {str(opinion): opinion for opinion in Opinion}, task, 300)
    return browse.Filter(
        arm_ids=(int(arm),) if arm is not None else tuple(map(int, arms.values())), label_id=label, status=status,
        reason=reason, prompt_id=version, model=model, opinion=opinion, words=words,
    )  # fmt: skip


@st.cache_data(ttl=10, max_entries=50, show_spinner=False)
def _facets(task_id: int) -> browse.Facets:
    with resources.store()() as session:
        return browse.facets(session, task_id)


def _choice(title: str, options: dict[str, Any], task: Task, width: int) -> Any:
    """The value behind the chosen name; None for all, and while there is nothing to choose from."""
    if not options:
        return None
    key = f"samples.{title}.{task.id}"
    name = st.selectbox(title, [ALL, *options], key=key, width=width, persist_state="session")
    return options.get(name)


def _named(counted: dict[str, int]) -> dict[str, str]:
    return {name: name for name in counted}


def _shown(rows: pd.DataFrame, *, one_arm: bool) -> pd.DataFrame:
    """The page without columns that hold nothing on it."""
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
    done(f"{n} {'rejected' if action == 'reject' else 'restored'}.")


def _labels(task: Task, origin: Origin, labels: list[str]) -> None:
    """The label it came with, what judges said, and the one a person may give: three things that stay apart."""
    judged = origin.judgements[origin.judgements["kind"] == JudgementKind.JUDGE]
    human = origin.judgements[origin.judgements["kind"] == JudgementKind.HUMAN]
    said = "; ".join(f"{row.label} by {row.judge}" for row in judged.itertuples())
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.caption(
            f"{'Intended' if origin.completion else 'Given'} label: **{plain(origin.label)}** · judged: "
            f"{plain(said) if said else 'not yet'} · {plain(origin.arm.name)}, {origin.sample.split}, {origin.sample.status}"
            + (f" ({plain(origin.sample.reject_reason)})" if origin.sample.reject_reason else "")
        )
        given = str(human["label"].iloc[-1]) if len(human) else NO_HUMAN
        key = f"samples.human.{origin.sample.id}"
        st.selectbox(
            "Your label",
            [NO_HUMAN, *labels],
            index=[NO_HUMAN, *labels].index(given) if given in labels else 0,
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
    done("Your label is kept beside the intended one." if name in ids else "Your label is taken back.")


def _completion(origin: Origin) -> None:
    made, prompt = origin.completion, origin.prompt
    assert made is not None
    assert prompt is not None
    took = f"{made.tokens_in} tokens in, {made.tokens_out} out, {money(made.cost_usd)}; {made.latency_s:.1f} s"
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(made.created_at))
    st.caption(
        f"Text {origin.sample.part + 1} of completion {made.id} (slot {made.slot}) by {plain(made.model)}"
        f"{', by batch' if origin.batch else ''}; prompt version {prompt.version}; "
        + plain(f"recorded beforehand; {when}" if made.is_recorded else f"{took}; {when}")
    )
    if made.attributes:
        st.caption(
            "Drawn for this call: " + "; ".join(f"{plain(k)}: {plain(str(v))}" for k, v in made.attributes.items())
        )
    answer, request = st.columns(2, gap="large")
    with answer:
        st.caption(f"The raw completion (ended with {plain(made.finish_reason)})")
        st.code(made.content, language=None, wrap_lines=True, height=320)
        st.caption("What became of each of its texts")
        table(_siblings(origin.siblings), key="samples.siblings")
    with request:
        st.caption("What was sent")
        for message in made.request.get("messages", []):
            st.code(f"{message['role']}: {message['content']}", language=None, wrap_lines=True)
        others = {name: value for name, value in made.request.items() if name != "messages"}
        st.code(json.dumps(others, ensure_ascii=False), language=None, wrap_lines=True)
        for title, shown in (
            ("Real texts shown as examples", origin.examples),
            ("Real texts to rewrite", origin.sources),
        ):
            if shown:
                st.caption(title)
                table(pd.DataFrame({"text": [sample.text for sample in shown]}), key=f"samples.{title}")


def _siblings(found: pd.DataFrame) -> pd.DataFrame:
    """All texts of one answer; why one is not kept stands before the text, where it is seen."""
    return found[["status", "reason", "text"] if found["reason"].any() else ["status", "text"]]
