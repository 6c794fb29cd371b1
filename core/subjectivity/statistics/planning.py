"""Predict how many more ratings bring the interval of an agreement coefficient to a given width.

Studies are simulated from the present ratings in two ways: with more items like the present items, or with more raters
on the present items. More raters cannot make the interval arbitrarily narrow, because the interval describes all items
like these, not the present items only.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd

from core.errors import StudyError
from core.subjectivity.statistics import coefficients, counts, intervals
from core.subjectivity.statistics.counts import Floats, Level
from core.subjectivity.statistics.intervals import Coefficient, Statistic

STUDIES = 40  # simulated studies for each size
SUBSAMPLE = 300  # the simulation uses at most so many items; widths are scaled to the interval of all items
TIMES = (1.25, 1.5, 2, 3, 5, 8, 13, 20)  # simulated sizes, as multiples of the present size
MOST_RATERS = 50
NAMES = {
    Coefficient.ALPHA: "alpha",
    Coefficient.MAJORITY: "mean majority agreement",
    Coefficient.PERCENT: "percent agreement",
    Coefficient.KAPPA: "Fleiss' kappa",
}
TINY = 1e-9  # widths below are rounding errors of 0
LEAST_AGREEMENT = 0.01  # lower bound of kappa when labels of further raters are drawn


class Way(StrEnum):
    """How a study grows. `items`: more items, each with as many ratings as now. `raters`: more raters on the present
    items."""

    ITEMS = "items"
    RATERS = "raters"


@dataclass(frozen=True)
class Plan:
    """The numbers of items, raters and ratings that the wanted `width` of a 95 % interval needs.

    All numbers are totals that include the present ratings.

    - now_width: the present width; reached: whether it is at most `width`
    - items: present items with two ratings or more, from which the interval is computed; ratings: present ratings
    - needed_items: at the present `ratings_per_item`
    - needed_raters_per_item: on the present items; None if `MOST_RATERS` are not enough
    - needed_ratings: the smaller number of ratings of the two ways
    - curve: columns way, n_items, raters_per_item, n_ratings, width (mean over simulated studies), low, high (limits of
      the central 80 % of simulated studies); the first row of each way is the present state
    - sentence: the result in words
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
class Present:
    """The ratings at hand, as the simulation needs them.

    `table`: counts, all items x labels. `subsample`: counts of at most `SUBSAMPLE` items with two ratings or more.
    `name`, `statistic`: the coefficient. `width`: the width of the coefficient's interval today. `scale`: `width` divided by
    the width that the simulation computes for the subsample (nan if the simulation finds no width).
    """

    table: Floats
    subsample: Floats
    name: Coefficient
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
    """Predict the ratings that bring the 95 % interval of a coefficient to the wanted width (high - low).

    Raises `StudyError` for a width outside (0, 1], if the present ratings give no interval, and if all items are split
    alike, so that no narrowing can be simulated; otherwise as `agreement.krippendorff_alpha`.
    """
    if not 0 < width <= 1:
        raise StudyError(f"The wanted width of the interval must lie between 0 and 1; found {width}.")
    present = prepare(ratings, level=level, statistic=statistic, seed=seed)
    reached = present.width <= width
    if not reached and math.isnan(present.scale):
        raise StudyError(
            "All items are split alike so far, or there are too few, so how much narrower the interval becomes cannot be "
            "foreseen. Let more items be rated."
        )
    sizes = present.table.sum(axis=1)
    usable = sizes >= 2
    n_ratings, n_items, per_item = int(sizes.sum()), int(usable.sum()), float(sizes[usable].mean())
    curve = pd.concat([_curve(present, way, wanted=width, seed=seed) for way in Way], ignore_index=True)
    items = _items_for(curve[curve["way"] == Way.ITEMS], width)
    raters = _raters_for(curve[curve["way"] == Way.RATERS], width)
    totals = {Way.ITEMS: n_ratings + math.ceil((items - n_items) * per_item)}
    totals |= {} if raters is None else {Way.RATERS: int(np.maximum(sizes, raters).sum())}
    more = {way: total - n_ratings for way, total in totals.items()}
    needed = _needed_words(present, width, items=items, raters=raters, more=more)
    return Plan(
        statistic=statistic,
        width=width,
        now_width=present.width,
        reached=reached,
        items=n_items,
        ratings=n_ratings,
        ratings_per_item=per_item,
        needed_items=n_items if reached else items,
        needed_raters_per_item=math.ceil(per_item) if reached else raters,
        needed_ratings=n_ratings if reached else min(totals.values()),
        curve=curve,
        sentence=_reached_words(present, width) if reached else needed,
    )


