"""Where jobs run: what is set up, what is refused, what a cluster is told, and when a silent job is given up."""

import contextlib
import re
import socketserver
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core import settings as settings_module
from core.errors import StudyError
from core.jobs import node, queue, runner, transitions
from core.jobs.backends import choice, cluster, slurm
from core.jobs.backends.backend import BEAT_SECONDS, Verdict
from core.jobs.backends.local import Local
from core.jobs.backends.ray import Ray
from core.settings import Settings
from core.study.rows.kinds import JobState, Slot
from core.study.rows.study import Job
from core.study.store import Store
from tests.ports import free_port


def queued(store: Store, *, backend: str, key: str = "train:1") -> Job:
    with store.write() as session:
        return queue.enqueue(session, title="Train", command=["-m", "core"], key=key, slot=Slot.CPU, backend=backend)


def with_ray(settings: Settings, database: str = "postgresql+psycopg://user:secret@host/litmus") -> Settings:
    address = f"http://127.0.0.1:{free_port()}"
    found = {"LITMUS_HOME": str(settings.home), "LITMUS_RAY_ADDRESS": address, "RAY_AUTH_TOKEN": "token"}
    return settings_module.load(found | {"LITMUS_DATABASE": database})


def claimed(store: Store, job: Job, *, beat_at: float) -> Job:
    with store.write() as session:
        found = transitions.claim(session, job, place={}, now=beat_at)
    assert found is not None
    return found


def test_a_place_that_is_not_set_up_is_refused_with_the_way_out(settings: Settings) -> None:
    with pytest.raises(StudyError, match="set LITMUS_RAY_ADDRESS"):
        choice.check(settings, "ray")
    with pytest.raises(StudyError, match="'moon' is none of them"):
        choice.check(settings, "moon")


def test_a_cluster_is_refused_while_the_records_are_in_a_file(settings: Settings) -> None:
    with pytest.raises(StudyError, match="Keep them in PostgreSQL: set LITMUS_DATABASE"):
        choice.check(with_ray(settings, settings.database_url), "ray")


def test_a_cluster_that_does_not_answer_is_a_sentence(settings: Settings) -> None:
    found = with_ray(settings)

    with pytest.raises(StudyError, match="Ray: It does not answer at http://127.0.0.1"):
        choice.check(found, "ray")
    assert choice.conditions(found)["Ray"].sentences == []
    assert "correct LITMUS_RAY_ADDRESS" in choice.conditions(found)["Ray"].problems[0]


def test_jobs_wait_while_their_cluster_does_not_answer(settings: Settings, store: Store) -> None:
    job = queued(store, backend="ray")

    runner.step(store, {"ray": Ray(with_ray(settings))}, now=time.time())

    with store() as session:
        assert queue.get(session, job.id).state == JobState.QUEUED


def test_a_job_of_a_place_that_the_runner_lacks_waits_for_a_runner_that_has_it_and_says_what_is_missing(
    store: Store,
) -> None:
    job = queued(store, backend="ray")
    nowhere = queued(store, backend="moon", key="train:2")

    is_needed = runner.step(store, {}, now=time.time())

    with store() as session:
        waiting, failed = queue.get(session, job.id), queue.get(session, nowhere.id)
        assert queue.awaits_runner(session, now=time.time()) and not is_needed
    assert (waiting.state, waiting.error) == (JobState.QUEUED, f"{choice.SET_UP['ray']} {runner.OLDER}")
    assert (failed.state, failed.error) == (JobState.FAILED, choice.missing("moon"))
    assert claimed(store, waiting, beat_at=time.time()).error is None


@pytest.mark.parametrize(
    "states, takes_jobs",
    [
        ("idle mixed allocated completing planned reserved idle* allocated+ idle~ idle# mixed# mixed- planned~", True),
        ("down down* down~ drained draining idle% idle! idle$ maint idle@ failing unknown", False),
    ],
)
def test_nodes_that_slurm_starts_when_a_job_needs_them_take_jobs(states: str, takes_jobs: bool) -> None:
    assert {state: slurm.takes_jobs(state) for state in states.split()} == dict.fromkeys(states.split(), takes_jobs)


class Refusing(Local):
    """A backend that refuses to start a job with a sentence."""

    def start(self, job: Job) -> dict[str, Any]:
        raise StudyError("Write the options anew.")


def test_a_start_that_is_refused_with_a_sentence_does_not_end_the_runner(settings: Settings, store: Store) -> None:
    job = queued(store, backend="local")

    runner.step(store, {"local": Refusing(settings, {})}, now=time.time())

    with store() as session:
        assert queue.get(session, job.id).handle["refused"] == "Write the options anew."


def test_options_for_slurm_with_an_open_quote_are_refused_where_they_are_read() -> None:
    with pytest.raises(StudyError, match="LITMUS_SLURM_OPTIONS must be options .* every quote closed"):
        settings_module.load({"LITMUS_SLURM_OPTIONS": '--comment="tonight'})


def test_what_a_cluster_is_told_holds_no_secret(settings: Settings, store: Store) -> None:
    found = with_ray(settings)
    job = queued(store, backend="ray")

    told = cluster.command(found, job)

    assert f"-m core.jobs.run {job.id} 0 --mark {cluster.mark(job)}" in told
    assert "secret" not in told
    assert "token" not in repr(found)


def test_jobs_of_one_number_in_two_databases_have_other_names(store: Store) -> None:
    job = queued(store, backend="ray")
    name = cluster.name(job)

    job.created_at += 1

    assert name.endswith(f"-{job.id}-0")
    assert cluster.name(job) != name


