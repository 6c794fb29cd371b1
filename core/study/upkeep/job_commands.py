"""The names of studies, tasks and arms in the stored commands of jobs, which find all three by name."""

from collections.abc import Sequence
from itertools import pairwise

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.study.rows.kinds import JobState
from core.study.rows.study import Job

STUDY, TASK, ARM = "--study", "--task", "--arm"


def rename(session: Session, study_id: int, option: str, *, old: str, new: str, task: str | None = None) -> None:
    """Write a new name into the stored commands of a study's jobs, so that a job that is done again finds what was renamed.

    `option` is the option that gives the name. `task`: only in commands on the task of this name.
    """
    of_study = select(Job).where(Job.study_id == study_id).with_for_update()
    for job in session.scalars(of_study, execution_options={"populate_existing": True}):
        command = [str(part) for part in job.command]
        is_on_task = task is None or (TASK, task) in pairwise(command)
        if is_on_task and (option, old) in pairwise(command):
            job.command = _renamed(command, option, old=old, new=new)
    session.flush()


def running_by_name(session: Session, study_id: int) -> str | None:
    """The title of a started job whose process may still look for the study by its name; None without such a job."""
    held = select(Job).where(Job.study_id == study_id, Job.state.in_((JobState.STARTING, JobState.RUNNING)))
    return next((job.title for job in session.scalars(held.with_for_update()) if STUDY in job.command), None)


def _renamed(command: Sequence[str], option: str, *, old: str, new: str) -> list[str]:
    """The command with the new name wherever the option gives the old one."""
    return [new if pair == (option, old) else pair[1] for pair in pairwise(["", *command])]
