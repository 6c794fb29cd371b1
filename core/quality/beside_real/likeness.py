"""Measure how like real texts the texts of an arm are, from embeddings: Fréchet distance, recall, MMD, separability."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import StudyError
from core.interval import Interval, undefined, wilson
from core.quality import diversity

COMPONENTS = 50  # principal components of the Fréchet distance
NEIGHBOURS = 3  # of a text, for recall
FOLDS = 5
BLOCK = 1024  # rows compared at once

Floats = NDArray[np.float64]


def frechet_distance(embeddings: NDArray[Any], real: NDArray[Any], *, components: int = COMPONENTS) -> float:
    """The Fréchet distance between the two clouds of texts, on the real texts' principal components; 0 = alike, no upper end.

    |m - m'|^2 + trace(S + S' - 2 (S S')^(1/2)) with the means m and covariances S of the unit vectors, projected on
    `components` components that are fitted on the real texts (Heusel et al. 2017, with PCA in place of all dimensions, so
    that a few hundred texts suffice). It falls as texts are added: compare arms of equal size. Embeddings have shape (n, d).
    nan if either side has no more texts than components, as a covariance then lacks directions, or if d < `components`.
    """
    own, reference = _units(embeddings, real)
    if min(len(own), len(reference)) <= components or reference.shape[1] < components:
        return math.nan
    centre = reference.mean(axis=0)
    axes = np.linalg.svd(reference - centre, full_matrices=False)[2][:components].T
    clouds = [(side - centre) @ axes for side in (own, reference)]
    (mean, spread), (real_mean, real_spread) = [(cloud.mean(axis=0), np.cov(cloud.T)) for cloud in clouds]
    root = _root(real_spread)
    overlap = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ spread @ root), 0)).sum()
    return max(0.0, float(((mean - real_mean) ** 2).sum() + np.trace(spread) + np.trace(real_spread) - 2 * overlap))


def recall(embeddings: NDArray[Any], real: NDArray[Any], *, k: int = NEIGHBOURS) -> float:
    """The share of real texts, in [0, 1], that lie as near to a text of the arm as its `k`-th nearest text of the arm does.

    Higher = the arm covers more of the real texts (Kynkäänniemi et al. 2019, equation 2, with cosines in place of Euclidean
    distances, which order unit vectors alike). It rises with the number of texts of the arm and falls as they lie closer
    together. Embeddings have shape (n, d). nan if there are no real texts or no more than `k` texts of the arm.
    """
    own, reference = _units(embeddings, real)
    if len(own) <= k or not len(reference):
        return math.nan
    limits = np.concatenate(
        [np.partition(_without_itself(block, start), -k, axis=1)[:, -k] for start, block in _blocks(own, own)]
    )
    inside = sum(int((block >= limits).any(axis=1).sum()) for _, block in _blocks(reference, own))
    return inside / len(reference)


def mmd(embeddings: NDArray[Any], real: NDArray[Any]) -> float:
    """The squared maximum mean discrepancy between the two clouds of texts; about 0 = alike, at most 2, below 0 by chance.

    The unbiased estimate of Gretton et al. (2012, equation 3) with the kernel exp(-|x - y|^2 / (2 s^2)); s^2 is the median
    squared distance between two real texts, so that all arms of a task have the same kernel. Its expected value does not
    depend on the number of texts. Embeddings have shape (n, d). nan with fewer than two texts on either side, or if half
    of the pairs of real texts are equal.
    """
    own, reference = _units(embeddings, real)
    if min(len(own), len(reference)) < 2:
        return math.nan
    width = _median_squared_distance(reference)
    if width <= 0:
        return math.nan
    among, among_real = (_mean_kernel(side, side, width) for side in (own, reference))
    return among + among_real - 2 * _mean_kernel(own, reference, width)


def separability(embeddings: NDArray[Any], real: NDArray[Any], *, seed: int = 0) -> Interval:
    """The accuracy, in [0, 1], with which a classifier tells the arm's texts from real texts; 0.5 = not at all.

    A classifier two-sample test (Lopez-Paz and Oquab 2017): logistic regression on embeddings scaled to a mean square of 1,
    five-fold cross-validation, so that every text is tested once. The larger side is cut at random to the size of the
    smaller. Wilson's interval over the 2n texts, as if all folds had the same classifier. Embeddings have shape (n, d). nan
    with fewer than `FOLDS` texts on either side.
    """
    own, reference = _units(embeddings, real)
    n = min(len(own), len(reference))
    if n < FOLDS:
        return undefined(2 * n)
    from sklearn.linear_model import LogisticRegression  # heavy: only jobs load it
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    rng = np.random.default_rng(seed)
    rows = np.concatenate([side[rng.permutation(len(side))[:n]] for side in (own, reference)])
    is_real = np.repeat([0, 1], n)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    model = LogisticRegression(max_iter=1000)
    answers = cross_val_predict(model, rows * math.sqrt(rows.shape[1]), is_real, cv=folds)
    return wilson(int((answers == is_real).sum()), 2 * n)


def _units(embeddings: NDArray[Any], real: NDArray[Any]) -> tuple[Floats, Floats]:
    """Both sides as unit vectors. Raises `StudyError` if they have different widths."""
    widths = [np.shape(rows)[-1] for rows in (embeddings, real)]
    if widths[0] != widths[1]:
        raise StudyError(
            f"The arm's embeddings have {widths[0]} columns and the real ones {widths[1]}. Make both with the same encoder."
        )
    return diversity.unit_rows(embeddings), diversity.unit_rows(real)


def _root(matrix: Floats) -> Floats:
    """The symmetric square root of a covariance matrix."""
    values, vectors = np.linalg.eigh(matrix)
    root: Floats = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return root


def _blocks(rows: Floats, others: Floats) -> Iterator[tuple[int, Floats]]:
    """The cosines of `BLOCK` rows at a time to all `others`, with the index of the block's first row."""
    for start in range(0, len(rows), BLOCK):
        yield start, np.clip(rows[start : start + BLOCK] @ others.T, -1.0, 1.0)


def _without_itself(block: Floats, start: int) -> Floats:
    """A block of cosines among the same rows, in which no row is near to itself."""
    places = np.arange(len(block))
    block[places, start + places] = -np.inf
    return block


def _median_squared_distance(rows: Floats) -> float:
    """The median of |x - y|^2 over pairs of different rows, from at most `BLOCK` evenly spaced rows."""
    some = rows[np.linspace(0, len(rows) - 1, min(len(rows), BLOCK)).astype(int)]
    pairs = np.triu_indices(len(some), 1)
    return float(np.median(2 - 2 * np.clip(some @ some.T, -1.0, 1.0)[pairs]))


def _mean_kernel(rows: Floats, others: Floats, width: float) -> float:
    """The mean of exp(-|x - y|^2 / (2 width)) over pairs; over pairs of different rows if both sides are the same."""
    total = sum(float(np.exp((block - 1.0) / width).sum()) for _, block in _blocks(rows, others))
    if rows is others:
        return (total - len(rows)) / (len(rows) * (len(rows) - 1))
    return total / (len(rows) * len(others))