def prepare(ratings: pd.DataFrame, *, level: Level, statistic: Coefficient, seed: int) -> Present:
    """Prepare the present ratings for simulation. Raises `StudyError` if they give no interval."""
    coded, values = counts.with_values(counts.code(ratings), level=level)
    table = counts.per_item(coded).astype(float)
    usable = table[table.sum(axis=1) >= 2]
    now = intervals.estimates(usable, values, level=level, wanted=(statistic,), seed=seed)[statistic]
    if not np.isfinite(now.high - now.low):
        raise StudyError(
            "There is no interval to plan from yet: it takes two items with two ratings or more, and two labels in use."
        )
    chosen = intervals.statistics(values, level=level)[statistic]
    rng = np.random.default_rng(seed)
    subsample = usable[rng.permutation(len(usable))[:SUBSAMPLE]] if len(usable) > SUBSAMPLE else usable
    width = now.high - now.low
    simulated = _width(statistic, chosen, subsample, np.ones(len(subsample)))
    return Present(table, subsample, statistic, chosen, width, width / simulated)


def _curve(present: Present, way: Way, *, wanted: float, seed: int) -> pd.DataFrame:
    """The part of `Plan.curve` for one way: the present state, then simulated studies of growing size."""
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
        widths = simulated_widths(present, way, step, seed=seed)
        low, high = np.quantile(widths, [0.1, 0.9])
        if way == Way.ITEMS:
            size = (step, per_item, math.ceil(step * per_item) + int(sizes[~usable].sum()))
        else:
            filled = np.maximum(sizes, step)
            size = (len(filled), float(filled.mean()), int(filled.sum()))
        rows.append((way, *size, float(widths.mean()), float(low), float(high)))
    curve = pd.DataFrame(rows, columns=["way", "n_items", "raters_per_item", "n_ratings", "width", "low", "high"])
    curve[["width", "low", "high"]] = curve[["width", "low", "high"]].cummin()
    return curve


def simulated_widths(present: Present, way: Way, size: int, *, seed: int) -> Floats:
    """The widths of the interval in `STUDIES` simulated studies with `size` items or `size` raters per item.

    Studies without an interval are left out; if no study has an interval, the present width is returned.
    """
    rng = np.random.default_rng([seed, size])
    rows, pattern = counts.patterns(present.subsample)
    shares = np.bincount(pattern, minlength=len(rows)) / len(pattern)
    widths = []
    for _ in range(STUDIES):
        if way == Way.ITEMS:
            widths.append(_width(present.name, present.statistic, rows, rng.multinomial(size, shares).astype(float)))
        else:
            widths.append(_width_with_raters(present, size, rng))
    usable = (present.table.sum(axis=1) >= 2).sum()
    shrinkage = math.sqrt(usable / len(present.subsample)) if way == Way.ITEMS else 1.0
    known = np.array([width for width in widths if np.isfinite(width)])
    return np.asarray(shrinkage * present.scale * known) if len(known) else np.array([present.width])


