"""Queue jobs: the training of runs, the generation of an arm, and the sample study."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import settings as settings_module
from core.errors import StudyError
from core.jobs import carried, queue
from core.jobs.backends import choice
from core.steps.trained import title as titles
from core.study import tasks as study_tasks
from core.study.rows.kinds import ACTIVE_JOB_STATES, JobState, Slot, Work
from core.study.rows.study import Arm, Job, Run, Study, Task
from core.training import pace, plan
from core.training.baselines import students
from core.training.curve import CurveRequest, plan_curve
from core.training.settings import CHECK_TIMES, TrainingSettings, training_settings

NOTHING_CHOSEN = "Choose a task, an arm and an encoder."


@dataclass(frozen=True)
class TrainingRequest:
    """Which runs are wanted: each arm, of the given arms of each task, with each encoder and each seed.

    `settings` are the training settings of every run. `times`: how many times the steps of these settings are made; with
    other numbers than 1 the runs check the steps and do not enter the comparison. `backend`: where the runs are trained,
    "local", "ray" or "slurm".
    """

    tasks: Sequence[Task]
    arms: Sequence[Arm]
    encoders: Sequence[str]
    seeds: Sequence[int]
    settings: TrainingSettings
    times: float = 1.0
    backend: str = choice.LOCAL


@dataclass(frozen=True)
class Queued:
    """The jobs that train the runs of a request, and the ids of all runs of the request, finished or not."""

    jobs: list[Job]
    run_ids: list[int]


def queue_training(
    session: Session, settings: settings_module.Settings, *, study: Study, request: TrainingRequest
) -> Queued:
    """Plan the runs of a request and queue the runs that are neither finished nor in an active job; resume paused jobs.

    The runs are dealt out over the slots of this machine: one job carries many runs, since starting a job costs as much
    as a short run. On a cluster every run is a job of its own. Raises `StudyError` if the request has no run, if jobs cannot
    run on the backend, or if a job with some of the runs is still stopping.
    """
    choice.check(settings, request.backend)
    runs: list[Run] = []
    for task in request.tasks:
        arms = [arm for arm in request.arms if arm.task_id == task.id]
        if arms:
            planned = plan.plan(
                session,
                task=task,
                arms=arms,
                encoders=request.encoders,
                seeds=request.seeds,
                settings=request.settings,
                times=request.times,
            )
            runs += [*planned.new, *planned.existing]
    if not runs:
        raise StudyError(NOTHING_CHOSEN)
    return _queued(session, settings, study, runs, request.backend)


def queue_curve(
    session: Session,
    settings: settings_module.Settings,
    *,
    study: Study,
    task: Task,
    curve: CurveRequest,
    request: TrainingRequest,
) -> Queued:
    """Queue the runs of a task's learning curve with the encoders, seeds, settings and backend of a request."""
    choice.check(settings, request.backend)
    planned = plan_curve(
        session,
        task=task,
        request=curve,
        encoders=request.encoders,
        seeds=request.seeds,
        settings=request.settings,
    )
    return _queued(session, settings, study, [*planned.new, *planned.existing], request.backend)


def queue_steps_check(
    session: Session, settings: settings_module.Settings, *, study: Study, request: TrainingRequest
) -> Queued:
    """Queue the runs of a request and the same runs with half and with twice the steps."""
    parts = [
        queue_training(session, settings, study=study, request=replace(request, times=times))
        for times in (1.0, *CHECK_TIMES)
    ]
    jobs = {job.id: job for part in parts for job in part.jobs}
    return Queued(jobs=list(jobs.values()), run_ids=[run_id for part in parts for run_id in part.run_ids])


def queue_students(session: Session, settings: settings_module.Settings, *, study: Study, task: Task) -> list[Job]:
    """Queue the seed students of a task, with the encoders, seeds and training settings of its study; return their jobs.

    Raises `StudyError` as `students.plan` does.
    """
    asked = study_tasks.DEFAULT_CONFIG | study.config
    runs = students.plan(
        session, task=task, encoders=asked["encoders"], seeds=asked["seeds"],
        settings=training_settings(asked["training"]),
    )  # fmt: skip
    return _queued(session, settings, study, runs, choice.LOCAL).jobs


