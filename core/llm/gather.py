"""Polling: many questions asked side by side, each answer stored before it is read, none paid for twice.

What an answer means is up to the caller: a judge's label for a text, or an LLM rater's answer about an item.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from core.errors import StudyError
from core.llm import draining, not_taken
from core.llm.answers import AnswerLost, Message, Provider, SlotKey
from core.llm.money.purse import Purse
from core.llm.pace import Pace
from core.llm.received import Received, received
from core.reports import Report

ANSWER_TOKENS = 2000  # room to think before the verdict; only a budget sets a limit at all
LOOK_AGAIN_S = 0.02
REPORT_EVERY_S = 0.5


@dataclass(frozen=True)
class Question:
    """One call that is paid once. `keep` stores its answer; it runs in the one thread that writes."""

    key: SlotKey
    messages: list[Message]
    provider: Provider
    keep: Callable[[Received], None]


@dataclass(frozen=True)
class Told:
    """What people read: what is being done, and what `done` of `total` counts ("texts are judged")."""

    doing: str
    counted: str


def ask(
    questions: Iterable[Question],
    *,
    providers: Sequence[Provider],
    done: int,
    total: int,
    told: Told,
    purse: Purse,
    concurrency: int,
    report: Report,
) -> None:
    """Ask the questions in their order, `concurrency` at a time; `done` of `total` were answered in earlier attempts.

    After an error and when the process is asked to stop, nothing new is asked and the answers under way are kept.
    Raises `StudyError` (`ProviderError`, `ProviderPaused`, `ProviderRefused` or `BudgetReached`) that says how far it
    came. An answer that did not come in time is left for the next attempt, and fewer calls are made at a time; it ends
    this attempt when hardly any comes (see `Pace`).
    """
    polling = _Polling(iter(questions), providers, done=done, total=total, told=told, purse=purse, report=report)
    asyncio.run(polling.run(concurrency))


class _Polling:
    """One run of the event loop: asks side by side and hands every answer to a single writing thread."""

    def __init__(
        self,
        waiting: Iterator[Question],
        providers: Sequence[Provider],
        *,
        done: int,
        total: int,
        told: Told,
        purse: Purse,
        report: Report,
    ) -> None:
        self.waiting, self.providers, self.told = waiting, providers, told
        self.done, self.total, self.tokens = done, total, 0
        self.purse, self.report = purse, report
        self.is_priced = all(provider.price is not None for provider in providers)
        self.writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="polling")
        self.flying, self.reported_at = 0, 0.0
        self.pace = Pace(1)
        self.is_draining = False
        self.error: StudyError | None = None

    async def run(self, concurrency: int) -> None:
        self.pace = Pace(concurrency)
        with draining.drained(self._drain):
            try:
                ended = await asyncio.gather(*(self._work() for _ in range(concurrency)), return_exceptions=True)
            finally:
                for provider in self.providers:
                    await provider.close()
                self.writer.shutdown(wait=True)
                self._tell(is_last=True)
            for one in ended:
                if isinstance(one, BaseException):
                    raise one  # answers may be paid and not stored, so the purse keeps what it has noted
            self.purse.settle()
        if self.error is not None:
            raise self.purse.stopped(self.error, f"{self.done} of {self.total} {self.told.counted}")

    def _drain(self) -> None:
        self.is_draining = True

    async def _work(self) -> None:
        with self._draining_on_failure():
            while await self._may_ask() and (question := next(self.waiting, None)) is not None:
                self.flying += 1
                try:
                    await self._ask(question)
                except AnswerLost as error:
                    self.error = self.error or (error if self.pace.is_hopeless else None)
                except StudyError as error:
                    self.error = self.error or error
                finally:
                    self.flying -= 1
                self._tell(is_last=False)

    async def _may_ask(self) -> bool:
        """Wait until there is room for one more call; False when nothing new is asked."""
        while self.flying >= self.pace.allowed:
            await asyncio.sleep(LOOK_AGAIN_S)
        return self.error is None and not self.is_draining

    @contextlib.contextmanager
    def _draining_on_failure(self) -> Iterator[None]:
        """What nobody foresaw ends this caller, and lets the others take in what they have asked."""
        try:
            yield
        except BaseException:
            self._drain()
            raise

    async def _ask(self, question: Question) -> None:
        answer = await self.purse.complete(
            question.provider, question.messages, slot_key=question.key, room=ANSWER_TOKENS, pace=self.pace
        )
        row = received(question.provider, question.messages, answer)
        self.tokens += answer.tokens_in + answer.tokens_out
        await asyncio.get_running_loop().run_in_executor(self.writer, question.keep, row)
        self.done += 1

    def _tell(self, *, is_last: bool) -> None:
        now = time.monotonic()
        if not is_last and now - self.reported_at < REPORT_EVERY_S:
            return
        self.reported_at = now
        extra = {
            "cost_usd": self.purse.spent if self.is_priced else None,
            "tokens": self.tokens,
            "not_taken": not_taken.counted(self.providers),
        }
        self.report(self.done, self.total, self.told.doing, extra)
