"""The LLM judge: its messages, the labels read from its answers, and no answer lost or paid twice."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from core.errors import ProviderPaused, ProviderRefused, StudyError
from core.llm import choices, pace
from core.llm import text as llm_text
from core.llm.answers import AnswerLost
from core.llm.endpoint.endpoint import OpenAIProvider
from core.llm.money import budget, prices
from core.study.rows.kinds import JudgementKind, Split
from core.study.rows.study import Arm, Judgement, Label, Sample, Task
from core.study.splits import equal_texts
from core.study.store import Store
from core.synthesis import judging
from core.synthesis.limits import Limits
from tests import endpoints
from tests.llm_server import LlmServer

PRICE = prices.Price(model="test-model", input_usd_per_million=1000.0, output_usd_per_million=1000.0)
IRONY = [Label(task_id=1, name="sarcastic", description="says the opposite"), Label(task_id=1, name="not-sarcastic")]
for place, one in enumerate(IRONY, start=1):
    one.id = place


class JudgeServer(LlmServer):
    """A server that answers with the label that the judged text names, or with prose if the text names no label."""

    def _content(self, body: dict[str, Any]) -> str:
        text = body["messages"][-1]["content"].split("<<<\n")[1].split("\n>>>")[0]
        named = [label for label in ("glad", "sad") if f" {label} " in f" {text} "]
        return f"Label: {named[0].upper()}" if named else "That is hard to say."


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    with JudgeServer() as running:
        yield running


def provider(server: LlmServer, **more: Any) -> OpenAIProvider:
    given = {"base_url": server.url, "api_key": "k", "first_wait_s": 0.01} | more
    return endpoints.client("test-model", **given)


def fill(store: Store, arm: Arm, labels: list[Label], texts: dict[str, list[str]]) -> list[Sample]:
    """Add texts to an arm, given as intended label -> texts."""
    with store.write() as session:
        made = [
            Sample(
                arm_id=arm.id, label_id=label.id, split=Split.TRAIN, text=text, text_hash=equal_texts.text_hash(text)
            )
            for label in labels
            for text in texts.get(label.name, [])
        ]
        session.add_all(made)
    return made


def stored(store: Store) -> dict[int, Judgement]:
    with store() as session:
        return {row.sample_id: row for row in session.scalars(select(Judgement))}


@pytest.mark.parametrize(
    ("answer", "name", "reason"),
    [
        ("sarcastic", "sarcastic", None),
        ("Sarcastic.", "sarcastic", None),
        ("**not_sarcastic**", "not-sarcastic", None),
        ("Not sarcastic", "not-sarcastic", None),
        ("“sarcastic”", "sarcastic", None),
        ("- sarcastic: says the opposite", "sarcastic", None),
        ('{"label": "Not-Sarcastic"}', "not-sarcastic", None),
        ('```json\n{"Label": "sarcastic"}\n```', "sarcastic", None),
        ("Label: sarcastic\n\nReason: the writer means the opposite.", "sarcastic", None),
        ("The label that fits best is **not-sarcastic**.", "not-sarcastic", None),
        ("<think>is it sarcastic?</think>\nnot-sarcastic", "not-sarcastic", None),
        ("The text is not sarcastic", None, choices.NONE_NAMED),
        ("The label is not 'sarcastic'", None, choices.NONE_NAMED),
        ("It is hardly **sarcastic**", None, choices.NONE_NAMED),
        ("neutral", None, choices.NONE_NAMED),
        ("sarcastic or not-sarcastic", None, choices.SEVERAL),
        ("sarcastic\nnot-sarcastic", None, choices.SEVERAL),
        ("", None, llm_text.EMPTY),
        ("I'm sorry, but I can't help with that.", None, llm_text.REFUSAL),
    ],
)
def test_an_answer_is_a_label_only_when_it_clearly_names_one(answer: str, name: str | None, reason: str | None) -> None:
    label, why = judging.verdict(answer, IRONY)

    assert (label.name if label else None, why) == (name, reason)


@given(st.text(max_size=200))
def test_whatever_is_answered_is_a_label_or_a_reason(answer: str) -> None:
    label, why = judging.verdict(answer, IRONY)

    assert (label is None) == (why is not None)


def test_a_judge_is_told_question_text_and_labels_in_a_drawn_order_but_not_the_intended_label(
    task: Task, labels: list[Label]
) -> None:
    made = []
    for number in range(1, 41):
        sample = Sample(
            arm_id=1, label_id=labels[number % 2].id, split="train", text=f"{{text}} {number}", text_hash="h"
        )
        sample.id = number
        made.append(judging.messages_for(task, labels, sample)[-1]["content"])
    other = Sample(
        arm_id=1, label_id=labels[1 - made.index(made[0]) % 2].id, split="train", text="{text} 1", text_hash="h"
    )
    other.id = 1

    first = [message.index("- glad") < message.index("- sad") for message in made]
    assert all(
        "How does the writer feel?" in message and f"{{text}} {n}\n" in message for n, message in enumerate(made, 1)
    )
    assert 8 < sum(first) < 32
    assert judging.messages_for(task, labels, other)[-1]["content"] == made[0]


def test_every_kept_text_is_judged_once_and_its_own_label_stays(
    store: Store, server: JudgeServer, labels: list[Label], make_arm: Callable[[str], Arm]
) -> None:
    arm, real = make_arm("zero-shot"), make_arm("real")
    made = fill(store, arm, labels, {"glad": ["so glad today", "so sad today"], "sad": ["really sad now", "who knows"]})
    fill(store, real, labels, {"sad": ["a real sad letter"]})

    found = judging.judge(store, arm_ids=[arm.id, real.id], provider=provider(server, price=PRICE))
    again = judging.judge(store, arm_ids=[arm.id, real.id], provider=provider(server, price=PRICE))

    rows, names = stored(store), {label.id: label.name for label in labels}
    said = [names.get(rows[sample.id].label_id or 0) for sample in made]
    assert said == ["glad", "sad", "sad", None]
    assert (found.wanted, found.judged, found.named, found.unclear) == (5, 5, 4, {choices.NONE_NAMED: 1})
    assert found.agrees == {"zero-shot": (2, 3), "real": (1, 1)}
    assert found.cost_usd == pytest.approx(sum(row.cost_usd or 0 for row in rows.values()), rel=1e-9)
    assert (again.judged, again.tokens_in) == (5, found.tokens_in)
    assert server.seen.answered == 5
    assert all(row.kind == JudgementKind.JUDGE and row.judge == "test-model" and row.content for row in rows.values())
    with store() as session:
        assert [session.get_one(Sample, one.id).label_id for one in made] == [one.label_id for one in made]


def test_only_the_test_texts_are_judged_where_an_llm_is_a_classifier(
    store: Store, server: JudgeServer, labels: list[Label], make_arm: Callable[[str], Arm]
) -> None:
    real = make_arm("real")
    made = fill(store, real, labels, {"glad": ["glad one", "glad two"], "sad": ["sad one"]})
    with store.write() as session:
        session.get_one(Sample, made[1].id).split = Split.TEST

    found = judging.judge(store, arm_ids=[real.id], provider=provider(server), wanted=judging.Texts(split=Split.TEST))

    assert (found.wanted, set(stored(store))) == (1, {made[1].id})


def test_a_part_is_drawn_per_arm_and_label_and_asking_for_more_keeps_what_is_judged(
    store: Store, server: JudgeServer, labels: list[Label], make_arm: Callable[[str], Arm]
) -> None:
    arm = make_arm("zero-shot")
    fill(store, arm, labels, {name: [f"{name} letter {n}" for n in range(20)] for name in ("glad", "sad")})

    few = judging.judge(store, arm_ids=[arm.id], provider=provider(server), wanted=judging.Texts(per_label=3))
    first = set(stored(store))
    more = judging.judge(store, arm_ids=[arm.id], provider=provider(server), wanted=judging.Texts(per_label=8))

    assert (few.judged, more.judged, server.seen.answered) == (6, 16, 16)
    assert first < set(stored(store))
    assert more.cost_usd is None


def test_two_judges_at_once_pay_for_each_text_once(
    store: Store, server: JudgeServer, labels: list[Label], make_arm: Callable[[str], Arm]
) -> None:
    arm = make_arm("zero-shot")
    fill(store, arm, labels, {"glad": [f"glad letter {n}" for n in range(30)]})
    threads = [
        threading.Thread(
            target=judging.judge, args=(store,), kwargs={"arm_ids": [arm.id], "provider": provider(server)}
        )
        for _ in range(2)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert server.seen.answered == 30 and len(stored(store)) == 30


def test_the_budget_is_never_crossed_and_a_higher_one_goes_on(
    store: Store, server: JudgeServer, labels: list[Label], make_arm: Callable[[str], Arm]
) -> None:
    arm = make_arm("zero-shot")
    fill(store, arm, labels, {"glad": [f"glad letter {n}" for n in range(20)]})

    with pytest.raises(budget.BudgetReached, match="of 20 texts are judged"):
        judging.judge(store, arm_ids=[arm.id], provider=provider(server, price=PRICE), limits=Limits(budget_usd=3.0))
    rows = stored(store)
    spent = sum(row.cost_usd or 0 for row in rows.values())
    found = judging.judge(
        store, arm_ids=[arm.id], provider=provider(server, price=PRICE), limits=Limits(budget_usd=50.0)
    )

    assert 0 < len(rows) < 20 and spent <= 3.0
    assert found.judged == 20 and server.seen.answered == 20


def test_a_budget_needs_a_known_price(
    store: Store, server: JudgeServer, labels: list[Label], make_arm: Callable[[str], Arm]
) -> None:
    arm = make_arm("zero-shot")
    fill(store, arm, labels, {"glad": ["a glad letter"]})

    with pytest.raises(StudyError, match="price of 'test-model' is unknown"):
        judging.judge(store, arm_ids=[arm.id], provider=provider(server), limits=Limits(budget_usd=1.0))

    assert server.seen.requests == 0


def test_a_budget_is_not_promised_over_answers_of_unknown_cost(
    store: Store, server: JudgeServer, labels: list[Label], make_arm: Callable[[str], Arm]
) -> None:
    arm = make_arm("zero-shot")
    fill(store, arm, labels, {"glad": ["a glad letter", "another glad letter"]})
    judging.judge(store, arm_ids=[arm.id], provider=provider(server), wanted=judging.Texts(per_label=1))

    with pytest.raises(StudyError, match="1 answers on these arms at an unknown price"):
        judging.judge(store, arm_ids=[arm.id], provider=provider(server, price=PRICE), limits=Limits(budget_usd=1.0))

    assert server.seen.answered == 1


def test_an_endpoint_that_asks_to_wait_for_long_pauses_and_what_came_is_kept(
    store: Store, labels: list[Label], make_arm: Callable[[str], Arm]
) -> None:
    arm = make_arm("zero-shot")
    fill(store, arm, labels, {"glad": [f"glad letter {n}" for n in range(10)]})

    with JudgeServer(first=["ok"] * 4 + ["429"], retry_after="600") as server:
        with pytest.raises(ProviderPaused, match="4 of 10 texts are judged") as raised:
            judging.judge(store, arm_ids=[arm.id], provider=provider(server), limits=Limits(concurrency=1))
        kept = len(stored(store))
        found = judging.judge(store, arm_ids=[arm.id], provider=provider(server))

    assert raised.value.seconds == pytest.approx(600, abs=1)
    assert kept == 4 and found.judged == 10 and server.seen.answered == 10


@pytest.mark.slow
def test_answers_that_do_not_come_count_against_the_budget_and_after_a_few_the_judging_stops(
    store: Store, labels: list[Label], make_arm: Callable[[str], Arm]
) -> None:
    arm = make_arm("zero-shot")
    fill(store, arm, labels, {"glad": [f"glad letter {n}" for n in range(20)]})

    with JudgeServer(latency=1.0) as server, pytest.raises(AnswerLost, match="0 of 20 texts are judged"):
        slow = provider(server, price=PRICE, timeout_s=0.2)
        judging.judge(store, arm_ids=[arm.id], provider=slow, limits=Limits(budget_usd=100.0, concurrency=2))

    assert stored(store) == {}
    assert server.seen.requests <= 2 + pace.MOST_IN_VAIN


def test_a_wrong_key_is_said_and_nothing_is_stored(
    store: Store, labels: list[Label], make_arm: Callable[[str], Arm]
) -> None:
    arm = make_arm("zero-shot")
    fill(store, arm, labels, {"glad": ["a glad letter"]})

    with JudgeServer(key="right") as server, pytest.raises(ProviderRefused, match="key"):
        judging.judge(store, arm_ids=[arm.id], provider=provider(server))

    assert stored(store) == {}


def test_an_answer_that_was_stored_but_not_read_before_a_crash_is_read_and_not_paid_again(
    store: Store, server: JudgeServer, labels: list[Label], make_arm: Callable[[str], Arm]
) -> None:
    arm = make_arm("zero-shot")
    (sample,) = fill(store, arm, labels, {"glad": ["a glad letter"]})
    with store.write() as session:
        session.add(
            Judgement(sample_id=sample.id, kind=JudgementKind.JUDGE, judge="test-model", label_id=None, content="sad")
        )

    found = judging.judge(store, arm_ids=[arm.id], provider=provider(server))

    assert (found.judged, found.named, server.seen.requests) == (1, 1, 0)
    assert stored(store)[sample.id].label_id == labels[1].id


def test_there_must_be_texts_to_judge(store: Store, server: JudgeServer, make_arm: Callable[[str], Arm]) -> None:
    arm = make_arm("zero-shot")

    with pytest.raises(StudyError, match="no kept text to judge"):
        judging.judge(store, arm_ids=[arm.id], provider=provider(server))
