"""Every way of spending, killed at random moments and started again until it says that its budget is met.

What the endpoint has charged by then, answers that nobody lived to store included, never crosses the budget.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.llm.money import committed, prices
from core.llm.money.prices import Price
from core.settings import Settings
from core.study import tasks
from core.study.exchange import importing, tables
from core.study.rows.study import Task
from core.study.store import Store
from core.subjectivity.sessions import campaigns
from tests.command_line import ROOT
from tests.llm_server import LlmServer
from tests.simulations.sizes import STUDIES

WRITER, JUDGE = "writer", "judge"
PRICE = Price(model=WRITER, input_usd_per_million=1.0, output_usd_per_million=2.0)
MOST_TOKENS = 40
KILLS = 5
MOST_STARTS = 80
SEEDS = range(1, 1 + max(1, STUDIES // 100))
LATENCY_S = 0.04
ROUNDING = 1e-12


@dataclass(frozen=True)
class Spending:
    """A way of spending: its options, its model, its budget in US dollars, and after how many steps it is killed at the
    latest; a step is an answer, or a file or a batch at the endpoint."""

    options: str
    model: str
    budget: float
    kill_within: int
    fewest_kills: int = KILLS - 2


WAYS = {
    "generate": Spending("generate --task mood --arm zero-shot --per-label 100000 --concurrency 4", WRITER, 0.1, 12),
    "batch": Spending("", WRITER, 0.03, 10),
    "try": Spending("try --task mood --arm zero-shot --calls 12", WRITER, 0.12, 8),
    "judge": Spending("judge --task mood --arm real --concurrency 4", JUDGE, 0.05, 25),
    "rate-by-llm": Spending("rate-by-llm --campaign one --personas 4 --concurrency 4", JUDGE, 0.05, 25),
    "taxonomy": Spending("try --task mood --arm zero-shot --kinds 5", WRITER, 0.06, 2, 1),
}


class Forks:
    """Starts commands in forks of one process that has imported everything already."""

    def __init__(self, errors: Path) -> None:
        program = ROOT / "tests" / "commands" / "llm" / "payloads" / "forked.py"
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("LITMUS_", "OPENAI_"))}
        self._process = subprocess.Popen(
            [sys.executable, str(program)], cwd=ROOT, env=environ | {"PYTHONPATH": str(ROOT)}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.errors = errors

    def start(self, home: Path, asked: dict[str, Any]) -> int:
        """The process number of a command that has begun."""
        asked = {"home": str(home), "errors": str(self.errors), **asked}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return self._read()

    def ended(self) -> tuple[int, str]:
        """The exit code of the command that runs, once it has ended, and what it said on stderr."""
        return self._read(), self.errors.read_text(encoding="utf-8")

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _read(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    found = Forks(tmp_path_factory.mktemp("forks") / "errors.txt")
    yield found
    found.close()


@pytest.fixture
def task(store: Store, tmp_path: Path) -> Task:
    """A task of four labels with a thousand real test texts, and a campaign over a part of them."""
    moods = ("glad", "sad", "calm", "cross")
    path = tmp_path / "letters.csv"
    rows = [f"letter number {n} about the sea and the harbour,{moods[n % 4]},test" for n in range(1000)]
    path.write_text("\n".join(["text,label,split", *rows]))
    with store.write() as session:
        study = tasks.study_named(session, "letters")
        task = tasks.make_task(
            session, study_id=study.id, name="mood", question="Which mood?", labels=dict.fromkeys(moods, "")
        )
        real = tasks.make_arm(session, task_id=task.id, name="real")
        importing.bring_in(session, task=task, arm=real, table=tables.read(path), options=importing.Options())
        tasks.make_arm(session, task_id=task.id, name="zero-shot")
        plan = campaigns.Plan(name="one", task=task, per_class=100)
        campaigns.make(session, study_id=study.id, plan=plan)
        return task


def charged(server: LlmServer, *, share: float) -> float:
    """What the endpoint has charged so far, in US dollars, at a share of the usual price."""
    found = server.counts()
    return share * PRICE.of(tokens_in=found["tokens_in"], tokens_out=found["tokens_out"])


def asked_for(way: str, url: str, arm_id: int) -> dict[str, Any]:
    """What `Forks.start` takes."""
    spending = WAYS[way]
    if way == "batch":
        given = {
            "url": url,
            "model": spending.model,
            "arm_id": arm_id,
            "budget": spending.budget,
            "max_tokens": MOST_TOKENS,
        }
        return {"batch": given}
    more = f"--model {spending.model} --base-url {url} --budget {spending.budget} --max-tokens {MOST_TOKENS}"
    return {"arguments": [*spending.options.split(), *more.split()]}


def killed(forks: Forks, server: LlmServer, number: int, *, after: int, wait_s: float) -> int:
    """Kill a command once so many more steps were made, or a while after; gives its exit code."""
    goal, deadline = steps(server) + after, time.monotonic() + 5
    while steps(server) < goal and time.monotonic() < deadline and _lives(number):
        time.sleep(0.002)
    time.sleep(wait_s)
    with contextlib.suppress(ProcessLookupError):
        os.kill(number, signal.SIGKILL)
    code, _ = forks.ended()
    time.sleep(2 * LATENCY_S)  # what was asked is answered, and charged
    return code


def steps(server: LlmServer) -> int:
    """Answers so far, and files and batches at the endpoint."""
    return int(server.counts()["answered"]) + len(server.batches.files) + len(server.batches.batches)


def _lives(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.simulation
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("way", WAYS)
def test_kills_never_let_what_the_endpoint_charged_cross_the_budget(
    store: Store, settings: Settings, task: Task, forks: Forks, way: str, seed: int
) -> None:
    with store() as session:
        arm = tasks.get_arm(session, task, "zero-shot")
    spending, rng, share = WAYS[way], random.Random(f"{way}/{seed}"), 0.5 if way == "batch" else 1.0
    for model in (WRITER, JUDGE):
        prices.set_price(settings.home, model, PRICE.input_usd_per_million, PRICE.output_usd_per_million, "2026-01-01")
    sums: list[float] = []
    with LlmServer(models=[WRITER, JUDGE], latency=LATENCY_S, seed=seed) as server:
        asked = asked_for(way, server.url, arm.id)
        kills = 0
        for _ in range(3 * KILLS):
            number = forks.start(settings.home, asked)
            code = killed(
                forks,
                server,
                number,
                after=rng.randint(1, spending.kill_within),
                wait_s=rng.uniform(0, 1.5 * LATENCY_S),
            )
            kills += code == -signal.SIGKILL
            sums.append(charged(server, share=share))
            if kills == KILLS:
                break
        for _ in range(MOST_STARTS):
            forks.start(settings.home, asked)
            code, said = forks.ended()
            sums.append(charged(server, share=share))
            if code:
                break

    assert (
        kills >= spending.fewest_kills
    )  # what may be lost counts as spent, so a budget can be met before the last kill
    assert code == 1 and f"budget of ${spending.budget:g} is reached" in said
    assert max(sums) <= spending.budget + ROUNDING
    assert sums[-1] > 0.2 * spending.budget
    with store() as session:
        found = committed.of_study(session, task.study_id)
    most = sum(one.most_usd for one in found)
    print(f"{way} {seed}: charged {sums[-1]:.5f}, committed {most:.5f}, budget {spending.budget}")
    assert sums[-1] - ROUNDING <= most <= spending.budget + ROUNDING
