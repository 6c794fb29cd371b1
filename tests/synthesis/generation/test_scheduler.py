"""The calls of a generation: several models, lost answers under a budget, texts that people rejected, live reports."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from core.errors import StudyError
from core.llm import text as llm_text
from core.llm.answers import Answer
from core.llm.endpoint.endpoint import FORMAT, STRUCTURED, OpenAIProvider
from core.llm.money import budget, prices
from core.llm.providers import RecordedAnswer, RecordedProvider
from core.study import judgements, samples
from core.study.rows.kinds import BatchState, SampleStatus, Split
from core.study.rows.study import Arm, Batch, Completion, Label, Sample
from core.study.splits import equal_texts
from core.study.store import Store
from core.synthesis.generation import generation, requests, samples_from_answers
from core.synthesis.limits import Limits
from core.synthesis.parsing import texts as parsing
from core.synthesis.prompts import versions
from core.synthesis.prompts.drafts import Draft
from tests import endpoints
from tests.llm_server import LlmServer
from tests.synthesis.generation.test_generation import completions

SIMPLE = Draft(
    context="", generation="Number of texts: {n}\nLabel: {label}", diversity="others", texts_per_call=5, turns=2
)
PRICE = prices.Price(model="test-model", input_usd_per_million=100.0, output_usd_per_million=400.0)
CHEAP = prices.Price(model="gpt-4o-mini", input_usd_per_million=1.0, output_usd_per_million=4.0)


@pytest.fixture
def arm(store: Store, make_arm: Callable[[str], Arm]) -> Arm:
    made = make_arm("zero-shot")
    with store.write() as session:
        versions.save(session, arm_id=made.id, draft=SIMPLE)
    return made


def provider_at(url: str, model: str = "test-model", **settings: Any) -> OpenAIProvider:
    return endpoints.client(model, **({"base_url": url, "api_key": None, "first_wait_s": 0.02} | settings))


def texts_of(store: Store, arm: Arm, status: str) -> list[Sample]:
    with store() as session:
        found = select(Sample).where(Sample.arm_id == arm.id, Sample.status == status)
        return list(session.scalars(found.order_by(Sample.id)))


@pytest.mark.slow
def test_several_models_take_conversations_in_turn_each_at_its_price_also_after_a_stop(store: Store, arm: Arm) -> None:
    with LlmServer(latency=0.01) as server:
        models = [provider_at(server.url, price=PRICE), provider_at(server.url, "gpt-4o-mini", price=CHEAP)]
        for per_label in (20, 40):
            generation.generate(store, arm_id=arm.id, per_label=per_label, provider=models)

    for row in completions(store, arm):
        expected = models[row.slot // 2 % 2]
        assert row.model == row.request["model"] == expected.model and expected.price is not None
        cost = expected.price.of(tokens_in=row.tokens_in, tokens_out=row.tokens_out)
        assert row.cost_usd == pytest.approx(cost, rel=1e-9)
    assert {row.model for row in completions(store, arm)} == {"test-model", "gpt-4o-mini"}


def test_what_a_person_rejected_is_filled_up_and_never_comes_back(store: Store, arm: Arm, labels: list[Label]) -> None:
    with LlmServer() as server:
        generation.generate(store, arm_id=arm.id, per_label=13, provider=provider_at(server.url))
        unwanted = [sample.id for sample in texts_of(store, arm, "kept")[:4]]
        rejected = {"status": SampleStatus.REJECTED, "reject_reason": judgements.BY_PERSON}
        with store.write() as session:
            session.execute(update(Sample).where(Sample.id.in_(unwanted)).values(**rejected))
        made = generation.generate(store, arm_id=arm.id, per_label=13, provider=provider_at(server.url))
        repeating = [sample.text for sample in texts_of(store, arm, "rejected") if sample.id in unwanted]
    with LlmServer(texts=[*repeating, "A text of its own", "Another one of its own"]) as server:
        generation.generate(store, arm_id=arm.id, per_label=14, provider=provider_at(server.url))

    assert made.kept == 26 and made.rejected[judgements.BY_PERSON] == 4
    assert not {equal_texts.text_hash(text) for text in repeating} & {
        row.text_hash for row in texts_of(store, arm, "kept")
    }


def test_a_text_handed_over_for_rewriting_does_not_come_back_as_it_was(
    store: Store, labels: list[Label], make_arm: Callable[[str], Arm], add_real: Callable[[Split, int], None]
) -> None:
    add_real(Split.POOL, 2)
    arm = make_arm("rewritten")
    draft = Draft(context="", generation="{n} {label}\n{sources}", diversity="d", texts_per_call=2, turns=1, sources=2)
    with store.write() as session:
        versions.save(session, arm_id=arm.id, draft=draft)
    answers = {
        label.name: f"1. A real pool letter, {other.name}, number 0\n2. A letter made {label.name}"
        for label, other in zip(labels, reversed(labels), strict=True)
    }
    recorded = RecordedProvider(
        {
            (arm.name, label): [RecordedAnswer(arm=arm.name, label=label, content=text)]
            for label, text in answers.items()
        }
    )

    made = generation.generate(store, arm_id=arm.id, per_label=1, provider=recorded)

    assert made.kept == 2 and made.rejected == {samples_from_answers.COPY: 2}
    assert all(len(row.source_ids) == 2 for row in completions(store, arm))


@pytest.mark.slow
@pytest.mark.parametrize(("budget_usd", "sentence"), [(50.0, "may be billed all the same"), (1.0, "budget of .1 is")])
def test_answers_that_got_lost_count_with_all_they_held(
    store: Store, arm: Arm, budget_usd: float, sentence: str
) -> None:
    seen: list[Mapping[str, Any]] = []
    with LlmServer(latency=0.6) as server:
        with pytest.raises(StudyError, match=f"{sentence}.* 0 of 10 texts are kept"):
            generation.generate(
                store,
                arm_id=arm.id,
                per_label=5,
                provider=provider_at(server.url, price=PRICE, timeout_s=0.15),
                report=lambda *told: seen.append(told[3]),
                limits=Limits(budget_usd=budget_usd, concurrency=1),
            )
        asked = server.counts()["requests"]

    most = PRICE.of(tokens_in=0, tokens_out=budget.answer_limit(texts_per_call=5, words=30))
    assert asked * most <= seen[-1]["cost_usd"] <= min(budget_usd, asked * 1.2 * most)
    assert completions(store, arm) == []


def test_a_structured_request_is_stored_as_it_was_sent(store: Store, arm: Arm) -> None:
    with LlmServer() as server:
        generation.generate(store, arm_id=arm.id, per_label=5, provider=provider_at(server.url, structured=True))

    rows = completions(store, arm)
    assert [row.request for row in rows] == server.seen.bodies or len(rows) == len(server.seen.bodies) == 2
    assert all(row.request["messages"][-1]["content"].endswith(STRUCTURED) and row.request[FORMAT] for row in rows)
    assert len(texts_of(store, arm, "kept")) == 10


def test_slots_that_a_batch_holds_are_left_to_it(store: Store, arm: Arm, labels: list[Label]) -> None:
    held = [{"label_id": labels[0].id, "slot": slot} for slot in range(2)]
    with store.write() as session:
        session.add(Batch(arm_id=arm.id, key="k", provider="openai", model="m", base_url="u", requests=held))
    plan = requests.plan(store, arm_id=arm.id)

    ours = requests.quotas(store, plan, per_label=5)
    with store.write() as session:
        session.execute(update(Batch).values(state=BatchState.COLLECTED))

    assert [quota.next_slot() for quota in ours] == [2, 0]
    assert requests.quotas(store, plan, per_label=5)[0].next_slot() == 0


@pytest.mark.slow
def test_the_report_tells_spend_rate_rejects_and_pauses_while_it_runs(store: Store, arm: Arm) -> None:
    seen: list[Mapping[str, Any]] = []
    with LlmServer(latency=0.1, first=["ok"] * 6 + ["429"], retry_after="1.5", rate_malformed=0.2) as server:
        made = generation.generate(
            store,
            arm_id=arm.id,
            per_label=60,
            provider=provider_at(server.url, price=PRICE),
            report=lambda *told: seen.append(told[3]),
            limits=Limits(concurrency=4),
        )

    last = seen[-1]
    assert last["rejected"] == made.rejected and sum(made.rejected.values()) > 0
    assert last["kept"] == made.kept == 120 and last["completions"] == made.completions and last["in_flight"] == 0
    assert last["cost_usd"] == pytest.approx(made.cost_usd, rel=1e-9)
    assert last["tokens"] == made.tokens_in + made.tokens_out and last["requests_per_s"] > 1
    assert 0 < max(facts["paused_s"] for facts in seen) <= 1.5 and last["paused_s"] == 0


def test_a_label_is_given_up_with_what_stood_in_its_way_also_before_a_stop(store: Store, arm: Arm) -> None:
    with LlmServer(rate_refusal=1.0) as server:
        first = generation.generate(store, arm_id=arm.id, per_label=40, provider=provider_at(server.url))
        again = generation.generate(store, arm_id=arm.id, per_label=40, provider=provider_at(server.url))

    assert "0 of 40 texts kept; most were: refusal (" in first.stopped["glad"]
    assert "model declines to write such texts" in first.stopped["glad"]
    counted = Counter(row.reject_reason for row in completions(store, arm))
    assert counted == again.rejected and set(counted) == {llm_text.REFUSAL}


def test_storing_many_answers_at_once_keeps_each_text_once_and_in_its_order(
    store: Store, arm: Arm, labels: list[Label]
) -> None:
    plan = requests.plan(store, arm_id=arm.id)
    rows = [
        Completion(
            arm_id=arm.id,
            label_id=labels[slot % 2].id,
            slot=slot,
            prompt_id=plan.prompt.id,
            provider="openai",
            model="m",
            request={},
            content=f"1. The letter number {slot}\n2. The same letter every time\n3. Hm",
            finish_reason="stop",
            tokens_in=1,
            tokens_out=1,
            cost_usd=None,
            latency_s=0.1,
        )
        for slot in range(40)
    ]
    writer = samples_from_answers.SampleWriter(store, arm_id=arm.id, per_label=10)

    kept = writer.store_answers(rows)
    outcomes = writer.store_texts(kept, now=time.time())
    again = writer.store_texts(kept, now=time.time())

    found = Counter(sample.reject_reason for sample in texts_of(store, arm, "rejected"))
    assert found == {samples.DUPLICATE: 39, parsing.TOO_SHORT: 40, samples_from_answers.OVER_QUOTA: 21}
    assert all(outcome.is_fruitful and outcome.kept == 10 for outcome in outcomes)
    assert [outcome.kept for outcome in again] == [10] * 40
    assert len(texts_of(store, arm, "kept")) + sum(found.values()) == 120


def test_an_answer_whose_slot_is_taken_is_dropped_without_losing_the_others(
    store: Store, arm: Arm, labels: list[Label]
) -> None:
    with LlmServer() as server:
        generation.generate(store, arm_id=arm.id, per_label=5, provider=provider_at(server.url))
    (taken, *_) = completions(store, arm)
    with store.write() as session:
        session.execute(delete(Sample))
    copies = [
        Completion(
            **{name: getattr(taken, name) for name in ("arm_id", "label_id", "prompt_id", "provider", "model")},
            **{name: getattr(taken, name) for name in ("content", "finish_reason", "tokens_in", "tokens_out")},
            request={},
            cost_usd=None,
            latency_s=0.1,
            slot=slot,
        )
        for slot in (taken.slot, 77)
    ]

    kept = samples_from_answers.SampleWriter(store, arm_id=arm.id, per_label=5).store_answers(copies)

    assert [row.slot for row in kept] == [77]


@pytest.mark.slow
def test_what_a_person_rejects_while_an_arm_is_filled_does_not_come_again(
    store: Store, arm: Arm, labels: list[Label]
) -> None:
    writer = samples_from_answers.SampleWriter(store, arm_id=arm.id, per_label=50)
    plan = requests.plan(store, arm_id=arm.id)

    def take(slot: int) -> None:
        request = requests.request(store, plan, label=labels[0], slot=slot)
        answer = Answer("1. A letter from the sea", "stop", 1, 1, None, "m", 0.0)
        row = requests.completion(plan, request, answer, provider=provider_at("http://127.0.0.1:1/v1"))
        writer.store_texts(writer.store_answers([row]), now=1.0)

    take(0)
    with store.write() as session:
        judgements.reject(session, [sample.id for sample in texts_of(store, arm, "kept")])
    time.sleep(samples_from_answers.RECOUNT_S + 0.1)
    take(2)

    assert texts_of(store, arm, "kept") == [] and len(texts_of(store, arm, "rejected")) == 2
