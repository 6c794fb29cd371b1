"""How subjective each task is, by each measure."""

import pytest

from core.study.records import CampaignKind
from core.subjectivity import levels
from tests.subjectivity.conftest import Sessions


def test_the_scale_gives_the_mean_over_texts_with_an_interval(sessions: Sessions) -> None:
    campaign = sessions.campaign(kind=CampaignKind.SCALE, per_class=2, raters_per_item=2, items_per_rater=4)
    order = sessions.items(campaign)
    for answers in ("1245", "1255"):
        sessions.rate(sessions.rater(campaign), lambda item, given=answers: given[order.index(item.id)])

    with sessions.store() as session:
        assert levels.measures(session, sessions.study) == [levels.Measure.SCALE]
        found = levels.by_task(session, sessions.study, levels.Measure.SCALE).iloc[0]
    # means per text 1, 2, 4.5, 5: mean 3.125, sd 1.931, t(3) = 3.182
    assert found["value"] == pytest.approx(3.125)
    assert found["high"] - found["value"] == pytest.approx(3.182 * 1.9311 / 2, rel=1e-3)
    assert found["n"] == 8
