"""A queue of answers that one thread stores in groups, so that a fast endpoint never waits for the database.

Answers that come while others are being stored are stored together next. An answer is committed before it is parsed: its
caller goes on as soon as the commit is done, and learns later what became of the texts.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from core.study.rows.study import Completion
from core.synthesis.generation.samples_from_answers import Outcome, SampleWriter

MOST_TOGETHER = 64
PARSED_TOGETHER = 8
PARSED_AFTER_S = 0.02

Result = TypeVar("Result")


@dataclass(frozen=True)
class _Entry:
    """An answer in the queue, with a future that is done at its commit and one for the outcome of its texts."""

    completion: Completion
    committed: asyncio.Future[None]
    outcome: asyncio.Future[Outcome]


class WriteQueue:
    """A queue in front of a `SampleWriter`, for one event loop.

    Answers are committed at once and parsed a few at a time, so that no commit waits long for a parse.
    """

    def __init__(self, writer: SampleWriter) -> None:
        self.writer = writer
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._waiting: list[_Entry] = []
        self._committed: list[_Entry] = []
        self._parse_at = 0.0
        self._wake = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._error: BaseException | None = None

    async def keep(self, completion: Completion) -> asyncio.Future[Outcome]:
        """Return, once an answer is committed, a future of its outcome.

        Raises `CancelledError` if storing fails; `close` raises the cause.
        """
        loop = asyncio.get_running_loop()
        entry = _Entry(completion, loop.create_future(), loop.create_future())
        self._waiting.append(entry)
        self._wake.set()
        if self._pump is None or self._pump.done():
            self._pump = loop.create_task(self._run())
            self._pump.add_done_callback(self._ended)
        await entry.committed
        return entry.outcome

    async def run(self, work: Callable[[], Result]) -> Result:
        """Run a function in the thread that writes, between two writes, and return its result."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def close(self) -> None:
        """Wait until every answer in the queue is stored. Raises the error that ended storing, if any."""
        if self._pump is not None:
            await asyncio.wait([self._pump])
        self._thread.shutdown(wait=True)
        if self._error is not None:
            raise self._error

    def _ended(self, pump: asyncio.Task[None]) -> None:
        if not pump.cancelled():
            self._error = self._error or pump.exception()

    async def _run(self) -> None:
        """Commit and parse in groups until the queue is empty; on an error, cancel the futures of all its entries."""
        try:
            while self._waiting or self._committed:
                if self._waiting:
                    group, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
                    await self._commit(group)
                if await self._is_time_to_parse():
                    many = min(MOST_TOGETHER, max(PARSED_TOGETHER, len(self._committed) // 2))
                    group, self._committed = self._committed[:many], self._committed[many:]
                    await self._parse(group)
        finally:
            for entry in self._waiting:
                entry.committed.cancel()
            for entry in self._committed:
                entry.outcome.cancel()
            self._waiting, self._committed = [], []

    async def _is_time_to_parse(self) -> bool:
        """Whether enough committed answers wait to be parsed, or the first has waited long enough.

        If neither holds and no answer waits for its commit, sleep until a new answer comes or the time is up.
        """
        if len(self._committed) >= PARSED_TOGETHER or (self._committed and self._parse_at <= time.monotonic()):
            return True
        if self._committed and not self._waiting:
            self._wake.clear()
            asyncio.get_running_loop().call_later(self._parse_at - time.monotonic(), self._wake.set)
            await self._wake.wait()
        return False

    async def _commit(self, group: list[_Entry]) -> None:
        try:
            stored = await self.run(lambda: self.writer.store_answers([entry.completion for entry in group]))
            are_stored = set(map(id, stored))
            if not self._committed:
                self._parse_at = time.monotonic() + PARSED_AFTER_S
            for entry in group:
                _settle(entry.committed, None)
                if id(entry.completion) in are_stored:
                    self._committed.append(entry)
                else:
                    _settle(entry.outcome, self.writer.dropped(entry.completion))
        finally:
            for entry in group:
                entry.committed.cancel()

    async def _parse(self, group: list[_Entry]) -> None:
        try:
            completions = [entry.completion for entry in group]
            outcomes = await self.run(lambda: self.writer.store_texts(completions, now=time.time()))
            for entry, outcome in zip(group, outcomes, strict=True):
                _settle(entry.outcome, outcome)
        finally:
            for entry in group:
                entry.outcome.cancel()


def _settle(future: asyncio.Future[Result], value: Result) -> None:
    """Give a future its value, unless the caller that waited for it was cancelled."""
    if not future.done():
        future.set_result(value)
