"""The menu of arms beside the choice of an arm: make a new arm, copy, rename or delete the chosen one."""

import streamlit as st

from core.errors import StudyError
from core.study import tasks
from core.study.rows.study import Arm, Task
from core.study.upkeep import arms
from core.synthesis.prompts import drafts, versions
from ui.shared import resources
from ui.shared.words import keep_refusal, set_notice
from ui.unsaved import fields as unsaved

COPY = "the prompt of the chosen arm"


def arm_menu(task: Task, arm: Arm, *, key: str) -> None:
    """Draw the menu. A new arm begins with a ready prompt, or with the chosen arm's."""
    made = st.session_state.get(f"{key}.arms.made", 0)  # a new key empties the form after a change
    with st.popover("Arms…", key=f"{key}.arms.{made}"):
        unsaved.text("A new arm", key=f"{key}.arms.name.{made}", scope=task.name, placeholder="zero-shot-short")
        st.selectbox("Begins with", [COPY, *drafts.TECHNIQUES], key=f"{key}.arms.begin.{made}")
        st.button("Make the arm", key=f"{key}.arms.make", on_click=_make, args=(task.id, arm, key, made))
        st.caption("A name that begins with zero-shot, few-shot or mixed gives the arm that kind, colour and marker.")
        if not arm.id:
            return
        st.divider()
        typed = f"{key}.arms.rename.{arm.id}.{made}"
        st.text_input("Another name for this arm", arm.name, key=typed)
        st.button("Rename", key=f"{key}.arms.rename", on_click=_rename, args=(task.id, arm.id, typed, key))
        with resources.store()() as session:
            held = arms.why_kept(session, arm.id)
        st.button(
            "Delete this arm",
            key=f"{key}.arms.delete",
            on_click=_delete,
            args=(task.id, arm.id, key),
            disabled=bool(held),
        )
        if held:
            st.caption(f"It holds {held} and cannot be deleted.")


def _make(task_id: int, chosen: Arm, key: str, made: int) -> None:
    name = str(st.session_state[f"{key}.arms.name.{made}"]).strip()
    begin = str(st.session_state[f"{key}.arms.begin.{made}"])
    with keep_refusal():
        with resources.store().write() as session:
            if tasks.find_arm(session, task_id, name) is not None:
                raise StudyError(f"The task has an arm {name!r} already. Choose another name.")
            arm = tasks.make_arm(session, task_id=task_id, name=name)
            if begin == COPY and chosen.id and (newest := versions.latest(session, chosen.id)) is not None:
                versions.save(session, arm_id=arm.id, draft=versions.as_draft(newest))
        if begin != COPY:
            st.session_state[f"drafts.start.{task_id}.{name}"] = (begin, 1)
        set_notice(f"The arm {name} is made.")
        _choose(task_id, name, key)


def _rename(task_id: int, arm_id: int, typed: str, key: str) -> None:
    with keep_refusal():
        with resources.store().write() as session:
            name = arms.rename(session, arm_id, str(st.session_state[typed]).strip()).name
        set_notice(f"The arm is now called {name}.")
        _choose(task_id, name, key)


def _delete(task_id: int, arm_id: int, key: str) -> None:
    with keep_refusal():
        with resources.store().write() as session:
            name = arms.delete_arm(session, arm_id)
        set_notice(f"The arm {name} is deleted.")
        st.session_state.pop(f"pickers.arm.{task_id}", None)
        _empty_form(key)


def _choose(task_id: int, name: str, key: str) -> None:
    """Choose the arm of this name, and empty the form of a new arm."""
    st.session_state[f"pickers.arm.{task_id}"] = st.session_state[f"{key}.arm.{task_id}"] = name
    _empty_form(key)


def _empty_form(key: str) -> None:
    unsaved.forget(f"{key}.arms.name.")
    st.session_state[f"{key}.arms.made"] = st.session_state.get(f"{key}.arms.made", 0) + 1
