"""Numbers with an interval: undefined values, their text, and Wilson's interval against two packages."""

import math

import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from core.interval import NORMAL_95, Interval, wilson


@pytest.mark.parametrize(("k", "n"), [(0, 1), (0, 7), (3, 7), (7, 7), (49, 50), (500, 1000)])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_wilson_gives_the_limits_of_another_package(k: int, n: int, confidence: float) -> None:
    found = wilson(k, n, confidence=confidence)

    assert (found.value, found.n) == (k / n, n)
    assert (found.low, found.high) == pytest.approx(proportion_confint(k, n, alpha=1 - confidence, method="wilson"))
    by_scipy = stats.binomtest(k, n).proportion_ci(confidence_level=confidence, method="wilson")
    assert (found.low, found.high) == pytest.approx((by_scipy.low, by_scipy.high), abs=1e-15)


def test_wilson_takes_the_mean_count_over_seeds() -> None:
    found = wilson(61.5, 74)

    assert (found.low, found.high) == pytest.approx(proportion_confint(61.5, 74, method="wilson"))


def test_a_share_of_nothing_is_undefined() -> None:
    found = wilson(0, 0)

    assert math.isnan(found.value) and not found.is_defined and found.text() == "–"


def test_a_number_is_written_with_its_limits() -> None:
    assert Interval(0.512, 0.4, 0.612, 90).text() == "0.51 [0.40, 0.61]"
    assert Interval(0.512, math.nan, math.nan, 1).text(digits=3) == "0.512"
    assert round(NORMAL_95, 6) == 1.959964
