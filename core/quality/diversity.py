"""Measure the diversity of embedded texts: exact remote clique and Chamfer distance, cosine or angular."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.errors import StudyError
from core.interval import Interval, normal, undefined
from core.quality import all_pairs

DRAWS = 5
SCORES = ("remote_clique", "chamfer_distance")

Floats = NDArray[np.float64]


class Distance(StrEnum):
    """Distance of two vectors: cosine is 1 - cos, in [0, 2]; angular is arccos(cos), in [0, pi] radians (Cox et al. 2021)."""

    COSINE = "cosine"
    ANGULAR = "angular"


@dataclass(frozen=True)
class Diversity:
    """Remote clique and Chamfer distance of the same texts with 95 % intervals; larger is more diverse.

    Values are nan below two texts, limits below three texts. An interval speaks of another n texts from the same source.
    """

    remote_clique: Interval
    chamfer_distance: Interval

    @property
    def n(self) -> int:
        """The number of texts."""
        return self.remote_clique.n

    def flat(self) -> dict[str, float]:
        """The scores under the names of columns and JSON keys: n, remote_clique, remote_clique_low, remote_clique_high, ..."""
        found: dict[str, float] = {"n": self.n}
        for name in SCORES:
            score: Interval = getattr(self, name)
            found |= {name: score.value, f"{name}_low": score.low, f"{name}_high": score.high}
        return found


UNDEFINED = Diversity(undefined(), undefined())


def remote_clique(embeddings: NDArray[Any], *, distance: str = Distance.COSINE) -> float:
    """The mean distance between two different rows: (1/N) sum_i (1/(N-1)) sum_{j != i} d(x_i, x_j) (Cox et al. 2021).

    `embeddings` has shape (n, d); rows need not have length 1. The expected score does not depend on n. nan below two
    rows. Raises `StudyError` if a row holds only zeros or a number that is not finite.
    """
    unit, distance = unit_rows(embeddings), Distance(distance)
    n = len(unit)
    if n < 2:
        return math.nan
    sums = _cosine_sums(unit) if distance == Distance.COSINE else all_pairs.sweep(unit, angles=True, nearest=False)[0]
    return float(sums.sum() / (n * (n - 1)))


def chamfer_distance(embeddings: NDArray[Any], *, distance: str = Distance.COSINE) -> float:
    """The mean distance of a row to its nearest other row: (1/N) sum_i min_{j != i} d(x_i, x_j) (Cox et al. 2021).

    The distance of a row with an equal row elsewhere is 0. The score falls as n grows: compare arms by `at_equal_size`.
    nan below two rows. Raises `StudyError` as `remote_clique` does.
    """
    unit, distance = unit_rows(embeddings), Distance(distance)
    if len(unit) < 2:
        return math.nan
    return float(_distances(all_pairs.sweep(unit, angles=False, nearest=True)[1].best, distance).mean())


def measure(embeddings: NDArray[Any], *, distance: str = Distance.COSINE) -> Diversity:
    """Remote clique and Chamfer distance for one distance, with intervals as in `measure_all`."""
    return _measure(unit_rows(embeddings), (Distance(distance),))[Distance(distance)]


def measure_all(embeddings: NDArray[Any]) -> dict[Distance, Diversity]:
    """Remote clique and Chamfer distance for both distances, in one pass over all pairs of rows.

    Intervals are normal, with the delete-one jackknife error (Efron and Stein 1981; of a U-statistic: Arvesen 1969), and nan
    below three rows. They speak of another n rows from the same source; for Chamfer distance the error is too large rather
    than too small: its 95 % intervals hold the mean over such sets in 96 to 100 of 100 simulated studies (docs/methods.md).
    """
    return _measure(unit_rows(embeddings), tuple(Distance))


def at_equal_size(
    arms: Mapping[str, NDArray[Any]], *, n: int | None = None, draws: int = DRAWS, seed: int = 0
) -> pd.DataFrame:
    """The diversity of every arm on `n` rows each, because Chamfer distance falls as rows are added.

    `n` is the size of the smallest arm by default. Scores and limits are means over `draws` draws without replacement; an
    arm of exactly `n` rows is measured once, whole. The limits are those of one draw: they speak of another `n` rows from
    the arm's source, not of the arm's own rows that were not drawn, and are wide for a mean over several draws. Columns
    arm, distance, n, available (rows of the arm), draws, and the columns of `Diversity.flat`. Raises `StudyError` if an arm
    has fewer than `n` rows.
    """
    smallest = min((len(rows) for rows in arms.values()), default=0)
    n = smallest if n is None else n
    if n > smallest:
        name = min(arms, key=lambda arm: len(arms[arm]))
        raise StudyError(f"{n} texts per arm were asked for, but {name!r} has {smallest}. Ask for {smallest} or fewer.")
    found = []
    for arm, rows in arms.items():
        unit, rng = unit_rows(rows), np.random.default_rng(seed)
        n_draws = 1 if len(unit) == n else draws
        drawn = [_measure(unit[np.sort(rng.permutation(len(unit))[:n])], tuple(Distance)) for _ in range(n_draws)]
        for distance in Distance:
            row = {"arm": arm, "distance": str(distance), "n": n, "available": len(unit), "draws": n_draws}
            found.append(_mean([scores[distance] for scores in drawn]).flat() | row)
    scores = list(UNDEFINED.flat())
    return pd.DataFrame(found, columns=["arm", "distance", "n", "available", "draws", *scores[1:]])


def unit_rows(embeddings: NDArray[Any]) -> Floats:
    """The rows scaled to length 1, float64, shape (n, d). Raises `StudyError` as `remote_clique` does."""
    rows = np.asarray(embeddings, dtype=np.float64)
    if rows.ndim != 2:
        raise StudyError(f"Embeddings must be a table with one row per text; they have {rows.ndim} dimension(s).")
    lengths = np.linalg.norm(rows, axis=1)
    wrong = np.flatnonzero(~np.isfinite(lengths) | (lengths == 0))
    if len(wrong):
        fault = "only zeros" if lengths[wrong[0]] == 0 else "a number that is not finite"
        raise StudyError(f"Row {wrong[0] + 1} of the embeddings holds {fault}. Embed its text again or leave it out.")
    unit: Floats = rows / lengths[:, None]
    return unit


def _mean(drawn: list[Diversity]) -> Diversity:
    """The mean of scores and of limits over draws."""

    def mean(scores: list[Interval]) -> Interval:
        value, low, high = np.mean([(score.value, score.low, score.high) for score in scores], axis=0).tolist()
        return Interval(value, low, high, scores[0].n)

    return Diversity(mean([draw.remote_clique for draw in drawn]), mean([draw.chamfer_distance for draw in drawn]))


def _measure(unit: Floats, distances: tuple[Distance, ...]) -> dict[Distance, Diversity]:
    n = len(unit)
    if n < 2:
        return {distance: Diversity(undefined(n), undefined(n)) for distance in distances}
    angles, nearest = all_pairs.sweep(unit, angles=Distance.ANGULAR in distances, nearest=True)
    found = {}
    for distance in distances:
        sums = _cosine_sums(unit) if distance == Distance.COSINE else angles
        found[distance] = Diversity(_clique_interval(sums), _chamfer_interval(nearest, distance))
    return found


def _clique_interval(sums: Floats) -> Interval:
    """Remote clique with its 95 % interval, from each row's summed distance to the other rows."""
    n = len(sums)
    h = sums / (n - 1)
    score = float(h.mean())
    error = math.sqrt((n - 1) / n * 4 / (n - 2) ** 2 * float(((h - score) ** 2).sum())) if n > 2 else math.nan
    return normal(score, error, n)


def _chamfer_interval(nearest: all_pairs.Nearest, distance: Distance) -> Interval:
    """Chamfer distance with its 95 % interval: a row that is left out also sends those nearest to it to their second nearest."""
    first = _distances(nearest.best, distance)
    n, score = len(first), float(first.mean())
    if n < 3:
        return normal(score, math.nan, n)
    added = _distances(nearest.second, distance) - first
    without = (first.sum() - first + np.bincount(nearest.place, weights=added, minlength=n)) / (n - 1)
    error = math.sqrt((n - 1) / n * float(((without - without.mean()) ** 2).sum()))
    return normal(score, error, n)


def _cosine_sums(unit: Floats) -> Floats:
    """Each row's summed cosine distance to the other rows, from the sum s of all rows: (n - 1) - (x_i . s - 1)."""
    sums: Floats = np.maximum(len(unit) - unit @ unit.sum(axis=0), 0.0)
    return sums


def _distances(cosines: Floats, distance: Distance) -> Floats:
    cosines = np.clip(cosines, -1.0, 1.0)
    return 1.0 - cosines if distance == Distance.COSINE else np.arccos(cosines)
