"""The list of agreement coefficients on offer, and the confidence interval of each by resampling items.

Items are what a study samples, so items are resampled and the raters stay the same: an interval describes further items
rated by the same pool of raters, not other raters. Limits are bias-corrected and accelerated (BCa, Efron 1987), with
quantiles of Student's t (number of items - 1 degrees of freedom) in place of normal quantiles, because normal quantiles
give too narrow intervals for few items.
"""

from collections.abc import Callable
from enum import StrEnum
from functools import partial

import numpy as np

from core.interval import Interval
from core.subjectivity.statistics import coefficients, counts
from core.subjectivity.statistics.counts import Codes, Floats, Level

Statistic = Callable[[Floats, Floats], Floats]  # weights (resamples x patterns), patterns -> a value per resample

CELLS = 4_000_000  # weights drawn at a time: 32 MB
ACCELERATED_UP_TO = 1_000  # distinct items; beyond, the acceleration (of order 1 / sqrt(n)) is below 0.01
SAME = 1e-12  # values that differ by less are equal
OTHER_MAJORITIES = 3  # with fewer items whose majority is not the commonest label, resampling misses the rare labels


class Coefficient(StrEnum):
    """`alpha`: Krippendorff's. `majority`: mean majority agreement. `percent`: percent agreement. `kappa`: Fleiss'."""

    ALPHA = "alpha"
    MAJORITY = "majority"
    PERCENT = "percent"
    KAPPA = "kappa"


CORRECTED = (Coefficient.ALPHA, Coefficient.KAPPA)  # for chance


