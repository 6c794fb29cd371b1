"""Items assigned to raters, and answers stored exactly once."""

import random
import threading
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core.errors import StudyError
from core.study.rows.kinds import CampaignKind, ItemRole, RaterKind, RaterState
from core.study.rows.sessions import Campaign, Comparison, Item, Rating, Skip
from core.subjectivity.sessions import assignment, campaigns, conduct, enrolment
from core.subjectivity.sessions.items import choice
from core.subjectivity.sessions.protocol import Protocol
from tests.subjectivity.conftest import Sessions


def test_a_rater_sees_every_item_once_up_to_the_personal_quota(sessions: Sessions) -> None:
    campaign = sessions.campaign(per_class=10, items_per_rater=7)

    seen = [item.id for item in sessions.rate(sessions.rater(campaign), "yes")]

    assert len(seen) == len(set(seen)) == 7


def test_the_least_rated_items_come_first(sessions: Sessions) -> None:
    campaign = sessions.campaign(per_class=5, items_per_rater=5, raters_per_item=2)

    first, second = ({item.id for item in sessions.rate(sessions.rater(campaign), "yes")} for _ in range(2))

    assert not first & second


def test_an_item_gets_no_more_raters_than_wanted(sessions: Sessions) -> None:
    campaign = sessions.campaign(per_class=2, items_per_rater=4, raters_per_item=2)

    rated = [len(sessions.rate(sessions.rater(campaign), "yes")) for _ in range(4)]

    assert rated == [4, 4, 0, 0]


@pytest.mark.slow
@pytest.mark.parametrize("drawn", [1, 3, 7])
def test_items_that_are_drawn_from_many_all_get_the_raters_wanted_and_no_more(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch, drawn: int
) -> None:
    monkeypatch.setattr(choice, "DRAWN", drawn)
    campaign = sessions.campaign(per_class=10, items_per_rater=10, raters_per_item=3)

    rated = [Counter(item.id for item in sessions.rate(sessions.rater(campaign), "yes")) for _ in range(20)]

    assert max(n for one in rated for n in one.values()) == 1
    assert sorted(sum(rated, Counter[int]()).values()) == [3] * 20


def test_an_item_on_a_screen_is_kept_for_its_rater_until_it_has_lain_idle(sessions: Sessions) -> None:
    campaign = sessions.campaign(per_class=1, raters_per_item=1, protocol=Protocol(idle_minutes=2))
    idle, eager = sessions.rater(campaign), sessions.rater(campaign)
    sessions.shown(idle)

    at_once = sessions.rate(eager, "yes", now=1)
    later = sessions.rate(eager, "yes", now=2 * 60 + 2)

    assert (len(at_once), len(later)) == (1, 1)


def test_answers_of_an_excluded_rater_are_asked_for_again(sessions: Sessions) -> None:
    campaign = sessions.campaign(per_class=2, items_per_rater=4, raters_per_item=1)
    first, second = sessions.rater(campaign), sessions.rater(campaign)
    sessions.rate(first, "yes")
    with sessions.store.write() as session:
        conduct.exclude(session, rater_id=first.id, because="copied", now=1)

    assert len(sessions.rate(second, "no")) == 4


def test_answers_of_a_model_take_no_persons_place(sessions: Sessions) -> None:
    campaign = sessions.campaign(per_class=2, items_per_rater=4, raters_per_item=1)
    sessions.rate(sessions.rater(campaign, kind=RaterKind.LLM), "yes")

    assert len(sessions.rate(sessions.rater(campaign), "no")) == 4


def test_coming_back_shows_the_same_item(sessions: Sessions) -> None:
    rater = sessions.rater(sessions.campaign())

    shown = [sessions.shown(rater, seed=seed) for seed in range(5)]

    assert len({item.id for item in shown if item}) == 1


