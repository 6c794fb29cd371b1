"""Pausing and resuming jobs: by a person, or by an endpoint that asks for a long wait."""

import os
import signal
import time
from pathlib import Path

import pytest

from core.errors import StudyError
from core.jobs import queue, runner, transitions
from core.jobs.backends import local
from core.settings import Settings
from core.study.rows.kinds import JobState, Slot
from core.study.rows.study import Job
from tests.jobs.bench import Bench, lines, processes, start_runner, until


def pause(bench: Bench, job_id: int) -> Job:
    with bench.store.write() as session:
        return queue.request_pause(session, job_id)


def resume(bench: Bench, job_id: int) -> Job:
    with bench.store.write() as session:
        return queue.resume(session, job_id)


def cancel(bench: Bench, job_id: int) -> Job:
    with bench.store.write() as session:
        return queue.request_cancel(session, job_id)


def awaited(bench: Bench, *, now: float) -> bool:
    with bench.store() as session:
        return queue.awaits_runner(session, now=now)


def is_gone(bench: Bench, job: Job) -> bool:
    return bench.local.poll(job, now=time.time()) == local.Verdict.GONE


@pytest.mark.slow
def test_a_running_job_pauses_and_goes_on_where_it_was(bench: Bench, tmp_path: Path) -> None:
    job_id = bench.add("steps", tmp_path / "log", 12)
    first = bench.step_until(job_id, JobState.RUNNING)
    until(lambda: len(lines(tmp_path / "log")) >= 3)

    assert pause(bench, job_id).state == JobState.RUNNING
    paused = bench.step_until(job_id, JobState.PAUSED)
    until(lambda: is_gone(bench, first))
    done = len(lines(tmp_path / "log"))
    bench.step()
    assert (paused.error, paused.pause_requested, paused.resume_at, paused.attempt) == (None, False, None, 1)
    assert 3 <= done < 12
    resume(bench, job_id)
    job = bench.step_until(job_id, JobState.DONE)

    assert [int(line[0]) for line in lines(tmp_path / "log")] == list(range(12))
    assert len({line[1] for line in lines(tmp_path / "log")}) == 2
    assert (job.attempt, job.progress["done"], job.progress["done_at_start"]) == (2, 12, done + 1)


@pytest.mark.slow
def test_work_with_points_of_its_own_pauses_at_one_of_them_and_a_cancel_does_not_wait_for_it(
    bench: Bench, tmp_path: Path
) -> None:
    ended = {}
    for ask, state in ((pause, JobState.PAUSED), (cancel, JobState.CANCELLED)):
        log = tmp_path / state
        job_id = bench.add("points", log)
        bench.step_until(job_id, JobState.RUNNING)
        until(lambda log=log: log.exists() and len(lines(log)) >= 2)

        ask(bench, job_id)
        bench.step_until(job_id, state)
        ended[state] = lines(log)[-1]

    assert ended[JobState.PAUSED] == ["kept"] and ended[JobState.CANCELLED] != ["kept"]


@pytest.mark.slow
def test_a_job_notices_its_pause_without_a_runner(bench: Bench, tmp_path: Path) -> None:
    job_id = bench.add("sleepy", tmp_path / "log", 60)
    bench.step_until(job_id, JobState.RUNNING)

    pause(bench, job_id)

    assert bench.wait_for(job_id, JobState.PAUSED).attempt == 1


@pytest.mark.slow
def test_pauses_use_up_no_attempt(bench: Bench, tmp_path: Path) -> None:
    job_id = bench.add("sleepy", tmp_path / "log", 60)
    for _ in range(queue.ATTEMPTS + 1):
        bench.step_until(job_id, JobState.RUNNING)
        pause(bench, job_id)
        bench.step_until(job_id, JobState.PAUSED)
        resume(bench, job_id)
    killed = bench.step_until(job_id, JobState.RUNNING)

    os.kill(killed.handle["pid"], signal.SIGKILL)

    job = bench.step_until(job_id, JobState.QUEUED, JobState.STARTING, JobState.FAILED)
    assert job.state != JobState.FAILED
    assert job.max_attempts - killed.attempt == queue.ATTEMPTS - 1


