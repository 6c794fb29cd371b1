"""A prompt on the screen: where to start from, its parts to edit, and exactly what is sent."""

import re
from collections.abc import Sequence
from dataclasses import asdict

import streamlit as st

from core.llm.answers import Message
from core.study.rows.study import Arm, Label, Prompt, Task
from core.synthesis.prompts import catalogued, drafts, grid
from core.synthesis.prompts import versions as prompts
from core.synthesis.prompts.drafts import Draft
from ui.shared.words import plain, problem

HEIGHTS = {"context": 190, "generation": 250, "diversity": 100}
HELP = {
    "context": "Sets the role and the setting",
    "generation": "Asks for texts of one label",
    "diversity": "Sent in the later turns of a conversation, so that the answers differ from the earlier ones",
}
NUMBERS = {
    "texts_per_call": ("Texts per call", 1, 100),
    "turns": ("Turns", 1, 50),
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
    "One line each: `persona: a nurse | a pilot`, or for one label `kind [label]: praise | thanks`. Every call is given "
    "one value of each, and every combination comes up equally often. Show them by `{attributes}` or by name."
)


def pick_start(task: Task, arm: Arm, labels: Sequence[Label], versions: Sequence[Prompt]) -> tuple[Draft, str]:
    """The draft that the editor begins with, and a stamp that changes whenever it begins anew."""
    key = f"drafts.start.{task.id}.{arm.name}"
    chosen, times = st.session_state.get(key, ("", 0))
    stamp = f"{task.id}.{arm.name}.{versions[0].version if versions else 0}.{times}"
    if chosen:
        return _start(chosen, task, arm, labels), stamp
    if versions:
        return prompts.as_draft(versions[0]), stamp
    return drafts.default(task, labels, kind=arm.kind), stamp


def start_menu(task: Task, arm: Arm, labels: Sequence[Label]) -> None:
    """A menu of ready prompts; choosing one fills the editor and stores nothing."""
    key = f"drafts.start.{task.id}.{arm.name}"
    times = st.session_state.get(key, ("", 0))[1]
    with st.popover("Start from…", width="content", key=f"{key}.menu.{times}"):
        known = catalogued.for_task(task, labels)
        if known is not None:
            words = f"Catalogue: the prompt written for {known.title}"
            st.button(words, key=f"{key}.{CATALOGUE}", on_click=_begin, args=(key, CATALOGUE), width="stretch")
        for name, words in STARTS.items():
            st.button(words, key=f"{key}.{name}", on_click=_begin, args=(key, name), width="stretch")


def standing(task: Task, arm: Arm, start: Draft, draft: Draft | None, versions: Sequence[Prompt]) -> str:
    """What the editor holds, in a few words."""
    chosen = st.session_state.get(f"drafts.start.{task.id}.{arm.name}", ("", 0))[0]
    is_edited = draft != start
    if chosen:
        began = {CATALOGUE: "the catalogue", "given": "the listed kinds"}.get(chosen, chosen)
        return f"Started from {began}; not saved yet"
    if versions:
        version = f"Version {versions[0].version} of {plain(task.name)} · {plain(arm.name)}"
        return f"{version}, with changes that are not saved" if is_edited else version
    return "The default prompt; saving makes it version 1"


def begin_with(task: Task, arm: Arm, draft: Draft) -> None:
    """Put a draft into the editor at the next run, from a callback."""
    key = f"drafts.start.{task.id}.{arm.name}"
    st.session_state[f"{key}.draft"] = asdict(draft)
    _begin(key, "given")


def forget_start(task: Task, arm: Arm) -> None:
    """Let the editor begin with the newest version again, as after saving."""
    key = f"drafts.start.{task.id}.{arm.name}"
    st.session_state[key] = ("", st.session_state.get(key, ("", 0))[1])


def edit(start: Draft, labels: Sequence[Label], *, stamp: str) -> Draft | None:
    """The draft as it is typed; None, with its sentence shown, while the attributes cannot be read."""
    texts = {
        part: st.text_area(
            part.capitalize(),
            getattr(start, part),
            height,
            key=f"prompts.{part}.{stamp}",
            help=HELP[part],
            persist_state="session",
        )
        for part, height in HEIGHTS.items()
    }
    with st.container(horizontal=True):
        numbers = {
            name: st.number_input(
                words,
                low,
                high,
                getattr(start, name),
                key=f"prompts.{name}.{stamp}",
                width=150,
                persist_state="session",
            )
            for name, (words, low, high) in NUMBERS.items()
        }
    lines = st.text_area(
        "Attributes that vary from call to call",
        grid.lines(start.attributes),
        110,
        key=f"prompts.attributes.{stamp}",
        help=ATTRIBUTES_HELP,
        placeholder="persona: a night nurse | a retired pilot",
        persist_state="session",
    )
    if lines and not re.search(r":\s*[^\s|]", lines):
        st.info("There are no kinds yet: let the model list some, or write them here, separated by bars.")
        return None
    with problem():
        return Draft(**texts, **numbers, attributes=grid.parse(lines, labels=[label.name for label in labels]))
    return None


def preview(draft: Draft, *, task: Task, label: Label, labels: Sequence[Label], slot: int) -> list[Message]:
    """Show what is sent for a label, as it is sent; real texts are drawn at the call, so their places are marked."""
    with problem():
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
    """What changed between two versions, the newest two at first."""
    if len(versions) < 2:
        return
    by_number = {prompt.version: prompt for prompt in versions}
    numbers = list(by_number)
    with st.expander(f"{len(versions)} versions: what changed"):
        with st.container(horizontal=True):
            old = st.selectbox("From version", numbers, index=1, key=f"{key}.old", width=140)
            new = st.selectbox("To version", numbers, index=0, key=f"{key}.new", width=140)
        st.code(prompts.diff(by_number[old], by_number[new]) or "They say the same.", language="diff", wrap_lines=True)


def _begin(key: str, name: str) -> None:
    st.session_state[key] = (name, st.session_state.get(key, ("", 0))[1] + 1)


def _start(name: str, task: Task, arm: Arm, labels: Sequence[Label]) -> Draft:
    if name == "given":
        return Draft(**st.session_state[f"drafts.start.{task.id}.{arm.name}.draft"])
    if name == CATALOGUE:
        return catalogued.ready(task, labels, kind=arm.kind, technique=name)
    return drafts.technique(name, task, labels)
