"""Gaps in words: counts of intervals, chance and ceiling, and no number where there is none."""

import math
from typing import Any

import pandas as pd

from core.analysis import gap_words
from core.analysis.figures import gap_forest
from core.interval import Interval
from tests.analysis.figures.test_gap_figures import table


def test_lost_gained_and_open_gaps_are_counted_by_arm() -> None:
    known = table(3, arms=("zero-shot", "few-shot")).assign(low=-0.1, high=0.1)
    known.loc[known["arm"] == "zero-shot", ["low", "high"]] = [[0.02, 0.1], [0.01, 0.1], [-0.1, -0.01]]

    said = gap_words.gaps_by_task(known)

    assert said.startswith(
        "Lost to real texts, with the whole 95 % interval above 0: zero-shot on 2 of 3, few-shot on 0 of 3 tasks."
    )
    assert "1 interval lies below 0" in said


def test_gaps_without_an_interval_are_counted_and_nothing_is_claimed() -> None:
    note = "An interval needs 3 seeds in each arm; there are 1 and 1. 2 of its 2 runs had not converged."
    said = gap_words.gaps_by_task(table(2, arms=("zero-shot",)).assign(low=math.nan, high=math.nan, note=note))

    assert (
        said.startswith("2 gaps have no interval. An interval needs 3 seeds in each arm. The lower")
        and "Lost" not in said
    )


def test_the_order_of_rows_is_said_where_it_means_something() -> None:
    known = table(3, arms=("zero-shot",)).assign(subjectivity=[0.2, 0.3, 0.4])
    unknown = known.assign(subjectivity=math.nan)
    some = known.assign(subjectivity=[0.2, 0.4, math.nan])

    assert "The lower a row" in gap_words.gaps_by_task(known) and "stand last" not in gap_words.gaps_by_task(known)
    assert "The lower a row" not in gap_words.gaps_by_task(unknown)
    assert gap_words.gaps_by_task(some).endswith(f"{gap_words.UNPLACED} {gap_words.RIGHT}")


def test_gaps_that_mean_nothing_are_counted_apart() -> None:
    known = table(3, arms=("zero-shot",)).assign(low=0.02, high=0.1, counts=[True, False, False])

    said = gap_words.gaps_by_task(known)

    assert said.startswith("Lost to real texts, with the whole 95 % interval above 0: zero-shot on 1 of 1 tasks.")
    assert "2 gaps are not judged (faint): the real arm is not shown" in said
    shown = gap_forest.gaps_by_task(known, metric="macro_f1").data
    assert [(len(trace.x), trace.opacity) for trace in shown] == [(1, None), (2, gap_forest.FAINT)]


def test_many_intervals_are_said_to_miss_now_and_then() -> None:
    assert "About 2 of 50 such intervals miss the truth." in gap_words.gaps_by_task(table())


def row(**changes: float) -> "pd.Series[Any]":
    return pd.Series({**table(1, arms=("zero-shot",)).iloc[0], **changes})


def test_a_gap_is_said_beside_chance_and_as_a_share_of_what_can_be_lost() -> None:
    said = gap_words.gap_in_full(row(gap=0.1, low=0.05, high=0.15, relative=0.25), metric="Macro-F1")

    assert said.startswith("Points of Macro-F1 lost: 10.0 [5.0, 15.0], over 200 test texts and 3 seeds.")
    assert "chance 0.500" in said and said.endswith("That is 25 % of what real texts bring over chance.")


def test_where_hardly_anything_can_be_lost_no_share_is_invented() -> None:
    said = gap_words.gap_in_full(row(relative=math.nan, low=math.nan, high=math.nan), metric="Accuracy")

    assert "hardly anything to lose" in said and "nan" not in said


def test_a_real_score_at_the_ceiling_is_said() -> None:
    below = gap_words.beside_ceiling(row(gap=0.1), Interval(0.95, 0.9, 0.97, 80))
    above = gap_words.beside_ceiling(row(gap=0.1), Interval(0.85, 0.8, 0.9, 80))
    none = gap_words.beside_ceiling(row(gap=0.1), Interval(0.55, 0.5, 0.6, 80))

    assert below.endswith("The gap is 22 % of what one rater has over chance.") and "reach it" not in below
    assert "Real texts reach it" in above
    assert "over chance" not in none
