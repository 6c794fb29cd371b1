"""What can be done with a study as a whole: rename, copy, put aside; and the doors to another study."""

import streamlit as st

from core.study import tasks
from core.study.rows.study import Study
from core.study.upkeep import studies
from ui.frame import frame
from ui.overview import doors
from ui.shared import resources, words


def studies_panel(study: Study) -> None:
    """Draw the menu of the study in hand, and the doors to another study."""
    with st.popover("This study"):
        renamed, copied = f"studies.rename.{study.id}", f"studies.copy.{study.id}"
        st.text_input("Another name", study.name, key=renamed)
        st.button("Rename", key="studies.rename.do", on_click=_rename, args=(study.id, renamed))
        st.text_input("Name of a copy", f"{study.name}-copy", key=copied)
        st.button("Copy with all its rows", key="studies.copy.do", on_click=_copy, args=(study.id, copied))
        st.caption("Links of campaigns, personal codes and jobs are not copied.")
        st.button(
            "Hide from the lists",
            key="studies.aside.do",
            on_click=_put_aside,
            args=(study.id,),
            help="Nothing of it is deleted; it can be shown again from Overview",
        )
    hidden_panel()
    with st.popover("Another study", width="content"):
        doors.doors()


def hidden_panel() -> None:
    """Draw the studies that are hidden from the lists, with a button that shows each again; nothing without any."""
    with resources.store()() as session:
        aside = [each for each in tasks.studies(session, even_aside=True) if studies.is_aside(each)]
    if aside:
        with st.popover(f"Hidden studies ({len(aside)})"):
            for each in aside:
                with st.container(horizontal=True, vertical_alignment="center"):
                    st.text(each.name, width="stretch")
                    st.button("Show again", key=f"studies.back.{each.id}", on_click=_take_back, args=(each.id,))


def _rename(study_id: int, typed: str) -> None:
    with words.keep_refusal():
        with resources.store().write() as session:
            name = studies.rename(session, study_id, str(st.session_state[typed]).strip()).name
        words.set_notice(f"The study is now called {name}.")
        frame.choose_study(name)


def _copy(study_id: int, typed: str) -> None:
    with words.keep_refusal():
        made, left_out = studies.copy(resources.store(), study_id, str(st.session_state[typed]).strip())
        rows = ", ".join(f"{n:,} rows of {table}" for table, n in left_out.items())
        missing = f" Left out, since they are about a task in the trash: {rows}." if rows else ""
        words.set_notice(f"The copy {made.name} is in hand.{missing}")
        frame.choose_study(made.name)


def _put_aside(study_id: int) -> None:
    with words.keep_refusal():
        with resources.store().write() as session:
            studies.put_aside(session, study_id, True)
        words.set_notice("The study is hidden from the lists; nothing of it is deleted.")
        st.session_state.pop("frame.study", None)


def _take_back(study_id: int) -> None:
    with words.keep_refusal():
        with resources.store().write() as session:
            name = studies.put_aside(session, study_id, False).name
        frame.choose_study(name)
