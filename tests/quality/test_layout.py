"""The map of texts: equal for equal rows, groups stay together, and small or odd tables have a map."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import StudyError
from core.quality import layout


def clusters(n: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(3, 40)) * 3
    group = np.arange(n) % 3
    return (centres[group] + rng.normal(size=(n, 40))).astype(np.float32), group


@pytest.mark.slow
@pytest.mark.parametrize("n", [12, 150])
def test_the_same_embeddings_and_seed_give_the_same_map_and_groups_stay_together(n: int) -> None:
    rows, group = clusters(n)

    found = layout.map_2d(rows, seed=1)

    assert (found.shape, found.dtype) == ((n, 2), np.float32)
    assert np.array_equal(found, layout.map_2d(rows, seed=1))
    middle = np.array([found[group == g].mean(axis=0) for g in range(3)])
    nearest = ((found[:, None] - middle) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == group).all()


@pytest.mark.parametrize("n", [0, 1, 2, 31])
def test_few_rows_and_equal_rows_have_a_place_too(n: int) -> None:
    found = layout.map_2d(np.ones((n, 8), dtype=np.float32))

    assert found.shape == (n, 2)
    assert np.isfinite(found).all()


def test_rows_that_are_not_finite_are_refused() -> None:
    with pytest.raises(StudyError, match="finite"):
        layout.map_2d(np.full((3, 3), np.nan))


@given(st.lists(st.sampled_from("abcd"), max_size=60), st.integers(1, 70), st.integers(0, 3))
@settings(max_examples=200, deadline=None)
def test_a_subset_is_as_even_over_groups_as_they_allow(groups: list[str], most: int, seed: int) -> None:
    found = layout.balanced_subset(groups, most=most, seed=seed)

    assert len(found) == min(most, len(groups)) == len(set(found.tolist()))
    assert (np.diff(found) > 0).all()
    taken = {name: sum(groups[place] == name for place in found) for name in set(groups)}
    for name, n in taken.items():
        assert n == groups.count(name) or n >= max(taken.values()) - 1
    assert np.array_equal(found, layout.balanced_subset(groups, most=most, seed=seed))
