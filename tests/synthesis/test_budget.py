"""Budget: known prices, unknown prices, and a limit that requests in flight share."""

import asyncio
from pathlib import Path

import pytest

from core.errors import StudyError
from core.synthesis import budget

PRICE = budget.Price(model="m", input_usd_per_million=1.0, output_usd_per_million=2.0)


def test_the_cost_is_tokens_times_price_and_unknown_for_an_unknown_model() -> None:
    assert budget.cost("gpt-4o-mini", tokens_in=2_000_000, tokens_out=1_000_000) == pytest.approx(0.90, rel=1e-9)
    assert budget.cost("my-own-model", tokens_in=10, tokens_out=10) is None


def test_a_dated_snapshot_has_the_price_of_its_model() -> None:
    assert budget.price("gpt-4o-mini-2024-07-18") == budget.price("gpt-4o-mini")
    assert budget.price("gpt-4o-mini-tuned") is None


def test_every_entry_of_the_price_table_is_dated_and_sourced() -> None:
    table = budget.price_table()

    assert table.as_of and all(entry.source for entry in table.prices)
    assert len({entry.model for entry in table.prices}) == len(table.prices)


def test_a_price_table_edited_wrongly_is_named_with_the_place(tmp_path: Path) -> None:
    table = tmp_path / "prices.json"
    table.write_text('{"as_of": "now", "note": "", "prices": [{"model": "m", "input": 1}]}', encoding="utf-8")

    with pytest.raises(StudyError, match="prices.json cannot be read at prices.0"):
        budget.price("m", table)


def test_requests_side_by_side_wait_for_each_other_and_never_cross_the_limit() -> None:
    purse = budget.Budget(1.0)
    served: list[float] = []

    async def request() -> None:
        async with purse.hold(0.3):
            await asyncio.sleep(0.001)
            purse.spend(0.1)
            served.append(purse.spent)

    async def many() -> list[BaseException | None]:
        return await asyncio.gather(*(request() for _ in range(20)), return_exceptions=True)

    outcomes = asyncio.run(many())

    assert len(served) == 8 and max(served) <= 1.0
    assert sum(isinstance(outcome, budget.BudgetReached) for outcome in outcomes) == 12


def test_without_a_limit_nothing_waits() -> None:
    purse = budget.Budget(None)

    async def request() -> None:
        async with purse.hold(1e9):
            purse.spend(None)

    asyncio.run(request())

    assert purse.spent == 0.0


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(StudyError, match="more than 0"):
        budget.Budget(0.0)


def test_no_text_has_more_tokens_than_are_held_for_it() -> None:
    messages = [{"role": "user", "content": "naïve 雪"}]

    assert budget.most_tokens_in(messages) == len("naïve 雪".encode()) + budget.TOKENS_PER_MESSAGE


def test_an_estimate_grows_with_the_turns_and_has_no_cost_without_a_price() -> None:
    messages = [{"role": "user", "content": "x" * 400}]

    single = budget.estimate(messages, texts=100, texts_per_call=10, turns=1, words=30, price=PRICE)
    turns = budget.estimate(messages, texts=100, texts_per_call=10, turns=3, words=30, price=None)

    assert single.completions == turns.completions == 10
    assert turns.tokens_in > single.tokens_in and turns.tokens_out == single.tokens_out
    assert single.cost_usd == pytest.approx((single.tokens_in + 2 * single.tokens_out) / 1e6, rel=1e-9)
    assert turns.cost_usd is None and turns.is_approximate
