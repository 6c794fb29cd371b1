"""Gaps in words: how many tasks an arm loses on, and what one gap says beside chance and the real score."""

import math
import re
from typing import Any

import pandas as pd

from core.analysis.figures import unconverged
from core.analysis.figures.gap_charts import in_order
from core.analysis.gap_table import LEAST_ROOM
from core.interval import Interval
from core.wording import percent

ROWS = (
    "The lower a row, the more subjective the task; the number under its name is its subjectivity with a 95 % interval."
)
UNPLACED = "Tasks whose subjectivity is not known stand last."
RIGHT = "Right of the line real texts were better."


def gaps_by_task(points: pd.DataFrame) -> str:
    """For each arm the number of gaps whose 95 % interval lies above 0 (something is lost), then those below 0, those without an
    interval, how many of so many intervals miss the truth by chance, and how many gaps have runs that had not converged. `points` as of
    `points.join`; gaps whose `counts` is False, of real arms that are not shown to have learned, are counted apart."""
    dull = ~points["counts"] if "counts" in points else pd.Series(False, index=points.index)
    n_dull, points = int(dull.sum()), points[~dull]
    with_interval = points.dropna(subset=["low", "high"])
    counted = with_interval.groupby("arm")["gap"].size()
    what = "gaps" if points["encoder"].nunique() > 1 else "tasks"
    arms = in_order(points["arm"])
    said = []
    if len(with_interval):
        lost = with_interval[with_interval["low"] > 0].groupby("arm")["gap"].size()
        parts = [f"{arm} on {lost.get(arm, 0)} of {counted[arm]}" for arm in arms if arm in counted]
        said.append(f"Lost to real texts, with the whole 95 % interval above 0: {', '.join(parts)} {what}.")
        gained = int((with_interval["high"] < 0).sum())
        if gained:
            said.append(f"{_n(gained, 'interval lies', 'intervals lie')} below 0, where synthetic texts did better.")
    without = len(points) - len(with_interval)
    if without:
        said.append(" ".join([f"{_n(without, 'gap has', 'gaps have')} no interval.", *_why_none(points)]))
    by_chance = round(len(with_interval) / 20)
    if by_chance:
        said.append(
            f"About {by_chance} of {len(with_interval)} such intervals {'misses' if by_chance == 1 else 'miss'} the truth."
        )
    if n_dull:
        said.append(
            f"{_n(n_dull, 'gap is', 'gaps are')} not judged (faint): the real arm is not shown to beat chance and the commonest label."
        )
    cut = unconverged.sentence(list(points["unconverged"]), "gap")
    return " ".join([*said, *([cut] if cut else []), *_order(points["subjectivity"]), RIGHT])


def _order(subjectivity: "pd.Series[float]") -> list[str]:
    """What the order of the rows means, where the subjectivity of tasks is known."""
    is_known = subjectivity.notna()
    return [*([ROWS] if is_known.any() else []), *([UNPLACED] if is_known.any() and not is_known.all() else [])]


def _why_none(points: pd.DataFrame) -> list[str]:
    """Why gaps have no interval, each reason once: the first clause of their notes."""
    notes = [str(note) for note in points[points["low"].isna()]["note"] if note]
    return [f"{reason}." for reason in dict.fromkeys(re.split(r"[;.] |\.$", note)[0] for note in notes)]


def gap_in_full(point: "pd.Series[Any]", *, metric: str) -> str:
    """One gap with its interval and n, the two scores, chance, and the gap as a share of what real texts bring over chance."""
    lost = Interval(point["gap"], point["low"], point["high"], n=0).in_points.text(digits=1)
    said = (
        f"Points of {metric} lost: {lost}, over {point['n_test']} test texts and {_n(point['n_seeds'], 'seed', 'seeds')}. Real texts "
        f"{point['score_real']:.3f}, synthetic {point['score']:.3f}, chance {point['chance']:.3f}."
    )
    if math.isfinite(point["relative"]):
        return f"{said} That is {percent(point['relative'])} of what real texts bring over chance."
    return (
        f"{said} Real texts bring less than {LEAST_ROOM:.2f} over chance, so there is hardly anything to lose and the gap is not "
        "comparable with that of other tasks."
    )


def beside_ceiling(point: "pd.Series[Any]", ceiling: Interval) -> str:
    """One gap beside the label ceiling of its task: the score of one rater against the majority of the others."""
    said = f"Label ceiling: one rater scores {ceiling.text(digits=3)} against the majority of the others, over {ceiling.n} rated texts."
    if point["score_real"] >= ceiling.value:
        said += " Real texts reach it: what they miss may be disagreement about the labels."
    room = ceiling.value - point["chance"]
    return (
        f"{said} The gap is {percent(point['gap'] / room)} of what one rater has over chance."
        if room >= LEAST_ROOM
        else said
    )


def _n(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
