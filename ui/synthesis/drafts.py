"""The prompt editor: ready prompts to start from, the parts of a prompt, a preview of what is sent, and versions."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import streamlit as st

from core.llm.answers import Message
from core.llm.connection import Connection
from core.steps.generate import first_draft
from core.study.rows.study import Arm, Label, Prompt, Task
from core.synthesis.prompts import catalogued, drafts, grid
from core.synthesis.prompts import versions as prompts
from core.synthesis.prompts.drafts import Draft
from core.wording import shown
from ui.shared.words import plain, show_errors
from ui.unsaved import fields as unsaved

HEIGHTS = {"context": 190, "generation": 250, "diversity": 100}
HELP = {
    "context": "Sets the role and the context of the conversation",
    "generation": "Asks for texts of one label",
    "diversity": "Sent in the later turns of a conversation, so that answers differ from earlier answers",
}
NUMBERS = {
    "texts_per_call": ("Texts per call", 1, 100),
    "turns": ("Calls in a conversation", 1, 50),
    "words": ("Words per text", 1, 2000),
    "examples": ("Real examples", 0, 50),
    "sources": ("Real texts to rewrite", 0, 50),
}
STARTS = {
    "zero-shot": "Zero-shot: the label and its description alone",
    "few-shot": "Few-shot: real examples to imitate, drawn anew for each call",
    "attributes": "Attribute grid: length, style, subtopic and persona vary from call to call",
    "taxonomy": "Taxonomy: kinds of texts under each label, listed by the model first",
    "rewrite": "Grounded: real texts of other labels, rewritten to fit this one",
}
CATALOGUE = "catalogue"
ATTRIBUTES_HELP = (
    "One attribute a line: `persona: a nurse | a pilot`, or for one label only `kind [label]: praise | thanks`. Every call gets "
    "one value of each attribute; all combinations occur equally often. Insert them as `{attributes}` or by name, `{persona}`."
)


def pick_start(
    task: Task, arm: Arm, labels: Sequence[Label], versions: Sequence[Prompt], wanted: Connection
) -> tuple[Draft, str]:
    """The draft that the editor starts with, and a stamp that changes whenever the editor starts anew."""
    key = f"drafts.start.{task.id}.{arm.name}"
    chosen, times = _begun(key)
    stamp = f"{task.id}.{arm.name}.{versions[0].version if versions else 0}.{times}"
    if chosen:
        return _start(chosen, task, arm, labels), stamp
    if versions:
        return prompts.as_draft(versions[0]), stamp
    first = first_draft(task, labels, kind=arm.kind, wanted=wanted)
    return first, f"{stamp}.one" if first.texts_per_call == 1 else stamp


def start_menu(task: Task, arm: Arm, labels: Sequence[Label]) -> None:
    """Draw a menu of ready prompts; a chosen prompt fills the editor and nothing is stored."""
    key = f"drafts.start.{task.id}.{arm.name}"
    times = _begun(key)[1]
    with st.popover("Start from…", width="content", key=f"{key}.menu.{times}"):
        known = catalogued.for_task(task, labels)
        if known is not None:
            label = f"Catalogue: the prompt written for {known.title}"
            st.button(label, key=f"{key}.{CATALOGUE}", on_click=_begin, args=(key, CATALOGUE), width="stretch")
        for name, label in STARTS.items():
            st.button(label, key=f"{key}.{name}", on_click=_begin, args=(key, name), width="stretch")


def draft_status(task: Task, arm: Arm, start: Draft, draft: Draft | None, versions: Sequence[Prompt]) -> str:
    """The version or ready prompt in the editor, and whether it has unsaved changes, in a few words."""
    chosen = _begun(f"drafts.start.{task.id}.{arm.name}")[0]
    is_edited = draft != start
    if chosen:
        source = {CATALOGUE: "the catalogue", "given": "the listed kinds"}.get(chosen, chosen)
        return f"Started from {source}; not saved yet"
    if versions:
        version = f"Version {versions[0].version} of {plain(shown(task.name))} · {plain(arm.name)}"
        return f"{version}, with changes that are not saved" if is_edited else version
    return f"The default prompt{', with changes that are not saved' if is_edited else '; saving makes it version 1'}"


def begin_with(task: Task, arm: Arm, draft: Draft) -> None:
    """Fill the editor with a draft in the next run; for callbacks."""
    key = f"drafts.start.{task.id}.{arm.name}"
    unsaved.remember(f"|{key}.draft", json.dumps(asdict(draft)), over="")
    _begin(key, "given")


def forget_start(task: Task, arm: Arm) -> None:
    """Let the editor start with the newest version again, as after saving."""
    key = f"drafts.start.{task.id}.{arm.name}"
    times = _begun(key)[1]
    unsaved.forget(
        key, f"{key}.draft", *(f"prompts.{part}.{task.id}.{arm.name}." for part in (*HEIGHTS, *NUMBERS, "attributes"))
    )
    st.session_state[key] = ("", times)


def edit(start: Draft, labels: Sequence[Label], *, stamp: str) -> Draft | None:
    """Draw the editor and return the draft; while its attributes cannot be read, show the error and return None."""
    texts: dict[str, Any] = {
        part: unsaved.text(
            part.capitalize(), getattr(start, part), height=height, key=f"prompts.{part}.{stamp}", help=HELP[part]
        )
        for part, height in HEIGHTS.items()
    }
    with st.container(horizontal=True):
        numbers: dict[str, Any] = {
            name: unsaved.number(field, low, high, getattr(start, name), key=f"prompts.{name}.{stamp}", width=150)
            for name, (field, low, high) in NUMBERS.items()
        }
    lines = unsaved.text(
        "Attributes that vary from call to call",
        grid.lines(start.attributes),
        height=110,
        key=f"prompts.attributes.{stamp}",
        help=ATTRIBUTES_HELP,
        placeholder="persona: a night nurse | a retired pilot",
    )
    if lines and not re.search(r":\s*[^\s|]", lines):
        st.info(
            "An attribute has no values yet: ask the model for kinds of texts, or write values here, separated by |."
        )
        return None
    with show_errors():
        return Draft(**texts, **numbers, attributes=grid.parse(lines, labels=[label.name for label in labels]))
    return None


def preview(draft: Draft, *, task: Task, label: Label, labels: Sequence[Label], slot: int) -> list[Message]:
    """Show the messages sent for a label, with placeholders for real texts, which are drawn at each call; return the messages."""
    with show_errors():
        prompts.check(draft, labels=[known.name for known in labels])
    messages = prompts.render(
        draft,
        task=task,
        label=label,
        labels=labels,
        drawn=prompts.Drawn(
            examples=[f"(a real {label.name} text, drawn anew for each call)"] * draft.examples,
            sources=["(a real text of another label, drawn anew for each call)"] * draft.sources,
            attributes=prompts.draw(draft, label=label, slot=slot, seed=0),
        ),
    )
    for message in messages:
        st.caption(message["role"])
        st.code(message["content"], language=None, wrap_lines=True)
    return messages


def compare_versions(versions: Sequence[Prompt], key: str) -> None:
    """Draw the difference between two versions of a prompt, at first the newest two."""
    if len(versions) < 2:
        return
    by_number = {prompt.version: prompt for prompt in versions}
    numbers = list(by_number)
    with st.expander(f"{len(versions)} versions: what changed"):
        with st.container(horizontal=True):
            old = st.selectbox("From version", numbers, index=1, key=f"{key}.old", width=140)
            new = st.selectbox("To version", numbers, index=0, key=f"{key}.new", width=140)
        st.code(
            prompts.diff(by_number[old], by_number[new]) or "The two versions are equal.",
            language="diff",
            wrap_lines=True,
        )


def _begin(key: str, name: str) -> None:
    """Start the editor anew from a ready prompt."""
    st.session_state[key] = (name, _begun(key)[1] + 1)
    unsaved.remember(f"|{key}", f"{name}#{st.session_state[key][1]}", over="")


def _begun(key: str) -> tuple[str, int]:
    """The ready prompt that the editor was started from, "" for none, and how often it was started anew."""
    if key not in st.session_state:
        name, _, times = str(unsaved.recall(f"|{key}", "")).rpartition("#")
        st.session_state[key] = (name, int(times or 0))
    begun: tuple[str, int] = st.session_state[key]
    return begun


def _start(name: str, task: Task, arm: Arm, labels: Sequence[Label]) -> Draft:
    """The draft of a ready prompt by its name."""
    if name == "given":
        return Draft(**json.loads(str(unsaved.recall(f"|drafts.start.{task.id}.{arm.name}.draft", ""))))
    if name == CATALOGUE:
        return catalogued.ready(task, labels, kind=arm.kind, technique=name)
    return drafts.technique(name, task, labels)
