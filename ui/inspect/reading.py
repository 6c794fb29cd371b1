"""One sample on the screen: its text, labels and origin, buttons that reject it or give it a label, and samples read in turn."""

import json
import time
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.quality import neighbours
from core.study import browse, judgements, tasks
from core.study.browse import Origin
from core.study.rows.kinds import JudgementKind, SampleStatus
from core.study.rows.study import Task
from ui.shared import resources
from ui.shared.tables import table
from ui.shared.words import keep_refusal, money, plain, set_notice

NO_HUMAN = "none"
MOST_KEYS = 9  # labels that have a key


def one_sample(task: Task, sample_id: int) -> None:
    """Draw a sample: its text, its labels, and the file or the completion and prompt that it came from."""
    st.header("The sample and its origin")
    beside(task, sample_id)
    origin_of(task, sample_id)


def beside(task: Task, sample_id: int) -> None:
    """Draw a sample as it is read beside the list: its text and its labels."""
    origin, labels = _read(task, sample_id)
    _text(origin)
    _labels(task, origin, labels)


def origin_of(task: Task, sample_id: int) -> None:
    """Draw where a sample came from: the real text nearest to it, and its file or its completion and prompt."""
    origin, _ = _read(task, sample_id)
    _nearest(origin)
    if origin.imported:
        st.caption(f"Row {origin.sample.part} of the file {plain(origin.imported.file)}")
    if origin.completion:
        _completion(origin)


def one_by_one(task: Task, wanted: browse.Filter, total: int, *, key: str) -> None:
    """Draw one of the samples that meet the conditions, with buttons and keys to go on, to reject it and to give it a label.

    `total`: the number of these samples, at least 1. `key`: of the session's state that holds the place, from 1.
    """
    at = st.session_state[key] = min(max(int(st.session_state.get(key, 1)), 1), total)
    with resources.store()() as session:
        sample_id = int(browse.page(session, wanted, number=at, size=1)["id"].iloc[0])
    origin, labels = _read(task, sample_id)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Back", key="samples.back", shortcut="Left", disabled=at == 1, on_click=_turn, args=(key, at - 1))
        st.button("On", key="samples.on", shortcut="Right", disabled=at == total, on_click=_turn, args=(key, at + 1))
        st.text(f"{at:,} of {total:,}", width="content")
        if resources.may_change():
            _decide(origin, key, on=at + 1 if wanted.status is None else at)
    _text(origin)
    if resources.may_change() and len(labels) <= MOST_KEYS:
        _label_buttons(task, origin, labels, key, on=at + 1 if wanted.opinion is None else at)
    else:
        _labels(task, origin, labels)
    origin_of(task, sample_id)


def _read(task: Task, sample_id: int) -> tuple[Origin, list[str]]:
    """A sample with its origin, and the names of the labels of its task."""
    with resources.store()() as session:
        return browse.origin(session, sample_id), [label.name for label in tasks.labels_of(session, task.id)]


def _text(origin: Origin) -> None:
    with st.container(border=True, key="samples_text"):
        st.text(origin.sample.text)


def _turn(key: str, at: int) -> None:
    st.session_state[key] = at


def _decide(origin: Origin, key: str, *, on: int) -> None:
    """Draw the button that rejects or restores a sample and then goes to the place `on`."""
    is_rejected = origin.sample.status == SampleStatus.REJECTED
    st.button(
        "Restore" if is_rejected else "Reject", key="samples.decide", shortcut="X", on_click=_act_and_turn,
        args=("restore" if is_rejected else "reject", origin.sample.id, key, on),
    )  # fmt: skip


def _act_and_turn(action: str, sample_id: int, key: str, on: int) -> None:
    with keep_refusal():
        _decided(action, [sample_id])
        _turn(key, on)


def _label_buttons(task: Task, origin: Origin, labels: Sequence[str], key: str, *, on: int) -> None:
    """Draw a sample's labels, and a button with a key for each label that the visitor can give it; then the place is `on`."""
    st.caption(_label_words(origin))
    given = _own_label(origin)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.text(
            "Your label",
            width="content",
            help="Kept beside the intended label, which never changes. The same button takes it back.",
        )
        for place, name in enumerate(labels, start=1):
            st.button(
                plain(name), key=f"samples.label.{place}", shortcut=str(place), on_click=_give, width="content",
                type="primary" if name == given else "secondary",
                args=(task.id, origin.sample.id, NO_HUMAN if name == given else name, key, on),
            )  # fmt: skip


