"""How many more ratings an interval of a given width takes, so that a session can stop early.

By simulation from the ratings at hand, in two ways: more items like these, or more raters on these items. The second
cannot make an interval as narrow as one likes, because it speaks of items that were not rated.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd
from scipy import special

from core.errors import StudyError
from core.subjectivity.statistics import coefficients, counts, intervals
from core.subjectivity.statistics.counts import Floats, Level
from core.subjectivity.statistics.intervals import Coefficient, Statistic

STUDIES = 40
STAND_INS = 300  # items that stand for all in the simulation; widths are scaled to the interval of all
TIMES = (1.25, 1.5, 2, 3, 5, 8, 13, 20)
MOST_RATERS = 50
NAMES = {
    Coefficient.ALPHA: "alpha",
    Coefficient.MAJORITY: "mean majority agreement",
    Coefficient.PERCENT: "percent agreement",
    Coefficient.KAPPA: "Fleiss' kappa",
}
TINY = 1e-9  # a width this small is none
LEAST_AGREEMENT = 0.01  # of a label drawn for a further rater: below, all items have the same chances


class Way(StrEnum):
    """`items`: more items, rated as often as now. `raters`: further raters on the items at hand."""

    ITEMS = "items"
    RATERS = "raters"


@dataclass(frozen=True)
class Plan:
    """What the wanted width of a 95 % interval takes. All counts are totals, with what is there already.

    `items`: those with two ratings or more, on which the interval rests. `needed_items` at the present
    `ratings_per_item`; `needed_raters_per_item` on the present items, None where 50 are not enough; `needed_ratings`:
    the cheaper of both. `curve`: columns way, n_items, raters_per_item, n_ratings, width (mean of simulated studies),
    low, high (80 % of them), by way and size, the first row of each way being the present.
    """

    statistic: Coefficient
    width: float
    now_width: float
    reached: bool
    items: int
    ratings: int
    ratings_per_item: float
    needed_items: int
    needed_raters_per_item: int | None
    needed_ratings: int
    curve: pd.DataFrame
    sentence: str


@dataclass(frozen=True)
class _Present:
    """The ratings at hand. `table`: all items x labels; `stand_ins`: at most 300 of those with two ratings or more;
    `scale`: the width of the real interval over that of the simulation (nan where that has none)."""

    table: Floats
    stand_ins: Floats
    one: Coefficient
    statistic: Statistic
    width: float
    scale: float


def more_ratings(
    ratings: pd.DataFrame,
    *,
    width: float,
    level: Level = Level.NOMINAL,
    statistic: Coefficient = Coefficient.ALPHA,
    seed: int = 0,
) -> Plan:
    """The ratings that bring the 95 % interval of the statistic to the wanted width (high - low).

    Raises `StudyError` for a width outside (0, 1], while there is no interval to start from, or while items that are all
    split alike do not show how it narrows; else as
    `agreement.krippendorff_alpha`.
    """
    if not 0 < width <= 1:
        raise StudyError(f"The wanted width of the interval must lie between 0 and 1; found {width}.")
    present = _present(ratings, level=level, statistic=statistic, seed=seed)
    reached = present.width <= width
    if not reached and math.isnan(present.scale):
        raise StudyError(
            "All items are split alike so far, or there are too few, so how much narrower the interval becomes cannot be "
            "foreseen. Let more items be rated."
        )
    sizes = present.table.sum(axis=1)
    usable = sizes >= 2
    have, rated, per_item = int(sizes.sum()), int(usable.sum()), float(sizes[usable].mean())
    curve = pd.concat([_curve(present, way, wanted=width, seed=seed) for way in Way], ignore_index=True)
    items = _items_for(curve[curve["way"] == Way.ITEMS], width)
    raters = _raters_for(curve[curve["way"] == Way.RATERS], width)
    totals = {Way.ITEMS: have + math.ceil((items - rated) * per_item)}
    totals |= {} if raters is None else {Way.RATERS: int(np.maximum(sizes, raters).sum())}
    return Plan(
        statistic=statistic,
        width=width,
        now_width=present.width,
        reached=reached,
        items=rated,
        ratings=have,
        ratings_per_item=per_item,
        needed_items=rated if reached else items,
        needed_raters_per_item=math.ceil(per_item) if reached else raters,
        needed_ratings=have if reached else min(totals.values()),
        curve=curve,
        sentence=_reached_words(present, width)
        if reached
        else _needed_words(
            present, width, items=items, raters=raters, more={way: n - have for way, n in totals.items()}
        ),
    )


def expected_width(
    ratings: pd.DataFrame,
    *,
    way: Way,
    size: int,
    level: Level = Level.NOMINAL,
    statistic: Coefficient = Coefficient.ALPHA,
    seed: int = 0,
) -> float:
    """Width of the 95 % interval to expect with `size` items in all, or `size` raters for every item at hand."""
    present = _present(ratings, level=level, statistic=statistic, seed=seed)
    return float(_simulated(present, way, size, seed=seed).mean())


def _present(ratings: pd.DataFrame, *, level: Level, statistic: Coefficient, seed: int) -> _Present:
    coded, values = counts.valued(counts.code(ratings), level=level)
    table = counts.per_item(coded).astype(float)
    usable = table[table.sum(axis=1) >= 2]
    now = intervals.estimates(usable, values, level=level, wanted=(statistic,), seed=seed)[statistic]
    if not np.isfinite(now.high - now.low):
        raise StudyError(
            "There is no interval to plan from yet: it takes two items with two ratings or more, and two labels in use."
        )
    chosen = intervals.statistics(values, level=level)[statistic]
    rng = np.random.default_rng(seed)
    stand_ins = usable[rng.permutation(len(usable))[:STAND_INS]] if len(usable) > STAND_INS else usable
    width = now.high - now.low
    plain = _width(statistic, chosen, stand_ins, np.ones(len(stand_ins)))
    return _Present(table, stand_ins, statistic, chosen, width, width / plain)


def _curve(present: _Present, way: Way, *, wanted: float, seed: int) -> pd.DataFrame:
    sizes = present.table.sum(axis=1)
    usable = sizes >= 2
    n, per_item = int(usable.sum()), float(sizes[usable].mean())
    rows = [(way, n, per_item, int(sizes.sum()), *[present.width] * 3)]
    if way == Way.ITEMS:
        far = max(1.0, 1.5 * (present.width / wanted) ** 2)
        steps = sorted({math.ceil(n * times) for times in (*TIMES, far) if 1 < times <= far})
    else:
        wider = {min(MOST_RATERS, math.ceil(per_item * times)) for times in TIMES}
        steps = sorted(step for step in wider if step > per_item)
    for step in steps:
        widths = _simulated(present, way, step, seed=seed)
        low, high = np.quantile(widths, [0.1, 0.9])
        if way == Way.ITEMS:
            size = (step, per_item, math.ceil(step * per_item) + int(sizes[~usable].sum()))
        else:
            filled = np.maximum(sizes, step)
            size = (len(filled), float(filled.mean()), int(filled.sum()))
        rows.append((way, *size, float(widths.mean()), float(low), float(high)))
    found = pd.DataFrame(rows, columns=["way", "n_items", "raters_per_item", "n_ratings", "width", "low", "high"])
    found[["width", "low", "high"]] = found[["width", "low", "high"]].cummin()
    return found


def _simulated(present: _Present, way: Way, size: int, *, seed: int) -> Floats:
    """Widths of the interval in those simulated studies of the size that have one; the present width without any."""
    rng = np.random.default_rng([seed, size])
    rows, which = counts.patterns(present.stand_ins)
    shares = np.bincount(which, minlength=len(rows)) / len(which)
    widths = []
    for _ in range(STUDIES):
        if way == Way.ITEMS:
            widths.append(_width(present.one, present.statistic, rows, rng.multinomial(size, shares).astype(float)))
        else:
            widths.append(_with_raters(present, size, rng))
    usable = (present.table.sum(axis=1) >= 2).sum()
    standing = math.sqrt(usable / len(present.stand_ins)) if way == Way.ITEMS else 1.0
    known = np.array([width for width in widths if np.isfinite(width)])
    return np.asarray(standing * present.scale * known) if len(known) else np.array([present.width])


def _with_raters(present: _Present, size: int, rng: np.random.Generator) -> float:
    """Width once every item has `size` ratings. The further labels of an item come from its own chances: Dirichlet,
    around the label shares of all items, as tight as raters agree, given the labels it has."""
    table = present.stand_ins
    n = table.sum(axis=1)
    shares = table.sum(axis=0) / n.sum()
    agree = float(coefficients.kappas(np.ones((1, len(table))), table)[0])
    agree = max(agree, LEAST_AGREEMENT) if np.isfinite(agree) else 1.0
    tight = (1 - agree) / agree
    gamma = rng.standard_gamma(table + tight * shares)
    chances = gamma / gamma.sum(axis=1, keepdims=True)
    filled = table + rng.multinomial(np.maximum(size - n, 0).astype(int), chances)
    rows, which = counts.patterns(filled)
    return _width(present.one, present.statistic, rows, np.bincount(which, minlength=len(rows)).astype(float))


def _width(one: Coefficient, statistic: Statistic, rows: Floats, weights: Floats) -> float:
    """Width of the t interval with the jackknife's standard error over items; where no item is split, as
    `intervals.unanimous` has it; nan where leaving items out changes nothing."""
    seen = weights > 0
    rows, weights = rows[seen], weights[seen]
    n = weights.sum()
    if (rows.max(axis=1) == rows.sum(axis=1)).all():
        value = float(statistic(weights[None, :], rows)[0])
        return value - intervals.unanimous(one, value, rows, weights.astype(int), confidence=0.95).low
    without = statistic(weights - np.eye(len(rows)), rows)
    known = np.isfinite(without)
    if not known.any():
        return float("nan")
    times = weights[known]
    spread = times @ (without[known] - times @ without[known] / times.sum()) ** 2
    if spread <= TINY**2:
        return float("nan")
    return float(2 * special.stdtrit(n - 1, 0.975) * math.sqrt((n - 1) / n * spread))


def _items_for(curve: pd.DataFrame, width: float) -> int:
    """Between sizes log width falls straight with log items; beyond the largest as 1 / sqrt(items)."""
    n, widths = curve["n_items"].to_numpy(dtype=float), curve["width"].clip(lower=TINY).to_numpy(dtype=float)
    if widths[-1] > width:
        return math.ceil(float(n[-1] * (widths[-1] / width) ** 2))
    return math.ceil(float(np.exp(np.interp(-np.log(width), -np.log(widths), np.log(n)))) - 1e-9)


def _raters_for(curve: pd.DataFrame, width: float) -> int | None:
    raters, widths = curve["raters_per_item"].to_numpy(dtype=float), curve["width"].to_numpy(dtype=float)
    if widths[-1] > width:
        return None
    return math.ceil(float(np.interp(-width, -widths, raters)) - 1e-9)


def _reached_words(present: _Present, width: float) -> str:
    return (
        f"The 95 % interval of {NAMES[present.one]} is {present.width:.2f} wide, no wider than the {width:.2f} asked "
        "for: the session can stop."
    )


def _needed_words(present: _Present, width: float, *, items: int, raters: int | None, more: dict[Way, int]) -> str:
    sizes = present.table.sum(axis=1)
    per_item = sizes[sizes >= 2].mean()
    found = (
        f"The 95 % interval of {NAMES[present.one]} is {present.width:.2f} wide. For {width:.2f} expect to need "
        f"{items:,} items at {per_item:.1f} ratings each ({more[Way.ITEMS]:,} more ratings)"
    )
    if raters is None:
        return (
            f"{found}; further raters on the items at hand alone do not get there (up to {MOST_RATERS} each): the "
            "interval is about all items like these, not only those at hand."
        )
    return f"{found}, or {raters} raters for each of the items at hand ({more[Way.RATERS]:,} more ratings)."
