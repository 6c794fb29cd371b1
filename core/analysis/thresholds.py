"""Accuracy on the test samples that raters agree on: does it rise as the less agreed ones are left out?"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from core.errors import StudyError

MOST_THRESHOLDS = 21
FEWEST_SAMPLES = 20  # fewer samples above a threshold say nothing about accuracy there
ROUNDING = 1e-9


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
