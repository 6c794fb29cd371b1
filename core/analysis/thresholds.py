"""Compute the threshold curve: accuracy on test samples by the least agreement between their raters."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.errors import StudyError
from core.interval import Interval, undefined, wilson

MOST_THRESHOLDS = 21
FEWEST_SAMPLES = 20  # fewer samples above a threshold say nothing about accuracy there
ROUNDING = 1e-9


def curve(
    predictions: pd.DataFrame, *, thresholds: Sequence[float] | None = None, confidence: float = 0.95
) -> pd.DataFrame:
    """For every threshold t, the accuracy on test samples with agreement >= t: columns threshold, accuracy, low, high, n.

    `predictions` has a row per prediction with columns agreement (a_i, in (0, 1]) and correct; rows without agreement are
    left out. low and high are Wilson limits. If there is a column sample_id (several seeds predict the same sample), n and
    the limits count samples, not predictions. With a column label, accuracy is the mean over labels weighted by their shares at the
    lowest threshold, so that a curve does not rise because easier labels remain; the limits then count the samples that an unweighted
    mean would need (Kish 1965), and accuracy is nan where a label has no sample left. The default thresholds are the agreements that
    occur, or, if these are many, 21 evenly spaced values. Without samples, n is 0 and accuracy nan. Source: Li et al. (2023), section
    5.2. Raises `StudyError` if a column is missing or no prediction has an agreement.
    """
    known = _known(predictions)
    levels = _default(known["agreement"]) if thresholds is None else np.asarray(thresholds, dtype=float)
    lowest = known[known["agreement"] >= levels.min() - ROUNDING]
    shares = _samples(lowest) / _samples(lowest).sum()
    rows = []
    for level in levels:
        kept = known[known["agreement"] >= level - ROUNDING]
        found = _weighted(kept, shares, confidence=confidence)
        rows.append((float(level), found.value, found.low, found.high, int(_samples(kept).sum())))
    return pd.DataFrame(rows, columns=["threshold", "accuracy", "low", "high", "n"])


def _samples(rows: pd.DataFrame) -> "pd.Series[float]":
    """The number of samples of each label; of all samples together under the name "" if labels are not known."""
    distinct = rows.drop_duplicates("sample_id") if "sample_id" in rows.columns else rows
    found: pd.Series[float] = _by_label(distinct)["correct"].size().astype(float)
    return found


def _weighted(kept: pd.DataFrame, shares: "pd.Series[float]", *, confidence: float) -> Interval:
    """The mean over labels, weighted by `shares`, with Wilson limits for the effective number of samples."""
    n = _samples(kept).reindex(shares.index, fill_value=0)
    if not len(n) or not n.all():
        return undefined(int(n.sum()))
    accuracy = float((_by_label(kept)["correct"].mean() * shares).sum())
    effective = max(1, round(1 / float((shares**2 / n).sum())))
    return wilson(accuracy * effective, effective, confidence=confidence)


def _by_label(rows: pd.DataFrame) -> Any:
    return rows.groupby(rows["label"] if "label" in rows.columns else np.full(len(rows), ""))


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
