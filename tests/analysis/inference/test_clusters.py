"""Cluster-robust slopes: equal to clubSandwich, to closed forms where clusters are simple, and unmoved by what must not matter."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from core.analysis.inference import clusters
from core.errors import StudyError

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "clubsandwich_cr2.json").read_text(encoding="utf-8"))[
    "cases"
]


def design_of(case: dict[str, Any]) -> np.ndarray[Any, Any]:
    x = np.array(case["x"])
    return np.column_stack([np.ones_like(x), x, clusters.dummies(case["arm"]), clusters.dummies(case["encoder"])])


@pytest.mark.parametrize("case", GOLDEN, ids=[case["name"] for case in GOLDEN])
def test_slopes_are_those_of_clubsandwich(case: dict[str, Any]) -> None:
    found = clusters.fit(design_of(case), case["y"], case["task"]).coefficient(1)

    for name in ("value", "se", "df", "p", "low", "high"):
        assert getattr(found, name) == pytest.approx(case[name], rel=1e-8, abs=1e-12), name


def test_with_one_row_a_cluster_it_is_the_hc2_error() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=12)
    y = 0.3 * x + rng.normal(size=12) * (1 + np.abs(x))

    found = clusters.fit(sm.add_constant(x), y, np.arange(12)).coefficient(1)

    assert found.se == pytest.approx(sm.OLS(y, sm.add_constant(x)).fit(cov_type="HC2").bse[1], rel=1e-10)


def test_two_groups_of_single_rows_have_the_closed_form_of_bell_and_mccaffrey() -> None:
    n, m = 4, 9
    group = np.repeat([0.0, 1.0], [n, m])
    y = np.random.default_rng(5).normal(size=n + m)

    found = clusters.fit(sm.add_constant(group), y, np.arange(n + m)).coefficient(1)

    assert found.se == pytest.approx(math.sqrt(y[:n].var(ddof=1) / n + y[n:].var(ddof=1) / m), rel=1e-10)
    assert found.df == pytest.approx((1 / n + 1 / m) ** 2 / (1 / n**2 / (n - 1) + 1 / m**2 / (m - 1)), rel=1e-10)


def test_the_mean_of_equal_clusters_is_the_t_test_of_their_means() -> None:
    y = np.random.default_rng(8).normal(0.2, 1, size=(7, 3))

    found = clusters.fit(np.ones((21, 1)), y.ravel(), np.repeat(np.arange(7), 3)).coefficient(0)

    expected = stats.ttest_1samp(y.mean(axis=1), 0)
    assert (found.df, found.p) == pytest.approx((6, expected.pvalue), rel=1e-10)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()), rel=1e-10)


def test_orders_names_and_units_change_nothing() -> None:
    case = GOLDEN[3]
    order = np.random.default_rng(1).permutation(len(case["y"]))
    design, y, task = design_of(case), np.array(case["y"]), np.array(case["task"])
    moved = design.copy()
    moved[:, 1] = 1000 * moved[:, 1] + 1e6

    plain = clusters.fit(design, y, task).coefficient(1)
    other = clusters.fit(moved[order], (100 * y - 5)[order], np.char.add("task ", task)[order]).coefficient(1)

    assert (other.value * 10, other.df, other.p) == pytest.approx((plain.value, plain.df, plain.p), rel=1e-6)


def test_a_predictor_that_an_arm_determines_is_refused_and_an_exact_line_has_no_interval() -> None:
    x = np.array([0.0, 0.0, 1.0, 1.0])
    exact = clusters.fit(sm.add_constant(np.arange(5.0)), 2 * np.arange(5.0), np.arange(5)).coefficient(1)

    assert exact.value == pytest.approx(2) and math.isnan(exact.p) and math.isnan(exact.low)
    with pytest.raises(StudyError, match="determined by the other"):
        clusters.fit(np.column_stack([np.ones(4), x, 1 - x]), [0.1, 0.2, 0.4, 0.3], [0, 0, 1, 1]).coefficient(1)
    with pytest.raises(StudyError, match="2 clusters"):
        clusters.fit(sm.add_constant(x), [0.1, 0.2, 0.4, 0.3], [7, 7, 7, 7]).coefficient(1)
