"""Rate: the rating page, with one item per screen; an answer is stored before the next item is shown."""

import streamlit as st

import ui
from core.database_faults import StoreFault
from core.errors import StudyError
from ui.frame import access
from ui.rate import look, retry, screens
from ui.rate import visit as rating

ui.guard("rater", need_study=False)
look.page()

with st.container(horizontal_alignment="center"), st.container(width=640, key="rate"):
    if access.is_preview():
        with st.container(horizontal_alignment="right"):
            st.badge("Preview: nothing is stored", icon="👀", color="violet")

    # The visitor's step; while the database cannot be used, the step drawn last
    is_reached, visit = True, rating.last_visit()
    try:
        visit = rating.arrive()
    except StoreFault:
        is_reached = False
    except StudyError as error:
        st.error(ui.plain(str(error)))
        st.stop()
    retry.notice(is_reached=is_reached)
    if visit is None:
        st.stop()

    # Its screen
    if visit.study.is_sample:
        ui.sample_badge()
    try:
        screens.SCREENS[visit.stage](visit)
    except StoreFault:
        retry.notice(is_reached=False)
    screens.remember(visit)
