"""Power: the planner's simulation runs the reported test, and its formulas agree with simulated studies."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from core.analysis.inference import clusters, power
from core.analysis.inference.power import Noise, SlopeStudy


@pytest.mark.parametrize("tasks", [4, 8])
def test_the_simulated_test_is_the_reported_one(tasks: int) -> None:
    rng = np.random.default_rng(0)
    draws = 300
    true = rng.normal(size=(draws, tasks))
    y = 0.1 * true + rng.normal(size=(draws, tasks)) * math.hypot(0.08, 0.03)
    x = true + rng.normal(size=(draws, tasks)) * 0.3

    reported = [
        clusters.fit(sm.add_constant(x[draw]), y[draw], np.arange(tasks)).coefficient(1).p < 0.05
        for draw in range(draws)
    ]

    assert power.simulated_power(0.1, SlopeStudy(tasks), draws=draws) == pytest.approx(np.mean(reported), abs=1e-9)


@pytest.mark.parametrize("tasks", [4, 10, 30])
def test_without_a_slope_few_studies_find_one(tasks: int) -> None:
    assert power.simulated_power(0.0, SlopeStudy(tasks), draws=4000) == pytest.approx(0.045, abs=0.02)


@pytest.mark.slow
def test_the_formula_is_near_the_t_test_it_speaks_of() -> None:
    rng = np.random.default_rng(2)
    study = SlopeStudy(10)
    found = 0
    for _ in range(1500):
        true = rng.normal(size=10)
        y = 0.1 * true + rng.normal(size=10) * math.hypot(study.tau, study.gap_se)
        found += stats.linregress(true + rng.normal(size=10) * study.x_se, y).pvalue < 0.05

    assert power.slope_power(0.1, study) == pytest.approx(found / 1500, abs=0.05)


def test_power_of_equivalence_and_of_a_difference_are_those_of_simulated_studies() -> None:
    rng = np.random.default_rng(5)
    measured = rng.normal(0.01, 0.02, 200_000)
    limit = stats.norm.ppf(0.95) * 0.02

    equivalent = ((measured + limit < 0.05) & (measured - limit > -0.05)).mean()

    assert power.equivalence_power(0.01, 0.05, 0.02) == pytest.approx(equivalent, abs=0.005)
    assert power.non_inferiority_power(0.01, 0.05, 0.02) == pytest.approx((measured + limit < 0.05).mean(), abs=0.005)
    differs = (np.abs(measured) > stats.norm.ppf(0.975) * 0.02).mean()
    assert power.difference_power(0.01, 0.02) == pytest.approx(differs, abs=0.005)


def test_more_of_everything_helps_and_the_smallest_size_is_found() -> None:
    noise = Noise()
    assert noise.gap_error(seeds=3, texts=1000) == pytest.approx(0.0204, abs=1e-4)
    assert noise.gap_error(seeds=10, texts=1000) < noise.gap_error(seeds=3, texts=1000)

    needed = power.smallest(range(4, 201), lambda tasks: power.slope_power(0.05, SlopeStudy(tasks)))
    never = power.smallest(range(4, 10), lambda tasks: power.slope_power(0.01, SlopeStudy(tasks)))

    assert needed == 29 and never is None
    assert power.subjectivity_error(comparisons_per_task=62, tasks=10) == pytest.approx(0.288, abs=1e-3)
