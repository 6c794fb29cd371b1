"""Coefficients of agreement on counts, for many weightings of the items at once.

`counts`: items (or distinct patterns of items) with two ratings or more x labels. `weights`: resamples x items, how
often each item is in. Every function gives one value per row of `weights`; nan where the coefficient is undefined.
"""

import numpy as np

from core.subjectivity.statistics.counts import Floats, Level


def alphas(weights: Floats, counts: Floats, values: Floats, *, level: Level) -> Floats:
    """Krippendorff's alpha. Source: Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section E."""
    n_c = weights @ counts
    n = n_c.sum(axis=1)
    if level == Level.SETS:
        observed, expected = weights @ (_apart(counts, values) / (counts.sum(axis=1) - 1)), _apart(n_c, values)
    else:
        places = _places(n_c, values, level=level)
        observed = _observed(weights, counts, places, level=level)
        expected = _expected(n_c, places, level=level)
    defined = expected > 1e-12 * np.maximum(n, 1)
    ratio = np.divide((n - 1) * observed, expected, out=np.full(len(n), np.nan), where=defined)
    return np.asarray(1 - ratio, dtype=float)


def percents(weights: Floats, counts: Floats) -> Floats:
    """Share of equal pairs of ratings of an item, averaged over items: P-bar of Fleiss (1971), equation 2."""
    m = counts.sum(axis=1)
    return mean(weights, ((counts**2).sum(axis=1) - m) / (m * (m - 1)))


def kappas(weights: Floats, counts: Floats) -> Floats:
    """Fleiss' kappa: `percents` beyond chance. Source: Fleiss (1971), equation 7.

    Items with unequal numbers of ratings count alike in both parts, as in Gwet (2014), Handbook of Inter-Rater
    Reliability: only then is kappa never below -1.
    """
    n = weights.sum(axis=1, keepdims=True)
    summed = weights @ (counts / counts.sum(axis=1, keepdims=True))
    shares = np.divide(summed, n, out=np.full(summed.shape, np.nan), where=n > 0)
    chance = (shares**2).sum(axis=1)
    beyond = percents(weights, counts) - chance
    return np.asarray(np.divide(beyond, 1 - chance, out=np.full(len(chance), np.nan), where=chance < 1 - 1e-12))


def majorities(weights: Floats, counts: Floats) -> Floats:
    """Mean over items of a_i = max_y (share of the ratings that chose y). Source: Li et al. (2023), section 5.1."""
    return mean(weights, counts.max(axis=1, initial=0) / counts.sum(axis=1))


def mean(weights: Floats, per_item: Floats) -> Floats:
    """Weighted mean of a value per item; nan for a row of weights that is all 0."""
    n = weights.sum(axis=1)
    return np.asarray(np.divide(weights @ per_item, n, out=np.full(len(n), np.nan), where=n > 0))


def _apart(counts: Floats, distances: Floats) -> Floats:
    """Sum of the distances of all ordered pairs of ratings in each row; a label is at distance 0 from itself."""
    return np.asarray(((counts @ distances) * counts).sum(axis=1))


def _places(n_c: Floats, values: Floats, *, level: Level) -> Floats:
    """Label positions v (resamples x labels) whose squared differences are the metric of the level.

    The ordinal metric (sum of n_g from c to k, less half of n_c and n_k) is the difference of mid-ranks.
    """
    if level == Level.ORDINAL:
        return np.asarray(n_c.cumsum(axis=1) - n_c / 2)
    spread = np.ptp(values) or 1.0
    return np.broadcast_to((values - values.mean()) / spread, n_c.shape)


def _observed(weights: Floats, counts: Floats, places: Floats, *, level: Level) -> Floats:
    """Sum over items of the squared differences of all its pairs, by m_u - 1 (m_u: ratings of item u)."""
    m = counts.sum(axis=1)
    if level == Level.NOMINAL:
        return np.asarray(weights @ ((m**2 - (counts**2).sum(axis=1)) / (m - 1)))
    if level == Level.INTERVAL:
        v = places[0]
        return np.asarray(weights @ (2 * (m * (counts @ v**2) - (counts @ v) ** 2) / (m - 1)))
    first, second = places @ counts.T, places**2 @ counts.T
    return np.asarray((weights * (m * second - first**2)) @ (2 / (m - 1)))


def _expected(n_c: Floats, places: Floats, *, level: Level) -> Floats:
    """The same sum over all pairs of ratings, whatever their item."""
    n = n_c.sum(axis=1)
    if level == Level.NOMINAL:
        return np.asarray(n**2 - (n_c**2).sum(axis=1))
    return np.asarray(2 * (n * (n_c * places**2).sum(axis=1) - (n_c * places).sum(axis=1) ** 2))
