"""Ask a list of questions side by side: each answer is stored before it is read, and no question is paid for twice.

The caller decides the meaning of an answer: a judge's label for a text, or an LLM rater's answer about an item.
"""

import asyncio
import dataclasses
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from core.llm import not_taken
from core.llm.answers import AnswerLost, Message, Provider, SlotKey
from core.llm.received import Received, received
from core.llm.side_by_side import CallRunner, Progress

ANSWER_TOKENS = 2000  # room to think before the verdict; a limit is sent only to keep a budget


@dataclass(frozen=True)
class Question:
    """One call that is paid for once. `keep` stores the answer and runs in the only thread that writes."""

    key: SlotKey
    messages: list[Message]
    provider: Provider
    keep: Callable[[Received], None]


def ask(questions: Iterable[Question], runner: CallRunner, *, progress: Progress) -> None:
    """Ask the questions in their order and store the answers; `progress` counts the answers of earlier attempts as done.

    After an error, and when the process is asked to stop, no further question is asked and the answers under way are
    stored. Raises `StudyError` (`ProviderError`, `ProviderPaused`, `ProviderRefused` or `BudgetReached`) with the
    progress in its message. A question whose answer is lost is left for the next attempt; after many lost answers the
    attempt ends with `AnswerLost` (see `Pace`).
    """
    asyncio.run(runner.run(_Questions(iter(questions), runner, progress)))


class _Questions:
    """The work of `ask`: one call per question, one thread that stores the answers."""

    def __init__(self, left: Iterator[Question], runner: CallRunner, progress: Progress) -> None:
        self._left, self._runner, self._start = left, runner, progress
        self._n_stored, self._tokens = 0, 0
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="answers")

    @property
    def is_waiting(self) -> bool:
        return False

    def next_call(self) -> Coroutine[Any, Any, None] | None:
        question = next(self._left, None)
        return None if question is None else self._ask(question)

    def progress(self) -> Progress:
        facts = {
            "cost_usd": self._runner.spending.spent if self._runner.is_priced else None,
            "tokens": self._tokens,
            "not_taken": not_taken.counted(self._runner.providers),
        }
        return dataclasses.replace(self._start, done=self._start.done + self._n_stored, facts=facts)

    async def in_writing_thread(self, write: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._writer, write)

    async def close(self) -> None:
        self._writer.shutdown(wait=True)

    async def _ask(self, question: Question) -> None:
        """Ask one question and store its answer. Raises `AnswerLost` only if the runner's pace is hopeless (see `Pace`)."""
        try:
            answer = await self._runner.complete(
                question.provider, question.messages, slot_key=question.key, room=ANSWER_TOKENS
            )
        except AnswerLost:
            if self._runner.pace.is_hopeless:
                raise
            return
        self._tokens += answer.tokens_in + answer.tokens_out
        row = received(question.provider, question.messages, answer)
        await self.in_writing_thread(lambda: question.keep(row))
        self._n_stored += 1
