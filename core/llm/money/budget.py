"""A budget: a limit in US dollars that calls made side by side never cross together."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from core.errors import ProviderPaused, StudyError
from core.llm.answers import Message

TOKENS_PER_MESSAGE = 16
TOKENS_PER_REQUEST = 300


class BudgetReached(StudyError):
    """The next call could cross the budget, since the call may cost up to `most` US dollars."""

    def __init__(self, message: str, *, most: float) -> None:
        super().__init__(message)
        self.most = most


def most_tokens_in(messages: Sequence[Message]) -> int:
    """Return an upper bound on the tokens of a prompt: one token per byte of UTF-8, plus tokens that a provider may add.

    A provider adds tokens per message and, for a structured answer, the schema.
    """
    return TOKENS_PER_REQUEST + sum(len(message["content"].encode()) + TOKENS_PER_MESSAGE for message in messages)


def answer_limit(*, texts_per_call: int, words: int) -> int:
    """Return a limit on the tokens of an answer, about three times the tokens of the texts that were asked for."""
    return texts_per_call * words * 4 + 400


def check(limit: float | None) -> None:
    """Raise `StudyError` if a limit in US dollars is not above 0; None, no limit, passes."""
    if limit is not None and not limit > 0:
        raise StudyError(f"A budget is more than 0 US dollars; it is {limit}.")


class Budget:
    """A limit in US dollars that calls made side by side never cross together; `limit` None is no limit.

    A call first holds the most that the call can cost. A call that does not fit waits while other calls are under way, since
    most calls cost less than they hold; if no other call is under way, the budget is reached. A call whose answer never
    arrived counts with the whole amount held, since the call may be billed. `spent` is in US dollars.
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
        """Hold `most` US dollars for one call inside the block. Raises `BudgetReached` if the amount cannot fit."""
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
        """Return the sentence about a call of up to `most` US dollars that is not sent, with the money spent by now."""
        return (
            f"The budget of ${self.limit or 0:g} is reached: ${self.spent:.4f} is spent, or may have been, and the next "
            f"request may cost up to ${most:.4f}. Raise the budget to go on."
        )

    def stopped(self, error: StudyError, status: str) -> StudyError:
        """Return an error of the same type whose message adds the `status` of the step and how to go on."""
        said = self.reached(error.most) if isinstance(error, BudgetReached) else str(error)
        message = f"{said} {status}, and every answer that came is stored; start it again to go on, nothing is paid for twice."
        if isinstance(error, BudgetReached):
            return BudgetReached(message, most=error.most)
        if isinstance(error, ProviderPaused):
            return ProviderPaused(message, seconds=error.seconds)
        return type(error)(message)

    def spend(self, cost_usd: float | None) -> None:
        """Add the true cost of an answer to the money spent, None as 0. Call this inside the call's `hold` block."""
        self.spent += cost_usd or 0.0

    def _fits(self, most: float) -> bool:
        return self.limit is None or self.spent + self._held + most <= self.limit
