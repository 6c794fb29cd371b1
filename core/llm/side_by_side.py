"""Make calls to language models side by side, until no call is left, an error occurs or the process is asked to stop."""

import asyncio
import functools
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from core.errors import StudyError
from core.llm import draining
from core.llm.answers import Answer, Message, Provider, SlotKey
from core.llm.money.spending import Spending
from core.llm.pace import Pace
from core.reports import Report

REPORT_EVERY_S = 0.5


@dataclass(frozen=True)
class Progress:
    """How far some calls have come: `done` of `total`.

    `doing` names the work ("Judging by gpt-4o"), `counted` ends the sentence "3 of 9 ..." ("texts are judged"), and
    `facts` are further numbers for the report.
    """

    done: int
    total: int
    doing: str
    counted: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """The progress in words, such as "3 of 9 texts are judged"."""
        return f"{self.done} of {self.total} {self.counted}"


class Work(Protocol):
    """Decides which calls are made, one at a time, and stores their answers. Every method runs in one event loop."""

    def next_call(self) -> Coroutine[Any, Any, None] | None:
        """Return the next call, ready to be awaited; None while no call can be made.

        The call asks through `CallRunner.complete` and ends once its answer is stored. An error that leaves the call
        stops the work: no further call is started.
        """
        ...

    @property
    def is_waiting(self) -> bool:
        """Whether stored answers are still being read, after which more calls may be needed."""
        ...

    def progress(self) -> Progress:
        """Return how far the work has come."""
        ...

    async def in_writing_thread(self, write: Callable[[], None]) -> None:
        """Run `write` in the thread that stores answers, in turn with the answers."""
        ...

    async def close(self) -> None:
        """Wait until every answer is stored; raise the error of an answer that could not be stored."""
        ...


class CallRunner:
    """Makes the calls of one work, up to `concurrency` at a time, and fewer after lost answers (see `Pace`).

    `spending` pays for the calls; `report` is told the progress at the start, every half second and at the end.
    """

    def __init__(self, providers: Sequence[Provider], *, spending: Spending, concurrency: int, report: Report) -> None:
        self.providers, self.spending, self.concurrency, self.report = providers, spending, concurrency, report
        self.pace = Pace(concurrency)
        self.error: BaseException | None = None
        self._is_draining = False
        self._running: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    @property
    def n_running(self) -> int:
        """The number of calls under way."""
        return len(self._running)

    @property
    def is_priced(self) -> bool:
        """Whether the price of every provider is known."""
        return all(provider.price is not None for provider in self.providers)

    async def run(self, work: Work) -> None:
        """Make calls until the work has no more; on SIGTERM and after an error, only store the answers under way.

        Raises the first error; a `StudyError` (`ProviderError`, `ProviderPaused`, `ProviderRefused` or
        `BudgetReached`) also says how far the work came.
        """
        self._tell(work)
        with draining.drained(self._drain):
            await self._until_done(work)
            if self.error is None or isinstance(self.error, StudyError):
                self.spending.settle()  # after any other error, answers may be paid for and not stored
            self._tell(work)
        if isinstance(self.error, StudyError):
            raise self.spending.stopped(self.error, work.progress().sentence)
        if self.error is not None:
            raise self.error

    async def complete(
        self, provider: Provider, messages: Sequence[Message], *, slot_key: SlotKey, room: int
    ) -> Answer:
        """Return the provider's answer, paid for and paced; see `Spending.complete`."""
        return await self.spending.complete(provider, messages, slot_key=slot_key, room=room, pace=self.pace)

    def stop(self, error: BaseException) -> None:
        """Start no further call; `run` raises the first error passed here."""
        self.error = self.error or error
        self.wake()

    def wake(self) -> None:
        """Ask the work for its next call again, such as after a stored answer has been read."""
        self._changed.set()

    async def _until_done(self, work: Work) -> None:
        background = [asyncio.create_task(self._start_calls(work)), asyncio.create_task(self._keep_telling(work))]
        for task in background:
            task.add_done_callback(self._background_ended)
        try:
            await asyncio.wait([background[0]])
            while self._running or work.is_waiting:
                await self._change()
        except asyncio.CancelledError as error:
            self.error = error
            raise
        finally:
            ending = [*background, *self._running]
            for task in ending:
                task.cancel()
            await asyncio.wait(ending)
            for provider in self.providers:
                await provider.close()
            await work.close()

    async def _start_calls(self, work: Work) -> None:
        """Start calls up to the limit, again after each change, until the work has no more calls."""
        while True:
            self._changed.clear()
            while self._may_start and (call := work.next_call()) is not None:
                task = asyncio.create_task(call)
                self._running.add(task)
                task.add_done_callback(self._call_ended)
            if self._is_stopping or not (self._running or work.is_waiting):
                return
            await self._changed.wait()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    @property
    def _is_stopping(self) -> bool:
        return self._is_draining or self.error is not None

    @property
    def _may_start(self) -> bool:
        return not self._is_stopping and self.n_running < self.pace.allowed

    def _drain(self) -> None:
        self._is_draining = True
        self.wake()

    def _call_ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if (error := error_of(task)) is not None:
            self.stop(error)
        self.wake()

    def _background_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.stop(error)

    async def _keep_telling(self, work: Work) -> None:
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            progress = work.progress()
            await work.in_writing_thread(functools.partial(self._tell_progress, progress))

    def _tell(self, work: Work) -> None:
        self._tell_progress(work.progress())

    def _tell_progress(self, progress: Progress) -> None:
        kept = {"kept": progress.done} if progress.done else {}  # what is done is stored, so a killed job keeps it
        self.report(progress.done, progress.total, progress.doing, {**kept, **progress.facts})


def error_of(future: asyncio.Future[Any]) -> BaseException | None:
    """Return the error of a finished future or task, `CancelledError` for a cancelled one; None after success."""
    return asyncio.CancelledError() if future.cancelled() else future.exception()
