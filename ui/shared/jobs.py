"""What runs in the background, read from its rows: an indicator for the sidebar and a panel for pages."""

import math
import time
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import streamlit as st
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.jobs import progress, queue, runner
from core.study.rows.kinds import ACTIVE_JOB_STATES, JobState, Work
from core.study.rows.study import Job
from core.training import runs
from ui.shared import resources
from ui.shared.words import done, plain

MARKS = {
    JobState.QUEUED: "⏳",
    JobState.STARTING: "⏳",
    JobState.RUNNING: "▶️",
    JobState.PAUSED: "⏸️",
    JobState.DONE: "✅",
    JobState.FAILED: "❌",
    JobState.CANCELLED: "⏹️",
}
TRAINING = (Work.TRAIN, Work.SAMPLE)
CHANGES = {
    "Pause": queue.request_pause,
    "Resume": queue.resume,
    "Cancel": queue.request_cancel,
    "Retry": queue.retry,
}
BUTTONS = {
    JobState.QUEUED: ("Pause", "Cancel"),
    JobState.STARTING: ("Pause", "Cancel"),
    JobState.RUNNING: ("Pause", "Cancel"),
    JobState.PAUSED: ("Resume", "Cancel"),
    JobState.FAILED: ("Retry",),
    JobState.CANCELLED: ("Retry",),
    JobState.DONE: (),
}


@st.fragment(run_every=3)
def indicator() -> None:
    """One line in the sidebar that says how many jobs are active; it also sees that a runner is there when one is due."""
    with resources.store()() as session:
        active = queue.rows(session, active_only=True)
        is_due = queue.awaits_runner(session, now=time.time())
    if is_due:
        runner.ensure(resources.settings())
    running, paused = (sum(job.state == state for job in active) for state in (JobState.RUNNING, JobState.PAUSED))
    counts = {"▶️": (running, "running"), "⏳": (len(active) - running - paused, "waiting"), "⏸️": (paused, "paused")}
    if active:
        st.caption(" · ".join(f"{mark} {n} {word}" for mark, (n, word) in counts.items() if n))


def job_panel(study_id: int | None, *, key: str, of: str | None = None, work: Sequence[Work] = ()) -> None:
    """Show the newest jobs of a study: those with the key `of`, and those that do one of the works in `work`.

    While a job is active the panel redraws itself. When a job begins or stops to work, the whole page runs again, so that
    the page shows what came of the job.
    """
    jobs = _newest(study_id, of, work)
    if any(job.state in ACTIVE_JOB_STATES for job in jobs):
        _live_panel(study_id, of, work, key, _working(jobs))
    else:
        _draw(jobs, key)


def watch_runs(study_id: int) -> None:
    """While trainings of a study are at work, run the page again whenever one more run has finished."""
    with resources.store()() as session:
        seen, is_training = _finished_runs(session, study_id)
    if is_training:
        _watch_runs(study_id, seen)


@st.fragment(run_every=2)
def _watch_runs(study_id: int, seen: int) -> None:
    with resources.store()() as session:
        now, is_training = _finished_runs(session, study_id)
    if now != seen or not is_training:
        st.rerun()


def _finished_runs(session: Session, study_id: int) -> tuple[int, bool]:
    """The number of finished runs of a study, and whether a job that trains is active."""
    active = queue.rows(session, study_id=study_id, work=TRAINING, active_only=True, limit=1)
    return runs.finished(session, study_id), bool(active)


