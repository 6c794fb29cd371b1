"""Nearness to real texts: its direction and definition, and copies of real texts."""

import math

import numpy as np
import pytest

from core.errors import StudyError
from core.quality import nearest


def rows(n: int, *, seed: int = 0, d: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def test_it_is_the_mean_over_real_texts_of_their_five_highest_cosines() -> None:
    synthetic, real = rows(40), rows(1500, seed=1)
    unit_synthetic = synthetic / np.linalg.norm(synthetic, axis=1, keepdims=True)
    unit_real = real / np.linalg.norm(real, axis=1, keepdims=True)

    score = nearest.nearest_real(synthetic, real)

    assert score == pytest.approx(np.sort(unit_real @ unit_synthetic.T, axis=1)[:, -5:].mean(), abs=1e-6)


def test_real_texts_that_nothing_synthetic_is_near_lower_it_and_not_the_other_way_round() -> None:
    east, north = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    one_kind, both_kinds = np.tile(east, (10, 1)), np.array([east] * 5 + [north] * 5)

    assert nearest.nearest_real(one_kind, both_kinds) == pytest.approx(0.5)
    assert nearest.nearest_real(both_kinds, one_kind) == pytest.approx(1.0)


def test_fewer_texts_than_k_or_no_real_ones_have_no_score() -> None:
    assert math.isnan(nearest.nearest_real(rows(4), rows(9)))
    assert math.isnan(nearest.nearest_real(rows(9), rows(0)))
    assert nearest.nearest_real(rows(4), rows(9), k=4) < 1


def test_encoders_that_differ_are_refused() -> None:
    with pytest.raises(StudyError, match="8 and 3 columns"):
        nearest.nearest_real(rows(9), rows(9, d=3))


def test_copies_are_equal_or_nearly_equal_texts_with_the_one_they_copy() -> None:
    shown = ["My boss loves giving me extra work on Fridays", "What a lovely day to be stuck in traffic"]
    made = [
        "Entirely new words about something else",
        "what a lovely day to be  STUCK in traffic",
        "My boss really loves giving me extra work on Fridays!",
        "What a lovely day to be stuck in traffic!",
    ]

    found = nearest.copies(made, shown)

    assert found[["text", "shown"]].to_numpy().tolist() == [[1, 1], [3, 1], [2, 0]]
    assert found["exact"].tolist() == [True, False, False]
    assert found["similarity"].tolist()[:2] == [1.0, 1.0]
    assert 0.7 < found["similarity"].tolist()[2] < 1


def test_without_texts_there_are_no_copies() -> None:
    columns = ["text", "shown", "similarity", "exact"]

    assert nearest.copies([], ["a real text"]).columns.tolist() == columns
    assert nearest.copies(["a made text"], []).empty
