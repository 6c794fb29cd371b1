"""Rules that warn about raters or exclude them, and the effect of exclusion on statistics."""

import pytest

from core.study.rows.kinds import ItemRole, RaterKind, RaterState
from core.subjectivity import ratings
from core.subjectivity.sessions import answers, assignment, conduct
from core.subjectivity.sessions.conduct import Given
from core.subjectivity.sessions.protocol import Action, Protocol, Rules
from tests.subjectivity.conftest import Sessions

ALL_EXCLUDE = Rules(
    attention=Action.EXCLUDE, gold=Action.EXCLUDE, speed=Action.EXCLUDE, straight=Action.EXCLUDE, straight_line=5
)


def given(answer: str = "yes", role: ItemRole = ItemRole.ITEM, *, right: bool | None = None, ms: int = 3000) -> Given:
    return Given(answer, role, right, ms)


def of_role(role: ItemRole, *rights: bool) -> list[Given]:
    return [given(role=role, right=right) for right in rights]


VARIED = [given("yes"), given("no"), given("yes"), given("no")]


@pytest.mark.parametrize(
    ("given_answers", "reason"),
    [
        (of_role(ItemRole.ATTENTION, False, True, False), "missed 2 attention checks"),
        (of_role(ItemRole.GOLD, True, False, False), "1 of 3 gold items right"),
        ([given("yes" if place % 2 else "no", ms=400) for place in range(6)], "0.4 s per item (median)"),
        ([given("yes")] * 5, "the same answer 5 times in a row"),
    ],
)
def test_each_rule_names_what_broke_it(given_answers: list[Given], reason: str) -> None:
    assert conduct.broken(ALL_EXCLUDE, given_answers) == [(Action.EXCLUDE, reason)]


@pytest.mark.parametrize(
    "given_answers",
    [
        VARIED,
        of_role(ItemRole.ATTENTION, False, True),
        of_role(ItemRole.GOLD, False, False),
        [given("yes", ms=10)] * 4,
        [given("yes")] * 4 + [given("no")] + [given("yes")] * 4,
        [],
    ],
)
def test_a_rule_is_not_broken_before_its_number_is_reached(given_answers: list[Given]) -> None:
    assert conduct.broken(ALL_EXCLUDE, given_answers) == []


def test_a_rule_without_action_is_none() -> None:
    rules = Rules(attention=Action.NOTHING)

    assert conduct.broken(rules, of_role(ItemRole.ATTENTION, False, False)) == []


def test_missing_two_checks_ends_the_session_and_takes_the_answers_out_of_the_statistics(sessions: Sessions) -> None:
    campaign = sessions.campaign(items_per_rater=15, protocol=Protocol(attention_every=3))
    rater = sessions.rater(campaign)

    seen = sessions.rate(rater, lambda item: "yes" if item.expected != "yes" else "no")

    after = sessions.again(rater)
    assert after.state == RaterState.FAILED_CHECK
    assert after.excluded_because == "missed 2 attention checks"
    assert [item.role for item in seen].count(ItemRole.ATTENTION) == 2
    with sessions.store() as session:
        raw = answers.of_campaign(session, campaign)
        assert len(raw) == len(seen)
        assert raw["excluded"].all()
        assert answers.counted(session, campaign, kinds=list(RaterKind)).empty
        assert ratings.of_task(session, sessions.task().id, kinds=[RaterKind.PERSON]).empty


def test_a_warning_leaves_the_answers_in(sessions: Sessions) -> None:
    campaign = sessions.campaign(items_per_rater=20)
    rater = sessions.rater(campaign)

    sessions.rate(rater, "yes", takes=0.2)

    assert sessions.again(rater).warned_because == "0.2 s per item (median); the same answer 20 times in a row"
    with sessions.store() as session:
        assert len(answers.counted(session, campaign, kinds=[RaterKind.PERSON])) == 20


def test_what_the_organiser_excludes_can_be_counted_again(sessions: Sessions) -> None:
    campaign = sessions.campaign(items_per_rater=2)
    rater = sessions.rater(campaign)
    sessions.rate(rater, "yes")

    with sessions.store.write() as session:
        conduct.exclude(session, rater_id=rater.id, because=" ", now=4)
    with sessions.store() as session:
        assert answers.counted(session, campaign, kinds=list(RaterKind)).empty
    assert sessions.again(rater).excluded_because == "by the organiser"
    with sessions.store.write() as session:
        conduct.include(session, rater_id=rater.id)

    with sessions.store() as session:
        assert len(answers.counted(session, campaign, kinds=list(RaterKind))) == 2


def test_checks_and_gold_items_count_in_no_statistic(sessions: Sessions) -> None:
    rules = Protocol(attention_every=5, gold_per_rater=2)
    campaign = sessions.campaign(items_per_rater=10, protocol=rules)
    rater = sessions.rater(campaign)

    sessions.rate(rater, lambda item: item.expected or "yes")

    with sessions.store() as session:
        assert len(answers.of_campaign(session, campaign)) == 14
        assert len(answers.counted(session, campaign, kinds=[RaterKind.PERSON])) == 10
        assert len(ratings.of_task(session, sessions.task().id, kinds=[RaterKind.PERSON])) == 10


@pytest.mark.parametrize(("skips", "reasons"), [(4, []), (5, ["skipped 5 of 9 items"])])
def test_skipping_more_than_the_share_breaks_a_rule(skips: int, reasons: list[str]) -> None:
    rules = Rules(skip_share=0.5)

    assert [reason for _, reason in conduct.broken(rules, VARIED, skips=skips)] == reasons


def test_skipping_everything_ends_the_session_where_the_rule_excludes(sessions: Sessions) -> None:
    rules = Protocol(may_skip=True, rules=Rules(skips=Action.EXCLUDE))
    rater = sessions.rater(sessions.campaign(items_per_rater=20, protocol=rules))

    skipped = 0
    while (item := sessions.shown(rater)) is not None:
        with sessions.store.write() as session:
            assignment.skip(session, rater_id=rater.id, item_id=item.id, reason=rules.skip_reasons[0], now=1)
        skipped += 1

    assert skipped == 5
    assert sessions.again(rater).state == RaterState.FAILED_CHECK
    assert sessions.again(rater).excluded_because == "skipped 5 of 5 items"
