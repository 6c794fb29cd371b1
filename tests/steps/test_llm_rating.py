"""LLM raters beside people: every reply paid once and stored before it is read, in campaigns of every kind."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from core.errors import StudyError
from core.llm import connection
from core.llm.money import budget, committed, prices
from core.llm.money.committed import Account, Way
from core.settings import Settings
from core.steps import rate
from core.steps.rate import RatingRequest
from core.study import tasks
from core.study.exchange import importing, tables
from core.study.rows.kinds import CampaignKind, ItemRole, RaterKind, RaterState, Slot
from core.study.rows.sessions import Campaign, Comparison, Item, Rater, Rating, Reply
from core.study.rows.study import Study
from core.study.store import Store
from core.subjectivity import ratings
from core.subjectivity.llm import personas
from core.subjectivity.llm import raters as llm_raters
from core.subjectivity.sessions import campaigns
from core.subjectivity.sessions.protocol import Example, Protocol
from tests import llm_choice
from tests.command_line import CommandLine
from tests.llm_server import LlmServer

TEXTS = 30


@pytest.fixture
def study(store: Store, tmp_path: Path) -> Study:
    """Three tasks with thirty real test texts and some training texts each."""
    with store.write() as session:
        made = tasks.study_named(session, "letters")
        for name in ("mood", "irony", "spam"):
            rows = [f"{name} letter {n},{'glad' if n % 2 else 'sad'},test" for n in range(TEXTS)]
            rows += [f"{name} training letter {n},{'glad' if n % 2 else 'sad'},train" for n in range(40)]
            path = tmp_path / f"{name}.csv"
            path.write_text("\n".join(["text,label,split", *rows]))
            task = tasks.make_task(
                session, study_id=made.id, name=name, question=f"How about {name}?", labels={"glad": "happy", "sad": ""}
            )
            arm = tasks.make_arm(session, task_id=task.id, name="real")
            importing.bring_in(session, task=task, arm=arm, table=tables.read(path), options=importing.Options())
    return made


@pytest.fixture
def make(store: Store, study: Study) -> Callable[..., Campaign]:
    def of(**plan: Any) -> Campaign:
        with store.write() as session:
            task = tasks.get_task(session, study.id, "mood")
            wanted = campaigns.Plan(**{"name": "round one", "task": task, **plan})
            return campaigns.make(session, study_id=study.id, plan=wanted)

    return of


@pytest.fixture
def server() -> Iterator[LlmServer]:
    with LlmServer(models=["rater-a", "rater-b"]) as running:
        yield running


def wanted(server: LlmServer, *, models: tuple[str, ...] = ("rater-a",), **more: Any) -> RatingRequest:
    return RatingRequest(connection.made(models=models, base_url=server.url), **more)


def rows(store: Store, table: type[Any]) -> list[Any]:
    with store() as session:
        return list(session.scalars(select(table).order_by(table.id)))


@pytest.mark.slow
def test_every_model_persona_and_temperature_is_a_rater_of_its_own(
    store: Store, settings: Settings, server: LlmServer, make: Callable[..., Campaign]
) -> None:
    campaign = make(per_class=5)

    asked = wanted(server, models=("rater-a", "rater-b"), personas=("none", "sceptic"), temperatures=(0.0, 1.0))
    found = rate.rate(settings, store, campaign_id=campaign.id, request=asked)

    raters = rows(store, Rater)
    assert {(one.facts["model"], one.facts["persona"], one.facts["temperature"]) for one in raters} == {
        (model, persona, warmth)
        for model in ("rater-a", "rater-b")
        for persona in ("none", "sceptic")
        for warmth in (0.0, 1.0)
    }
    assert {one.kind for one in raters} == {RaterKind.LLM} and {one.state for one in raters} == {RaterState.DONE}
    assert (found["wanted"], found["answered"], server.seen.answered) == (80, 80, 80)
    assert len(rows(store, Rating)) == len(rows(store, Reply)) == 80
    sent = Counter(body["temperature"] for body in server.seen.bodies)
    assert sent == {0.0: 40, 1.0: 40}
    told = [body for body in server.seen.bodies if personas.named("sceptic").words in body["messages"][0]["content"]]
    assert len(told) == 40


def test_the_same_rater_is_asked_again_only_for_what_is_missing(
    store: Store, settings: Settings, server: LlmServer, make: Callable[..., Campaign]
) -> None:
    campaign = make(per_class=10)

    few = rate.rate(settings, store, campaign_id=campaign.id, request=wanted(server, items=6))
    first = {reply.item_id for reply in rows(store, Reply)}
    more = rate.rate(settings, store, campaign_id=campaign.id, request=wanted(server))
    again = rate.rate(settings, store, campaign_id=campaign.id, request=wanted(server))

    assert (few["answered"], more["answered"], again["answered"]) == (6, 20, 20)
    assert server.seen.answered == 20 and set(server.seen.by_key.values()) == {1}
    assert first < {reply.item_id for reply in rows(store, Reply)}
    assert len(rows(store, Rater)) == 1


def test_attention_checks_are_not_asked_and_gold_items_are(
    store: Store, settings: Settings, server: LlmServer, make: Callable[..., Campaign]
) -> None:
    campaign = make(per_class=5, protocol=Protocol(attention_every=5, gold_per_rater=2))

    found = rate.rate(settings, store, campaign_id=campaign.id, request=wanted(server))

    with store() as session:
        query = select(Item.role, func.count(Rating.id)).join(Rating, Rating.item_id == Item.id).group_by(Item.role)
        by_role = dict(session.execute(query).all())
    assert by_role == {ItemRole.ITEM: 10, ItemRole.GOLD: 6}
    assert found["wanted"] == 16


def test_raters_read_the_instructions_and_examples_that_people_read(
    store: Store, settings: Settings, server: LlmServer, make: Callable[..., Campaign]
) -> None:
    shown = Example(text="What a day!", answer="glad", why="It is said with joy.")
    campaign = make(per_class=2, instructions="Go by the words.", protocol=Protocol(examples=(shown,)))

    rate.rate(settings, store, campaign_id=campaign.id, request=wanted(server))

    begin = "Go by the words.\n\nExample:\nWhat a day!\nAnswer: glad\nWhy: It is said with joy.\n\nQuestion: How about mood?"
    assert all(body["messages"][1]["content"].startswith(begin) for body in server.seen.bodies)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [CampaignKind.COMPARE, CampaignKind.COMPARE_ITEMS])
def test_pairs_are_swapped_by_a_coin_and_the_winner_stays_the_one_chosen(
    store: Store,
    settings: Settings,
    server: LlmServer,
    make: Callable[..., Campaign],
    kind: CampaignKind,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(llm_choice, "PERSONA_SHARE", 0.0)  # all raters choose by what the texts say
    campaign = make(kind=kind, per_class=8, **({"task": None} if kind == CampaignKind.COMPARE else {}))
    names = tuple(one.name for one in personas.PERSONAS)

    rate.rate(settings, store, campaign_id=campaign.id, request=wanted(server, personas=names))

    given, items = rows(store, Comparison), {item.id: item for item in rows(store, Item)}
    side = "left_task_id" if kind == CampaignKind.COMPARE else "left_sample_id"
    swapped = [getattr(one, side) != getattr(items[one.item_id], side) for one in given]
    assert 0.25 < sum(swapped) / len(swapped) < 0.75
    chosen: dict[int, set[int]] = {}
    for one in given:
        winner = side if one.winner == "left" else side.replace("left", "right")
        chosen.setdefault(one.item_id, set()).add(getattr(one, winner))
    assert chosen and all(len(winners) == 1 for winners in chosen.values())  # stored by side, both would win in turns


@pytest.mark.slow
def test_a_rater_that_always_says_the_first_one_names_each_side_about_as_often(
    store: Store, settings: Settings, make: Callable[..., Campaign]
) -> None:
    class First(LlmServer):
        def _content(self, body: dict[str, Any]) -> str:
            return "The first text"

    campaign = make(kind=CampaignKind.COMPARE_ITEMS, per_class=15, pairs_per_item=8)

    with First(models=["rater-a"]) as server:
        rate.rate(settings, store, campaign_id=campaign.id, request=wanted(server))

    items = {item.id: item for item in rows(store, Item)}
    given = rows(store, Comparison)
    as_listed = sum(one.left_sample_id == items[one.item_id].left_sample_id for one in given)
    assert {one.winner for one in given} == {"left"} and len(given) > 100
    assert 0.35 < as_listed / len(given) < 0.65


def test_a_scale_is_answered_with_its_numbers(
    store: Store, settings: Settings, server: LlmServer, make: Callable[..., Campaign]
) -> None:
    campaign = make(kind=CampaignKind.SCALE, per_class=10)

    found = rate.rate(settings, store, campaign_id=campaign.id, request=wanted(server, personas=("none", "teacher")))

    assert {rating.label for rating in rows(store, Rating)} <= set(campaigns.SCALE) and found["answered"] == 40


def test_an_unclear_reply_is_kept_with_its_reason_and_not_paid_again(
    store: Store, settings: Settings, make: Callable[..., Campaign]
) -> None:
    class Vague(LlmServer):
        def _content(self, body: dict[str, Any]) -> str:
            return "glad or sad" if "letter 1" in str(body["messages"]) else "Hard to say."

    campaign = make(per_class=15)

    with Vague(models=["rater-a"]) as server:
        found = rate.rate(settings, store, campaign_id=campaign.id, request=wanted(server))
        rate.rate(settings, store, campaign_id=campaign.id, request=wanted(server))

    assert (found["answered"], found["unclear"]) == (0, {"names no label": 19, "names several labels": 11})
    assert server.seen.answered == 30 and rows(store, Rating) == []
    assert {reply.content for reply in rows(store, Reply)} == {"glad or sad", "Hard to say."}


def test_a_reply_stored_just_before_a_crash_is_read_and_not_paid_again(
    store: Store, settings: Settings, server: LlmServer, make: Callable[..., Campaign]
) -> None:
    campaign = make(per_class=3)
    rate.rate(settings, store, campaign_id=campaign.id, request=wanted(server))
    with store.write() as session:
        for rating in session.scalars(select(Rating)):
            session.delete(rating)

    found = rate.rate(settings, store, campaign_id=campaign.id, request=wanted(server))

    assert (found["answered"], len(rows(store, Rating)), server.seen.answered) == (6, 6, 6)


@pytest.mark.slow
def test_a_budget_holds_for_all_raters_of_a_campaign_and_a_higher_one_goes_on(
    store: Store, settings: Settings, server: LlmServer, make: Callable[..., Campaign]
) -> None:
    campaign = make(per_class=15)
    prices.set_price(settings.home, "rater-a", 1000.0, 1000.0, "2026-01-01")
    two = ("none", "sceptic")

    with pytest.raises(budget.BudgetReached, match="of 60 replies are in"):
        rate.rate(settings, store, campaign_id=campaign.id, request=wanted(server, personas=two, budget=6.0))
    spent = sum(reply.cost_usd or 0 for reply in rows(store, Reply))
    with pytest.raises(budget.BudgetReached):
        rate.rate(settings, store, campaign_id=campaign.id, request=wanted(server, personas=("teacher",), budget=spent))
    found = rate.rate(settings, store, campaign_id=campaign.id, request=wanted(server, personas=two, budget=100.0))

    assert 0 < spent <= 6.0
    assert found["answered"] == 60 == server.seen.answered
    assert found["cost_usd"] == pytest.approx(sum(reply.cost_usd for reply in rows(store, Reply)), rel=1e-9)


def test_a_budget_needs_a_known_price(
    store: Store, settings: Settings, server: LlmServer, make: Callable[..., Campaign]
) -> None:
    campaign = make(per_class=3)

    with pytest.raises(StudyError, match="price of 'rater-a' is unknown"):
        rate.rate(settings, store, campaign_id=campaign.id, request=wanted(server, budget=1.0))
    rate.rate(settings, store, campaign_id=campaign.id, request=wanted(server, items=2))
    prices.set_price(settings.home, "rater-a", 1.0, 1.0, "2026-01-01")
    with pytest.raises(StudyError, match="2 replies at an unknown price"):
        rate.rate(settings, store, campaign_id=campaign.id, request=wanted(server, budget=1.0))

    assert server.seen.answered == 2


def test_money_that_a_killed_process_may_have_spent_counts_against_the_budget(
    store: Store, settings: Settings, server: LlmServer, make: Callable[..., Campaign]
) -> None:
    campaign = make(per_class=3)
    prices.set_price(settings.home, "rater-a", 1.0, 1.0, "2026-01-01")
    rate.rate(settings, store, campaign_id=campaign.id, request=wanted(server, items=1, budget=5.0))
    account = Account(Way.RATE, campaign.id)
    with store() as session:
        assert committed.of(session, account).lost_usd == pytest.approx(0, abs=1e-9)
    committed.note(store, account, 4.9999)

    with pytest.raises(budget.BudgetReached, match="1 of 6 replies are in"):
        rate.rate(settings, store, campaign_id=campaign.id, request=wanted(server, budget=5.0))


def test_what_llm_raters_say_never_counts_as_peoples(
    store: Store, settings: Settings, server: LlmServer, study: Study, make: Callable[..., Campaign]
) -> None:
    campaign = make(per_class=3)

    rate.rate(settings, store, campaign_id=campaign.id, request=wanted(server))

    with store() as session:
        task = tasks.get_task(session, study.id, "mood")
        assert ratings.of_task(session, task.id, kinds=ratings.people(study)).empty


def test_a_campaign_without_texts_cannot_be_rated(
    store: Store, settings: Settings, server: LlmServer, study: Study
) -> None:
    with store.write() as session:
        task = tasks.get_task(session, study.id, "mood")
        campaign = Campaign(study_id=study.id, task_id=task.id, name="from a file", kind=CampaignKind.LABEL, token="t")
        session.add(campaign)
        session.flush()
        session.add(Item(campaign_id=campaign.id, external_id="7"))

    with pytest.raises(StudyError, match="no item whose text is known"):
        rate.rate(settings, store, campaign_id=campaign.id, request=wanted(server))


@pytest.mark.slow
def test_the_command_prints_one_object_with_both_groups(
    call: CommandLine, store: Store, server: LlmServer, make: Callable[..., Campaign]
) -> None:
    campaign = make(per_class=10)
    with store.write() as session:
        items = session.scalars(select(Item).where(Item.campaign_id == campaign.id)).all()
        for n in range(3):
            rater = Rater(campaign_id=campaign.id, pseudonym=f"p{n}", code=f"p{n}", kind=RaterKind.PERSON)
            session.add(rater)
            session.flush()
            session.add_all(
                Rating(item_id=item.id, rater_id=rater.id, label="glad" if (item.id * 7 + n) % 5 > 1 else "sad")
                for item in items
            )

    code, stdout, stderr = call(
        "rate-by-llm", "--campaign", "round one", "--model", "rater-a", "--personas", "3", "--temperature", "0.5",
        "--base-url", server.url, "--json",
    )  # fmt: skip

    assert code == 0, stderr
    found = json.loads(stdout)
    assert [one["persona"] for one in found["raters"]] == ["none", "proof-reader", "hurried reader"]
    assert (found["wanted"], found["answered"], found["unclear"], found["cost_usd"]) == (60, 60, {}, None)
    assert (found["people"]["n_raters"], found["llm"]["n_raters"], found["llm"]["n_items"]) == (3, 3, 20)
    assert found["same_majority"]["n"] <= 20 and found["spearman"]["n"] == 20 and found["reading"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--campaign", "gone"], "There is no campaign 'gone'. There are: 1 'round one'."),
        (["--campaign", "1", "--persona", "pirate"], "There is no persona 'pirate'."),
        (["--campaign", "1", "--model", "rater-a"], "A model is named twice"),
        (["--campaign", "1", "--base-url", "nowhere"], "begins with http:// or https://"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    call: CommandLine, server: LlmServer, make: Callable[..., Campaign], arguments: list[str], sentence: str
) -> None:
    make(per_class=2)

    code, _, stderr = call("rate-by-llm", "--model", "rater-a", "--base-url", server.url, *arguments)

    assert (code, stderr.count("\n")) == (1, 1) and sentence in stderr


def test_two_campaigns_of_one_name_are_told_apart_by_number(
    call: CommandLine, server: LlmServer, make: Callable[..., Campaign]
) -> None:
    make(per_class=2)
    make(per_class=2)

    code, _, stderr = call("rate-by-llm", "--campaign", "round one", "--model", "rater-a", "--base-url", server.url)

    assert code == 1 and "Say the number: 1 'round one', 2 'round one'." in stderr


def test_a_job_asks_for_the_same_as_the_page_did(store: Store, study: Study, make: Callable[..., Campaign]) -> None:
    campaign = make(per_class=2)
    asked = connection.made(models=("m",), base_url="http://x/v1", temperature=0.3, concurrency=4, structured=True)
    wanted = RatingRequest(asked, personas=("teacher",), items=5, budget=2.5)

    with store.write() as session:
        job = rate.queue_rating(session, campaign=campaign, arguments=wanted.arguments())
        local = rate.queue_rating(session, campaign=campaign, arguments=["--provider", "local", "--model", "m"])

    said = " ".join(job.command)
    assert said == (
        "-m core rate-by-llm --campaign 1 --provider openai --base-url http://x/v1 --concurrency 4 --model m "
        "--persona teacher --temperature 0.3 --items 5 --budget 2.5"
    )
    assert (job.slot, job.study_id, local.id) == (Slot.API, study.id, job.id)


def test_requests_a_minute_are_shared_between_temperatures(settings: Settings) -> None:
    asked = connection.made(models=("m",), base_url="http://x/v1", rpm=60.0)

    opened = RatingRequest(asked, temperatures=(0.0, 0.5, 1.0)).open_providers(settings)

    assert {round(one._gap_s, 6) for one in opened.values()} == {3.0}


@pytest.mark.slow
def test_names_of_raters_stay_within_what_a_name_may_have() -> None:
    long = [llm_raters.RaterProfile("m" * 230 + end, personas.PERSONAS[0]).pseudonym for end in "ab"]

    assert len(set(long)) == 2 and all(len(name) == 200 for name in long)
    assert re.fullmatch(
        r"m · none · temperature 0\.5", llm_raters.RaterProfile("m", personas.PERSONAS[0], 0.5).pseudonym
    )


@pytest.mark.slow
def test_a_persona_or_temperature_that_is_named_twice_is_one_rater(server: LlmServer) -> None:
    asked = wanted(server, personas=("teacher", " Teacher"), temperatures=(0.7, 0.7000001))

    assert [who.pseudonym for who in asked.profiles()] == ["rater-a · teacher · temperature 0.7"]
