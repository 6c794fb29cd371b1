"""Classes of two arms: F1 per label with the interval of a gap, and confusions whose rows are test labels."""

import math

import numpy as np
import pytest
from sklearn import metrics

from core.analysis.arms import classes
from core.analysis.inference import comparisons, gaps
from core.errors import StudyError
from tests.analysis.arms.runs_of_arms import LABELS, trained_arm

REAL, OTHER = trained_arm("real"), trained_arm("zero-shot", right=0.7)


def test_f1_per_class_is_that_of_scikit_learn_with_the_interval_of_a_gap() -> None:
    found = classes.by_class(REAL, OTHER, LABELS)

    for row, own in zip(found.to_dict("records"), LABELS, strict=True):
        real, other = (
            float(np.mean([metrics.f1_score(arm.truth == own, seed == own) for seed in arm.predicted]))
            for arm in (REAL, OTHER)
        )
        gap = gaps.gap(*(gaps.class_f1(arm.truth, arm.predicted, own=own) for arm in (REAL, OTHER)))
        assert (row["score_base"], row["score_arm"], row["lost"]) == pytest.approx((real, other, real - other))
        assert (row["low"], row["high"], row["n_class"], row["note"]) == (gap.low, gap.high, 100, "")
    assert list(found["p_adjusted"]) == comparisons.adjusted(list(found["p"]))


def test_a_label_without_test_texts_has_no_number_and_says_so() -> None:
    found = classes.of_pair(REAL, OTHER, LABELS | {3: "maybe"})

    row = found.by_class.iloc[2]
    assert math.isnan(row["lost"]) and row["note"] == "No test text has this label, so its F1 is undefined."
    assert "maybe" not in set(found.cells["label"]) and np.isnan(found.arm.shares[2]).all()
    assert "nan" not in classes.class_sentence(found) + classes.cell_sentence(found)


def test_confusions_count_answers_by_test_label_in_the_mean_over_seeds() -> None:
    found = classes.confusion(OTHER, LABELS)

    expected = sum(metrics.confusion_matrix(OTHER.truth, seed, labels=[1, 2]) for seed in OTHER.predicted) / 3
    assert found.counts == pytest.approx(expected)
    assert found.shares.sum(axis=1) == pytest.approx([1, 1])


def test_every_cell_is_the_difference_of_shares_with_the_largest_change_first() -> None:
    found = classes.of_pair(REAL, OTHER, LABELS)

    shares = found.arm.shares - found.base.shares
    names = list(LABELS.values())
    for row in found.cells.itertuples():
        assert row.more == pytest.approx(shares[names.index(row.label), names.index(row.predicted)])
        assert row.low < row.more < row.high
    assert found.cells["more"].abs().is_monotonic_decreasing
    assert classes.cell_sentence(found).startswith("zero-shot calls")


def test_an_arm_that_answers_one_label_to_every_text_is_described() -> None:
    same = trained_arm("zero-shot", predicted=np.ones((3, 200), dtype=int))

    found = classes.of_pair(REAL, same, LABELS)

    assert found.by_class["score_arm"].tolist() == pytest.approx([2 / 3, 0])
    assert found.cells["share_arm"].max() == 1.0
    assert "largest loss of F1 on 'no', +0.8" in classes.class_sentence(found)
    assert "calls 100 % of the 100 texts of 'no' 'yes'" in classes.cell_sentence(found)


def test_no_class_is_compared_where_nothing_was_learned() -> None:
    dull = trained_arm("real", right=0.5)

    found = classes.of_pair(dull, OTHER, LABELS)

    assert found.by_class["p"].isna().all()
    assert classes.class_sentence(found).startswith("zero-shot against real: The real arm is no better than chance")


def test_two_arms_alike_have_no_wrong_answer_that_grows() -> None:
    twin = trained_arm("zero-shot", predicted=REAL.predicted)

    assert "mistakes no label for another more often" in classes.cell_sentence(classes.of_pair(REAL, twin, LABELS))


def test_arms_with_other_test_texts_are_refused() -> None:
    with pytest.raises(StudyError, match="tested on other texts"):
        classes.of_pair(REAL, trained_arm("zero-shot", texts=100), LABELS)
