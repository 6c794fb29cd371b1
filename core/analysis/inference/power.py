"""Power: how likely a study of some size finds what is there, and the smallest size that finds it often enough.

Gaps and slopes are in score units (0.05 is 5 points); subjectivity is in units of its spread over tasks, unless `Study.sd_x` says
otherwise.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from scipy import stats

SEED_SD = 0.02  # of the score of one arm over seeds
TEXT_VARIANCE = 0.15  # over texts, of real correct minus synthetic correct (mean over seeds): a subjective task; 0.03: an objective one
TAU = 0.08  # how much the gaps of tasks differ beyond their subjectivity
CLUSTERING = (
    1.2  # the answers of one rater hang together: the variance of a strength is that of independent answers times this
)
LOGISTIC_VARIANCE = 0.21  # mean of p (1 - p) over the comparisons of tasks about as far apart as those of the paper
DRAWS = 2000
LEAST_TASKS = 4  # fewer give no interval of the slope


@dataclass(frozen=True)
class Noise:
    """What makes a gap uncertain: `seed_sd` of one arm's score, `text_variance` over test texts of the difference of two arms."""

    seed_sd: float = SEED_SD
    text_variance: float = TEXT_VARIANCE

    def gap_error(self, *, seeds: int, texts: int) -> float:
        """The standard error of the gap of two arms with `seeds` trainings each, on `texts` test texts."""
        return math.sqrt(2 * self.seed_sd**2 / seeds + self.text_variance / texts)


@dataclass(frozen=True)
class SlopeStudy:
    """A study of the slope of the gap on subjectivity.

    `tau`: standard deviation of the gaps of tasks beyond their subjectivity. `gap_se`: standard error of one gap. `x_se`: standard
    error of one task's subjectivity. `sd_x`: standard deviation of the true subjectivity over tasks.
    """

    tasks: int
    tau: float = TAU
    gap_se: float = 0.03
    x_se: float = 0.3
    sd_x: float = 1.0

    @property
    def reliability(self) -> float:
        """The share of the variance of measured subjectivity that is true, in (0, 1]."""
        return self.sd_x**2 / (self.sd_x**2 + self.x_se**2)


def subjectivity_error(*, comparisons_per_task: float, tasks: int) -> float:
    """The standard error of a task's Bradley-Terry strength (natural log), from the comparisons that the task is in."""
    return math.sqrt(CLUSTERING * (1 - 1 / tasks) / (comparisons_per_task * LOGISTIC_VARIANCE))


def slope_power(slope: float, study: SlopeStudy, *, level: float = 0.05) -> float:
    """The probability that a t test with tasks - 2 degrees finds a slope of `slope` per unit of true subjectivity.

    Errors of subjectivity flatten the slope by the reliability. A quick guide; the reported test is that of `simulated_power`.
    """
    kept = study.reliability
    beyond = study.tau**2 + study.gap_se**2 + slope**2 * study.sd_x**2 * (1 - kept)
    se = math.sqrt(beyond / ((study.tasks - 1) * (study.sd_x**2 + study.x_se**2)))
    df = study.tasks - 2
    limit, shift = float(stats.t.ppf(1 - level / 2, df)), slope * kept / se
    return float(stats.nct.sf(limit, df, shift) + stats.nct.cdf(-limit, df, shift))


def simulated_power(
    slope: float, study: SlopeStudy, *, level: float = 0.05, draws: int = DRAWS, seed: int = 0
) -> float:
    """The share of simulated studies whose reported test (CR2 by task, Satterthwaite degrees) finds the slope."""
    rng = np.random.default_rng(seed)
    shape = (draws, study.tasks)
    true = rng.normal(size=shape) * study.sd_x
    y = slope * true + rng.normal(size=shape) * math.hypot(study.tau, study.gap_se)
    x = true + rng.normal(size=shape) * study.x_se
    away = x - x.mean(axis=1, keepdims=True)
    size = (away**2).sum(axis=1, keepdims=True)
    weight = away / size
    estimate = (weight * y).sum(axis=1, keepdims=True)
    residual = y - y.mean(axis=1, keepdims=True) - estimate * away
    leverage = 1 / study.tasks + away**2 / size
    se = np.sqrt((weight**2 * residual**2 / (1 - leverage)).sum(axis=1))
    maker = np.eye(study.tasks) - 1 / study.tasks - away[:, :, None] * away[:, None, :] / size[:, :, None]
    spread = (maker * (weight**2 / (1 - leverage))[:, None, :]) @ maker
    df = np.trace(spread, axis1=1, axis2=2) ** 2 / (spread**2).sum(axis=(1, 2))
    return float((np.abs(estimate[:, 0]) > stats.t.ppf(1 - level / 2, df) * se).mean())


def difference_power(difference: float, se: float, *, level: float = 0.05) -> float:
    """The probability that a two-sided test finds a gap of `difference` that is measured with standard error `se`."""
    limit = float(stats.norm.ppf(1 - level / 2))
    return float(stats.norm.sf(limit - difference / se) + stats.norm.cdf(-limit - difference / se))


def equivalence_power(gap: float, margin: float, se: float, *, level: float = 0.05) -> float:
    """The probability that two one-sided tests show a gap within +-`margin`, where the gap is `gap`."""
    limit = float(stats.norm.ppf(1 - level))
    above, under = ((margin + sign * gap) / se - limit for sign in (1, -1))
    return max(0.0, float(stats.norm.cdf(under) + stats.norm.cdf(above) - 1))


def non_inferiority_power(gap: float, margin: float, se: float, *, level: float = 0.05) -> float:
    """The probability that a one-sided test shows a gap of less than `margin`, where the gap is `gap`."""
    return float(stats.norm.cdf((margin - gap) / se - float(stats.norm.ppf(1 - level))))


def smallest(sizes: Iterable[int], power: Callable[[int], float], *, wanted: float = 0.8) -> int | None:
    """The first of the increasing `sizes` whose power reaches `wanted`; None if no size does."""
    return next((size for size in sizes if power(size) >= wanted), None)
