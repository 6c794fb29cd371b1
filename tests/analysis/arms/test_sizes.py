"""Learning curves and the worth of synthetic texts in real ones: never beyond the sizes that were measured."""

import math
from typing import Any

import numpy as np
import pytest

from core.analysis.arms import sizes
from core.analysis.arms.sizes import Worth
from core.analysis.arms.trained import TrainedArm
from core.analysis.inference import gaps
from core.analysis.points import Metric
from tests.analysis.arms.runs_of_arms import study_of, trained_arm

REAL = ((50, 0.62), (100, 0.7), (200, 0.78), (400, 0.86))


def exact(arm: str, n_train: int, right: float, **changes: Any) -> TrainedArm:
    """An arm whose three runs are right on exactly this share of 1,000 texts."""
    truth = np.tile([1, 2], 500)
    order = np.random.default_rng(n_train + len(arm)).permutation(1000)
    wrong = np.isin(np.arange(1000), order[: round(1000 * (1 - right))])
    predicted = np.tile(np.where(wrong, 3 - truth, truth), (3, 1))
    return trained_arm(arm, texts=1000, n_train=n_train, predicted=predicted, conditions=f"{n_train}", **changes)


def worth(arms: list[TrainedArm]) -> list[Worth]:
    own = sizes.of_task(study_of(*arms), "t", encoder="minilm")
    return sizes.worth(own, metric=Metric.ACCURACY)


def curve() -> list[TrainedArm]:
    return [exact("real", n, right) for n, right in REAL]


def test_a_score_between_two_sizes_is_worth_the_texts_between_them_on_the_logarithm() -> None:
    found = worth([*curve(), exact("zero-shot", 1200, 0.74)])[0]

    assert found.value == pytest.approx(math.sqrt(100 * 200))
    assert 50 < found.low < found.value < found.high < 400
    said = sizes.worth_sentences([found])[0]
    assert said.startswith("1,200 zero-shot texts are worth about 140 [") and "from 50 to 400 real texts" in said


@pytest.mark.parametrize(("right", "said"), [(0.95, "more than 400"), (0.52, "less than 50")])
def test_a_score_outside_the_measured_curve_is_never_extrapolated(right: float, said: str) -> None:
    found = worth([*curve(), exact("zero-shot", 1200, right)])[0]

    assert found.value == (math.inf if right > 0.9 else 0.0)
    assert f"are worth {said}" in sizes.worth_sentences([found])[0]
    assert said in sizes.worth_table([found])["in_real_texts"].iloc[0]


def test_a_curve_that_falls_somewhere_is_smoothed_to_one_that_never_falls() -> None:
    arms = [exact("real", n, right) for n, right in ((50, 0.6), (100, 0.72), (200, 0.68), (400, 0.8))]

    level = worth([*arms, exact("zero-shot", 300, 0.7)])[0]
    beyond = worth([*arms, exact("zero-shot", 300, 0.75)])[0]

    assert level.value == pytest.approx(100, rel=0.1) and beyond.value == pytest.approx(math.sqrt(200 * 400), rel=0.1)


@pytest.mark.parametrize(
    ("arms", "said"),
    [
        ([exact("real", 100, 0.8)], "it has runs on 100 texts only. Train a learning curve"),
        ([], "it has no finished run"),
        ([exact("real", n, 0.5) for n in (50, 100)], "no better than chance at any size"),
    ],
)
def test_without_a_curve_of_real_texts_nothing_is_worth_a_number(arms: list[TrainedArm], said: str) -> None:
    found = worth([*arms, exact("zero-shot", 100, 0.7), exact("few-shot", 100, 0.7)])

    assert all(math.isnan(one.value) for one in found)
    sentences = sizes.worth_sentences(found)
    assert len(sentences) == 1 and said in sentences[0]
    assert sizes.worth_table(found)["in_real_texts"].tolist() == ["", ""]


def test_one_seed_gives_a_worth_without_an_interval() -> None:
    arms = [trained_arm("real", texts=1000, seeds=1, n_train=n, right=right, conditions=f"{n}") for n, right in REAL]

    found = worth([*arms, trained_arm("zero-shot", texts=1000, seeds=1, right=0.74)])[0]

    assert 50 < found.value < 400 and math.isnan(found.low)
    assert "An interval needs 3 seeds in each arm; there are 1." in sizes.worth_sentences([found])[0]


def test_a_study_without_synthetic_arms_has_curves_and_no_worth() -> None:
    arms = curve()

    table = sizes.curves(arms, metric=Metric.ACCURACY)

    assert worth(arms) == [] and sizes.worth_sentences([]) == []
    assert table["n_train"].tolist() == [50, 100, 200, 400]
    assert table["value"].tolist() == pytest.approx([right for _, right in REAL])
    expected = gaps.mean_score(arms[0].scored(Metric.ACCURACY))
    assert (table["low"].iloc[0], table["high"].iloc[0]) == (expected.low, expected.high)


def test_of_several_runs_on_as_many_texts_the_newest_count_and_other_test_texts_do_not() -> None:
    arms = [
        trained_arm("real", newest=1), trained_arm("real", newest=5, conditions="b"), trained_arm("real", texts=100),
        trained_arm("zero-shot"),
    ]  # fmt: skip

    found = sizes.of_task(study_of(*arms), "t", encoder="minilm")

    assert [(arm.arm, arm.newest) for arm in found] == [("real", 5), ("zero-shot", 1)]
    assert sizes.of_task(study_of(), "t", encoder="minilm") == []


def test_the_drawn_errors_have_the_variance_of_a_gap() -> None:
    arms = [trained_arm("real", right=0.8, seeds=5), trained_arm("zero-shot", right=0.7, seeds=5)]
    scored = [arm.scored(Metric.MACRO_F1) for arm in arms]
    spread = gaps.SeedSpread(4e-4, math.inf)

    drawn = sizes._errors(scored, spread, draws=20000, seed=3)

    gap = gaps.gap(*scored, spread=spread)
    assert float(np.std(drawn[:, 0] - drawn[:, 1])) == pytest.approx(gap.se, rel=0.1)
