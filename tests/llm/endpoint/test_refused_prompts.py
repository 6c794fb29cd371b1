"""A prompt that an endpoint refuses is one stored answer, for judges, raters and taxonomies as for generation."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.errors import StudyError
from core.llm import connection
from core.llm.money import prices
from core.settings import Settings
from core.steps import rate
from core.steps.rate import RatingRequest
from core.study import tasks
from core.study.exchange import importing, tables
from core.study.rows.kinds import Split
from core.study.rows.sessions import Campaign, Reply
from core.study.rows.study import Arm, Judgement, Label, Sample, Task, Trial
from core.study.splits import equal_texts
from core.study.store import Store
from core.subjectivity.sessions import campaigns
from core.synthesis import judging
from core.synthesis.limits import Limits
from core.synthesis.trials import taxonomy
from tests import endpoints
from tests.llm.endpoint.test_bad_habits import Reply as Replied
from tests.llm.endpoint.test_bad_habits import endpoint, said, written
from tests.texts import sample

FILTERED = said(
    "The response was filtered due to the prompt triggering the content management policy", code="content_filter"
)
LONG = said("This model's maximum context length is 4096 tokens", code="context_length_exceeded")
FLAGGED = said('Your input was flagged for "hate"', code=403)
PRICE = prices.Price(model="m", input_usd_per_million=1.0, output_usd_per_million=1.0)


def refusing(answer: str) -> Callable[[int, dict[str, Any], str], Replied]:
    """Refuses the texts number 1, 2 and 3, each for another reason, and answers for the others."""
    refused = {"letter number 1 ": (400, FILTERED), "letter number 2 ": (400, LONG), "letter number 3 ": (403, FLAGGED)}

    def reply(_number: int, body: dict[str, Any], _key: str) -> Replied:
        asked = body["messages"][-1]["content"]
        found = next((reply for text, reply in refused.items() if text in asked), None)
        return (*found, {}) if found else (200, written(answer), {})

    return reply


def campaign_of(store: Store, task: Task, folder: Path, *, n: int) -> Campaign:
    """A campaign over a number of real letters."""
    path = folder / "texts.csv"
    rows = [f"A letter number {number} about the sea,{'glad' if number % 2 else 'sad'},test" for number in range(n)]
    path.write_text("\n".join(["text,label,split", *rows]))
    with store.write() as session:
        arm = tasks.make_arm(session, task_id=task.id, name="real")
        importing.bring_in(session, task=task, arm=arm, table=tables.read(path), options=importing.Options())
        plan = campaigns.Plan(name="one", task=task, per_class=n // 2)
        return campaigns.make(session, study_id=task.study_id, plan=plan)


@pytest.mark.slow
def test_a_judge_goes_on_and_asks_nothing_again(
    store: Store, labels: list[Label], make_arm: Callable[[str], Arm]
) -> None:
    arm = make_arm("zero-shot")
    with store.write() as session:
        for n in range(8):
            text = f"A letter number {n} about the sea"
            session.add(sample(arm, labels[0], text))

    with endpoint(refusing("glad")) as (url, asked):
        client = endpoints.client("m", base_url=url, api_key=None)
        first = judging.judge(store, arm_ids=[arm.id], provider=client)
        n_asked = len(asked)
        again = judging.judge(store, arm_ids=[arm.id], provider=client)

    assert n_asked == len(asked) == 8
    for found in (first, again):
        assert (found.wanted, found.judged, found.named) == (8, 8, 5)
        assert found.unclear == {"content filter": 2, "prompt too long": 1}
    with store() as session:
        contents = {row.content for row in session.scalars(select(Judgement).where(Judgement.label_id.is_(None)))}
    assert contents == {one["error"]["message"] for one in (FILTERED, LONG, FLAGGED)}


@pytest.mark.slow
def test_raters_go_on_and_ask_nothing_again(store: Store, settings: Settings, task: Task, tmp_path: Path) -> None:
    campaign = campaign_of(store, task, tmp_path, n=8)

    with endpoint(refusing("glad")) as (url, asked):
        request = RatingRequest(connection.made(models=("rater",), base_url=url))
        first = rate.rate(settings, store, campaign_id=campaign.id, request=request)
        n_asked = len(asked)
        again = rate.rate(settings, store, campaign_id=campaign.id, request=request)

    assert n_asked == len(asked) == 8
    for found in (first, again):
        assert (found["wanted"], found["answered"]) == (8, 5)
        assert found["unclear"] == {"content filter": 2, "prompt too long": 1}
    with store() as session:
        assert session.scalars(select(Reply).where(Reply.unclear.is_not(None))).all()


def test_a_reply_that_found_no_room_is_asked_again_with_more(
    store: Store, settings: Settings, task: Task, tmp_path: Path
) -> None:
    campaign = campaign_of(store, task, tmp_path, n=2)

    def reply(_number: int, body: dict[str, Any], _key: str) -> Replied:
        limit = body.get("max_tokens", 10_000)
        content, finish = ("", "length") if limit < 600 else ("glad", "stop")
        used = min(limit, 600)
        return 200, written(content, finish, prompt_tokens=10, completion_tokens=used, total_tokens=used + 10), {}

    with endpoint(reply) as (url, asked):
        found = []
        for limit in (200, 200, None, None):
            request = RatingRequest(connection.made(models=("rater",), base_url=url, max_tokens=limit))
            found.append(rate.rate(settings, store, campaign_id=campaign.id, request=request))

    assert len(asked) == 4 and [one["answered"] for one in found] == [0, 0, 2, 2]
    assert found[-1]["tokens_out"] == 1600 and found[-1]["unclear"] == {}


def test_a_taxonomy_stores_the_refusal_of_one_label_and_the_kinds_of_the_others(
    store: Store, labels: list[Label], make_arm: Callable[[str], Arm]
) -> None:
    arm = make_arm("taxonomy")

    def reply(_number: int, body: dict[str, Any], _key: str) -> Replied:
        if "Label: glad" in body["messages"][-1]["content"]:
            return 400, FILTERED, {}
        return 200, written("1. plain complaints\n2. letters of farewell"), {}

    with (
        endpoint(reply) as (url, _),
        pytest.raises(StudyError, match=r"'glad' \(content filter: The response.*'sad' are"),
    ):
        taxonomy.ask(store, endpoints.client("m", base_url=url, api_key=None), arm_id=arm.id)

    with store() as session:
        rows = {row.label_id: row for row in session.scalars(select(Trial))}
    assert {label.name: rows[label.id].finish_reason for label in labels} == {"glad": "prompt refused", "sad": "stop"}


def test_a_judgement_that_found_no_room_is_asked_again_with_more(
    store: Store, labels: list[Label], make_arm: Callable[[str], Arm]
) -> None:
    arm = make_arm("zero-shot")
    with store.write() as session:
        session.add(
            Sample(
                arm_id=arm.id,
                label_id=labels[0].id,
                split=Split.TRAIN,
                text="A letter",
                text_hash=equal_texts.text_hash("A letter"),
            )
        )

    def reply(_number: int, body: dict[str, Any], _key: str) -> Replied:
        limit = body.get("max_tokens", 10_000)
        content, finish = ("", "length") if limit < 600 else ("glad", "stop")
        used = min(limit, 600)
        return 200, written(content, finish, prompt_tokens=10, completion_tokens=used, total_tokens=used + 10), {}

    with endpoint(reply) as (url, asked):

        def judged(**limits: Any) -> judging.Judged:
            client = endpoints.client("m", base_url=url, api_key=None, price=PRICE, **limits)
            return judging.judge(store, arm_ids=[arm.id], provider=client, limits=Limits(budget_usd=1.0))

        first, same, more, last = judged(max_tokens=200), judged(max_tokens=200), judged(), judged()

    assert len(asked) == 2 and last.named == 1
    assert (first.named, first.unclear) == (same.named, same.unclear) == (0, {"empty answer": 1})
    assert (more.named, more.tokens_out) == (1, 800)
    assert more.cost_usd == pytest.approx(820e-6)
