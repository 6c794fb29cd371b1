"""The grid of trainings: every cell once, with the state of its run and its job."""

import math
import time

import pytest
from sqlalchemy.orm import Session

from core.jobs import progress, queue
from core.study import tasks
from core.study.rows.kinds import JobState, Purpose, Slot
from core.study.rows.study import Job, Run, Task
from core.study.store import Store
from core.training import grid, plan
from core.training.grid import CellState
from tests.training.conftest import SETTINGS


def planned(session: Session, task: Task, *, steps: int = 6) -> list[Run]:
    arms = tasks.arms(session, task.id)
    settings = SETTINGS.model_copy(update={"steps": steps})
    return plan.plan(session, task=task, arms=arms, encoders=["a"], seeds=range(3), settings=settings).new


def in_job(session: Session, runs: list[Run], state: JobState, **values: object) -> Job:
    listed = ",".join(str(run.id) for run in runs)
    command = ["-m", "core", "train-runs", "--runs", listed]
    job = queue.enqueue(session, title="t", command=command, key=f"train:{listed}", slot=Slot.CPU)
    job.state = state
    for name, value in values.items():
        setattr(job, name, value)
    for run in runs:
        run.job_id = job.id
    session.flush()
    return job


def states(session: Session, task: Task) -> list[str]:
    return list(grid.read(session, task.study_id).cells["state"])


def test_a_study_without_runs_has_an_empty_grid(store: Store, task: Task) -> None:
    with store() as session:
        found = grid.read(session, task.study_id)

    assert found.cells.empty
    assert (found.counts, found.unfinished, found.carriers) == ({}, (), ())


def test_a_run_waits_runs_is_done_or_has_stopped(store: Store, task: Task) -> None:
    with store.write() as session:
        runs = planned(session, task)
        runs[0].finished_at = 1.0
        at = {"message": "reviews · real · seed 1", "done": 9, "total": 18}
        in_job(session, runs[:3], JobState.RUNNING, progress=at)
        in_job(session, runs[3:4], JobState.FAILED)
        in_job(session, runs[4:5], JobState.PAUSED)

        found = grid.read(session, task.study_id)

    assert list(found.cells["state"]) == [
        CellState.DONE, CellState.RUNNING, CellState.WAITING, CellState.STOPPED, CellState.PAUSED, CellState.STOPPED,
    ]  # fmt: skip
    assert found.cells["share"].iloc[1] == pytest.approx(0.5)
    assert math.isnan(found.cells["share"].iloc[2])
    assert {run.id for run in found.unfinished} == {runs[1].id, runs[2].id, runs[4].id}
    assert found.counts == {"done": 1, "running": 1, "paused": 1, "waiting": 1, "stopped": 2}


def test_a_job_of_many_runs_names_the_one_it_is_at(store: Store, task: Task) -> None:
    with store.write() as session:
        runs = planned(session, task)
        at = {"message": "reviews · zero-shot · seed 2", "done": 33, "total": 36}
        in_job(session, runs, JobState.RUNNING, progress=at)

        cells = grid.read(session, task.study_id).cells

    assert list(cells["state"]).count(CellState.RUNNING) == 1
    assert cells.loc[cells["state"] == CellState.RUNNING, ["arm", "seed", "share"]].to_numpy().tolist() == [
        ["zero-shot", 2, pytest.approx(0.5)]
    ]


def test_of_two_runs_of_a_cell_the_unfinished_one_counts_else_the_newest(store: Store, task: Task) -> None:
    with store.write() as session:
        old, new = planned(session, task), planned(session, task, steps=8)
        for run in (*old, new[0]):
            run.finished_at = 1.0
        in_job(session, new[1:], JobState.QUEUED)

        cells = grid.read(session, task.study_id).cells

    assert list(cells["run_id"]) == [run.id for run in new]
    assert list(cells["state"]) == [CellState.DONE] + [CellState.WAITING] * 5


def test_a_run_that_was_stopped_hides_none_that_finished_later(store: Store, task: Task) -> None:
    with store.write() as session:
        cancelled, done = planned(session, task), planned(session, task, steps=8)
        in_job(session, cancelled, JobState.CANCELLED).finished_at = 5.0
        for run in done[:4]:
            run.finished_at = 9.0
        for run in done[4:]:
            run.finished_at = 3.0

        found = grid.read(session, task.study_id)

    assert list(found.cells["run_id"]) == [run.id for run in (*done[:4], *cancelled[4:])]
    assert found.counts == {"done": 4, "stopped": 2}
    assert found.unfinished == ()


def test_the_time_left_is_that_of_the_job_that_ends_last(store: Store, task: Task) -> None:
    now = time.time()
    with store.write() as session:
        runs = planned(session, task)
        for share, done in ((runs[:3], 9), (runs[3:], 3)):
            at = {"message": "", "done": done, "total": 30, "started_at": now - 90, "at": now, "done_at_start": 0}
            in_job(session, share, JobState.RUNNING, progress=at)
        slow = progress.longest_left(grid.read(session, task.study_id).carriers, now)
        in_job(session, runs[3:], JobState.RUNNING, progress=at | {"recent_at": now - 60, "recent_done": 0})
        recent = progress.longest_left(grid.read(session, task.study_id).carriers, now)
        in_job(session, runs[:1], JobState.QUEUED)
        waiting = progress.longest_left(grid.read(session, task.study_id).carriers, now)

    assert slow == pytest.approx(27 * 30, abs=20)
    assert recent == pytest.approx(27 * 20, abs=20)
    assert math.isnan(waiting)


def test_a_job_that_also_carries_a_run_of_another_purpose_shows_the_right_share(store: Store, task: Task) -> None:
    with store.write() as session:
        runs = planned(session, task)
        runs[0].purpose = Purpose.LEARNING_CURVE
        at = {"message": "reviews · real · seed 1", "done": 9, "total": 18}
        in_job(session, runs[:3], JobState.RUNNING, progress=at)
        runs[0].finished_at = 1.0

        cells = grid.read(session, task.study_id).cells

    assert runs[0].id not in set(cells["run_id"])
    assert cells.loc[cells["run_id"] == runs[1].id, "share"].iloc[0] == pytest.approx(0.5)


def test_a_clone_whose_first_run_another_job_has_finished_shows_the_share_of_the_run_that_it_is_at(
    store: Store, task: Task
) -> None:
    with store.write() as session:
        runs = planned(session, task)
        in_job(session, runs[:3], JobState.FAILED)
        runs[0].finished_at = 1.0
        at = {"message": "reviews · real · seed 1", "done": 6, "total": 18}
        clone = in_job(session, runs[1:3], JobState.RUNNING, progress=at)
        clone.command = [*clone.command[:-1], ",".join(str(run.id) for run in runs[:3])]

        cells = grid.read(session, task.study_id).cells

    assert cells.loc[cells["run_id"] == runs[1].id, "share"].iloc[0] == 0.0
