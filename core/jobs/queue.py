"""The queue of background jobs: add, find, pause, resume, cancel and retry jobs, and read their logs.

    queued -> starting -> running -> done | failed | cancelled
    queued | starting | running -> paused -> queued

A started job whose process vanishes is queued again; `retry` queues a failed or cancelled job again. A job that a person
paused waits until a person resumes it. A job that an LLM endpoint paused, by asking for a long wait, is queued again at
`resume_at`; its `error` says why the job waits. A pause does not use up an attempt.
An attempt that adds to the work that is kept (`progress.has_kept_work`) gives the job its full number of attempts again.
`attempt` is the fencing token: it grows with every start, and every change of state names an attempt and has no effect
if the row has another. A process that was given up and comes back late therefore changes nothing. The command of a job
is the list of arguments after the interpreter, `["-m", MODULE, ...]`.
"""

import os
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.jobs import carried
from core.settings import Settings
from core.study.rows.kinds import ACTIVE_JOB_STATES, JobState, Slot, Work
from core.study.rows.study import Job
from core.wording import shown

HELD = (JobState.STARTING, JobState.RUNNING)
WORKING = (JobState.QUEUED, *HELD)
ATTEMPTS = 3
AWAITED_SECONDS = 24 * 3600.0
TAIL_BYTES = 1 << 18
WOKEN: Mapping[str, Any] = {"resume_at": None, "error": None}


def enqueue(
    session: Session,
    *,
    title: str,
    command: list[str],
    key: str,
    slot: Slot,
    study_id: int | None = None,
    backend: str = "local",
) -> Job:
    """Add a job for a command to the queue, or return the active job of the same key, even if its end was requested.

    A paused job of the key is queued again with the new title, command, slot and backend. Raises `StudyError` if the
    command is not of the form `["-m", MODULE, ...]`.
    """
    split(command)
    same = active(session, key)
    if same is not None:
        asked = {"title": title[:200], "command": list(command), "slot": slot, "backend": backend}
        changes = {**WOKEN, **asked}
        move(session, same.id, attempt=same.attempt, frm=(JobState.PAUSED,), to=JobState.QUEUED, changes=changes)
        return get(session, same.id)
    job = Job(
        title=title[:200],
        command=list(command),
        key=key,
        slot=slot,
        study_id=study_id,
        backend=backend,
        max_attempts=ATTEMPTS,
    )
    try:
        with session.begin_nested():
            session.add(job)
    except IntegrityError:
        same = active(session, key)
        if same is None:
            raise
        return same
    return job


def get(session: Session, job_id: int) -> Job:
    """The job of this id, read anew from the database. Raises `StudyError` if there is no such job."""
    job = session.get(Job, job_id, populate_existing=True)
    if job is None:
        raise StudyError(f"There is no job {job_id}. `python -m core jobs list` shows the jobs there are.")
    return job


def active(session: Session, key: str) -> Job | None:
    """The queued, starting, running or paused job of this key; None without such a job."""
    query = select(Job).where(Job.key == key, Job.state.in_(ACTIVE_JOB_STATES))
    return session.scalar(query, execution_options={"populate_existing": True})


def rows(
    session: Session,
    *,
    study_id: int | None = None,
    key: str | None = None,
    work: Collection[Work] = (),
    active_only: bool = False,
    limit: int | None = 100,
) -> list[Job]:
    """Jobs, read anew from the database, the newest first; at most `limit` jobs, all jobs if `limit` is None.

    `key` selects the jobs of exactly this key, such as "generate:7"; `work` selects the jobs that do one of the named
    works on any subject.
    """
    query = select(Job).order_by(Job.id.desc()).limit(limit)
    if key is not None:
        query = query.where(Job.key == key)
    if work:
        query = query.where(or_(Job.key.in_(work), *(Job.key.startswith(each.key("")) for each in work)))
    if study_id is not None:
        query = query.where(Job.study_id == study_id)
    if active_only:
        query = query.where(Job.state.in_(ACTIVE_JOB_STATES))
    return list(session.scalars(query, execution_options={"populate_existing": True}))


