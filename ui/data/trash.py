"""Undo an import, put a task or a study into the trash, and take it out again."""

import time

import streamlit as st

from core.study import trash
from core.study.rows.study import Study, Task
from core.wording import shown
from ui.shared import resources, words


def undo_panel(known: list[Task]) -> None:
    """Draw the imports of a study's tasks with a button to undo each, and a button to put each task into the trash."""
    if not known:
        return
    with st.expander("Undo an import, or put a task into the trash"):
        for task in known:
            with resources.store()() as session:
                imports = [(done.id, done.file, done.kept) for done in trash.imports(session, task.id)]
            with st.container(horizontal=True, vertical_alignment="center", border=True):
                st.text(shown(task.name), width="stretch")
                for import_id, file, kept in imports:
                    label = words.plain(f"Undo {file} ({kept:,} texts)")
                    st.button(label, key=f"trash.undo.{import_id}", on_click=undo, args=(import_id,))
                st.button("Put into the trash", key=f"trash.task.{task.id}", on_click=_put_task, args=(task.id,))


def trash_panel(study: Study | None) -> None:
    """Draw a form that puts the chosen study into the trash, and the contents of the trash with buttons to take out."""
    with resources.store()() as session:
        trashed = trash.listed(session, now=time.time())
    title = f"Trash ({len(trashed)})" if trashed else "Trash"
    with st.popover(title):
        if study is not None:
            name = st.text_input("Write the name of the study to put it into the trash", key="trash.name")
            is_off = name.strip() != study.name
            put = "Put the study into the trash"
            st.button(put, key="trash.study", on_click=_put_study, args=(study.id, name), disabled=is_off)
        st.caption(f"What is in the trash is kept for {trash.KEPT_DAYS} days." if trashed else "The trash is empty.")
        for entry in trashed:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.text(
                    f"{entry.kind} {shown(entry.name) if entry.kind == 'task' else entry.name}, {entry.days_left} days left",
                    width="stretch",
                )
                key = f"trash.out.{entry.kind}.{entry.id}"
                st.button("Take out", key=key, on_click=_restore, args=(entry.kind, entry.id))


def undo(import_id: int) -> None:
    """Take the texts of an import back, from a callback."""
    with words.keep_refusal():
        with resources.store().write() as session:
            n = trash.undo_import(session, import_id, now=time.time())
        words.set_notice(f"{n:,} texts were taken back.")


def _put_task(task_id: int) -> None:
    with words.keep_refusal():
        with resources.store().write() as session:
            trash.put_task(session, task_id, now=time.time())
        words.set_notice("The task is in the trash, at the end of Overview.")


def _put_study(study_id: int, name: str) -> None:
    with words.keep_refusal():
        with resources.store().write() as session:
            trash.put_study(session, study_id, name=name, now=time.time())
        words.set_notice("The study is in the trash.")
        st.session_state.pop("frame.study", None)


def _restore(kind: str, id: int) -> None:
    with words.keep_refusal():
        with resources.store().write() as session:
            name = trash.restore(session, kind=kind, id=id)
        words.set_notice(f"{name} is back.")
