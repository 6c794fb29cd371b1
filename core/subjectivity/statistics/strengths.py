"""Bradley-Terry strengths by maximum likelihood, with a covariance that is robust to dependence within raters."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special
from scipy.sparse import csgraph

from core.errors import StudyError
from core.subjectivity.statistics import intervals
from core.subjectivity.statistics.counts import Floats
from core.subjectivity.statistics.tallies import Tally

PRIOR = 1.0  # virtual ties per name, spread evenly over the other names
TOLERANCE, MOST_STEPS, HALVINGS = 1e-9, 200, 40
ROUNDING = 1e-9  # standard errors below are rounding errors of 0


@dataclass(frozen=True)
class Estimate:
    """Strengths of the names of `tally` with their covariance.

    `value`: natural-log strengths, mean 0; with one virtual tie per name if no finite maximum exists (`connected` is
    false). `covariance`: names x names, nan if unknown. `t`: the quantile of Student's t for the wanted confidence.
    """

    tally: Tally
    connected: bool
    value: Floats
    covariance: Floats
    t: float

    @property
    def errors(self) -> Floats:
        """The standard error of each strength; nan if the covariance is unknown or the standard error is 0."""
        return _standard_errors(np.diag(self.covariance))

    @property
    def margins(self) -> Floats:
        """Half the width of each strength's interval; nan as in `errors`."""
        return self.t * self.errors

    @property
    def margins_of_differences(self) -> Floats:
        """Half the width of the interval of each difference of strengths (names x names); nan as in `margins`."""
        variance = np.diag(self.covariance)
        return self.t * _standard_errors(variance[:, None] + variance[None, :] - 2 * self.covariance)


def estimate(tally: Tally, *, confidence: float = 0.95) -> Estimate:
    """Estimate the strengths, their covariance, and the t quantile with (units of the covariance - 1) degrees of freedom."""
    k = len(tally.names)
    if not connected(tally.wins):
        value = log_strengths(tally.wins + prior(k))
        return Estimate(tally, False, value, np.full((k, k), np.nan), float("nan"))
    value = log_strengths(tally.wins)
    spread, units = covariance(tally, value)
    t = intervals.student_quantile((1 + confidence) / 2, df=max(units - 1, 1))
    return Estimate(tally, True, value, spread, t)


def log_strengths(wins: Floats) -> Floats:
    """Compute the natural-log strengths with mean 0 that maximise sum_ij w_ij log P(i over j), P = 1 / (1 + exp(b - a)).

    `wins` (names x names) must be `connected`, otherwise no maximum exists (Ford 1957). Newton's method; a step that
    would lower the likelihood is halved. Raises `StudyError` if the steps do not converge.
    """
    k = len(wins)
    n = wins + wins.T
    value = np.zeros(k)
    for _ in range(MOST_STEPS):
        p = special.expit(value[:, None] - value[None, :])
        score = (wins - n * p).sum(axis=1)
        a = information(n, p)
        step = _damped(wins, value, np.linalg.solve(a + _shift(a), score))
        value = value + step
        if np.abs(step).max() <= TOLERANCE * (1 + np.abs(value).max()):
            value = value - value.mean()
            return np.where(np.abs(value) > TOLERANCE, value, 0.0)
    raise StudyError(
        f"The strengths did not settle in {MOST_STEPS} steps: some names win almost every time. Collect more."
    )


def connected(wins: Floats) -> bool:
    """Whether every name beats every other name, directly or through further names."""
    return int(components(wins > 0).max()) == 0


def components(edges: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """The strongly connected component of each name, from 0; `edges` (names x names) lead from row to column."""
    return np.asarray(csgraph.connected_components(edges, directed=True, connection="strong")[1])


def prior(k: int) -> Floats:
    """Table of wins (k x k) from `PRIOR` virtual ties per name: PRIOR / (2 (k - 1)) wins each way for every pair."""
    return np.asarray((np.ones((k, k)) - np.eye(k)) * PRIOR / 2 / (k - 1))


def covariance(tally: Tally, value: Floats) -> tuple[Floats, int]:
    """Compute the covariance of the strengths (names x names), and return it with its number of independent units.

    Cluster-robust sandwich A⁺ B A⁺ with B = G / (G - 1) sum_g s_g s_g': A is the information, s_g the score of rater g
    at the estimate, G the number of raters. It allows for comparisons of one rater that depend on each other. With one
    rater the units are the comparisons. All entries are nan with fewer than two units. Source: Liang and Zeger (1986),
    theorem 1, with working independence.
    """
    k = len(tally.names)
    p = special.expit(value[:, None] - value[None, :])
    bread = _inverse(information(tally.wins + tally.wins.T, p))
    residual = tally.share - p[tally.left, tally.right]
    units = tally.n_raters if tally.n_raters > 1 else len(residual)
    if units < 2:
        return np.full((k, k), np.nan), units
    meat = _squared_scores_of_raters(tally, residual) if tally.n_raters > 1 else _squared_scores(tally, residual)
    return bread @ meat @ bread * (units / (units - 1)), units


def information(n: Floats, p: Floats) -> Floats:
    """Fisher information of the strengths (names x names, rank names - 1).

    `n`: comparisons of each pair. `p`: probability that the row wins over the column.
    """
    q = n * p * (1 - p)
    return np.asarray(np.diag(q.sum(axis=1)) - q)


def _standard_errors(variances: Floats) -> Floats:
    """Square roots of the variances; nan where the root is 0 up to rounding."""
    errors = np.sqrt(np.maximum(variances, 0.0))
    return np.where(errors > ROUNDING, errors, np.nan)


def _inverse(a: Floats) -> Floats:
    """Generalised inverse of an information matrix, with variance 0 for the undetermined mean of all strengths."""
    k = len(a)
    return np.asarray(np.linalg.inv(a + _shift(a)) - 1 / (_shift(a) * k**2))


def _shift(a: Floats) -> Floats:
    """A constant matrix, of the size of the information's entries, that gives the information full rank when added."""
    return np.full(a.shape, np.trace(a) / len(a) ** 2)


def _damped(wins: Floats, value: Floats, step: Floats) -> Floats:
    """The Newton step, halved until the likelihood does not fall."""
    before = _log_likelihood(wins, value)
    for _ in range(HALVINGS):
        if _log_likelihood(wins, value + step) >= before - TOLERANCE * abs(before):
            break
        step = step / 2
    return step


def _log_likelihood(wins: Floats, value: Floats) -> float:
    """Bradley-Terry log likelihood of the strengths `value`."""
    return -float((wins * np.logaddexp(0.0, value[None, :] - value[:, None])).sum())


def _squared_scores_of_raters(tally: Tally, residual: Floats) -> Floats:
    """sum_g s_g s_g' over raters g (names x names)."""
    k = len(tally.names)
    cells, size = tally.rater * k, tally.n_raters * k
    score = np.bincount(cells + tally.left, weights=residual, minlength=size)
    score -= np.bincount(cells + tally.right, weights=residual, minlength=size)
    s = score.reshape(tally.n_raters, k)
    return np.asarray(s.T @ s)


def _squared_scores(tally: Tally, residual: Floats) -> Floats:
    """sum_c s_c s_c' over single comparisons c (names x names)."""
    squares = tally.by_pair(residual**2)
    squares = squares + squares.T
    return np.asarray(np.diag(squares.sum(axis=1)) - squares)
