"""Differences of arms: real against each arm first, one family of tests, and no claim where nothing was learned."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.analysis.arms import differences, sentences, trained
from core.analysis.arms.differences import Difference
from core.analysis.arms.trained import TrainedArm
from core.analysis.inference import comparisons, gaps
from core.analysis.points import Metric
from core.errors import StudyError
from tests.analysis.arms.runs_of_arms import study_of, trained_arm


def between(*arms: TrainedArm, margin: float = 0.02) -> list[Difference]:
    chosen = trained.comparable(study_of(*arms), "t")
    return differences.between(chosen, metric=Metric.ACCURACY, margin=margin)


def test_every_pair_is_compared_once_and_the_family_is_adjusted() -> None:
    arms = [trained_arm("zero-shot", right=0.7), trained_arm("real"), trained_arm("few-shot", right=0.8)]

    found = between(*arms)

    assert [(one.arm, one.base) for one in found] == [
        ("zero-shot", "real"), ("few-shot", "real"), ("few-shot", "zero-shot"),
    ]  # fmt: skip
    assert [one.p_adjusted for one in found] == comparisons.adjusted([one.p for one in found])
    expected = gaps.gap(arms[1].scored(Metric.ACCURACY), arms[0].scored(Metric.ACCURACY))
    assert found[0].gap == expected and found[2].gap.value < 0


def test_one_base_makes_a_smaller_family_and_may_be_any_arm() -> None:
    chosen = trained.comparable(
        study_of(trained_arm("real"), trained_arm("zero-shot", right=0.7), trained_arm("few-shot")), "t"
    )

    found = differences.between(chosen, metric=Metric.ACCURACY, base="zero-shot")

    assert [(one.arm, one.base) for one in found] == [("real", "zero-shot"), ("few-shot", "zero-shot")]
    assert "real gains" in sentences.difference(found[0])
    with pytest.raises(StudyError, match="no arm 'mixed' to compare with among real, zero-shot"):
        differences.between(chosen, metric=Metric.ACCURACY, base="mixed")


@pytest.mark.parametrize(
    ("arms", "said"),
    [
        ([{"right": 0.5}, {"right": 0.8}], "The real arm is no better than chance"),
        ([{}, {"right": 0.5}], "zero-shot loses"),
        ([{"seeds": 2}, {"seeds": 2}], "without an interval. An interval needs 3 seeds in each arm; there are 2 and 2."),
        ([{"seeds": 1}, {"seeds": 1, "right": 0.6}], "McNemar's exact test of these two trainings alone: p < 0.001"),
        ([{"texts": 2000}, {"texts": 2000, "right": 0.6}], "Worse than real by more than 2 points (90 % interval"),
        ([{"right": 0.6, "texts": 2000}, {"texts": 2000}], "Better than real by more than 2 points (90 % interval [2"),
        ([{"right": 0.86}, {"right": 0.82, "texts": 200}], "settle it"),
        ([{"right": 1.0, "texts": 400}, {"right": 1.0, "texts": 400}], "As good as real within 2 points (95 % interval"),
        ([{"right": 1.0, "texts": 60}, {"right": 1.0, "texts": 60}], "about 160 test texts and 3 seeds would settle"),
    ],
)  # fmt: skip
def test_each_difference_is_said_in_words(arms: list[dict[str, Any]], said: str) -> None:
    real, other = arms
    found = between(trained_arm("real", **real), trained_arm("zero-shot", **other))[0]

    words = sentences.difference(found)

    assert said in words and "nan" not in words and "no difference" not in words.replace("no difference from", "")


def test_as_good_as_real_is_claimed_from_the_ninety_percent_interval() -> None:
    real = trained_arm("real", right=0.9, texts=4000, seeds=6)
    flipped = real.predicted.copy()
    flipped[:, :20] = 3 - flipped[:, :20]
    twin = trained_arm("zero-shot", texts=4000, seeds=6, predicted=flipped)

    close, wide = between(real, twin)[0], between(real, twin, margin=0.3)[0]

    assert close.equivalence.is_equivalent == (max(-close.equivalence.low, close.equivalence.high) < 0.02)
    assert "As good as real within 30 points" in sentences.difference(wide) and wide.settled_by is None


def test_two_arms_that_learned_nothing_are_never_called_equal() -> None:
    found = between(trained_arm("real"), trained_arm("few-shot", right=0.5), trained_arm("zero-shot", right=0.5))

    both = found[2]
    assert both.withheld == "Neither arm is better than chance, so their difference means nothing."
    assert math.isnan(both.p) and math.isnan(both.p_adjusted) and both.settled_by is None
    assert "As good" not in sentences.difference(both)


def test_mcnemar_needs_one_seed_in_each_arm() -> None:
    one, three = trained_arm("real", seeds=1), trained_arm("zero-shot", right=0.6)

    assert math.isnan(between(one, three)[0].mcnemar_p)
    single = trained_arm("zero-shot", seeds=1, right=0.6)
    expected = comparisons.single_texts(one.predicted[0] == one.truth, single.predicted[0] == single.truth)
    assert between(one, single)[0].mcnemar_p == expected


def over(arms: list[TrainedArm], **asked: Any) -> list[differences.OverTasks]:
    return differences.over_tasks(study_of(*arms), encoder="minilm", metric=Metric.ACCURACY, **asked)


def test_arms_are_compared_over_tasks_with_paule_mandel_and_knapp_hartung() -> None:
    arms = [
        trained_arm(arm, right=right - 0.05 * number * (arm != "real"), task=f"t{number}")
        for number in range(4)
        for arm, right in (("real", 0.9), ("zero-shot", 0.85))
    ]
    found = over(arms)[0]

    by_task = [
        differences.between(trained.comparable(study_of(*arms), f"t{number}"), metric=Metric.ACCURACY,
                            spread=trained.shared_spread(study_of(*arms), Metric.ACCURACY))[0]
        for number in range(4)
    ]  # fmt: skip
    expected = comparisons.pooled([one.gap.value for one in by_task], [one.gap.se for one in by_task])
    assert found.pooled == expected and found.left_out == ()
    assert f"Over 4 tasks: zero-shot loses {100 * expected.value:.0f} points" in sentences.over_tasks(found)


def test_a_task_whose_real_arm_learned_nothing_is_left_out_and_named() -> None:
    arms = [
        trained_arm(arm, right=0.5 if task == "dull" else right, task=task)
        for task in ("a", "b", "dull")
        for arm, right in (("real", 0.9), ("zero-shot", 0.8 - 0.04 * (task == "a")))
    ]

    found = over(arms)

    assert found[0].pooled.n_tasks == 2 and found[0].left_out == ("dull",)
    assert differences.task_table(found)["note"].tolist() == ["Left out: dull."]


def test_one_task_has_no_difference_over_tasks_and_names_restrict_the_family() -> None:
    arms = [
        trained_arm(arm, right=right, task=task)
        for task, worse in (("a", 0.0), ("b", 0.04))
        for arm, right in (("real", 0.9), ("zero-shot", 0.8 - worse), ("few-shot", 0.85 - worse))
    ]

    assert over([arm for arm in arms if arm.task == "a"]) == []
    restricted = over(arms, names=["real", "zero-shot"])
    assert [(row.arm, row.base) for row in over(arms, base="few-shot")] == [
        ("real", "few-shot"),
        ("zero-shot", "few-shot"),
    ]
    assert over(arms, base="mixed") == []
    assert len(over(arms)) == 3 and len(restricted) == 1 and restricted[0].p_adjusted == restricted[0].pooled.p


def test_tasks_with_equal_differences_have_no_interval() -> None:
    arms = [
        trained_arm(arm, right=right, task=task) for task in "ab" for arm, right in (("real", 0.9), ("zero-shot", 0.8))
    ]

    assert "the same on every task, so there is no interval" in sentences.over_tasks(over(arms)[0])


@pytest.mark.parametrize("margin", [0.0, -0.1, 1.0, math.nan])
def test_a_margin_outside_the_scale_is_refused(margin: float) -> None:
    with pytest.raises(StudyError, match="such as 0.02 for 2 points"):
        between(trained_arm("real"), trained_arm("zero-shot"), margin=margin)


def test_one_arm_alone_has_no_difference_and_an_empty_table() -> None:
    assert between(trained_arm("real")) == []
    assert list(differences.table([]).columns) == differences.COLUMNS
    assert np.array_equal(differences.table(between(trained_arm("real"), trained_arm("zero-shot")))["n_test"], [200])


def test_a_real_arm_that_does_not_beat_the_commonest_label_gives_no_difference() -> None:
    few = np.array([1] * 8 + [2] * 72)
    real, made = (skewed(arm, few, hits) for arm, hits in (("real", 0.85), ("zero-shot", 0.85)))

    [found] = between(real, made, margin=0.3)

    assert found.withheld == (
        "The real arm is not shown to beat always the commonest label, so a difference from it means nothing."
    )
    assert "As good" not in sentences.difference(found)


def skewed(arm: str, truth: Any, right: float) -> TrainedArm:
    """An arm tested on texts of which nine in ten have one label, right on a share of each label's texts."""
    rng = np.random.default_rng(len(arm))
    predicted = np.where(rng.random((3, len(truth))) < right, truth, 3 - truth)
    return replace(trained_arm(arm), texts=np.arange(len(truth)), truth=truth, predicted=predicted)


def test_a_pair_of_arms_is_one_row_in_whatever_order_tasks_made_them() -> None:
    orders = {"a": ("zero-shot", "few-shot"), "b": ("few-shot", "zero-shot"), "c": ("few-shot", "zero-shot")}
    right = {"zero-shot": 0.7, "few-shot": 0.85}
    arms = [
        trained_arm(arm, right=right.get(arm, 0.95) - 0.02 * (task == "b"), task=task)
        for task, order in orders.items()
        for arm in ("real", *order)
    ]
    alike = sorted(arms, key=lambda arm: (arm.task, arm.arm != "real", arm.arm != "zero-shot"))

    found, expected = over(arms), over(alike)

    assert [(row.arm, row.base) for row in found] == [
        ("zero-shot", "real"), ("few-shot", "real"), ("few-shot", "zero-shot"),
    ]  # fmt: skip
    assert found[-1].pooled.value == pytest.approx(expected[-1].pooled.value) and found[-1].pooled.value < 0
    assert found[-1].pooled.n_tasks == 3 and found[-1].p_adjusted == pytest.approx(expected[-1].p_adjusted)
    assert found[-1].equivalence.high == pytest.approx(expected[-1].equivalence.high)
