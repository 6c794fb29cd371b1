"""Progress of a campaign: raters at work, speed, missing answers, each rater's work, and the effort of a plan."""

import math
import random
import re
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import tasks
from core.study.exchange import importing, tables
from core.study.rows.kinds import CampaignKind, ItemRole, RaterKind, RaterState
from core.study.rows.sessions import Campaign, Item, Rater, Rating
from core.study.rows.study import Task
from core.study.store import Store
from core.subjectivity import results
from core.subjectivity.sessions import assignment, campaigns, conduct, effort, enrolment, live, roster, standing
from core.subjectivity.sessions.campaigns import Plan
from core.subjectivity.sessions.protocol import Protocol
from core.subjectivity.statistics import agreement

NOW = 1_000_000.0


@pytest.fixture
def task(store: Store, tmp_path: Path) -> Task:
    """A task with twenty real test texts (half of each label), twenty training texts, and four synthetic texts."""
    rows = [f"text number {n},{'yes' if n % 2 else 'no'},{'test' if n % 4 > 1 else 'train'}" for n in range(40)]
    real, made = tmp_path / "real.csv", tmp_path / "made.csv"
    real.write_text("\n".join(["text,label,split", *rows]))
    made.write_text("\n".join(["text,label", *(f"made {n},{'yes' if n % 2 else 'no'}" for n in range(4))]))
    with store.write() as session:
        study = tasks.study_named(session, "s")
        task = tasks.make_task(session, study_id=study.id, name="t", question="?", labels={"yes": "", "no": ""})
        for arm, path in (("real", real), ("zero-shot", made)):
            own = tasks.make_arm(session, task_id=task.id, name=arm)
            importing.bring_in(session, task=task, arm=own, table=tables.read(path), options=importing.Options())
        return task


def made(session: Session, task: Task, **given: object) -> Campaign:
    plan = Plan(**{"name": "c", "task": task, "per_class": 2, "items_per_rater": 4, "raters_per_item": 2, **given})
    return campaigns.make(session, study_id=task.study_id, plan=plan)


def rated(session: Session, campaign: Campaign, n: int, *, answer: str = "yes", now: float = NOW) -> Rater:
    """Enrol a rater who gives the same answer to `n` items, one per second."""
    rater = enrolment.join(session, campaign, now=now)
    for second in range(1, n + 1):
        item = assignment.next_item(session, rater_id=rater.id, now=now + second, rng=random.Random(second))
        assert item is not None
        said = item.expected or answer
        assignment.record(session, rater_id=rater.id, item_id=item.id, answer=said, now=now + second + 1)
    return rater


def test_a_campaign_without_raters_stands_at_zero_of_what_is_wanted(store: Store, task: Task) -> None:
    with store.write() as session:
        found = standing.of(session, made(session, task), now=NOW)

    assert found.sentence == "0 of 8 answers · 0 raters"
    assert math.isnan(found.live.seconds_left)


def test_the_sentence_has_n_and_the_interval_of_alpha(store: Store, task: Task) -> None:
    with store.write() as session:
        campaign = made(session, task, per_class=10, items_per_rater=20)
        rated(session, campaign, 20)
        other = rated(session, campaign, 20)
        changed = session.scalars(select(Rating).where(Rating.rater_id == other.id)).all()[::2]
        for rating in changed:
            rating.label = "no"
        session.flush()
        found = standing.of(session, campaign, now=NOW + 3600)

    assert found.sentence.startswith("40 of 40 answers · 2 raters · Krippendorff's alpha -0.3")
    assert found.sentence.endswith("]")


def test_raters_are_active_until_the_idle_time_has_passed(store: Store, task: Task) -> None:
    with store.write() as session:
        campaign = made(session, task, protocol=Protocol(idle_minutes=10))
        rated(session, campaign, 1)
        soon, late = (live.of(session, campaign, now=NOW + seconds).raters for seconds in (500, 700))

    assert (soon.active, soon.idle) == (1, 0)
    assert (late.active, late.idle) == (0, 1)


