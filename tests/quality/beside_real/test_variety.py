"""Variety against closed forms and definitions."""

import math
import zlib

import numpy as np
import pytest

from core.quality.beside_real import variety


def test_vendi_score_counts_directions() -> None:
    axes = np.eye(6)

    assert variety.vendi_score(axes) == pytest.approx(6)
    assert variety.vendi_score(np.repeat(axes[:1], 5, axis=0)) == pytest.approx(1)
    assert variety.vendi_score(np.repeat(axes[:3], 4, axis=0)) == pytest.approx(3)
    assert math.isnan(variety.vendi_score(axes[:0]))


@pytest.mark.parametrize("n", [5, 40])
def test_vendi_score_is_the_entropy_of_the_eigenvalues_of_all_cosines(n: int) -> None:
    rows = np.random.default_rng(0).normal(size=(n, 12)) + 0.5
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    shares = np.linalg.eigvals(unit @ unit.T / n).real
    shares = shares[shares > 1e-12]

    assert variety.vendi_score(rows) == pytest.approx(math.prod(shares**-shares), rel=1e-9)


def test_two_texts_have_the_score_of_their_cosine() -> None:
    shares = np.array([0.8, 0.2])  # (1 + c) / 2 and (1 - c) / 2 for a cosine of 0.6

    assert variety.vendi_score(np.array([[1, 0], [0.6, 0.8]])) == pytest.approx(
        np.exp(-(shares * np.log(shares)).sum())
    )


def test_repeated_texts_are_compressed_more() -> None:
    letters = np.random.default_rng(1).choice(list("abcdefghijklmnop"), size=(50, 40))
    texts = ["".join(row) for row in letters]

    assert variety.compression_ratio(texts) == len("\n".join(texts)) / len(zlib.compress("\n".join(texts).encode(), 9))
    assert variety.compression_ratio(texts[:5] * 10) > 3 * variety.compression_ratio(texts)
    assert variety.compression_ratio(["ü" * 50]) > variety.compression_ratio(["u" * 50])
    assert math.isnan(variety.compression_ratio(["", ""]))
