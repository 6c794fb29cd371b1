"""Comparisons of arms: metafor's pooled effects, two one-sided tests, Holm's family and McNemar's exact test."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from statsmodels.stats import contingency_tables, multitest, weightstats

from core.analysis.inference import comparisons, gaps
from core.errors import StudyError

FOLDER = Path(__file__).parents[2] / "golden"
GOLDEN = json.loads((FOLDER / "metafor_paule_mandel.json").read_text(encoding="utf-8"))
OF_R = json.loads((FOLDER / "r_comparisons.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", GOLDEN["cases"])
def test_pooled_effects_are_those_of_metafor(case: dict[str, Any]) -> None:
    found = comparisons.pooled(case["effects"], case["errors"])

    for name in ("value", "low", "high", "p", "tau"):
        assert getattr(found, name) == pytest.approx(case[name], abs=1e-8), name


def test_one_task_has_no_interval_and_errors_of_zero_are_refused() -> None:
    assert math.isnan(comparisons.pooled([0.1], [0.02]).low)
    with pytest.raises(StudyError, match="above 0"):
        comparisons.pooled([0.1, 0.2], [0.02, 0.0])


def test_effects_that_are_equal_but_for_rounding_have_no_interval() -> None:
    found = comparisons.pooled([0.80 - 0.75, 0.30 - 0.25], [0.03, 0.03])

    assert found.value == pytest.approx(0.05) and math.isnan(found.low) and math.isnan(found.p)


def a_gap(value: float, se: float, df: float) -> gaps.Gap:
    return gaps.Gap(value, math.nan, math.nan, se, df, 100, (3, 3), 0, 0, "")


@pytest.mark.parametrize("mean", [-0.03, 0.0, 0.012, 0.05])
def test_equivalence_is_the_two_one_sided_tests_of_another_package(mean: float) -> None:
    sample = np.random.default_rng(4).normal(mean, 0.08, 60)
    described = weightstats.DescrStatsW(sample)
    p, _, _ = described.ttost_mean(-0.04, 0.04)

    found = comparisons.equivalence(a_gap(sample.mean(), sample.std(ddof=1) / math.sqrt(60), 59), margin=0.04)

    assert found.p == pytest.approx(p, abs=1e-12)
    assert (found.low, found.high) == pytest.approx(described.tconfint_mean(alpha=0.1), abs=1e-12)
    assert found.is_equivalent == (p < 0.05) and found.is_as_good == (found.p_as_good < 0.05)


def test_a_gap_without_an_error_shows_nothing_and_a_margin_must_be_above_zero() -> None:
    found = comparisons.equivalence(a_gap(0.0, math.nan, math.nan), margin=0.02)

    assert not found.is_equivalent and not found.is_as_good and math.isnan(found.p)
    with pytest.raises(StudyError, match="above 0"):
        comparisons.equivalence(a_gap(0.0, 0.1, 9), margin=0)


def test_a_family_of_tests_is_adjusted_after_holm() -> None:
    found = comparisons.adjusted([0.01, math.nan, 0.04, 0.03, 0.005])

    assert found[:1] + found[2:] == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert math.isnan(found[1]) and comparisons.adjusted([]) == []


def test_holm_is_that_of_statsmodels_also_with_ties_and_unordered() -> None:
    rng = np.random.default_rng(1)
    for p in (rng.random(1), rng.random(40) ** 4, rng.integers(0, 4, 9) / 4):
        assert comparisons.adjusted(p.tolist()) == multitest.multipletests(p, method="holm")[1].tolist()


def test_single_texts_are_compared_by_the_exact_test_of_mcnemar() -> None:
    rng = np.random.default_rng(3)
    one, other = rng.random(80) < 0.8, rng.random(80) < 0.6
    table = [[(one & other).sum(), (one & ~other).sum()], [(~one & other).sum(), (~one & ~other).sum()]]

    expected = contingency_tables.mcnemar(table, exact=True).pvalue
    assert comparisons.single_texts(one, other) == pytest.approx(expected, abs=1e-12)
    assert comparisons.single_texts(one, one) == 1.0


@pytest.mark.parametrize("case", OF_R["holm"])
def test_holm_adjusts_as_r_does(case: dict[str, Any]) -> None:
    assert comparisons.adjusted(case["p"]) == pytest.approx(case["adjusted"], abs=1e-12)


@pytest.mark.parametrize("case", OF_R["mcnemar"])
def test_mcnemars_exact_p_is_that_of_r(case: dict[str, Any]) -> None:
    one = np.repeat([True, False, True], [case["gained"], case["lost"], 7])
    other = np.repeat([False, True, True], [case["gained"], case["lost"], 7])

    assert comparisons.single_texts(one, other) == pytest.approx(case["p"], rel=1e-9)


@pytest.mark.parametrize("case", OF_R["tost"])
def test_two_one_sided_tests_are_those_of_r(case: dict[str, Any]) -> None:
    gap = a_gap(case["gap"], case["se"], case["df"])
    found = comparisons.equivalence(gap, margin=0.02)

    for name in ("low", "high", "p", "p_as_good"):
        assert getattr(found, name) == pytest.approx(case[name], rel=1e-9), name
    assert comparisons.difference_p(gap) == pytest.approx(case["p_difference"], rel=1e-9)


def test_arms_that_never_disagree_are_judged_by_the_rule_of_three() -> None:
    many = gaps.Gap(0.0, -0.01, 0.01, math.nan, math.nan, 300, (3, 3), 0, 0, "")  # 3 / 300

    assert comparisons.equivalence(many, margin=0.02).is_equivalent
    assert not comparisons.equivalence(many, margin=0.005).is_as_good
    assert math.isnan(comparisons.difference_p(many)) and math.isnan(comparisons.equivalence(many, margin=0.02).p)
    assert comparisons.sizes_to_settle(many, margin=0.005) == comparisons.Sizes(601, 3)


def test_the_proposed_sizes_settle_the_margin_in_four_of_five_studies() -> None:
    gap = gaps.Gap(0.07, 0, 0, 0.03, 30, 120, (3, 3), 0.0006, 0.0003, "")
    sizes = comparisons.sizes_to_settle(gap, margin=0.02)
    assert sizes is not None

    se = math.sqrt(0.0006 * 120 / sizes.texts + 0.0003 * 3 / sizes.seeds)
    settled = np.random.default_rng(2).normal(0.07, se, 20000) - 1.645 * se > 0.02
    assert 0.79 < settled.mean() < 0.84
    assert comparisons.sizes_to_settle(a_gap(0.02, 0.01, 30), margin=0.02) is None
    assert comparisons.sizes_to_settle(a_gap(0.05, math.nan, math.nan), margin=0.02) is None


def test_an_effect_over_tasks_is_judged_by_its_ninety_percent_interval() -> None:
    effects, errors = [0.001, -0.002, 0.003, 0.0], [0.004, 0.005, 0.004, 0.005]
    found = comparisons.pooled_equivalence(effects, errors, margin=0.02)

    wide = comparisons.pooled(effects, errors)
    assert found.is_equivalent and wide.low < found.low < found.high < wide.high
    assert not comparisons.pooled_equivalence([0.001], [0.004], margin=0.02).is_as_good
