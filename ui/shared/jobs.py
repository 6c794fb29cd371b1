"""Background jobs on the screen: an indicator for the sidebar, a panel for pages, and a row per job."""

import math
import time
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import streamlit as st
from sqlalchemy.orm import Session

from core.jobs import progress, queue, runner
from core.jobs.backends import choice
from core.study import tasks
from core.study.rows.kinds import ACTIVE_JOB_STATES, JobState, Work
from core.study.rows.study import Job
from core.training import runs
from core.wording import counted, shown
from ui.shared import links, resources
from ui.shared.durations import duration
from ui.shared.words import keep_refusal, plain, set_notice

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
    "Run again": queue.clone,
}
LEAST_LEFT = 5.0  # seconds; of less the time left is not said: what follows the last step is not counted
RANGE = 1.25  # how much two times left differ before both are said
FIRST_STEPS = 10  # or a twentieth of all steps, before the time left is said: the first steps are the slowest
BUTTONS = {
    JobState.QUEUED: ("Pause", "Cancel"),
    JobState.STARTING: ("Pause", "Cancel"),
    JobState.RUNNING: ("Pause", "Cancel"),
    JobState.PAUSED: ("Resume", "Cancel"),
    JobState.FAILED: ("Retry",),
    JobState.CANCELLED: ("Retry",),
    JobState.DONE: ("Run again",),
}


@st.fragment(run_every=3)
def indicator() -> None:
    """Draw how many jobs are active, and a message for each that has ended since; also start the runner if a job waits for one."""
    with resources.store()() as session:
        active = queue.rows(session, active_only=True)
        ended = _ended(session, {job.id for job in active})
        is_due = queue.awaits_runner(session, now=time.time())
    if is_due:
        runner.ensure(resources.settings())
    running, paused = (sum(job.state == state for job in active) for state in (JobState.RUNNING, JobState.PAUSED))
    counts = {"▶️": (running, "running"), "⏳": (len(active) - running - paused, "waiting"), "⏸️": (paused, "paused")}
    for job in ended:
        st.toast(plain(f"{shown(job.title)}: {job.state}."), icon=_mark(job))
    if active:
        st.caption(" · ".join(f"{mark} {n} {word}" for mark, (n, word) in counts.items() if n))


def _ended(session: Session, active: set[int]) -> list[Job]:
    """The jobs that were active when this session last looked, and are not any more; at most three, the newest first."""
    gone = st.session_state.get("jobs.active", set()) - active
    st.session_state["jobs.active"] = active
    return [job for id in sorted(gone, reverse=True)[:3] if (job := session.get(Job, id)) is not None]


def job_panel(study_id: int | None, *, key: str, of: str | None = None, work: Sequence[Work] = ()) -> None:
    """Draw the active jobs of a study, else the newest job if it failed; redrawn every 1.5 s while a job is active.

    Only jobs with the key `of`, or of a kind in `work`. Whenever a job starts or stops running, the whole page runs again, so
    that the page shows the job's results.
    """
    jobs = _newest(study_id, of, work)
    if any(job.state in ACTIVE_JOB_STATES for job in jobs):
        _live_panel(study_id, of, work, key, _working(jobs))
    else:
        _draw(jobs, key)


def pick_backend(*, key: str) -> str:
    """A widget for the place where jobs run, drawn only if a cluster is set up; "local" otherwise."""
    names = list(choice.offered(resources.settings(), {}))
    if len(names) == 1:
        return names[0]
    picked = st.segmented_control(
        "Where the jobs run",
        names,
        default=names[0],
        format_func=choice.TITLES.__getitem__,
        key=f"{key}.backend",
        help="The page Jobs says what each place offers, and what is wrong there",
    )
    return picked or names[0]


def places() -> None:
    """Draw what each backend offers, what is wrong with it and the way out; asked anew at every drawing."""
    for title, condition in choice.conditions(resources.settings()).items():
        if condition.sentences:
            st.markdown(plain(f"{title}: {' '.join(condition.sentences)}"))
        for problem in condition.problems:
            st.warning(plain(f"{title}: {problem}"))


def watch_runs(study_id: int) -> None:
    """While a training job of a study is active, run the page again whenever a run has finished, a job has begun, or a task or arm is
    new."""
    with resources.store()() as session:
        seen, is_training = _made_so_far(session, study_id)
    if is_training:
        _watch_runs(study_id, seen)


@st.fragment(run_every=2)
def _watch_runs(study_id: int, seen: tuple[int, ...]) -> None:
    with resources.store()() as session:
        now, is_training = _made_so_far(session, study_id)
    if now != seen or not is_training:
        st.rerun()


def _made_so_far(session: Session, study_id: int) -> tuple[tuple[int, ...], bool]:
    """The numbers of tasks, arms and finished runs of a study with whether a job trains now, and whether such a job is active."""
    active = queue.rows(session, study_id=study_id, work=TRAINING, active_only=True)
    found = [tasks.arms(session, task.id) for task in tasks.tasks(session, study_id)]
    trains = any(job.state in queue.HELD for job in active)
    return (len(found), sum(map(len, found)), runs.finished(session, study_id), trains), bool(active)


