"""Jobs that train runs: a run is in one active job at a time, and whoever asks for runs of a paused job gets them trained."""

import contextlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.jobs import carried, queue, transitions
from core.reports import Teller, silent
from core.settings import Settings
from core.steps import train
from core.steps.trained import wait
from core.study import tasks
from core.study.rows.kinds import JobState
from core.study.rows.study import Job, Run, Study, Task
from core.study.store import Store
from tests.jobs.bench import end_all
from tests.training.conftest import SETTINGS


@pytest.fixture
def one_slot(settings: Settings) -> Settings:
    return replace(settings, slots=1, gpus=0)


def queued(store: Store, settings: Settings, task: Task, seeds: int = 4) -> Job:
    """The one job that carries the runs of the real arm which are neither finished nor carried by another job."""
    with store.write() as session:
        request = train.TrainingRequest(
            [task], [tasks.get_arm(session, task, "real")], ["minilm"], list(range(seeds)), SETTINGS
        )
        study = session.get_one(Study, task.study_id)
        return train.queue_training(session, settings, study=study, request=request).jobs[0]


def end(store: Store, job: Job, state: JobState, *, finished: int = 0) -> None:
    """End a job after it has finished some of its runs."""
    with store.write() as session:
        queue.get(session, job.id).state = state
        for run_id in carried.run_ids(job)[:finished]:
            session.get_one(Run, run_id).finished_at = 1.0


def states(store: Store) -> dict[int, JobState]:
    with store() as session:
        return {job.id: job.state for job in queue.rows(session)}


def test_a_job_is_not_retried_while_another_one_trains_its_runs(store: Store, task: Task, one_slot: Settings) -> None:
    first = queued(store, one_slot, task)
    end(store, first, JobState.FAILED, finished=1)
    second = queued(store, one_slot, task)
    assert carried.run_ids(second) == carried.run_ids(first)[1:]

    with store.write() as session, pytest.raises(StudyError, match=f"job {second.id} trains its runs meanwhile"):
        queue.retry(session, first.id)
    with store.write() as session, pytest.raises(StudyError, match="trains its runs meanwhile"):
        queue.clone(session, first.id)
    with store.write() as session:
        again = queue.retry_failed(session)

    assert again == [] and states(store) == {first.id: JobState.FAILED, second.id: JobState.QUEUED}


def test_of_two_failed_jobs_with_the_same_runs_the_newer_one_trains_them(
    store: Store, task: Task, one_slot: Settings
) -> None:
    first = queued(store, one_slot, task)
    end(store, first, JobState.FAILED, finished=1)
    second = queued(store, one_slot, task)
    end(store, second, JobState.FAILED)

    with store.write() as session:
        again = queue.retry_failed(session)

    assert [job.id for job in again] == [second.id]
    assert states(store) == {first.id: JobState.FAILED, second.id: JobState.QUEUED}


def test_a_retried_job_leaves_the_runs_of_another_active_job_and_takes_up_its_own(
    store: Store, task: Task, one_slot: Settings
) -> None:
    first = queued(store, one_slot, task)
    end(store, first, JobState.CANCELLED)
    second = queued(store, one_slot, task, seeds=2)

    with store.write() as session:
        again = queue.retry(session, first.id)
        of_both = sorted(carried.run_ids(again) + carried.run_ids(second))
        job_of = {run.id: run.job_id for run in session.scalars(select(Run))}

    assert of_both == sorted(carried.run_ids(first)) and len(carried.run_ids(second)) == 2
    assert {job_of[run_id] for run_id in carried.run_ids(again)} == {first.id}


def test_the_runs_of_a_job_that_is_run_again_are_carried_by_the_new_job(
    store: Store, task: Task, one_slot: Settings
) -> None:
    first = queued(store, one_slot, task)
    end(store, first, JobState.CANCELLED)

    with store.write() as session:
        again = queue.clone(session, first.id)

    assert queued(store, one_slot, task).id == again.id
    assert len(states(store)) == 2


def test_asking_for_runs_of_a_paused_job_resumes_it(store: Store, task: Task, one_slot: Settings) -> None:
    paused = queued(store, one_slot, task)
    with store.write() as session:
        queue.request_pause(session, paused.id)

    again = queued(store, one_slot, task, seeds=2)

    assert (again.id, again.state) == (paused.id, JobState.QUEUED)
    assert states(store) == {paused.id: JobState.QUEUED}


@pytest.mark.parametrize("request_end", [queue.request_cancel, queue.request_pause])
def test_runs_of_a_job_that_is_still_stopping_are_refused_with_a_sentence_and_not_said_to_be_queued(
    store: Store, task: Task, one_slot: Settings, request_end: Callable[[Session, int], Job]
) -> None:
    stopping = queued(store, one_slot, task)
    with store.write() as session:
        transitions.claim(session, stopping, place={}, now=1.0)
        request_end(session, stopping.id)

    with pytest.raises(StudyError, match=f"Job {stopping.id}.* is still stopping; .* in a few seconds"):
        queued(store, one_slot, task)

    assert states(store) == {stopping.id: JobState.STARTING}


def test_waiting_ends_with_a_sentence_once_only_paused_jobs_are_left(
    store: Store, task: Task, one_slot: Settings
) -> None:
    job = queued(store, one_slot, task)
    with store.write() as session:
        queue.request_pause(session, job.id)

    try:
        with pytest.raises(StudyError, match=f"is paused, and nothing is left to wait for. .* jobs resume {job.id}"):
            wait.wait(one_slot, store, [job.id], Teller(bar=lambda _title: contextlib.nullcontext(silent), say=print))
    finally:
        end_all(one_slot.home)  # the runner


@pytest.mark.slow
def test_waiting_says_what_a_job_waits_for_that_the_runner_cannot_start(
    store: Store, task: Task, one_slot: Settings
) -> None:
    told: list[str] = []

    def report(_done: int, _total: int, message: str, _extra: object) -> None:
        told.append(message)
        with store.write() as session:
            queue.get(session, job.id).state = JobState.FAILED

    job = queued(store, one_slot, task)
    with store.write() as session:
        queue.get(session, job.id).backend = "ray"
        transitions.note_obstacle(session, job, "Jobs on Ray need the address of the cluster.")
    try:
        with pytest.raises(StudyError, match="need the address"):
            wait.wait(one_slot, store, [job.id], Teller(bar=lambda _title: contextlib.nullcontext(report), say=print))
    finally:
        end_all(one_slot.home)

    assert told[0] == "Jobs on Ray need the address of the cluster."
