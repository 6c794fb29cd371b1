"""Likeness to real texts against closed forms, other libraries and definitions."""

import math

import numpy as np
import pytest
from scipy import linalg, stats
from sklearn.decomposition import PCA
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.neighbors import NearestNeighbors

from core.errors import StudyError
from core.quality.beside_real import likeness

WIDTH = 60


def cloud(n: int, *, shift: float = 0.0, d: int = WIDTH, seed: int = 0) -> np.ndarray:
    """Unit vectors, shape (n, d), around a direction that depends on `shift`."""
    rows = np.random.default_rng(seed).normal(size=(n, d)) + 0.5
    rows[:, 0] += shift
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_frechet_distance_is_the_published_formula_on_components_of_the_real_texts() -> None:
    own, real = cloud(90, shift=2, seed=1), cloud(120)
    fitted = PCA(50, svd_solver="full").fit(real)
    a, b = fitted.transform(own), fitted.transform(real)
    s, t = np.cov(a.T), np.cov(b.T)

    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s + t - 2 * linalg.sqrtm(s @ t).real)

    assert likeness.frechet_distance(own, real) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_of_a_moved_copy_is_the_square_of_the_way() -> None:
    real = cloud(80, d=50)
    turned = real @ np.linalg.qr(np.random.default_rng(2).normal(size=(50, 50)))[0]

    assert likeness.frechet_distance(real, real) == pytest.approx(0, abs=1e-9)
    assert likeness.frechet_distance(turned, real) > 0.01
    assert math.isnan(likeness.frechet_distance(real[:50], real))
    assert math.isnan(likeness.frechet_distance(cloud(80, d=20), cloud(80, d=20)))


@pytest.mark.parametrize("n", [40, likeness.BLOCK + 3])
def test_recall_is_the_share_of_real_texts_inside_the_balls_of_the_arm(n: int) -> None:
    own, real = cloud(n, shift=1, d=8, seed=1), cloud(60, d=8)
    radii = NearestNeighbors(n_neighbors=4).fit(own).kneighbors(own)[0][:, 3]  # the first neighbour is the text itself
    apart = np.linalg.norm(real[:, None] - own[None], axis=2)

    found = likeness.recall(own, real)

    assert found == pytest.approx((apart <= radii).any(axis=1).mean())
    assert 0 < found < 1
    assert likeness.recall(real, real) == 1
    assert math.isnan(likeness.recall(own[:3], real))
    assert math.isnan(likeness.recall(own, real[:0]))


def test_recall_falls_where_an_arm_covers_a_part_of_the_real_texts_only() -> None:
    noise = 0.1 * np.random.default_rng(0).normal(size=(400, 8))
    first, second = noise[:200] + np.eye(8)[0], noise[200:] + np.eye(8)[1]
    real = np.concatenate([first[:100], second[:100]])

    assert likeness.recall(first[100:], real) == pytest.approx(0.5, abs=0.1)
    assert likeness.recall(np.concatenate([first[100:], second[100:]]), real) > 0.8


@pytest.mark.parametrize("n", [30, likeness.BLOCK + 3])
def test_mmd_is_the_unbiased_estimate_with_the_median_of_real_distances(n: int) -> None:
    own, real = cloud(n, shift=1, d=8, seed=1), cloud(50, d=8)
    squared = ((real[:, None] - real[None]) ** 2).sum(axis=2)[np.triu_indices(50, 1)]
    kernel = rbf_kernel(np.concatenate([own, real]), gamma=1 / (2 * np.median(squared)))
    among, among_real, between = kernel[:n, :n], kernel[n:, n:], kernel[:n, n:]

    expected = (among.sum() - n) / (n * (n - 1)) + (among_real.sum() - 50) / (50 * 49) - 2 * between.mean()

    assert likeness.mmd(own, real) == pytest.approx(expected, abs=1e-9)
    assert math.isnan(likeness.mmd(own[:1], real))
    assert math.isnan(likeness.mmd(own, np.repeat(real[:1], 50, axis=0)))


def test_mmd_of_the_same_source_is_zero_on_average() -> None:
    found = [likeness.mmd(cloud(40, d=8, seed=2 * k), cloud(40, d=8, seed=2 * k + 1)) for k in range(100)]

    assert abs(np.mean(found)) < 3 * stats.sem(found)
    assert min(found) < 0


def test_separability_is_half_for_the_same_source_and_one_for_others() -> None:
    real = cloud(150)

    same, other = likeness.separability(cloud(150, seed=1), real), likeness.separability(cloud(200, shift=9), real)

    assert same.low < 0.5 < same.high
    assert same.n == other.n == 300
    assert other.value > 0.97
    assert math.isnan(likeness.separability(real[:4], real).value)


def test_another_encoder_s_embeddings_are_refused() -> None:
    with pytest.raises(StudyError, match="60 columns and the real ones 8"):
        likeness.mmd(cloud(9), cloud(9, d=8))
