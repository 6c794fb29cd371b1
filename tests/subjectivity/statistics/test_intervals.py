"""Intervals of agreement: coverage in simulated studies, cases that resampling cannot see, and invariants."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmarks import coverage
from core.subjectivity.statistics import agreement, intervals
from core.subjectivity.statistics.counts import Level
from core.subjectivity.statistics.intervals import Coefficient


def from_counts(*items: tuple[int, ...]) -> pd.DataFrame:
    rows = [
        (item, rater, label)
        for item, counts in enumerate(items)
        for rater, label in enumerate(label for label, n in enumerate(counts) for _ in range(n))
    ]
    return pd.DataFrame(rows, columns=["item_id", "rater_id", "label"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("items", "prevalence"), [(20, "even"), (20, "skewed"), (50, "even"), (50, "skewed"), (100, "even")]
)
def test_intervals_hold_the_truth_about_as_often_as_they_say(items: int, prevalence: str) -> None:
    design = coverage.Design(items, 5, 20, 2, "middle", prevalence, 0.0)

    found = coverage.measured(design, 300)

    held = round(found.coverage * found.defined)
    assert stats.binomtest(held, found.defined, 0.95).proportion_ci(0.999).low <= 0.97
    assert stats.binomtest(held, found.defined, 0.95).proportion_ci(0.999).high >= 0.93
    assert found.coverage > 0.9


def test_an_interval_ten_points_off_would_be_noticed() -> None:
    held = round(0.85 * 300)

    assert stats.binomtest(held, 300, 0.95).proportion_ci(0.999).high < 0.93


def test_items_in_another_order_give_the_same_interval() -> None:
    ratings = from_counts((3, 0), (2, 1), (0, 3), (1, 2), (3, 0), (0, 3), (2, 1))
    shuffled = ratings.assign(item_id=(ratings["item_id"] * 5) % 7).sample(frac=1, random_state=0)

    assert agreement.alpha_interval(shuffled) == agreement.alpha_interval(ratings)


def test_the_seed_decides_the_interval() -> None:
    ratings = from_counts(*[(3, 0), (2, 1), (0, 3), (1, 2), (0, 3)] * 8)

    first, again, other = (agreement.alpha_interval(ratings, seed=seed) for seed in (1, 1, 2))

    assert first == again
    assert (first.low, first.high) != (other.low, other.high)
    assert first.low == pytest.approx(other.low, abs=0.05)


def test_all_coefficients_are_those_measured_alone() -> None:
    ratings = from_counts(*[(3, 0), (2, 1), (0, 3), (1, 2), (0, 3)] * 8)

    found, alone = agreement.summary(ratings), agreement.alpha_interval(ratings)

    assert (found.alpha, found.low, found.high) == (alone.value, alone.low, alone.high)


@pytest.mark.parametrize("n", [5, 20, 100])
def test_unanimous_items_leave_room_for_split_ones_not_yet_seen(n: int) -> None:
    found = agreement.summary(from_counts(*[(4, 0), (0, 4)] * n))

    likely = 1 - 0.025 ** (1 / (2 * n))
    assert (found.alpha, found.high) == (1, 1)
    assert found.percent_agreement_low == pytest.approx(1 - likely / 2, abs=1e-12)
    assert found.mean_majority_low == pytest.approx(1 - likely / 4, abs=1e-12)
    assert found.low == pytest.approx(1 - likely / 2 / 0.5, abs=1e-12)


def test_a_rare_label_not_yet_agreed_on_raises_the_upper_limit() -> None:
    common, rare = [(4, 0)] * 18, [(3, 1)] * 2

    plain = agreement.summary(from_counts(*common, *rare))

    one_more = agreement.krippendorff_alpha(from_counts(*common, *rare, (0, 4)))
    assert plain.alpha < 0.05
    assert plain.high > one_more


def test_single_ratings_say_nothing_about_agreement() -> None:
    rated = [(2, 1), (3, 0), (0, 3), (1, 2)] * 5

    without, with_singles = (
        agreement.summary(from_counts(*rated)),
        agreement.summary(from_counts(*rated, *[(1, 0)] * 20)),
    )

    assert (with_singles.low, with_singles.high) == (without.low, without.high)
    assert with_singles.mean_majority_agreement == without.mean_majority_agreement
    assert with_singles.mean_majority_low == without.mean_majority_low
    assert (with_singles.n_items, with_singles.n_pairable) == (40, 20)


def test_more_confidence_is_a_wider_interval() -> None:
    ratings = from_counts(*[(3, 0), (2, 1), (0, 3), (1, 2), (0, 3)] * 8)

    narrow, wide = (agreement.alpha_interval(ratings, confidence=share) for share in (0.8, 0.99))

    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high


@pytest.mark.parametrize("level", [Level.NOMINAL, Level.ORDINAL, Level.INTERVAL])
def test_two_thousand_distinct_items_have_an_interval_near_that_of_the_normal_theory(level: Level) -> None:
    table = np.random.default_rng(0).integers(0, 60, (2000, 4)).astype(float) + [1, 1, 0, 0]
    values = np.arange(4.0)

    alpha = intervals.estimates(table, values, level=level, wanted=(Coefficient.ALPHA,))[Coefficient.ALPHA]

    halves = [intervals.value(Coefficient.ALPHA, part, values, level=level) for part in np.split(table, 20)]
    error = np.std(halves, ddof=1) / np.sqrt(20)
    assert alpha.low < alpha.value < alpha.high
    assert (alpha.high - alpha.low) / (2 * 1.96 * error) == pytest.approx(1, abs=0.5)


def test_items_split_alike_leave_room_for_others_not_yet_seen() -> None:
    found = agreement.summary(from_counts(*[(2, 1, 0), (0, 2, 1)] * 10))

    likely = 1 - 0.025 ** (1 / 20)
    assert found.percent_agreement_low == pytest.approx(1 / 3 - likely / 3, abs=1e-12)
    assert found.percent_agreement_high == pytest.approx(1 / 3 + likely * 2 / 3, abs=1e-12)
    assert found.mean_majority_low == pytest.approx(2 / 3 - likely / 3, abs=1e-12)
    assert found.mean_majority_high == pytest.approx(2 / 3 + likely / 3, abs=1e-12)


def test_a_majority_that_cannot_be_lower_has_its_value_as_the_lower_limit() -> None:
    found = agreement.summary(from_counts(*[(1, 1)] * 10))

    assert found.mean_majority_low == 0.5 < found.mean_majority_high < 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from("aaabc"), min_size=2, max_size=5), min_size=2, max_size=8))
def test_every_interval_lies_where_its_coefficient_can(items: list[list[str]]) -> None:
    rows = [(item, rater, label) for item, labels in enumerate(items) for rater, label in enumerate(labels)]

    found = agreement.summary(pd.DataFrame(rows, columns=["item_id", "rater_id", "label"]))

    for low, value, high, least in (
        (found.low, found.alpha, found.high, -1),
        (found.fleiss_kappa_low, found.fleiss_kappa, found.fleiss_kappa_high, -1),
        (found.percent_agreement_low, found.percent_agreement, found.percent_agreement_high, 0),
        (found.mean_majority_low, found.mean_majority_agreement, found.mean_majority_high, 0),
    ):
        assert (
            np.isnan([low, value, high]).any()
            or least - 1e-9 <= low <= value + 1e-9
            and value - 1e-9 <= high <= 1 + 1e-9
        )
