"""What a judge will take: only texts without an answer are counted, and earlier answers make the cost exact."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from core.llm.money import prices
from core.study.rows.kinds import Split
from core.study.rows.study import Arm, Label, Sample
from core.study.store import Store
from core.synthesis import judging, judging_cost
from core.synthesis.judging_cost import JudgingCost
from tests.synthesis.test_judging import JudgeServer, fill, provider

PRICE = prices.Price(model="test-model", input_usd_per_million=1000.0, output_usd_per_million=1000.0)
TEXTS = {
    "glad": [f"so glad today {place}" for place in range(6)],
    "sad": [f"so sad today {place}" for place in range(6)],
}


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    with JudgeServer() as running:
        yield running


@pytest.fixture
def real(store: Store, labels: list[Label], make_arm: Callable[[str], Arm]) -> Arm:
    """A real arm of twelve texts, of which eight are test texts."""
    arm = make_arm("real")
    made = fill(store, arm, labels, TEXTS)
    with store.write() as session:
        for sample in made[:8]:
            session.get_one(Sample, sample.id).split = Split.TEST
    return arm


def cost(
    store: Store, arm: Arm, *, price: prices.Price | None = PRICE, split: Split | None = Split.TEST
) -> JudgingCost:
    with store() as session:
        return judging_cost.of_judge(
            session, arm_ids=[arm.id], judge="test-model", price=price, wanted=judging.Texts(split=split)
        )


def test_what_is_said_before_is_what_the_judge_then_takes(store: Store, server: JudgeServer, real: Arm) -> None:
    before = cost(store, real)
    wanted = judging.Texts(split=Split.TEST)
    judged = judging.judge(store, arm_ids=[real.id], provider=provider(server, price=PRICE), wanted=wanted)
    after, rest = cost(store, real), cost(store, real, split=None)

    assert (before.calls, before.answered, server.seen.answered) == (8, 0, 8)
    assert before.cost_usd is not None and before.cost_usd.low == before.cost_usd.value / 2
    assert (after.calls, after.answered) == (0, 8)
    assert judging_cost.sentence(after) == "No call to test-model: every text is answered already."
    assert (rest.calls, rest.n_known) == (4, 8) and judged.cost_usd is not None and rest.cost_usd is not None
    assert rest.cost_usd.value == pytest.approx(judged.cost_usd / 2, rel=0.05)
    assert rest.cost_usd.low <= rest.cost_usd.value <= rest.cost_usd.high
    assert "(from 8 answers). 8 texts answered already, not paid for again." in judging_cost.sentence(rest)


def test_a_budget_that_may_not_suffice_an_unknown_price_and_no_price_are_said(store: Store, real: Arm) -> None:
    free = prices.Price(model="test-model", input_usd_per_million=0, output_usd_per_million=0)

    said = judging_cost.sentence(cost(store, real), budget_usd=0.01)

    assert said.startswith("8 calls to test-model, ") and "(roughly, half to twice as much)" in said
    assert said.endswith("That may be more than the budget of $0.01: judging stops before the budget is exceeded.")
    assert "budget" not in judging_cost.sentence(cost(store, real), budget_usd=1000)
    assert "the price of test-model is unknown" in judging_cost.sentence(cost(store, real, price=None))
    assert judging_cost.sentence(cost(store, real, price=free)).endswith(" tokens, without cost.")


@pytest.mark.parametrize("n", [5, 8, 30])
def test_the_interval_holds_the_cost_of_the_calls_to_come(n: int) -> None:
    rng = np.random.default_rng(n)
    held = []
    for _ in range(2000):
        tokens = rng.lognormal(5, 0.4, size=(n + 40, 2)).round()
        found = judging_cost.cost_of(tokens[:n], 40, PRICE, is_known=True)
        assert found is not None
        held.append(found.low <= tokens[n:].sum() / 1000 <= found.high)

    assert 0.93 <= np.mean(held) <= 0.97
