"""What runs in the background, read from its rows: an indicator for the sidebar and a panel for pages."""

import math
import time

import streamlit as st

from core.errors import StudyError
from core.jobs import progress, queue, runner
from core.study.records import Job, JobState
from ui import resources
from ui.words import plain

MARKS = {
    JobState.QUEUED: "⏳",
    JobState.STARTING: "⏳",
    JobState.RUNNING: "▶️",
    JobState.DONE: "✅",
    JobState.FAILED: "❌",
    JobState.CANCELLED: "⏹️",
}


@st.fragment(run_every=3)
def indicator() -> None:
    """One line in the sidebar that says how many jobs are active."""
    with resources.store()() as session:
        active = queue.rows(session, active_only=True)
    if active:
        running = sum(job.state == JobState.RUNNING for job in active)
        st.caption(f"▶️ {running} running, {len(active) - running} waiting")


def job_panel(study_id: int | None, *, kind: str, key: str) -> None:
    """The newest jobs of a study whose title begins with `kind`, live while any is active.

    When the last of them ends, the whole page runs again so that it shows what came of it.
    """
    with resources.store()() as session:
        live = any(job.title.startswith(kind) for job in queue.rows(session, study_id=study_id, active_only=True))
    if live:
        runner.ensure(resources.settings())
        _live_panel(study_id, kind, key)
    else:
        _panel(study_id, kind, key)


def row(job: Job, *, key: str) -> None:
    """One job: state, progress with rate and time left, and the button that makes sense now."""
    with st.container(border=True, key=f"{key}.{job.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            attempt = f", attempt {job.attempt}" if job.attempt > 1 else ""
            st.text(f"{MARKS[JobState(job.state)]} {job.title}", width="stretch")
            st.caption(f"job {job.id}, {job.state}{_took(job)}{attempt}", width="content")
            if job.state in queue.ACTIVE:
                st.button("Cancel", key=f"{key}.cancel.{job.id}", on_click=_change, args=("cancel", job.id))
            elif job.state in (JobState.FAILED, JobState.CANCELLED):
                st.button("Retry", key=f"{key}.retry.{job.id}", on_click=_change, args=("retry", job.id))
        if job.state in queue.ACTIVE:
            _bar(job)
        if job.error:
            st.error(plain(job.error))


def _took(job: Job) -> str:
    if job.started_at is None or job.finished_at is None:
        return ""
    seconds = job.finished_at - job.started_at
    return f" in {seconds / 60:.0f} min" if seconds > 90 else f" in {seconds:.0f} s"


def _bar(job: Job) -> None:
    done, total = job.progress.get("done", 0), job.progress.get("total", 0)
    if not total:
        st.caption("Waiting for a free slot." if job.state == JobState.QUEUED else "Starting…")
        return
    rate, left = progress.rate_and_left(job, time.time())
    words = [f"{done} of {total}"]
    if math.isfinite(rate):
        words += [f"{rate:.1f} a second"]
    if math.isfinite(left):
        words += [f"about {left / 60:.0f} min left" if left > 90 else f"about {left:.0f} s left"]
    if "loss" in job.progress:
        words += [f"loss {job.progress['loss']:.3f}"]
    st.progress(min(done / total, 1.0))
    st.caption(" · ".join(words))
    st.text(job.progress.get("message", ""))


@st.fragment(run_every=1.5)
def _live_panel(study_id: int | None, kind: str, key: str) -> None:
    if not _panel(study_id, kind, key):
        st.rerun()


def _panel(study_id: int | None, kind: str, key: str) -> bool:
    """Draw the panel; True while a job in it is active."""
    with resources.store()() as session:
        jobs = [job for job in queue.rows(session, study_id=study_id, limit=50) if job.title.startswith(kind)]
    active = [job for job in jobs if job.state in queue.ACTIVE]
    failed = [job for job in jobs[:1] if job.state in (JobState.FAILED, JobState.CANCELLED)]
    for job in active or failed:
        row(job, key=key)
    return bool(active)


def _change(action: str, job_id: int) -> None:
    change = queue.request_cancel if action == "cancel" else queue.retry
    try:
        with resources.store().write() as session:
            change(session, job_id)
    except StudyError as error:
        st.toast(str(error))
    runner.ensure(resources.settings())
