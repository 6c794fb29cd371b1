"""Storing: answers that come while others are being stored are stored together next, so that a fast endpoint never waits.

One thread does all the writing. An answer is committed before it is parsed; whoever brought it goes on as soon as it is
committed, and learns later what became of its texts.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from core.study.rows.study import Completion
from core.synthesis.generation.intake import Intake, Outcome

MOST_TOGETHER = 64
PARSED_TOGETHER = 8
PARSED_AFTER_S = 0.02

Result = TypeVar("Result")


@dataclass(frozen=True)
class _Entry:
    completion: Completion
    kept: asyncio.Future[None]
    outcome: asyncio.Future[Outcome]


class Storing:
    """A queue of answers in front of an intake, for one event loop.

    Answers are committed at once and parsed a few at a time, so that no commit waits long for a parse.
    """

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._waiting: list[_Entry] = []
        self._stored: list[_Entry] = []
        self._parse_at = 0.0
        self._wake = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._error: BaseException | None = None

    async def keep(self, completion: Completion) -> asyncio.Future[Outcome]:
        """Return once an answer is committed, with the outcome to come. Cancelled when storing fails; see `close`."""
        loop = asyncio.get_running_loop()
        entry = _Entry(completion, loop.create_future(), loop.create_future())
        self._waiting.append(entry)
        self._wake.set()
        if self._pump is None or self._pump.done():
            self._pump = loop.create_task(self._run())
            self._pump.add_done_callback(self._ended)
        await entry.kept
        return entry.outcome

    async def run(self, work: Callable[[], Result]) -> Result:
        """Do something else in the thread that writes, in turn with it."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def close(self) -> None:
        """Wait for what is being stored; raises what went wrong with it."""
        if self._pump is not None:
            await asyncio.wait([self._pump])
        self._thread.shutdown(wait=True)
        if self._error is not None:
            raise self._error

    def _ended(self, pump: asyncio.Task[None]) -> None:
        if not pump.cancelled():
            self._error = self._error or pump.exception()

    async def _run(self) -> None:
        try:
            while self._waiting or self._stored:
                if self._waiting:
                    group, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
                    await self._commit(group)
                if await self._is_time_to_parse():
                    many = min(MOST_TOGETHER, max(PARSED_TOGETHER, len(self._stored) // 2))
                    group, self._stored = self._stored[:many], self._stored[many:]
                    await self._parse(group)
        finally:
            for entry in self._waiting:
                entry.kept.cancel()
            for entry in self._stored:
                entry.outcome.cancel()
            self._waiting, self._stored = [], []

    async def _is_time_to_parse(self) -> bool:
        """Whether enough answers wait for it, or one has waited long enough; else wait for either or for a new answer."""
        if len(self._stored) >= PARSED_TOGETHER or (self._stored and self._parse_at <= time.monotonic()):
            return True
        if self._stored and not self._waiting:
            self._wake.clear()
            asyncio.get_running_loop().call_later(self._parse_at - time.monotonic(), self._wake.set)
            await self._wake.wait()
        return False

    async def _commit(self, group: list[_Entry]) -> None:
        try:
            kept = await self.run(lambda: self.intake.keep([entry.completion for entry in group]))
            are_kept = set(map(id, kept))
            if not self._stored:
                self._parse_at = time.monotonic() + PARSED_AFTER_S
            for entry in group:
                _settle(entry.kept, None)
                if id(entry.completion) in are_kept:
                    self._stored.append(entry)
                else:
                    _settle(entry.outcome, self.intake.dropped(entry.completion))
        finally:
            for entry in group:
                entry.kept.cancel()

    async def _parse(self, group: list[_Entry]) -> None:
        try:
            rows = [entry.completion for entry in group]
            outcomes = await self.run(lambda: self.intake.parse(rows, now=time.time()))
            for entry, outcome in zip(group, outcomes, strict=True):
                _settle(entry.outcome, outcome)
        finally:
            for entry in group:
                entry.outcome.cancel()


def _settle(future: asyncio.Future[Result], value: Result) -> None:
    """Give a future its value, unless whoever waited for it was stopped."""
    if not future.done():
        future.set_result(value)
