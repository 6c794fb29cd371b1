"""The subjectivity of tasks by each measure."""

import math

import pytest

from core.study.rows.kinds import CampaignKind
from core.study.rows.sessions import Item
from core.subjectivity import levels, ratings
from core.subjectivity.statistics import agreement
from tests.subjectivity.conftest import Sessions


def test_the_scale_gives_the_mean_over_texts_with_an_interval(sessions: Sessions) -> None:
    campaign = sessions.campaign(kind=CampaignKind.SCALE, per_class=4, raters_per_item=2, items_per_rater=8)
    order = sessions.items(campaign)
    for answers in ("24343243", "24353243"):
        sessions.rate(sessions.rater(campaign), lambda item, given=answers: given[order.index(item.id)])

    with sessions.store() as session:
        assert levels.measures(session, sessions.study) == [levels.Measure.SCALE]
        found = levels.by_task(session, sessions.study, levels.Measure.SCALE).iloc[0]
    # means per text 2, 4, 3, 4.5, 3, 2, 4, 3: mean 3.1875, sd 0.9234, t(7) = 2.3646; both raters are nearly alike
    assert found["value"] == pytest.approx(3.1875)
    assert found["high"] - found["value"] == pytest.approx(2.3646 * 0.9234 / 8**0.5, rel=0.02)
    assert found["n"] == 16


def test_the_interval_of_a_mean_stays_on_the_scale(sessions: Sessions) -> None:
    campaign = sessions.campaign(kind=CampaignKind.SCALE, per_class=1, raters_per_item=2, items_per_rater=2)
    for _ in range(2):
        sessions.rate(sessions.rater(campaign), lambda item: "15"[sessions.items(campaign).index(item.id)])

    with sessions.store() as session:
        found = levels.by_task(session, sessions.study, levels.Measure.SCALE).iloc[0]
    assert (found["low"], found["value"], found["high"]) == (1, 3, 5)


def test_one_rater_says_nothing_of_other_raters(sessions: Sessions) -> None:
    campaign = sessions.campaign(kind=CampaignKind.SCALE, per_class=1, raters_per_item=1, items_per_rater=2)
    sessions.rate(sessions.rater(campaign), lambda item: "15"[sessions.items(campaign).index(item.id)])

    with sessions.store() as session:
        found = levels.by_task(session, sessions.study, levels.Measure.SCALE).iloc[0]
    assert found["value"] == 3 and math.isnan(found["low"])


def test_texts_with_one_and_the_same_mean_have_no_interval(sessions: Sessions) -> None:
    campaign = sessions.campaign(kind=CampaignKind.SCALE, per_class=2, raters_per_item=1, items_per_rater=4)
    sessions.rate(sessions.rater(campaign), "3")

    with sessions.store() as session:
        found = levels.by_task(session, sessions.study, levels.Measure.SCALE).iloc[0]
    assert found["value"] == 3 and math.isnan(found["low"])


@pytest.mark.slow
def test_a_text_in_two_sessions_is_one_text(sessions: Sessions) -> None:
    def given(item: Item, *, shift: int) -> str:
        return "yes" if (int(item.sample_id or 0) + shift) % 3 else "no"

    for shift in (0, 1):
        campaign = sessions.campaign(per_class=4, raters_per_item=2, items_per_rater=8)
        for _ in range(2):
            sessions.rate(sessions.rater(campaign), lambda item, shift=shift: given(item, shift=shift))

    with sessions.store() as session:
        task = sessions.task()
        answers = ratings.by_text(ratings.of_task(session, task.id, kinds=ratings.PEOPLE))
        found = levels.by_task(session, sessions.study, levels.Measure.RATINGS).iloc[0]
    assert answers.groupby("item_id").size().tolist() == [4] * 8
    assert found["value"] == pytest.approx(1 - agreement.krippendorff_alpha(answers))
