"""Jobs: background work with progress, logs, and buttons to pause, cancel or retry."""

import streamlit as st

import ui
from core.jobs import queue
from core.jobs.backends import choice
from core.study import tasks
from core.study.rows.kinds import ACTIVE_JOB_STATES, JobState
from ui.shared import home_check, jobs

SHOWN = 50
STATES: dict[str, tuple[JobState, ...]] = {
    "All": (),
    "Active": ACTIVE_JOB_STATES,
    "Failed or cancelled": (JobState.FAILED, JobState.CANCELLED),
    "Done": (JobState.DONE,),
}

ui.guard("organiser", need_study=False)
ui.show_notice()
st.title("Jobs")
with ui.store()() as session:
    studies = {study.id: study.name for study in tasks.studies(session, even_aside=True)}


@st.fragment(run_every=2)
def listing() -> None:
    """Draw the newest jobs that pass the filter, again every two seconds."""
    with ui.store()() as session:
        found = queue.search(session, states=STATES[state], words=words, study_id=of_study, limit=SHOWN)
    if not found:
        st.info(
            "No job passes this filter."
            if numbers
            else "No job has run yet. Generations, trainings and other background work appear here."
        )
    elif len(found) == SHOWN:
        st.caption(f"The newest {SHOWN} jobs that pass this filter.")
    for job in found:
        jobs.row(job, key="jobs", study=studies.get(job.study_id or 0, "") if len(studies) > 1 else "")


with ui.store()() as session:
    newest = queue.rows(session, limit=SHOWN)
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
if st.toggle("Doctor: check the folder in which this dashboard keeps everything", key="jobs.doctor"):
    home_check.panel()

# The jobs
state, words, of_study = "All", "", None
if numbers:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        state = ui.pick_view(list(STATES), key="jobs.show")
        words = st.text_input("Title contains", key="jobs.words", width=220)
        if len(studies) > 1:
            of_study = st.selectbox(
                "Study", [None, *studies], format_func=lambda id: studies.get(id, "all"), key="jobs.study", width=220
            )
listing()