def search(
    session: Session,
    *,
    states: Collection[JobState] = (),
    words: str = "",
    study_id: int | None = None,
    limit: int = 100,
) -> list[Job]:
    """Jobs in one of the states, all if there are none, whose title contains the words, as people read it; the newest first."""
    query = select(Job).order_by(Job.id.desc()).limit(limit)
    if states:
        query = query.where(Job.state.in_(states))
    if words.strip():
        title = func.replace(Job.title, "_", " ")
        query = query.where(title.icontains(shown(words).strip(), autoescape=True))
    if study_id is not None:
        query = query.where(Job.study_id == study_id)
    return list(session.scalars(query, execution_options={"populate_existing": True}))


def awaits_runner(session: Session, *, now: float, backends: Collection[str] | None = None) -> bool:
    """Whether a runner is needed: some job is queued, starting or running, or is paused and due within a day.

    Only jobs of the named backends count, jobs of all backends if `backends` is None.
    """
    soon = and_(Job.state == JobState.PAUSED, Job.resume_at < now + AWAITED_SECONDS)
    query = select(Job.id).where(or_(Job.state.in_(WORKING), soon)).limit(1)
    if backends is not None:
        query = query.where(Job.backend.in_(backends))
    return session.scalar(query) is not None


def request_cancel(session: Session, job_id: int) -> Job:
    """Cancel a queued or paused job at once; ask a started job to stop, which is `cancelled` once its process is gone.

    Raises `StudyError` if the job is unknown or has ended.
    """
    job = get(session, job_id)
    if not _cancel_waiting(session, job) and not _flag(session, job_id, cancel_requested=True):
        raise StudyError(f"Job {job_id} is already {get(session, job_id).state}: there is nothing to cancel.")
    return get(session, job_id)


def request_pause(session: Session, job_id: int) -> Job:
    """Pause a queued job at once; ask a started job to stop, which is `paused` once its process is gone.

    A job that is paused until a given time then stays paused beyond this time. Raises `StudyError` if the job is unknown
    or has ended.
    """
    job = get(session, job_id)
    waiting = (JobState.QUEUED, JobState.PAUSED)
    moved = move(session, job_id, attempt=job.attempt, frm=waiting, to=JobState.PAUSED, changes=WOKEN)
    if not moved and not _flag(session, job_id, pause_requested=True):
        raise StudyError(f"Job {job_id} is already {get(session, job_id).state}: there is nothing to pause.")
    return get(session, job_id)


def resume(session: Session, job_id: int) -> Job:
    """Queue a paused job again, even before the time at which it is due.

    Raises `StudyError` if the job is in another state, also while the process of the job is still stopping.
    """
    job = get(session, job_id)
    if move(session, job_id, attempt=job.attempt, frm=(JobState.PAUSED,), to=JobState.QUEUED, changes=WOKEN):
        return get(session, job_id)
    if job.state in HELD and job.pause_requested:
        raise StudyError(f"Job {job_id} is still stopping; resume it once it is paused, in a few seconds.")
    raise StudyError(f"Job {job_id} is {job.state}; only a paused job can be resumed.")


def retry(session: Session, job_id: int) -> Job:
    """Queue a failed or cancelled job again, with empty progress, no error, and as many attempts as a new job.

    Runs that another active job trains meanwhile are left to that job. Raises `StudyError` if the job is in another state,
    if another job of the same key is active, or if other jobs train all of its runs.
    """
    job = get(session, job_id)
    frm = (JobState.FAILED, JobState.CANCELLED)
    if job.state not in frm:
        raise StudyError(f"Job {job_id} is {job.state}; only a failed or cancelled job can be retried.")
    fresh: dict[str, Any] = {
        "progress": {}, "handle": {}, "error": None, "cancel_requested": False, "pause_requested": False,
        "resume_at": None, "beat_at": None, "started_at": None, "finished_at": None, "max_attempts": job.attempt + ATTEMPTS,
    }  # fmt: skip
    try:
        with session.begin_nested():
            fresh["command"] = carried.take(session, job)
            moved = move(session, job_id, attempt=job.attempt, frm=frm, to=JobState.QUEUED, changes=fresh)
    except IntegrityError as error:
        raise StudyError(
            f"Job {job_id} is not queued again: another job that does the same work is active (see `python -m core jobs list`)."
        ) from error
    job = get(session, job_id)
    if not moved:
        raise StudyError(f"Job {job_id} is {job.state}; only a failed or cancelled job can be retried.")
    return job


