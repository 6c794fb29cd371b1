"""What a keeper asks a server: whether it is healthy, its numbers, and its log, which holds no text and no secret of anybody."""

import asyncio
import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from core import settings as settings_module
from core.errors import StudyError
from core.jobs import queue
from core.study import store as store_module
from core.study import tasks
from core.study.rows.kinds import CampaignKind, JobState, RaterKind, Slot
from core.study.rows.sessions import Campaign, Comparison, Rater
from core.study.rows.study import Job
from tests.door.conftest import ask
from tests.e2e.conftest import Server
from tests.websocket_rater import Tab
from ui.door.metrics import Seconds

pytestmark = pytest.mark.slow

TOKEN, PASSWORD, KEY, STUDY = "scrape-token-of-mine", "planted-password", "sk-planted-key", "planted study of cats"
ENVIRON = {
    "LITMUS_PASSWORD": PASSWORD, "OPENAI_API_KEY": KEY, "LITMUS_METRICS": TOKEN, "LITMUS_LOG": "json",
}  # fmt: skip


@pytest.fixture(scope="module")
def filled(server: Server) -> Server:
    """The server, whose home has a study with a finished and a failed job, and one comparison by a person."""
    store = store_module.open_store(settings_module.load(server.environ))
    with store.write() as session:
        study = tasks.study_named(session, STUDY)
        for number, state in enumerate((JobState.DONE, JobState.FAILED)):
            session.add(Job(title=STUDY, command=["core"], key=f"k{number}", slot=Slot.CPU, state=state))
        campaign = Campaign(name=STUDY, token="planted-token", study_id=study.id, kind=CampaignKind.COMPARE)
        session.add(campaign)
        session.flush()
        rater = Rater(campaign_id=campaign.id, pseudonym="p", kind=RaterKind.PERSON, code="planted-code")
        session.add(rater)
        session.flush()
        session.add(Comparison(campaign_id=campaign.id, rater_id=rater.id, winner="left"))
    store.close()
    return server


def test_a_healthy_server_says_so_and_nothing_else(filled: Server) -> None:
    answer = ask(filled.port, "/healthz")

    assert (answer.status, answer.text) == (200, "database ok\ndisk ok\n")


def test_metrics_need_their_token(filled: Server) -> None:
    assert ask(filled.port, "/metrics").status == 401
    assert ask(filled.port, "/metrics", authorization="Bearer guess").status == 401


def test_metrics_count_what_the_database_has(filled: Server) -> None:
    answer = ask(filled.port, "/metrics", authorization=f"Bearer {TOKEN}")

    lines = answer.text.splitlines()
    assert answer.status == 200
    for line in (
        'litmus_jobs{state="done"} 1', 'litmus_jobs{state="failed"} 1', 'litmus_jobs{state="running"} 0',
        'litmus_ratings{rater="person"} 1', 'litmus_calls{way="generate"} 0', "litmus_websockets 0",
    ):  # fmt: skip
        assert line in lines
    assert any(line.startswith('litmus_request_seconds_count{kind="http"}') for line in lines)
    assert "planted" not in answer.text


def test_the_log_has_an_id_for_each_request_and_run_and_holds_no_text_or_secret(filled: Server) -> None:
    async def visit() -> None:
        async with aiohttp.ClientSession() as http:
            tab = Tab(http, filled.url, "verdict", "study=planted+study+of+cats&view=planted-link")
            await tab.open()
            await tab.fill("password", "planted-guess")
            button = tab.button("Sign in")
            assert button is not None
            runs = tab.runs_finished
            await tab.click(button)
            await tab.until(lambda: True if tab.runs_finished > runs and not tab.is_running else None)
            await tab.close()

    asyncio.run(visit())
    given = ask(filled.port, "/data?campaign=planted-token", x_request_id="proxy-gave-this-id")
    ask(filled.port, "/planted-address")

    time.sleep(1)
    records = read(filled.log)
    assert given.headers["x-request-id"] == "proxy-gave-this-id"
    assert [each["text"].split(" in ")[0] for each in records if each["request"] == "proxy-gave-this-id"] == [
        "GET /data 200"
    ]
    runs = [each for each in records if each["text"].startswith("page verdict in ")]
    assert runs, [each["text"] for each in records]
    assert len(runs) == len({each["request"] for each in runs}) >= 2
    assert any(each["text"].startswith("GET /... ") for each in records)
    assert any(each["text"].startswith("Wrong organiser's password") and each["level"] == "warning" for each in records)
    assert "planted" not in filled.log.read_text()


def test_each_attempt_of_a_job_has_its_id_in_the_log(filled: Server) -> None:
    store = store_module.open_store(settings_module.load(filled.environ))
    with store.write() as session:
        job = queue.enqueue(
            session, title="t", command=["-m", "core", "doctor", "planted"], slot=Slot.CPU, key="planted"
        )
        job.state, job.attempt = JobState.STARTING, 1
    store.close()

    command = [sys.executable, "-m", "core.jobs.run", str(job.id), "1"]
    done = subprocess.run(command, env=filled.environ, capture_output=True, text=True, timeout=90, check=False)

    found = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert done.returncode == 1
    assert [(each["job"], each["text"]) for each in found] == [
        (f"{job.id}.1", "begins: core doctor"),
        (f"{job.id}.1", "ended with exit code 1"),
    ]


def test_a_locked_database_is_down_within_seconds_and_then_up_again(filled: Server) -> None:
    time.sleep(2.1)
    with closing(sqlite3.connect(Path(filled.environ["LITMUS_HOME"]) / "litmus.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        locked = ask(filled.port, "/healthz")
        other.execute("ROLLBACK")
    time.sleep(2.1)

    assert (locked.status, locked.text) == (503, "database down\ndisk ok\n")
    assert ask(filled.port, "/healthz").status == 200


def test_a_home_that_is_gone_is_down(filled: Server) -> None:
    home = Path(filled.environ["LITMUS_HOME"])
    time.sleep(2.1)
    home.rename(home.with_name("elsewhere"))
    try:
        answer = ask(filled.port, "/healthz")
    finally:
        home.with_name("elsewhere").rename(home)

    assert (answer.status, answer.text) == (503, "database down\ndisk down\n")


def test_a_histogram_counts_each_request_in_every_bound_above_it() -> None:
    seconds = Seconds()

    for took in (0.01, 0.3, 60.0):
        seconds.add("page", took)

    lines = list(seconds.lines("x"))
    assert 'x_bucket{kind="page",le="0.05"} 1' in lines
    assert 'x_bucket{kind="page",le="0.5"} 2' in lines
    assert 'x_bucket{kind="page",le="+Inf"} 3' in lines
    assert 'x_sum{kind="page"} 60.310000' in lines


def test_metrics_are_closed_unless_asked_for_and_the_log_has_two_kinds() -> None:
    assert settings_module.load({}).metrics is None
    assert [settings_module.load({"LITMUS_METRICS": off}).metrics for off in ("off", "No", "0", "false", "")] == [
        None
    ] * 5
    with pytest.raises(StudyError, match="LITMUS_LOG must be lines or json"):
        settings_module.load({"LITMUS_LOG": "xml"})


def read(path: Path) -> list[dict[str, Any]]:
    """The records of a log, of which every line is a JSON object once the libraries are loaded."""
    lines = path.read_text().splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("{"))
    assert {line.partition(": ")[2] for line in lines[:first]} <= {"No runtime found, using MemoryCacheStorageManager"}
    return [json.loads(line) for line in lines[first:]]
