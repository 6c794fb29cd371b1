"""Real Ray: two nodes on this machine, records in PostgreSQL, files in an S3 bucket."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import func, select

from core import files_room
from core import settings as settings_module
from core.jobs import queue
from core.jobs.backends import choice
from core.settings import Settings
from core.steps import train
from core.study import tasks
from core.study.rows.kinds import JobState, Split
from core.study.rows.study import Job, Prediction, Run, Task
from core.study.store import Store
from core.training.settings import training_settings
from tests import tiny_encoder
from tests.cluster import ray_cluster, s3_gateway
from tests.cluster.ray_cluster import RayCluster
from tests.cluster.rounds import Rounds
from tests.ports import free_port

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def files_url() -> Iterator[str]:
    os.environ.update(s3_gateway.KEYS | s3_gateway.PLAIN)
    with s3_gateway.serve(free_port()) as url:
        yield url


@pytest.fixture(scope="module")
def node_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("node") / "node.env"


@pytest.fixture(scope="module")
def ray(tmp_path_factory: pytest.TempPathFactory, node_file: Path) -> Iterator[RayCluster]:
    pytest.importorskip("ray", reason="Ray is not installed: it is in requirements-dev.txt")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LITMUS_", "AWS_", "COV_"))}
    with ray_cluster.serve(tmp_path_factory.mktemp("ray"), clean) as started:
        yield started


@pytest.fixture
def settings(
    migrated_postgresql_url: str, tmp_path: Path, ray: RayCluster, node_file: Path, files_url: str
) -> Settings:
    keys = "".join(f"{name}={value}\n" for name, value in (s3_gateway.KEYS | s3_gateway.PLAIN).items())
    node_file.write_text(
        f"# a node\nLITMUS_DATABASE={migrated_postgresql_url}\nLITMUS_FILES={files_url}\nLITMUS_CHECKPOINT_SECONDS=0\n{keys}"
    )
    environ = {
        "LITMUS_HOME": str(tmp_path / "home"), "LITMUS_DATABASE": migrated_postgresql_url, "LITMUS_FILES": files_url,
        "LITMUS_RAY_ADDRESS": ray.address, "RAY_AUTH_TOKEN": ray_cluster.TOKEN, "LITMUS_NODE_FILE": str(node_file),
        "LITMUS_SLOTS": "1", "LITMUS_GPUS": "0",
    }  # fmt: skip
    return settings_module.load(environ)


@pytest.fixture
def rounds(settings: Settings, store: Store) -> Rounds:
    return Rounds(settings, store, backend="ray")


def test_a_job_is_cancelled_and_its_log_is_read_from_ray(rounds: Rounds, tmp_path: Path) -> None:
    job_id = rounds.add("tests.jobs.payloads.steps", tmp_path / "log", 1000, key="steps")
    (running,) = rounds.until(lambda jobs: jobs[0].state == JobState.RUNNING and jobs[0].progress)
    with rounds.store.write() as session:
        queue.request_cancel(session, job_id)

    rounds.until(lambda jobs: jobs[0].state == JobState.CANCELLED)

    deadline = time.monotonic() + 10
    while psutil.pid_exists(running.handle["pid"]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert ".1] begins: -m tests.jobs.payloads.steps" in choice.log_tail(rounds.settings, running)


def test_a_node_that_is_not_set_up_says_so_in_the_job(rounds: Rounds, node_file: Path, tmp_path: Path) -> None:
    node_file.write_text("# nothing yet\n")
    rounds.add("tests.jobs.payloads.steps", tmp_path / "log", 2, key="steps")

    (job,) = rounds.until(lambda jobs: jobs[0].state == JobState.FAILED)

    assert "could not be started 5 times" in str(job.error)
    assert "has no LITMUS_DATABASE: write it into" in str(job.error)


def test_no_secret_is_sent_to_ray(rounds: Rounds, tmp_path: Path) -> None:
    rounds.add("tests.jobs.payloads.steps", tmp_path / "log", 2, key="steps")

    (job,) = rounds.until(lambda jobs: jobs[0].state == JobState.DONE)

    ray: Any = rounds.backends["ray"]
    sent = str(ray.api.job(job.handle["ray"]))
    assert job.handle["ray"] in sent
    assert rounds.settings.database_url not in sent
    assert all(secret not in sent for secret in s3_gateway.KEYS.values())


def test_a_sweep_over_two_nodes_survives_the_death_of_one(
    rounds: Rounds, ray: RayCluster, task: Task, add_real: Callable[[Split, int], None], files_url: str, tmp_path: Path
) -> None:
    encoder = tiny_encoder.build(tmp_path / "encoder")
    add_real(Split.TRAIN, 40)
    add_real(Split.TEST, 30)
    with rounds.store.write() as session:
        request = train.TrainingRequest(
            [task],
            tasks.arms(session, task.id),
            [str(encoder)],
            range(8),
            training_settings({"steps": 60, "max_length": 32}),
            backend="ray",
        )
        study = tasks.study_named(session, "letters")
        queued = train.queue_training(session, rounds.settings, study=study, request=request)
    assert len(queued.jobs) == 8
    jobs = rounds.until(lambda jobs: _nodes(jobs, ray).keys() >= {"first", "second"})
    assert choice.conditions(rounds.settings)["Ray"].sentences[0].endswith("3 nodes with 2 CPUs and 0 GPUs.")

    with rounds.store() as session:
        doomed = session.scalars(select(Run).where(Run.job_id == _nodes(jobs, ray)["second"])).one()
    room = files_room.open_room(files_url)
    rounds.until(lambda _jobs: room.get(f"run-{doomed.id}.safetensors"))
    ray.kill("second")
    jobs = rounds.until(lambda jobs: all(job.state not in queue.HELD + (JobState.QUEUED,) for job in jobs))

    assert [str(job.state) for job in jobs] == ["done"] * 8
    assert [job.attempt for job in jobs if job.id == doomed.job_id] == [2]
    assert {job.attempt for job in jobs} == {1, 2}  # jobs that waited on the dead node were placed again too
    with rounds.store() as session:
        runs = list(session.scalars(select(Run).order_by(Run.id)))
        counts = session.execute(select(Prediction.run_id, func.count()).group_by(Prediction.run_id)).all()
    assert all(run.finished_at for run in runs)
    assert dict(map(tuple, counts)) == {run.id: 60 for run in runs}
    assert [run.id for run in runs if run.facts.get("resumed_at")] == [doomed.id]
    assert room.names("run-") == []


def _nodes(jobs: list[Job], ray: RayCluster) -> dict[str, int]:
    """The job that runs on each node, by the node's name; nodes without a running job are left out."""
    pids = {process.pid: name for name in ("first", "second") for process in ray.processes(name)}
    running = {job.handle["pid"]: job.id for job in jobs if job.state == JobState.RUNNING}
    return {pids[pid]: job_id for pid, job_id in running.items() if pid in pids}
