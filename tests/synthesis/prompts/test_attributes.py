"""Attributes: every combination comes once before any combination comes again, and values come evenly."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.synthesis.prompts import attributes

GRIDS = st.lists(st.integers(1, 6), min_size=1, max_size=4)


def grid(sizes: list[int]) -> dict[str, list[str]]:
    return {f"axis{at}": [str(value) for value in range(size)] for at, size in enumerate(sizes)}


@pytest.mark.slow
@settings(deadline=None)
@given(sizes=GRIDS, seed=st.integers(0, 99))
def test_every_combination_comes_once_in_every_round(sizes: list[int], seed: int) -> None:
    given_grid = grid(sizes)
    n = attributes.combinations(given_grid, label="a")

    drawn = [tuple(attributes.draw(given_grid, label="a", place=at, seed=seed).items()) for at in range(2 * n)]

    assert len(set(drawn[:n])) == len(set(drawn[n:])) == n


@settings(deadline=None)
@given(sizes=GRIDS, seed=st.integers(0, 99))
def test_as_many_calls_as_the_longest_axis_has_values_use_every_value_evenly(sizes: list[int], seed: int) -> None:
    given_grid, window = grid(sizes), max(sizes)

    drawn = [attributes.draw(given_grid, label="a", place=at, seed=seed) for at in range(3 * window)]

    for start in range(0, 3 * window, window):
        for name, values in given_grid.items():
            counted = Counter(row[name] for row in drawn[start : start + window])
            assert all(window // len(values) <= counted[value] <= -(-window // len(values)) for value in values)


def test_values_are_not_tied_to_even_and_odd_calls() -> None:
    given_grid = grid([4, 2])

    drawn = [attributes.draw(given_grid, label="a", place=at, seed=0)["axis0"] for at in range(400)]

    assert set(Counter(drawn[::2])) == set(Counter(drawn[1::2])) == {"0", "1", "2", "3"}
    assert max(Counter(drawn[::2]).values()) < 80


def test_seed_and_label_change_the_order_and_nothing_else_does() -> None:
    given_grid = grid([5, 6, 7])

    orders = {
        (label, seed): [str(attributes.draw(given_grid, label=label, place=at, seed=seed)) for at in range(12)]
        for label in "ab"
        for seed in (0, 1)
    }

    assert len({tuple(order) for order in orders.values()}) == 4
    assert orders["a", 0] == [str(attributes.draw(given_grid, label="a", place=at, seed=0)) for at in range(12)]


@pytest.mark.timeout(10)
def test_a_grid_of_ten_to_the_sixty_is_walked_at_once() -> None:
    huge = grid([1000] * 20)

    drawn = {tuple(attributes.draw(huge, label="a", place=at, seed=0).values()) for at in range(1000)}

    assert len(drawn) == 1000


def test_an_attribute_without_values_for_a_label_is_left_out() -> None:
    given_grid = {"kind": {"a": ["x"]}, "style": ["plain"]}

    assert attributes.draw(given_grid, label="b", place=3, seed=0) == {"style": "plain"}
    assert attributes.draw({}, label="b", place=3, seed=0) == {}
