"""Changes of a job's state by the runner and by the process of the job; each is a compare-and-set on the attempt."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from core.jobs import progress, queue
from core.study.rows.kinds import JobState, Slot
from core.study.rows.study import Job

MAX_UNSTARTED = 5


class Wish(StrEnum):
    """What the process of a job should do: go on, stop for a pause, or stop for good (cancelled, or no longer the owner)."""

    WORK = "work"
    PAUSE = "pause"
    END = "end"


def held(session: Session) -> list[Job]:
    """The starting and running jobs, which occupy slots, the oldest first."""
    return list(session.scalars(select(Job).where(Job.state.in_(queue.HELD)).order_by(Job.id)))


def waiting(session: Session, *, backend: str, slot: Slot, limit: int) -> list[Job]:
    """The oldest queued jobs of one backend and slot class, at most `limit`."""
    query = select(Job).where(Job.state == JobState.QUEUED, Job.backend == backend, Job.slot == slot)
    return list(session.scalars(query.order_by(Job.id).limit(limit)))


def waiting_elsewhere(session: Session, *, backends: Iterable[str]) -> list[Job]:
    """The queued jobs of other backends than these."""
    query = select(Job).where(Job.state == JobState.QUEUED, Job.backend.not_in(list(backends)))
    return list(session.scalars(query.order_by(Job.id)))


def claim(session: Session, job: Job, *, place: Mapping[str, Any], now: float) -> Job | None:
    """Move a queued job to `starting` and return it with its new attempt; None if the job is no longer queued.

    `place` is the part of the handle that says which resources the job takes.
    """
    handle = _unstarted(job) | dict(place)
    changes = {"attempt": job.attempt + 1, "handle": handle, "beat_at": now, "error": None}
    moved = queue.move(
        session, job.id, attempt=job.attempt, frm=(JobState.QUEUED,), to=JobState.STARTING, changes=changes
    )
    return queue.get(session, job.id) if moved else None


def begin(session: Session, job_id: int, *, attempt: int, handle: Mapping[str, Any], now: float) -> Job | None:
    """Move a job from `starting` to `running`, called by its own process; None if the row has another attempt or state."""
    job = session.get(Job, job_id, populate_existing=True)
    if job is None:
        return None
    changes = {"handle": job.handle | dict(handle), "started_at": now, "beat_at": now}
    moved = queue.move(session, job_id, attempt=attempt, frm=(JobState.STARTING,), to=JobState.RUNNING, changes=changes)
    return queue.get(session, job_id) if moved else None


def beat(session: Session, job: Job, *, now: float) -> Wish:
    """Store that the process of the job is alive, and return what the process should do."""
    change = update(Job).where(Job.id == job.id, Job.attempt == job.attempt, Job.state == JobState.RUNNING)
    change = change.values(beat_at=now).execution_options(synchronize_session=False)
    wishes = session.execute(change.returning(Job.cancel_requested, Job.pause_requested)).one_or_none()
    if wishes is None or wishes.cancel_requested:
        return Wish.END
    return Wish.PAUSE if wishes.pause_requested else Wish.WORK


def finish(session: Session, job: Job, *, to: JobState, error: str | None, now: float) -> bool:
    """End an attempt that is starting or running; False if the attempt no longer owns the row."""
    changes = {"error": error, "finished_at": now}
    return queue.move(session, job.id, attempt=job.attempt, frm=queue.HELD, to=to, changes=changes)


def pause(session: Session, job: Job, *, error: str | None, resume_at: float | None) -> bool:
    """Pause an attempt that is starting or running; False if the attempt no longer owns the row.

    `error` says what the job waits for; at `resume_at` (seconds since 1970) the job is queued again, never if it is None.
    """
    changes = _pausing(job) | {"error": error, "resume_at": resume_at}
    return queue.move(session, job.id, attempt=job.attempt, frm=queue.HELD, to=JobState.PAUSED, changes=changes)


def due(session: Session, *, now: float) -> list[int]:
    """The ids of the paused jobs whose `resume_at` has passed."""
    return list(session.scalars(select(Job.id).where(*_is_due(now)).order_by(Job.id)))


def wake(session: Session, *, now: float) -> list[int]:
    """Queue the paused jobs whose `resume_at` has passed, and return their ids."""
    change = update(Job).where(*_is_due(now)).values(state=JobState.QUEUED, **queue.WOKEN)
    return list(session.scalars(change.returning(Job.id).execution_options(synchronize_session=False)))


def note_obstacle(session: Session, job: Job, error: str) -> None:
    """Store why a queued job cannot be started yet, unless the job has been started or ended meanwhile."""
    change = update(Job).where(Job.id == job.id, Job.attempt == job.attempt, Job.state == JobState.QUEUED)
    session.execute(change.values(error=error).execution_options(synchronize_session=False))


def note_handle(session: Session, job: Job, handle: Mapping[str, Any]) -> None:
    """Store the handle of an attempt, unless the attempt has ended meanwhile."""
    change = update(Job).where(Job.id == job.id, Job.attempt == job.attempt, Job.state.in_(queue.HELD))
    session.execute(change.values(handle=dict(handle)).execution_options(synchronize_session=False))


def lost(session: Session, job: Job, *, now: float, reason: str = "", unplaced: bool = False) -> JobState | None:
    """Move a job whose process is gone to `cancelled`, `paused`, `queued` or `failed`, and return the new state.

    Return None if the job has ended or moved on meanwhile. A process that vanished before it was `running` uses up no
    attempt, but after `MAX_UNSTARTED` starts in a row without `running` the job fails; `reason` then says why the last
    start failed, if that is known. `unplaced`: a cluster gave up before it had a place for the job, which counts as no start.
    Attempts count from the last one that added to the work that is kept: a job that comes forward is not failed for being
    killed often.
    """
    to, changes = _after_loss(queue.get(session, job.id), now, reason, unplaced)
    frm = (job.state,)
    return to if queue.move(session, job.id, attempt=job.attempt, frm=frm, to=to, changes=changes) else None


def _after_loss(job: Job, now: float, reason: str, unplaced: bool) -> tuple[JobState, dict[str, Any]]:
    if job.cancel_requested:
        return JobState.CANCELLED, {"finished_at": now}
    if job.pause_requested:
        return JobState.PAUSED, _pausing(job)
    if job.state == JobState.STARTING and unplaced:
        return JobState.QUEUED, {"handle": _unstarted(job), "max_attempts": job.max_attempts + 1}
    if job.state == JobState.STARTING:
        count = int(job.handle.get("unstarted", 0)) + 1
        if count < MAX_UNSTARTED:
            return JobState.QUEUED, {"handle": {"unstarted": count}, "max_attempts": job.max_attempts + 1}
        error = f"The job's process could not be started {count} times. {reason or 'Read the end of its log, then retry it.'}"
        return JobState.FAILED, {"error": error, "finished_at": now}
    if progress.has_kept_work(job):
        return JobState.QUEUED, {"handle": {}, "max_attempts": job.attempt + queue.ATTEMPTS}
    if job.attempt < job.max_attempts:
        return JobState.QUEUED, {"handle": {}}
    error = (
        f"The job's process disappeared, in attempt {job.attempt} of {job.max_attempts}, as it does when memory runs "
        "out. Make the job smaller or free some memory, then retry it."
    )
    return JobState.FAILED, {"error": error, "finished_at": now}


def _pausing(job: Job) -> dict[str, Any]:
    """The columns that change with every pause: the ended attempt does not count, so one more attempt is allowed."""
    return {"handle": {}, "pause_requested": False, "max_attempts": job.max_attempts + 1}


def _is_due(now: float) -> tuple[ColumnElement[bool], ...]:
    return Job.state == JobState.PAUSED, Job.resume_at <= now


def _unstarted(job: Job) -> dict[str, Any]:
    return {name: count for name, count in job.handle.items() if name == "unstarted"}
