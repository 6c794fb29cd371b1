"""Power: how likely a study of some size finds what is there, and the smallest size that finds it often enough.

Gaps and slopes are in score units (0.05 is 5 points); subjectivity is in units of its spread over tasks, unless `Study.sd_x` says
otherwise.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]

SEED_SD = 0.02  # of the score of one arm over seeds
TEXT_VARIANCE = 0.15  # over texts, of real correct minus synthetic correct (mean over seeds): a subjective task; 0.03: an objective one
TAU = 0.08  # how much the gaps of tasks differ beyond their subjectivity
CLUSTERING = (
    1.2  # the answers of one rater hang together: the variance of a strength is that of independent answers times this
)
LOGISTIC_VARIANCE = 0.21  # mean of p (1 - p) over the comparisons of tasks about as far apart as those of the paper
DRAWS = 2000
QUANTILES = 200  # of an estimated variance, over which the power of a t test is averaged
ARM_QUANTILES = 30  # of the variance of each of two arms
LEAST_TASKS = 4  # fewer give no interval of the slope


@dataclass(frozen=True)
class Noise:
    """What makes a gap uncertain.

    `seed_sd`: standard deviation of one arm's score over seeds. `text_variance`: variance over test texts of the difference of two
    arms (real correct minus synthetic correct, mean over seeds). `answer_variance`: variance over seeds of one answer, mean over
    texts; with a value above 0 the other two are what is left without the noise of single answers. `spread_df`: the degrees of
    freedom that other arms of the study lend to the spread over seeds (`gaps.SeedSpread.df`).
    """

    seed_sd: float = SEED_SD
    text_variance: float = TEXT_VARIANCE
    answer_variance: float = 0.0
    spread_df: float = 0.0

    def gap_error(self, *, seeds: int, texts: int) -> float:
        """The standard error of the gap of two arms with `seeds` trainings each, on `texts` test texts."""
        return math.sqrt(2 * self.seed_sd**2 / seeds + self.text_variance / texts + self._twice(seeds, texts))

    def reported(self, *, seeds: int, texts: int) -> "Reported":
        """What `gaps.gap` will report of such a gap, over the chance of the variances over seeds. Needs 2 texts or more, and 3 seeds
        or more, or 1 seed where other arms lend their spread."""
        of_texts = self.text_variance / texts + self._twice(seeds, texts)
        of_arm = self.seed_sd**2 / seeds + self._twice(seeds, texts) / 2
        of_chance = _quantiles(seeds - 1, of=ARM_QUANTILES) if seeds > 1 else np.ones(1)
        own = 0.0 if math.isinf(self.spread_df) else (seeds - 1) / (seeds - 1 + self.spread_df)
        arm = of_arm * (1 - own + own * of_chance)  # moderated
        one, other = (side.ravel() for side in np.meshgrid(arm, arm))
        of_seeds = one + other
        variance = np.maximum(of_texts + of_seeds - self._twice(seeds, texts), np.maximum(of_texts, of_seeds))
        apart = of_texts**2 / (texts - 1) + (one**2 + other**2) / (seeds - 1 + self.spread_df)
        df = (of_texts + of_seeds) ** 2 / np.maximum(apart, np.finfo(float).tiny)
        return Reported(np.sqrt(variance) / self.gap_error(seeds=seeds, texts=texts), df)

    def _twice(self, seeds: int, texts: int) -> float:
        """The variance from single answers, which the texts' and the seeds' part of the error both count."""
        return 2 * self.answer_variance / (seeds * texts)


@dataclass(frozen=True)
class Reported:
    """The standard errors that studies of one kind report, as multiples of the true one, and the degrees of freedom that they
    give them: studies that are equally likely."""

    ratio: Floats
    df: Floats

    def limits(self, share: float) -> Floats:
        """The quantiles `share` of t by which an estimate is tested, in true standard errors."""
        return np.asarray(stats.t.ppf(share, self.df) * self.ratio)


EXACT = Reported(np.ones(1), np.full(1, math.inf))


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
    estimate = (away * y).sum(axis=1, keepdims=True) / size
    residual = y - y.mean(axis=1, keepdims=True) - estimate * away
    leverage = 1 / study.tasks + away**2 / size
    part = (away / size) ** 2 / (1 - leverage)  # of a task in the variance, per squared residual
    se = np.sqrt((part * residual**2).sum(axis=1))
    # The degrees are trace(B)^2 / trace(B B), B = M diag(part) M with the residual maker M, whose entries are -1/tasks - away away'/size
    # off the diagonal and 1 - leverage on it: sums over tasks are enough.
    sums = [(part * away**power).sum(axis=1) for power in range(3)]
    flat = sums[0] / study.tasks, sums[1] / np.sqrt(study.tasks * size[:, 0]), sums[2] / size[:, 0]
    squares = (part**2 * (1 - 2 * leverage)).sum(axis=1) + flat[0] ** 2 + 2 * flat[1] ** 2 + flat[2] ** 2
    df = (part * (1 - leverage)).sum(axis=1) ** 2 / squares
    return float((np.abs(estimate[:, 0]) > stats.t.ppf(1 - level / 2, df) * se).mean())


def difference_power(difference: float, se: float, *, level: float = 0.05, reported: Reported = EXACT) -> float:
    """The probability that a two-sided test finds a gap of `difference` that is measured with standard error `se`."""
    limits = reported.limits(1 - level / 2)
    return float((stats.norm.sf(limits - difference / se) + stats.norm.cdf(-limits - difference / se)).mean())


def equivalence_power(
    gap: float, margin: float, se: float, *, level: float = 0.05, reported: Reported = EXACT
) -> float:
    """The probability that two one-sided tests show a gap within +-`margin`, where the gap is `gap`."""
    limits = reported.limits(1 - level)
    above, under = ((margin + sign * gap) / se - limits for sign in (1, -1))
    return float(np.maximum(0.0, stats.norm.cdf(under) + stats.norm.cdf(above) - 1).mean())


def non_inferiority_power(
    gap: float, margin: float, se: float, *, level: float = 0.05, reported: Reported = EXACT
) -> float:
    """The probability that a one-sided test shows a gap of less than `margin`, where the gap is `gap`."""
    return float(stats.norm.cdf((margin - gap) / se - reported.limits(1 - level)).mean())


def mean_power(difference: float, *, tasks: int, tau: float, se: float, level: float = 0.05) -> float:
    """The probability that the mean over `tasks` (2 or more) of a difference with mean `difference` is told from 0.

    `tau`: standard deviation of the difference over tasks; `se`: standard error of the difference of one task. Knapp-Hartung with
    equal errors is the t test of the mean on tasks - 1 degrees.
    """
    df = tasks - 1
    reported = Reported(np.sqrt(_quantiles(df, of=QUANTILES)), np.full(QUANTILES, float(df)))
    return difference_power(difference, math.hypot(tau, se) / math.sqrt(tasks), level=level, reported=reported)


def _quantiles(df: int, *, of: int) -> Floats:
    """`of` equally likely values of an estimated variance on `df` degrees, as multiples of the true one."""
    return np.asarray(stats.chi2.ppf((np.arange(of) + 0.5) / of, df) / df)


def smallest(sizes: Iterable[int], power: Callable[[int], float], *, wanted: float = 0.8) -> int | None:
    """The first of the increasing `sizes` whose power reaches `wanted`; None if no size does."""
    return next((size for size in sizes if power(size) >= wanted), None)
