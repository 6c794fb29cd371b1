"""What the active jobs of a study do for each of its tasks: which step they work on, wait for, or have paused."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.jobs import queue
from core.study import tasks
from core.study.rows.kinds import JobState, Work
from core.study.rows.sessions import Campaign
from core.study.rows.study import Arm, Job, Run

PAGE_OF = {
    Work.GENERATE: "generate", Work.JUDGE: "inspect", Work.MEASURE: "inspect", Work.RATE_BY_LLM: "campaigns", Work.TRAIN: "train",
    Work.SAMPLE: "train",
}  # fmt: skip
OF_AN_ARM, OF_A_TASK = (Work.GENERATE,), (Work.JUDGE, Work.MEASURE)


@dataclass(frozen=True)
class Doing:
    """The jobs of one step of a task. `resumes_at`: when paused ones go on by themselves, in seconds since 1970; None where somebody
    has to resume one of them."""

    states: frozenset[JobState] = frozenset()
    resumes_at: float | None = None

    @property
    def is_paused(self) -> bool:
        """Whether all of the jobs are paused."""
        return self.states == {JobState.PAUSED}

    @property
    def is_waiting(self) -> bool:
        """Whether none of the jobs has begun or is paused."""
        return self.states == {JobState.QUEUED}


NOTHING = Doing()


def of_tasks(session: Session, study_id: int) -> dict[int, dict[str, Doing]]:
    """Task id -> page of a step -> what jobs do there; pages without active jobs are left out.

    The sample study's own job counts for every task, but only while none of its trainings is active.
    """
    known = [task.id for task in tasks.tasks(session, study_id)]
    found: dict[int, dict[str, list[Job]]] = {id: {} for id in known}
    active = queue.rows(session, study_id=study_id, active_only=True, limit=None)
    trains = any(job.key.partition(":")[0] == Work.TRAIN for job in active)
    for job in active:
        work, _, subject = job.key.partition(":")
        if work not in PAGE_OF or (work == Work.SAMPLE and trains):
            continue
        for task_id in _tasks_of(session, Work(work), subject, job, known):
            found[task_id].setdefault(PAGE_OF[Work(work)], []).append(job)
    return {id: {page: _doing(jobs) for page, jobs in pages.items()} for id, pages in found.items()}


def _tasks_of(session: Session, work: Work, subject: str, job: Job, known: Collection[int]) -> Collection[int]:
    """The tasks that a job works on; all of them where its key does not say."""
    ids: Collection[int | None] = ()
    if work == Work.TRAIN:
        unfinished = (
            select(Arm.task_id).join(Run, Run.arm_id == Arm.id).where(Run.job_id == job.id, Run.finished_at.is_(None))
        )
        ids = session.scalars(unfinished.distinct()).all()
    elif subject.isdecimal() and work in OF_A_TASK:
        ids = (int(subject),)
    elif subject.isdecimal() and work in OF_AN_ARM:
        ids = (session.scalar(select(Arm.task_id).where(Arm.id == int(subject))),)
    elif subject.isdecimal() and work == Work.RATE_BY_LLM:
        ids = (session.scalar(select(Campaign.task_id).where(Campaign.id == int(subject))),)
    return [id for id in ids if id is not None and id in known] or known


def _doing(jobs: Collection[Job]) -> Doing:
    paused = [job.resume_at for job in jobs if job.state == JobState.PAUSED]
    by_itself = [at for at in paused if at is not None]
    return Doing(
        frozenset(job.state for job in jobs), min(by_itself) if by_itself and len(by_itself) == len(paused) else None
    )
