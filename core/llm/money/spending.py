"""Decide the most that a call may cost, make the call only if the budget allows it, and note the money before the call is sent."""

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
from core.llm.text import OF_PROMPT
from core.study.store import Store

SPARE = 1.25  # of the amount needed: a ledger that notes a little more is written less often


class Ledger:
    """A note in the store of the money that calls under way may cost, in case the process is killed.

    While calls are under way, the note is at least the most that these calls and the answers lost since the last `settle` may
    cost, but never above `at_most` (US dollars); after `settle`, the note holds only the cost of lost answers. `add` adds
    US dollars to the stored note.
    """

    def __init__(self, add: Callable[[float], None], *, concurrency: int, at_most: float = math.inf) -> None:
        self._add, self._concurrency, self._at_most = add, concurrency, at_most
        self._noted = self._most = 0.0

    def cover(self, most: float, *, lost: float) -> None:
        """Raise the note, before a call of up to `most` US dollars is sent.

        The note then covers `lost`, the US dollars of the answers lost since the last `settle`, and `concurrency` calls as
        dear as the dearest call so far.
        """
        self._most = max(self._most, most)
        needed = min(lost + self._concurrency * self._most, self._at_most)
        if needed > self._noted:
            wanted = min(needed * SPARE, self._at_most)
            self._add(wanted - self._noted)
            self._noted = wanted

    def settle(self, lost: float) -> None:
        """Lower the note to `lost`, the most that lost answers may have cost. Only while no call is under way."""
        if self._noted or lost:
            self._add(lost - self._noted)
            self._noted = self._most = 0.0


class Spending:
    """The money of calls made side by side: `budget` limits the money, `ledger` notes the money in the store.

    `lost_usd` is the most that answers lost since the last `settle` may have cost.
    """

    def __init__(self, budget: Budget, ledger: Ledger) -> None:
        self.budget, self.ledger = budget, ledger
        self.lost_usd = 0.0
        self._excess = 1.0

    @property
    def spent(self) -> float:
        """US dollars spent over all attempts, lost answers included, calls under way not included."""
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
        """Return the provider's answer to the messages and count its cost; tell `pace` whether the answer came.

        With a budget, the answer has at most as many tokens as the provider's own limit, else `room` tokens. Raises
        `BudgetReached` if the call does not fit into the budget, and every error of the provider. A call whose answer
        was lost or whose caller was cancelled counts with the most that the call can cost.
        """
        bound, limit = self._bound(provider, messages, room)
        most = bound * self._excess
        async with self.budget.hold(most):
            self.ledger.cover(most, lost=self.lost_usd)
            started = time.monotonic()
            try:
                answer = await provider.complete(messages, slot_key=slot_key, max_tokens=limit)
            except (AnswerLost, asyncio.CancelledError) as error:
                self.budget.spend(most)
                self.lost_usd += most
                if pace is not None and isinstance(error, AnswerLost):
                    pace.lost(started=started)
                raise
            self._pay(bound, cost_of(provider, answer))
        if pace is not None:
            pace.answered()
        return answer

    def settle(self) -> None:
        """Lower the stored note to the cost of lost answers. Only after every answer that came is stored."""
        self.ledger.settle(self.lost_usd)
        self.lost_usd = 0.0

    def stopped(self, error: StudyError, status: str) -> StudyError:
        """Return the error that ends a step, with its `status` ("3 of 9 texts are kept") and how to go on."""
        return self.budget.stopped(error, status)

    def _bound(self, provider: Provider, messages: Sequence[Message], room: int) -> tuple[float, int | None]:
        """Return the most a call can cost (US dollars) and the limit of its answer (tokens).

        Without a budget the limit is None, as `room` is not sent: the cost is then that of an answer of up to `room` tokens,
        which is noted all the same for budgets of later attempts. The cost is 0 if the price is unknown.
        """
        if provider.price is None:
            return 0.0, None
        limit = provider.max_tokens or room
        most = provider.price.of(tokens_in=most_tokens_in(messages), tokens_out=limit)
        return most, None if self.budget.limit is None else limit

    def _pay(self, bound: float, paid: float | None) -> None:
        """Count the true cost of an answer. After a cost above `bound`, later calls hold proportionally more money.

        A cost above the bound happens where an endpoint bills thinking beyond the limit of an answer.
        """
        self.budget.spend(paid)
        if bound and paid:
            self._excess = max(self._excess, paid / bound)


def open_spending(store: Store, account: Account, *, limit: float | None, concurrency: int) -> Spending:
    """Return the spending of up to `concurrency` calls at a time on an account, within `limit` US dollars in all.

    The caller holds the account's claim (`core.study.claim`), so that no other process spends on the account meanwhile.
    Raises `StudyError` if the limit is not above 0, or if the cost of earlier attempts is unknown.
    """
    spent = committed.for_budget(store, account, limit=limit)
    budget = Budget(limit, spent=spent)
    note = functools.partial(committed.note, store, account)
    left = math.inf if limit is None else max(0.0, limit - spent)
    return Spending(budget, Ledger(note, concurrency=concurrency, at_most=left))


def cost_of(provider: Provider, answer: Answer) -> float | None:
    """Return the cost of an answer in US dollars; None if the provider's price is unknown. A refused prompt costs 0."""
    if answer.finish_reason in OF_PROMPT:
        return 0.0
    price = provider.price
    return None if price is None else price.of(tokens_in=answer.tokens_in, tokens_out=answer.tokens_out)
