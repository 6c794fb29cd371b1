"""The queue and the processes of jobs on a real PostgreSQL server."""

import dataclasses
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core import settings as settings_module
from core.jobs import queue, transitions
from core.settings import Settings
from core.study import store as store_module
from core.study.rows.kinds import JobState, Slot
from core.study.store import Store
from tests import postgresql
from tests.jobs.bench import Bench, lines, processes, start_runner, until


@pytest.fixture
def settings(migrated_postgresql_url: str, tmp_path: Path) -> Settings:
    return _settings(migrated_postgresql_url, tmp_path / "home")


@pytest.mark.slow
def test_many_at_once_enqueue_one_job_per_key(store: Store) -> None:
    def enqueue(_number: int) -> int:
        with store.write() as session:
            return queue.enqueue(session, title="Train", command=["-m", "core"], key="same", slot=Slot.CPU).id

    with ThreadPoolExecutor(12) as pool:
        ids = set(pool.map(enqueue, range(24)))

    assert len(ids) == 1


@pytest.mark.slow
def test_a_claim_is_won_once(store: Store) -> None:
    with store.write() as session:
        job = queue.enqueue(session, title="Train", command=["-m", "core"], key="same", slot=Slot.CPU)

    def claim(_number: int) -> bool:
        with store.write() as session:
            return transitions.claim(session, job, place={}, now=time.time()) is not None

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claim, range(8))) == 1


@pytest.mark.slow
def test_a_killed_job_is_taken_up_and_progress_is_kept(bench: Bench) -> None:
    job_id = bench.add("counting", 2)
    first = bench.step_until(job_id, JobState.RUNNING)
    os.kill(first.handle["pid"], signal.SIGKILL)

    job = bench.step_until(job_id, JobState.DONE)

    assert (job.attempt, job.progress["done"]) == (2, 2)


@pytest.mark.slow
def test_a_running_job_pauses_and_goes_on_where_it_was(bench: Bench, tmp_path: Path) -> None:
    job_id = bench.add("steps", tmp_path / "log", 15, key="generate:1")
    bench.step_until(job_id, JobState.RUNNING)
    until(lambda: lines(tmp_path / "log"))
    with bench.store.write() as session:
        queue.request_pause(session, job_id)
    paused = bench.step_until(job_id, JobState.PAUSED)

    again = bench.add("steps", tmp_path / "log", 20, key="generate:1")
    job = bench.step_until(job_id, JobState.DONE)

    assert (again, paused.max_attempts, job.attempt) == (job_id, queue.ATTEMPTS + 1, 2)
    assert [int(line[0]) for line in lines(tmp_path / "log")] == list(range(20))
    assert job.progress["rejected"] == {"refused": 20}


@pytest.mark.slow
def test_a_job_whose_endpoint_asks_to_wait_goes_on_by_itself(bench: Bench, settings: Settings, tmp_path: Path) -> None:
    job_id = bench.add("waiting", tmp_path / "log", 1, 3)
    runner = start_runner(settings, idle=1)

    assert "asks to wait" in (bench.wait_for(job_id, JobState.PAUSED).error or "")
    job = bench.wait_for(job_id, JobState.DONE)

    assert (job.attempt, job.error, job.resume_at) == (2, None, None)
    until(lambda: runner.poll() == 0)


@pytest.mark.slow
def test_two_app_hosts_on_one_database_have_one_runner(bench: Bench, settings: Settings, tmp_path: Path) -> None:
    other = dataclasses.replace(settings, home=tmp_path / "other-host")

    started = [start_runner(settings, idle=6), start_runner(other, idle=6)]

    until(lambda: sum(runner.poll() is None for runner in started) == 1)
    until(lambda: all(runner.poll() == 0 for runner in started))


@pytest.mark.slow
def test_job_and_runner_sit_out_a_restart_of_the_database(tmp_path: Path) -> None:
    with postgresql.serve() as server:
        settings = _settings(postgresql.new_database(server), tmp_path / "home")
        bench = Bench(settings, store_module.open_store(settings))
        job_id = bench.add("sleepy", tmp_path / "log", 5)
        runner = start_runner(settings, idle=2)
        bench.wait_for(job_id, JobState.RUNNING)

        bench.store.close()
        server.stop()
        time.sleep(2.5)
        server.start()

        job = bench.wait_for(job_id, JobState.DONE)
        until(lambda: runner.poll() is not None and not processes(settings))
        bench.store.close()

    assert job.attempt == 1
    assert "The beat could not be stored" in queue.log_tail(settings, job)
    assert [line[0] for line in lines(tmp_path / "log")] == ["start", "end"]
    assert runner.returncode == 0


def _settings(url: str, home: Path) -> Settings:
    environ = {"LITMUS_HOME": str(home), "LITMUS_DATABASE": url, "LITMUS_SLOTS": "2", "LITMUS_GPUS": "0"}
    return settings_module.load(environ)