def said_of_training(study_id: int) -> str:
    """What the training jobs of a study do now, in a sentence; "" if none is active."""
    with resources.store()() as session:
        states = {job.state for job in queue.rows(session, study_id=study_id, work=TRAINING, active_only=True)}
    if states & set(queue.HELD):
        return "Training is going on; what it finishes is shown here at once."
    if JobState.QUEUED in states:
        return "Training waits for a free slot; what it finishes is shown here at once."
    return "Training is paused. Resume it on Jobs." if states else ""


def without_tasks(study_id: int, said: str) -> None:
    """Draw an empty page of a study without a task, say what to do, and stop; the page fills itself while a job makes the tasks."""
    going_on = said_of_training(study_id)
    st.info(f"This study has no task yet. {going_on or said}")
    if going_on:
        links.link("jobs", "See its jobs", is_next=True)
    else:
        links.link("data", "Bring in real texts", is_next=True)
    watch_runs(study_id)
    st.stop()


def without_runs(study_id: int, said: str) -> None:
    """Draw that a page has no runs to show, and what to do: wait for the training that is going on, or begin one."""
    going_on = said_of_training(study_id)
    st.info(plain(f"{said} {going_on}".strip()))
    links.link("jobs", "See its jobs", is_next=True) if going_on else links.link(
        "train", "Queue training runs", is_next=True
    )


