"""The trash on the screen: undo an import, put a task or a study away, and take either out again."""

import time
from collections.abc import Callable

import streamlit as st
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import trash
from core.study.rows.study import Study, Task
from ui.shared import resources, words


def undo_panel(known: list[Task]) -> None:
    """The imports of a study's tasks, each with its undo, and the way of each task into the trash."""
    if not known:
        return
    with st.expander("Undo an import, or put a task into the trash"):
        for task in known:
            with resources.store()() as session:
                standing = [(one.id, one.file, one.kept) for one in trash.imports(session, task.id)]
            with st.container(horizontal=True, vertical_alignment="center", border=True):
                st.text(task.name, width="stretch")
                for import_id, file, kept in standing:
                    words_of = f"Undo {file} ({kept:,} texts)"
                    st.button(words.plain(words_of), key=f"trash.undo.{import_id}", on_click=_undo, args=(import_id,))
                st.button("Put into the trash", key=f"trash.task.{task.id}", on_click=_put_task, args=(task.id,))


def study_panel(study: Study | None) -> None:
    """Put the study in hand into the trash by writing its name, and take out what is there."""
    with resources.store()() as session:
        there = trash.listed(session, now=time.time())
    title = f"Trash ({len(there)})" if there else "Trash"
    with st.popover(title):
        if study is not None:
            name = st.text_input("Write the name of the study to put it into the trash", key="trash.name")
            is_off = name.strip() != study.name
            put = "Put the study into the trash"
            st.button(put, key="trash.study", on_click=_put_study, args=(study.id, name), disabled=is_off)
        st.caption(f"What is in the trash is kept for {trash.KEPT_DAYS} days." if there else "The trash is empty.")
        for one in there:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.text(f"{one.kind} {one.name}, {one.days_left} days left", width="stretch")
                st.button("Take out", key=f"trash.out.{one.kind}.{one.id}", on_click=_restore, args=(one.kind, one.id))


def _undo(import_id: int) -> None:
    _do(lambda session: f"{trash.undo_import(session, import_id, now=time.time()):,} texts were taken back.")


def _put_task(task_id: int) -> None:
    def put(session: Session) -> str:
        trash.put_task(session, task_id, now=time.time())
        return "The task is in the trash, which stands on the overview."

    _do(put)


def _put_study(study_id: int, name: str) -> None:
    def put(session: Session) -> str:
        trash.put_study(session, study_id, name=name, now=time.time())
        return "The study is in the trash."

    if _do(put):
        st.session_state.pop("frame.study", None)


def _restore(kind: str, id: int) -> None:
    _do(lambda session: f"{trash.restore(session, kind=kind, id=id)} is back.")


def _do(change: Callable[[Session], str]) -> bool:
    """Make a change and say what came of it, also when it is refused."""
    try:
        with resources.store().write() as session:
            said = change(session)
    except StudyError as error:
        st.session_state["trash.refused"] = str(error)
        return False
    words.done(said)
    return True


def refused() -> None:
    """Show, once, why the last change was refused."""
    if said := st.session_state.pop("trash.refused", None):
        st.warning(words.plain(said))
