"""The formulas of the agreement coefficients (alpha, percent, Fleiss' kappa, majority), for many resamples at once.

`counts`: items (or distinct patterns of items) with two ratings or more x labels. `weights`: resamples x items, how
often a resample holds each item. Every public function returns one value per resample, nan if the coefficient is
undefined.
"""

import numpy as np

from core.subjectivity.statistics.counts import Floats, Level


def alphas(weights: Floats, counts: Floats, values: Floats, *, level: Level) -> Floats:
    """Krippendorff's alpha: 1 = perfect agreement, 0 = as by chance. `values` as in `counts.on_level`.

    nan if only one label is in use. Source: Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section E.
    """
    n_c = weights @ counts
    n = n_c.sum(axis=1)
    if level == Level.SETS:
        observed = weights @ (_sum_of_distances(counts, values) / (counts.sum(axis=1) - 1))
        expected = _sum_of_distances(n_c, values)
    else:
        positions = _positions(n_c, values, level=level)
        observed = _observed(weights, counts, positions, level=level)
        expected = _expected(n_c, positions, level=level)
    defined = expected > 1e-12 * np.maximum(n, 1)
    ratio = np.divide((n - 1) * observed, expected, out=np.full(len(n), np.nan), where=defined)
    return np.asarray(1 - ratio, dtype=float)


def percents(weights: Floats, counts: Floats) -> Floats:
    """Percent agreement: the share of an item's pairs of ratings that are equal, in [0, 1], averaged over items.

    Source: Fleiss (1971), equation 2 (P-bar).
    """
    m = counts.sum(axis=1)
    return mean(weights, ((counts**2).sum(axis=1) - m) / (m * (m - 1)))


def kappas(weights: Floats, counts: Floats) -> Floats:
    """Fleiss' kappa: percent agreement corrected for chance, in [-1, 1]; nan if only one label is in use.

    Every item has the same weight in observed and in chance agreement, whatever its number of ratings; otherwise kappa
    could fall below -1. Source: Fleiss (1971), equation 7; for unequal numbers of ratings Gwet (2014), Handbook of
    Inter-Rater Reliability.
    """
    n = weights.sum(axis=1, keepdims=True)
    summed = weights @ (counts / counts.sum(axis=1, keepdims=True))
    shares = np.divide(summed, n, out=np.full(summed.shape, np.nan), where=n > 0)
    chance = (shares**2).sum(axis=1)
    beyond = percents(weights, counts) - chance
    return np.asarray(np.divide(beyond, 1 - chance, out=np.full(len(chance), np.nan), where=chance < 1 - 1e-12))


def majorities(weights: Floats, counts: Floats) -> Floats:
    """Mean majority agreement: the mean over items of a_i = max_y (share of the item's ratings that chose y).

    Source: Li et al. (2023), section 5.1.
    """
    return mean(weights, counts.max(axis=1, initial=0) / counts.sum(axis=1))


def mean(weights: Floats, per_item: Floats) -> Floats:
    """Weighted mean of a value per item, one for each row of `weights`; nan if all weights of a row are 0."""
    n = weights.sum(axis=1)
    return np.asarray(np.divide(weights @ per_item, n, out=np.full(len(n), np.nan), where=n > 0))


def _sum_of_distances(counts: Floats, distances: Floats) -> Floats:
    """Sum of the distances of all ordered pairs of ratings, one per row of `counts`; equal labels have distance 0."""
    return np.asarray(((counts @ distances) * counts).sum(axis=1))


def _positions(n_c: Floats, values: Floats, *, level: Level) -> Floats:
    """Positions v of the labels (resamples x labels) whose squared differences are the metric of the level.

    On the ordinal level positions are mid-ranks: the metric there is (sum of n_g from c to k) - (n_c + n_k) / 2.
    """
    if level == Level.ORDINAL:
        return np.asarray(n_c.cumsum(axis=1) - n_c / 2)
    spread = np.ptp(values) or 1.0
    return np.broadcast_to((values - values.mean()) / spread, n_c.shape)


def _observed(weights: Floats, counts: Floats, positions: Floats, *, level: Level) -> Floats:
    """Observed disagreement: squared differences of all pairs of an item, divided by m_u - 1, summed over items.

    m_u is the number of ratings of item u.
    """
    m = counts.sum(axis=1)
    if level == Level.NOMINAL:
        return np.asarray(weights @ ((m**2 - (counts**2).sum(axis=1)) / (m - 1)))
    if level == Level.INTERVAL:
        v = positions[0]
        return np.asarray(weights @ (2 * (m * (counts @ v**2) - (counts @ v) ** 2) / (m - 1)))
    first, second = positions @ counts.T, positions**2 @ counts.T
    return np.asarray((weights * (m * second - first**2)) @ (2 / (m - 1)))


def _expected(n_c: Floats, positions: Floats, *, level: Level) -> Floats:
    """Expected disagreement: squared differences of all pairs of ratings, of the same item or not, summed."""
    n = n_c.sum(axis=1)
    if level == Level.NOMINAL:
        return np.asarray(n**2 - (n_c**2).sum(axis=1))
    return np.asarray(2 * (n * (n_c * positions**2).sum(axis=1) - (n_c * positions).sum(axis=1) ** 2))
