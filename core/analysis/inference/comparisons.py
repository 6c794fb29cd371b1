"""Comparisons of arms: as good as real, over several tasks, over a family of tests, and by single texts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats
from statsmodels.stats import meta_analysis, multitest

from core.analysis.inference.gaps import Gap
from core.errors import StudyError


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided tests of a gap against +-`margin`, each at 5 %.

    `low`, `high`: the 90 % interval of the gap. `is_equivalent`: the interval lies within the margin, so both tests reject.
    `is_as_good`: its upper end lies below the margin, so at most the margin is lost. `p`: the larger of the two p-values,
    `p_as_good` that of the upper test. All nan (and both answers False) where the gap has no standard error.
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
        return Equivalence(margin, math.nan, math.nan, False, False, math.nan, math.nan)
    half = float(stats.t.ppf(0.95, gap.df)) * gap.se
    low, high = gap.value - half, gap.value + half
    upper = float(stats.t.sf((margin - gap.value) / gap.se, gap.df))
    lower = float(stats.t.sf((margin + gap.value) / gap.se, gap.df))
    return Equivalence(margin, low, high, -margin < low and high < margin, high < margin, max(upper, lower), upper)


@dataclass(frozen=True)
class Pooled:
    """The mean of an effect over tasks that differ: `tau` is their standard deviation beyond the errors of measurement.

    `low`, `high`, `p`: Knapp-Hartung, t with tasks - 1 degrees; nan with fewer than 2 tasks.
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
    if len(values) == 1:
        return Pooled(float(values[0]), math.nan, math.nan, math.nan, math.nan, 1)
    found = meta_analysis.combine_effects(values, se**2, method_re="iterated", use_t=True, alpha=1 - confidence)
    mean, error, df = float(found.mean_effect_re), float(found.sd_eff_w_re_hksj), len(values) - 1
    half = float(stats.t.ppf((1 + confidence) / 2, df)) * error
    p = float(2 * stats.t.sf(abs(mean) / error, df)) if error > 0 else math.nan
    return Pooled(mean, mean - half, mean + half, p, math.sqrt(max(float(found.tau2), 0.0)), len(values))


def adjusted(p_values: Sequence[float]) -> list[float]:
    """The p-values of a family of tests after Holm (1979), in the order given; nan stays nan and counts as no test."""
    given = np.asarray(p_values, dtype=float)
    known = np.isfinite(given)
    if known.any():
        given[known] = multitest.multipletests(given[known], method="holm")[1]
    return [float(p) for p in given]


def single_texts(one_correct: npt.ArrayLike, other_correct: npt.ArrayLike) -> float:
    """The exact McNemar p of two classifiers on the same texts, for one training of each: only texts that exactly one of them
    gets right count. 1 if there is no such text. Texts must not be repeated, so several seeds have no McNemar test."""
    one, other = np.asarray(one_correct, dtype=bool), np.asarray(other_correct, dtype=bool)
    if one.shape != other.shape:
        raise StudyError(f"McNemar's test needs the same texts on both sides; found {one.size} and {other.size}.")
    gained, lost = int((one & ~other).sum()), int((~one & other).sum())
    return float(stats.binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
