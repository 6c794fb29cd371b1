"""How each rater answers: with the others, with or without effect on agreement, and whether always the same."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.errors import StudyError
from core.subjectivity.statistics import coefficients, counts
from core.subjectivity.statistics.counts import Coded, Codes, Floats, Level

CELLS = 4_000_000  # raters x distinct items at a time
ORDERS = ["created_at", "place"]


@dataclass(frozen=True)
class _Pairs:
    """Every item of every rater: `others` is what the other raters gave it (pairs x labels); `of`: pair of an
    answer."""

    item: Codes
    rater: Codes
    others: Floats
    of: Codes


def by_rater(ratings: pd.DataFrame, *, level: Level = Level.NOMINAL) -> pd.DataFrame:
    """One row per rater, sorted: columns rater_id, n_ratings, with_others, with_majority, alpha_without, alpha_change,
    longest_run, top_share, entropy, median_ms.

    `with_others`: mean share of the other raters of the same item who gave the same label; `with_majority`: share of
    answers that are the most chosen label among the others (1 / k where k labels tie); both in [0, 1] and nan without
    co-raters. `alpha_without`: Krippendorff's alpha of all other raters, nan where undefined; `alpha_change`: how much
    alpha rises when the rater is left out. `longest_run`: most answers in a row with one label, in the order of the
    column created_at or place, else of the rows. `top_share`: share of the rater's most used label; `entropy` of the
    rater's labels in bits. `median_ms`: median of the column duration_ms, nan without it. Raises `StudyError` for a row
    without rater_id, and as `agreement.krippendorff_alpha`.
    """
    coded, values = counts.valued(counts.code(ratings), level=level)
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
    keys, of = np.unique(coded.item * len(coded.raters) + coded.rater, return_inverse=True)
    item, rater = np.divmod(keys, len(coded.raters))
    own = np.bincount(of * k + coded.label, minlength=len(keys) * k).reshape(len(keys), k)
    return _Pairs(item, rater, (counts.per_item(coded)[item] - own).astype(float), of)


def _agreeing(coded: Coded, pairs: _Pairs) -> tuple[Floats, Floats]:
    """Per answer: share of the others with the same label, and whether it is their majority; nan without others."""
    n, most = pairs.others.sum(axis=1), pairs.others.max(axis=1)
    tied = (pairs.others == most[:, None]).sum(axis=1)
    same = pairs.others[pairs.of, coded.label]
    share = np.divide(same, n[pairs.of], out=np.full(len(same), np.nan), where=n[pairs.of] > 0)
    return share, np.where(np.isnan(share), np.nan, (same == most[pairs.of]) / tied[pairs.of])


def _mean_by(rater: Codes, values: Floats, raters: int) -> Floats:
    known = np.isfinite(values)
    n = np.bincount(rater[known], minlength=raters)
    total = np.bincount(rater[known], values[known], minlength=raters)
    return np.asarray(np.divide(total, n, out=np.full(raters, np.nan), where=n > 0))


def _alphas(coded: Coded, pairs: _Pairs, values: Floats, *, level: Level) -> tuple[float, Floats]:
    """Alpha of all raters, and of all but each: every item is there once, or as the others left it."""
    table = counts.per_item(coded).astype(float)
    rows, which = counts.patterns(np.vstack([table, pairs.others]))
    usable = rows.sum(axis=1) >= 2
    whole, left = which[: len(table)], which[len(table) :]
    everything = np.bincount(whole, minlength=len(rows)).astype(float)
    alpha = coefficients.alphas(everything[None, usable], rows[usable], values, level=level)[0]
    found, block = [], max(1, CELLS // len(rows))
    for start in range(0, len(coded.raters), block):
        here = (pairs.rater >= start) & (pairs.rater < start + block)
        size = min(block, len(coded.raters) - start)
        at = (pairs.rater[here] - start) * len(rows)
        gone = np.bincount(at + whole[pairs.item[here]], minlength=size * len(rows))
        back = np.bincount(at + left[here], minlength=size * len(rows))
        weights = everything + (back - gone).reshape(size, -1)
        found.append(coefficients.alphas(weights[:, usable], rows[usable], values, level=level))
    return float(alpha), np.concatenate(found)


def _order(ratings: pd.DataFrame, coded: Coded) -> Codes:
    """The answers rater by rater, each rater's in the order they were given."""
    column = next((name for name in ORDERS if name in ratings.columns), None)
    if column is None:
        return np.argsort(coded.rater, kind="stable")
    given = ratings[column].iloc[coded.row].rank(method="first", na_option="bottom").to_numpy()
    return np.lexsort((given, coded.rater))


def _longest_runs(coded: Coded, order: Codes) -> npt.NDArray[np.int64]:
    rater, label = coded.rater[order], coded.label[order]
    starts = np.flatnonzero(np.append(True, (np.diff(rater) != 0) | (np.diff(label) != 0)))
    longest = np.zeros(len(coded.raters), dtype=np.int64)
    np.maximum.at(longest, rater[starts], np.diff(np.append(starts, len(order))))
    return longest


def _median_ms(ratings: pd.DataFrame, coded: Coded) -> Floats:
    if "duration_ms" not in ratings.columns:
        return np.full(len(coded.raters), np.nan)
    taken = pd.to_numeric(ratings["duration_ms"].iloc[coded.row], errors="coerce").to_numpy(dtype=float)
    medians = pd.Series(taken).groupby(coded.rater).median()
    return medians.reindex(range(len(coded.raters))).to_numpy(dtype=float)
