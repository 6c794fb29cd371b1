"""A purse: the calls of one command within its budget, written down before they are sent, so that a kill hides no money."""

import asyncio
import functools
import math
import time
from collections.abc import Callable, Sequence

from core.errors import StudyError
from core.llm.answers import Answer, AnswerLost, Message, Provider, SlotKey
from core.llm.money import committed
from core.llm.money.budget import Budget, most_tokens_in
from core.llm.money.committed import Account
from core.llm.pace import Pace
from core.study.store import Store

ROOM = 1.25


class Ledger:
    """The calls under a budget, as the store remembers them should the process be killed.

    While calls are under way it counts all that they may cost, and never more than `at_most`; afterwards only what lost
    answers may have cost. `add` adds to what is noted, in US dollars.
    """

    def __init__(self, add: Callable[[float], None], *, concurrency: int, at_most: float = math.inf) -> None:
        self._add, self._concurrency, self._at_most = add, concurrency, at_most
        self._noted = 0.0

    def cover(self, most: float) -> None:
        """Note, before a call of up to `most` US dollars is sent, that so many such calls may be under way at once."""
        needed = min(self._concurrency * most, self._at_most)
        if needed > self._noted:
            wanted = min(needed * ROOM, self._at_most)
            self._add(wanted - self._noted)
            self._noted = wanted

    def settle(self, lost: float) -> None:
        """No call is under way any more: keep only `lost`, the most that answers that never came may have cost."""
        if self._noted or lost:
            self._add(lost - self._noted)
            self._noted = 0.0


class Purse:
    """What calls side by side may spend: `budget` bounds them, `ledger` remembers them, `lost_usd` may be lost by now."""

    def __init__(self, budget: Budget, ledger: Ledger) -> None:
        self.budget, self.ledger = budget, ledger
        self.lost_usd = 0.0
        self._excess = 1.0

    @property
    def spent(self) -> float:
        """US dollars that are spent or may have been, over all attempts, but for calls under way."""
        return self.budget.spent

    async def complete(
        self,
        provider: Provider,
        messages: Sequence[Message],
        *,
        slot_key: SlotKey,
        room: int,
        pace: Pace | None = None,
    ) -> Answer:
        """The provider's answer, paid from this purse; under a budget it has at most `room` tokens, or the provider's own.

        Raises `BudgetReached` when the call does not fit, and what the provider raises. A call that got no answer in time
        counts with the most it can cost, also when its caller is cancelled.
        """
        bound, limit = self._bound(provider, messages, room)
        most = bound * self._excess
        async with self.budget.hold(most):
            self.ledger.cover(most)
            started = time.monotonic()
            try:
                answer = await provider.complete(messages, slot_key=slot_key, max_tokens=limit)
            except (AnswerLost, asyncio.CancelledError) as error:
                self.budget.spend(most)
                self.lost_usd += most
                if pace is not None and isinstance(error, AnswerLost):
                    pace.lost(started=started)
                raise
            self._pay(bound, cost(provider, answer))
        if pace is not None:
            pace.answered()
        return answer

    def settle(self) -> None:
        """Keep in the store what may be lost, and nothing else. Only for when every answer that came is stored."""
        self.ledger.settle(self.lost_usd)
        self.lost_usd = 0.0

    def stopped(self, error: StudyError, standing: str) -> StudyError:
        """The error that ends a step, also saying where it stands and how to go on."""
        return self.budget.stopped(error, standing)

    def _bound(self, provider: Provider, messages: Sequence[Message], room: int) -> tuple[float, int | None]:
        """The most a call can cost (US dollars) and the limit of its answer (tokens); 0 and None without budget."""
        if self.budget.limit is None or provider.price is None:
            return 0.0, None
        limit = provider.max_tokens or room
        return provider.price.of(tokens_in=most_tokens_in(messages), tokens_out=limit), limit

    def _pay(self, bound: float, paid: float | None) -> None:
        """Count the true cost of an answer. Where a limit did not hold, as some endpoints bill thinking beyond it, later
        calls hold so much more."""
        self.budget.spend(paid)
        if bound and paid:
            self._excess = max(self._excess, paid / bound)


def opened(store: Store, account: Account, *, limit: float | None, concurrency: int) -> Purse:
    """A purse for up to `concurrency` calls side by side, with what the account has left of a limit in US dollars.

    Nobody else may spend on the account meanwhile (`claim.py`). Raises `StudyError` when the limit is none, or when it is
    unknown what was spent before.
    """
    spent = committed.for_budget(store, account, limit=limit)
    budget = Budget(limit, spent=spent)
    note = functools.partial(committed.note, store, account)
    left = math.inf if limit is None else max(0.0, limit - spent)
    return Purse(budget, Ledger(note, concurrency=concurrency, at_most=left))


def cost(provider: Provider, answer: Answer) -> float | None:
    """What an answer cost in US dollars; None when the provider's price is unknown."""
    price = provider.price
    return None if price is None else price.of(tokens_in=answer.tokens_in, tokens_out=answer.tokens_out)
