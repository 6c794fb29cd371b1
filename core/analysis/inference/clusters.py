"""Least squares with rows that hang together in clusters: CR2 covariance and Satterthwaite degrees of freedom.

In a study the clusters are tasks: the arms and encoders of one task share its texts, its real score and its subjectivity,
so only tasks count as independent.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from core.errors import StudyError

Floats = npt.NDArray[np.float64]

DETERMINED = 1e-9  # a column that lies this near to the span of the other columns is determined by them
SMALLEST_ROOT = 1e-10  # eigenvalues of a cluster's residual maker below this are 0
NO_ERROR = 1e-9  # residuals below this share of the outcome's spread are rounding
FLAT = 1e-12  # so is what lies below this share of the largest outcome, as of an outcome that is always the same
SEEN = 1 - 1e-6  # share of a coefficient's variance that residuals must show, for the rest has left none


@dataclass(frozen=True)
class Fit:
    """A regression with its cluster-robust covariance.

    `values` (k): the coefficients. `covariance` (k x k): CR2, nan where the data leave no residuals, for then nothing tells how
    far a coefficient could be off, and in the row and column of a coefficient that is unknown without one of the clusters: the error of
    that cluster goes into it whole and leaves no residual. `df` (k): Satterthwaite degrees of freedom of each coefficient, at most
    the number of clusters minus 1. `is_exact`: whether there are no residuals at all.
    """

    values: Floats
    covariance: Floats
    df: Floats
    n: int
    n_clusters: int
    is_exact: bool = False

    def coefficient(self, column: int, *, confidence: float = 0.95) -> "Coefficient":
        """One coefficient with its interval and the two-sided p of the value 0."""
        value, se, df = float(self.values[column]), math.sqrt(self.covariance[column, column]), float(self.df[column])
        if not math.isfinite(se):
            return Coefficient(value, math.nan, math.nan, math.nan, math.nan, math.nan)
        half = float(stats.t.ppf((1 + confidence) / 2, df)) * se
        return Coefficient(value, value - half, value + half, se, df, float(2 * stats.t.sf(abs(value) / se, df)))


@dataclass(frozen=True)
class Coefficient:
    """One coefficient, its limits, standard error, degrees of freedom and p; all but the value are nan without residuals."""

    value: float
    low: float
    high: float
    se: float
    df: float
    p: float


def fit(design: npt.ArrayLike, outcome: npt.ArrayLike, clusters: npt.ArrayLike) -> Fit:
    """The regression of `outcome` (n) on `design` (n x k), with errors that may be correlated within the values of `clusters`
    (n) and have any variance.

    Raises `StudyError` if a column of the design is determined by the others, or there are fewer than 2 clusters.
    Source: Bell and McCaffrey (2002), Survey Methodology 28; Pustejovsky and Tipton (2018), JBES 36, with the identity as
    working covariance.
    """
    x, y = np.asarray(design, dtype=float), np.asarray(outcome, dtype=float)
    members = _members(np.asarray(clusters))
    size = np.linalg.norm(x, axis=0)
    if not size.all() or np.linalg.matrix_rank(x / size, tol=DETERMINED) < x.shape[1]:
        raise StudyError("A predictor is determined by the other columns of the regression, so its slope is unknown.")
    if len(members) < 2:
        raise StudyError(f"A cluster-robust interval needs 2 clusters at least; found {len(members)}.")
    solve = np.linalg.pinv(x)
    values = solve @ y
    residual, maker = y - x @ values, np.eye(len(y)) - x @ solve  # residual = maker @ y
    weights = np.zeros((x.shape[1], len(members), len(y)))
    for row, own in enumerate(members):
        weights[:, row, own] = (_inverse_root(maker[np.ix_(own, own)]) @ (solve @ solve.T @ x[own].T).T).T
    moved = weights @ residual  # coefficients x clusters
    if np.abs(residual).max() <= max(NO_ERROR * float(np.ptp(y)), FLAT * float(np.abs(y).max())):
        nothing = np.full(x.shape[1], math.nan)
        return Fit(values, np.full((x.shape[1], x.shape[1]), math.nan), nothing, len(y), len(members), is_exact=True)
    grams = [(own @ maker) @ (own @ maker).T for own in weights]
    shown = np.array([np.trace(gram) for gram in grams]) / (solve**2).sum(
        axis=1
    )  # CR2's mean by the true variance, with equal errors
    is_seen = shown >= SEEN
    df = np.array(
        [np.trace(gram) ** 2 / (gram**2).sum() if seen else math.nan for gram, seen in zip(grams, is_seen, strict=True)]
    )
    covariance = np.where(np.outer(is_seen, is_seen), moved @ moved.T, math.nan)
    return Fit(values, covariance, df, len(y), len(members))


def dummies(values: npt.ArrayLike) -> Floats:
    """Indicator columns of all values but the first (n x (distinct values - 1)); no column if all values are equal."""
    given = np.asarray(values)
    distinct = list(dict.fromkeys(given.tolist()))
    return np.column_stack([given == value for value in distinct[1:]] or [np.empty((len(given), 0))]).astype(float)


def _members(clusters: npt.NDArray[Any]) -> list[npt.NDArray[np.intp]]:
    """The places of each cluster's rows, in the order in which clusters first occur."""
    return [np.flatnonzero(clusters == name) for name in dict.fromkeys(clusters.tolist())]


def _inverse_root(block: Floats) -> Floats:
    """The symmetric inverse square root of a positive semidefinite matrix; directions with eigenvalue 0 are left out."""
    values, vectors = np.linalg.eigh(block)
    roots = np.where(values > SMALLEST_ROOT, 1 / np.sqrt(np.maximum(values, SMALLEST_ROOT)), 0.0)
    return np.asarray((vectors * roots) @ vectors.T)
