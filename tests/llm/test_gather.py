"""Questions asked side by side: each kept once, the budget and the note of what calls may cost, an end by signal."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from core.errors import StudyError
from core.llm import gather, pace
from core.llm.answers import SlotKey
from core.llm.endpoint.endpoint import OpenAIProvider
from core.llm.money import budget, prices
from core.llm.money.spending import Ledger, Spending
from core.llm.received import Received
from core.llm.side_by_side import CallRunner, Progress
from core.synthesis.generation import generation
from tests import endpoints
from tests.llm_server import LlmServer

PRICE = prices.Price(model="test-model", input_usd_per_million=1000.0, output_usd_per_million=1000.0)


@pytest.fixture
def server() -> Iterator[LlmServer]:
    with LlmServer(models=["test-model"]) as running:
        yield running


def provider(server: LlmServer, **more: Any) -> OpenAIProvider:
    return endpoints.client("test-model", base_url=server.url, api_key="k", first_wait_s=0.01, **more)


def questions(client: OpenAIProvider, kept: list[Any], n: int = 10) -> list[gather.Question]:
    asked = [{"role": "user", "content": "Generate 1 text."}]
    return [gather.Question(SlotKey("s", "t", "a", "l", n), asked, client, kept.append) for n in range(n)]


def ask(
    client: OpenAIProvider,
    asked: list[gather.Question],
    *,
    limit: float | None = None,
    spent: float = 0.0,
    noted: list[float] | None = None,
) -> None:
    ledger = Ledger((noted if noted is not None else []).append, concurrency=4)
    spending = Spending(budget.Budget(limit, spent=spent), ledger)
    runner = CallRunner([client], spending=spending, concurrency=4, report=generation.silent)
    gather.ask(asked, runner, progress=Progress(0, len(asked), "Asking", "answers are in"))


def test_every_question_is_asked_and_kept_once_with_its_cost(server: LlmServer) -> None:
    kept: list[Received] = []
    client = provider(server, price=PRICE, temperature=0.5)

    ask(client, questions(client, kept))

    assert len(kept) == server.seen.answered == 10 and set(server.seen.by_key.values()) == {1}
    one = kept[0]
    assert one.cost_usd == pytest.approx((one.tokens_in + one.tokens_out) / 1000)
    assert one.request["temperature"] == 0.5 and one.request["messages"][0]["content"] == "Generate 1 text."


def test_a_note_covers_calls_under_way_and_nothing_stays_noted_when_all_came(server: LlmServer) -> None:
    kept: list[Received] = []
    client, noted = provider(server, price=PRICE), list[float]()

    ask(client, questions(client, kept), limit=100.0, noted=noted)

    assert noted[0] > 0 and sum(noted) == pytest.approx(0, abs=1e-9)


@pytest.mark.slow
def test_what_lost_answers_may_have_cost_stays_noted() -> None:
    kept: list[Received] = []
    noted: list[float] = []

    with (
        LlmServer(models=["test-model"], latency=1.0) as slow,
        pytest.raises(StudyError, match="0 of 10 answers are in"),
    ):
        client = provider(slow, price=PRICE, timeout_s=0.2)
        ask(client, questions(client, kept), limit=100.0, noted=noted)

    most = PRICE.of(
        tokens_in=budget.most_tokens_in(questions(client, kept)[0].messages), tokens_out=gather.ANSWER_TOKENS
    )
    asked = 4 + pace.MOST_IN_VAIN  # those at a time at first, then one after the other
    assert pace.MOST_IN_VAIN * most <= sum(noted) <= asked * most + 1e-9
    assert slow.seen.requests <= asked
    assert (
        noted[-1] <= 1e-9
    )  # all of it was noted while the calls were under way, so that a kill would have hidden nothing


@pytest.mark.slow
@pytest.mark.parametrize("is_lost", [True, False])
def test_calls_without_a_budget_are_noted_for_a_later_budget(is_lost: bool) -> None:
    noted: list[float] = []

    with LlmServer(models=["test-model"], latency=1.0 if is_lost else 0.0) as server:
        client = provider(server, price=PRICE, timeout_s=0.2 if is_lost else 10.0)
        with pytest.raises(StudyError) if is_lost else contextlib.nullcontext():
            ask(client, questions(client, []), noted=noted)

    most = PRICE.of(tokens_in=budget.most_tokens_in(questions(client, [])[0].messages), tokens_out=gather.ANSWER_TOKENS)
    assert noted[0] >= 4 * most
    assert sum(noted) >= pace.MOST_IN_VAIN * most if is_lost else sum(noted) == pytest.approx(0, abs=1e-9)


def test_a_failure_of_storing_stops_the_asking_and_leaves_the_note(server: LlmServer) -> None:
    def fail(_received: Received) -> None:
        raise OSError("disk full")

    client, noted = provider(server, price=PRICE), list[float]()
    asked = [gather.Question(one.key, one.messages, client, fail) for one in questions(client, [], n=50)]

    with pytest.raises(OSError, match="disk full"):
        ask(client, asked, limit=100.0, noted=noted)

    assert server.seen.answered < 50 and sum(noted) > 0


def test_what_was_spent_before_counts_against_the_budget(server: LlmServer) -> None:
    kept: list[Received] = []
    client = provider(server, price=PRICE)

    with pytest.raises(budget.BudgetReached, match="0 of 10 answers are in"):
        ask(client, questions(client, kept), limit=1.0, spent=0.99)

    assert server.seen.requests == 0


def test_answers_are_kept_one_after_another(server: LlmServer) -> None:
    at_once, most = threading.Semaphore(1), []

    def keep(_received: Received) -> None:
        most.append(at_once.acquire(blocking=False))
        time.sleep(0.005)
        at_once.release()

    client = provider(server)
    asked = [gather.Question(one.key, one.messages, client, keep) for one in questions(client, [])]

    ask(client, asked)

    assert most == [True] * 10


@pytest.mark.slow
def test_a_process_asked_to_stop_asks_nothing_new_and_keeps_what_is_under_way() -> None:
    kept: list[Received] = []
    stopped: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: stopped.append(number))

    with LlmServer(models=["test-model"], latency=0.2) as slow:
        client = provider(slow)
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
        try:
            ask(client, questions(client, kept, n=40))
        finally:
            signal.signal(signal.SIGTERM, before)

    assert stopped == [signal.SIGTERM]
    assert 0 < len(kept) == slow.seen.answered < 40
