"""Regression against statsmodels, scipy, enumeration and simulated slopes; three points; degenerate data."""

import itertools
import math
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.outliers_influence import OLSInfluence

from core.analysis import regression
from core.errors import StudyError

SIX = pd.DataFrame({"x": [0.1, 0.4, 0.5, 0.9, 1.3, 1.6], "y": [0.2, 0.1, 0.5, 0.4, 0.9, 0.7]})


def simulated(seed: int, *, n: int, slope: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return pd.DataFrame({"x": x, "y": slope * x + rng.normal(size=n) * (0.3 + np.abs(x))})


def test_slope_interval_and_p_are_those_of_ols_with_hc3_and_t() -> None:
    expected = sm.OLS(SIX["y"], sm.add_constant(SIX["x"])).fit(cov_type="HC3", use_t=True)

    found = regression.fit(SIX, x="x", y="y")

    assert (found.slope, found.intercept) == pytest.approx((expected.params["x"], expected.params["const"]), abs=1e-12)
    assert (found.low, found.high) == pytest.approx(tuple(expected.conf_int().loc["x"]), abs=1e-12)
    assert found.p == pytest.approx(expected.pvalues["x"], abs=1e-12)
    assert found.r2 == pytest.approx(expected.rsquared, abs=1e-12)
    assert np.array(found.covariance) == pytest.approx(expected.cov_params().to_numpy(), abs=1e-12)


def test_hc3_is_the_sandwich_of_mackinnon_and_white() -> None:
    design = sm.add_constant(SIX["x"].to_numpy())
    bread = np.linalg.inv(design.T @ design)
    leverage = np.einsum("ij,jk,ik->i", design, bread, design)
    residual = SIX["y"].to_numpy() - design @ bread @ design.T @ SIX["y"].to_numpy()
    meat = design.T @ np.diag((residual / (1 - leverage)) ** 2) @ design

    found = regression.fit(SIX, x="x", y="y")

    assert np.array(found.covariance) == pytest.approx(bread @ meat @ bread, abs=1e-12)


def test_influence_is_cooks_distance_and_the_slope_without_the_point() -> None:
    cooks = OLSInfluence(sm.OLS(SIX["y"], sm.add_constant(SIX["x"])).fit()).cooks_distance[0]

    found = regression.fit(SIX, x="x", y="y")

    without = [np.polyfit(np.delete(SIX["x"], row), np.delete(SIX["y"], row), 1)[0] for row in range(6)]
    assert [point.cooks_d for point in found.influence] == pytest.approx(list(cooks), abs=1e-10)
    assert [point.slope_without for point in found.influence] == pytest.approx(without, abs=1e-10)
    assert found.leave_one_out == pytest.approx((min(without), max(without)), abs=1e-10)


def test_up_to_seven_points_every_order_is_counted() -> None:
    observed_slope = abs(np.polyfit(SIX["x"], SIX["y"], 1)[0])
    observed_rho = abs(stats.spearmanr(SIX["x"], SIX["y"]).statistic)
    orders = list(itertools.permutations(SIX["y"]))

    found = regression.fit(SIX, x="x", y="y")

    slopes = np.mean([abs(np.polyfit(SIX["x"], order, 1)[0]) >= observed_slope - 1e-9 for order in orders])
    rhos = np.mean([abs(stats.spearmanr(SIX["x"], order).statistic) >= observed_rho - 1e-9 for order in orders])
    assert found.permutation_p == pytest.approx(slopes, abs=1e-12)
    assert found.spearman_p == pytest.approx(rhos, abs=1e-12)


def test_beyond_seven_points_spearman_is_that_of_scipy_and_permutations_are_drawn() -> None:
    points = simulated(0, n=12, slope=0.5)
    expected = stats.spearmanr(points["x"], points["y"])

    found = regression.fit(points, x="x", y="y", resamples=2000)

    assert (found.spearman, found.spearman_p) == pytest.approx((expected.statistic, expected.pvalue), abs=1e-12)
    assert found.permutation_p == pytest.approx(stats.pearsonr(points["x"], points["y"]).pvalue, abs=0.05)
    assert found == regression.fit(points, x="x", y="y", resamples=2000)


def test_three_points_fit_without_warnings_and_never_look_sure() -> None:
    found = regression.fit(pd.DataFrame({"x": [0, 1, 2], "y": [0.0, 1.1, 1.9]}), x="x", y="y")

    assert found.n == 3
    assert found.spearman == 1
    assert found.spearman_p == pytest.approx(1 / 3)
    assert found.permutation_p == pytest.approx(1 / 3)
    assert found.low < found.slope < found.high


def test_points_on_a_line_have_a_slope_but_no_interval_and_the_note_says_so() -> None:
    found = regression.fit(pd.DataFrame({"x": [0, 1, 2], "y": [1.0, 3.0, 5.0]}), x="x", y="y")

    assert (found.slope, found.intercept, found.r2) == pytest.approx((2, 1, 1))
    assert math.isnan(found.low) and math.isnan(found.high) and math.isnan(found.p)
    assert found.note.startswith("The points lie on the line exactly")
    assert all(math.isnan(point.cooks_d) for point in found.influence)


def test_a_point_that_alone_decides_the_slope_leaves_no_interval_and_the_note_says_so() -> None:
    found = regression.fit(pd.DataFrame({"x": [0, 0, 1], "y": [0.0, 1.0, 2.0]}), x="x", y="y")

    assert found.slope == pytest.approx(1.5)
    assert math.isnan(found.low) and math.isnan(found.high) and math.isnan(found.p)
    assert found.note.startswith("One point alone decides the slope")
    assert math.isnan(found.influence[2].slope_without) and math.isnan(found.influence[2].cooks_d)
    assert regression.band(found, [0, 1])["low"].isna().all()


def test_large_numbers_lose_no_digits() -> None:
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=8), rng.normal(size=8)
    small = pd.DataFrame({"x": x, "y": 1.9 * x + noise})

    found = regression.fit(small + [1e6, 2e6], x="x", y="y")

    assert found.slope == pytest.approx(regression.fit(small, x="x", y="y").slope, abs=1e-8)


