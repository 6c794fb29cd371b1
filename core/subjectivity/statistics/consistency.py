"""Describe each rater: agreement with other raters, effect on alpha, repeated answers, use of labels and time."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.errors import StudyError
from core.subjectivity.statistics import coefficients, counts
from core.subjectivity.statistics.counts import Coded, Codes, Floats, Level

CELLS = 4_000_000  # raters x distinct items at a time
ORDERS = ["created_at", "place"]  # columns that say in which order a rater answered; the first present column counts


@dataclass(frozen=True)
class _Pairs:
    """The distinct pairs of item and rater.

    `item`, `rater`: codes of each pair. `others`: how often the other raters gave the item each label (pairs x labels).
    `pair`: the index of the pair of each rating.
    """

    item: Codes
    rater: Codes
    others: Floats
    pair: Codes


def by_rater(ratings: pd.DataFrame, *, level: Level = Level.NOMINAL) -> pd.DataFrame:
    """Describe each rater in a row, sorted by rater_id.

    - rater_id, n_ratings
    - with_others: mean share of an item's other ratings that have the same label, in [0, 1]; nan without other raters
    - with_majority: share of ratings equal to the label that most other raters of the item gave (1 / k if k labels tie),
      in [0, 1]; nan without other raters
    - alpha_without: Krippendorff's alpha of the other raters, nan if undefined; alpha_change: alpha_without - alpha
    - longest_run: the largest number of consecutive ratings with the same label, in the order of the column created_at
      or place, else of the rows
    - top_share: share of the label that the rater used most; entropy: of the rater's labels, in bits
    - median_ms: median of the column duration_ms, nan if the column is missing

    Raises `StudyError` for a rating without rater_id, and as `agreement.krippendorff_alpha`.
    """
    coded, values = counts.with_values(counts.code(ratings), level=level)
    if (coded.rater < 0).any():
        raise StudyError("Every rating needs a rater_id to tell raters apart; some rows are without one.")
    pairs = _pairs(coded)
    alpha, without = _alphas(coded, pairs, values, level=level)
    raters, k = len(coded.raters), len(coded.labels)
    used = np.bincount(coded.rater * k + coded.label, minlength=raters * k).reshape(raters, k)
    n = used.sum(axis=1)
    shares = used / n[:, None]
    same, majority = _agreeing(coded, pairs)
    return pd.DataFrame(
        {
            "rater_id": coded.raters,
            "n_ratings": n,
            "with_others": _mean_by(coded.rater, same, raters),
            "with_majority": _mean_by(coded.rater, majority, raters),
            "alpha_without": without,
            "alpha_change": without - alpha,
            "longest_run": _longest_runs(coded, _order(ratings, coded)),
            "top_share": shares.max(axis=1),
            "entropy": -(shares * np.log2(shares, out=np.zeros_like(shares), where=shares > 0)).sum(axis=1) + 0.0,
            "median_ms": _median_ms(ratings, coded),
        }
    )


def _pairs(coded: Coded) -> _Pairs:
    k = len(coded.labels)
    keys, pair = np.unique(coded.item * len(coded.raters) + coded.rater, return_inverse=True)
    item, rater = np.divmod(keys, len(coded.raters))
    counts.check_size(coded, rows=len(keys))
    own = np.bincount(pair * k + coded.label, minlength=len(keys) * k).reshape(len(keys), k)
    return _Pairs(item, rater, (counts.per_item(coded)[item] - own).astype(float), pair)


def _agreeing(coded: Coded, pairs: _Pairs) -> tuple[Floats, Floats]:
    """For each rating, the share of the item's other ratings with the same label, and whether it is their majority.

    The majority counts 1 / k if k labels tie. Both values are nan if no other rater rated the item.
    """
    n, most = pairs.others.sum(axis=1), pairs.others.max(axis=1)
    tied = (pairs.others == most[:, None]).sum(axis=1)
    same = pairs.others[pairs.pair, coded.label]
    share = np.divide(same, n[pairs.pair], out=np.full(len(same), np.nan), where=n[pairs.pair] > 0)
    return share, np.where(np.isnan(share), np.nan, (same == most[pairs.pair]) / tied[pairs.pair])


def _mean_by(rater: Codes, values: Floats, raters: int) -> Floats:
    """The mean of the finite values of each rater; nan without a finite value."""
    known = np.isfinite(values)
    n = np.bincount(rater[known], minlength=raters)
    total = np.bincount(rater[known], values[known], minlength=raters)
    return np.asarray(np.divide(total, n, out=np.full(raters, np.nan), where=n > 0))


def _alphas(coded: Coded, pairs: _Pairs, values: Floats, *, level: Level) -> tuple[float, Floats]:
    """Krippendorff's alpha of all raters, and without each rater (one value per rater).

    Without a rater, each of the rater's items keeps the counts of the other raters.
    """
    table = counts.per_item(coded).astype(float)
    rows, pattern = counts.patterns(np.vstack([table, pairs.others]))
    usable = rows.sum(axis=1) >= 2
    full, reduced = pattern[: len(table)], pattern[len(table) :]
    frequency = np.bincount(full, minlength=len(rows)).astype(float)
    alpha = coefficients.alphas(frequency[None, usable], rows[usable], values, level=level)[0]
    without, block = [], max(1, CELLS // len(rows))
    for start in range(0, len(coded.raters), block):
        in_block = (pairs.rater >= start) & (pairs.rater < start + block)
        size = min(block, len(coded.raters) - start)
        offset = (pairs.rater[in_block] - start) * len(rows)
        removed = np.bincount(offset + full[pairs.item[in_block]], minlength=size * len(rows))
        added = np.bincount(offset + reduced[in_block], minlength=size * len(rows))
        weights = frequency + (added - removed).reshape(size, -1)
        without.append(coefficients.alphas(weights[:, usable], rows[usable], values, level=level))
    return float(alpha), np.concatenate(without)


def _order(ratings: pd.DataFrame, coded: Coded) -> Codes:
    """Indices of the ratings, sorted by rater and then by time."""
    column = next((name for name in ORDERS if name in ratings.columns), None)
    if column is None:
        return np.argsort(coded.rater, kind="stable")
    rank = ratings[column].iloc[coded.row].rank(method="first", na_option="bottom").to_numpy()
    return np.lexsort((rank, coded.rater))


def _longest_runs(coded: Coded, order: Codes) -> npt.NDArray[np.int64]:
    """The largest number of consecutive equal labels of each rater."""
    rater, label = coded.rater[order], coded.label[order]
    starts = np.flatnonzero(np.append(True, (np.diff(rater) != 0) | (np.diff(label) != 0)))
    longest = np.zeros(len(coded.raters), dtype=np.int64)
    np.maximum.at(longest, rater[starts], np.diff(np.append(starts, len(order))))
    return longest


def _median_ms(ratings: pd.DataFrame, coded: Coded) -> Floats:
    """The median duration of each rater's ratings in milliseconds; nan without the column duration_ms."""
    if "duration_ms" not in ratings.columns:
        return np.full(len(coded.raters), np.nan)
    durations = pd.to_numeric(ratings["duration_ms"].iloc[coded.row], errors="coerce").to_numpy(dtype=float)
    medians = pd.Series(durations).groupby(coded.rater).median()
    return medians.reindex(range(len(coded.raters))).to_numpy(dtype=float)