def test_twenty_clicks_at_once_on_one_item_give_one_rating(sessions: Sessions) -> None:
    rater = sessions.rater(sessions.campaign())
    item = sessions.shown(rater)
    assert item is not None
    stored: list[bool] = []
    threads = [threading.Thread(target=lambda: stored.append(sessions.answer(rater, item, "yes"))) for _ in range(20)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(stored) == [False] * 19 + [True]
    with sessions.store() as session:
        assert session.scalar(select(func.count(Rating.id))) == 1


def test_a_rating_keeps_its_time_and_its_place_in_the_raters_order(sessions: Sessions) -> None:
    rater = sessions.rater(sessions.campaign())

    sessions.rate(rater, "yes", limit=3, takes=2.5)

    with sessions.store() as session:
        found = session.execute(select(Rating.place, Rating.duration_ms).order_by(Rating.id)).all()
    assert found == [(1, 2500), (2, 2500), (3, 2500)]


@pytest.mark.parametrize("kind", list(CampaignKind))
def test_undo_puts_the_last_item_back_on_the_screen(sessions: Sessions, kind: CampaignKind) -> None:
    task = None if kind == CampaignKind.COMPARE else sessions.task()
    rater = sessions.rater(sessions.campaign(kind=kind, task=task))
    answer = {CampaignKind.LABEL: "yes", CampaignKind.SCALE: "4"}.get(kind, "left")
    last = sessions.rate(rater, answer, limit=2)[-1]
    swapped = sessions.again(rater).is_swapped

    with sessions.store.write() as session:
        assert assignment.undo(session, rater_id=rater.id, now=5)

    back = sessions.shown(rater)
    assert back is not None
    assert back.id == last.id
    assert sessions.again(rater).is_swapped == swapped


def test_the_last_answer_can_be_undone_after_the_session_is_done(sessions: Sessions) -> None:
    rater = sessions.rater(sessions.campaign(items_per_rater=2))
    sessions.rate(rater, "yes")
    assert sessions.again(rater).state == RaterState.DONE

    with sessions.store.write() as session:
        assert assignment.undo(session, rater_id=rater.id, now=9)

    assert sessions.shown(rater) is not None
    assert sessions.again(rater).state == RaterState.RATING


def test_nothing_is_undone_where_it_is_not_allowed(sessions: Sessions) -> None:
    rater = sessions.rater(sessions.campaign(protocol=Protocol(may_undo=False)))
    sessions.rate(rater, "yes", limit=1)

    with sessions.store.write() as session:
        assert not assignment.may_undo(session, rater_id=rater.id)
        assert not assignment.undo(session, rater_id=rater.id, now=5)


def test_an_answer_that_is_none_is_refused_and_the_item_stays(sessions: Sessions) -> None:
    rater = sessions.rater(sessions.campaign())
    item = sessions.shown(rater)
    assert item is not None

    with pytest.raises(StudyError, match="Possible answers: yes, no"):
        sessions.answer(rater, item, "perhaps")

    assert sessions.again(rater).assigned_item_id == item.id


def test_a_skipped_item_is_not_shown_again_and_counts_for_no_item(sessions: Sessions) -> None:
    rules = Protocol(may_skip=True)
    campaign = sessions.campaign(per_class=1, items_per_rater=2, raters_per_item=1, protocol=rules)
    rater = sessions.rater(campaign)
    item = sessions.shown(rater)
    assert item is not None

    with sessions.store.write() as session:
        assert assignment.skip(session, rater_id=rater.id, item_id=item.id, reason=rules.skip_reasons[0], now=3)
        assert not assignment.skip(session, rater_id=rater.id, item_id=item.id, reason=rules.skip_reasons[0], now=3)

    assert [other.id for other in sessions.rate(rater, "yes")] != [item.id]
    assert [other.id for other in sessions.rate(sessions.rater(campaign), "yes")] == [item.id]
    with sessions.store() as session:
        assert session.scalars(select(Skip.reason)).all() == [rules.skip_reasons[0]]


@pytest.mark.parametrize(("may_skip", "reason"), [(False, "None of the answers fits"), (True, "because")])
def test_skipping_needs_leave_and_a_reason_that_is_offered(sessions: Sessions, may_skip: bool, reason: str) -> None:
    rater = sessions.rater(sessions.campaign(protocol=Protocol(may_skip=may_skip)))
    item = sessions.shown(rater)
    assert item is not None

    with pytest.raises(StudyError), sessions.store.write() as session:
        assignment.skip(session, rater_id=rater.id, item_id=item.id, reason=reason, now=1)

    assert sessions.again(rater).assigned_item_id == item.id


def test_the_sides_of_a_pair_are_shown_as_often_one_way_as_the_other(sessions: Sessions) -> None:
    campaign = sessions.campaign(kind=CampaignKind.COMPARE, task=None, raters_per_item=20)

    for _ in range(20):
        sessions.rate(sessions.rater(campaign), "left")

    with sessions.store() as session:
        left = Counter(session.scalars(select(Comparison.left_task_id)))
    assert sorted(left.values()) == [10, 10]


def test_a_comparison_of_texts_is_kept_as_it_was_shown(sessions: Sessions) -> None:
    campaign = sessions.campaign(kind=CampaignKind.COMPARE_ITEMS, per_class=3, pairs_per_item=2)
    rater = sessions.rater(campaign)
    item = sessions.shown(rater)
    assert item is not None
    swapped = sessions.again(rater).is_swapped

    sessions.answer(rater, item, "right")

    with sessions.store() as session:
        kept = session.scalars(select(Comparison)).one()
    shown = (item.left_sample_id, item.right_sample_id)[:: -1 if swapped else 1]
    assert (kept.left_sample_id, kept.right_sample_id, kept.winner) == (*shown, "right")


def test_checks_and_gold_items_come_on_top_spread_over_the_session(sessions: Sessions, tmp_path: Path) -> None:
    rules = Protocol(attention_every=5, gold_per_rater=1)
    rater = sessions.rater(sessions.campaign(items_per_rater=15, protocol=rules))
    with sessions.store() as session:
        campaign = sessions.campaign(items_per_rater=15, protocol=rules, name="again")
        total = assignment.progress(session, campaign, rater.id).total

    seen = sessions.rate(rater, lambda item: item.expected or "yes")

    roles = [item.role for item in seen]
    assert Counter(roles) == {ItemRole.ITEM: 15, ItemRole.ATTENTION: 3, ItemRole.GOLD: 1}
    assert roles[0] == ItemRole.ITEM
    assert total == 19
    places = [place for place, role in enumerate(roles) if role != ItemRole.ITEM]
    assert places[-1] - places[0] > 6


def test_a_pair_of_tasks_comes_with_one_check(sessions: Sessions) -> None:
    rules = Protocol(attention_every=5)
    campaign = sessions.campaign(kind=CampaignKind.COMPARE, task=None, protocol=rules)

    seen = sessions.rate(sessions.rater(campaign), lambda item: item.expected or "left")

    assert [item.role for item in seen] == [ItemRole.ITEM, ItemRole.ATTENTION]


def test_an_earlier_campaign_with_more_checks_than_its_items_ask_for_shows_the_number_asked_for(
    sessions: Sessions,
) -> None:
    rules = Protocol(attention_every=5)
    campaign = sessions.campaign(kind=CampaignKind.COMPARE, task=None, protocol=rules)
    with sessions.store.write() as session:
        for place in range(1, 4):
            check = Item(campaign_id=campaign.id, external_id=f"attention-{place}", expected="tie")
            check.role = ItemRole.ATTENTION
            session.add(check)
    rater = sessions.rater(campaign)

    seen = sessions.rate(rater, lambda item: item.expected or "left")

    assert [item.role for item in seen] == [ItemRole.ITEM, ItemRole.ATTENTION]
    assert sessions.again(rater).state == RaterState.DONE


@pytest.mark.slow
def test_every_rater_meets_every_check_whatever_the_quotas() -> None:
    drawn = random.Random(1)
    quotas = [(20, 4, 4), (1, 3, 2), (5, 0, 9), (100, 1, 1), (3, 3, 3)]
    quotas += [(drawn.randint(1, 60), drawn.randint(0, 12), drawn.randint(0, 12)) for _ in range(10)]
    for items, attention, gold in quotas:
        quota = {ItemRole.ITEM: items, ItemRole.ATTENTION: attention, ItemRole.GOLD: gold}
        for rater_id in range(500):
            roles = [choice.role_due(rater_id, quota, place=place) for place in range(sum(quota.values()))]
            assert Counter(roles) == Counter({role: count for role, count in quota.items() if count})
            assert roles[0] == ItemRole.ITEM


@pytest.mark.slow
def test_a_session_with_checks_and_gold_ends_with_its_progress_full(sessions: Sessions) -> None:
    rules = Protocol(attention_every=4, gold_per_rater=3)
    campaign = sessions.campaign(items_per_rater=12, raters_per_item=50, protocol=rules)
    for _ in range(25):
        rater = sessions.rater(campaign)

        sessions.rate(rater, lambda item: item.expected or "yes")

        with sessions.store() as session:
            stored = session.get_one(Campaign, campaign.id)
            at = assignment.progress(session, stored, rater.id)
        assert at.done == at.total == 12 + 2 + 3


def test_checks_added_while_a_rater_is_at_work_are_met_at_the_end(sessions: Sessions) -> None:
    campaign = sessions.campaign(items_per_rater=6, raters_per_item=9, protocol=Protocol(attention_every=2))
    rater = sessions.rater(campaign)
    with sessions.store.write() as session:
        stored = session.get_one(Campaign, campaign.id)
        before = stored.settings
        stored.settings = {**before, "attention_every": 0}
    sessions.rate(rater, "yes", limit=6)
    with sessions.store.write() as session:
        session.get_one(Campaign, campaign.id).settings = before

    later = sessions.rate(rater, lambda item: item.expected or "yes")

    assert [item.role for item in later] == [ItemRole.ATTENTION] * 3


def test_an_attention_check_is_neither_skipped_nor_undone(sessions: Sessions) -> None:
    rules = Protocol(attention_every=1, may_skip=True)
    rater = sessions.rater(sessions.campaign(items_per_rater=3, protocol=rules))
    seen: list[Item] = []
    while not seen or seen[-1].role != ItemRole.ATTENTION:
        item = sessions.shown(rater, seed=len(seen))
        assert item is not None
        if item.role == ItemRole.ATTENTION:
            with pytest.raises(StudyError, match="cannot be skipped"), sessions.store.write() as session:
                assignment.skip(session, rater_id=rater.id, item_id=item.id, reason=rules.skip_reasons[0], now=1)
        sessions.answer(rater, item, item.expected or "yes")
        seen.append(item)

    with sessions.store.write() as session:
        assert not assignment.undo(session, rater_id=rater.id, now=9)


def test_a_closed_campaign_takes_the_answer_on_the_screen_and_shows_no_other_item(sessions: Sessions) -> None:
    campaign = sessions.campaign()
    rater = sessions.rater(campaign)
    item = sessions.shown(rater)
    assert item is not None
    with sessions.store.write() as session:
        campaigns.set_open(session, campaign.id, is_open=False)

    assert sessions.answer(rater, item, "yes")

    assert sessions.shown(rater) is None
    assert sessions.again(rater).state == RaterState.RATING


def test_a_campaign_that_is_opened_again_goes_on_where_it_stopped(sessions: Sessions) -> None:
    campaign = sessions.campaign(items_per_rater=3)
    rater = sessions.rater(campaign)
    sessions.rate(rater, "yes", limit=1)
    for is_open in (False, True):
        with sessions.store.write() as session:
            campaigns.set_open(session, campaign.id, is_open=is_open)
        sessions.rate(rater, "yes")

    assert sessions.again(rater).state == RaterState.DONE


def test_nothing_is_undone_once_a_campaign_is_closed(sessions: Sessions) -> None:
    campaign = sessions.campaign(items_per_rater=2)
    rater = sessions.rater(campaign)
    sessions.rate(rater, "yes")

    with sessions.store.write() as session:
        campaigns.set_open(session, campaign.id, is_open=False)
        assert not assignment.may_undo(session, rater_id=rater.id)
        assert not assignment.undo(session, rater_id=rater.id, now=9)

    assert sessions.again(rater).state == RaterState.DONE


def test_nothing_is_undone_by_someone_who_was_excluded(sessions: Sessions) -> None:
    rater = sessions.rater(sessions.campaign(items_per_rater=2))
    sessions.rate(rater, "yes")

    with sessions.store.write() as session:
        conduct.exclude(session, rater_id=rater.id, because="", now=5)
        assert not assignment.may_undo(session, rater_id=rater.id)
        assert not assignment.undo(session, rater_id=rater.id, now=9)


def test_an_attention_check_is_met_however_often_the_item_before_is_taken_back(sessions: Sessions) -> None:
    rater = sessions.rater(sessions.campaign(items_per_rater=3, protocol=Protocol(attention_every=1)))
    seen: list[str] = []
    for number in range(30):
        item = sessions.shown(rater, seed=number)
        if item is None:
            break
        if item.role == ItemRole.ATTENTION and seen.count(item.role) < 5:
            with sessions.store.write() as session:
                taken_back = assignment.undo(session, rater_id=rater.id, now=number)
            seen.append(item.role)
            if taken_back:
                continue
        sessions.answer(rater, item, item.expected or "yes")

    with sessions.store() as session:
        given = conduct.given(session, session.get_one(Campaign, rater.campaign_id), rater.id)
    assert [answer.role for answer in given].count(ItemRole.ATTENTION) == 3


def test_an_attention_check_is_met_after_leaving_at_it(sessions: Sessions) -> None:
    rater = sessions.rater(sessions.campaign(items_per_rater=3, protocol=Protocol(attention_every=1)))
    while (item := sessions.shown(rater)) is not None and item.role != ItemRole.ATTENTION:
        sessions.answer(rater, item, "yes")

    with sessions.store.write() as session:
        enrolment.leave(session, rater_id=rater.id, now=5)
        enrolment.go_on(session, rater_id=rater.id)

    after = sessions.shown(rater)
    assert after is not None
    assert after.role == ItemRole.ATTENTION


def test_a_clock_that_goes_back_gives_no_negative_time(sessions: Sessions) -> None:
    rater = sessions.rater(sessions.campaign())
    item = sessions.shown(rater, now=1000)
    assert item is not None

    sessions.answer(rater, item, "yes", now=10)

    with sessions.store() as session:
        assert session.scalars(select(Rating.duration_ms)).one() == 0


def test_someone_new_finds_room_until_every_item_has_its_raters(sessions: Sessions) -> None:
    campaign = sessions.campaign(per_class=2, items_per_rater=4, raters_per_item=1)

    def room(now: float) -> bool:
        with sessions.store() as session:
            return choice.has_room(session, session.get_one(Campaign, campaign.id), now=now)

    assert room(0)
    sessions.rate(sessions.rater(campaign), "yes")
    assert not room(10)
