"""Decide which slots of an arm to ask next, until every label has its texts or is given up."""

import asyncio
import functools
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.llm import not_taken
from core.llm.answers import Answer, AnswerLost
from core.llm.endpoint.endpoint import OpenAIProvider
from core.llm.money import budget
from core.llm.providers import RecordedProvider, RecordingsUsedUp
from core.llm.side_by_side import CallRunner, Progress, error_of
from core.synthesis.generation import obedience, requests
from core.synthesis.generation.quota import Quota
from core.synthesis.generation.samples_from_answers import Outcome, SampleWriter
from core.synthesis.generation.write_queue import WriteQueue
from core.synthesis.prompts import versions

RATE_OVER_S = 10.0
TRIES_WHEN_LOST = 2  # then the slot is left for a later start


@dataclass
class RunningTotals:
    """The counts reported while an arm is filled: totals over all attempts, as far as this process knows them."""

    completions: int
    tokens: int
    rejected: Counter[str]
    answered_at: deque[float] = field(default_factory=deque)

    def count(self, answer: Answer) -> None:
        """Count an answer that has just come."""
        self.completions += 1
        self.tokens += answer.tokens_in + answer.tokens_out
        self.answered_at.append(time.monotonic())

    def rate(self, *, since: float) -> float:
        """Return answers per second over the last 10 seconds, or since `since` (as `time.monotonic`) if that is later."""
        now = time.monotonic()
        while self.answered_at and self.answered_at[0] < now - RATE_OVER_S:
            self.answered_at.popleft()
        return len(self.answered_at) / max(1e-3, min(RATE_OVER_S, now - since))


@dataclass
class Yield:
    """How many texts the answers to one prompt version brought; answers that no list could be in are left out."""

    answers: int = 0
    texts: int = 0

    def count(self, outcome: Outcome) -> None:
        if obedience.tells(outcome.n_texts, outcome.rejected):
            self.answers += 1
            self.texts += outcome.n_texts

    def is_poor(self, *, texts_per_call: int, is_free: bool) -> bool:
        """Whether one text a call is better, as `obedience.is_poor` judges."""
        return obedience.is_poor(self.answers, texts=self.texts, texts_per_call=texts_per_call, is_free=is_free)


