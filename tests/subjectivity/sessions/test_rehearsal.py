"""Rehearsal of a session in memory: the same screens, and no row in the store."""

import random

import pytest
from sqlalchemy import func, select

from core.errors import StudyError
from core.study import trash
from core.study.rows.kinds import CampaignKind, RaterKind
from core.study.rows.sessions import Campaign, Comparison, Item, Rater, Rating
from core.study.store import Store
from core.subjectivity.sessions import answers, assignment, campaigns, enrolment, rehearsal, screens
from tests.subjectivity.conftest import Sessions


@pytest.mark.parametrize("kind", list(CampaignKind))
def test_every_kind_shows_the_same_screens_as_the_session_itself(
    sessions: Sessions, store: Store, kind: CampaignKind
) -> None:
    task = None if kind == CampaignKind.COMPARE else sessions.task()
    campaign = sessions.campaign(kind=kind, task=task, per_class=4)

    with store() as session:
        copy = rehearsal.of(session, campaign)
        items = session.scalars(select(Item).where(Item.campaign_id == campaign.id)).all()
        shown = [screens.of(session, campaign, item) for item in items]
    with copy() as session:
        own = session.get_one(Campaign, campaign.id)
        tried = [screens.of(session, own, session.get_one(Item, item.id)) for item in items]
    copy.close()

    assert tried == shown


def test_answers_stay_in_the_rehearsal(sessions: Sessions, store: Store) -> None:
    campaign = sessions.campaign(per_class=2, items_per_rater=2)
    with store() as session:
        copy = rehearsal.of(session, campaign)

    with copy.write() as session:
        rater = enrolment.join(session, session.get_one(Campaign, campaign.id), now=0)
        while (item := assignment.next_item(session, rater_id=rater.id, now=0, rng=random.Random(0))) is not None:
            assignment.record(session, rater_id=rater.id, item_id=item.id, answer="yes", now=1)

    with copy() as session:
        assert session.scalar(select(func.count(Rating.id))) == 2
    with store() as session:
        assert [session.scalar(select(func.count(row.id))) for row in (Rater, Rating, Comparison)] == [0, 0, 0]
    copy.close()


def test_a_rehearsal_has_no_rater_of_the_session(sessions: Sessions, store: Store) -> None:
    campaign = sessions.campaign(per_class=2)
    sessions.rate(sessions.rater(campaign), "yes", limit=1)

    with store() as session:
        copy = rehearsal.of(session, campaign)

    with copy() as session:
        assert session.scalar(select(func.count(Rater.id))) == 0
        assert campaigns.by_token(session, campaign.token).name == campaign.name
    copy.close()


def test_a_closed_session_can_be_tried_out(sessions: Sessions, store: Store) -> None:
    campaign = sessions.campaign(per_class=2)
    with store.write() as session:
        campaigns.set_open(session, campaign.id, is_open=False)
        copy = rehearsal.of(session, session.get_one(Campaign, campaign.id))

    with copy.write() as session:
        rater = enrolment.join(session, session.get_one(Campaign, campaign.id), now=0)
        assert assignment.next_item(session, rater_id=rater.id, now=0, rng=random.Random(0)) is not None
    copy.close()


def test_a_comparison_of_tasks_is_shown_after_a_task_went_to_the_trash_but_asked_no_more(
    sessions: Sessions, store: Store
) -> None:
    campaign = sessions.campaign(kind=CampaignKind.COMPARE, task=None)
    sessions.rate(sessions.rater(campaign), "left")
    with store.write() as session:
        campaigns.set_open(session, campaign.id, is_open=False)
        trash.put_task(session, sessions.task("hard").id, now=1.0)

    with store() as session:
        copy = rehearsal.of(session, campaign)
        assert answers.counted(session, campaign, kinds=list(RaterKind)).empty
    with copy() as session:
        item = session.scalars(select(Item)).one()
        assert screens.of(session, session.get_one(Campaign, campaign.id), item).parts
    with store.write() as session, pytest.raises(StudyError, match="the task 'hard', which is in the trash"):
        campaigns.set_open(session, campaign.id, is_open=True)
    copy.close()