@pytest.mark.slow
def test_a_job_killed_while_it_pauses_is_paused_and_not_started_again(bench: Bench) -> None:
    job_id = bench.add("stubborn")
    job = bench.step_until(job_id, JobState.RUNNING)

    pause(bench, job_id)
    os.kill(job.handle["pid"], signal.SIGKILL)
    paused = bench.step_until(job_id, JobState.PAUSED)
    bench.step()

    assert (paused.pause_requested, paused.attempt, paused.max_attempts) == (False, 1, queue.ATTEMPTS + 1)
    assert bench.job(job_id).state == JobState.PAUSED


@pytest.mark.slow
def test_a_pause_noted_after_the_runner_looked_is_kept_when_the_process_vanishes(bench: Bench, tmp_path: Path) -> None:
    job_id = bench.add("sleepy", tmp_path / "log", 60)
    seen = bench.step_until(job_id, JobState.RUNNING)
    os.kill(seen.handle["pid"], signal.SIGKILL)
    pause(bench, job_id)

    with bench.store.write() as session:
        assert transitions.lost(session, seen, now=time.time()) == JobState.PAUSED


@pytest.mark.slow
def test_a_pause_gives_a_job_longer_to_end_than_a_cancel_which_counts_from_its_own_moment(
    bench: Bench, tmp_path: Path
) -> None:
    job = bench.step_until(bench.add("storing", tmp_path / "log", 60), JobState.RUNNING)
    until(lambda: lines(tmp_path / "log"))

    for now in (0.0, 10.0, 29.0):
        bench.local.stop(job, now=now)
    assert not is_gone(bench, job)

    job.cancel_requested = True
    for now in (29.0, 33.0):
        bench.local.stop(job, now=now)
    time.sleep(1)
    assert not is_gone(bench, job)
    bench.local.stop(job, now=35.0)
    until(lambda: is_gone(bench, job))


@pytest.mark.slow
def test_a_cancel_during_a_pause_leaves_the_job_its_own_seconds_to_store_what_it_has(
    bench: Bench, tmp_path: Path
) -> None:
    seconds = local.PATIENCE[transitions.Wish.END] + 2
    job_id = bench.add("storing", tmp_path / "log", seconds)
    bench.step_until(job_id, JobState.RUNNING)
    until(lambda: lines(tmp_path / "log"))

    pause(bench, job_id)
    until(lambda: lines(tmp_path / "log")[-1] == ["asked"])
    time.sleep(seconds - 1)
    cancel(bench, job_id)
    bench.step_until(job_id, JobState.CANCELLED)

    assert lines(tmp_path / "log")[-1] == ["stored"]


@pytest.mark.slow
def test_a_cancel_goes_before_a_pause(bench: Bench, tmp_path: Path) -> None:
    job_id = bench.add("sleepy", tmp_path / "log", 60)
    bench.step_until(job_id, JobState.RUNNING)

    pause(bench, job_id)
    cancel(bench, job_id)

    assert bench.wait_for(job_id, JobState.CANCELLED).error is None


@pytest.mark.slow
def test_a_queued_job_pauses_at_once_and_is_not_started(bench: Bench, tmp_path: Path) -> None:
    job_id = bench.add("sleepy", tmp_path / "log", 0)

    assert pause(bench, job_id).state == JobState.PAUSED
    bench.step()
    assert bench.job(job_id).attempt == 0
    resume(bench, job_id)

    job = bench.step_until(job_id, JobState.DONE)
    assert (job.attempt, job.max_attempts) == (1, queue.ATTEMPTS)


def test_a_paused_job_is_cancelled_at_once_and_can_be_retried(bench: Bench, tmp_path: Path) -> None:
    job_id = bench.add("sleepy", tmp_path / "log", 0)
    pause(bench, job_id)

    cancelled = cancel(bench, job_id)
    with bench.store.write() as session:
        again = queue.retry(session, job_id)

    assert cancelled.state == JobState.CANCELLED and cancelled.finished_at
    assert (again.state, again.pause_requested, again.resume_at) == (JobState.QUEUED, False, None)


def test_a_paused_job_keeps_its_key_and_goes_on_when_it_is_asked_for_again(bench: Bench) -> None:
    job_id = bench.add("sleepy", "old", 0, key="generate:1")
    pause(bench, job_id)

    assert bench.add("sleepy", "new", 0, key="generate:1") == job_id
    job = bench.job(job_id)
    assert (job.state, job.command[2:]) == (JobState.QUEUED, ["new", "0"])


