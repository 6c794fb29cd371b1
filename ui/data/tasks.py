"""A task on the screen: what is asked about its texts and what its labels mean, to be read and to be changed."""

from collections.abc import Mapping, Sequence

import streamlit as st

from core.study import tasks
from core.study.rows.study import Label, Task
from core.synthesis.prompts import catalogued
from ui.shared import resources
from ui.shared.words import done, plain, problem


def task_card(task: Task, labels: Sequence[Label]) -> None:
    """A form with the question and the labels' meanings: prompts, raters and judges are told both."""
    known = catalogued.for_task(task, labels)
    taken = st.session_state.get(f"tasks.taken.{task.id}", False) and known is not None
    question = known.question if known and taken else task.question
    meanings = known.labels if known and taken else {label.name: label.description for label in labels}
    with st.expander(plain(task.name), expanded=taken):
        with st.form(f"tasks.{task.id}.{taken}", border=False):
            given = st.text_input("What a labeller is asked", question, key=f"tasks.question.{task.id}.{taken}")
            described = {
                label.name: st.text_input(
                    f"What {plain(label.name)} means",
                    meanings.get(label.name, ""),
                    key=f"tasks.meaning.{label.id}.{taken}",
                    placeholder="for whom writes or labels such texts",
                )
                for label in labels
            }
            if st.form_submit_button("Save"):
                with problem():
                    _save(task, given, described)
        if known is not None and not taken and not all(meanings.values()):
            st.button(
                f"Fill in from the catalogue: {known.title}",
                key=f"tasks.take.{task.id}",
                on_click=_take,
                args=(task.id,),
            )


def _take(task_id: int) -> None:
    st.session_state[f"tasks.taken.{task_id}"] = True


def _save(task: Task, question: str, described: Mapping[str, str]) -> None:
    with resources.store().write() as session:
        tasks.describe(session, task.id, question=question, descriptions=described)
    st.session_state.pop(f"tasks.taken.{task.id}", None)
    done(f"{task.name} is changed.")
    st.rerun()
