"""Budget: a limit that requests in flight share."""

import asyncio
from dataclasses import replace

import pytest

from core.errors import StudyError
from core.llm import answers
from core.llm.money import budget, spending
from core.llm.text import PROMPT_REFUSED
from tests import endpoints


def test_requests_side_by_side_wait_for_each_other_and_never_cross_the_limit() -> None:
    limited = budget.Budget(1.0)
    served: list[float] = []

    async def request() -> None:
        async with limited.hold(0.3):
            await asyncio.sleep(0.001)
            limited.spend(0.1)
            served.append(limited.spent)

    async def many() -> list[BaseException | None]:
        return await asyncio.gather(*(request() for _ in range(20)), return_exceptions=True)

    outcomes = asyncio.run(many())

    assert len(served) == 8 and max(served) <= 1.0
    assert sum(isinstance(outcome, budget.BudgetReached) for outcome in outcomes) == 12


def test_without_a_limit_nothing_waits() -> None:
    limited = budget.Budget(None)

    async def request() -> None:
        async with limited.hold(1e9):
            limited.spend(None)

    asyncio.run(request())

    assert limited.spent == 0.0


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(StudyError, match="more than 0"):
        budget.Budget(0.0)


def test_a_refused_prompt_costs_nothing_where_the_cost_of_an_answer_is_unknown() -> None:
    provider = endpoints.client("no-such-model", base_url="http://localhost")
    refused = answers.to_refused_prompt(PROMPT_REFUSED, said="no", model="m", messages=[])

    assert spending.cost_of(provider, refused) == 0.0
    assert spending.cost_of(provider, replace(refused, finish_reason="stop")) is None


def test_no_text_has_more_tokens_than_are_held_for_it() -> None:
    messages = [{"role": "user", "content": "naïve 雪"}]

    assert budget.most_tokens_in(messages) == (
        len("naïve 雪".encode()) + budget.TOKENS_PER_MESSAGE + budget.TOKENS_PER_REQUEST
    )
