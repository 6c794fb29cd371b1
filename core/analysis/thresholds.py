"""Accuracy on the test samples that raters agree on: does it rise as the less agreed ones are left out?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from core.errors import StudyError

MOST_THRESHOLDS = 21
FEWEST_FOR_TREND = 5
ROUNDING = 1e-9


@dataclass(frozen=True)
class Trend:
    """Accuracy on threshold: Spearman's rho, and slope and R2 of the least-squares line; nan under 3 thresholds with
    samples, rho and r2 also for a constant accuracy. No p-values: a threshold's samples are also those of the lower
    ones."""

    spearman: float
    slope: float
    r2: float
    n: int


def curve(
    predictions: pd.DataFrame, *, thresholds: Sequence[float] | None = None, confidence: float = 0.95
) -> pd.DataFrame:
    """Columns threshold, accuracy, low, high (Wilson), n: for every threshold t, over the test samples with agreement
    >= t.

    `predictions` has one row per prediction with columns agreement (a_i, in (0, 1]) and correct; rows without agreement
    are left out. With a column sample_id (several seeds predict one sample), n and the interval count samples, not
    predictions. Default thresholds: the agreements that occur, or 21 evenly spaced between them. With no sample left, n
    is 0 and the rest nan. Source: Li et al. (2023), section 5.2.
    """
    known = _known(predictions)
    tops = _default(known["agreement"]) if thresholds is None else np.asarray(thresholds, dtype=float)
    rows = []
    for top in tops:
        kept = known[known["agreement"] >= top - ROUNDING]
        n = kept["sample_id"].nunique() if "sample_id" in kept.columns else len(kept)
        accuracy = float(kept["correct"].mean()) if n else float("nan")
        low, high = (
            proportion_confint(accuracy * n, n, alpha=1 - confidence, method="wilson") if n else (np.nan, np.nan)
        )
        rows.append((float(top), accuracy, float(low), float(high), n))
    return pd.DataFrame(rows, columns=["threshold", "accuracy", "low", "high", "n"])


def trend(curve: pd.DataFrame) -> Trend:
    """How accuracy moves along a `curve`; thresholds without samples are left out."""
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
    """The trend of a `curve` in words; under five thresholds, or with a constant accuracy, why there is none."""
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
        raise StudyError("The threshold curve needs predictions on rated test samples; there is none.")
    return known.assign(correct=known["correct"].astype(float))


def _default(agreement: "pd.Series[float]") -> npt.NDArray[np.float64]:
    found = np.unique(agreement.to_numpy(dtype=float).round(9))
    return np.asarray(found if len(found) <= MOST_THRESHOLDS else np.linspace(found[0], found[-1], MOST_THRESHOLDS))
