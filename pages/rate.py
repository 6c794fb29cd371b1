"""Rate: what a rater sees. One item a screen; an answer is stored before the next item is shown."""

import streamlit as st

import ui
from core.errors import StudyError
from ui.frame import access
from ui.rate import look, screens
from ui.rate import visit as rating

ui.guard("rater", need_study=False)
look.page()

with st.container(horizontal_alignment="center"), st.container(width=640, key="rate"):
    if access.is_preview():
        with st.container(horizontal_alignment="right"):
            st.badge("Preview: nothing is stored", icon="👀", color="violet")

    # Who comes, and where they are in the session of their link
    try:
        visit = rating.arrive()
    except StudyError as error:
        st.error(ui.plain(str(error)))
        st.stop()

    # The one screen for it
    if visit.study.is_sample:
        ui.sample_badge()
    screens.SCREENS[visit.stage](visit)
    screens.remember(visit)
