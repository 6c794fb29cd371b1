"""Which runs a training job carries, and which of them another active job trains."""

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study.rows.kinds import ACTIVE_JOB_STATES
from core.study.rows.study import Job, Run

RUNS = "--runs"


def command(run_ids: Sequence[int]) -> list[str]:
    """The command of a job that trains runs."""
    return ["-m", "core", "train-runs", RUNS, ",".join(map(str, run_ids))]


def run_ids(job: Job) -> list[int]:
    """The ids of the runs that a job trains; none for a job that does other work."""
    if job.command[:3] != ["-m", "core", "train-runs"]:
        return []
    return [int(number) for number in job.command[job.command.index(RUNS) + 1].split(",")]


def take(session: Session, job: Job) -> list[str]:
    """The command with which an ended job is done again, and its unfinished runs are marked as carried by the job.

    Runs that another active job carries are left to that job. The command of a job that trains no runs stays as it is.
    Raises `StudyError` if other active jobs carry all that is left to do.
    """
    ids = run_ids(job)
    if not ids:
        return list(job.command)
    unfinished = session.scalars(select(Run).where(Run.id.in_(ids), Run.finished_at.is_(None)).with_for_update()).all()
    active = select(Job.id).where(Job.state.in_(ACTIVE_JOB_STATES), Job.id != job.id)
    others = set(session.scalars(active.where(Job.id.in_([run.job_id for run in unfinished]))))
    taken = {run.id for run in unfinished if run.job_id in others}
    own = [run.id for run in unfinished if run.id not in taken]
    if taken and not own:
        raise StudyError(
            f"Job {job.id} is not queued again: job {min(others)} trains its runs meanwhile. Wait for that job, or cancel it first."
        )
    session.execute(update(Run).where(Run.id.in_(own)).values(job_id=job.id))
    return command([number for number in ids if number not in taken])


def hand_over(session: Session, job: Job, to: Job) -> None:
    """Mark the unfinished runs of a job as carried by another job, which does its work."""
    carried = (Run.job_id == job.id, Run.id.in_(run_ids(to)), Run.finished_at.is_(None))
    session.execute(update(Run).where(*carried).values(job_id=to.id))
