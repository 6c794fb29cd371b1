"""The first sentence about a study: where synthetic training data costs most, beside where the same arm costs least."""

import pandas as pd

from core.analysis.findings import Findings
from core.analysis.points import METRIC_NAMES
from core.analysis.verdicts.verdict import MARGIN
from core.analysis.verdicts.verdict_words import between, between_gains, counted_points, points
from core.wording import counted, shown


def headline(found: Findings) -> str:
    """The largest gap of a study with its 95 % interval, in points of the metric, beside the smallest gap of the same arm.

    Gaps without an interval do not count, nor gaps of tasks whose real arm is not shown to have learned: how many gaps count is
    said. Returns "" if no gap has an interval, and why if the real arms of all that have one are not shown to have learned. The
    largest of many gaps is by its choice a little too large, so the sentence says of how many gaps the gap is the largest.
    """
    gaps = _counting(found)
    if gaps.empty:
        return _nothing_learned(found)
    metric, several = METRIC_NAMES[found.metric], found.gaps["encoder"].nunique() > 1
    worst = gaps.iloc[int(gaps["gap"].to_numpy().argmax())]
    count = _count(len(gaps), len(found.gaps))
    sure = gaps[gaps["low"] > 0]
    if worst["low"] <= 0 and len(sure):
        worst = sure.iloc[int(sure["gap"].to_numpy().argmax())]
        count = f"The {'largest' if len(sure) > 1 else 'only'} loss that is shown, of {len(gaps)} gaps"
    if worst["low"] <= 0:
        return (
            f"{count}: on {_place(worst, several)}, {worst['arm']} texts {_verb(worst)} {_amount(worst)} of {metric} against real "
            f"texts. {_undecided(worst, gaps, total=len(found.gaps))}"
        )
    same = gaps[(gaps["arm"] == worst["arm"]) & (gaps["encoder"] == worst["encoder"]) & (gaps["task"] != worst["task"])]
    said = f"{count}: on {_place(worst, several)}, {worst['arm']} texts lose {_amount(worst)} of {metric} against real texts"
    if same.empty:
        return f"{said}."
    best = same.iloc[int(same["gap"].to_numpy().argmin())]
    return f"{said}; on {shown(best['task'])}, {points(best['gap'])} {between(best['low'], best['high'])}."


def _count(counting: int, total: int) -> str:
    """Of how many gaps the gap is the largest; `total` counts also gaps without an interval or of tasks that do not count."""
    if counting == 1:
        return "The only gap" if total == 1 else f"The only one of {total} gaps that can be judged yet"
    return f"The largest of {counting} gaps"


def _verb(row: pd.Series) -> str:
    return "gain" if row["gap"] < 0 and points(row["gap"]) != "0" else "lose"


def _undecided(row: pd.Series, gaps: pd.DataFrame, *, total: int) -> str:
    """What an interval that reaches 0 says of a loss: that there is none of note, or that more must be measured. `gaps`: those that count,
    of `total`."""
    if row["high"] <= 0:
        may_be = total - int((gaps["high"] <= 0).sum())
        return f"This gap is no loss, but {may_be} of {total} gaps may be one." if may_be else "No gap is a loss."
    held = "the interval holds" if len(gaps) == 1 else "even this interval holds"
    return (
        f"Whether anything is lost is not known: {held} 0 and a loss of {counted_points(row['high'])}."
        if row["low"] <= 0 and row["high"] > MARGIN
        else f"No loss is shown: {held} 0."
    )


def _nothing_learned(found: Findings) -> str:
    """That no gap may be judged, and what to do, if real arms are not shown to have learned; else ""."""
    clauses = found.measured.unlearned_clauses()
    if not clauses or found.gaps.dropna(subset=["gap", "low", "high"]).empty:
        return ""
    why = "; ".join(f"{shown(task)}: {clause}" for task, clause in clauses)
    return f"No gap can be judged yet. {why[0].upper()}{why[1:]}. Train with more steps or on more real texts, or test on more real texts."


def _counting(found: Findings) -> pd.DataFrame:
    gaps = found.gaps.dropna(subset=["gap", "low", "high"])
    pairs = zip(gaps["task"], gaps["encoder"], strict=True)
    is_learned = [pair not in found.measured.unlearned for pair in pairs]
    return gaps[pd.Series(is_learned, index=gaps.index, dtype=bool)]


def _place(row: pd.Series, several: bool) -> str:
    return shown(row["task"]) + (f" with {row['encoder']}" if several else "")


def _amount(row: pd.Series) -> str:
    cut = f"; {counted(row['unconverged'], 'run')} not converged" if row["unconverged"] else ""
    limits = between_gains(row["low"], row["high"]) if _verb(row) == "gain" else between(row["low"], row["high"])
    return f"{counted_points(abs(row['gap']))} (95 % interval {limits}{cut})"