def row(job: Job, *, key: str, study: str = "") -> None:
    """Draw a job: title, study if named, state, start, progress with rate and cost, error, and the buttons allowed in its state."""
    with st.container(border=True, key=f"{key}.{job.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            attempt = f", attempt {job.attempt}" if job.attempt > 1 else ""
            st.text(f"{_mark(job)} {shown(job.title)}", width="stretch")
            of = f"{plain(study)} · " if study else ""
            began = _began(job, offset=st.context.timezone_offset)
            st.caption(
                f"{of}job {job.id}{_place(job)}, {_state_words(job)}{_took(job)}{began}{attempt}", width="content"
            )
            for action in _actions(job) if resources.may_change() else ():
                _button(action, job, key)
        if job.state in ACTIVE_JOB_STATES:
            _bar(job)
        if job.state == JobState.PAUSED and job.resume_at is not None:
            until = until_words(job.resume_at, now=time.time(), offset=st.context.timezone_offset)
            st.info(plain(f"{until}. {job.error or ''}"), icon="⏸️")
        elif job.error:
            st.error(plain(job.error))


def retry_failed() -> None:
    """Queue every failed job again, and say how many there were."""
    with keep_refusal():
        with resources.store().write() as session:
            n = len(queue.retry_failed(session))
        set_notice(
            f"{n} failed job{'s are' if n != 1 else ' is'} queued again." if n else "No failed job is left to retry."
        )
    runner.ensure(resources.settings())


def _mark(job: Job) -> str:
    """An emoji for a job's state; a finished generation that kept no text gets a warning sign."""
    kept_nothing = job.state == JobState.DONE and job.progress.get("kept") == 0
    return "⚠️" if kept_nothing else MARKS[job.state]


def progress_words(job: Job, *, now: float) -> str:
    """A running job in words: progress, rate, time left, loss, cost and rejections, as far as they are known."""
    at = job.progress
    rate, seconds_left = progress.rate_and_left(job, now)
    words = [f"{at['done']:,} of {at['total']:,}"]
    if math.isfinite(rate):
        words += [_rate(rate)]
    if seconds_left >= LEAST_LEFT and at["done"] - at["done_at_start"] >= min(FIRST_STEPS, at["total"] / 20):
        words += [_left(seconds_left, progress.left_at_recent_rate(job, now))]
    if "loss" in at:
        words += [f"loss {at['loss']:.3f}"]
    if "resumed_at" in at:
        words += [f"this run resumed at step {at['resumed_at']:,.0f}, from its checkpoint"]
    if at.get("tokens"):
        words += [f"${at['cost_usd']:.4f}" if "cost_usd" in at else "cost unknown", f"{at['tokens']:,.0f} tokens"]
    if job.state == JobState.RUNNING:
        words += _calls(at)
    return " · ".join(words + _not_taken(at) + _rejected(at))


def _rate(rate: float) -> str:
    """A rate per second in the unit in which it is not below 1: a second, a minute or an hour."""
    if rate >= 0.95:
        return f"{rate:.1f} a second"
    return f"{rate * 60:.0f} a minute" if rate * 60 >= 0.95 else f"{rate * 3600:.0f} an hour"


def _left(overall: float, recent: float) -> str:
    """The time left, as a range if the rate of the last minutes says something else than that of the whole attempt."""
    low, high = min(overall, recent), max(overall, recent)
    if not math.isfinite(recent) or high < RANGE * low or duration(low) == duration(high):
        return f"about {duration(overall)} left"
    (number, _, unit), longer = duration(low).rpartition(" "), duration(high)
    return f"{number if longer.endswith(f' {unit}') else duration(low)} to {longer} left"


def until_words(at: float, *, now: float, offset: int | None) -> str:
    """The time `at` at which a paused job resumes, in words, on the browser's clock.

    `at`, `now`: Unix seconds. `offset`: minutes by which the browser's clock is behind UTC; None uses the server's clock.
    """
    zone = None if offset is None else timezone(timedelta(minutes=-offset))
    then, today = datetime.fromtimestamp(at, zone), datetime.fromtimestamp(now, zone)
    clock = then.strftime("%H:%M" if then.date() == today.date() else "%d %b %H:%M")
    return f"Paused until {clock} (in {duration(at - now)})" if at > now else f"Paused until {clock}, going on now"


def _state_words(job: Job) -> str:
    """A job's state, or the change that was requested and has not happened yet."""
    if job.state in queue.HELD and job.cancel_requested:
        return "being cancelled"
    if job.state in queue.HELD and job.pause_requested:
        return "being paused"
    return job.state


def _actions(job: Job) -> tuple[str, ...]:
    """The labels of the buttons allowed now; after a requested pause only Cancel, after a requested cancel no button."""
    if job.state in queue.HELD and job.cancel_requested:
        return ()
    if job.state in queue.HELD and job.pause_requested:
        return ("Cancel",)
    return BUTTONS[job.state]


def _place(job: Job) -> str:
    return "" if job.backend == choice.LOCAL else f" on {choice.TITLES.get(job.backend, job.backend)}"


def _took(job: Job) -> str:
    if job.started_at is None or job.finished_at is None:
        return ""
    return f" in {duration(job.finished_at - job.started_at)}"


def _began(job: Job, *, offset: int | None) -> str:
    """The time at which a job was started, on the clock of the browser."""
    if job.started_at is None:
        return ""
    zone = None if offset is None else timezone(timedelta(minutes=-offset))
    return f", started {datetime.fromtimestamp(job.started_at, zone):%d %b %H:%M}"


def _button(action: str, job: Job, key: str) -> None:
    label = "Resume now" if action == "Resume" and job.resume_at is not None else action
    st.button(label, key=f"{key}.{action.lower().replace(' ', '-')}.{job.id}", on_click=_change, args=(action, job.id))


def _bar(job: Job) -> None:
    done, total = job.progress.get("done", 0), job.progress.get("total", 0)
    if total:
        st.progress(min(done / total, 1.0))
        st.caption(plain(progress_words(job, now=time.time())))
    if job.state == JobState.RUNNING and total and job.progress.get("message"):
        st.text(job.progress["message"])
    elif job.state == JobState.PAUSED and job.resume_at is None:
        st.caption("After Resume the job goes on where it stopped.")
    elif job.state == JobState.QUEUED:
        st.caption(plain(_waits(job)))
    elif job.state in queue.HELD and not total:
        st.caption("Starting…")


def _waits(job: Job) -> str:
    """What a queued job waits for: the jobs that hold the slots, with their studies, and its place in the queue."""
    with resources.store()() as session:
        active = queue.rows(session, active_only=True, limit=None)
        names = {study.id: study.name for study in tasks.studies(session, even_aside=True)}
    mine = [other for other in active if other.slot == job.slot and other.backend == job.backend]
    holders = [other for other in mine if other.state in queue.HELD][::-1]
    before = sum(other.state == JobState.QUEUED and other.id < job.id for other in mine)
    if not holders:
        return f"Waiting for a free slot{_place(job)}."
    listed = " and ".join(
        f"“{shown(other.title)}”" + (f" of {names[other.study_id]}" if other.study_id in names else "")
        for other in holders[:2]
    )
    more = f" and {len(holders) - 2} more" if len(holders) > 2 else ""
    line = f" {counted(before, 'job')} before it in the queue." if before else ""
    return (
        f"Waiting for a free slot{_place(job)}: {listed}{more} {'holds' if len(holders) == 1 else 'hold'} them.{line}"
    )


def _calls(at: dict[str, Any]) -> list[str]:
    """The calls in flight and the pause asked for by an LLM's endpoint."""
    words = [f"{at['in_flight']:.0f} in flight"] if at.get("in_flight") else []
    return words + ([f"endpoint asks to wait {duration(at['paused_s'])}"] if at.get("paused_s", 0) >= 1 else [])


def _not_taken(at: dict[str, Any]) -> list[str]:
    """The parameters that calls leave out because a model does not accept them."""
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
    """Draw the active jobs, and those that failed or were cancelled since the oldest of them, or else the newest job, was queued; not
    those whose work a newer job has taken up. `jobs`: the newest first."""
    active = [job for job in jobs if job.state in ACTIVE_JOB_STATES]
    since = min((job.created_at for job in active or jobs[:1]), default=0.0)
    newest = {job.key: job for job in reversed(jobs)}
    for job in jobs:
        is_left = job.state in (JobState.FAILED, JobState.CANCELLED) and newest[job.key] is job
        if job in active or (is_left and (job.finished_at or 0.0) >= since):
            row(job, key=key)


def _change(action: str, job_id: int) -> None:
    with keep_refusal(), resources.store().write() as session:
        CHANGES[action](session, job_id)
    runner.ensure(resources.settings())
