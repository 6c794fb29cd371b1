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

SMALLEST_ROOT = (
    1e-10  # smaller eigenvalues of a cluster's residual maker are 0: the cluster determines a coefficient alone
)
NO_ERROR = 1e-9  # a standard error below this share of the outcome's spread is rounding


@dataclass(frozen=True)
class Coefficient:
    """One coefficient of a regression with its cluster-robust interval.

    `se`: CR2 standard error, in units of the outcome per unit of the predictor. `df`: Satterthwaite degrees of freedom, at
    most the number of clusters minus 1. `p`: two-sided, of the value 0. `se`, `df`, `p`, `low`, `high` are nan where the data
    leave no residuals, for then nothing tells how far the coefficient could be off.
    """

    value: float
    se: float
    df: float
    p: float
    low: float
    high: float
    n: int
    n_clusters: int
    confidence: float


def least_squares(design: npt.ArrayLike, outcome: npt.ArrayLike) -> Floats:
    """The coefficients of the regression of `outcome` (n) on `design` (n x k); the shortest solution if columns are dependent."""
    found, *_ = np.linalg.lstsq(np.asarray(design, dtype=float), np.asarray(outcome, dtype=float), rcond=None)
    return np.asarray(found)


def coefficient(
    design: npt.ArrayLike,
    outcome: npt.ArrayLike,
    clusters: npt.ArrayLike,
    *,
    column: int,
    confidence: float = 0.95,
) -> Coefficient:
    """The coefficient of one column of `design` (n x k) in the regression of `outcome` (n), with errors that may be
    correlated within the values of `clusters` (n) and have any variance.

    Raises `StudyError` if the column is determined by the other columns, or there are fewer than 2 clusters.
    Source: Bell and McCaffrey (2002), Survey Methodology 28; Pustejovsky and Tipton (2018), JBES 36, with the identity as
    working covariance.
    """
    x, y = np.asarray(design, dtype=float), np.asarray(outcome, dtype=float)
    members = _members(np.asarray(clusters))
    others = np.delete(x, column, axis=1)
    left = x[:, column] - others @ least_squares(others, x[:, column])
    if np.abs(left).max() <= NO_ERROR * max(np.abs(x[:, column]).max(), NO_ERROR):
        raise StudyError(
            "The predictor is determined by the other columns of the regression; its slope cannot be told."
        )
    if len(members) < 2:
        raise StudyError(f"A cluster-robust interval needs 2 clusters at least; found {len(members)}.")
    solve = np.linalg.pinv(x)
    bread, b = solve @ solve.T, solve @ y
    residual = y - x @ b
    maker = np.eye(len(y)) - x @ solve  # residual = maker @ y
    weights = np.zeros((len(members), len(y)))
    for row, own in enumerate(members):
        weights[row, own] = _inverse_root(maker[np.ix_(own, own)]) @ x[own] @ bread[:, column]
    variance = float(((weights @ residual) ** 2).sum())
    spread = float(np.ptp(y)) * float(np.abs(solve[column]).max())
    if math.sqrt(variance) <= NO_ERROR * spread or variance == 0:
        nan = math.nan
        return Coefficient(float(b[column]), nan, nan, nan, nan, nan, len(y), len(members), confidence)
    projected = weights @ maker
    gram = projected @ projected.T
    df = float(np.trace(gram) ** 2 / (gram**2).sum())
    se = math.sqrt(variance)
    half = float(stats.t.ppf((1 + confidence) / 2, df)) * se
    p = float(2 * stats.t.sf(abs(b[column]) / se, df))
    value = float(b[column])
    return Coefficient(value, se, df, p, value - half, value + half, len(y), len(members), confidence)


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
