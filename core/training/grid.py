"""The grid of a study's trainings: every task, arm, encoder and seed with the state of its newest run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd
from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from core.study.rows.kinds import ACTIVE_JOB_STATES, JobState, Purpose
from core.study.rows.study import Arm, Job, Run, Task
from core.training import runs

COLUMNS = ["task", "arm", "encoder", "seed", "n_train", "state", "share", "run_id", "job_id"]


class CellState(StrEnum):
    """How far a run is; `stopped` if its job failed, was cancelled or is gone."""

    DONE = "done"
    RUNNING = "running"
    PAUSED = "paused"
    WAITING = "waiting"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Grid:
    """The cells of a study, and its runs that are not finished.

    `cells`: a row per task, arm, encoder and seed, in the order of tasks and arms: `COLUMNS`. `share` is the share of its steps
    that a running run has done, in [0, 1], nan for other states. Of several runs of a cell one that is to come counts, else the one that
    finished or stopped last. `carriers`: the jobs of the unfinished runs.
    """

    cells: pd.DataFrame
    unfinished: tuple[Run, ...]
    carriers: tuple[Job, ...]

    @property
    def counts(self) -> Mapping[str, int]:
        """The number of cells in each state that occurs, in the order of the states."""
        found = self.cells["state"].value_counts()
        return {state: int(found[state]) for state in CellState if state in found}


def read(session: Session, study_id: int) -> Grid:
    """The grid of a study; empty if no run of the comparison was ever planned."""
    query = (
        select(Task.name, Arm.name, Run)
        .join(Arm, Arm.id == Run.arm_id)
        .join(Task, Task.id == Arm.task_id)
        .where(Task.study_id == study_id)
        .order_by(Task.id, Arm.id, Run.encoder, Run.seed, Run.id)
        .options(defer(Run.facts))
    )
    found = session.execute(query).all()
    jobs = {job.id: job for job in session.scalars(select(Job).where(Job.id.in_({run.job_id for _, _, run in found})))}
    running = _running(
        [run for _, _, run in found], jobs, {run.id: runs.title(task, arm, run.seed) for task, arm, run in found}
    )
    chosen: dict[tuple[str, str, str, int], Run] = {}
    for task, arm, run in found:
        if run.purpose != Purpose.COMPARISON:
            continue
        key = (task, arm, run.encoder, run.seed)
        if key not in chosen or _newness(run, jobs) >= _newness(chosen[key], jobs):
            chosen[key] = run
    rows = [
        (*key, run.n_train, _state(run, jobs, running), running.get(run.id, float("nan")), run.id, run.job_id)
        for key, run in chosen.items()
    ]
    unfinished = tuple(run for run in chosen.values() if run.finished_at is None and _is_to_come(run, jobs))
    carriers = tuple(jobs[number] for number in sorted({run.job_id or 0 for run in unfinished}))
    return Grid(pd.DataFrame(rows, columns=COLUMNS), unfinished, carriers)


def has_begun(session: Session, job: Job, run: Run) -> bool:
    """Whether a job that is to train a run has begun the run, or is past it, as far as its progress says."""
    at = job.progress
    if job.state != JobState.RUNNING or not at or at.get("started_at", 0) < (job.started_at or 0):
        return False
    order = _order(job)
    ahead = order[: order.index(run.id)] if run.id in order else []
    found = session.scalars(select(Run).where(Run.id.in_(ahead)))
    return bool(at["done"] >= sum(_steps(other) for other in found))


def _newness(run: Run, jobs: Mapping[int, Job]) -> tuple[bool, float]:
    """Orders the runs of a cell: those to come are newer than all others, which go by the time at which they finished or stopped."""
    job = jobs.get(run.job_id or 0)
    ended = run.finished_at or (job.finished_at if job is not None else None) or 0.0
    return run.finished_at is None and _is_to_come(run, jobs), ended


def _is_to_come(run: Run, jobs: Mapping[int, Job]) -> bool:
    job = jobs.get(run.job_id or 0)
    return job is not None and job.state in ACTIVE_JOB_STATES


def _state(run: Run, jobs: Mapping[int, Job], running: Mapping[int, float]) -> CellState:
    if run.finished_at is not None:
        return CellState.DONE
    if not _is_to_come(run, jobs):
        return CellState.STOPPED
    if jobs[run.job_id or 0].state == JobState.PAUSED:
        return CellState.PAUSED
    return CellState.RUNNING if run.id in running else CellState.WAITING


def _running(planned: Sequence[Run], jobs: Mapping[int, Job], titles: Mapping[int, str]) -> dict[int, float]:
    """The runs that running jobs are training now, with the share of their steps that is done, by run id.

    A job trains the runs of its command one after another, and reports the title of the current one and the steps over all of
    them; the steps of runs that another job has finished are counted as done.
    """
    found: dict[int, float] = {}
    known = {run.id: run for run in planned}
    for job in jobs.values():
        at = job.progress
        if job.state != JobState.RUNNING or not at.get("message"):
            continue
        before = 0
        for run in [known[run_id] for run_id in _order(job) if run_id in known]:
            steps = _steps(run)
            is_past = 0 < steps < at["done"] - before  # it could not be trained, and another one of its title is next
            is_own = run.job_id == job.id and run.finished_at is None
            if is_own and not is_past and titles[run.id] == at["message"]:
                found[run.id] = max(0.0, (at["done"] - before) / steps) if steps else 0.0
                break
            before += steps
    return found


def _order(job: Job) -> list[int]:
    """The ids of the runs of a job's command, in the order in which it trains them; some may be carried by other jobs meanwhile."""
    listed = str(job.command[-1]).split(",") if job.command else []
    return [int(number) for number in listed if number.isdecimal()]


def _steps(run: Run) -> int:
    """The number of steps with which a run was planned."""
    return int(run.config["training"].get("steps", 0))