def estimates(
    table: Floats,
    values: Floats,
    *,
    level: Level,
    wanted: tuple[Coefficient, ...] = tuple(Coefficient),
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict[Coefficient, Interval]:
    """Compute the wanted coefficients with their intervals; `n` is the number of items with two ratings or more.

    `error` is half the width of the interval over the quantile of Student's t with n - 1 degrees of freedom.

    `table` (items x labels) and `values` as `counts.on_level` returns them. Limits are nan with fewer than two items.
    Resamples in which a coefficient is undefined are left out. Resampling cannot see rare items that the sample lacks,
    so three cases get other limits:

    - Every item is unanimous: the lower limit assumes the largest share of split items that is still likely (exact
      binomial), each with one differing rating.
    - Every item is split alike: percent and majority agreement reach as far as the largest still likely share of
      unanimous or evenly split items would take them.
    - Fewer than three items have a majority other than the commonest label: the upper limit of alpha and kappa is at
      least the limit with one more unanimous item of the rarest label.
    """
    rows, pattern = counts.patterns(table)
    frequency = np.bincount(pattern)
    n = int(frequency.sum())
    chosen = {name: statistic for name, statistic in statistics(values, level=level).items() if name in wanted}
    whole = frequency.astype(float)[None, :]
    value = {name: float(statistic(whole, rows)[0]) for name, statistic in chosen.items()}
    if n < 2:
        return {name: Interval(value[name], np.nan, np.nan, n) for name in chosen}
    t = student_quantile((1 + confidence) / 2, df=n - 1)
    if (rows.max(axis=1) == rows.sum(axis=1)).all():
        every = {name: unanimous(name, value[name], rows, frequency, confidence=confidence) for name in chosen}
        return {name: _with_error(found.value, (found.low, found.high), n, t) for name, found in every.items()}
    limits = _limits(chosen, rows, frequency, resamples=resamples, seed=seed, confidence=confidence)
    for name in {Coefficient.MAJORITY, Coefficient.PERCENT} & set(chosen):
        if limits[name][1] - limits[name][0] <= SAME:
            limits[name] = _all_split_alike(name, value[name], rows, frequency, confidence=confidence)
    corrected = {name: statistic for name, statistic in chosen.items() if name in CORRECTED}
    if corrected and _items_with_another_majority(rows, frequency) < OTHER_MAJORITIES:
        extended = _with_rarest_label(rows, frequency)
        wider = _limits(corrected, *extended, resamples=resamples, seed=seed, confidence=confidence)
        for name, (_, high) in wider.items():
            limits[name] = (limits[name][0], float(np.fmax(limits[name][1], high)))
    return {name: _with_error(value[name], limits[name], n, t) for name in chosen}


def _with_error(value: float, limits: tuple[float, float], n: int, t: float) -> Interval:
    low, high = limits
    return Interval(value, low, high, n, (high - low) / (2 * t))


def value(coefficient: Coefficient, table: Floats, values: Floats, *, level: Level) -> float:
    """Compute a coefficient without its interval; `table` and `values` as `counts.on_level` returns them."""
    statistic = statistics(values, level=level)[coefficient]
    return float(statistic(np.ones((1, len(table))), table)[0])


def statistics(values: Floats, *, level: Level) -> dict[Coefficient, Statistic]:
    """Every coefficient as a function of weights (resamples x rows) and rows (items or patterns x labels)."""
    return {
        Coefficient.ALPHA: partial(coefficients.alphas, values=values, level=level),
        Coefficient.MAJORITY: coefficients.majorities,
        Coefficient.PERCENT: coefficients.percents,
        Coefficient.KAPPA: coefficients.kappas,
    }


def student_quantile(probability: float, *, df: float) -> float:
    """The quantile of Student's t distribution with `df` degrees of freedom."""
    from scipy import special  # 0.2 s: loaded only when an interval is computed

    return float(special.stdtrit(df, probability))


def unanimous(name: Coefficient, value: float, rows: Floats, frequency: Codes, *, confidence: float) -> Interval:
    """The interval of a coefficient if every item is unanimous; the upper limit is the value.

    The lower limit assumes the largest share of split items that is still likely (`_largest_likely_share`), each with
    one differing rating.
    """
    n = int(frequency.sum())
    if not np.isfinite(value):
        return Interval(value, np.nan, np.nan, n)
    n_c = frequency @ rows
    ratings = n_c.sum()
    pairs = _largest_likely_share(n, confidence) * 2 * n / ratings
    chance = float(((n_c / ratings) ** 2).sum())
    loss = {Coefficient.MAJORITY: pairs / 2, Coefficient.PERCENT: pairs}.get(name, pairs / max(1 - chance, 1e-12))
    return Interval(value, float(value - loss), value, n)


def _limits(
    statistics: dict[Coefficient, Statistic],
    rows: Floats,
    frequency: Codes,
    *,
    resamples: int,
    seed: int,
    confidence: float,
) -> dict[Coefficient, tuple[float, float]]:
    """The BCa limits of every statistic, all from the same resamples of items."""
    n = int(frequency.sum())
    drawn = _resampled(statistics, rows, frequency, resamples=resamples, seed=seed)
    whole = frequency.astype(float)[None, :]
    t = student_quantile((1 + confidence) / 2, df=n - 1)
    return {
        name: _bca(
            drawn[name],
            value=float(statistic(whole, rows)[0]),
            acceleration=_acceleration(statistic, rows, frequency),
            quantile=t,
        )
        for name, statistic in statistics.items()
    }


def _resampled(
    statistics: dict[Coefficient, Statistic], rows: Floats, frequency: Codes, *, resamples: int, seed: int
) -> dict[Coefficient, Floats]:
    """The value of every statistic in each resample, which has as many items as the sample."""
    rng = np.random.default_rng(seed)
    n = int(frequency.sum())
    block = max(1, CELLS // len(rows))
    drawn: dict[Coefficient, list[Floats]] = {name: [] for name in statistics}
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        weights = rng.multinomial(n, frequency / n, size=size).astype(float)
        for name, statistic in statistics.items():
            drawn[name].append(statistic(weights, rows))
    return {name: np.concatenate(parts) for name, parts in drawn.items()}


def _bca(drawn: Floats, *, value: float, acceleration: float, quantile: float) -> tuple[float, float]:
    """The BCa limits from the resampled values; a resampled value equal to `value` counts half as below.

    `quantile`: of the reference distribution, in standard errors. Both limits are nan if `value` or every resampled
    value is undefined. Source: Efron (1987), Better bootstrap confidence intervals, equation 2.3.
    """
    from scipy import special  # 0.2 s: loaded only when an interval is computed

    defined = drawn[np.isfinite(drawn)]
    if not len(defined) or not np.isfinite(value):
        return float("nan"), float("nan")
    tied = np.abs(defined - value) <= SAME
    below = ((defined < value) & ~tied).sum() + tied.sum() / 2
    edge = 1 / (len(defined) + 1)
    z0 = special.ndtri(np.clip(below / len(defined), edge, 1 - edge))
    shares = []
    for z in (z0 - quantile, z0 + quantile):
        denominator = 1 - acceleration * z
        shares.append(float(special.ndtr(z0 + z / denominator)) if denominator > 0 else float(z > 0))
    low, high = np.quantile(defined, shares)
    return float(low), float(high)


def _acceleration(statistic: Statistic, rows: Floats, frequency: Codes) -> float:
    """The acceleration of BCa: skewness of the jackknife over items. Source: Efron (1987), equation 6.6."""
    if len(rows) > ACCELERATED_UP_TO:
        return 0.0
    without_item = statistic(frequency - np.eye(len(rows)), rows)
    known = np.isfinite(without_item)
    jackknife, times = without_item[known], frequency[known]
    if not len(jackknife):
        return 0.0
    d = (times @ jackknife) / times.sum() - jackknife
    spread = times @ d**2
    return float((times @ d**3) / (6 * spread**1.5)) if spread > 0 else 0.0


def _all_split_alike(
    name: Coefficient, value: float, rows: Floats, frequency: Codes, *, confidence: float
) -> tuple[float, float]:
    """The limits of percent or majority agreement if all items agree equally.

    The limits assume that the largest still likely share of items is split as evenly as possible (lower limit) or
    unanimous (upper limit).
    """
    m, k = rows.sum(axis=1), rows.shape[1]
    quotient, remainder = np.divmod(m, k)
    pairs = (remainder * (quotient + 1) ** 2 + (k - remainder) * quotient**2 - m) / (m * (m - 1))
    evenest = np.ceil(m / k) / m if name == Coefficient.MAJORITY else pairs
    least = min(float(frequency @ evenest / frequency.sum()), value)
    share = _largest_likely_share(int(frequency.sum()), confidence)
    return value - share * (value - least), value + share * (1 - value)


def _largest_likely_share(n: int, confidence: float) -> float:
    """The largest share of a kind of item in the population with which `n` items may all be of other kinds by chance.

    The upper limit of the exact binomial interval for 0 of `n`.
    """
    return float(1 - ((1 - confidence) / 2) ** (1 / n))


def _items_with_another_majority(rows: Floats, frequency: Codes) -> int:
    """The number of items in which some label has more ratings than the commonest label of the whole table."""
    commonest = (frequency @ rows).argmax()
    return int(frequency[rows[:, commonest] < rows.max(axis=1)].sum())


def _with_rarest_label(rows: Floats, frequency: Codes) -> tuple[Floats, Codes]:
    """The patterns and their frequencies with one more item, unanimous for the rarest label in use."""
    n_c = frequency @ rows
    item = np.zeros((1, rows.shape[1]))
    item[0, np.where(n_c > 0, n_c, np.inf).argmin()] = max(2, round(n_c.sum() / frequency.sum()))
    return np.vstack([rows, item]), np.append(frequency, 1)
