"""Compute the threshold curve: accuracy on test samples by the least agreement between their raters."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from core.errors import StudyError
from core.interval import wilson

MOST_THRESHOLDS = 21
FEWEST_FOR_TREND = 5
ROUNDING = 1e-9


@dataclass(frozen=True)
class Trend:
    """The trend of accuracy over the `n` thresholds with samples: Spearman's rho, slope and R2 of the least-squares line.

    All are nan below 3 thresholds; rho and R2 are nan if accuracy is constant. There are no p-values, because the samples
    at a threshold are among those at every lower threshold.
    """

    spearman: float
    slope: float
    r2: float
    n: int


def curve(
    predictions: pd.DataFrame, *, thresholds: Sequence[float] | None = None, confidence: float = 0.95
) -> pd.DataFrame:
    """For every threshold t, the accuracy on test samples with agreement >= t: columns threshold, accuracy, low, high, n.

    `predictions` has a row per prediction with columns agreement (a_i, in (0, 1]) and correct; rows without agreement are
    left out. low and high are Wilson limits. If there is a column sample_id (several seeds predict the same sample), n and
    the limits count samples, not predictions. The default thresholds are the agreements that occur, or, if these are
    many, 21 evenly spaced values. Without samples, n is 0 and accuracy nan. Source: Li et al. (2023), section 5.2.
    Raises `StudyError` if a column is missing or no prediction has an agreement.
    """
    known = _known(predictions)
    levels = _default(known["agreement"]) if thresholds is None else np.asarray(thresholds, dtype=float)
    rows = []
    for level in levels:
        kept = known[known["agreement"] >= level - ROUNDING]
        n = kept["sample_id"].nunique() if "sample_id" in kept.columns else len(kept)
        found = wilson(float(kept["correct"].mean()) * n if n else 0, n, confidence=confidence)
        rows.append((float(level), found.value, found.low, found.high, n))
    return pd.DataFrame(rows, columns=["threshold", "accuracy", "low", "high", "n"])


def trend(curve: pd.DataFrame) -> Trend:
    """The trend of accuracy along a `curve`, over the thresholds with samples."""
    points = curve[curve["n"] > 0]
    threshold, accuracy = points["threshold"].to_numpy(dtype=float), points["accuracy"].to_numpy(dtype=float)
    if len(points) < 3 or np.ptp(threshold) == 0:
        return Trend(float("nan"), float("nan"), float("nan"), len(points))
    slope = float(np.polyfit(threshold, accuracy, 1)[0])
    if np.ptp(accuracy) == 0:
        return Trend(float("nan"), 0.0, float("nan"), len(points))
    rho = float(stats.spearmanr(threshold, accuracy).statistic)
    return Trend(rho, slope, float(np.corrcoef(threshold, accuracy)[0, 1] ** 2), len(points))


def trend_words(curve: pd.DataFrame) -> str:
    """The trend of a `curve` as a phrase; if it has under five thresholds or a constant accuracy, the phrase says so."""
    found = trend(curve)
    if found.n < FEWEST_FOR_TREND:
        return f"{found.n} threshold{'s' if found.n != 1 else ''}, too few to speak of a trend"
    if not np.isfinite(found.spearman):
        return f"the same accuracy at all {found.n} thresholds"
    return f"Spearman {found.spearman:.2f}, R² {found.r2:.2f} over {found.n} thresholds"


def _known(predictions: pd.DataFrame) -> pd.DataFrame:
    missing = [column for column in ("agreement", "correct") if column not in predictions.columns]
    if missing:
        raise StudyError(
            f"The threshold curve needs the columns agreement and correct; {' and '.join(missing)} is missing."
        )
    known = predictions.dropna(subset=["agreement"])
    if known.empty:
        raise StudyError("The threshold curve needs predictions on rated test samples; this table has none.")
    return known.assign(correct=known["correct"].astype(float))


def _default(agreement: "pd.Series[float]") -> npt.NDArray[np.float64]:
    found = np.unique(agreement.to_numpy(dtype=float).round(9))
    return np.asarray(found if len(found) <= MOST_THRESHOLDS else np.linspace(found[0], found[-1], MOST_THRESHOLDS))
