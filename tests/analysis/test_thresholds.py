"""The threshold curve against hand-computed values and statsmodels' Wilson interval, and its trend."""

import math

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


def test_the_trend_of_a_rising_line_is_perfect() -> None:
    line = pd.DataFrame({"threshold": [0.5, 0.6, 0.7, 0.8], "accuracy": [0.6, 0.7, 0.8, 0.9], "n": [9, 8, 7, 6]})

    found = thresholds.trend(line)

    assert (found.spearman, found.slope, found.r2, found.n) == pytest.approx((1, 1, 1, 4))


def test_the_trend_of_two_points_or_a_flat_curve_is_not_known() -> None:
    flat = thresholds.trend(thresholds.curve(FIVE.assign(correct=True)))

    assert math.isnan(thresholds.trend(thresholds.curve(FIVE, thresholds=[0.5, 1.0])).r2)
    assert (flat.slope, flat.n) == (0, 3)
    assert math.isnan(flat.spearman) and math.isnan(flat.r2)


def test_predictions_without_agreement_are_left_out_and_none_at_all_is_refused() -> None:
    extra = pd.concat([FIVE, pd.DataFrame({"agreement": [np.nan], "correct": [False]})])

    pd.testing.assert_frame_equal(thresholds.curve(extra), thresholds.curve(FIVE))
    with pytest.raises(StudyError, match="needs predictions on rated test samples"):
        thresholds.curve(FIVE.head(0))
    with pytest.raises(StudyError, match="correct is missing"):
        thresholds.curve(FIVE[["agreement"]])


def test_under_five_thresholds_no_trend_is_spoken_of() -> None:
    table = pd.DataFrame({"threshold": [0.5, 0.75, 1.0], "accuracy": [0.7, 0.702, 0.699], "n": [30, 20, 10]})

    assert thresholds.trend_words(table) == "3 thresholds, too few to speak of a trend"


def test_a_constant_accuracy_is_said_and_nan_is_not() -> None:
    table = pd.DataFrame({"threshold": [0.5, 0.6, 0.7, 0.8, 1.0], "accuracy": [0.7] * 5, "n": [30] * 5})

    assert thresholds.trend_words(table) == "the same accuracy at all 5 thresholds"
