"""The majority graph: edges, merged cycles, levels, and pairs without a majority."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.subjectivity.statistics import majority, ranking


def beats(*pairs: str) -> pd.DataFrame:
    """Comparisons from "ab" (a wins over b) and "a=b" (a tie), each by another rater."""
    rows = [(f"r{row}", pair[0], pair[-1], "tie" if "=" in pair else "left") for row, pair in enumerate(pairs)]
    return pd.DataFrame(rows, columns=["rater_id", "left", "right", "winner"])


def test_levels_rise_along_the_majority_and_a_cycle_shares_one() -> None:
    comparisons = beats("ab", "bc", "ca", "ad", "ae", "de", "ed", "xa", "xb", "xb", "bx")

    levels = majority.graph(comparisons).levels

    assert levels == {"d": 1, "e": 1, "a": 2, "b": 2, "c": 2, "x": 3}
    assert ranking.bradley_terry(comparisons).levels == levels


@given(st.permutations("abcdef"))
def test_a_plain_order_gives_a_level_each(order: list[str]) -> None:
    comparisons = beats(*(more + less for place, more in enumerate(order) for less in order[place + 1 :]))

    levels = majority.graph(comparisons).levels

    assert [levels[name] for name in order] == [6, 5, 4, 3, 2, 1]


def test_an_edge_has_its_wins_and_losses_without_ties() -> None:
    found = majority.graph(beats("ab", "ab", "ba", "a=b", "cb"))

    assert found.edges == (majority.Edge("a", "b", 2, 1), majority.Edge("c", "b", 1, 0))
    assert found.n == 5


def test_components_name_everyone_once_the_lowest_level_first() -> None:
    found = majority.graph(beats("ab", "bc", "ca", "ad", "xa"))

    assert found.components == (("d",), ("a", "b", "c"), ("x",))
    assert found.cycles == (("a", "b", "c"),)


def test_pairs_with_as_many_wins_have_no_edge_and_are_named() -> None:
    found = majority.graph(beats("ab", "ba", "b=c", "cd"))

    assert found.even == (("a", "b"), ("b", "c"))
    assert found.edges == (majority.Edge("c", "d", 1, 0),)


@pytest.mark.parametrize("again", [1, 3])
def test_a_name_is_above_everyone_it_beats_through_others(again: int) -> None:
    found = majority.graph(beats(*["ab", "bc", "cd", "ad", "ed"] * again))

    assert found.levels == {"d": 1, "c": 2, "e": 2, "b": 3, "a": 4}
