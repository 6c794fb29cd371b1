"""Scores against hand-computed values, and the gap of paired seeds."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.errors import StudyError
from core.training import score

TRUTH = ["a", "a", "a", "b", "b", "c"]
PREDICTED = ["a", "a", "b", "b", "a", "b"]
LABELS = ["a", "b", "c"]


def test_macro_f1_is_the_mean_of_the_f1_of_every_label() -> None:
    per_class = score.per_class(TRUTH, PREDICTED, labels=LABELS)

    assert per_class["f1"].tolist() == pytest.approx([2 / 3, 2 / 5, 0], abs=1e-12)
    assert per_class["precision"].tolist() == pytest.approx([2 / 3, 1 / 3, 0], abs=1e-12)
    assert per_class["recall"].tolist() == pytest.approx([2 / 3, 1 / 2, 0], abs=1e-12)
    assert per_class["n"].tolist() == [3, 2, 1]
    assert score.macro_f1(TRUTH, PREDICTED, labels=LABELS) == pytest.approx((2 / 3 + 2 / 5) / 3, abs=1e-12)
    assert score.accuracy(TRUTH, PREDICTED) == pytest.approx(0.5)


def test_a_label_that_occurs_nowhere_counts_as_0() -> None:
    assert score.macro_f1(["a", "b"], ["a", "b"], labels=["a", "b"]) == 1
    assert score.macro_f1(["a", "b"], ["a", "b"], labels=["a", "b", "c"]) == pytest.approx(2 / 3)


def test_scores_take_columns_of_a_frame() -> None:
    frame = pd.DataFrame({"truth": TRUTH, "predicted": PREDICTED})

    assert score.accuracy(frame["truth"], frame["predicted"]) == pytest.approx(0.5)
    assert score.macro_f1(frame["truth"], frame["predicted"], labels=LABELS) == pytest.approx((2 / 3 + 2 / 5) / 3)


@given(st.lists(st.sampled_from(LABELS), min_size=1, max_size=30))
def test_predictions_that_are_the_truth_score_1(truth: list[str]) -> None:
    assert score.accuracy(truth, truth) == 1
    assert score.macro_f1(truth, truth, labels=sorted(set(truth))) == 1


def test_no_predictions_unequal_lengths_and_unknown_labels_are_refused() -> None:
    with pytest.raises(StudyError, match="one prediction per test sample; found 0 for 0"):
        score.accuracy([], [])
    with pytest.raises(StudyError, match="found 1 for 2"):
        score.macro_f1(["a", "b"], ["a"], labels=LABELS)
    with pytest.raises(StudyError, match="The labels are a, b, c; found 'd'"):
        score.macro_f1(["a"], ["d"], labels=LABELS)


def test_the_gap_is_over_the_seeds_both_arms_have_with_a_paired_t_interval() -> None:
    real, synthetic = {0: 0.9, 1: 0.8, 2: 0.85, 7: 0.1}, {2: 0.80, 1: 0.70, 0: 0.75, 9: 0.9}

    found = score.gap(real, synthetic)

    expected = stats.ttest_rel([0.9, 0.8, 0.85], [0.75, 0.70, 0.80]).confidence_interval(0.95)
    assert found.value == pytest.approx(0.1, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-10)
    assert found.n == 3


def test_two_seeds_give_a_gap_without_an_interval_and_none_is_refused() -> None:
    found = score.gap({0: 0.9, 1: 0.8}, {0: 0.8, 1: 0.8})

    assert (found.value, found.n) == (pytest.approx(0.05), 2)
    assert math.isnan(found.low) and math.isnan(found.high)
    with pytest.raises(StudyError, match="needs a seed that both arms have"):
        score.gap({0: 0.9}, {1: 0.8})