def test_everybody_who_came_is_counted_once(store: Store, task: Task) -> None:
    with store.write() as session:
        campaign = made(session, task)
        done, left, out, excluded = (rated(session, campaign, 1) for _ in range(4))
        done.state, left.state, out.state = RaterState.DONE, RaterState.LEFT, RaterState.SCREENED_OUT
        conduct.exclude(session, rater_id=excluded.id, because="asked to", now=NOW)
        session.flush()
        found = live.of(session, campaign, now=NOW).raters

    assert (found.done, found.left, found.turned_away, found.excluded, found.total) == (1, 1, 1, 1, 4)


def test_what_is_missing_does_not_count_answers_beyond_the_raters_an_item_needs(store: Store, task: Task) -> None:
    with store.write() as session:
        campaign = made(session, task, raters_per_item=1)
        item = session.scalars(select(Item).where(Item.campaign_id == campaign.id)).first()
        for _ in range(3):
            rater = enrolment.join(session, campaign, now=NOW)
            session.add(Rating(item_id=item.id, rater_id=rater.id, label="yes", created_at=NOW))
        session.flush()
        found = live.of(session, campaign, now=NOW)

    assert (found.answers, found.missing, found.wanted) == (3, 3, 4)


def test_the_pace_goes_by_the_time_since_the_first_answer_and_no_time_left_is_told_from_a_few(
    store: Store, task: Task
) -> None:
    with store.write() as session:
        campaign = made(session, task)
        rated(session, campaign, 4)
        at_once = live.of(session, campaign, now=NOW + 60)
        later = live.of(session, campaign, now=NOW + 240)

    assert at_once.per_minute == pytest.approx(4) and later.per_minute == pytest.approx(1, rel=0.1)
    assert math.isnan(at_once.seconds_left)
    assert at_once.minutes["answers"].sum() == 4


def test_the_pace_is_that_of_answers_about_items_proper(store: Store, task: Task) -> None:
    with store.write() as session:
        campaign = made(session, task, protocol=Protocol(attention_every=2))
        rated(session, campaign, 6)
        found = live.of(session, campaign, now=NOW + 60)

    assert found.answers == found.minutes["answers"].sum() == 4


@pytest.mark.parametrize(
    ("winners", "words"),
    [
        (["tie"] * 3, r"most subjective: a, 0\.00, not told apart from b"),
        (["left", "right"] * 4, r"most subjective: a, 0\.00 \[-.*\], not told apart from b"),
        (["left"] * 30 + ["right"] * 3, r"most subjective: a, 1\.15 \[0.*\]"),
    ],
)
def test_the_first_of_a_ranking_is_told_with_its_interval_and_whether_it_is_told_apart(
    store: Store, task: Task, winners: list[str], words: str
) -> None:
    rows = [(f"r{n}", "a", "b", winner, None) for n, winner in enumerate(winners)]
    given = pd.DataFrame(rows, columns=["rater_id", "left", "right", "winner", "left_text"])
    with store.write() as session:
        campaign = made(session, task, kind=CampaignKind.COMPARE_ITEMS)

    assert re.fullmatch(words, results.words(given, campaign))


def test_people_who_were_turned_away_or_excluded_are_no_raters_of_the_sentence(store: Store, task: Task) -> None:
    with store.write() as session:
        campaign = made(session, task)
        rated(session, campaign, 2)
        conduct.exclude(session, rater_id=rated(session, campaign, 1).id, because="", now=NOW)
        for _ in range(3):
            enrolment.join(session, campaign, now=NOW, passed_screening=False)
        found = standing.of(session, campaign, now=NOW)

    assert found.sentence.startswith("2 of 8 answers · 1 rater · 3 turned away · 1 excluded")


def test_answers_of_llm_raters_are_no_answers_of_people(store: Store, task: Task) -> None:
    with store.write() as session:
        campaign = made(session, task)
        rated(session, campaign, 2).kind = RaterKind.LLM
        session.flush()
        found = standing.of(session, campaign, now=NOW)

    assert found.live.answers == 0
    assert found.sentence == "0 of 8 answers · 0 raters · 1 LLM rater"


