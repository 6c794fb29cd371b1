"""Columns with categories: the same results as plain text columns row by row."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from core.subjectivity.exchange import distinct

CELLS = st.lists(st.sampled_from(["", " a", "a", "b ", "ä", "Z", "1.0"]), min_size=1, max_size=30)


def column(cells: list[str]) -> "pd.Series[str]":
    return pd.Series(cells, dtype="str")


@given(CELLS)
def test_a_function_of_distinct_cells_gives_what_it_gives_row_by_row(cells: list[str]) -> None:
    found = distinct.mapped(column(cells), lambda values: values.str.strip())

    assert found.astype("str").tolist() == [cell.strip() for cell in cells]
    assert found.cat.categories.is_unique


@given(CELLS)
def test_categories_are_sorted_like_text_and_none_is_unused(cells: list[str]) -> None:
    found = distinct.sorted_categories(distinct.blanked(column(cells), np.array([cell == "a" for cell in cells])))

    assert found.astype("str").tolist() == ["" if cell == "a" else cell for cell in cells]
    assert found.cat.categories.tolist() == sorted(set(found.astype("str")))


@given(CELLS)
def test_counts_are_those_of_the_rows(cells: list[str]) -> None:
    expected = column(cells).value_counts()

    found = distinct.counts(distinct.sorted_categories(column(cells)))

    assert list(found.items()) == list(expected.items())


def test_keys_stay_apart_when_the_columns_have_more_combinations_than_a_number_holds() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.integers(0, 200, (500, 12))).astype("str")
    table = pd.concat([table, table.head(50)], ignore_index=True)

    found = distinct.key([table[name] for name in table.columns])

    assert len(set(found.tolist())) == 500
    assert found[:50].tolist() == found[500:].tolist()


def test_a_later_row_with_the_same_key_supersedes_an_earlier_one() -> None:
    earlier, same = distinct.repeats(np.array([1, 2, 1, 1, 3, 2]), np.array([7, 5, 8, 7, 0, 6]))

    assert earlier.tolist() == [True, True, True, False, False, False]
    assert same.tolist() == [True, False, False, False, False, False]
