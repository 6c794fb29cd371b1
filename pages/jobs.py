"""Jobs: all background work, with its progress, its log, and ways to stop or repeat it."""

import streamlit as st

import ui
from core.jobs import queue
from ui.shared import jobs

ui.guard("organiser", need_study=False)
ui.told()
st.title("Jobs")


@st.fragment(run_every=2)
def listing() -> None:
    with ui.store()() as session:
        found = queue.rows(session, limit=50)
    if not found:
        st.info("Nothing has run yet. Generating and training appear here while they run.")
    for job in found:
        jobs.row(job, key="jobs")


with ui.store()() as session:
    numbers = [job.id for job in queue.rows(session, limit=50)]
if numbers:
    with st.expander("Read a log"):
        chosen = st.selectbox("Job", numbers, key="jobs.log")
        with ui.store()() as session, ui.problem():
            st.code(queue.log_tail(ui.settings(), queue.get(session, chosen)) or "The log is empty.", language=None)
listing()