def test_a_constant_outcome_has_no_correlation() -> None:
    found = regression.fit(pd.DataFrame({"x": [0, 1, 2, 5], "y": [0.3] * 4}), x="x", y="y")

    assert found.slope == pytest.approx(0, abs=1e-12)
    assert math.isnan(found.r2) and math.isnan(found.spearman) and math.isnan(found.spearman_p)
    assert found.permutation_p == 1


def test_rows_without_a_number_are_dropped_counted_and_keep_their_place() -> None:
    points = pd.DataFrame({"x": [np.nan, 0.1, 0.4, 0.5, 0.9], "y": [1.0, 0.2, 0.1, np.inf, 0.4]})

    found = regression.fit(points, x="x", y="y")

    assert (found.n, found.dropped) == (3, 2)
    assert [point.row for point in found.influence] == [1, 2, 4]


def test_too_few_points_a_constant_predictor_or_a_missing_column_are_refused() -> None:
    with pytest.raises(StudyError, match="at least 3 points with x and y; found 2"):
        regression.fit(SIX.head(2), x="x", y="y")
    with pytest.raises(StudyError, match="needs x to vary; all 6 points have 0.7"):
        regression.fit(SIX.assign(x=0.7), x="x", y="y")
    with pytest.raises(StudyError, match="needs a column 'gap'; found x, y"):
        regression.fit(SIX, x="x", y="gap")


@settings(max_examples=30, deadline=None)
@given(st.floats(0.1, 10), st.floats(-5, 5), st.permutations(range(6)))
def test_the_fit_does_not_depend_on_the_order_of_rows_and_scales_with_the_units(
    scale: float, shift: float, order: list[int]
) -> None:
    before = regression.fit(SIX, x="x", y="y")

    after = regression.fit(SIX.iloc[order].assign(x=lambda rows: rows["x"] * scale + shift), x="x", y="y")

    assert (after.slope * scale, after.low * scale, after.high * scale) == pytest.approx(
        (before.slope, before.low, before.high), rel=1e-6
    )
    assert (after.p, after.spearman_p, after.permutation_p) == pytest.approx(
        (before.p, before.spearman_p, before.permutation_p), abs=1e-6
    )


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 5, 10])
def test_slope_intervals_cover_the_truth_about_as_often_as_they_say(n: int) -> None:
    found = [regression.fit(simulated(seed, n=n, slope=0.5), x="x", y="y", resamples=2) for seed in range(300)]

    covered = np.mean([fit.low <= 0.5 <= fit.high for fit in found])

    assert covered >= 0.89


def test_the_band_is_that_of_statsmodels() -> None:
    model = sm.OLS(SIX["y"], sm.add_constant(SIX["x"])).fit(cov_type="HC3", use_t=True)
    at = np.linspace(0, 2, 5)
    expected = model.get_prediction(sm.add_constant(at)).summary_frame(alpha=0.05)

    band = regression.band(regression.fit(SIX, x="x", y="y"), at)

    assert band.columns.tolist() == ["x", "mean", "low", "high"]
    assert band["mean"].to_numpy() == pytest.approx(expected["mean"].to_numpy(), abs=1e-10)
    assert band["low"].to_numpy() == pytest.approx(expected["mean_ci_lower"].to_numpy(), abs=1e-10)
    assert band["high"].to_numpy() == pytest.approx(expected["mean_ci_upper"].to_numpy(), abs=1e-10)


def test_a_fit_is_plain_data_with_named_influence() -> None:
    plain = asdict(regression.fit(SIX, x="x", y="y"))

    assert set(plain["influence"][0]) == {"row", "cooks_d", "slope_without", "name"}
    assert {"slope", "intercept", "r2", "p", "low", "high", "spearman", "spearman_p", "df", "n", "n_groups"} <= set(
        plain
    )


@pytest.mark.parametrize(
    ("p", "words"), [(0.0, "p < 0.001"), (3.7e-11, "p < 0.001"), (0.0341, "p = 0.034"), (float("nan"), "no p")]
)
def test_a_p_value_never_reads_as_zero(p: float, words: str) -> None:
    assert regression.p_words(p) == words


@pytest.mark.parametrize("always", [0.3, 0.1, 0.07, 0.62, -0.3])
def test_an_outcome_that_is_always_the_same_has_no_interval_whatever_the_rounding(always: float) -> None:
    points = pd.DataFrame({"x": [0.1, 0.2, 0.35, 0.5, 0.8], "y": [always] * 5})

    found = regression.fit(points, x="x", y="y")

    assert found.slope == 0 and found.leave_one_out == (0, 0)
    assert all(math.isnan(value) for value in (found.low, found.high, found.p, found.r2, found.spearman))
    assert all(math.isnan(point.cooks_d) for point in found.influence)
    assert found.note == "The points lie on the line exactly, so nothing tells how far the slope could be off."
