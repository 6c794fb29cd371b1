"""The label ceiling: the score of one rater against the majority of the others, and how many labels differ from the majority."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.analysis.inference import gaps
from core.analysis.points import Metric
from core.interval import Interval, undefined, wilson
from core.subjectivity.statistics import counts

Floats = npt.NDArray[np.float64]

RESAMPLES = 2000
FEWEST_TEXTS = 10  # below, resampling texts gives no interval
ROUNDING = 1e-9


@dataclass(frozen=True)
class Doubted:
    """The share of labels that are not the majority of the raters, over the texts with one majority label; `n_tied` texts have none."""

    share: Interval
    n_tied: int


def label_ceiling(ratings: pd.DataFrame, *, metric: Metric, confidence: float = 0.95, seed: int = 0) -> Interval:
    """The score of one rater who is left out, against the majority of the other raters of the text; `n` is the number of texts.

    `ratings`: columns item_id, rater_id, label; texts with one rating are left out, and ratings without a label. Where the others are
    tied, each tied label counts with equal weight. Each text has the weight 1, however many raters it has. The interval resamples
    texts (percentiles); it has no limits under 10 texts, and if no text shows any disagreement it is the rule
    of three, by what one text of the smallest labels is worth.
    nan if no text has two ratings.
    """
    table = _pairable(ratings)
    n = len(table)
    if not n:
        return undefined()
    confusions = _confusion(table)
    value = float(_score(confusions, np.ones((1, n)), metric)[0])
    if n < FEWEST_TEXTS:
        return Interval(value, np.nan, np.nan, n)
    if value > 1 - ROUNDING:
        return Interval(value, max(0.0, 1 - gaps.RULE_OF_THREE * _step(table, metric)), 1.0, n)
    cells, weights = np.unique(confusions.round(12), axis=0, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(n, weights / n, size=RESAMPLES).astype(float)
    tail = (1 - confidence) / 2
    low, high = np.quantile(_score(cells, drawn, metric), [tail, 1 - tail])
    return Interval(value, float(low), float(high), n)


def by_text(ratings: pd.DataFrame) -> "pd.Series[float]":
    """Item id -> the share of the raters of the text who agree with the majority of the others, in [0, 1]. `ratings` as above."""
    coded = counts.code(ratings)
    table = counts.per_item(coded)
    kept = table.sum(axis=1) >= 2
    agreed = _confusion(table[kept]).reshape(int(kept.sum()), table.shape[1], table.shape[1])
    return pd.Series(np.trace(agreed, axis1=1, axis2=2), index=np.asarray(coded.items)[kept], dtype=float)


def doubted_labels(ratings: pd.DataFrame, labels: "pd.Series[str]") -> Doubted:
    """How many labels differ from the majority of the raters, with its Wilson interval. `labels`: item id -> the label of the text."""
    coded = counts.code(ratings)
    table = counts.per_item(coded)
    most = table.max(axis=1)
    is_tied = (table == most[:, None]).sum(axis=1) > 1
    has_two = table.sum(axis=1) >= 2
    used = has_two & ~is_tied
    majority = np.asarray(coded.labels)[table.argmax(axis=1)][used].astype(str)
    own = labels.loc[np.asarray(coded.items)[used]].to_numpy().astype(str)
    return Doubted(wilson(float((majority != own).sum()), int(used.sum())), int((has_two & is_tied).sum()))


def _pairable(ratings: pd.DataFrame) -> Floats:
    """Ratings of each text and label, of the texts with two ratings or more, shape (texts, labels)."""
    table = counts.per_item(counts.code(ratings)).astype(float)
    return np.asarray(table[table.sum(axis=1) >= 2])


def _confusion(table: Floats) -> Floats:
    """The share of the raters of each text who say label j where the majority of the others is label k, shape (texts, k x j)."""
    texts, labels = table.shape
    found = np.zeros((texts, labels, labels))
    for own in range(labels):
        others = table.astype(float)
        others[:, own] -= 1
        top = others.max(axis=1, keepdims=True)
        majority = (others == top) / (others == top).sum(axis=1, keepdims=True)
        found[:, :, own] = majority * (table[:, own] / table.sum(axis=1))[:, None]
    return found.reshape(texts, labels * labels)


def _step(table: Floats, metric: Metric) -> float:
    """The most that another rating could change a score of 1: for macro-F1 it weighs what the smallest labels are worth."""
    if metric == Metric.ACCURACY:
        return 1 / len(table)
    sizes = (table > 0).sum(axis=0)
    return gaps.step_of_mean([gaps.step_of_f1(n, 2 * n) for n in sizes[sizes > 0]])


def _score(cells: Floats, weights: Floats, metric: Metric) -> Floats:
    """The score of each row of `weights` (draws x distinct texts) of the confusions in `cells`."""
    labels = round(cells.shape[1] ** 0.5)
    confusion = (weights @ cells).reshape(-1, labels, labels)
    hit = np.diagonal(confusion, axis1=1, axis2=2)
    if metric == Metric.ACCURACY:
        return np.asarray(hit.sum(axis=1) / weights.sum(axis=1))
    size = confusion.sum(axis=1) + confusion.sum(axis=2)
    f1 = np.divide(2 * hit, size, out=np.full_like(hit, np.nan), where=size > 0)
    is_true = confusion.sum(axis=2) > 0
    return np.asarray(np.where(is_true, f1, 0).sum(axis=1) / is_true.sum(axis=1))
