"""Filling: the calls of one generation side by side, until every label has its texts or is given up."""

import asyncio
import functools
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from core.errors import StudyError
from core.llm import draining, not_taken
from core.llm.answers import Answer, AnswerLost, Provider
from core.llm.endpoint.endpoint import OpenAIProvider
from core.llm.money import budget
from core.llm.money.purse import Purse
from core.llm.pace import Pace
from core.llm.providers import RecordingsUsedUp
from core.reports import Report
from core.synthesis.generation import requests
from core.synthesis.generation.quota import Quota
from core.synthesis.generation.samples_from_answers import Outcome, SampleWriter
from core.synthesis.generation.write_queue import WriteQueue

REPORT_EVERY_S = 0.5
RATE_OVER_S = 10.0
TRIES_WHEN_LOST = 2  # then the slot is left for a later start


@dataclass
class Facts:
    """What is told while an arm is filled. Totals over all attempts, as far as this process knows."""

    completions: int
    tokens: int
    rejected: Counter[str]
    answered_at: deque[float] = field(default_factory=deque)

    def count(self, answer: Answer) -> None:
        self.completions += 1
        self.tokens += answer.tokens_in + answer.tokens_out
        self.answered_at.append(time.monotonic())

    def rate(self, *, since: float) -> float:
        """Answers per second over the last 10 seconds, or since the start."""
        now = time.monotonic()
        while self.answered_at and self.answered_at[0] < now - RATE_OVER_S:
            self.answered_at.popleft()
        return len(self.answered_at) / max(1e-3, min(RATE_OVER_S, now - since))


