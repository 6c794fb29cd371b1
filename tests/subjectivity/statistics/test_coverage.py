"""The reported coverage of intervals of alpha is the coverage in simulated studies."""

import pandas as pd
import pytest

from benchmarks import coverage as simulation
from core.subjectivity.statistics import agreement
from core.subjectivity.statistics.coverage import MEASURED, Measured, coverage_words, nearest, raters_words


def test_nothing_is_said_where_intervals_hold_what_they_promise() -> None:
    assert coverage_words(n_items=100, n_raters=20) == ""
    assert coverage_words(n_items=5000, n_raters=20, commonest=0.9) == ""


def test_a_miss_is_told_with_its_size() -> None:
    few = coverage_words(n_items=20, n_raters=5, commonest=0.85)
    skewed = coverage_words(n_items=50, n_raters=5, commonest=0.85)

    assert "about 20 items with one dominant label" in few
    assert "97.2 % of cases (93.6 % to 100.0 % by design): this one is rather too wide" in few
    assert "90.9 % in the worst design: this one may be too narrow" in skewed


def test_two_ratings_an_item_have_studies_of_their_own() -> None:
    assert "98.4 %" in coverage_words(n_items=20, n_raters=2)
    assert "98.4 %" in coverage_words(n_items=20, n_raters=30, per_item=2)


def test_sizes_that_were_not_simulated_are_told_as_such() -> None:
    assert "fewer than 10 were not simulated" in coverage_words(n_items=6, n_raters=5)


def test_a_single_item_has_no_interval_to_speak_of() -> None:
    ratings = pd.DataFrame([(0, "r", "a"), (0, "s", "b")], columns=["item_id", "rater_id", "label"])

    assert agreement.summary(ratings).note == "One item is too little for an interval of alpha."


@pytest.mark.parametrize(("raters", "words"), [(0, ""), (1, "All ratings come from 1 rater, ")])
def test_one_rater_or_none_that_is_known_is_no_plural(raters: int, words: str) -> None:
    assert raters_words(raters).startswith(words) and bool(raters_words(raters)) == bool(words)


def test_few_raters_are_told_apart_from_few_items() -> None:
    assert raters_words(4).startswith("All ratings come from 4 raters, and the interval speaks of these")
    assert raters_words(30) == ""


@pytest.mark.parametrize("items", [14, 20, 25, 31])
def test_the_nearest_size_is_taken(items: int) -> None:
    assert nearest(items, pairs=False, skewed=False).items == (10 if items == 14 else 20)


@pytest.mark.slow
@pytest.mark.parametrize("one", [one for one in MEASURED if one.items == 50], ids=str)
def test_the_table_is_what_the_simulation_gives(one: Measured) -> None:
    per_item = [2] if one.pairs else [3, 5]
    designs = [
        design
        for design in simulation.grid([one.items], per_item)
        if (design.prevalence == "skewed") == one.skewed and design.labels == 2
    ]

    found = [simulation.measured(design, 100).coverage for design in designs]

    assert one.least - 0.06 <= min(found)
    assert sum(found) / len(found) == pytest.approx(one.mean, abs=0.02)