def _give(task_id: int, sample_id: int, name: str, key: str, on: int) -> None:
    with keep_refusal():
        _store_label(task_id, sample_id, name)
        _turn(key, on)


def _own_label(origin: Origin) -> str:
    """The newest label that a person gave the sample, or ""."""
    human = origin.judgements[origin.judgements["kind"] == JudgementKind.HUMAN]
    return str(human["label"].iloc[-1]) if len(human) else ""


def _nearest(origin: Origin) -> None:
    """Draw the real texts nearest to a sample, to reveal copies, if the task has been measured."""
    with resources.store()() as session:
        found = neighbours.nearest(session, origin.sample, home=resources.settings().home)
    if not found.empty:
        with st.expander(f"Nearest real text: cosine {found['cosine'].iloc[0]:.2f}"):
            table(found.drop(columns="sample_id"), key="samples.nearest")


def actions(ids: Sequence[int], *, has_rejected: bool) -> None:
    """Draw the buttons that reject and restore samples."""
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
    with keep_refusal():
        _decided(action, ids)


def _decided(action: str, ids: list[int]) -> None:
    """Reject or restore samples. Raises `StudyError` as `judgements.reject` and `judgements.restore` do."""
    change = judgements.reject if action == "reject" else judgements.restore
    with resources.store().write() as session:
        n = change(session, ids)
    st.session_state["samples.changes"] = st.session_state.get("samples.changes", 0) + (len(ids) > 1)
    set_notice(f"{n} {'rejected' if action == 'reject' else 'restored'}.")


def _labels(task: Task, origin: Origin, labels: list[str]) -> None:
    """Draw the labels of a sample, and a choice of the visitor's own label."""
    st.caption(_label_words(origin))
    if not resources.may_change():
        return
    given = _own_label(origin)
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


def _label_words(origin: Origin) -> str:
    """The label a sample came with and the judges' labels, its arm, its split, and whether it is kept, in Markdown."""
    judged = origin.judgements[origin.judgements["kind"] == JudgementKind.JUDGE]
    by_judge = "; ".join(f"{row.label} by {row.judge}" for row in judged.itertuples())
    return (
        f"{'Intended' if origin.completion else 'Given'} label: **{plain(origin.label)}** · judged: "
        f"{plain(by_judge) if by_judge else 'not yet'} · {plain(origin.arm.name)}, {origin.sample.split}, "
        f"{origin.sample.status}" + (f" ({plain(origin.sample.reject_reason)})" if origin.sample.reject_reason else "")
    )


def _label(key: str, task_id: int, sample_id: int) -> None:
    with keep_refusal():
        _store_label(task_id, sample_id, st.session_state[key])


def _store_label(task_id: int, sample_id: int, name: str) -> None:
    """Store a person's label of a sample; a name that is no label of the task removes it. Raises `StudyError` as the store does."""
    with resources.store().write() as session:
        ids = {label.name: label.id for label in tasks.labels_of(session, task_id)}
        judgements.set_human_label(session, sample_id, ids.get(name))
    set_notice("Your label is stored beside the intended label." if name in ids else "Your label is removed.")


def _end(reason: str) -> str:
    """How an answer ended, in words; an endpoint's own word stays where it is none of the usual ones."""
    usual = {
        "stop": "the model ended it",
        "length": "cut off at the longest length allowed",
        "": "how it ended is not known",
    }
    return usual.get(reason) or plain(f"it ended with “{reason}”")


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
        f"Text {origin.sample.part + 1} of completion {completion.id} (call {completion.slot + 1} of its label) "
        f"by {plain(completion.model)}"
        f"{', by batch' if origin.batch else ''}; prompt version {prompt.version}; "
        + plain(f"recorded beforehand; {when}" if completion.is_recorded else f"{usage}; {when}")
    )
    if completion.attributes:
        drawn = "; ".join(f"{plain(name)}: {plain(str(value))}" for name, value in completion.attributes.items())
        st.caption(f"Drawn for this call: {drawn}")
    answer, request = st.columns(2, gap="large")
    with answer:
        st.caption(f"The raw completion ({_end(completion.finish_reason)})")
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
