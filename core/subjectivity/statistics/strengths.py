"""Bradley-Terry strengths by maximum likelihood, and how uncertain they are when answers of one rater hang together."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special, stats
from scipy.sparse import csgraph

from core.errors import StudyError
from core.subjectivity.statistics.tallies import Tally

Floats = npt.NDArray[np.float64]

PRIOR = 1.0  # virtual ties per name, spread evenly over the others
SETTLED, LIMIT, HALVINGS = 1e-9, 200, 40
ROUNDING = 1e-9


@dataclass(frozen=True)
class Estimate:
    """Strengths of the names of `tally` (`value`, natural log, mean 0). Without a finite estimate (not `connected`) they
    are those with one virtual tie per name. `covariance`, names x names, is nan where unknown; `t` is Student's, for the
    confidence asked for."""

    tally: Tally
    connected: bool
    value: Floats
    covariance: Floats
    t: float

    @property
    def margins(self) -> Floats:
        """Half the width of every strength's interval; nan where unknown or where raters leave no spread."""
        return self.t * _errors(np.diag(self.covariance))

    @property
    def margins_of_differences(self) -> Floats:
        """Half the width of the interval of every difference (names x names); nan as `margins`."""
        own = np.diag(self.covariance)
        return self.t * _errors(own[:, None] + own[None, :] - 2 * self.covariance)


def estimate(tally: Tally, *, confidence: float = 0.95) -> Estimate:
    """Strengths and what their intervals rest on: the covariance of `covariance` and t with one degree of freedom less
    than it has units."""
    k = len(tally.names)
    if not connected(tally.wins):
        value = log_strengths(tally.wins + prior(k))
        return Estimate(tally, False, value, np.full((k, k), np.nan), float("nan"))
    value = log_strengths(tally.wins)
    spread, units = covariance(tally, value)
    return Estimate(tally, True, value, spread, float(stats.t.ppf((1 + confidence) / 2, max(units - 1, 1))))


def log_strengths(wins: Floats) -> Floats:
    """Natural-log strengths with mean 0 that maximise sum_ij w_ij log P(i over j), P = 1 / (1 + exp(b - a)).

    `wins` (names x names) must be `connected`: only then is there a maximum (Ford 1957). Newton's method on a concave
    function, with halved steps where a whole one would go down.
    """
    k = len(wins)
    n = wins + wins.T
    value = np.zeros(k)
    for _ in range(LIMIT):
        p = special.expit(value[:, None] - value[None, :])
        score = (wins - n * p).sum(axis=1)
        a = information(n, p)
        step = _not_too_far(wins, value, np.linalg.solve(a + _shift(a), score))
        value = value + step
        if np.abs(step).max() <= SETTLED * (1 + np.abs(value).max()):
            value = value - value.mean()
            return np.where(np.abs(value) > SETTLED, value, 0.0)
    raise StudyError(f"The strengths did not settle in {LIMIT} steps: some names win almost every time. Collect more.")


def connected(wins: Floats) -> bool:
    """Whether every name beats every other, directly or through others."""
    return int(components(wins > 0).max()) == 0


def components(edges: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """The strongly connected component of every name, from 0; `edges` (names x names) go from row to column."""
    return np.asarray(csgraph.connected_components(edges, directed=True, connection="strong")[1])


def prior(k: int) -> Floats:
    """`PRIOR` virtual ties for each of k names, as wins: half a win either way in every pair, by k - 1."""
    return np.asarray((np.ones((k, k)) - np.eye(k)) * PRIOR / 2 / (k - 1))


def covariance(tally: Tally, value: Floats) -> tuple[Floats, int]:
    """Covariance of the strengths (names x names), and the number of units its spread comes from.

    The cluster-robust sandwich A⁺ B A⁺ with B = G / (G - 1) sum_g s_g s_g', where A is the information and s_g the score
    of rater g at the estimate; so neither the answers of one rater nor what one rater thinks has to be like the others'.
    With one rater the units are the answers. All nan with fewer than two units. Source: Liang and Zeger (1986), theorem 1
    (answers of a rater taken as independent in the estimate, not in its variance).
    """
    k = len(tally.names)
    p = special.expit(value[:, None] - value[None, :])
    bread = _inverse(information(tally.wins + tally.wins.T, p))
    residual = tally.share - p[tally.left, tally.right]
    units = tally.n_raters if tally.n_raters > 1 else len(residual)
    if units < 2:
        return np.full((k, k), np.nan), units
    meat = _over_raters(tally, residual) if tally.n_raters > 1 else _over_answers(tally, residual)
    return bread @ meat @ bread * (units / (units - 1)), units


def information(n: Floats, p: Floats) -> Floats:
    """Fisher information of the strengths (names x names, rank names - 1) from comparisons made and P(row over column)."""
    q = n * p * (1 - p)
    return np.asarray(np.diag(q.sum(axis=1)) - q)


def _errors(variances: Floats) -> Floats:
    errors = np.sqrt(np.maximum(variances, 0.0))
    return np.where(errors > ROUNDING, errors, np.nan)


def _inverse(a: Floats) -> Floats:
    """Generalised inverse of an information: what it leaves open, a shift of all strengths, stays 0."""
    k = len(a)
    return np.asarray(np.linalg.inv(a + _shift(a)) - 1 / (_shift(a) * k**2))


def _shift(a: Floats) -> Floats:
    """What gives an information full rank without touching what it knows: the same for every cell, of its own size."""
    return np.full(a.shape, np.trace(a) / len(a) ** 2)


def _not_too_far(wins: Floats, value: Floats, step: Floats) -> Floats:
    before = _log_likelihood(wins, value)
    for _ in range(HALVINGS):
        if _log_likelihood(wins, value + step) >= before - SETTLED * abs(before):
            break
        step = step / 2
    return step


def _log_likelihood(wins: Floats, value: Floats) -> float:
    return -float((wins * np.logaddexp(0.0, value[None, :] - value[:, None])).sum())


def _over_raters(tally: Tally, residual: Floats) -> Floats:
    k = len(tally.names)
    cells, size = tally.rater * k, tally.n_raters * k
    score = np.bincount(cells + tally.left, weights=residual, minlength=size)
    score -= np.bincount(cells + tally.right, weights=residual, minlength=size)
    s = score.reshape(tally.n_raters, k)
    return np.asarray(s.T @ s)


def _over_answers(tally: Tally, residual: Floats) -> Floats:
    squares = tally.by_pair(residual**2)
    squares = squares + squares.T
    return np.asarray(np.diag(squares.sum(axis=1)) - squares)
