"""The gap to expect for a task that was not trained yet, from the gaps of other tasks and their subjectivity.

For one kind of arm, with z the subjectivity of a task on its scale:

    gap of task k = a + b z_k + u_k,   u_k ~ N(0, (tau exp(g z_k))^2),   measured with standard error s_k

a and b have normal priors, tau (how much tasks differ beyond their subjectivity) a half-normal one, g (how much more subjective
tasks differ) is one of a few values. Given tau and g all is normal and in closed form, so the posterior is a sum over a grid.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

Floats = npt.NDArray[np.float64]

TAU_SCALE = 0.15  # of the half-normal prior
TAUS = np.geomspace(0.004, 0.6, 48)
GROWTHS = np.array([0.0, 0.3, 0.6])
STEEPEST = 2.0  # g z is kept within this of 0, so that a task far out does not make the spread absurd
NARROWEST_ERROR = 0.01  # no gap is known better than this


@dataclass(frozen=True)
class LinePrior:
    """What is assumed of gap = a + b z before any task was seen: means and standard deviations of a and b, in score units."""

    a: float
    a_sd: float
    b: float
    b_sd: float


@dataclass(frozen=True)
class Measured:
    """The gap of one task of the study: `z` its subjectivity on the scale, `gap` in [-1, 1], `se` the standard error of `gap`."""

    z: float
    gap: float
    se: float


@dataclass(frozen=True)
class Mixture:
    """A distribution of a gap: normal distributions with `mean`, `variance` and `weight` (each: grid; weights sum to 1)."""

    mean: Floats
    variance: Floats
    weight: Floats

    @property
    def expected(self) -> float:
        """The mean of the distribution."""
        return float(self.weight @ self.mean)

    @property
    def sd(self) -> float:
        """The standard deviation of the distribution."""
        return math.sqrt(float(self.weight @ (self.variance + (self.mean - self.expected) ** 2)))

    def below(self, gap: float) -> float:
        """The probability of a gap of at most `gap`."""
        return float(self.weight @ special.ndtr((gap - self.mean) / np.sqrt(self.variance)))

    def quantile(self, share: float) -> float:
        """The gap that is exceeded with probability 1 - `share`."""
        reach = 8 * np.sqrt(self.variance)
        lowest, highest = float((self.mean - reach).min()), float((self.mean + reach).max())
        return float(optimize.brentq(lambda gap: self.below(gap) - share, lowest, highest, xtol=1e-6))

    def measured(self, gap: float, se: float) -> "Mixture":
        """The distribution of the true gap after it was measured as `gap` with standard error `se`."""
        error = max(se, NARROWEST_ERROR) ** 2
        total = self.variance + error
        log = np.log(np.maximum(self.weight, 1e-300)) - 0.5 * (np.log(total) + (gap - self.mean) ** 2 / total)
        variance = 1 / (1 / self.variance + 1 / error)
        return Mixture(variance * (self.mean / self.variance + gap / error), variance, _normalised(log))

    def spread(self, variance: float) -> "Mixture":
        """The distribution of a gap that differs from this one by something of mean 0 and this variance."""
        return Mixture(self.mean, self.variance + variance, self.weight)

    def blurred(self, se: float) -> "Mixture":
        """The distribution of a measurement of the gap with standard error `se`."""
        return Mixture(self.mean, self.variance + max(se, NARROWEST_ERROR) ** 2, self.weight)


@dataclass(frozen=True)
class Posterior:
    """What is known of the line and of the spread of tasks around it after some tasks were seen.

    On the grid of tau and g: `weight` (grid), `line` (grid x 2) the means of a and b, `covariance` (grid x 2 x 2).
    """

    tau: Floats
    growth: Floats
    weight: Floats
    line: Floats
    covariance: Floats

    def at(self, z: float, *, extra: float = 0.0) -> Mixture:
        """The gap of a new task of subjectivity `z`; `extra` is the variance of `z` beyond that of the tasks that were seen."""
        at = np.array([1.0, z])
        spread = (self.tau * np.exp(np.clip(self.growth * z, -STEEPEST, STEEPEST))) ** 2
        of_line = np.einsum("i,gij,j->g", at, self.covariance, at)
        of_place = (self.line[:, 1] ** 2 + self.covariance[:, 1, 1]) * extra
        return Mixture(self.line @ at, of_line + spread + of_place, self.weight)

    @cached_property
    def tau_range(self) -> tuple[float, float, float]:
        """How much tasks differ beyond their subjectivity: the median of tau and its 68 % range, in score units."""
        order = np.argsort(self.tau, kind="stable")
        reached = np.cumsum(self.weight[order])
        low, middle, high = (float(self.tau[order][np.searchsorted(reached, share)]) for share in (0.16, 0.5, 0.84))
        return middle, low, high


def posterior(tasks: Sequence[Measured], prior: LinePrior) -> Posterior:
    """What the gaps of these tasks say about the line and the spread; the prior alone if `tasks` is empty."""
    z, gap, se = (np.array([getattr(task, name) for task in tasks], dtype=float) for name in ("z", "gap", "se"))
    tau, growth = (grid.ravel() for grid in np.meshgrid(TAUS, GROWTHS, indexing="ij"))
    start, precision = np.array([prior.a, prior.b]), np.diag([prior.a_sd**-2, prior.b_sd**-2])
    design = np.column_stack([np.ones_like(z), z])
    spread = (tau[:, None] * np.exp(np.clip(growth[:, None] * z, -STEEPEST, STEEPEST))) ** 2
    total = spread + np.maximum(se, NARROWEST_ERROR) ** 2  # grid x tasks
    information = precision + np.einsum("gk,ki,kj->gij", 1 / total, design, design)
    covariance = np.linalg.inv(information)
    line = np.einsum("gij,gj->gi", covariance, precision @ start + (gap / total) @ design)
    off = gap - design @ start
    pulled = (off / total) @ design
    misfit = (off**2 / total).sum(axis=1) - np.einsum("gi,gij,gj->g", pulled, covariance, pulled)
    volume = np.log(total).sum(axis=1) + np.linalg.slogdet(information)[1] - np.linalg.slogdet(precision)[1]
    log_prior = -0.5 * (tau / TAU_SCALE) ** 2 + np.log(tau)  # the density on a grid that is even in log tau
    return Posterior(tau, growth, _normalised(log_prior - 0.5 * (misfit + volume)), line, covariance)


def leave_one_out(tasks: Sequence[Measured], prior: LinePrior) -> Floats:
    """Where the gap of each task lies in what the other tasks foretell for it, as normal scores (tasks).

    In a model that fits they look like draws from a standard normal distribution, so 8 of 10 lie within 1.2816 of 0.
    """
    scores = []
    for place, task in enumerate(tasks):
        others = [*tasks[:place], *tasks[place + 1 :]]
        share = posterior(others, prior).at(task.z).blurred(task.se).below(task.gap)
        scores.append(float(special.ndtri(min(max(share, 1e-6), 1 - 1e-6))))
    return np.array(scores)


def _normalised(log: Floats) -> Floats:
    return np.asarray(np.exp(log - special.logsumexp(log)))
