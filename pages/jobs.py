"""Jobs: background work with progress, logs, and buttons to pause, cancel or retry."""

import streamlit as st

import ui
from core.jobs import queue
from core.jobs.backends import choice
from core.study import tasks
from core.study.rows.kinds import JobState
from ui.shared import home_check, jobs

ui.guard("organiser", need_study=False)
ui.show_notice()
st.title("Jobs")
with ui.store()() as session:
    studies = {study.id: study.name for study in tasks.studies(session, even_aside=True)}


@st.fragment(run_every=2)
def listing() -> None:
    """Draw the newest jobs, again every two seconds."""
    with ui.store()() as session:
        found = queue.rows(session, limit=50)
    if not found:
        st.info("No job has run yet. Generations, trainings and other background work appear here.")
    for job in found:
        jobs.row(job, key="jobs", study=studies.get(job.study_id or 0, "") if len(studies) > 1 else "")


with ui.store()() as session:
    newest = queue.rows(session, limit=50)
numbers = [job.id for job in newest]
if sum(job.state == JobState.FAILED for job in newest) > 1:
    st.button("Retry the failed jobs", key="jobs.retry_failed", on_click=jobs.retry_failed)
if numbers:
    with st.expander("Read a log"):
        chosen = st.selectbox("Job", numbers, key="jobs.log")
        with ui.store()() as session, ui.show_errors():
            st.code(choice.log_tail(ui.settings(), queue.get(session, chosen)) or "The log is empty.", language=None)
if st.toggle("Where jobs run: what there is and what is wrong", key="jobs.places"):
    jobs.places()
if st.toggle("Doctor: what is wrong with the home of this dashboard", key="jobs.doctor"):
    home_check.panel()
listing()
