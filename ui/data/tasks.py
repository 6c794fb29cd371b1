"""The form of a task: its question and the meanings of its labels."""

from collections.abc import Mapping, Sequence

import streamlit as st

from core.study import tasks
from core.study.rows.study import Label, Task
from core.synthesis.prompts import catalogued
from core.wording import shown
from ui.shared import resources
from ui.shared.words import plain, set_notice, show_errors
from ui.unsaved import fields as unsaved

IMPORTED = "tasks.imported"


def task_card(task: Task, labels: Sequence[Label]) -> None:
    """Draw the question and the labels' meanings, which prompts, raters and judges are shown, to be changed and saved."""
    known = catalogued.for_task(task, labels)
    is_filled_in = st.session_state.get(f"tasks.taken.{task.id}", False) and known is not None
    question = known.question if known and is_filled_in else task.question
    meanings = known.labels if known and is_filled_in else {label.name: label.description for label in labels}
    missing = sum(not label.description for label in labels)
    says = f": {missing} of {len(labels)} labels have no meaning yet" if missing else ""
    is_new = bool(missing) and st.session_state.get(IMPORTED) == task.name
    with st.expander(plain(f"{shown(task.name)}{says}"), expanded=is_filled_in or is_new):
        if is_new:
            st.caption(
                "Say what each label means: the LLM writes by these words, and raters and judges are shown them."
            )
        typed = unsaved.text(
            "What a labeller is asked", question, key=f"tasks.question.{task.id}.{is_filled_in}", scope=task.name
        )
        descriptions = {
            label.name: unsaved.text(
                f"What {plain(label.name)} means",
                meanings.get(label.name, ""),
                key=f"tasks.meaning.{task.id}.{label.id}.{is_filled_in}",
                scope=task.name,
                placeholder="Shown to the LLM and to raters",
            )
            for label in labels
        }
        if st.button("Save", key=f"tasks.save.{task.id}"):
            with show_errors():
                _save(task, typed, descriptions)
        if known is not None and not is_filled_in and not all(meanings.values()):
            st.button(
                f"Fill in from the catalogue: {known.title}",
                key=f"tasks.take.{task.id}",
                on_click=_fill_in,
                args=(task.id,),
            )


def open_task_card(name: str) -> None:
    """Open the form of the task of this name, into which texts came last, as long as labels have no meaning."""
    st.session_state[IMPORTED] = name


def _fill_in(task_id: int) -> None:
    """Fill the form with the catalogue's question and meanings."""
    st.session_state[f"tasks.taken.{task_id}"] = True


def _save(task: Task, question: str, descriptions: Mapping[str, str]) -> None:
    with resources.store().write() as session:
        tasks.describe(session, task.id, question=question, descriptions=descriptions)
    st.session_state.pop(f"tasks.taken.{task.id}", None)
    unsaved.forget(f"tasks.question.{task.id}.", f"tasks.meaning.{task.id}.")
    set_notice(f"{shown(task.name)} is changed.")
    st.rerun()