class Filling:
    """One generation while it runs; lives in one event loop."""

    def __init__(
        self,
        plan: requests.Plan,
        quotas: Sequence[Quota],
        providers: Sequence[Provider],
        *,
        purse: Purse,
        writer: SampleWriter,
        facts: Facts,
        report: Report,
    ) -> None:
        self.plan, self.quotas, self.providers = plan, quotas, providers
        self.purse, self.facts, self.report = purse, facts, report
        self.store = writer.store
        self.storing = WriteQueue(writer)
        self.error: BaseException | None = None
        self._flying = 0
        self._is_draining = False
        self._concurrency = 0
        self._pace = Pace(1)
        self._lost: Counter[tuple[int, int]] = Counter()  # by label and slot
        self._tasks: set[asyncio.Task[asyncio.Future[Outcome]]] = set()
        self._ended = asyncio.Event()
        self._started_at = time.monotonic()

    async def run(self, concurrency: int) -> None:
        """Ask until nothing is missing or nothing new is asked; answers under way are kept."""
        self._concurrency = concurrency
        self._pace = Pace(concurrency)
        self.report(*self._standing())
        with draining.drained(self._drain):
            await self._until_ended()
            not_taken.note(self.store, self.plan.arm.id, self.providers)
            if self.error is None or isinstance(self.error, StudyError):
                self.purse.settle()  # otherwise answers may be paid and not stored
            self.report(*self._standing())
        if isinstance(self.error, StudyError):
            raise self.purse.stopped(self.error, f"{self._kept} of {self._wanted} texts are kept")
        if self.error is not None:
            raise self.error

    async def _until_ended(self) -> None:
        ticking = asyncio.create_task(self._tick())
        ticking.add_done_callback(self._ticked)
        try:
            self._fill()
            await self._ended.wait()
        except asyncio.CancelledError as stop:
            self.error = stop
            raise
        finally:
            stopping = [ticking, *self._tasks]
            for task in stopping:
                task.cancel()
            await asyncio.wait(stopping)
            for provider in self.providers:
                await provider.close()
            await self.storing.close()

    def _drain(self) -> None:
        """Ask nothing new; the answers under way are still taken in."""
        self._is_draining = True
        self._fill()

    def _fill(self) -> None:
        """Start as many calls as may be under way; the end has come when none is and none can be.

        Answers that are stored but not yet parsed stay few, so that little is asked after a label is given up.
        """
        while self.error is None and not self._is_draining and self._has_room and (ticket := self._next()):
            self._flying += 1
            task = asyncio.create_task(self._ask(*ticket))
            self._tasks.add(task)
            task.add_done_callback(functools.partial(self._answered, *ticket))
        if not self._flying and not any(quota.in_flight for quota in self.quotas):
            self._ended.set()

    def _next(self) -> tuple[Quota, int] | None:
        """The slot to ask next, for the label that has the fewest in flight."""
        for quota in sorted(self.quotas, key=lambda quota: len(quota.in_flight)):
            slot = quota.next_slot()
            if slot is not None:
                quota.start(slot)
                return quota, slot
        return None

    async def _ask(self, quota: Quota, slot: int) -> asyncio.Future[Outcome]:
        """Ask one slot, and store the answer before anything else is done with it."""
        provider = self.providers[slot // self.plan.prompt.turns % len(self.providers)]
        request = requests.request(self.store, self.plan, label=quota.label, slot=slot)
        prompt = self.plan.prompt
        room = budget.answer_limit(texts_per_call=prompt.texts_per_call, words=prompt.words)
        answer = await self.purse.complete(provider, request.messages, slot_key=request.key, room=room, pace=self._pace)
        completion = requests.completion(self.plan, request, answer, provider=provider)
        self.facts.count(answer)
        return await self.storing.keep(completion)

    def _answered(self, quota: Quota, slot: int, task: asyncio.Task[asyncio.Future[Outcome]]) -> None:
        """Go on after a call has ended: with its outcome to come, or with what must stop the label or everything."""
        self._flying -= 1
        self._tasks.discard(task)
        error = _error_of(task)
        if error is None:
            task.result().add_done_callback(functools.partial(self._taken, quota, slot))
        else:
            quota.abandon(slot)
            if isinstance(error, RecordingsUsedUp):
                quota.stopped = str(error)
            elif isinstance(error, AnswerLost) and not self._pace.is_hopeless:
                self._lost[quota.label.id, slot] += 1
                if self._lost[quota.label.id, slot] >= TRIES_WHEN_LOST:
                    quota.leave(slot)
            else:
                self.error = self.error or error
        self._fill()

    def _taken(self, quota: Quota, slot: int, outcome: asyncio.Future[Outcome]) -> None:
        """Count what became of the texts of an answer."""
        error = _error_of(outcome)
        if error is None:
            found = outcome.result()
            quota.finish(slot, kept=found.kept, is_fruitful=found.is_fruitful, rejected=found.rejected)
            self.facts.rejected.update(found.rejected)
        else:
            quota.abandon(slot)
            self.error = self.error or error
        self._fill()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            await self.storing.run(functools.partial(self.report, *self._standing()))

    def _ticked(self, ticking: asyncio.Task[None]) -> None:
        if not ticking.cancelled():
            self.error = self.error or ticking.exception()
            self._fill()

    def _standing(self) -> tuple[int, int, str, dict[str, Any]]:
        """What is reported: texts kept, texts wanted, what is being done, and the facts."""
        paused = [one.paused_s for one in self.providers if isinstance(one, OpenAIProvider)]
        is_priced = all(provider.price is not None for provider in self.providers)
        facts = {
            "cost_usd": self.purse.spent if is_priced else None,
            "tokens": self.facts.tokens,
            "in_flight": self._flying,
            "completions": self.facts.completions,
            "kept": self._kept,
            "rejected": dict(self.facts.rejected.most_common()),
            "requests_per_s": self.facts.rate(since=self._started_at),
            "paused_s": max(paused, default=0.0),
            "not_taken": not_taken.counted(self.providers),
        }
        return self._kept, self._wanted, f"Filling arm {self.plan.arm.name}", facts

    @property
    def _has_room(self) -> bool:
        unsettled = sum(len(quota.in_flight) for quota in self.quotas)
        return self._flying < self._pace.allowed and unsettled < 2 * self._concurrency

    @property
    def _kept(self) -> int:
        return sum(min(quota.kept, quota.wanted) for quota in self.quotas)

    @property
    def _wanted(self) -> int:
        return sum(quota.wanted for quota in self.quotas)


def _error_of(future: asyncio.Future[Any]) -> BaseException | None:
    """What a finished future or task failed with; a cancelled one was not stored, which `WriteQueue.close` explains."""
    return asyncio.CancelledError() if future.cancelled() else future.exception()
