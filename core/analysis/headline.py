"""The first sentence about a study: where synthetic training data costs most, beside where the same arm costs least."""

import pandas as pd

from core.analysis.findings import Findings
from core.analysis.points import METRIC_NAMES
from core.analysis.verdicts.verdict_words import between, counted_points, points
from core.wording import counted, shown


def headline(found: Findings) -> str:
    """The largest gap of a study with its 95 % interval, in points of the metric, beside the smallest gap of the same arm.

    Gaps without an interval do not count, nor gaps of tasks whose real arm is no better than chance: how many gaps count is
    said. Returns "" if no gap counts. The largest of many gaps is by its choice a little too large, so the sentence says
    of how many gaps the gap is the largest.
    """
    gaps = _counting(found)
    if gaps.empty:
        return ""
    metric, several = METRIC_NAMES[found.metric], found.gaps["encoder"].nunique() > 1
    worst = gaps.iloc[int(gaps["gap"].to_numpy().argmax())]
    count = "The only gap" if len(gaps) == 1 else f"The largest of {len(gaps)} gaps"
    if worst["low"] <= 0:
        held = "its interval holds" if len(gaps) == 1 else "this interval holds"
        return (
            f"{count}: on {_place(worst, several)}, {worst['arm']} texts lose {_amount(worst)} of {metric} against real texts; "
            f"{held} 0, so no loss is shown."
        )
    same = gaps[(gaps["arm"] == worst["arm"]) & (gaps["encoder"] == worst["encoder"]) & (gaps["task"] != worst["task"])]
    said = f"{count}: on {_place(worst, several)}, {worst['arm']} texts lose {_amount(worst)} of {metric} against real texts"
    if same.empty:
        return f"{said}."
    best = same.iloc[int(same["gap"].to_numpy().argmin())]
    return f"{said}; on {shown(best['task'])}, {points(best['gap'])} {between(best['low'], best['high'])}."


def _counting(found: Findings) -> pd.DataFrame:
    gaps = found.gaps.dropna(subset=["gap", "low", "high"])
    pairs = zip(gaps["task"], gaps["encoder"], strict=True)
    is_learned = [pair not in found.measured.unlearned for pair in pairs]
    return gaps[pd.Series(is_learned, index=gaps.index, dtype=bool)]


def _place(row: pd.Series, several: bool) -> str:
    return shown(row["task"]) + (f" with {row['encoder']}" if several else "")


def _amount(row: pd.Series) -> str:
    cut = f" ({counted(row['unconverged'], 'run')} not converged)" if row["unconverged"] else ""
    return f"{counted_points(row['gap'])} {between(row['low'], row['high'])}{cut}"