def retry_failed(session: Session, *, study_id: int | None = None) -> list[Job]:
    """Queue again the failed jobs, of one study or of all, and return them; a job that was done again since then is left.

    Of several jobs of one key only the newest counts, and only if it failed: cancelled jobs stay cancelled. Of several jobs
    that train the same runs the newest trains them.
    """
    newest: dict[str, Job] = {}
    for job in rows(session, study_id=study_id, limit=None):
        newest.setdefault(job.key, job)
    again = []
    for job in newest.values():
        if job.state == JobState.FAILED:
            with suppress(StudyError):  # another job does the same work
                again.append(retry(session, job.id))
    return sorted(again, key=lambda job: job.id)


def clone(session: Session, job_id: int) -> Job:
    """Add a new job with the title, command, slot and backend of a job that has ended; finished parts are not done again.

    Runs that another active job trains meanwhile are left to that job. Raises `StudyError` if the job is unknown, or if
    other active jobs do the same work.
    """
    job = get(session, job_id)
    same = active(session, job.key)
    if same is not None:
        raise StudyError(f"Job {same.id} does the same work and is {same.state}: wait for it, or cancel it first.")
    command = carried.take(session, job)
    made = enqueue(
        session, title=job.title, command=command, key=job.key, slot=job.slot, study_id=job.study_id,
        backend=job.backend,
    )  # fmt: skip
    carried.hand_over(session, job, made)
    return made


def move(
    session: Session,
    job_id: int,
    *,
    attempt: int,
    frm: Collection[JobState],
    to: JobState,
    changes: Mapping[str, Any] | None = None,
) -> bool:
    """Change the state of a job by compare-and-set, with further `changes` of columns.

    Return False, and change nothing, unless the job has this attempt and one of the states in `frm`.
    """
    change = update(Job).where(Job.id == job_id, Job.attempt == attempt, Job.state.in_(frm))
    change = change.values(state=to, **(changes or {}))
    return session.scalar(change.returning(Job.id).execution_options(synchronize_session=False)) is not None


def split(command: Sequence[str]) -> tuple[str, list[str]]:
    """The module and the arguments of a command. Raises `StudyError` unless the command is `["-m", MODULE, ...]`."""
    if len(command) < 2 or command[0] != "-m":
        raise StudyError(f'A job\'s command must be ["-m", MODULE, ...]; found {list(command)}.')
    return command[1], list(command[2:])


def log_path(settings: Settings, job: Job) -> Path:
    """The path of the file that holds the output of all attempts of a job of this machine or of Slurm."""
    return settings.logs / f"job-{job.id}.log"


def log_tail(settings: Settings, job: Job, *, lines: int = 200) -> str:
    """The last lines of the log of a job; "" if the job has printed nothing.

    Of a progress bar that was redrawn in place, only the last state is returned.
    """
    path = log_path(settings, job)
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL_BYTES))
        printed = file.read().decode("utf-8", errors="replace").rstrip("\r\n").split("\n")
    shown = [line.rstrip("\r").rsplit("\r", 1)[-1] for line in printed]
    return "\n".join(shown[-lines:])


def _cancel_waiting(session: Session, job: Job) -> bool:
    return move(
        session, job.id, attempt=job.attempt, frm=(JobState.QUEUED, JobState.PAUSED), to=JobState.CANCELLED,
        changes={**WOKEN, "cancel_requested": True, "finished_at": time.time()},
    )  # fmt: skip


def _flag(session: Session, job_id: int, **requested: bool) -> bool:
    """Set request columns of a queued, starting or running job; False if the job is in another state."""
    change = update(Job).where(Job.id == job_id, Job.state.in_(WORKING)).values(**requested)
    return session.scalar(change.returning(Job.id).execution_options(synchronize_session=False)) is not None
