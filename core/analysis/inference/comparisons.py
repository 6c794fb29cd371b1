"""Comparisons of arms: as good as real, over several tasks, over a family of tests, and by single texts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats
from statsmodels.stats import meta_analysis

from core.analysis.inference.gaps import ROUNDING, Gap
from core.errors import StudyError

SEEDS_ON_OFFER = (3, 5, 10, 20, 30)
MOST_TEXTS = 20_000  # test texts; a proposal of more would help nobody


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided tests of a gap against +-`margin`, each at 5 %.

    `low`, `high`: the 90 % interval of the gap. `is_equivalent`: the interval lies within the margin, so both tests reject.
    `is_as_good`: its upper end lies below the margin, so at most the margin is lost. `p`: the larger of the two p-values,
    `p_as_good` that of the upper test. Without a standard error both are nan, and the limits are those of the gap: the rule of
    three (95 %) where the arms never disagree, else nan, and then both answers are False.
    """

    margin: float
    low: float
    high: float
    is_equivalent: bool
    is_as_good: bool
    p: float
    p_as_good: float


def equivalence(gap: Gap, *, margin: float) -> Equivalence:
    """Whether a gap is shown to be smaller than `margin` (above 0). Source: Schuirmann (1987), two one-sided tests."""
    if not margin > 0:
        raise StudyError(f"The margin of an equivalence test must be above 0; it is {margin:g}.")
    if not math.isfinite(gap.se):
        return _within(margin, gap.low, gap.high)
    half = float(stats.t.ppf(0.95, gap.df)) * gap.se
    upper = float(stats.t.sf((margin - gap.value) / gap.se, gap.df))
    lower = float(stats.t.sf((margin + gap.value) / gap.se, gap.df))
    return _within(margin, gap.value - half, gap.value + half, p=max(upper, lower), p_as_good=upper)


def pooled_equivalence(effects: Sequence[float], errors: Sequence[float], *, margin: float) -> Equivalence:
    """Whether the mean effect over tasks is shown to be smaller than `margin`, by the 90 % interval of `pooled`; no p-values.

    Raises as `pooled` does.
    """
    found = pooled(effects, errors, confidence=0.9)
    return _within(margin, found.low, found.high)


def difference_p(gap: Gap) -> float:
    """The two-sided p of a gap of 0, Student's t with the degrees of the gap; nan where the gap has no standard error."""
    if not math.isfinite(gap.se):
        return math.nan
    return float(2 * stats.t.sf(abs(gap.value) / gap.se, gap.df))


@dataclass(frozen=True)
class Sizes:
    """The test texts and the seeds of each arm that a study has."""

    texts: int
    seeds: int


def sizes_to_settle(gap: Gap, *, margin: float) -> Sizes | None:
    """The sizes at which a gap as large as the measured one is shown to lie under, or over, the margin in 4 of 5 studies.

    The fewest of `SEEDS_ON_OFFER` seeds (no fewer than measured) whose share of the allowed squared error is at most half, and
    the test texts that the rest then takes; for arms that never disagree, what the rule of three takes. None if the gap has no
    interval, or if it lies so near the margin that more than `MOST_TEXTS` texts or more seeds than offered were needed.
    Source: the normal power of a one-sided test at 5 %, (distance to the margin / (z.95 + z.80)) squared.
    """
    if not math.isfinite(gap.se):
        room = margin - abs(gap.value) if math.isfinite(gap.low) else 0.0
        times_texts = gap.n_texts * max(gap.high - gap.value, gap.value - gap.low)  # 3 for accuracy
        return Sizes(math.ceil(times_texts / room) + 1, min(gap.n_seeds)) if room > times_texts / MOST_TEXTS else None
    allowed = ((margin - gap.value) / float(stats.norm.ppf(0.95) + stats.norm.ppf(0.8))) ** 2
    fewest = min(gap.n_seeds)
    for seeds in [fewest, *(offered for offered in SEEDS_ON_OFFER if offered > fewest)]:
        of_seeds = gap.seed_variance * fewest / seeds
        if of_seeds <= allowed / 2 and allowed > 0:
            texts = max(gap.n_texts, math.ceil(gap.text_variance * gap.n_texts / (allowed - of_seeds)))
            return Sizes(texts, seeds) if texts <= MOST_TEXTS else None
    return None


def _within(margin: float, low: float, high: float, *, p: float = math.nan, p_as_good: float = math.nan) -> Equivalence:
    return Equivalence(margin, low, high, -margin < low and high < margin, high < margin, p, p_as_good)


@dataclass(frozen=True)
class Pooled:
    """The mean of an effect over tasks that differ: `tau` is their standard deviation beyond the errors of measurement.

    `low`, `high`, `p`: Knapp-Hartung, t with tasks - 1 degrees; nan with fewer than 2 tasks, and where all effects are equal, which
    would leave no width at all.
    """

    value: float
    low: float
    high: float
    p: float
    tau: float
    n_tasks: int


def pooled(effects: Sequence[float], errors: Sequence[float], *, confidence: float = 0.95) -> Pooled:
    """The mean effect over tasks from each task's effect and standard error.

    Raises `StudyError` for no effect, a number that is not finite, or an error that is not above 0.
    Source: Paule and Mandel (1982) for tau; Knapp and Hartung (2003) for the interval.
    """
    values, se = np.asarray(effects, dtype=float), np.asarray(errors, dtype=float)
    if not len(values) or not np.isfinite([*values, *se]).all() or not (se > 0).all():
        raise StudyError("Pooling over tasks needs a finite effect and a standard error above 0 for every task.")
    if np.ptp(values) <= ROUNDING:
        tau = math.nan if len(values) == 1 else 0.0
        return Pooled(float(values[0]), math.nan, math.nan, math.nan, tau, len(values))
    found = meta_analysis.combine_effects(values, se**2, method_re="iterated", use_t=True, alpha=1 - confidence)
    mean, error, df = float(found.mean_effect_re), float(found.sd_eff_w_re_hksj), len(values) - 1
    half = float(stats.t.ppf((1 + confidence) / 2, df)) * error
    p = float(2 * stats.t.sf(abs(mean) / error, df))
    return Pooled(mean, mean - half, mean + half, p, math.sqrt(max(float(found.tau2), 0.0)), len(values))


def adjusted(p_values: Sequence[float]) -> list[float]:
    """The p-values of a family of tests after Holm (1979), in the order given; nan stays nan and counts as no test."""
    given = np.asarray(p_values, dtype=float)
    known = np.isfinite(given)
    order = np.flatnonzero(known)[np.argsort(given[known])]
    times = np.arange(len(order), 0, -1)  # the smallest of n p-values counts n times, the next n - 1 times
    given[order] = np.minimum(np.maximum.accumulate(given[order] * times), 1)
    return [float(p) for p in given]


def single_texts(one_correct: npt.ArrayLike, other_correct: npt.ArrayLike) -> float:
    """The exact McNemar p of two classifiers on the same texts, for one training of each: only texts that exactly one of them
    gets right count. 1 if there is no such text. Texts must not be repeated, so several seeds have no McNemar test."""
    one, other = np.asarray(one_correct, dtype=bool), np.asarray(other_correct, dtype=bool)
    if one.shape != other.shape:
        raise StudyError(f"McNemar's test needs the same texts on both sides; found {one.size} and {other.size}.")
    gained, lost = int((one & ~other).sum()), int((~one & other).sum())
    return float(stats.binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
