"""Slopes over tasks: tasks count and points do not, whatever stands beside the regression."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from core.analysis import regression, slope
from core.errors import StudyError


def a_study(*, tasks: int, arms: int = 2, encoders: int = 2, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, own = rng.normal(size=tasks), rng.normal(size=tasks) * 0.08
    return pd.DataFrame(
        [
            (f"t{t}", f"a{a}", f"e{e}", x[t], 0.1 + 0.1 * x[t] + own[t] + 0.05 * a - 0.02 * e + rng.normal() * 0.02)
            for t in range(tasks)
            for a in range(arms)
            for e in range(encoders)
        ],
        columns=["task", "arm", "encoder", "x", "gap"],
    )


def over_tasks(points: pd.DataFrame) -> regression.Fit:
    return slope.over_groups(points, x="x", y="gap", group="task", alike=("arm", "encoder"))


def test_a_balanced_study_is_the_regression_of_the_means_of_its_tasks() -> None:
    points = a_study(tasks=6)
    means = points.groupby("task", sort=False)[["x", "gap"]].mean()

    found, plain = over_tasks(points), regression.fit(means, x="x", y="gap")

    assert (found.slope, found.intercept) == pytest.approx((plain.slope, plain.intercept), abs=1e-12)
    assert (found.r2, found.spearman, found.permutation_p) == pytest.approx(
        (plain.r2, plain.spearman, plain.permutation_p)
    )
    assert (found.n, found.n_groups) == (24, 6) and found.df < 5
    assert [one.name for one in found.influence] == [f"t{place}" for place in range(6)]


def test_a_point_copied_ten_times_makes_nobody_surer() -> None:
    points = a_study(tasks=5, arms=1, encoders=1)

    once, often = (
        slope.over_groups(table, x="x", y="gap", group="task") for table in (points, pd.concat([points] * 10))
    )

    assert (often.low, often.high, often.p, often.df) == pytest.approx((once.low, once.high, once.p, once.df))
    assert often.permutation_p == once.permutation_p


def test_an_arm_that_only_the_subjective_tasks_have_does_not_tilt_the_line() -> None:
    points = a_study(tasks=8)
    cheap = points[(points["arm"] == "a0") | (points["x"] > 0)].copy()
    cheap.loc[cheap["arm"] == "a1", "gap"] += 0.5

    assert over_tasks(cheap).slope == pytest.approx(0.1, abs=0.1)
    assert regression.fit(cheap, x="x", y="gap").slope > 0.2


def test_the_band_goes_with_the_interval_of_the_slope() -> None:
    found = over_tasks(a_study(tasks=7))
    ends = regression.band(found, [0.0, 1.0, 2.0])

    assert ends["mean"].diff().iloc[1] == pytest.approx(found.slope)
    se = math.sqrt(found.covariance[1][1])
    assert found.high - found.slope == pytest.approx(stats.t.ppf(0.975, found.df) * se)


def test_three_tasks_have_a_slope_but_no_interval_and_two_are_refused() -> None:
    found = over_tasks(a_study(tasks=3))

    assert math.isfinite(found.slope) and math.isnan(found.low) and math.isnan(found.permutation_p)
    assert found.note == "An interval of the slope needs 4 values of task; there are 3."
    with pytest.raises(StudyError, match="at least 3 values of task"):
        over_tasks(a_study(tasks=2))


def test_an_arm_in_every_task_of_its_own_leaves_no_slope() -> None:
    points = a_study(tasks=4, arms=1, encoders=1)
    with pytest.raises(StudyError, match="that share arm with another one; found 0"):
        slope.over_groups(points.assign(arm=points["task"]), x="x", y="gap", group="task", alike=("arm",))


def laid_out(arms: dict[str, str], *, x: list[float], encoders: int = 1, seed: int = 0) -> pd.DataFrame:
    """Gaps without a slope. `arms`: task -> its arms, one letter each."""
    rng = np.random.default_rng(seed)
    rows = [
        (task, arm, f"e{encoder}", at, 0.1 + rng.normal() * 0.05)
        for (task, own), at in zip(arms.items(), x, strict=True)
        for arm in own
        for encoder in range(encoders)
    ]
    return pd.DataFrame(rows, columns=["task", "arm", "encoder", "x", "gap"])


@pytest.mark.parametrize("encoders", [1, 2])
def test_tasks_with_arms_of_their_own_neither_count_nor_narrow_the_slope(encoders: int) -> None:
    alone = {"A": "z", "B": "z", "C": "c", "D": "d"}
    five = {"A": "z", "B": "z", "C": "z", "D": "z", "E": "c", "F": "d"}

    with pytest.raises(StudyError, match="share arm and encoder with another one; found 2"):
        over_tasks(laid_out(alone, x=[0, 1, 0.3, 0.7], encoders=encoders))
    with pytest.raises(StudyError, match="found 2"):  # an arm at one x says nothing of the slope
        over_tasks(laid_out({"A": "z", "B": "z", "C": "f", "D": "f", "E": "f"}, x=[0, 1, 2, 2, 2], encoders=encoders))
    points = laid_out(five, x=[0, 1, 0.3, 0.7, 0.2, 0.9], encoders=encoders)
    found, without = over_tasks(points), over_tasks(points[points["task"] < "E"])

    assert (found.slope, found.p, found.r2, found.spearman_p) == pytest.approx(
        (without.slope, without.p, without.r2, without.spearman_p)
    )
    assert (found.n_groups, found.dropped) == (4, 2 * encoders)
    assert found.note == f"Not counted: {2 * encoders} points whose arm or encoder stands at one x only."


def test_a_slope_that_one_task_decides_has_no_interval() -> None:
    found = over_tasks(laid_out(dict.fromkeys("ABCDE", "z"), x=[0, 0, 0, 0, 1]))

    assert math.isfinite(found.slope) and math.isnan(found.low) and math.isnan(found.p) and math.isnan(found.df)
    assert found.note == "Without one task the slope is unknown, so it has no interval."


def test_arms_on_other_tasks_are_reordered_among_their_own() -> None:
    points = laid_out(dict.fromkeys("ABCD", "z") | dict.fromkeys("EFG", "f"), x=[0, 1, 2, 3, 4, 5, 6.5])
    moved = points.assign(gap=points["gap"] + (points["arm"] == "f"))  # the arm alone, not subjectivity
    some = laid_out({"A": "z", "B": "z", "C": "zf", "D": "f", "E": "f"}, x=[0, 1, 2, 3, 4])

    plain, lifted, few = over_tasks(points), over_tasks(moved), over_tasks(some)

    assert (lifted.permutation_p * 144) == pytest.approx(round(lifted.permutation_p * 144))  # of 4! x 3! orders
    assert (lifted.slope, lifted.r2, lifted.spearman, lifted.spearman_p, lifted.permutation_p) == pytest.approx(
        (plain.slope, plain.r2, plain.spearman, plain.spearman_p, plain.permutation_p)
    )
    assert math.isnan(few.permutation_p) and math.isnan(few.spearman_p) and math.isfinite(few.spearman)


def test_errors_of_the_predictor_are_taken_out_where_enough_is_left() -> None:
    fit = over_tasks(a_study(tasks=10))
    table = a_study(tasks=10, arms=1, encoders=1).assign(error=0.4)

    found = slope.exact(fit, table, value="x", error="error")
    lost = slope.exact(fit, table.assign(error=1.5), value="x", error="error")
    unknown = slope.exact(fit, table.assign(error=math.nan), value="x", error="error")
    centred = slope.exact(fit, table, value="x", error="error", n_compared=15)

    expected = 1 - 0.4**2 / table["x"].var()
    assert found.reliability == pytest.approx(expected, abs=1e-6)
    assert centred.reliability == pytest.approx(1 - 15 / 14 * 0.4**2 / table["x"].var(), abs=1e-6)
    assert (found.slope, found.low) == pytest.approx((fit.slope / expected, fit.low / expected), rel=1e-6)
    assert lost.reliability < 0.5 and math.isnan(lost.slope)
    assert math.isnan(unknown.reliability)


@pytest.mark.parametrize("always", [0.3, 0.1, 0.62])
@pytest.mark.parametrize("arms", [["z"], ["z", "f"]])
def test_gaps_that_are_all_the_same_have_no_slope_to_tell_and_say_so(always: float, arms: list[str]) -> None:
    at = zip("abcde", [0.1, 0.2, 0.35, 0.5, 0.8], strict=True)
    points = pd.DataFrame(
        [(task, arm, x, always) for task, x in at for arm in arms], columns=["task", "arm", "x", "gap"]
    )

    found = slope.over_groups(points, x="x", y="gap", group="task", alike=("arm",))

    assert found.slope == pytest.approx(0, abs=1e-12)
    assert all(math.isnan(value) for value in (found.low, found.p, found.r2, found.spearman))
    assert found.note == slope.EXACT_LINE
