"""The command rate-by-llm killed again and again in the middle of its work, and two of it at once, on both databases."""

import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core import settings as settings_module
from core.llm import connection
from core.llm.money import prices
from core.settings import Settings
from core.steps import rate
from core.steps.rate import RatingRequest
from core.study import store as store_module
from core.study import tasks
from core.study.exchange import importing, tables
from core.study.rows.sessions import Campaign, Rating, Reply
from core.study.store import Store
from core.subjectivity.sessions import campaigns
from tests.command_line import CommandLine
from tests.llm_server import LlmServer

KILLS = 4
CONCURRENCY = 8
PER_CLASS = 150
PERSONAS = ("none", "sceptic")
WANTED = 2 * PER_CLASS * len(PERSONAS)


def made(store: Store, folder: Path, *, per_class: int) -> Campaign:
    path = folder / "letters.csv"
    rows = [f"letter number {n} about the sea,{'glad' if n % 2 else 'sad'},test" for n in range(2 * per_class)]
    path.write_text("\n".join(["text,label,split", *rows]))
    with store.write() as session:
        study = tasks.study_named(session, "letters")
        task = tasks.make_task(
            session, study_id=study.id, name="mood", question="How is the mood?", labels={"glad": "", "sad": ""}
        )
        arm = tasks.make_arm(session, task_id=task.id, name="real")
        importing.bring_in(session, task=task, arm=arm, table=tables.read(path), options=importing.Options())
        plan = campaigns.Plan(name="round one", task=task, per_class=per_class)
        return campaigns.make(session, study_id=study.id, plan=plan)


@pytest.fixture
def server() -> Iterator[LlmServer]:
    with LlmServer(
        models=["rater-a"], latency=0.05, rate_429=0.05, rate_500=0.05, retry_after="0.05", seed=5
    ) as running:
        yield running


def stored(store: Store) -> tuple[int, float, float]:
    """Replies, what they cost, and what calls without one may have cost."""
    with store() as session:
        n, cost = session.execute(select(func.count(Reply.id), func.sum(Reply.cost_usd))).one()
        maybe = session.scalars(select(func.sum(Campaign.rating_lost_usd))).one()
    return n, cost or 0.0, maybe


@pytest.mark.slow
def test_kills_lose_nothing_but_what_was_under_way_and_hide_no_money(
    call: CommandLine, store: Store, settings: Settings, server: LlmServer, tmp_path: Path
) -> None:
    campaign = made(store, tmp_path, per_class=PER_CLASS)
    prices.set_price(settings.home, "rater-a", 1.0, 1.0, "2026-01-01")
    personas = [part for name in PERSONAS for part in ("--persona", name)]
    command = ("rate-by-llm", "--campaign", campaign.id, "--model", "rater-a", "--base-url", server.url, "--json",
               "--concurrency", CONCURRENCY, "--budget", "5", *personas)  # fmt: skip
    rng = random.Random(7)

    for kill in range(KILLS):
        process = call.start(*command)
        goal, deadline = (kill + 1) * WANTED // (KILLS + 2), time.monotonic() + 60
        while len(server.seen.by_key) < goal and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        time.sleep(0.2)
        replies, _, maybe = stored(store)
        assert process.returncode == -signal.SIGKILL
        assert len(server.seen.by_key) - replies <= CONCURRENCY and maybe > 0
    process = call.start(*command)
    _, errors = process.communicate(timeout=120)

    assert process.returncode == 0, errors
    replies, cost, maybe = stored(store)
    with store() as session:
        ratings = session.scalar(select(func.count(Rating.id)))
    assert replies == ratings == len(server.seen.by_key) == WANTED
    assert server.seen.by_key.total() - WANTED <= KILLS * CONCURRENCY
    assert cost / replies * server.seen.by_key.total() <= cost + maybe <= 5


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def test_two_at_once_pay_for_each_item_once(
    request: pytest.FixtureRequest, settings: Settings, server: LlmServer, tmp_path: Path, database: str
) -> None:
    url = {"LITMUS_DATABASE": request.getfixturevalue("migrated_postgresql_url")} if database == "postgresql" else {}
    settings = settings_module.load({"LITMUS_HOME": str(settings.home), **url})
    store = store_module.open_store(settings)
    campaign = made(store, tmp_path, per_class=20)
    request = RatingRequest(connection.made(models=("rater-a",), base_url=server.url))
    threads = [
        threading.Thread(
            target=rate.rate, args=(settings, store), kwargs={"campaign_id": campaign.id, "request": request}
        )
        for _ in range(2)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    replies, _, _ = stored(store)
    store.close()

    assert replies == len(server.seen.by_key) == server.seen.by_key.total() == 40
