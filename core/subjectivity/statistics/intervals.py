"""Intervals of agreement, from one resampling of items that all coefficients share.

Items are what a study samples, so items are drawn again and the raters stay as they are: an interval speaks of more
items rated by the same pool of raters, not of other raters. Limits are bias-corrected and accelerated (Efron 1987) with
quantiles of Student's t in place of the normal ones (n items - 1 degrees), which few items need.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import numpy as np
from scipy import special

from core.subjectivity.statistics import coefficients, counts
from core.subjectivity.statistics.counts import Codes, Floats, Level

Statistic = Callable[[Floats, Floats], Floats]  # weights (resamples x patterns), patterns -> value per resample

CELLS = 4_000_000  # weights drawn at a time: 32 MB
ACCELERATED_UP_TO = 1_000  # distinct items; beyond, the acceleration (of order 1 / sqrt(n)) is below 0.01
SAME = 1e-12  # values this near are equal
OTHER_MAJORITIES = 3  # fewer items than this led by another label say too little about the rarer labels


class Coefficient(StrEnum):
    """`alpha`: Krippendorff's. `majority`: mean majority agreement. `percent`: percent agreement. `kappa`: Fleiss'."""

    ALPHA = "alpha"
    MAJORITY = "majority"
    PERCENT = "percent"
    KAPPA = "kappa"


CORRECTED = (Coefficient.ALPHA, Coefficient.KAPPA)  # for chance


@dataclass(frozen=True)
class Estimate:
    """A coefficient with its interval: nan where undefined, limits nan too with fewer than two items."""

    value: float
    low: float
    high: float


def estimates(
    table: Floats,
    values: Floats,
    *,
    level: Level,
    wanted: tuple[Coefficient, ...] = tuple(Coefficient),
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict[Coefficient, Estimate]:
    """Every wanted coefficient with its interval, from `counts.on_level`: items with two ratings or more x labels.

    Three cases a resampling cannot see are added. Where all items are unanimous, the lower limit is what the largest
    share of split items still likely (exact binomial) would leave, each with one rating off. Where all items are split
    alike, percent and majority reach as far as such a share of items at either end would take them. Where fewer than three
    items are led by another label than the commonest, the upper limit of alpha and kappa reaches as far as one more
    unanimous item of the rarest label would take it. Resamples in which a coefficient is undefined are left out.
    """
    rows, which = counts.patterns(table)
    frequency = np.bincount(which)
    chosen = {one: by for one, by in statistics(values, level=level).items() if one in wanted}
    whole = frequency.astype(float)[None, :]
    found = {one: float(by(whole, rows)[0]) for one, by in chosen.items()}
    if frequency.sum() < 2:
        return {one: Estimate(found[one], np.nan, np.nan) for one in chosen}
    if (rows.max(axis=1) == rows.sum(axis=1)).all():
        return {one: unanimous(one, found[one], rows, frequency, confidence=confidence) for one in chosen}
    limits = _limits(chosen, rows, frequency, resamples=resamples, seed=seed, confidence=confidence)
    for one in {Coefficient.MAJORITY, Coefficient.PERCENT} & set(chosen):
        if limits[one][1] - limits[one][0] <= SAME:
            limits[one] = _alike(one, found[one], rows, frequency, confidence=confidence)
    corrected = {one: by for one, by in chosen.items() if one in CORRECTED}
    if corrected and _led_by_others(rows, frequency) < OTHER_MAJORITIES:
        more = _with_rarest(rows, frequency)
        for one, (_, high) in _limits(corrected, *more, resamples=resamples, seed=seed, confidence=confidence).items():
            limits[one] = (limits[one][0], float(np.fmax(limits[one][1], high)))
    return {one: Estimate(found[one], *limits[one]) for one in chosen}


def value(coefficient: Coefficient, table: Floats, values: Floats, *, level: Level) -> float:
    """A coefficient without its interval."""
    statistic = statistics(values, level=level)[coefficient]
    return float(statistic(np.ones((1, len(table))), table)[0])


def resampled(
    statistics: dict[Coefficient, Statistic],
    rows: Floats,
    frequency: Codes,
    *,
    items: int,
    resamples: int,
    seed: int,
) -> dict[Coefficient, Floats]:
    """Each statistic in every resample of `items` items from those at hand; the same resamples for all."""
    rng = np.random.default_rng(seed)
    block = max(1, CELLS // len(rows))
    drawn: dict[Coefficient, list[Floats]] = {one: [] for one in statistics}
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        weights = rng.multinomial(items, frequency / frequency.sum(), size=size).astype(float)
        for one, statistic in statistics.items():
            drawn[one].append(statistic(weights, rows))
    return {one: np.concatenate(parts) for one, parts in drawn.items()}


def statistics(values: Floats, *, level: Level) -> dict[Coefficient, Statistic]:
    """Every coefficient as a function of weights (resamples x rows) and rows (items or patterns x labels)."""
    return {
        Coefficient.ALPHA: partial(coefficients.alphas, values=values, level=level),
        Coefficient.MAJORITY: coefficients.majorities,
        Coefficient.PERCENT: coefficients.percents,
        Coefficient.KAPPA: coefficients.kappas,
    }


def _limits(
    statistics: dict[Coefficient, Statistic],
    rows: Floats,
    frequency: Codes,
    *,
    resamples: int,
    seed: int,
    confidence: float,
) -> dict[Coefficient, tuple[float, float]]:
    n = int(frequency.sum())
    drawn = resampled(statistics, rows, frequency, items=n, resamples=resamples, seed=seed)
    whole = frequency.astype(float)[None, :]
    return {
        one: _bca(
            drawn[one],
            value=float(statistic(whole, rows)[0]),
            acceleration=_acceleration(statistic, rows, frequency),
            z=float(special.stdtrit(n - 1, (1 + confidence) / 2)),
        )
        for one, statistic in statistics.items()
    }


def _bca(drawn: Floats, *, value: float, acceleration: float, z: float) -> tuple[float, float]:
    """Efron (1987), Better bootstrap confidence intervals, equation 2.3; ties with the value count half."""
    defined = drawn[np.isfinite(drawn)]
    if not len(defined) or not np.isfinite(value):
        return float("nan"), float("nan")
    tied = np.abs(defined - value) <= SAME
    below = ((defined < value) & ~tied).sum() + tied.sum() / 2
    edge = 1 / (len(defined) + 1)
    z0 = special.ndtri(np.clip(below / len(defined), edge, 1 - edge))
    reached = []
    for side in (z0 - z, z0 + z):
        room = 1 - acceleration * side
        reached.append(float(special.ndtr(z0 + side / room)) if room > 0 else float(side > 0))
    low, high = np.quantile(defined, reached)
    return float(low), float(high)


def _acceleration(statistic: Statistic, rows: Floats, frequency: Codes) -> float:
    """Skewness of the jackknife over items: Efron (1987), equation 6.6."""
    if len(rows) > ACCELERATED_UP_TO:
        return 0.0
    without = statistic(frequency - np.eye(len(rows)), rows)
    known = np.isfinite(without)
    left, times = without[known], frequency[known]
    if not len(left):
        return 0.0
    d = (times @ left) / times.sum() - left
    spread = times @ d**2
    return float((times @ d**3) / (6 * spread**1.5)) if spread > 0 else 0.0


def unanimous(one: Coefficient, value: float, rows: Floats, frequency: Codes, *, confidence: float) -> Estimate:
    """The interval where no item is split: as many split items as are still likely, each with one rating off."""
    if not np.isfinite(value):
        return Estimate(value, np.nan, np.nan)
    n_c = frequency @ rows
    n, ratings = frequency.sum(), n_c.sum()
    split = _still_likely(int(n), confidence)
    pairs = split * 2 * n / ratings
    chance = float(((n_c / ratings) ** 2).sum())
    lost = {Coefficient.MAJORITY: pairs / 2, Coefficient.PERCENT: pairs}.get(one, pairs / max(1 - chance, 1e-12))
    return Estimate(value, float(value - lost), value)


def _alike(one: Coefficient, value: float, rows: Floats, frequency: Codes, *, confidence: float) -> tuple[float, float]:
    """The limits where all items agree equally: as many others as are still likely, unanimous or split most evenly."""
    m, k = rows.sum(axis=1), rows.shape[1]
    each, left = np.divmod(m, k)
    pairs = (left * (each + 1) ** 2 + (k - left) * each**2 - m) / (m * (m - 1))
    evenest = np.ceil(m / k) / m if one == Coefficient.MAJORITY else pairs
    least = min(float(frequency @ evenest / frequency.sum()), value)
    others = _still_likely(int(frequency.sum()), confidence)
    return value - others * (value - least), value + others * (1 - value)


def _still_likely(n: int, confidence: float) -> float:
    """The largest share of a kind of item that none of `n` items is of by chance: exact binomial."""
    return float(1 - ((1 - confidence) / 2) ** (1 / n))


def _led_by_others(rows: Floats, frequency: Codes) -> int:
    """Items in which another label than the commonest of all ratings has the most."""
    commonest = (frequency @ rows).argmax()
    return int(frequency[rows[:, commonest] < rows.max(axis=1)].sum())


def _with_rarest(rows: Floats, frequency: Codes) -> tuple[Floats, Codes]:
    n_c = frequency @ rows
    item = np.zeros((1, rows.shape[1]))
    item[0, np.where(n_c > 0, n_c, np.inf).argmin()] = max(2, round(n_c.sum() / frequency.sum()))
    return np.vstack([rows, item]), np.append(frequency, 1)
