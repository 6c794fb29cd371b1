"""Put the long steps of a study into the queue: pages and commands ask for them here, so both get the same jobs."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import settings as settings_module
from core.jobs import queue
from core.study import tasks as study_tasks
from core.study.rows.kinds import ACTIVE_JOB_STATES, Slot, Work
from core.study.rows.study import Arm, Job, Run, Sample, Study, Task
from core.training import plan

SAMPLE_NAME = "sample-study"


@dataclass(frozen=True)
class Queued:
    """The jobs that will do, or are doing, what was asked for, and all runs that were asked for, finished or not."""

    jobs: list[Job]
    run_ids: list[int]


def queue_training(
    session: Session,
    settings: settings_module.Settings,
    *,
    study: Study,
    tasks: Sequence[Task],
    arms: Sequence[Arm],
    encoders: Sequence[str],
    seeds: Sequence[int],
    training: plan.TrainingSettings,
) -> Queued:
    """Plan the runs of some arms and queue those that are neither finished nor in an active job, spread over the slots.

    One job carries many runs, since starting one costs as much as a short run.
    """
    asked: list[Run] = []
    for task in tasks:
        own = [arm for arm in arms if arm.task_id == task.id]
        if own:
            planned = plan.plan(session, task=task, arms=own, encoders=encoders, seeds=seeds, settings=training)
            asked += [*planned.new, *planned.existing]
    waiting = [run for run in asked if run.finished_at is None]
    busy = _in_active_jobs(session, waiting)
    free = [run for run in waiting if run.id not in busy]
    slots = settings.gpus or settings.slots
    jobs = [_train(session, study, share, gpu=settings.gpus > 0) for share in _shares(session, free, slots)]
    jobs += _jobs(session, {run.job_id for run in waiting if run.id in busy})
    return Queued(jobs=jobs, run_ids=[run.id for run in asked])


def queue_generation(
    session: Session, *, study: Study, task: Task, arm: Arm, arguments: Sequence[str], is_local: bool = False
) -> Job:
    """Queue the generation of an arm; `arguments` are those of the command `generate`. An arm has one such job at a time.

    `is_local`: the model runs in the job itself, so it takes the place of a training.
    """
    command = ["-m", "core", "generate", "--study", study.name, "--task", task.name, "--arm", arm.name, *arguments]
    return queue.enqueue(
        session,
        title=f"Generate {task.name} · {arm.name}",
        command=command,
        key=Work.GENERATE.key(arm.id),
        slot=worker_slot() if is_local else Slot.API,
        study_id=study.id,
    )


def worker_slot() -> Slot:
    """Where work that needs torch runs: on a GPU when this machine has one."""
    return Slot.GPU if settings_module.load().gpus > 0 else Slot.CPU


def queue_sample(session: Session) -> Job:
    """Queue the bundled sample study, the same command as `python -m core demo`."""
    study = study_tasks.study_named(session, SAMPLE_NAME, is_sample=True)
    return queue.enqueue(
        session, title="Sample study", command=["-m", "core", "demo"], key=Work.SAMPLE, slot=Slot.API, study_id=study.id
    )


def _train(session: Session, study: Study, share: Sequence[Run], *, gpu: bool) -> Job:
    numbers = ",".join(str(run.id) for run in share)
    digest = hashlib.sha256(numbers.encode()).hexdigest()[:16]
    job = queue.enqueue(
        session,
        title=f"Train {len(share)} run{'s' if len(share) > 1 else ''}",
        key=Work.TRAIN.key(digest),
        command=["-m", "core", "train-runs", "--runs", numbers],
        slot=Slot.GPU if gpu else Slot.CPU,
        study_id=study.id,
    )
    for run in share:
        run.job_id = job.id
    session.flush()
    return job


def _shares(session: Session, runs: Sequence[Run], slots: int) -> list[list[Run]]:
    """Runs dealt out so that the slots end at about the same time: the longest first, each to the least loaded slot."""
    work = _work(session, runs)
    shares: list[list[Run]] = [[] for _ in range(slots)]
    for run in sorted(runs, key=lambda one: -work[one.id]):
        min(shares, key=lambda share: sum(work[one.id] for one in share)).append(run)
    return [share for share in shares if share]


def _work(session: Session, runs: Sequence[Run]) -> dict[int, float]:
    """Characters that each run reads, for comparing runs with one another: what training time grows with."""
    arm_ids = {run.arm_id for run in runs}
    query = (
        select(Sample.arm_id, func.avg(func.length(Sample.text)))
        .where(Sample.arm_id.in_(arm_ids))
        .group_by(Sample.arm_id)
    )
    length = {row[0]: float(row[1]) for row in session.execute(query)}
    settings = {run.id: run.config["training"] for run in runs}
    return {run.id: settings[run.id]["steps"] * settings[run.id]["batch_size"] * length[run.arm_id] for run in runs}


def _in_active_jobs(session: Session, runs: Sequence[Run]) -> set[int]:
    active = set(session.scalars(select(Job.id).where(Job.state.in_(ACTIVE_JOB_STATES))))
    return {run.id for run in runs if run.job_id in active}


def _jobs(session: Session, ids: set[int | None]) -> list[Job]:
    return list(session.scalars(select(Job).where(Job.id.in_([number for number in ids if number is not None]))))
