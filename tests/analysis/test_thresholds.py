"""The threshold curve against hand-computed values and statsmodels' Wilson interval, and its trend."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from core.analysis import thresholds
from core.errors import StudyError

FIVE = pd.DataFrame({"agreement": [0.5, 2 / 3, 2 / 3, 1.0, 1.0], "correct": [False, False, True, True, True]})


def test_every_threshold_keeps_the_samples_with_at_least_that_agreement() -> None:
    found = thresholds.curve(FIVE)

    assert found["threshold"].tolist() == pytest.approx([0.5, 2 / 3, 1.0], abs=1e-9)
    assert found["n"].tolist() == [5, 4, 2]
    assert found["accuracy"].tolist() == pytest.approx([0.6, 0.75, 1.0], abs=1e-12)


def test_intervals_are_wilsons() -> None:
    found = thresholds.curve(FIVE, thresholds=[0.5])

    assert (found["low"][0], found["high"][0]) == pytest.approx(proportion_confint(3, 5, method="wilson"), abs=1e-12)


def test_a_threshold_above_every_sample_has_no_accuracy() -> None:
    found = thresholds.curve(FIVE.iloc[:3], thresholds=[0.9])

    assert found["n"].tolist() == [0]
    assert found[["accuracy", "low", "high"]].isna().all(axis=None)


def test_several_seeds_of_a_sample_count_as_one_sample() -> None:
    seeds = pd.concat([FIVE.assign(sample_id=range(5), seed=seed) for seed in range(3)])

    found = thresholds.curve(seeds)

    pd.testing.assert_frame_equal(found, thresholds.curve(FIVE))


def test_many_different_agreements_give_21_thresholds() -> None:
    agreement = np.linspace(0.4, 1, 300)

    found = thresholds.curve(pd.DataFrame({"agreement": agreement, "correct": agreement > 0.7}))

    assert len(found) == 21
    assert (found["threshold"].iloc[0], found["threshold"].iloc[-1]) == pytest.approx((0.4, 1.0), abs=1e-9)


def test_predictions_without_agreement_are_left_out_and_none_at_all_is_refused() -> None:
    extra = pd.concat([FIVE, pd.DataFrame({"agreement": [np.nan], "correct": [False]})])

    pd.testing.assert_frame_equal(thresholds.curve(extra), thresholds.curve(FIVE))
    with pytest.raises(StudyError, match="needs predictions on rated test samples"):
        thresholds.curve(FIVE.head(0))
    with pytest.raises(StudyError, match="correct is missing"):
        thresholds.curve(FIVE[["agreement"]])


def test_easier_labels_that_remain_do_not_raise_a_curve_of_known_labels() -> None:
    easy = pd.DataFrame({"label": "a", "agreement": [0.6] * 10 + [1.0] * 90, "correct": True})
    hard = pd.DataFrame({"label": "b", "agreement": [0.6] * 80 + [1.0] * 20, "correct": [True, False] * 50})
    both = pd.concat([easy, hard], ignore_index=True).assign(sample_id=range(200))

    plain, weighted = thresholds.curve(both.drop(columns="label")), thresholds.curve(both)

    assert plain["accuracy"].tolist() == pytest.approx([0.75, 100 / 110], abs=1e-12)
    assert weighted["accuracy"].tolist() == pytest.approx([0.75, 0.75], abs=1e-12)
    effective = 1 / (0.25 / 90 + 0.25 / 20)
    expected = proportion_confint(0.75 * round(effective), round(effective), method="wilson")
    assert tuple(weighted[["low", "high"]].iloc[1]) == pytest.approx(expected, abs=1e-12)
    assert weighted["n"].tolist() == [200, 110]


def test_a_threshold_without_a_text_of_some_label_has_no_accuracy() -> None:
    both = pd.DataFrame(
        {"label": ["a", "b", "a"], "agreement": [0.6, 0.6, 1.0], "correct": True, "sample_id": range(3)}
    )

    found = thresholds.curve(both)

    assert found["n"].tolist() == [3, 1] and found["accuracy"].isna().tolist() == [False, True]
