"""Generation and judging at endpoints that answer in odd shapes (`tests/llm_shapes.py`)."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from core.errors import ProviderPaused, ProviderRefused
from core.llm.answers import Provider
from core.llm.money import committed, prices
from core.llm.money.budget import BudgetReached
from core.llm.money.committed import Account, Way
from core.study.rows.kinds import SampleStatus, Split
from core.study.rows.study import Arm, Completion, Label, Prompt, Sample
from core.study.splits import equal_texts
from core.study.store import Store
from core.synthesis import judging
from core.synthesis.generation import generation
from core.synthesis.generation.generation import Generated
from core.synthesis.limits import Limits
from tests import endpoints
from tests.llm_server import LlmServer

PRICE = prices.Price(model="any", input_usd_per_million=1.0, output_usd_per_million=10.0)
PER_LABEL = 20
FASTER = {"first_wait_s": 0.02}


def provider(server: LlmServer, model: str, **settings: Any) -> Provider:
    return endpoints.client(model, base_url=server.url, api_key=None, **{**FASTER, **settings})


def fill(
    store: Store, arm: Arm, server: LlmServer, model: str, *, budget: float | None = None, **more: Any
) -> Generated:
    client = provider(server, model, **more)
    return generation.generate(
        store, arm_id=arm.id, per_label=PER_LABEL, provider=client, limits=Limits(budget_usd=budget)
    )


def kept(store: Store, arm: Arm) -> list[str]:
    with store() as session:
        mine = select(Sample.text).where(Sample.arm_id == arm.id, Sample.status == SampleStatus.KEPT)
        return list(session.scalars(mine))


@pytest.fixture
def arm(make_arm: Callable[[str], Arm]) -> Arm:
    return make_arm("zero-shot")


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("too-long-once", "prompt too long"),
        ("flagged-once", "content filter"),
        ("filtered-once", "content filter"),
    ],
)
def test_a_refusal_of_one_slot_is_its_answer_and_no_later_start_asks_it_again(
    store: Store, arm: Arm, model: str, reason: str
) -> None:
    with LlmServer() as server:
        made, before = fill(store, arm, server, model), server.seen.requests
        again = fill(store, arm, server, model)

        assert server.seen.requests == before == made.completions
    assert made.kept == again.kept == 2 * PER_LABEL and made.rejected[reason] == 1


@pytest.mark.parametrize("model", ["error-in-200", "null-in-200", "half-in-200"])
def test_an_error_inside_a_success_is_tried_again_and_half_a_text_never_kept(
    store: Store, arm: Arm, model: str
) -> None:
    with LlmServer() as server:
        made = fill(store, arm, server, model)

    assert made.kept == 2 * PER_LABEL
    assert not [text for text in kept(store, arm) if text.startswith("The caretaker")]


@pytest.mark.parametrize("model", ["ends-MAX_TOKENS", "ends-max_tokens", "ends-model_length", "ends-in-a-new-word"])
def test_a_text_that_was_not_finished_is_never_kept_whatever_word_says_so(store: Store, arm: Arm, model: str) -> None:
    with LlmServer() as server:
        made = fill(store, arm, server, model)

    assert made.kept == 2 * PER_LABEL and made.rejected["cut by length"] == made.completions
    assert not [text for text in kept(store, arm) if text.startswith("The caretaker")]


@pytest.mark.parametrize("model", ["thinks-in-brackets", "thinks-in-channels", "thinks-unopened"])
def test_drafts_inside_the_thinking_and_marks_of_templates_are_never_kept(store: Store, arm: Arm, model: str) -> None:
    with LlmServer() as server:
        made = fill(store, arm, server, model)

    assert made.kept == 2 * PER_LABEL
    assert not [text for text in kept(store, arm) if "idea about" in text or "<|" in text or "think" in text.lower()]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["wait-6ms", "wait-nothing", "loading", "overloaded"])
def test_waits_of_nothing_and_busy_endpoints_are_waited_for_longer_than_a_few_tries(
    store: Store, arm: Arm, model: str
) -> None:
    with LlmServer() as server:
        client = provider(server, model, first_wait_s=0.005, tries=6)
        made = generation.generate(
            store, arm_id=arm.id, per_label=PER_LABEL, provider=client, limits=Limits(concurrency=1)
        )

        assert server.seen.requests == made.completions + 8
    assert made.kept == 2 * PER_LABEL


@pytest.mark.parametrize(
    ("model", "said"), [("quota-of-day", "quota of the day"), ("no-quota", "You exceeded your current quota")]
)
def test_a_quota_that_is_used_up_is_named_and_pauses_the_job_at_once(
    store: Store, arm: Arm, model: str, said: str
) -> None:
    with LlmServer() as server, pytest.raises(ProviderPaused, match=said) as found:
        fill(store, arm, server, model)

    assert found.value.seconds >= 3600 and server.seen.requests <= 8


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("unverified", "Your organization must be verified"),
        ("data-policy", "No endpoints found matching your data policy"),
        ("wrong-region", "Country, region, or territory not supported"),
        ("no-access", "does not have access to this model"),
        ("key-limit-in-200", "Key limit exceeded for this key"),
    ],
)
def test_who_may_not_ask_is_told_in_the_endpoints_own_words(store: Store, arm: Arm, model: str, said: str) -> None:
    with LlmServer() as server, pytest.raises(ProviderRefused, match=said) as found:
        fill(store, arm, server, model)

    assert "key was refused" not in str(found.value) and "does not know the model" not in str(found.value)


def test_thinking_that_stands_in_the_total_alone_counts_against_the_budget(store: Store, arm: Arm) -> None:
    with LlmServer() as server:
        made = fill(store, arm, server, "thinks-in-total", budget=1.0, price=PRICE)
        charged = PRICE.of(tokens_in=server.seen.tokens_in, tokens_out=server.seen.tokens_out)

    assert made.tokens_out == 860 * made.completions and made.cost_usd == pytest.approx(charged)


def test_half_an_answer_that_is_billed_counts_with_the_most_it_may_have_cost(store: Store, arm: Arm) -> None:
    with LlmServer() as server:
        made = fill(store, arm, server, "half-billed-in-200", budget=1.0, price=PRICE)
        charged = PRICE.of(tokens_in=server.seen.tokens_in, tokens_out=server.seen.tokens_out)

    with store() as session:
        found = committed.of(session, Account(Way.GENERATE, arm.id))
    assert made.kept == 2 * PER_LABEL and made.cost_usd is not None and made.cost_usd < charged <= found.most_usd


def test_a_limit_that_does_not_hold_makes_later_calls_hold_more(store: Store, arm: Arm) -> None:
    with LlmServer() as server:
        client = provider(server, "thinks-in-total", price=PRICE, max_tokens=100)
        with pytest.raises(BudgetReached):
            generation.generate(
                store,
                arm_id=arm.id,
                per_label=500,
                provider=client,
                limits=Limits(budget_usd=(budget := 0.05), concurrency=2),
            )
        charged = PRICE.of(tokens_in=server.seen.tokens_in, tokens_out=server.seen.tokens_out)

    assert 0.5 * budget < charged <= budget


@pytest.fixture
def six_texts(store: Store, arm: Arm, labels: list[Label]) -> None:
    """Six kept texts of one label in the arm."""
    texts = [f"A letter about the sea with the number {n}" for n in range(6)]
    with store.write() as session:
        session.add_all(
            Sample(
                arm_id=arm.id,
                label_id=labels[0].id,
                split=Split.TRAIN,
                text=text,
                text_hash=equal_texts.text_hash(text),
            )
            for text in texts
        )


@pytest.mark.usefixtures("six_texts")
def test_a_judge_that_thinks_has_room_under_a_budget(store: Store, arm: Arm) -> None:
    with LlmServer() as server:
        found = judging.judge(
            store,
            arm_ids=[arm.id],
            provider=provider(server, "judge-that-thinks", price=PRICE),
            limits=Limits(budget_usd=1.0),
        )

    assert (found.judged, found.named, found.unclear) == (6, 6, {})


@pytest.mark.usefixtures("six_texts")
def test_a_judge_that_takes_no_system_message_is_asked_without_one(store: Store, arm: Arm) -> None:
    with LlmServer() as server:
        found = judging.judge(store, arm_ids=[arm.id], provider=provider(server, "no-system"))
        answered = [body for body in server.seen.bodies if body["messages"][0]["role"] == "user"]

    assert found.judged == 6 == len(answered)
    assert all(judging.CONTEXT in body["messages"][0]["content"] for body in answered)


@pytest.mark.parametrize(
    ("model", "part"),
    [
        ("no-system", "a system message (its text begins the first message instead)"),
        ("temperature-deprecated", "temperature"),
        ("temperature-one", "temperature"),
    ],
)
def test_what_a_model_does_not_take_is_left_out_and_told_with_the_arm_and_in_the_progress(
    store: Store, arm: Arm, model: str, part: str
) -> None:
    told: list[dict[str, Any]] = []
    with LlmServer() as server:
        client = provider(server, model, temperature=0.7)
        made = generation.generate(
            store, arm_id=arm.id, per_label=PER_LABEL, provider=client, report=lambda *said: told.append(dict(said[3]))
        )

    assert made.kept == 2 * PER_LABEL
    assert made.not_taken == {model: [part]} and told[-1]["not_taken"] == {f"{part} ({model})": 1}
    with store() as session:
        assert session.get_one(Arm, arm.id).not_taken == {model: [part]}
        asked = session.scalars(select(Completion).where(Completion.arm_id == arm.id)).all()
        context = session.get_one(Prompt, asked[0].prompt_id).context
    assert all(context[:20] in one.request["messages"][0]["content"] for one in asked)


def test_a_model_that_takes_all_is_not_spoken_of(store: Store, arm: Arm) -> None:
    with LlmServer() as server:
        assert fill(store, arm, server, "test-model", temperature=0.7).not_taken == {}


def test_labels_before_the_texts_are_cut(store: Store, arm: Arm) -> None:
    with LlmServer() as server:
        made = fill(store, arm, server, "label-first")

    assert made.kept == 2 * PER_LABEL
    assert not [text for text in kept(store, arm) if text.lower().startswith(("glad", "sad"))]


def test_marks_of_chinese_lists_are_no_part_of_the_texts(store: Store, arm: Arm) -> None:
    with LlmServer() as server:
        fill(store, arm, server, "chinese-list")

    found = kept(store, arm)
    assert len(found) >= 12 and all(text.startswith("第") for text in found)


def test_refusals_in_other_languages_are_rejected_as_such(store: Store, arm: Arm) -> None:
    with LlmServer() as server:
        made = fill(store, arm, server, "refuses-in-spanish")

    assert made.kept == 0 and set(made.rejected) == {"refusal"} and set(made.stopped) == {"glad", "sad"}