def queue_generation(
    session: Session, *, study: Study, task: Task, arm: Arm, arguments: Sequence[str], is_local: bool = False
) -> Job:
    """Queue the generation of an arm; an arm has one such job at a time.

    `arguments` are further options of the command generate. `is_local` says that the model runs inside the job, which
    then takes a slot of a training.
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
    """Return the slot for work that needs torch: a GPU if this machine has one, else the CPU."""
    return Slot.GPU if settings_module.load().gpus > 0 else Slot.CPU


def queue_sample(session: Session) -> Job:
    """Queue the bundled sample study, with the command `python -m core demo`."""
    study = study_tasks.study_named(session, study_tasks.SAMPLE_NAME, is_sample=True)
    return queue.enqueue(
        session, title="Sample study", command=["-m", "core", "demo"], key=Work.SAMPLE, slot=Slot.API, study_id=study.id
    )


def _queued(
    session: Session, settings: settings_module.Settings, study: Study, runs: Sequence[Run], backend: str
) -> Queued:
    """Queue those of the runs that are neither finished nor in an active job, and resume the paused jobs of the others.

    Raises `StudyError` if a job of the others is still stopping.
    """
    unfinished = [run for run in runs if run.finished_at is None]
    active = _in_active_jobs(session, unfinished)
    free = [run for run in unfinished if run.id not in active]
    gpus = choice.gpus(settings, backend)
    here = gpus * settings.slots_per_gpu or settings.slots
    slots = here if backend == choice.LOCAL else len(free)
    slot = Slot.GPU if gpus else Slot.CPU
    shares = _shares(session, free, slots)
    jobs = [
        _train(session, study, share, title=titles.of(session, share, place, len(shares)), slot=slot, backend=backend)
        for place, share in enumerate(shares, start=1)
    ]
    jobs += [_resumed(session, job) for job in _jobs(session, {run.job_id for run in unfinished if run.id in active})]
    return Queued(jobs=jobs, run_ids=[run.id for run in runs])


def _train(session: Session, study: Study, share: Sequence[Run], *, title: str, slot: Slot, backend: str) -> Job:
    numbers = ",".join(str(run.id) for run in share)
    digest = hashlib.sha256(numbers.encode()).hexdigest()[:16]
    job = queue.enqueue(
        session,
        title=title,
        key=Work.TRAIN.key(digest),
        command=carried.command([run.id for run in share]),
        slot=slot,
        study_id=study.id,
        backend=backend,
    )
    for run in share:
        run.job_id = job.id
    session.flush()
    return job


def _resumed(session: Session, job: Job) -> Job:
    """A job, queued again if it was paused: whoever asks for its runs wants them trained.

    Raises `StudyError` if the job is about to be cancelled or paused: it would train no run, and a second job at its side could
    train a run twice.
    """
    is_held = job.state in queue.HELD
    if is_held and job.cancel_requested:
        raise StudyError(f"Job {job.id}, which has some of these runs, is still stopping; try again in a few seconds.")
    is_to_resume = job.state == JobState.PAUSED or (is_held and job.pause_requested)
    return queue.resume(session, job.id) if is_to_resume else job


def _shares(session: Session, runs: Sequence[Run], slots: int) -> list[list[Run]]:
    """Deal runs out to slots that end at about the same time: the longest first, each run to the least loaded slot.

    A slot trains task by task and seed by seed, so that the first gaps with an interval are there before all seeds are.
    """
    work = pace.work_of(session, runs)
    of_arms = select(Arm.id, Arm.task_id).where(Arm.id.in_({run.arm_id for run in runs}))
    task = {row.id: row.task_id for row in session.execute(of_arms)}
    shares: list[list[Run]] = [[] for _ in range(slots)]
    for longest in sorted(runs, key=lambda run: -work[run.id]):
        min(shares, key=lambda share: sum(work[run.id] for run in share)).append(longest)
    return [sorted(share, key=lambda run: (task[run.arm_id], run.seed)) for share in shares if share]


def _in_active_jobs(session: Session, runs: Sequence[Run]) -> set[int]:
    """Return the ids of the runs that an active job carries."""
    active = set(session.scalars(select(Job.id).where(Job.state.in_(ACTIVE_JOB_STATES))))
    return {run.id for run in runs if run.job_id in active}


def _jobs(session: Session, ids: set[int | None]) -> list[Job]:
    return list(session.scalars(select(Job).where(Job.id.in_([number for number in ids if number is not None]))))