def row(job: Job, *, key: str) -> None:
    """One job: state, progress with what is known of its rate and cost, and the buttons that make sense now."""
    with st.container(border=True, key=f"{key}.{job.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            attempt = f", attempt {job.attempt}" if job.attempt > 1 else ""
            st.text(f"{_mark(job)} {job.title}", width="stretch")
            st.caption(f"job {job.id}, {_standing(job)}{_took(job)}{attempt}", width="content")
            for action in _actions(job):
                _button(action, job, key)
        if job.state in ACTIVE_JOB_STATES:
            _bar(job)
        if job.state == JobState.PAUSED and job.resume_at is not None:
            until = until_words(job.resume_at, now=time.time(), offset=st.context.timezone_offset)
            st.info(plain(f"{until}. {job.error or ''}"), icon="⏸️")
        elif job.error:
            st.error(plain(job.error))


def _mark(job: Job) -> str:
    """A sign for a job's state; a generation that ended without one kept text is no success."""
    kept_nothing = job.state == JobState.DONE and job.progress.get("kept") == 0
    return "⚠️" if kept_nothing else MARKS[job.state]


def progress_words(job: Job, *, now: float) -> str:
    """How far a job is, how quick, what it has cost and what was not kept, of those that are known."""
    at = job.progress
    rate, left = progress.rate_and_left(job, now)
    words = [f"{at['done']:,} of {at['total']:,}"]
    if math.isfinite(rate):
        words += [f"{rate:.1f} a second"]
    if math.isfinite(left):
        words += [f"about {_span(left)} left"]
    if "loss" in at:
        words += [f"loss {at['loss']:.3f}"]
    if "tokens" in at:
        words += [f"${at['cost_usd']:.4f}" if "cost_usd" in at else "cost unknown", f"{at['tokens']:,.0f} tokens"]
    if job.state == JobState.RUNNING:
        words += _calls(at)
    return " · ".join(words + _not_taken(at) + _rejected(at))


def until_words(at: float, *, now: float, offset: int | None) -> str:
    """When a job goes on, on the clock of the browser: `offset` is its minutes behind UTC; None takes the server's."""
    zone = None if offset is None else timezone(timedelta(minutes=-offset))
    then, today = datetime.fromtimestamp(at, zone), datetime.fromtimestamp(now, zone)
    clock = then.strftime("%H:%M" if then.date() == today.date() else "%d %b %H:%M")
    return f"Paused until {clock} (in {_span(at - now)})" if at > now else f"Paused until {clock}, going on now"


def _standing(job: Job) -> str:
    if job.state in queue.HELD and job.cancel_requested:
        return "being cancelled"
    if job.state in queue.HELD and job.pause_requested:
        return "being paused"
    return job.state


def _actions(job: Job) -> tuple[str, ...]:
    """What can be asked of a job now; a started one that is asked to stop can only be asked for more."""
    if job.state in queue.HELD and job.cancel_requested:
        return ()
    if job.state in queue.HELD and job.pause_requested:
        return ("Cancel",)
    return BUTTONS[job.state]


def _took(job: Job) -> str:
    if job.started_at is None or job.finished_at is None:
        return ""
    return f" in {_span(job.finished_at - job.started_at)}"


def _span(seconds: float) -> str:
    if seconds > 36 * 3600:
        return f"{seconds / 86400:.0f} days"
    if seconds > 90 * 60:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"


def _button(action: str, job: Job, key: str) -> None:
    words = "Resume now" if action == "Resume" and job.resume_at is not None else action
    st.button(words, key=f"{key}.{action.lower()}.{job.id}", on_click=_change, args=(action, job.id))


def _bar(job: Job) -> None:
    done, total = job.progress.get("done", 0), job.progress.get("total", 0)
    if total:
        st.progress(min(done / total, 1.0))
        st.caption(plain(progress_words(job, now=time.time())))
    if job.state == JobState.RUNNING and total and job.progress.get("message"):
        st.text(job.progress["message"])
    elif job.state == JobState.PAUSED and job.resume_at is None:
        st.caption("It goes on where it was when you resume it.")
    elif job.state == JobState.QUEUED:
        st.caption("Waiting for a free slot.")
    elif job.state in queue.HELD and not total:
        st.caption("Starting…")


def _calls(at: dict[str, Any]) -> list[str]:
    """What an LLM's endpoint is doing just now."""
    words = [f"{at['in_flight']:.0f} in flight"] if "in_flight" in at else []
    return words + ([f"endpoint asks to wait {_span(at['paused_s'])}"] if at.get("paused_s", 0) >= 1 else [])


def _not_taken(at: dict[str, Any]) -> list[str]:
    """What a model does not take, so that its calls go without."""
    return [f"without {', '.join(at['not_taken'])}, which the model does not take"] if at.get("not_taken") else []


def _rejected(at: dict[str, Any]) -> list[str]:
    counts = at.get("rejected")
    if not counts or not sum(counts.values()):
        return []
    ranked = sorted(counts.items(), key=lambda pair: -pair[1])
    return [f"{sum(counts.values()):.0f} rejected: " + ", ".join(f"{reason} {n:.0f}" for reason, n in ranked)]


@st.fragment(run_every=1.5)
def _live_panel(study_id: int | None, of: str | None, work: Sequence[Work], key: str, working: list[int]) -> None:
    jobs = _newest(study_id, of, work)
    _draw(jobs, key)
    if _working(jobs) != working:
        st.rerun()


def _newest(study_id: int | None, of: str | None, work: Sequence[Work]) -> list[Job]:
    with resources.store()() as session:
        return queue.rows(session, study_id=study_id, key=of, work=work, limit=50)


def _working(jobs: list[Job]) -> list[int]:
    return [job.id for job in jobs if job.state in queue.WORKING]


def _draw(jobs: list[Job], key: str) -> None:
    """The active jobs; when there is none, the newest if it did not end well."""
    active = [job for job in jobs if job.state in ACTIVE_JOB_STATES]
    failed = [job for job in jobs[:1] if job.state in (JobState.FAILED, JobState.CANCELLED)]
    for job in active or failed:
        row(job, key=key)


def _change(action: str, job_id: int) -> None:
    try:
        with resources.store().write() as session:
            CHANGES[action](session, job_id)
    except StudyError as error:
        done(str(error))
    runner.ensure(resources.settings())
