"""Real Slurm: one node on this machine, records in PostgreSQL."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select

from core import settings as settings_module
from core.jobs import queue
from core.jobs.backends import choice
from core.settings import Settings
from core.steps import train
from core.study import tasks
from core.study.rows.kinds import JobState, Split
from core.study.rows.study import Run, Task
from core.study.store import Store
from core.training.settings import training_settings
from tests.cluster import slurm_cluster
from tests.cluster.rounds import Rounds
from tests.cluster.slurm_cluster import SlurmCluster
from tests.jobs.bench import lines, until
from tests.ports import free_ports

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(600)]
SAVED_SECONDS = 7.0  # Slurm's controller writes its state some seconds after a job was submitted


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    with slurm_cluster.serve(tmp_path_factory.mktemp("slurm"), free_ports(2)) as cluster:
        os.environ.update(cluster.environ)
        yield cluster
        for name in cluster.environ:
            del os.environ[name]


@pytest.fixture
def settings(migrated_postgresql_url: str, tmp_path: Path, slurm: SlurmCluster) -> Settings:
    node_file = tmp_path / "node.env"
    node_file.write_text(f"LITMUS_DATABASE={migrated_postgresql_url}\nPYTHONPATH=.\n")
    environ = {
        "LITMUS_HOME": str(tmp_path / "home"), "LITMUS_DATABASE": migrated_postgresql_url, "LITMUS_SLOTS": "1",
        "LITMUS_GPUS": "0", "LITMUS_NODE_FILE": str(node_file), "LITMUS_SLURM_OPTIONS": "--cpus-per-task=1",
    }  # fmt: skip
    return settings_module.load(environ)


@pytest.fixture
def rounds(settings: Settings, store: Store) -> Rounds:
    return Rounds(settings, store, backend="slurm")


def test_a_running_job_and_a_waiting_job_are_cancelled(rounds: Rounds, tmp_path: Path) -> None:
    ids = [rounds.add("tests.jobs.payloads.steps", tmp_path / f"log-{n}", 1000, key=f"steps {n}") for n in range(3)]
    jobs = rounds.until(lambda jobs: sum(job.state == JobState.RUNNING for job in jobs) == min(2, os.cpu_count() or 1))
    pids = [job.handle["pid"] for job in jobs if job.state == JobState.RUNNING]
    with rounds.store.write() as session:
        for job_id in ids:
            queue.request_cancel(session, job_id)

    rounds.until(lambda jobs: all(job.state == JobState.CANCELLED for job in jobs))

    until(lambda: not any(psutil.pid_exists(pid) for pid in pids))
    assert ".1] begins: -m tests.jobs.payloads.steps" in choice.log_tail(rounds.settings, jobs[0])


def test_a_killed_job_goes_on_and_a_restart_of_the_controller_disturbs_no_job(
    rounds: Rounds, slurm: SlurmCluster, tmp_path: Path
) -> None:
    rounds.add("tests.jobs.payloads.steps", tmp_path / "log", 120, key="steps")
    (job,) = rounds.until(lambda jobs: jobs[0].state == JobState.RUNNING and len(lines(tmp_path / "log")) > 3)
    os.kill(job.handle["pid"], signal.SIGKILL)
    (job,) = rounds.until(lambda jobs: jobs[0].state == JobState.RUNNING and jobs[0].attempt == 2)
    time.sleep(SAVED_SECONDS)

    slurm.kill_controller()
    down = choice.conditions(rounds.settings)["Slurm"].problems
    rounds.until(lambda _jobs: len(lines(tmp_path / "log")) > 60)
    slurm.start_controller()
    (job,) = rounds.until(lambda jobs: jobs[0].state == JobState.DONE)

    assert "It does not answer" in down[0]
    assert job.attempt == 2
    assert [int(line[0]) for line in lines(tmp_path / "log")] == list(range(120))


def test_options_that_slurm_refuses_are_said_in_the_job(rounds: Rounds, tmp_path: Path) -> None:
    options = {"LITMUS_SLURM_OPTIONS": "--partition=nowhere", "LITMUS_DATABASE": rounds.settings.database_url}
    refused = settings_module.load(options | {"LITMUS_HOME": str(rounds.settings.home)})
    wrong = Rounds(refused, rounds.store, backend="slurm")
    wrong.add("tests.jobs.payloads.steps", tmp_path / "log", 2, key="steps")

    (job,) = wrong.until(lambda jobs: jobs[0].state == JobState.FAILED)

    assert "Invalid partition" in str(job.error)


def test_a_sweep_trains_every_run_once(
    rounds: Rounds, task: Task, add_real: Callable[[Split, int], None], slurm: SlurmCluster
) -> None:
    add_real(Split.TRAIN, 20)
    add_real(Split.TEST, 20)
    with rounds.store.write() as session:
        settings = training_settings({"steps": 3})
        request = train.TrainingRequest(
            [task], tasks.arms(session, task.id), ["minilm"], range(2), settings, backend="slurm"
        )
        study = tasks.study_named(session, "letters")
        train.queue_training(session, rounds.settings, study=study, request=request)

    jobs = rounds.until(lambda jobs: all(job.state not in (*queue.HELD, JobState.QUEUED) for job in jobs))

    assert [(str(job.state), job.attempt) for job in jobs] == [("done", 1)] * 2
    assert choice.conditions(rounds.settings)["Slurm"].sentences[0] == "Nodes that take jobs: 1 of 1, with 0 GPUs."
    with rounds.store() as session:
        assert all(run.finished_at for run in session.scalars(select(Run)))
