"""Comparisons encoded as numbers from columns of any type; invalid comparisons are refused with their row."""

import pandas as pd
import pytest

from core.errors import StudyError
from core.subjectivity.statistics import tallies


def frame(*rows: tuple[object, object, object, object]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=tallies.COLUMNS)


def test_wins_count_a_tie_as_half_for_each() -> None:
    tally = tallies.tally(frame(("r", "a", "b", "left"), ("s", "b", "a", "tie"), ("s", "b", "a", "left")))

    assert tally.names == ("a", "b")
    assert tally.wins.tolist() == [[0, 1.5], [1.5, 0]]
    assert tally.ties.tolist() == [[0, 1], [1, 0]]
    assert tally.n_raters == 2


def test_names_may_be_numbers_or_categories() -> None:
    numbers = frame((1, 7, 8, "left"), (1, 8, 9, "right"))
    categories = numbers.astype("str").astype("category")

    one, two = tallies.tally(numbers), tallies.tally(categories)

    assert one.names == two.names == ("7", "8", "9")
    assert one.wins.tolist() == two.wins.tolist()


def test_answers_without_a_rater_are_those_of_one() -> None:
    tally = tallies.tally(frame((None, "a", "b", "left"), (None, "a", "b", "right"), ("r", "a", "b", "right")))

    assert tally.n_raters == 2


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([("r", "a", "b", "left"), ("r", "a", "b", "both")], "Row 2 of .* left, right or tie; found 'both'"),
        ([("r", "a", "b", None)], "Row 1 of .* left, right or tie; found ''"),
        ([("r", "a", "a", "left")], "Row 1 of the comparisons compares 'a' with itself"),
        ([("r", "a", "b", "left"), ("r", "a", "", "left")], "Row 2 of .* left and right must both have a name"),
        ([("r", None, "b", "left")], "Row 1 of .* left and right must both have a name"),
        ([], "at least one comparison"),
    ],
)
def test_bad_comparisons_are_refused_with_the_row(rows: list[tuple[object, ...]], sentence: str) -> None:
    with pytest.raises(StudyError, match=sentence):
        tallies.tally(frame(*rows))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(StudyError, match="winner is missing"):
        tallies.tally(frame(("r", "a", "b", "left")).drop(columns="winner"))


def test_texts_in_the_place_of_names_are_refused() -> None:
    rows = [("r", f"text {row}", f"other {row}", "left") for row in range(tallies.MOST_NAMES)]

    with pytest.raises(StudyError, match="at most 2,000 names; these comparisons have 4,000"):
        tallies.tally(frame(*rows))
