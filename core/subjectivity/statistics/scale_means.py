"""The mean rating of a task's texts, with an interval for other texts and other raters.

Ratings of one text hang together, and so do ratings by one rater: a rater who finds everything subjective moves the mean as much
as a few subjective texts do.
"""

import math

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from core.interval import Interval


def mean_rating(ratings: pd.DataFrame, *, confidence: float = 0.95) -> Interval:
    """The mean over texts of the mean rating of each text, with its standard error; `n` counts texts.

    `ratings`: one row per answer, columns item_id, rater_id, label (a number). The limits are nan with one text, one rater, or
    where all answers are equal. Source: Cameron, Gelbach and Miller (2011), JBES 29, for clusters that cross, each with its
    correction for few clusters; Satterthwaite (1946) for the degrees.
    """
    answers = ratings["label"].to_numpy(dtype=float)
    text, texts = pd.factorize(ratings["item_id"])
    rater, raters = pd.factorize(ratings["rater_id"])
    n, m = len(texts), len(raters)
    if not n:
        return Interval(math.nan, math.nan, math.nan, 0)
    per_text = np.bincount(text)
    value = float((np.bincount(text, weights=answers) / per_text).mean())
    parts = (answers - value) / (per_text[text] * n)  # what each answer moves the mean by
    of_texts, of_raters = _of(parts, text, n), _of(parts, rater, m)
    if min(n, m) < 2 or of_texts + of_raters == 0:
        return Interval(value, math.nan, math.nan, n)
    both = float((parts**2).sum()) * len(parts) / (len(parts) - 1)
    variance = max(of_texts + of_raters - both, of_texts, of_raters)
    df = (of_texts + of_raters) ** 2 / (of_texts**2 / (n - 1) + of_raters**2 / (m - 1))
    half = float(stats.t.ppf((1 + confidence) / 2, df)) * math.sqrt(variance)
    return Interval(value, value - half, value + half, n, math.sqrt(variance))


def _of(parts: npt.NDArray[np.float64], group: npt.NDArray[np.intp], n: int) -> float:
    """The variance of the mean that comes from which groups were drawn."""
    return float((np.bincount(group, weights=parts, minlength=n) ** 2).sum()) * n / max(n - 1, 1)
