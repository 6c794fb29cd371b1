"""The command generate killed again and again in the middle of its work: no answer is lost, doubled or paid twice."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from sqlalchemy import func, select

from core.llm.money import committed
from core.llm.money.committed import Account, Way
from core.settings import Settings
from core.study.rows.kinds import SampleStatus
from core.study.rows.study import Arm, Completion, Label, Sample
from core.study.store import Store
from core.synthesis.prompts import versions
from core.synthesis.prompts.drafts import Draft

ROOT = Path(__file__).parents[3]
KILLS = 10
CONCURRENCY = 8
PER_LABEL = 1000
BUDGET = 1.0
DRAFT = Draft(
    context="You write short texts.",
    generation="Number of texts: {n}\nLabel: {label}",
    diversity="Write about something else.",
    texts_per_call=2,
    turns=2,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """An unsteady endpoint in a process of its own, which lives through all kills."""
    options = "--port 0 --latency 0.03 --rate-429 0.1 --rate-500 0.05 --rate-malformed 0.1 --retry-after 0.05 --seed 5"
    command = [sys.executable, "-m", "tests.llm_server", *options.split()]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.terminate()
    process.wait()
    process.stdout.close()


def start(settings: Settings, url: str, *, arm: str, budget: float) -> subprocess.Popen[str]:
    options = f"--task mood --arm {arm} --per-label {PER_LABEL} --model gpt-4o-mini --base-url {url}"
    command = f"-m core generate {options} --concurrency {CONCURRENCY} --budget {budget} --json"
    return subprocess.Popen(
        [sys.executable, *command.split()],
        cwd=ROOT,
        env=os.environ | {"LITMUS_HOME": str(settings.home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answered(url: str, arm: str) -> Counter[tuple[str, int]]:
    """How often the endpoint answered each slot (label, number) of an arm."""
    with urllib.request.urlopen(url.removesuffix("/v1") + "/counts") as response:
        by_key = json.load(response)["by_key"]
    found: Counter[tuple[str, int]] = Counter()
    for key, times in by_key.items():
        _, _, of_arm, label, index = map(unquote, key.split("/"))
        if of_arm == arm:
            found[label, int(index)] += times
    return found


def stored(store: Store, arm: Arm) -> list[tuple[str, int]]:
    with store() as session:
        rows = select(Label.name, Completion.slot).join(Label, Label.id == Completion.label_id)
        return [(name, slot) for name, slot in session.execute(rows.where(Completion.arm_id == arm.id))]


def spent(store: Store, arm: Arm) -> float:
    with store() as session:
        return session.scalar(select(func.sum(Completion.cost_usd)).where(Completion.arm_id == arm.id)) or 0.0


def kill_at(process: subprocess.Popen[str], url: str, arm: Arm, *, at: int, rng: random.Random) -> None:
    """Kill the process a little after the endpoint has answered a number of slots; calls under way are still answered."""
    deadline = time.monotonic() + 60
    while len(answered(url, arm.name)) < at and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(rng.uniform(0, 0.05))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    time.sleep(0.2)


def test_ten_kills_lose_nothing_double_nothing_and_cross_no_budget(
    store: Store, settings: Settings, make_arm: Callable[[str], Arm], url: str
) -> None:
    arm = make_arm("zero-shot")
    with store.write() as session:
        versions.save(session, arm_id=arm.id, draft=DRAFT)
    rng = random.Random(11)
    moments = [rng.randrange(95 * number + 10, 95 * number + 90) for number in range(KILLS)]

    for moment in moments:
        process = start(settings, url, arm=arm.name, budget=BUDGET)
        kill_at(process, url, arm, at=moment, rng=rng)
        assert process.returncode == -signal.SIGKILL
        assert len(answered(url, arm.name).keys() - set(stored(store, arm))) <= CONCURRENCY
    process = start(settings, url, arm=arm.name, budget=BUDGET)
    printed, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    made: dict[str, Any] = json.loads(printed)

    by_slot, slots = answered(url, arm.name), stored(store, arm)
    assert len(slots) == len(set(slots)) == made["completions"] and set(slots) == by_slot.keys()
    assert by_slot.total() - len(by_slot) <= KILLS * CONCURRENCY and max(by_slot.values()) <= 1 + KILLS
    with store() as session:
        kept = select(Sample).where(Sample.arm_id == arm.id, Sample.status == SampleStatus.KEPT)
        samples = list(session.scalars(kept))
        places = session.execute(select(Sample.completion_id, Sample.part).where(Sample.arm_id == arm.id)).all()
    assert set(Counter(sample.label_id for sample in samples).values()) == {PER_LABEL} and made["kept"] == 2 * PER_LABEL
    assert len({sample.text_hash for sample in samples}) == len(samples) and len(set(places)) == len(places)
    assert 0 < spent(store, arm) == pytest.approx(made["cost_usd"], rel=1e-9) and spent(store, arm) <= BUDGET


def test_a_small_budget_stops_the_command_below_it_also_after_a_kill(
    store: Store, settings: Settings, make_arm: Callable[[str], Arm], url: str
) -> None:
    arm, budget = make_arm("few-cents"), 0.02
    with store.write() as session:
        versions.save(session, arm_id=arm.id, draft=DRAFT)

    process = start(settings, url, arm=arm.name, budget=budget)
    kill_at(process, url, arm, at=100, rng=random.Random(3))
    after_kill = spent(store, arm)
    process = start(settings, url, arm=arm.name, budget=budget)
    _, errors = process.communicate(timeout=120)

    assert process.returncode == 1 and re.search(r"budget of \$0\.02 is reached", errors)
    assert 0 < after_kill < spent(store, arm) <= budget
    with store() as session:
        maybe = committed.of(session, Account(Way.GENERATE, arm.id)).lost_usd
    lost = answered(url, arm.name).total() - len(stored(store, arm))
    paid = spent(store, arm) * answered(url, arm.name).total() / len(stored(store, arm))
    assert (
        lost <= CONCURRENCY and paid <= spent(store, arm) + maybe <= budget and spent(store, arm) + maybe > 0.8 * budget
    )
