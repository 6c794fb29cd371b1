"""Plan: how many tasks, seeds, test texts and ratings a question needs, before anything is paid for"""

import streamlit as st

import ui

study = ui.guard("organiser")
ui.title("Plan", study)
st.caption(
    "Power is the chance that a study finds what is there. Say what you want to know; the plan is the cheapest study that finds it "
    "in 80 of 100 cases."
)
with ui.show_errors():
    with ui.store()() as session:
        asked, inputs = ui.plan_form(session, study)
    ui.plan_answer(study, asked, inputs)
