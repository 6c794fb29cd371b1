"""What the runner and a job's own process do to a row. Each is one compare-and-set that names its attempt."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from core.jobs import queue
from core.study.rows.kinds import JobState, Slot
from core.study.rows.study import Job

MAX_UNSTARTED = 5


class Wish(StrEnum):
    """What a job's process is to do: go on, stop for a pause, or stop since it is cancelled or no longer the owner."""

    WORK = "work"
    PAUSE = "pause"
    END = "end"


def held(session: Session) -> list[Job]:
    """The jobs that occupy a slot, the oldest first."""
    return list(session.scalars(select(Job).where(Job.state.in_(queue.HELD)).order_by(Job.id)))


def waiting(session: Session, *, backend: str, slot: Slot, limit: int) -> list[Job]:
    """The queued jobs of one backend and slot class that are next in line."""
    query = select(Job).where(Job.state == JobState.QUEUED, Job.backend == backend, Job.slot == slot)
    return list(session.scalars(query.order_by(Job.id).limit(limit)))


def claim(session: Session, job: Job, *, place: Mapping[str, Any], now: float) -> Job | None:
    """Take a queued job for a start: the job with its new attempt, or None when it is queued no more."""
    changes = {"attempt": job.attempt + 1, "handle": _unstarted(job) | dict(place), "beat_at": now}
    moved = queue.move(
        session, job.id, attempt=job.attempt, frm=(JobState.QUEUED,), to=JobState.STARTING, changes=changes
    )
    return queue.get(session, job.id) if moved else None


def begin(session: Session, job_id: int, *, attempt: int, handle: Mapping[str, Any], now: float) -> Job | None:
    """`starting` to `running`, said by the job's own process: None when this attempt is not (or no more) its own."""
    job = session.get(Job, job_id, populate_existing=True)
    if job is None:
        return None
    changes = {"handle": job.handle | dict(handle), "started_at": now, "beat_at": now}
    moved = queue.move(session, job_id, attempt=attempt, frm=(JobState.STARTING,), to=JobState.RUNNING, changes=changes)
    return queue.get(session, job_id) if moved else None


def beat(session: Session, job: Job, *, now: float) -> Wish:
    """Note that the job's process is alive, and learn what it is to do."""
    change = update(Job).where(Job.id == job.id, Job.attempt == job.attempt, Job.state == JobState.RUNNING)
    change = change.values(beat_at=now).execution_options(synchronize_session=False)
    wishes = session.execute(change.returning(Job.cancel_requested, Job.pause_requested)).one_or_none()
    if wishes is None or wishes.cancel_requested:
        return Wish.END
    return Wish.PAUSE if wishes.pause_requested else Wish.WORK


def finish(session: Session, job: Job, *, to: JobState, error: str | None, now: float) -> bool:
    """The end of an attempt that is starting or running; False when this attempt no longer owns the row."""
    changes = {"error": error, "finished_at": now}
    return queue.move(session, job.id, attempt=job.attempt, frm=queue.HELD, to=to, changes=changes)


def pause(session: Session, job: Job, *, error: str | None, resume_at: float | None) -> bool:
    """The pause of an attempt that is starting or running; False when this attempt no longer owns the row.

    `error` says what it waits for, and `resume_at` (seconds since 1970) when it goes on by itself.
    """
    changes = _pausing(job) | {"error": error, "resume_at": resume_at}
    return queue.move(session, job.id, attempt=job.attempt, frm=queue.HELD, to=JobState.PAUSED, changes=changes)


def due(session: Session, *, now: float) -> list[int]:
    """The paused jobs whose time to go on has come."""
    return list(session.scalars(select(Job.id).where(*_is_due(now)).order_by(Job.id)))


def wake(session: Session, *, now: float) -> list[int]:
    """Queue the jobs that are due."""
    change = update(Job).where(*_is_due(now)).values(state=JobState.QUEUED, **queue.WOKEN)
    return list(session.scalars(change.returning(Job.id).execution_options(synchronize_session=False)))


def note_handle(session: Session, job: Job, handle: Mapping[str, Any]) -> None:
    """Store where an attempt runs, unless it has ended meanwhile."""
    change = update(Job).where(Job.id == job.id, Job.attempt == job.attempt, Job.state.in_(queue.HELD))
    session.execute(change.values(handle=dict(handle)).execution_options(synchronize_session=False))


def lost(session: Session, job: Job, *, now: float) -> JobState | None:
    """What becomes of a job whose process is gone: cancelled, paused, queued again, or failed; None when it has ended.

    A process that vanished before it was `running` uses up no attempt, but after `MAX_UNSTARTED` such starts in a row
    the job fails.
    """
    to, changes = _after_loss(queue.get(session, job.id), now)
    frm = (job.state,)
    return to if queue.move(session, job.id, attempt=job.attempt, frm=frm, to=to, changes=changes) else None


def _after_loss(job: Job, now: float) -> tuple[JobState, dict[str, Any]]:
    if job.cancel_requested:
        return JobState.CANCELLED, {"finished_at": now}
    if job.pause_requested:
        return JobState.PAUSED, _pausing(job)
    if job.state == JobState.STARTING:
        count = int(job.handle.get("unstarted", 0)) + 1
        if count < MAX_UNSTARTED:
            return JobState.QUEUED, {"handle": {"unstarted": count}, "max_attempts": job.max_attempts + 1}
        error = f"The job's process could not be started {count} times. Read the end of its log, then retry it."
        return JobState.FAILED, {"error": error, "finished_at": now}
    if job.attempt < job.max_attempts:
        return JobState.QUEUED, {"handle": {}}
    error = (
        f"The job's process disappeared, in attempt {job.attempt} of {job.max_attempts}, as it does when memory runs "
        "out. Make the job smaller or free some memory, then retry it."
    )
    return JobState.FAILED, {"error": error, "finished_at": now}


def _pausing(job: Job) -> dict[str, Any]:
    """What changes with every pause: the attempt that it ended is given back."""
    return {"handle": {}, "pause_requested": False, "max_attempts": job.max_attempts + 1}


def _is_due(now: float) -> tuple[ColumnElement[bool], ...]:
    return Job.state == JobState.PAUSED, Job.resume_at <= now


def _unstarted(job: Job) -> dict[str, Any]:
    return {name: count for name, count in job.handle.items() if name == "unstarted"}