def test_a_paused_job_that_is_asked_for_with_another_slot_and_backend_takes_these(bench: Bench) -> None:
    job_id = bench.add("sleepy", "old", 0, key="generate:1", slot=Slot.API)
    pause(bench, job_id)

    with bench.store.write() as session:
        job = queue.enqueue(
            session, title="Again", command=["-m", "core"], key="generate:1", slot=Slot.GPU, backend="ray"
        )

    assert job.id == job_id
    assert (job.title, job.slot, job.backend) == ("Again", Slot.GPU, "ray")


@pytest.mark.slow
def test_what_cannot_be_paused_or_resumed_says_so(bench: Bench, tmp_path: Path) -> None:
    ended, queued, stopping = (
        bench.add("failing", "code"),
        bench.add("sleepy", tmp_path / "a", 0),
        bench.add("stubborn"),
    )
    bench.step_until(ended, JobState.FAILED)
    bench.step_until(stopping, JobState.RUNNING)
    pause(bench, stopping)

    with pytest.raises(StudyError, match="already failed: there is nothing to pause"):
        pause(bench, ended)
    with pytest.raises(StudyError, match="only a paused job can be resumed"):
        resume(bench, queued)
    with pytest.raises(StudyError, match="still stopping"):
        resume(bench, stopping)
    with pytest.raises(StudyError, match="no job 99"):
        pause(bench, 99)


@pytest.mark.slow
def test_an_endpoint_that_asks_for_a_long_wait_pauses_the_job_until_then(bench: Bench, tmp_path: Path) -> None:
    job_id = bench.add("waiting", tmp_path / "log", 1, 3600)

    paused = bench.step_until(job_id, JobState.PAUSED)

    assert paused.error == "The endpoint asks to wait 3600 seconds."
    assert paused.resume_at == pytest.approx(time.time() + 3600, abs=30)
    assert (paused.finished_at, paused.max_attempts) == (None, queue.ATTEMPTS + 1)
    assert runner.step(bench.store, {"local": bench.local}, now=time.time() + 3590)
    assert bench.job(job_id).state == JobState.PAUSED
    runner.step(bench.store, {"local": bench.local}, now=time.time() + 3601)
    woken = bench.job(job_id)
    assert (woken.state, woken.resume_at, woken.error) == (JobState.STARTING, None, None)
    bench.step_until(job_id, JobState.DONE)


@pytest.mark.slow
def test_a_job_that_is_paused_until_some_time_can_be_held_back_or_resumed_before(bench: Bench, tmp_path: Path) -> None:
    job_id = bench.add("waiting", tmp_path / "log", 1, 3600)
    bench.step_until(job_id, JobState.PAUSED)

    held = pause(bench, job_id)
    runner.step(bench.store, {"local": bench.local}, now=time.time() + 7200)
    assert (held.resume_at, bench.job(job_id).state) == (None, JobState.PAUSED)
    resume(bench, job_id)

    assert bench.step_until(job_id, JobState.DONE).attempt == 2


def test_a_runner_waits_for_a_job_that_goes_on_within_a_day_and_for_no_other_paused_one(bench: Bench) -> None:
    job_id = bench.add("sleepy", "unused", 0)
    assert awaited(bench, now=0.0)
    pause(bench, job_id)
    assert not awaited(bench, now=0.0)

    with bench.store.write() as session:
        queue.get(session, job_id).resume_at = 100_000.0

    assert not awaited(bench, now=10_000.0)
    assert awaited(bench, now=20_000.0)


@pytest.mark.slow
def test_the_runner_stays_until_an_endpoint_may_be_asked_again_and_leaves_a_held_job_alone(
    bench: Bench, settings: Settings, tmp_path: Path
) -> None:
    job_id, held = bench.add("waiting", tmp_path / "log", 2, 4), bench.add("sleepy", tmp_path / "held", 0)
    pause(bench, held)
    started = start_runner(settings, idle=1)

    bench.wait_for(job_id, JobState.PAUSED)
    job = bench.wait_for(job_id, JobState.DONE)

    assert (job.attempt, len(lines(tmp_path / "log"))) == (3, 3)
    until(lambda: started.poll() == 0 and not processes(settings))
    assert bench.job(held).state == JobState.PAUSED