def test_a_job_counts_as_silent_only_after_two_looks(store: Store) -> None:
    silences = cluster.Silences()
    job = claimed(store, queued(store, backend="ray"), beat_at=1000.0)
    assert not silences.holds(job, 1000.0 + 10 * BEAT_SECONDS)  # it waits in the queue of the cluster

    job.state = JobState.RUNNING
    first = 1000.0 + BEAT_SECONDS + 1

    assert [silences.holds(job, first), silences.holds(job, first + 5)] == [False, False]
    assert silences.holds(job, first + cluster.SILENCE_SECONDS)
    job.beat_at = first + 11
    assert not silences.holds(job, first + 12)


def test_a_job_of_a_cluster_that_is_cancelled_during_its_pause_has_its_own_seconds_to_end(store: Store) -> None:
    stops = cluster.Stops()
    job = claimed(store, queued(store, backend="ray"), beat_at=1000.0)
    job.state = JobState.RUNNING
    assert not stops.is_overdue(job, 1000.0)

    job.cancel_requested = True

    assert [stops.is_overdue(job, now) for now in (1020.0, 1029.0, 1031.0)] == [False, False, True]


def test_a_silent_job_of_a_cluster_that_is_gone_is_given_up(settings: Settings, store: Store) -> None:
    ray = Ray(with_ray(settings))
    job = claimed(store, queued(store, backend="ray"), beat_at=1000.0)
    job.state = JobState.RUNNING

    verdicts = [ray.poll(job, now=now) for now in (1001.0, 1130.0, 1141.0)]

    assert verdicts == [Verdict.RUNNING, Verdict.RUNNING, Verdict.GONE]


def test_waiting_for_a_place_uses_up_nothing_however_often(store: Store) -> None:
    job = queued(store, backend="ray")

    for _ in range(2 * transitions.MAX_UNSTARTED):
        with store.write() as session:
            held = transitions.claim(session, queue.get(session, job.id), place={}, now=time.time())
            assert held is not None
            assert transitions.lost(session, held, now=time.time(), unplaced=True) == JobState.QUEUED

    with store() as session:
        waiting = queue.get(session, job.id)
    assert waiting.max_attempts - waiting.attempt == queue.ATTEMPTS


def test_a_node_reads_its_own_file_and_refuses_another_database(
    settings: Settings, store: Store, tmp_path: Path
) -> None:
    job = queued(store, backend="ray")
    file = tmp_path / "node.env"
    file.write_text(f"# settings\n\nexport LITMUS_DATABASE='{settings.database_url}'\nHF_TOKEN=abc\n")
    environ = {"LITMUS_NODE_FILE": str(file), "LITMUS_HOME": str(settings.home)}

    node.open_store(environ, job.id, mark=cluster.mark(job)).close()

    assert environ["HF_TOKEN"] == "abc"
    with pytest.raises(StudyError, match="names another database than the app's"):
        node.open_store(environ, job.id, mark="00000000")
    file.write_text("")
    with pytest.raises(StudyError, match="has no LITMUS_DATABASE: write it into"):
        node.open_store({"LITMUS_NODE_FILE": str(file)}, job.id, mark="00000000")


ANSWERS = {
    "a login page": b"HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n<html>Please log in</html>",
    "other JSON": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    "JSON of another form": b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"data": [null]}',
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a cut answer": b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{",
}


@pytest.mark.slow
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_jobs_wait_where_another_program_answers_at_the_address_of_ray(
    settings: Settings, store: Store, answer: bytes
) -> None:
    with answering(answer) as port:
        found = settings_module.load(
            {"LITMUS_HOME": str(settings.home), "LITMUS_RAY_ADDRESS": f"http://127.0.0.1:{port}",
             "LITMUS_DATABASE": "postgresql+psycopg://user:secret@host/litmus"}
        )  # fmt: skip
        ray = Ray(found)
        waiting = queued(store, backend="ray")
        started = claimed(store, queued(store, backend="ray", key="train:2"), beat_at=time.time())

        for _round in range(2):
            runner.step(store, {"ray": ray}, now=time.time())
            ray.api.failure = ""  # so that the next call is made at once

        said = choice.conditions(found)["Ray"].problems[0]
        with pytest.raises(StudyError, match="on the Ray cluster, and it does not answer"):
            ray.log(started, lines=10)
        with pytest.raises(OSError):
            ray.api.job("a-job")
    with store() as session:
        assert queue.get(session, waiting.id).state == JobState.QUEUED
        assert queue.get(session, started.id).state == JobState.STARTING
    assert said.startswith("It does not answer at http://127.0.0.1") and "correct LITMUS_RAY_ADDRESS" in said


ERRORS = {
    "of a lost node": (
        b"Traceback (most recent call last):\nValueError: no agent there\n",
        "HTTP 500, ValueError: no agent there.",
    ),
    "of a proxy": (b"<html>\n<h1>Bad</h1>\n</html>\n", "HTTP 500, Internal Server Error."),
    "without a word": (b"", "HTTP 500, Internal Server Error."),
}


@pytest.mark.parametrize(("body", "said"), ERRORS.values(), ids=ERRORS.keys())
def test_a_log_that_ray_cannot_give_is_told_with_the_reason_that_ray_gives(
    settings: Settings, store: Store, body: bytes, said: str
) -> None:
    answer = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    job = queued(store, backend="ray")
    with answering(answer) as port:
        ray = Ray(replace(settings, cluster=replace(settings.cluster, ray_address=f"http://127.0.0.1:{port}")))

        with pytest.raises(StudyError, match=re.escape(said)) as caught:
            ray.log(job, lines=10)

        assert said in ray.condition().problems[0]
    assert "does not answer" not in str(caught.value) and "lost with the node that wrote it" in str(caught.value)


@contextlib.contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """The port of a server that gives the same bytes to whoever asks."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1 << 16)
            self.request.sendall(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()
