"""Trials and estimates: five calls as generation would send them, and what a generation takes by them."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from core.errors import StudyError
from core.llm import text as llm_text
from core.llm.endpoint.endpoint import OpenAIProvider
from core.llm.money import prices
from core.study.rows.kinds import Split
from core.study.rows.study import Arm, Completion, Label, Sample, Task
from core.study.store import Store
from core.synthesis.generation import generation, samples_from_answers
from core.synthesis.limits import TryLimits
from core.synthesis.parsing import slips
from core.synthesis.parsing import texts as parsing
from core.synthesis.prompts import versions
from core.synthesis.prompts.drafts import Draft
from core.synthesis.trials import calls, estimates, taxonomy, trials
from tests import endpoints
from tests.llm.endpoint.test_bad_habits import endpoint, written
from tests.llm_server import LlmServer

PRICE = prices.Price(model="test-model", input_usd_per_million=1.0, output_usd_per_million=4.0)
FEW = Draft(
    context="You write letters.",
    generation="Number of texts: {n}\nLabel: {label}\nMood: {mood}\n{examples}",
    diversity="Others.",
    texts_per_call=4,
    turns=1,
    examples=2,
    attributes={"mood": ["quiet", "loud", "odd"]},
)


def provider_of(server: LlmServer, model: str = "test-model") -> OpenAIProvider:
    return endpoints.client(model, base_url=server.url, api_key=None, first_wait_s=0.01, price=PRICE)


@pytest.fixture
def arm(make_arm: Callable[[str], Arm], add_real: Callable[[Split, int], None]) -> Arm:
    add_real(Split.POOL, 8)
    return make_arm("few-shot")


def test_five_tries_are_exactly_the_first_calls_of_generation(store: Store, arm: Arm) -> None:
    with LlmServer() as server:
        tried = trials.try_prompt(store, arm_id=arm.id, draft=FEW, provider=provider_of(server))
        with store.write() as session:
            versions.save(session, arm_id=arm.id, draft=FEW)
        generation.generate(store, arm_id=arm.id, per_label=12, provider=provider_of(server))
        bodies, by_key = [body["messages"] for body in server.seen.bodies], server.counts()["by_key"]

    assert [one.label for one in tried] == ["glad", "sad", "glad", "sad", "glad"]
    assert all(len(one.texts) == 4 and not one.rejected and one.reason is None and one.error is None for one in tried)
    assert all(one.cost_usd == pytest.approx((one.tokens_in + 4 * one.tokens_out) / 1e6, rel=1e-9) for one in tried)
    assert all(one.messages in bodies[5:] for one in tried)
    assert len({str(one.messages) for one in tried}) == 5 and max(by_key.values()) == 1


def test_every_answer_is_stored_under_the_draft_that_was_tried(
    store: Store, arm: Arm, task: Task, labels: list[Label]
) -> None:
    with LlmServer() as server:
        trials.try_prompt(store, arm_id=arm.id, draft=FEW, provider=provider_of(server), calls=2)
        trials.try_prompt(store, arm_id=arm.id, draft=FEW, provider=provider_of(server), calls=1)
        trials.try_prompt(store, arm_id=arm.id, draft=replace(FEW, words=31), provider=provider_of(server), calls=1)
        keys = server.counts()["by_key"]
    with store() as session:
        found = trials.of(session, arm_id=arm.id, draft=FEW)
        other = trials.of(session, arm_id=arm.id, draft=replace(FEW, words=31))

    assert (len(found), len(other), len(keys)) == (3, 1, 4)
    assert found[0].draft_hash == versions.digest(FEW) and Draft(**found[0].draft) == FEW
    assert found[0].request["model"] == "test-model" and found[0].request["messages"]
    assert trials.as_tried(found[0], task=task, labels=labels).texts


def test_a_call_that_fails_says_why_and_the_others_go_on(store: Store, arm: Arm) -> None:
    with LlmServer(first=["no_quota", "refusal", "length", "malformed", "ok"]) as server:
        tried = trials.try_prompt(store, arm_id=arm.id, draft=FEW, provider=provider_of(server))

    errors = [one.error for one in tried if one.error]
    reasons = {one.reason for one in tried if one.reason}
    assert len(errors) == 1 and "no quota left" in errors[0]
    assert llm_text.REFUSAL in reasons and any(reason == llm_text.CUT for one in tried for _, reason in one.rejected)
    with store() as session:
        assert len(trials.of(session, arm_id=arm.id, draft=FEW)) == 4


def test_a_try_keeps_what_a_generation_keeps(
    store: Store, make_arm: Callable[[str], Arm], task: Task, labels: list[Label]
) -> None:
    arm, plain = make_arm("zero-shot"), replace(FEW, examples=0, generation="{n} {label} {mood}")
    written = [
        "Sad: the letter never came",
        "How does the writer feel?",
        "Glad: the ship is in port",
        "We dance at dusk",
    ]
    with LlmServer() as server:
        trials.try_prompt(store, arm_id=arm.id, draft=plain, provider=provider_of(server), calls=1)
    with store.write() as session:
        [trial] = trials.of(session, arm_id=arm.id, draft=plain)
        trial.content = "\n".join(f"{number}. {text}" for number, text in enumerate(written, start=1))
        prompt = versions.save(session, arm_id=arm.id, draft=plain)
    answer = {name: getattr(trial, name) for name in ("provider", "model", "request", "content", "finish_reason")}
    answer |= {"tokens_in": 1, "tokens_out": 1, "cost_usd": None, "latency_s": 0.1}

    tried = trials.as_tried(trial, task=task, labels=labels)
    writer = samples_from_answers.SampleWriter(store, arm_id=arm.id, per_label=9)
    stored = Completion(arm_id=arm.id, label_id=trial.label_id, slot=0, prompt_id=prompt.id, **answer)
    writer.store_texts(writer.store_answers([stored]), now=0.0)
    with store() as session:
        found = [
            (row.text, row.reject_reason) for row in session.scalars(select(Sample).where(Sample.arm_id == arm.id))
        ]
        counted = calls.of(session, arm_id=arm.id, draft=plain)

    assert sorted(text for text, reason in found if reason is None) == sorted(tried.texts)
    assert sorted(pair for pair in found if pair[1]) == sorted(tried.rejected)
    assert {reason for _, reason in tried.rejected} == {parsing.OTHER_LABEL, slips.ECHO}
    assert [call.kept for call in counted] == [2, 2]


def test_a_copy_of_an_example_would_not_be_kept(store: Store, arm: Arm) -> None:
    copied = [f"A real pool letter, {label}, number {number}" for label in ("glad", "sad") for number in range(8)]

    with LlmServer(texts=copied) as server:
        tried = trials.try_prompt(
            store,
            arm_id=arm.id,
            draft=replace(FEW, examples=8, texts_per_call=16),
            provider=provider_of(server),
            calls=1,
        )

    assert len(tried[0].texts) == 8
    assert [reason for _, reason in tried[0].rejected] == ["copy of an example"] * 8


@pytest.mark.parametrize("n", [2, 4, 5])  # of two labels: also with no more calls than labels, each model is tried
def test_several_models_are_tried_in_turn_and_each_label_by_all(store: Store, arm: Arm, n: int) -> None:
    with LlmServer() as server:
        mixed = [provider_of(server), provider_of(server, "gpt-4o-mini")]
        tried = trials.try_prompt(store, arm_id=arm.id, draft=FEW, provider=mixed, calls=n)

    assert sorted(call.model for call in tried) == ["gpt-4o-mini"] * (n // 2) + ["test-model"] * (n - n // 2)
    assert n == 2 or len({(call.label, call.model) for call in tried}) == 4


def test_a_slow_endpoint_is_not_waited_for(store: Store, arm: Arm) -> None:
    with LlmServer(latency=1.0) as server:
        slow = endpoints.client("test-model", base_url=server.url, price=PRICE, timeout_s=0.1)
        [tried] = trials.try_prompt(store, arm_id=arm.id, draft=FEW, provider=slow, calls=1)

    assert tried.error is not None and "did not answer within 0.1 seconds" in tried.error


@pytest.mark.slow
@pytest.mark.parametrize("is_taxonomy", [False, True])
def test_no_more_calls_are_made_side_by_side_than_allowed(store: Store, arm: Arm, is_taxonomy: bool) -> None:
    now: list[str] = []
    most: list[int] = []

    def before(key: str) -> None:
        now.append(key)
        most.append(len(now))
        time.sleep(0.1)
        now.remove(key)

    limits = TryLimits(concurrency=1)
    with endpoint(lambda *_: (200, written("1. praise that is meant well"), {}), before=before) as (url, asked):
        provider = endpoints.client("m", base_url=url)
        if is_taxonomy:
            taxonomy.ask(store, provider, arm_id=arm.id, limits=limits)
        else:
            trials.try_prompt(store, arm_id=arm.id, draft=FEW, provider=provider, calls=3, limits=limits)

    assert len(asked) >= 2 and max(most) == 1


def test_a_draft_that_cannot_be_sent_is_refused_before_anything_is_asked(store: Store, arm: Arm) -> None:
    with LlmServer() as server:
        with pytest.raises(StudyError, match="unknown placeholder"):
            trials.try_prompt(store, arm_id=arm.id, draft=replace(FEW, context="{who}"), provider=provider_of(server))
        assert server.counts()["requests"] == 0


@pytest.mark.slow
def test_the_estimate_from_tried_calls_holds_what_generation_takes(store: Store, arm: Arm, labels: list[Label]) -> None:
    with LlmServer(rate_malformed=0.2, seed=3) as server:
        trials.try_prompt(store, arm_id=arm.id, draft=FEW, provider=provider_of(server), calls=20)
        with store() as session:
            found = estimates.estimate(
                session, arm_id=arm.id, draft=FEW, texts_per_label=100, labels=labels, models={"test-model": PRICE}
            )
        with store.write() as session:
            versions.save(session, arm_id=arm.id, draft=FEW)
        took = generation.generate(store, arm_id=arm.id, per_label=100, provider=provider_of(server))

    assert found.texts == 200 and found.n_calls == 20 and not found.is_approximate
    assert found.cost_usd is not None and took.cost_usd is not None
    assert found.cost_usd.low <= took.cost_usd <= found.cost_usd.high < 2.5 * found.cost_usd.value
    assert found.calls.low <= took.completions <= found.calls.high
    assert found.tokens_out.low <= took.tokens_out <= found.tokens_out.high


def test_without_tries_an_estimate_is_a_rule_of_thumb_and_says_so(store: Store, arm: Arm, labels: list[Label]) -> None:
    with store() as session:
        found = estimates.estimate(
            session, arm_id=arm.id, draft=FEW, texts_per_label=10, labels=labels, models={"a": PRICE, "b": None}
        )

    assert found.is_approximate and found.n_calls == 0 and found.texts == 20
    assert found.calls == estimates.Range(8, 8, 16)
    assert found.cost_usd is None and found.seconds is None
    assert (found.tokens_in.low, found.tokens_in.high) == (found.tokens_in.value / 2, found.tokens_in.value * 2)


def test_only_missing_texts_are_estimated_and_completions_of_the_same_prompt_count(
    store: Store, arm: Arm, labels: list[Label]
) -> None:
    with store.write() as session:
        versions.save(session, arm_id=arm.id, draft=FEW)
    with LlmServer(latency=0.05) as server:
        generation.generate(store, arm_id=arm.id, per_label=20, provider=provider_of(server))

    def estimated(texts: int, *others: str, **rate: float) -> estimates.Estimate:
        with store() as session:
            return estimates.estimate(
                session,
                arm_id=arm.id,
                draft=FEW,
                texts_per_label=texts,
                labels=labels,
                models=dict.fromkeys(["test-model", *others], PRICE),
                rate=estimates.CallRate(**rate),  # type: ignore[arg-type]
            )

    with store() as session:
        latency = session.scalars(select(func.avg(Completion.latency_s)).where(Completion.arm_id == arm.id)).one()

    none, more, slow = estimated(20), estimated(60, concurrency=4), estimated(60, rpm=10)
    shared = estimated(60, "another", rpm=10)

    assert none.texts == 0 and none.cost_usd == estimates.Range(0, 0, 0) == none.calls
    assert more.texts == 80 and more.calls.value == 20 and more.n_calls == 10
    assert more.seconds is not None and more.seconds.value == pytest.approx(20 / 4 * latency, rel=1e-9)
    assert slow.seconds is not None and slow.seconds.value == pytest.approx(120, rel=1e-9)
    assert shared.calls.value == 20 and shared.seconds is not None and shared.seconds.value == pytest.approx(60)


def test_fruitless_tries_give_no_estimate(store: Store, arm: Arm, labels: list[Label]) -> None:
    with LlmServer(rate_refusal=1.0) as server:
        trials.try_prompt(store, arm_id=arm.id, draft=FEW, provider=provider_of(server))

    with store() as session, pytest.raises(StudyError, match="None of the 5 earlier calls of 'test-model'"):
        estimates.estimate(
            session, arm_id=arm.id, draft=FEW, texts_per_label=10, labels=labels, models={"test-model": PRICE}
        )


def test_later_turns_send_the_conversation_again(store: Store, task: Task, labels: list[Label], arm: Arm) -> None:
    talk = Draft(context="c", generation="Number of texts: {n}\nLabel: {label}", diversity="Others.", turns=3)
    with LlmServer() as server:
        trials.try_prompt(store, arm_id=arm.id, draft=talk, provider=provider_of(server))
        with store() as session:
            found = estimates.estimate(
                session, arm_id=arm.id, draft=talk, texts_per_label=90, labels=labels, models={"test-model": PRICE}
            )
        with store.write() as session:
            versions.save(session, arm_id=arm.id, draft=talk)
        took = generation.generate(store, arm_id=arm.id, per_label=90, provider=provider_of(server))

    assert took.tokens_in == pytest.approx(found.tokens_in.value, rel=0.1)


def test_one_call_is_priced_by_thumb_and_by_tried_calls(store: Store, arm: Arm, labels: list[Label]) -> None:
    messages = [{"role": "user", "content": "x" * 400}]

    before = calls.one_call(messages, FEW, PRICE)
    with LlmServer() as server:
        trials.try_prompt(store, arm_id=arm.id, draft=FEW, provider=provider_of(server))
    with store() as session:
        known = calls.of(session, arm_id=arm.id, draft=FEW)
    after = calls.one_call(messages, FEW, PRICE, known)

    assert before.is_approximate and before.tokens_in == 104 and before.tokens_out == 180
    assert before.cost_usd == pytest.approx((104 + 4 * 180) / 1e6, rel=1e-9)
    assert before.cost_usd_most is not None and before.cost_usd is not None and before.cost_usd_most > before.cost_usd
    assert not after.is_approximate and after.tokens_out != before.tokens_out
    assert calls.one_call(messages, FEW, None).cost_usd is None
