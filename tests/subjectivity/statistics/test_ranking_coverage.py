"""The reported coverage of intervals of strengths is the coverage in simulated studies."""

import math

import pytest

from benchmarks import coverage_ranking
from core.subjectivity.statistics import ranking_coverage

STUDIES = 150
SIZES = [(4, 12, 6), (10, 5, 10), (10, 30, 10), (4, 5, 3)]


@pytest.mark.parametrize(("names", "raters", "each"), SIZES)
@pytest.mark.parametrize("own", [0.0, coverage_ranking.OWN])
def test_intervals_cover_the_truth_as_often_as_was_measured(names: int, raters: int, each: int, own: float) -> None:
    design = coverage_ranking.Design(names, raters, each, own=own, ties=coverage_ranking.TIES)
    cell = next(one for one in ranking_coverage.MEASURED if one[:3] == (names, raters, raters * each))

    found = coverage_ranking.measure(design, studies=STUDIES, seed=7)

    # Strengths of one study hang together: as if each study told one thing, which is the widest tolerance.
    tolerance = 3 * math.sqrt(0.05 * 0.95 / found.studies)
    assert cell.low / 100 - tolerance <= found.strengths <= cell.high / 100 + tolerance


def test_the_measured_sizes_are_those_of_the_benchmark() -> None:
    sizes = {(names, raters, raters * each) for names, raters, each in coverage_ranking.sizes()}

    assert sizes == {cell[:3] for cell in ranking_coverage.MEASURED}


def test_nothing_is_said_where_intervals_cover_as_they_should() -> None:
    assert ranking_coverage.words(n_names=10, n_raters=54, n=540) == ""


def test_too_wide_intervals_are_called_so() -> None:
    words = ranking_coverage.words(n_names=4, n_raters=5, n=15)

    assert words.endswith("(4 names, 5 raters, 15 comparisons), 95 % intervals covered the truth in 98 %: too wide.")


def test_too_narrow_intervals_are_called_so() -> None:
    measured = [ranking_coverage.Cell(4, 5, 15, 88.4, 92.6)]

    words = ranking_coverage.words(n_names=4, n_raters=5, n=15, measured=measured)

    assert words.endswith("covered the truth in only 88 to 93 %.")
