"""Contamination: halves, what counts as completed, and a model at an endpoint that knows some of the test texts by heart."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import func, select

from core.errors import ProviderPaused, StudyError
from core.llm.endpoint.endpoint import OpenAIProvider
from core.llm.money import committed, prices
from core.llm.money.committed import Account, Way
from core.study.rows.kinds import Split, Wording
from core.study.rows.study import Arm, Continuation, Label, Sample, Task
from core.study.splits import equal_texts
from core.study.store import Store
from core.synthesis.contamination import asking, completed
from core.synthesis.limits import Limits
from tests import endpoints
from tests.llm_server import LlmServer

PRICE = prices.Price(model="test-model", input_usd_per_million=1000.0, output_usd_per_million=1000.0)
KNOWN = ("one", "two", "three", "four", "five", "six")


def text_of(number: int) -> str:
    return f"Letter {number} says that the old ferry left at dawn and came back full of salt {number} times"


class KnowingServer(LlmServer):
    """A server that knows the letters up to 5 when the data set is named, and the letter 1 always; it refuses letter 9."""

    def _content(self, body: dict[str, Any]) -> str:
        asked = body["messages"][-1]["content"]
        found = re.search(r"Letter (\d+)", asked)
        assert found
        number = int(found[1])
        halved = completed.halves(text_of(number))
        assert halved
        if number == 9:
            return "I'm sorry, but I can't help with that."
        is_known = number == 1 or (number <= 5 and "test split of the data set mood" in asked)
        return halved.second.upper() if is_known else "something that nobody has ever written in any letter at all"


@pytest.fixture
def server() -> Iterator[KnowingServer]:
    with KnowingServer() as running:
        yield running


@pytest.fixture
def letters(store: Store, labels: list[Label], make_arm: Callable[[str], Arm]) -> list[int]:
    """Twelve real test texts, two of them too short, and a training text that nobody asks about; the ids of the test texts."""
    real = make_arm("real")
    texts = [text_of(number) for number in range(1, 11)] + ["too short", "also far too short a text"]
    made = [
        Sample(arm_id=real.id, label_id=labels[0].id, split=split, text=text, text_hash=equal_texts.text_hash(text))
        for split, text in [*((Split.TEST, text) for text in texts), (Split.TRAIN, text_of(99))]
    ]
    with store.write() as session:
        session.add_all(made)
    return [sample.id for sample in made[:-1]]


def client(server: LlmServer, **more: Any) -> OpenAIProvider:
    return endpoints.client("test-model", **({"base_url": server.url, "api_key": "k", "first_wait_s": 0.01} | more))


def test_a_text_is_halved_before_its_middle_word_and_a_short_text_is_not() -> None:
    halved = completed.halves("a b c d e f, G h i j k l!")

    assert halved == completed.Halves("a b c d e f,", "G h i j k l!")
    assert completed.halves("a b c d e f g") is None
    assert completed.halves("今日はとても良い天気ですね") == completed.Halves("今日はとても", "良い天気ですね")


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        ("g h i j k l", 1.0),
        ("A B C D E F, g h i j k l", 1.0),
        ("“G H I J K L!”", 1.0),
        ("g h x j k l", 5 / 6),
        ("l k j i h g", 1 / 6),
        ("x x x x x x x x x g h i j k l", 0.0),
        ("", 0.0),
    ],
)
def test_an_answer_is_like_the_second_half_by_its_longest_common_subsequence(answer: str, share: float) -> None:
    halved = completed.Halves("a b c d e f,", "G h i j k l!")

    assert completed.likeness(halved, answer) == pytest.approx(share, abs=1e-12)


def test_mcnemar_is_the_binomial_tail() -> None:
    assert completed.mcnemar(5, 0) == pytest.approx(1 / 32, abs=1e-12)
    assert completed.mcnemar(3, 1) == pytest.approx(5 / 16, abs=1e-12)
    assert completed.mcnemar(0, 0) == 1.0


def test_the_guided_wording_alone_names_the_data_set_and_none_shows_the_second_half() -> None:
    halved = completed.Halves("first half", "second half")

    guided, general = (asking.messages_for(halved, wording, dataset="irony") for wording in Wording)

    assert "test split of the data set irony" in guided[-1]["content"] and "irony" not in general[-1]["content"]
    assert all(
        "first half" in said[-1]["content"] and "second half of" not in said[-1]["content"] for said in (guided,)
    )
    assert all("\n\nfirst half" in said[-1]["content"] for said in (guided, general))


def test_under_another_name_of_the_data_set_the_guided_wording_is_asked_anew(
    store: Store, server: KnowingServer, task: Task, letters: list[int]
) -> None:
    found, answered = [], []
    for dataset in (task.name, "GLUE SST-2", ""):
        found.append(asking.ask(store, task_id=task.id, provider=client(server, price=PRICE), dataset=dataset))
        answered.append(server.counts()["answered"])
    named, other, kept = found

    assert answered == [20, 30, 30] and set(server.counts()["by_key"].values()) == {1}
    assert (named.n, named.only_guided) == (other.n, 4) and other.only_guided == 0 and kept == other
    assert named.cost_usd and other.cost_usd and other.cost_usd > named.cost_usd
    with store() as session:
        assert asking.of_task(session, task.id, "test-model") == other


def test_what_a_model_knows_is_counted_and_asked_once(
    store: Store, server: KnowingServer, task: Task, letters: list[int]
) -> None:
    found = asking.ask(store, task_id=task.id, provider=client(server, price=PRICE))
    again = asking.ask(store, task_id=task.id, provider=client(server, price=PRICE))

    assert (found.wanted, found.too_short, found.n) == (10, 2, 9)
    assert (found.guided.value, found.general.value) == (5 / 9, 1 / 9)
    assert (found.only_guided, found.only_general, found.p) == (4, 0, 1 / 16)
    assert found.unusable == {"refusal": 2}
    assert found.cost_usd and again == found
    assert set(server.counts()["by_key"].values()) == {1} and len(server.counts()["by_key"]) == 20
    assert "completed 5 of 9 real test texts" in completed.reading(found)
    assert "2 texts are too short to be halved and left out" in completed.reading(found)
    with store() as session:
        money = committed.of(session, Account(Way.CONTAMINATION, task.id, "test-model"))
        assert money.cost_usd == pytest.approx(found.cost_usd, abs=1e-12) and money.lost_usd == 0
        assert [own.account.way for own in committed.of_study(session, task.study_id)] == [Way.CONTAMINATION]
        assert asking.models(session, task.id) == ["test-model"]


def test_a_larger_n_keeps_the_texts_already_asked_about(
    store: Store, server: KnowingServer, task: Task, letters: list[int]
) -> None:
    few = asking.ask(store, task_id=task.id, provider=client(server), n=3)
    many = asking.ask(store, task_id=task.id, provider=client(server), n=8)

    assert (few.wanted, many.wanted, server.counts()["requests"]) == (3, 8, 16)
    assert many.cost_usd is None


def test_a_budget_stops_before_it_is_crossed_and_the_next_attempt_goes_on(
    store: Store, server: KnowingServer, task: Task, letters: list[int]
) -> None:
    with pytest.raises(StudyError, match="budget"):
        asking.ask(
            store,
            task_id=task.id,
            provider=client(server, price=PRICE, max_tokens=100),
            limits=Limits(1.0, concurrency=1),
        )
    with store() as session:
        stored = session.scalar(select(func.count(Continuation.id))) or 0
        spent = session.scalar(select(func.sum(Continuation.cost_usd))) or 0.0
    found = asking.ask(store, task_id=task.id, provider=client(server, price=PRICE, max_tokens=100))

    assert 0 < stored < 20 and spent <= 1.0
    assert found.n == 9 and set(server.counts()["by_key"].values()) == {1}


def test_answers_before_a_stop_are_stored_and_say_what_is_known(store: Store, task: Task, letters: list[int]) -> None:
    with KnowingServer(first=["ok"] * 4 + ["no_quota"] * 40) as server, pytest.raises(ProviderPaused):
        asking.ask(store, task_id=task.id, provider=client(server), limits=Limits(concurrency=1))

    with store() as session:
        found = asking.of_task(session, task.id, "test-model")
    assert (found.wanted, found.n + sum(found.unusable.values()) // 2) == (2, 2)


def test_a_task_without_usable_test_texts_is_refused_in_words(
    store: Store, server: KnowingServer, task: Task, labels: list[Label], make_arm: Callable[[str], Arm]
) -> None:
    with pytest.raises(StudyError, match="no real test texts"):
        asking.ask(store, task_id=task.id, provider=client(server))
    real = make_arm("real")
    with store.write() as session:
        session.add(Sample(arm_id=real.id, label_id=labels[0].id, split=Split.TEST, text="short", text_hash="h"))

    with pytest.raises(StudyError, match="all 1 are too short to be halved"):
        asking.ask(store, task_id=task.id, provider=client(server))


def test_an_empty_answer_without_room_is_asked_again_with_more(store: Store, task: Task, letters: list[int]) -> None:
    class Silent(KnowingServer):
        def _content(self, body: dict[str, Any]) -> str:
            return "" if body.get("max_tokens", body.get("max_completion_tokens", 99)) < 50 else super()._content(body)

    with Silent() as server:
        first = asking.ask(store, task_id=task.id, provider=client(server, max_tokens=5))
        second = asking.ask(store, task_id=task.id, provider=client(server, max_tokens=200))

    assert first.n == 0 and "not tested" in completed.reading(first)
    assert second.n == 9 and second.tokens_in > 1.9 * first.tokens_in