def _width_with_raters(present: Present, size: int, rng: np.random.Generator) -> float:
    """The width of the interval in a simulated study in which every item has `size` ratings.

    The labels of further raters are drawn from label probabilities of the item, which come from a Dirichlet
    distribution: its mean is the label shares of all items, its concentration follows from kappa, and it is updated with
    the item's present labels.
    """
    table = present.subsample
    n = table.sum(axis=1)
    shares = table.sum(axis=0) / n.sum()
    kappa = float(coefficients.kappas(np.ones((1, len(table))), table)[0])
    kappa = max(kappa, LEAST_AGREEMENT) if np.isfinite(kappa) else 1.0
    concentration = (1 - kappa) / kappa
    gamma = rng.standard_gamma(table + concentration * shares)
    probabilities = gamma / gamma.sum(axis=1, keepdims=True)
    filled = table + rng.multinomial(np.maximum(size - n, 0).astype(int), probabilities)
    rows, pattern = counts.patterns(filled)
    return _width(present.name, present.statistic, rows, np.bincount(pattern, minlength=len(rows)).astype(float))


def _width(name: Coefficient, statistic: Statistic, rows: Floats, weights: Floats) -> float:
    """The width of the t interval with the jackknife standard error over items.

    If every item is unanimous, the width of `intervals.unanimous`; nan if the jackknife standard error is 0 or
    undefined.
    """
    present = weights > 0
    rows, weights = rows[present], weights[present]
    n = weights.sum()
    if (rows.max(axis=1) == rows.sum(axis=1)).all():
        value = float(statistic(weights[None, :], rows)[0])
        return value - intervals.unanimous(name, value, rows, weights.astype(int), confidence=0.95).low
    without_item = statistic(weights - np.eye(len(rows)), rows)
    known = np.isfinite(without_item)
    if not known.any():
        return float("nan")
    times = weights[known]
    spread = times @ (without_item[known] - times @ without_item[known] / times.sum()) ** 2
    if spread <= TINY**2:
        return float("nan")
    return float(2 * intervals.student_quantile(0.975, df=n - 1) * math.sqrt((n - 1) / n * spread))


def _items_for(curve: pd.DataFrame, width: float) -> int:
    """The number of items at which the curve reaches the width.

    Log width is interpolated linearly in log items; beyond the largest simulated size the width falls as
    1 / sqrt(items).
    """
    n, widths = curve["n_items"].to_numpy(dtype=float), curve["width"].clip(lower=TINY).to_numpy(dtype=float)
    if widths[-1] > width:
        return math.ceil(float(n[-1] * (widths[-1] / width) ** 2))
    return math.ceil(float(np.exp(np.interp(-np.log(width), -np.log(widths), np.log(n)))) - 1e-9)


def _raters_for(curve: pd.DataFrame, width: float) -> int | None:
    """The number of raters per item at which the curve reaches the width; None if it never does."""
    raters, widths = curve["raters_per_item"].to_numpy(dtype=float), curve["width"].to_numpy(dtype=float)
    if widths[-1] > width:
        return None
    return math.ceil(float(np.interp(-width, -widths, raters)) - 1e-9)


def _reached_words(present: Present, width: float) -> str:
    return (
        f"The 95 % interval of {NAMES[present.name]} is {present.width:.2f} wide, no wider than the {width:.2f} asked "
        "for: the session can stop."
    )


def _needed_words(present: Present, width: float, *, items: int, raters: int | None, more: dict[Way, int]) -> str:
    """The sentence of a plan whose width is not reached; `more`: further ratings that each way needs."""
    sizes = present.table.sum(axis=1)
    per_item = sizes[sizes >= 2].mean()
    by_items = (
        f"The 95 % interval of {NAMES[present.name]} is {present.width:.2f} wide. For {width:.2f} expect to need "
        f"{items:,} items at {per_item:.1f} ratings each ({more[Way.ITEMS]:,} more ratings)"
    )
    if raters is None:
        return (
            f"{by_items}; further raters on the items at hand alone do not get there (up to {MOST_RATERS} each): the "
            "interval is about all items like these, not only those at hand."
        )
    return f"{by_items}, or {raters} raters for each of the items at hand ({more[Way.RATERS]:,} more ratings)."