class SlotScheduler:
    """The work of one generation, for `CallRunner.run`: each call asks one slot and stores its answer.

    If the first answers bring too few texts a call, a new prompt version asks for one text a call.
    """

    def __init__(
        self,
        plan: requests.Plan,
        quotas: Sequence[Quota],
        runner: CallRunner,
        *,
        writer: SampleWriter,
        totals: RunningTotals,
    ) -> None:
        self.plan, self.quotas, self.runner, self.totals = plan, quotas, runner, totals
        self.store = writer.store
        self.storing = WriteQueue(writer)
        self._times_lost: Counter[tuple[int, int]] = Counter()  # by label id and slot
        self._yield = Yield()
        self._is_changing_prompt = False
        self._started_at = time.monotonic()

    @property
    def is_waiting(self) -> bool:
        return any(quota.in_flight for quota in self.quotas)

    def next_call(self) -> Coroutine[Any, Any, None] | None:
        """Return the call for the next slot of the label that has the fewest calls under way; None if no slot is free.

        Answers that are stored but not yet parsed stay few, so that little is asked after a label is given up.
        """
        if (
            self._is_changing_prompt
            or sum(len(quota.in_flight) for quota in self.quotas) >= 2 * self.runner.concurrency
        ):
            return None
        if self._brings_too_little and any(quota.missing for quota in self.quotas):
            self._is_changing_prompt = True
            return self._ask_for_one_text_a_call()
        for quota in sorted(self.quotas, key=lambda quota: len(quota.in_flight)):
            slot = quota.next_slot()
            if slot is not None:
                quota.start(slot)
                return self._fill(quota, slot)
        return None

    def progress(self) -> Progress:
        """Return the texts kept of those wanted, with the numbers of a job's report."""
        kept = sum(min(quota.kept, quota.wanted) for quota in self.quotas)
        wanted = sum(quota.wanted for quota in self.quotas)
        providers = self.runner.providers
        paused = [provider.paused_s for provider in providers if isinstance(provider, OpenAIProvider)]
        facts = {
            "cost_usd": self.runner.spending.spent if self.runner.is_priced else None,
            "tokens": self.totals.tokens,
            "in_flight": self.runner.n_running,
            "completions": self.totals.completions,
            "kept": kept,
            "rejected": dict(self.totals.rejected.most_common()),
            "requests_per_s": self.totals.rate(since=self._started_at),
            "paused_s": max(paused, default=0.0),
            "not_taken": not_taken.counted(providers),
        }
        return Progress(kept, wanted, f"Writing texts of the arm {self.plan.arm.name}", "texts are kept", facts)

    async def in_writing_thread(self, write: Callable[[], None]) -> None:
        await self.storing.run(write)

    async def close(self) -> None:
        await self.storing.close()
        not_taken.note(self.store, self.plan.arm.id, self.runner.providers)

    @property
    def _brings_too_little(self) -> bool:
        providers = self.runner.providers
        if any(provider.name == RecordedProvider.name for provider in providers):
            return False  # another prompt changes nothing about answers that were recorded
        is_free = all(provider.price is not None and provider.price.is_free for provider in providers)
        return self._yield.is_poor(texts_per_call=self.plan.prompt.texts_per_call, is_free=is_free)

    async def _ask_for_one_text_a_call(self) -> None:
        """Store a prompt version that asks for one text a call, and go on with it."""
        draft = versions.of_one_text(versions.as_draft(self.plan.prompt))
        saved: list[requests.Plan] = []

        def save() -> None:
            with self.store.write() as session:
                prompt = versions.save(session, arm_id=self.plan.arm.id, draft=draft)
            with self.store() as session:
                saved.append(requests.with_prompt(session, self.plan, prompt))

        await self.in_writing_thread(save)
        self.plan = saved[0]
        self._yield = Yield()
        for quota in self.quotas:
            quota.begin_version(texts_per_call=1)
        self._is_changing_prompt = False

    async def _fill(self, quota: Quota, slot: int) -> None:
        """Ask one slot and store its answer; the outcome of its texts is counted when the answer is parsed.

        A slot whose answer is lost is asked once more, then left for a later start. A label without further recordings
        is given up.
        """
        try:
            plan = self.plan
            outcome = await self._stored(plan, quota, slot)
        except RecordingsUsedUp as error:
            quota.abandon(slot)
            quota.stopped = str(error)
        except AnswerLost:
            quota.abandon(slot)
            if self.runner.pace.is_hopeless:
                raise
            self._times_lost[quota.label.id, slot] += 1
            if self._times_lost[quota.label.id, slot] >= TRIES_WHEN_LOST:
                quota.leave(slot)
        except BaseException:
            quota.abandon(slot)
            raise
        else:
            outcome.add_done_callback(functools.partial(self._count_outcome, plan.prompt.id, quota, slot))

    async def _stored(self, plan: requests.Plan, quota: Quota, slot: int) -> asyncio.Future[Outcome]:
        """Ask one slot and store the answer; return the outcome of its texts, which comes after parsing."""
        provider = self.runner.providers[slot // plan.prompt.turns % len(self.runner.providers)]
        request = requests.request(self.store, plan, label=quota.label, slot=slot)
        prompt = plan.prompt
        room = budget.answer_limit(texts_per_call=prompt.texts_per_call, words=prompt.words)
        answer = await self.runner.complete(provider, request.messages, slot_key=request.key, room=room)
        completion = requests.completion(plan, request, answer, provider=provider)
        self.totals.count(answer)
        return await self.storing.keep(completion)

    def _count_outcome(self, prompt_id: int, quota: Quota, slot: int, outcome: asyncio.Future[Outcome]) -> None:
        """Count the kept and rejected texts of a parsed answer, and let the runner ask for the next slot."""
        error = error_of(outcome)
        if error is None:
            texts = outcome.result()
            quota.finish(slot, kept=texts.kept, is_fruitful=texts.is_fruitful, rejected=texts.rejected)
            self.totals.rejected.update(texts.rejected)
            if prompt_id == self.plan.prompt.id:
                self._yield.count(texts)
            self.runner.wake()
        else:
            quota.abandon(slot)
            self.runner.stop(error)
