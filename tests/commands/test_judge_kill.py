"""The command judge killed again and again under a budget: what it cost in truth stays below it."""

import random
import signal
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core.settings import Settings
from core.study import importing, tables, tasks
from core.study.records import Judgement, Task
from core.study.store import Store
from core.synthesis import prices
from tests.command_line import CommandLine
from tests.llm_server import LlmServer

CONCURRENCY, KILLS, BUDGET = 4, 3, 0.3


@pytest.mark.slow
def test_kills_hide_no_money_from_the_budget_of_a_judge(
    call: CommandLine, store: Store, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "letters.csv"
    rows = [f"letter number {n} about the sea,{'glad' if n % 2 else 'sad'},train" for n in range(400)]
    path.write_text("\n".join(["text,label,split", *rows, "a test,glad,test"]))
    with store.write() as session:
        study = tasks.study_named(session, "letters")
        task = tasks.make_task(
            session, study_id=study.id, name="mood", question="Which mood?", labels={"glad": "", "sad": ""}
        )
        arm = tasks.make_arm(session, task_id=task.id, name="real")
        importing.bring_in(session, task=task, arm=arm, table=tables.read(path), options=importing.Options())
    prices.set_price(settings.home, "judge-a", 1.0, 4.0, "2026-01-01")
    rng = random.Random(3)
    with LlmServer(models=["judge-a"], latency=0.05, seed=5) as server:
        command = ("judge", "--task", "mood", "--model", "judge-a", "--base-url", server.url, "--json",
                   "--concurrency", CONCURRENCY, "--budget", BUDGET)  # fmt: skip
        for kill in range(KILLS):
            process = call.start(*command)
            goal, deadline = (kill + 1) * 40, time.monotonic() + 60
            while len(server.seen.by_key) < goal and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.005)
            time.sleep(rng.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
            process.communicate()
            time.sleep(0.2)
            with store() as session:
                assert session.get_one(Task, task.id).judging_lost["judge-a"] > 0
        process = call.start(*command)
        process.communicate(timeout=120)
        answered = server.seen.by_key.total()

    with store() as session:
        n, cost = session.execute(select(func.count(Judgement.id), func.sum(Judgement.cost_usd))).one()
        lost = session.get_one(Task, task.id).judging_lost["judge-a"]
    assert answered - n <= KILLS * CONCURRENCY
    assert cost / n * answered <= cost + lost <= BUDGET
