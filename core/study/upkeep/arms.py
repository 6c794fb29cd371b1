"""Rename and delete an arm of a task."""

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import tasks
from core.study.rows.base import Base
from core.study.rows.kinds import ACTIVE_JOB_STATES, ArmKind, BatchState
from core.study.rows.study import Arm, Batch, Completion, Job, Run, Sample, Task, Trial
from core.study.upkeep import job_commands
from core.wording import counted

KEEPS = (
    (select(Sample.arm_id), "text"),
    (select(Completion.arm_id), "paid answer"),
    (select(Trial.arm_id), "paid try"),
    (select(Batch.arm_id).where(Batch.state != BatchState.WRITTEN), "set of requests"),  # files: nothing was sent
    (select(Run.arm_id), "run"),
)
PLURALS = {"paid try": "paid tries", "set of requests": "sets of requests"}


def rename(session: Session, arm_id: int, name: str) -> Arm:
    """Give an arm another name; its kind follows from the new name, and ended jobs that are done again find the arm by it.

    Raises `StudyError` if the arm was deleted meanwhile, if the name is not valid or taken, if either name is that of the real
    arm, or if a job of the study is active: jobs find an arm by its name.
    """
    arm = _known(session, arm_id)
    if name == arm.name:
        return arm
    if ArmKind.REAL in (arm.kind, tasks.kind_of(name)):
        raise StudyError("The arm of real texts is named real, and no other arm can be. Choose another name.")
    if tasks.find_arm(session, arm.task_id, tasks.checked_name(name, "arm")) is not None:
        raise StudyError(f"The task has an arm {name!r} already. Choose another name.")
    _check_no_job(session, arm)
    task = session.get_one(Task, arm.task_id)
    job_commands.rename(session, task.study_id, job_commands.ARM, old=arm.name, new=name, task=task.name)
    arm.name, arm.kind = name, tasks.kind_of(name)
    session.flush()
    return arm


def why_kept(session: Session, arm_id: int) -> str:
    """What an arm holds that would be lost with it, such as "120 texts and 6 runs"; "" for an arm that can be deleted."""
    counts = [
        (session.scalar(select(func.count()).select_from(rows.where(column == arm_id).subquery())) or 0, what)
        for rows, what in KEEPS
        for column in rows.selected_columns
    ]
    held = [f"{n:,} {PLURALS[what]}" if n > 1 and what in PLURALS else counted(n, what) for n, what in counts if n]
    arm = session.get_one(Arm, arm_id)
    if lost := arm.unaccounted_usd + arm.tries_lost_usd:
        held.append(f"up to ${lost:,.4f} of calls without an answer")
    return " and ".join([", ".join(held[:-1]), held[-1]] if len(held) > 1 else held)


def delete_arm(session: Session, arm_id: int) -> str:
    """Delete an arm with its prompt versions and the requests that were only written to files, and return its name.

    Raises `StudyError` if the arm was deleted meanwhile, if it holds texts, runs, or anything that was or may have been paid for,
    if it is the real arm, or if a job of the study is active.
    """
    arm = _known(session, arm_id)
    if arm.kind == ArmKind.REAL:
        raise StudyError("The real arm cannot be deleted: every other arm is measured against it.")
    if held := why_kept(session, arm_id):
        raise StudyError(
            f"Arm {arm.name!r} holds {held}, which would be lost. Leave the arm out where arms are chosen, or rename it."
        )
    _check_no_job(session, arm)
    owned = [table for table in Base.metadata.sorted_tables if "arm_id" in table.c]
    for table in reversed(owned):
        session.execute(delete(table).where(table.c.arm_id == arm_id))
    name = arm.name
    session.delete(arm)
    session.flush()
    return name


def _known(session: Session, arm_id: int) -> Arm:
    arm = session.get(Arm, arm_id)
    if arm is None:
        raise StudyError("This arm does not exist any more: it was deleted meanwhile. Choose another arm.")
    return arm


def _check_no_job(session: Session, arm: Arm) -> None:
    study_id = select(Task.study_id).where(Task.id == arm.task_id).scalar_subquery()
    active = select(Job.title).where(Job.study_id == study_id, Job.state.in_(ACTIVE_JOB_STATES))
    if (title := session.scalar(active.limit(1))) is not None:
        raise StudyError(f"The job {title!r} of this study is active. Let it end or cancel it first.")
