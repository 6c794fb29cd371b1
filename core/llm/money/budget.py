"""Budget: a limit on what a generation costs that requests running side by side never cross."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from core.errors import ProviderPaused, StudyError
from core.llm.answers import Message
from core.llm.money.prices import Price as Price
from core.llm.money.prices import PriceTable as PriceTable
from core.llm.money.prices import approximate_tokens as approximate_tokens
from core.llm.money.prices import cost as cost
from core.llm.money.prices import price as price
from core.llm.money.prices import price_table as price_table

TOKENS_PER_MESSAGE = 16
TOKENS_PER_REQUEST = 300


class BudgetReached(StudyError):
    """The next request could cross the budget; it may cost `most` US dollars."""

    def __init__(self, message: str, *, most: float) -> None:
        super().__init__(message)
        self.most = most


def most_tokens_in(messages: Sequence[Message]) -> int:
    """More tokens than a request can have: a token stands for at least one byte of UTF-8.

    Some are added for what a provider adds, such as the shape of a structured answer.
    """
    return TOKENS_PER_REQUEST + sum(len(message["content"].encode()) + TOKENS_PER_MESSAGE for message in messages)


def answer_limit(*, texts_per_call: int, words: int) -> int:
    """A limit for the tokens of an answer that leaves room to exceed the asked length about threefold."""
    return texts_per_call * words * 4 + 400


def check(limit: float | None) -> None:
    """Raise `StudyError` when a limit in US dollars is none; None is no limit."""
    if limit is not None and not limit > 0:
        raise StudyError(f"A budget is more than 0 US dollars; it is {limit}.")


class Budget:
    """A limit in US dollars that requests running side by side never cross together; None is no limit.

    A request first holds the most it can cost. While that does not fit beside the others in flight it waits for them,
    as they mostly cost less than they hold; when it does not fit although nothing is in flight, the budget is
    reached. A request whose answer never came counts with all it held, as it may be billed.
    """

    def __init__(self, limit: float | None, *, spent: float = 0.0) -> None:
        check(limit)
        self.limit = limit
        self.spent = spent
        self._held = 0.0
        self._in_flight = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def hold(self, most: float) -> AsyncIterator[None]:
        """Hold `most` dollars for one request. Raises `BudgetReached` when they can no longer fit."""
        if self.limit is None:
            yield
            return
        async with self._changed:
            await self._changed.wait_for(lambda: self._fits(most) or self._in_flight == 0)
            if not self._fits(most):
                raise BudgetReached(self.reached(most), most=most)
            self._held += most
            self._in_flight += 1
        try:
            yield
        finally:
            async with self._changed:
                self._held -= most
                self._in_flight -= 1
                self._changed.notify_all()

    def reached(self, most: float) -> str:
        """Why a request of up to `most` US dollars is not sent, with what is spent by now."""
        return (
            f"The budget of ${self.limit or 0:g} is reached: ${self.spent:.4f} is spent, or may have been, and the next "
            f"request may cost up to ${most:.4f}. Raise the budget to go on."
        )

    def stopped(self, error: StudyError, standing: str) -> StudyError:
        """The error that ends a step, also saying where it stands and how to go on."""
        said = self.reached(error.most) if isinstance(error, BudgetReached) else str(error)
        message = f"{said} {standing}, and every answer that came is stored; start it again to go on, nothing is paid for twice."
        if isinstance(error, BudgetReached):
            return BudgetReached(message, most=error.most)
        if isinstance(error, ProviderPaused):
            return ProviderPaused(message, seconds=error.seconds)
        return type(error)(message)

    def spend(self, cost_usd: float | None) -> None:
        """Count the true cost of an answer; call it while its request is still held."""
        self.spent += cost_usd or 0.0

    def _fits(self, most: float) -> bool:
        return self.limit is None or self.spent + self._held + most <= self.limit
