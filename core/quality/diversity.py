"""Diversity of embedded texts: remote clique and Chamfer distance, exact, with cosine or angular distance."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.errors import StudyError
from core.quality import all_pairs

Z95 = 1.959963984540054
DRAWS = 5

Floats = NDArray[np.float64]


class Distance(StrEnum):
    """cosine: 1 - cos, in [0, 2]. angular: arccos(cos), in [0, pi] radians (Cox et al. 2021, section 3.2)."""

    COSINE = "cosine"
    ANGULAR = "angular"


@dataclass(frozen=True)
class Diversity:
    """Both scores of n texts with 95 % intervals; larger is more diverse; nan where n is too small (see `measure`)."""

    n: int
    remote_clique: float
    remote_clique_low: float
    remote_clique_high: float
    chamfer_distance: float
    chamfer_distance_low: float
    chamfer_distance_high: float


def remote_clique(embeddings: NDArray[Any], *, distance: str = Distance.COSINE) -> float:
    """Mean distance between two different rows: (1/N) sum_i (1/(N-1)) sum_{j != i} d(x_i, x_j) (Cox et al. 2021).

    `embeddings` has shape (n, d); rows need no unit length. Its expectation does not depend on n. nan below two rows.
    Raises `StudyError` for a row of zeros or a number that is not finite.
    """
    unit, distance = unit_rows(embeddings), Distance(distance)
    n = len(unit)
    if n < 2:
        return math.nan
    sums = _cosine_sums(unit) if distance == Distance.COSINE else all_pairs.sweep(unit, angles=True, nearest=False)[0]
    return float(sums.sum() / (n * (n - 1)))


def chamfer_distance(embeddings: NDArray[Any], *, distance: str = Distance.COSINE) -> float:
    """Mean distance of a row to its nearest other row: (1/N) sum_i min_{j != i} d(x_i, x_j) (Cox et al. 2021).

    A row is told from itself by its place, so a duplicate counts 0. It falls as n grows: compare arms by
    `at_equal_size`. nan below two rows. Raises `StudyError` as `remote_clique` does.
    """
    unit, distance = unit_rows(embeddings), Distance(distance)
    if len(unit) < 2:
        return math.nan
    return float(_apart(all_pairs.sweep(unit, angles=False, nearest=True)[1], distance).mean())


def measure(embeddings: NDArray[Any], *, distance: str = Distance.COSINE) -> Diversity:
    """Both scores for one distance, with their intervals as `measure_all` says."""
    return _measure(unit_rows(embeddings), (Distance(distance),))[Distance(distance)]


def measure_all(embeddings: NDArray[Any]) -> dict[Distance, Diversity]:
    """Both scores for both distances in one pass over all pairs.

    Remote clique's interval is the normal one with the delete-one jackknife error of a U-statistic (Arvesen 1969), nan
    below three rows. Chamfer's is the normal interval of a mean over rows, which takes the others as given.
    """
    return _measure(unit_rows(embeddings), tuple(Distance))


def at_equal_size(
    arms: Mapping[str, NDArray[Any]], *, n: int | None = None, draws: int = DRAWS, seed: int = 0
) -> pd.DataFrame:
    """The arms compared on equally many rows, because Chamfer distance falls as rows are added.

    `n` is at most the size of the smallest arm, which it is by default. Every number is the mean over `draws` draws
    without replacement; an arm of exactly n rows is taken whole, once. Columns arm, distance, n, available, draws, and
    the scores and intervals of `Diversity`. Raises `StudyError` when an arm has fewer than n rows.
    """
    smallest = min((len(rows) for rows in arms.values()), default=0)
    n = smallest if n is None else n
    if n > smallest:
        name = min(arms, key=lambda arm: len(arms[arm]))
        raise StudyError(f"{n} texts per arm were asked for, but {name!r} has {smallest}. Ask for {smallest} or fewer.")
    found = []
    for arm, rows in arms.items():
        unit, rng = unit_rows(rows), np.random.default_rng(seed)
        taken = 1 if len(unit) == n else draws
        drawn = [_measure(unit[np.sort(rng.permutation(len(unit))[:n])], tuple(Distance)) for _ in range(taken)]
        for distance in Distance:
            about = {"arm": arm, "distance": str(distance), "n": n, "available": len(unit), "draws": taken}
            found.append(about | _mean([one[distance] for one in drawn]))
    scores = [field.name for field in fields(Diversity)]
    return pd.DataFrame(found, columns=["arm", "distance", "n", "available", "draws", *scores[1:]])


def unit_rows(embeddings: NDArray[Any]) -> Floats:
    """The rows brought to length 1, float64, shape (n, d). Raises `StudyError` as `remote_clique` does."""
    rows = np.asarray(embeddings, dtype=np.float64)
    if rows.ndim != 2:
        raise StudyError(f"Embeddings must be a table with one row per text; they have {rows.ndim} dimension(s).")
    lengths = np.linalg.norm(rows, axis=1)
    wrong = np.flatnonzero(~np.isfinite(lengths) | (lengths == 0))
    if len(wrong):
        what = "only zeros" if lengths[wrong[0]] == 0 else "a number that is not finite"
        raise StudyError(f"Row {wrong[0] + 1} of the embeddings holds {what}. Embed its text again or leave it out.")
    unit: Floats = rows / lengths[:, None]
    return unit


def _mean(drawn: list[Diversity]) -> dict[str, float]:
    names = [field.name for field in fields(Diversity)][1:]
    return {name: float(np.mean([asdict(one)[name] for one in drawn])) for name in names}


def _measure(unit: Floats, distances: tuple[Distance, ...]) -> dict[Distance, Diversity]:
    n = len(unit)
    if n < 2:
        return {distance: Diversity(n, *[math.nan] * 6) for distance in distances}
    angles, nearest = all_pairs.sweep(unit, angles=Distance.ANGULAR in distances, nearest=True)
    found = {}
    for distance in distances:
        sums = _cosine_sums(unit) if distance == Distance.COSINE else angles
        found[distance] = Diversity(n, *_clique_interval(sums), *_mean_interval(_apart(nearest, distance)))
    return found


def _clique_interval(sums: Floats) -> tuple[float, float, float]:
    """Remote clique and its 95 % interval from each row's summed distance to the others."""
    n = len(sums)
    h = sums / (n - 1)
    score = float(h.mean())
    error = math.sqrt((n - 1) / n * 4 / (n - 2) ** 2 * float(((h - score) ** 2).sum())) if n > 2 else math.nan
    return score, score - Z95 * error, score + Z95 * error


def _mean_interval(distances: Floats) -> tuple[float, float, float]:
    score, error = float(distances.mean()), float(distances.std(ddof=1) / math.sqrt(len(distances)))
    return score, score - Z95 * error, score + Z95 * error


def _cosine_sums(unit: Floats) -> Floats:
    """Each row's summed cosine distance to the others, from the sum s of all rows: (n - 1) - (x_i . s - 1)."""
    sums: Floats = np.maximum(len(unit) - unit @ unit.sum(axis=0), 0.0)
    return sums


def _apart(cosines: Floats, distance: Distance) -> Floats:
    cosines = np.clip(cosines, -1.0, 1.0)
    return 1.0 - cosines if distance == Distance.COSINE else np.arccos(cosines)
