"""Wait in the foreground until background jobs have ended."""

import shutil
import time
from collections.abc import Sequence

from sqlalchemy import select

from core import settings as settings_module
from core.errors import StudyError
from core.jobs import queue, runner
from core.jobs.backends import choice
from core.reports import Teller
from core.study.rows.kinds import ACTIVE_JOB_STATES, JobState
from core.study.rows.study import Job
from core.study.store import Store

LEAST_FREE = 1 << 17  # bytes: below that, a database cannot store the end of a job


def wait(settings: settings_module.Settings, store: Store, job_ids: Sequence[int], teller: Teller) -> None:
    """Wait until jobs have ended, and report their progress.

    Raises `StudyError` with the error of a failed job, if only jobs are left that a person paused, or if the disk is full:
    then no job can store how it ended.
    """
    if not job_ids:
        return
    runner.ensure(settings)
    with teller.bar("Training") as report:
        while True:
            with store() as session:
                jobs = list(session.scalars(select(Job).where(Job.id.in_(job_ids)).order_by(Job.id)))
            done, total = (sum(job.progress.get(name, 0) for job in jobs) for name in ("done", "total"))
            report(done, total or 1, _now(jobs), {})
            if all(job.state not in ACTIVE_JOB_STATES for job in jobs):
                break
            _check_disk(settings)
            _check_not_held(jobs)
            runner.ensure(settings)
            time.sleep(0.5)
    for job in jobs:
        if job.state != JobState.DONE:
            raise StudyError(
                f"Job {job.id} ({job.title}) {job.state}: {job.error or 'no reason given'} "
                f"{_where_logged(settings, job)}"
            )


def _now(jobs: Sequence[Job]) -> str:
    """What the jobs are doing: the message of one that runs, else why one cannot be started."""
    running = [job.progress.get("message", "") for job in jobs if job.state == JobState.RUNNING]
    obstacles = [job.error for job in jobs if job.state == JobState.QUEUED and job.error]
    return next(iter([*running, *obstacles]), "waiting for the trainings")


def _check_not_held(jobs: Sequence[Job]) -> None:
    """Raise `StudyError` if every job that has not ended is paused until a person resumes it."""
    active = [job for job in jobs if job.state in ACTIVE_JOB_STATES]
    if active and all(job.state == JobState.PAUSED and job.resume_at is None for job in active):
        raise StudyError(
            f"Job {active[0].id} ({active[0].title}) is paused, and nothing is left to wait for. Give the same command again "
            f"to go on, or resume it with: jobs resume {active[0].id}."
        )


def _check_disk(settings: settings_module.Settings) -> None:
    """Raise `StudyError` if nothing more can be written to the home folder."""
    if shutil.disk_usage(settings.home).free < LEAST_FREE:
        raise StudyError(
            f"The disk of {settings.home} is full: the jobs can store nothing more. Free some disk space, then give the "
            "same command again; finished runs and checkpoints are kept."
        )


def _where_logged(settings: settings_module.Settings, job: Job) -> str:
    is_here = job.backend == choice.LOCAL
    return f"Its log: {queue.log_path(settings, job)}" if is_here else f"Read its log with: jobs logs {job.id}"
