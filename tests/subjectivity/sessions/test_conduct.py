"""Rules that warn about raters or exclude them, and the effect of exclusion on statistics."""

import pytest

from core.study.rows.kinds import ItemRole, RaterKind, RaterState
from core.study.rows.sessions import Campaign, Rater
from core.subjectivity import ratings
from core.subjectivity.sessions import answers, assignment, campaigns, conduct, enrolment, live, protocol, roster
from core.subjectivity.sessions.conduct import Given
from core.subjectivity.sessions.protocol import Action, Protocol, Question, Rules
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
        conduct.include(session, rater_id=rater.id, now=5)

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


def test_only_missed_attention_checks_and_the_comprehension_check_count_as_failed_checks(sessions: Sessions) -> None:
    rater = sessions.rater(sessions.campaign())

    def is_failed(because: str, *, seen: float | None) -> bool:
        rater.state, rater.assigned_at = RaterState.FAILED_CHECK, seen
        rater.excluded_at, rater.excluded_because = (1.0 if because else None), because
        return conduct.failed_checks(rater)

    assert is_failed("", seen=None) and is_failed("skipped 5 of 5 items; missed 2 attention checks", seen=1.0)
    assert not any(is_failed(because, seen=1.0) for because in ("0.1 s per item (median)", "by the organiser"))


STRAIGHT = Protocol(rules=Rules(straight=Action.EXCLUDE, straight_line=5))


def include(sessions: Sessions, rater: Rater) -> Rater:
    with sessions.store.write() as session:
        conduct.include(session, rater_id=rater.id, now=99)
    return sessions.again(rater)


def exclude(sessions: Sessions, rater: Rater) -> Rater:
    with sessions.store.write() as session:
        conduct.exclude(session, rater_id=rater.id, because="in a hurry", now=50)
    return sessions.again(rater)


def code(sessions: Sessions, campaign: Campaign, rater: Rater) -> str:
    with sessions.store() as session:
        return enrolment.ending(session, campaign, session.get_one(Rater, rater.id)).code


def codes(campaign: Campaign) -> protocol.Codes:
    return protocol.of(campaign).codes


def test_who_is_counted_again_after_a_rule_goes_on_to_the_code_of_a_completed_session(sessions: Sessions) -> None:
    campaign = sessions.campaign(items_per_rater=20, protocol=STRAIGHT)
    rater = sessions.rater(campaign)
    assert len(sessions.rate(rater, "yes")) == 5
    assert code(sessions, campaign, rater) == codes(campaign).failed_check

    after = include(sessions, rater)

    assert (after.state, after.finished_at, after.warned_because) == (
        RaterState.RATING,
        None,
        "the same answer 5 times in a row",
    )
    with sessions.store() as session:
        seen = live.of(session, campaign, now=3)
    assert (seen.raters.turned_away, seen.raters.active, seen.answers) == (0, 1, 5)
    assert code(sessions, campaign, rater) == ""
    assert len(sessions.rate(rater, "yes")) == 15
    assert sessions.again(rater).excluded_at is None
    assert sessions.again(rater).warned_because.endswith("the same answer 20 times in a row")
    assert code(sessions, campaign, rater) == codes(campaign).complete


@pytest.mark.parametrize(("items", "is_open"), [(5, True), (20, False)])
def test_who_is_counted_again_with_nothing_left_to_do_is_done(sessions: Sessions, items: int, is_open: bool) -> None:
    campaign = sessions.campaign(items_per_rater=items, protocol=STRAIGHT)
    rater = sessions.rater(campaign)
    sessions.rate(rater, "yes")
    with sessions.store.write() as session:
        campaigns.set_open(session, campaign.id, is_open=is_open)
    assert sessions.again(rater).state == RaterState.FAILED_CHECK

    after = include(sessions, rater)

    assert after.state == RaterState.DONE
    assert after.finished_at == 10
    assert code(sessions, campaign, rater) == codes(campaign).complete


@pytest.mark.parametrize(("is_open", "state"), [(True, RaterState.RATING), (False, RaterState.DONE)])
def test_who_was_excluded_by_hand_in_mid_session_goes_on_or_is_done(
    sessions: Sessions, is_open: bool, state: RaterState
) -> None:
    campaign = sessions.campaign(items_per_rater=4)
    rater = sessions.rater(campaign)
    sessions.rate(rater, "yes", limit=2)
    shown = sessions.shown(rater)
    exclude(sessions, rater)
    with sessions.store.write() as session:
        campaigns.set_open(session, campaign.id, is_open=is_open)

    after = include(sessions, rater)

    assert (after.state, after.excluded_because) == (state, "")
    assert after.assigned_item_id == (shown.id if shown and is_open else None)
    assert code(sessions, campaign, rater) == ("" if is_open else codes(campaign).complete)


def test_the_last_answer_of_a_rater_excluded_by_hand_ends_the_session_once_counted_again(sessions: Sessions) -> None:
    campaign = sessions.campaign(items_per_rater=3)
    rater = sessions.rater(campaign)
    sessions.rate(rater, "yes", limit=2)
    last = sessions.shown(rater)
    exclude(sessions, rater)
    assert last is not None and sessions.answer(rater, last, "no")

    assert include(sessions, rater).state == RaterState.DONE


def test_rules_still_hold_for_a_rater_who_had_broken_none_when_counted_again(sessions: Sessions) -> None:
    rater = sessions.rater(sessions.campaign(items_per_rater=20, protocol=STRAIGHT))
    sessions.rate(rater, "yes", limit=2)
    exclude(sessions, rater)
    include(sessions, rater)

    sessions.rate(rater, "yes")

    assert sessions.again(rater).excluded_because == "the same answer 5 times in a row"


def test_counting_again_does_not_undo_a_failed_comprehension_check(sessions: Sessions) -> None:
    question = Question(text="Which?", options=("this", "that"), answer=0)
    campaign = sessions.campaign(protocol=Protocol(check=(question,), check_tries=1))
    rater = sessions.rater(campaign)
    with sessions.store.write() as session:
        enrolment.check(session, rater_id=rater.id, answers=[1], now=1)
    exclude(sessions, rater)

    assert include(sessions, rater).state == RaterState.FAILED_CHECK


def test_who_stopped_early_and_is_counted_again_may_come_back_as_before(sessions: Sessions) -> None:
    rater = sessions.rater(sessions.campaign(items_per_rater=4))
    sessions.rate(rater, "yes", limit=2)
    with sessions.store.write() as session:
        enrolment.leave(session, rater_id=rater.id, now=8)
    exclude(sessions, rater)

    assert include(sessions, rater).state == RaterState.LEFT


def test_the_list_for_payment_does_not_call_a_rater_excluded_who_counts_again(sessions: Sessions) -> None:
    campaign = sessions.campaign(items_per_rater=20, protocol=STRAIGHT)
    rater = sessions.rater(campaign)
    sessions.rate(rater, "yes")
    with sessions.store.write() as session:
        session.get_one(Rater, rater.id).panel_id = "5f00aa"
    with sessions.store() as session:
        assert roster.panel(session, campaign)["excluded"].tolist() == ["the same answer 5 times in a row"]

    include(sessions, rater)

    with sessions.store() as session:
        people = roster.panel(session, campaign)
    assert people[["state", "answers", "excluded"]].to_numpy().tolist() == [["rating", 5, ""]]
