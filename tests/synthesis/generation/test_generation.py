"""Generation end to end: real store, real server, real kills."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from core.errors import ProviderPaused, ProviderRefused, StudyError
from core.llm.money import budget, prices
from core.llm.money.budget import BudgetReached
from core.llm.providers import RecordedAnswer, RecordedProvider
from core.settings import Settings
from core.study import samples
from core.study.rows.kinds import SampleStatus, Split
from core.study.rows.study import Arm, Batch, Completion, Label, Prompt, Sample
from core.study.store import Store
from core.synthesis.generation import generation, samples_from_answers
from core.synthesis.generation.generation import Generated
from core.synthesis.limits import NO_BUDGET, Limits
from core.synthesis.parsing import texts as parsing
from core.synthesis.prompts import examples, versions
from core.synthesis.prompts.drafts import Draft
from tests import endpoints
from tests.llm_server import LlmServer

ROOT = Path(__file__).parents[3]
PAYLOAD = Path(__file__).parent / "payloads" / "fill_arm.py"
SIMPLE = Draft(
    context="", generation="Number of texts: {n}\nLabel: {label}", diversity="others", texts_per_call=5, turns=3
)
PRICE = prices.Price(model="test-model", input_usd_per_million=100.0, output_usd_per_million=400.0)


@pytest.fixture
def arm(make_arm: Callable[[str], Arm]) -> Arm:
    return make_arm("zero-shot")


def fill(
    store: Store,
    arm: Arm,
    url: str,
    *,
    per_label: int = 40,
    price: prices.Price | None = None,
    limits: Limits = NO_BUDGET,
    **more: Any,
) -> Generated:
    provider = endpoints.client("test-model", base_url=url, api_key=None, first_wait_s=0.02, price=price)
    return generation.generate(store, arm_id=arm.id, per_label=per_label, provider=provider, limits=limits, **more)


def use(store: Store, arm: Arm, draft: Draft) -> None:
    with store.write() as session:
        versions.save(session, arm_id=arm.id, draft=draft)


def completions(store: Store, arm: Arm) -> list[Completion]:
    with store() as session:
        return list(session.scalars(select(Completion).where(Completion.arm_id == arm.id).order_by(Completion.slot)))


def kept_by_label(store: Store, arm: Arm) -> dict[int, int]:
    with store() as session:
        rows = session.execute(
            select(Sample.label_id, func.count(Sample.id))
            .where(Sample.arm_id == arm.id, Sample.status == SampleStatus.KEPT)
            .group_by(Sample.label_id)
        )
        return dict(rows.all())


def recorded(arm: Arm, labels: list[Label], answers: list[str]) -> RecordedProvider:
    lines = [RecordedAnswer(arm=arm.name, label=labels[0].name, content=content) for content in answers]
    other = [
        RecordedAnswer(arm=arm.name, label=labels[1].name, content=f"1. A sad letter number {n}") for n in range(50)
    ]
    return RecordedProvider({(arm.name, labels[0].name): lines, (arm.name, labels[1].name): other})


@pytest.mark.slow
def test_an_unsteady_endpoint_fills_its_quota_and_a_rerun_asks_nothing(
    store: Store, arm: Arm, labels: list[Label]
) -> None:
    with LlmServer(
        latency=0.01, rate_429=0.05, rate_500=0.05, rate_malformed=0.05, retry_after="0.1", seed=1
    ) as server:
        made = fill(store, arm, server.url, per_label=200)
        requests = server.counts()["requests"]
        again = fill(store, arm, server.url, per_label=200)

        assert server.counts()["requests"] == requests

    assert kept_by_label(store, arm) == {label.id: 200 for label in labels}
    assert made.kept == 400 and made.stopped == {} and made.cost_usd is None
    assert made.completions == server.counts()["answered"] == len(completions(store, arm))
    assert made.asked == 10 * made.completions and sum(made.rejected.values()) > 0
    assert set(server.counts()["by_key"].values()) == {1}
    assert again == generation.Generated(**{**vars(made), "seconds": again.seconds})


def test_every_completion_and_sample_points_to_what_it_came_from(store: Store, arm: Arm) -> None:
    use(store, arm, SIMPLE)
    with LlmServer() as server:
        fill(store, arm, server.url, per_label=5, price=PRICE)

    with store() as session:
        sample, row, prompt = session.execute(
            select(Sample, Completion, Prompt)
            .join(Completion, Completion.id == Sample.completion_id)
            .join(Prompt, Prompt.id == Completion.prompt_id)
            .limit(1)
        ).one()
    assert sample.text in row.content and sample.label_id == row.label_id and sample.split == Split.TRAIN
    assert row.request["messages"][0]["content"].startswith("Number of texts: 5") and prompt.version == 1
    assert row.cost_usd == pytest.approx((row.tokens_in * 100 + row.tokens_out * 400) / 1e6, rel=1e-9)
    assert row.model == "test-model" and row.request_id and row.latency_s > 0 and row.parsed_at


def test_later_turns_see_the_answers_of_their_own_conversation(store: Store, arm: Arm, labels: list[Label]) -> None:
    use(store, arm, SIMPLE)
    with LlmServer(latency=0.01) as server:
        fill(store, arm, server.url, per_label=30)

    rows = {row.slot: row for row in completions(store, arm) if row.label_id == labels[0].id}
    assert set(rows) == set(range(6))
    for slot, row in rows.items():
        earlier = [rows[before].content for before in range(slot - slot % 3, slot)]
        assert [part["content"] for part in row.request["messages"] if part["role"] == "assistant"] == earlier


def test_few_shot_draws_its_examples_anew_from_the_pool_and_the_same_ones_again(
    store: Store, labels: list[Label], make_arm: Callable[[str], Arm], add_real: Callable[[Split, int], None]
) -> None:
    add_real(Split.TRAIN, 30)
    add_real(Split.POOL, 12)
    arm = make_arm("few-shot")
    drawn = []
    for _ in range(2):
        with LlmServer() as server:
            fill(store, arm, server.url, per_label=50, seed=3)
        drawn.append({(row.label_id, row.slot): row.example_ids for row in completions(store, arm)})
        with store.write() as session:
            session.execute(delete(Sample).where(Sample.arm_id == arm.id))
            session.execute(delete(Completion).where(Completion.arm_id == arm.id))

    with store() as session:
        pool = {sample.id: sample for sample in session.scalars(select(Sample).where(Sample.split == Split.POOL))}
    shared = drawn[0].keys() & drawn[1].keys()  # a chance duplicate may cost one of them another slot
    assert len(shared) >= 10
    assert all(drawn[0][slot] == drawn[1][slot] for slot in shared)
    assert len({tuple(ids) for ids in drawn[0].values()}) > 5
    for (label_id, _), ids in drawn[0].items():
        assert len(set(ids)) == 3 and {pool[one].label_id for one in ids} == {label_id}


def test_without_a_pool_a_fixed_tenth_of_the_train_split_is_shown(
    store: Store, task: Any, labels: list[Label], add_real: Callable[[Split, int], None]
) -> None:
    add_real(Split.TRAIN, 50)

    with store() as session:
        pools = [examples.pool(session, task=task, labels=labels, per_call=3, seed=seed) for seed in (0, 0, 1)]

    texts = [[sample.text for sample in pool.texts[labels[0].id]] for pool in pools]
    assert len(texts[0]) == 5 and texts[0] == texts[1] != texts[2]
    assert all("real train letter" in text for text in texts[0])


def test_few_shot_without_real_texts_says_what_to_do(store: Store, make_arm: Callable[[str], Arm]) -> None:
    with (
        LlmServer() as server,
        pytest.raises(StudyError, match="shows 3 real texts of each label.*has 0 for 'glad'.*Import"),
    ):
        fill(store, make_arm("few-shot"), server.url)

    assert server.counts()["requests"] == 0


def test_duplicates_copies_and_texts_over_the_quota_are_stored_with_their_reason(
    store: Store, labels: list[Label], make_arm: Callable[[str], Arm], add_real: Callable[[Split, int], None]
) -> None:
    add_real(Split.POOL, 3)
    arm = make_arm("few-shot")
    copy = "a REAL pool letter,  glad, number 1"
    answers = [f"1. {copy}\n2. One new letter\n3. one new  letter\n4. Hm\n5. A second letter\n6. A third letter"]

    made = generation.generate(store, arm_id=arm.id, per_label=2, provider=recorded(arm, labels, answers))

    assert made.rejected == {
        samples_from_answers.COPY: 1,
        samples.DUPLICATE: 1,
        parsing.TOO_SHORT: 1,
        samples_from_answers.OVER_QUOTA: 1,
    }
    assert made.kept == 4 and made.cost_usd == 0.0
    assert all(row.is_recorded for row in completions(store, arm))


def test_texts_over_the_quota_are_kept_before_anything_new_is_asked(store: Store, arm: Arm) -> None:
    with LlmServer() as server:
        first = fill(store, arm, server.url, per_label=13)
        requests = server.counts()["requests"]
        second = fill(store, arm, server.url, per_label=20)

        assert server.counts()["requests"] == requests == 4
        third = fill(store, arm, server.url, per_label=21)

    assert (first.kept, first.rejected) == (26, {samples_from_answers.OVER_QUOTA: 14})
    assert (second.kept, second.rejected) == (40, {})
    assert third.kept == 42 and third.completions == 6


def test_a_text_over_the_quota_that_is_a_test_text_by_now_is_not_kept(
    store: Store, arm: Arm, labels: list[Label], make_arm: Callable[[str], Arm]
) -> None:
    real = make_arm("real")
    with LlmServer() as server:
        fill(store, arm, server.url, per_label=13)
        with store.write() as session:
            surplus = select(Sample).where(Sample.reject_reason == samples_from_answers.OVER_QUOTA)
            over = session.scalars(surplus.where(Sample.label_id == labels[0].id).order_by(Sample.id)).all()
            tested = Sample(
                arm_id=real.id,
                label_id=labels[0].id,
                split=Split.TEST,
                text=over[0].text,
                text_hash=over[0].text_hash,
            )
            session.add(tested)
        fill(store, arm, server.url, per_label=20)

    with store() as session:
        left = session.get_one(Sample, over[0].id)
    assert (left.status, left.reject_reason) == (SampleStatus.REJECTED, samples.LEAK)
    assert kept_by_label(store, arm) == {label.id: 20 for label in labels}


def test_used_up_recordings_stop_their_label_alone(store: Store, arm: Arm, labels: list[Label]) -> None:
    use(store, arm, SIMPLE)

    made = generation.generate(
        store, arm_id=arm.id, per_label=3, provider=recorded(arm, labels, ["1. The only glad letter"])
    )

    assert list(made.stopped) == ["glad"] and "hold 1 answers" in made.stopped["glad"]
    assert kept_by_label(store, arm) == {labels[0].id: 1, labels[1].id: 3}


def test_a_label_without_new_texts_is_given_up_with_a_reason(store: Store, arm: Arm) -> None:
    with LlmServer(texts=["The same text again", "And this one too"]) as server:
        made = fill(store, arm, server.url, limits=Limits(concurrency=1))

    assert made.stopped["glad"].startswith("gave up: 5 answers in a row without a new text")
    assert server.counts()["answered"] <= 2 * 7  # the call after the last one is under way while that is parsed


@pytest.mark.slow
def test_an_endpoint_that_gives_too_little_is_given_up_and_a_new_prompt_gets_new_calls(store: Store, arm: Arm) -> None:
    use(store, arm, SIMPLE)
    few = [f"Some odd text number {number // 5}" for number in range(10_000)]
    with LlmServer(texts=few) as server:
        made = fill(store, arm, server.url, per_label=40, limits=Limits(concurrency=1))
        assert made.stopped["glad"].startswith("gave up: 29 answers to this prompt")
        again = fill(store, arm, server.url, per_label=40, limits=Limits(concurrency=1))
        assert again.completions == made.completions == 58

        use(
            store,
            arm,
            Draft(context="", generation="Number of texts: 5. Label: {label}!", diversity="d", texts_per_call=5),
        )
        assert fill(store, arm, server.url, per_label=40, limits=Limits(concurrency=1)).completions > 58


def test_a_stored_answer_that_was_never_parsed_is_picked_up(store: Store, arm: Arm, labels: list[Label]) -> None:
    use(store, arm, SIMPLE)
    with store.write() as session:
        prompt = versions.latest(session, arm.id)
        assert prompt is not None
        for label in labels:
            session.add(
                Completion(
                    arm_id=arm.id,
                    label_id=label.id,
                    slot=0,
                    prompt_id=prompt.id,
                    provider="openai",
                    model="m",
                    request={},
                    content=f"1. A {label.name} letter\n2. Another {label.name} letter",
                    finish_reason="stop",
                    tokens_in=1,
                    tokens_out=1,
                    cost_usd=None,
                    latency_s=0.1,
                )
            )

    with LlmServer() as server:
        made = fill(store, arm, server.url, per_label=2)

    assert server.counts()["requests"] == 0
    assert made.kept == 4 and all(row.parsed_at for row in completions(store, arm))


@pytest.mark.slow
@pytest.mark.parametrize("concurrency", [1, 8])
def test_the_budget_is_never_crossed_and_a_higher_one_goes_on(store: Store, arm: Arm, concurrency: int) -> None:
    with LlmServer(latency=0.02) as server:
        with pytest.raises(
            budget.BudgetReached, match=r"budget of \$2 is reached.*texts are kept.*start it again to go on"
        ):
            fill(store, arm, server.url, per_label=500, price=PRICE, limits=Limits(2.0, concurrency))
        spent = sum(row.cost_usd or 0 for row in completions(store, arm))
        requests = server.counts()["requests"]
        with pytest.raises(budget.BudgetReached):
            fill(store, arm, server.url, per_label=500, price=PRICE, limits=Limits(2.0, concurrency))

        assert server.counts()["requests"] == requests == len(completions(store, arm))
    assert 1.0 < spent <= 2.0


def test_a_budget_without_a_price_is_refused_before_the_first_call(store: Store, arm: Arm) -> None:
    with LlmServer() as server, pytest.raises(StudyError, match="price of 'test-model' is unknown"):
        fill(store, arm, server.url, limits=Limits(budget_usd=1.0))

    assert server.counts()["requests"] == 0


def test_a_refused_key_stops_the_whole_job_with_what_is_kept(store: Store, arm: Arm) -> None:
    with LlmServer() as server:
        fill(store, arm, server.url, per_label=10)
    with (
        LlmServer(key="other") as server,
        pytest.raises(ProviderRefused, match="key was refused.* 20 of 80 texts are kept"),
    ):
        fill(store, arm, server.url, per_label=40)

    assert server.counts()["requests"] <= 8


def test_answers_under_way_when_the_endpoint_pauses_are_stored(store: Store, arm: Arm) -> None:
    with (
        LlmServer(first=["ok"] * 6 + ["429"] + ["ok"] * 5, latency=0.1, retry_after="900") as server,
        pytest.raises(ProviderPaused) as found,
    ):
        fill(store, arm, server.url, per_label=200)

    assert found.value.seconds == 900
    assert len(completions(store, arm)) == server.counts()["answered"] >= 6


def test_progress_is_reported_up_to_the_end(store: Store, arm: Arm) -> None:
    seen: list[tuple[int, int]] = []

    def report(done: int, total: int, message: str, extra: Mapping[str, Any]) -> None:
        seen.append((done, total))

    with LlmServer() as server:
        fill(store, arm, server.url, per_label=30, report=report)

    assert seen[-1] == (60, 60) and seen == sorted(seen)


def test_texts_are_not_generated_into_the_real_arm(store: Store, make_arm: Callable[[str], Arm]) -> None:
    with LlmServer() as server, pytest.raises(StudyError, match="'real' holds real texts"):
        fill(store, make_arm("real"), server.url)


def start(settings: Settings, arm: Arm, url: str, *, per_label: int, concurrency: int = 6) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(PAYLOAD), str(arm.id), str(per_label), url, str(concurrency)]
    environment = os.environ | {"LITMUS_HOME": str(settings.home), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, cwd=settings.home, env=environment)


@pytest.mark.slow
def test_a_killed_generation_goes_on_and_pays_no_stored_slot_twice(store: Store, settings: Settings, arm: Arm) -> None:
    with LlmServer(latency=0.05) as server:
        process = start(settings, arm, server.url, per_label=300)
        deadline = time.monotonic() + 30
        while server.counts()["answered"] < 25 and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(0.2)
        stored = len(completions(store, arm))
        assert 0 < stored < 60

        made = fill(store, arm, server.url, per_label=300)

        answered = server.counts()["by_key"]
    twice = [key for key, times in answered.items() if times > 1]
    assert made.kept == 600 and made.completions == len(answered)
    assert len(twice) <= 6 and max(answered.values()) <= 2


@pytest.mark.slow
def test_two_processes_on_one_arm_take_turns_and_pay_every_slot_once(
    store: Store, settings: Settings, arm: Arm
) -> None:
    with LlmServer(latency=0.02) as server:
        both = [start(settings, arm, server.url, per_label=100) for _ in range(2)]

        assert [process.wait(timeout=40) for process in both] == [0, 0]
    assert set(server.counts()["by_key"].values()) == {1}
    assert sum(kept_by_label(store, arm).values()) == 200


def test_when_two_answers_for_a_slot_meet_the_first_one_stays(store: Store, arm: Arm, labels: list[Label]) -> None:
    use(store, arm, SIMPLE)
    with store() as session:
        prompt = versions.latest(session, arm.id)
        assert prompt is not None

    def answer(text: str) -> Completion:
        return Completion(
            arm_id=arm.id,
            label_id=labels[0].id,
            slot=0,
            prompt_id=prompt.id,
            provider="openai",
            model="m",
            request={},
            content=f"1. {text}",
            finish_reason="stop",
            tokens_in=1,
            tokens_out=1,
            cost_usd=None,
            latency_s=0.1,
        )

    writer = samples_from_answers.SampleWriter(store, arm_id=arm.id, per_label=9)
    first, other = answer("The first letter"), answer("The other letter")

    stored = writer.store_answers([first])
    (outcome,) = writer.store_texts(stored, now=1.0)
    dropped = writer.store_answers([other])

    assert dropped == [] and [outcome.kept, writer.dropped(other).kept] == [1, 1]
    assert [row.content for row in completions(store, arm)] == ["1. The first letter"]


@pytest.mark.slow
def test_a_generation_that_is_asked_to_stop_takes_in_the_answers_under_way(
    store: Store, settings: Settings, arm: Arm
) -> None:
    with LlmServer(latency=0.5) as server:
        process = start(settings, arm, server.url, per_label=150)
        deadline = time.monotonic() + 30
        while server.counts()["requests"] < 9 and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        code = process.wait()
        answered = server.counts()["by_key"]
        stored = len(completions(store, arm))

        made = fill(store, arm, server.url, per_label=150)

        again = server.counts()["by_key"]
    assert code == -signal.SIGTERM
    assert stored == len(answered) == sum(answered.values()) < 30
    assert made.kept == 300
    assert max(again.values()) == 1


def test_a_budget_leaves_room_for_what_a_batch_under_way_may_cost(store: Store, arm: Arm, labels: list[Label]) -> None:
    use(store, arm, SIMPLE)
    with store.write() as session:
        held = [{"label_id": labels[0].id, "slot": 0}]
        counts = {"requests": 1, "most_usd": 0.999}
        session.add(
            Batch(
                arm_id=arm.id,
                key="k",
                provider="openai",
                model="test-model",
                base_url="u",
                requests=held,
                counts=counts,
            )
        )

    with LlmServer() as server, pytest.raises(BudgetReached):
        fill(store, arm, server.url, per_label=5, price=PRICE, limits=Limits(budget_usd=1.0))

    assert server.counts()["requests"] == 0