@pytest.mark.parametrize("change", ["answer", "exclusion"])
def test_the_stamp_changes_with_every_answer_and_every_exclusion(store: Store, task: Task, change: str) -> None:
    with store.write() as session:
        campaign = made(session, task)
        rater = rated(session, campaign, 1)
        before = live.stamp(session, campaign)
        if change == "answer":
            rated(session, campaign, 1)
        else:
            conduct.exclude(session, rater_id=rater.id, because="", now=NOW)
            session.flush()

        assert live.stamp(session, campaign) != before


def test_items_say_where_their_text_is_from_and_what_was_answered(store: Store, task: Task) -> None:
    with store.write() as session:
        arms = tuple(arm.id for arm in tasks.arms(session, task.id))
        campaign = made(session, task, arm_ids=arms, items_per_rater=8)
        rated(session, campaign, 8)
        rated(session, campaign, 8, answer="no")
        items = results.by_item(results.given(session, campaign))
        by_arm = results.by_arm(results.given(session, campaign))

    assert set(items["answers"]) == {"1 × no, 1 × yes"}
    assert items.groupby("arm").size().to_dict() == {"real": 4, "zero-shot": 4}
    assert by_arm["n_items"].tolist() == [4, 4]
    assert by_arm["n_same"].tolist() == [0, 0]


def test_majorities_are_compared_with_the_label_the_text_came_with(store: Store, task: Task) -> None:
    with store.write() as session:
        campaign = made(session, task)
        for _ in range(2):
            rated(session, campaign, 4)
        same = results.same_as_intended(results.by_item(results.given(session, campaign)))

    assert (same.value, same.n) == (0.5, 4)
    assert (same.low, same.high) == pytest.approx((0.1500, 0.8500), abs=1e-3)


def test_the_most_and_the_least_agreed_items_are_never_the_same(store: Store, task: Task) -> None:
    with store.write() as session:
        campaign = made(session, task)
        for _ in range(2):
            rated(session, campaign, 4)
        most, least = results.extremes(results.by_item(results.given(session, campaign)), n=3)

    assert len(most) == len(least) == 2
    assert not set(most["item_id"]) & set(least["item_id"])


def test_a_rater_s_row_counts_checks_and_gold_apart(store: Store, task: Task) -> None:
    with store.write() as session:
        campaign = made(session, task, protocol=Protocol(attention_every=2, gold_per_rater=1))
        rated(session, campaign, 7)
        row = roster.of_campaign(session, campaign).iloc[0]

    assert (row["answers"], row["attention"], row["gold"], row["median_s"]) == (4, "2 of 2", "1 of 1", 1.0)


def test_an_excluded_rater_has_a_row_that_says_why(store: Store, task: Task) -> None:
    with store.write() as session:
        campaign = made(session, task)
        rater = rated(session, campaign, 2)
        conduct.exclude(session, rater_id=rater.id, because="answered at random", now=NOW)
        session.flush()
        table = roster.of_campaign(session, campaign)

    assert table["excluded"].tolist() == ["answered at random"]


def test_an_llm_rater_of_an_imported_campaign_has_a_state_of_its_own(store: Store, task: Task) -> None:
    with store.write() as session:
        campaign = made(session, task)
        rated(session, campaign, 1)
        rated(session, campaign, 4).kind = RaterKind.LLM
        campaign.source = "r.csv"
        session.flush()
        table = roster.of_campaign(session, campaign)

    assert table["state"].tolist() == ["from a file", RaterState.RATING]


def test_panel_ids_are_in_no_other_table(store: Store, task: Task) -> None:
    with store.write() as session:
        campaign = made(session, task)
        rated(session, campaign, 1).panel_id = "5f43aa0bc9"
        session.flush()
        table, people = roster.of_campaign(session, campaign), roster.panel(session, campaign)

    assert people["panel_id"].tolist() == ["5f43aa0bc9"]
    assert "5f43aa0bc9" not in table.to_csv()


def test_the_effort_of_a_plan_is_what_the_campaign_then_asks_for(store: Store, task: Task) -> None:
    plan = Plan(
        name="c", task=task, per_class=5, raters_per_item=3, items_per_rater=4, protocol=Protocol(attention_every=2)
    )
    with store.write() as session:
        found = effort.of_plan(session, study_id=task.study_id, plan=plan)
        campaign = campaigns.make(session, study_id=task.study_id, plan=plan)
        wanted = live.of(session, campaign, now=NOW).wanted
        checks = session.scalars(select(Item).where(Item.role == ItemRole.ATTENTION)).all()

    assert (found.items, found.answers, found.checks) == (10, wanted, len(checks))
    assert (found.raters, found.invited) == (8, 9)


@pytest.mark.slow
def test_a_campaign_of_few_items_has_no_more_checks_than_its_items_ask_for(store: Store, task: Task) -> None:
    rules = Protocol(attention_every=2)
    plan = Plan(name="c", task=task, per_class=2, raters_per_item=1, items_per_rater=20, protocol=rules)
    with store.write() as session:
        found = effort.of_plan(session, study_id=task.study_id, plan=plan)
        campaign = campaigns.make(session, study_id=task.study_id, plan=plan)
        rater = rated(session, campaign, 6)
        ended = assignment.next_item(session, rater_id=rater.id, now=NOW + 9, rng=random.Random(0))
        total = assignment.progress(session, campaign, rater.id).total

    assert (found.per_rater, found.checks, total, ended) == (4, 2, 6, None)


def test_an_item_needs_as_many_raters_however_many_items_each_sees(store: Store, task: Task) -> None:
    plan = Plan(name="c", task=task, per_class=1, raters_per_item=5, items_per_rater=100)
    with store.write() as session:
        found = effort.of_plan(session, study_id=task.study_id, plan=plan)

    assert (found.raters, found.per_rater) == (5, 2)


def test_a_plan_without_texts_is_a_sentence(store: Store, task: Task) -> None:
    with store.write() as session, pytest.raises(StudyError, match="at least two tasks"):
        effort.of_plan(session, study_id=task.study_id, plan=Plan(name="c", kind=CampaignKind.COMPARE))


def test_answers_without_what_is_known_about_them_are_the_same_answers(store: Store, task: Task) -> None:
    with store.write() as session:
        campaign = made(session, task, protocol=Protocol(attention_every=2))
        rated(session, campaign, 6)
        conduct.exclude(session, rater_id=rated(session, campaign, 6).id, because="", now=NOW)
        session.flush()
        full, bare = results.given(session, campaign), results.bare(session, campaign)
        items = results.with_texts(session, results.by_item(bare))

    assert bare[["item_id", "label"]].to_numpy().tolist() == full[["item_id", "label"]].to_numpy().tolist()
    assert items["text"].tolist() == results.by_item(full)["text"].tolist()


def test_alpha_so_far_ends_with_the_alpha_of_all_answers(store: Store, task: Task) -> None:
    with store.write() as session:
        campaign = made(session, task, per_class=5, items_per_rater=10)
        rated(session, campaign, 10)
        rated(session, campaign, 10, answer="no")
        given = results.given(session, campaign)
    found = results.so_far(given)

    assert found["n_ratings"].tolist()[-1] == 20
    assert found["value"].iloc[-1] == pytest.approx(agreement.krippendorff_alpha(given))


def test_a_scale_has_the_mean_of_each_item(store: Store, task: Task) -> None:
    with store.write() as session:
        campaign = made(session, task, kind=CampaignKind.SCALE)
        rated(session, campaign, 4, answer="1")
        rated(session, campaign, 4, answer="4")
        found = results.scale_by_item(results.given(session, campaign))

    assert found["mean"].tolist() == [2.5] * 4
    assert found["sd"].tolist() == pytest.approx([4.5**0.5] * 4)


def test_compared_texts_are_ranked_by_what_they_say(store: Store, task: Task) -> None:
    with store.write() as session:
        campaign = made(session, task, kind=CampaignKind.COMPARE_ITEMS, items_per_rater=10)
        for answer in ("left", "right"):
            rated(session, campaign, 4, answer=answer)
        found = results.strengths(results.given(session, campaign))

    assert found["text"].str.startswith("text number").all()
    assert found["strength"].sum() == pytest.approx(0, abs=1e-9)
