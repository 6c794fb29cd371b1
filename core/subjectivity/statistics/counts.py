"""Ratings as numbers: integer codes of one long table, and how often each item got each label.

`ratings` is tidy everywhere: one row per answer, columns item_id, rater_id, label; other columns are ignored. An answer
that is missing (nan or blank) is left out. Every other row counts as one answer: a rater who gives an item two labels
has two answers there, which disagree with each other like those of two raters.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.errors import StudyError

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

COLUMNS = ["item_id", "rater_id", "label"]
JOINED = " + "  # between the labels of one set, on the level `sets`


class Level(StrEnum):
    """Level of measurement: which labels are further apart. `ordinal` and `interval` need labels that are numbers
    (`ordinal` also takes an ordered pandas Categorical). On `sets` a label is a set of labels joined by " + ", and two
    sets are the nearer the more they share (`set_distances`)."""

    NOMINAL = "nominal"
    ORDINAL = "ordinal"
    INTERVAL = "interval"
    SETS = "sets"


@dataclass(frozen=True)
class Coded:
    """Answers as integer codes, one entry per answer, and the sorted names the codes stand for.

    `rater` is -1 where the answer has no rater. `row`: place of the answer in the table it came from, from 0. `ordered`:
    the labels are an ordered Categorical.
    """

    item: Codes
    rater: Codes
    label: Codes
    row: Codes
    items: "pd.Index[Any]"
    raters: "pd.Index[Any]"
    labels: "pd.Index[Any]"
    ordered: bool


def code(ratings: pd.DataFrame) -> Coded:
    """The answers of `ratings`. Raises `StudyError` for a missing column, a row without item_id, or no answer."""
    missing = [column for column in COLUMNS if column not in ratings.columns]
    if missing:
        raise StudyError(f"Ratings need the columns {', '.join(COLUMNS)}; {', '.join(missing)} is missing.")
    label, labels = _factorized(ratings["label"])
    blank = np.array([str(name).strip() == "" for name in labels], dtype=bool)
    row = np.flatnonzero((label >= 0) & ~np.append(blank, True)[label])
    if not len(row):
        raise StudyError(f"Agreement needs ratings with a label; all {len(ratings)} rows are without one.")
    if len(row) < len(ratings):
        ratings = ratings.iloc[row]
        label, labels = _factorized(ratings["label"])
    item, items = _factorized(ratings["item_id"])
    if (item < 0).any():
        raise StudyError(f"Every rating needs an item_id; {int((item < 0).sum())} of {len(item)} are without one.")
    rater, raters = _factorized(ratings["rater_id"])
    dtype = ratings["label"].dtype
    ordered = isinstance(dtype, pd.CategoricalDtype) and bool(dtype.ordered)
    return Coded(item, rater, label, row, items, raters, labels, ordered)


def per_item(coded: Coded) -> npt.NDArray[np.int64]:
    """How often each item got each label: items x labels."""
    k = len(coded.labels)
    cells = np.bincount(coded.item * k + coded.label, minlength=len(coded.items) * k)
    return cells.reshape(len(coded.items), k)


def on_level(coded: Coded, *, level: Level) -> tuple[Floats, Floats]:
    """Counts (items with two ratings or more x labels), and the value of every column, increasing: its number, or its
    place in order (nominal: 0, not used; sets: the distances, labels x labels). Raises `StudyError` for labels without a
    number on the ordinal and interval levels."""
    coded, values = valued(coded, level=level)
    table = per_item(coded).astype(float)
    return table[table.sum(axis=1) >= 2], values


def valued(coded: Coded, *, level: Level) -> tuple[Coded, Floats]:
    """The answers with labels sorted by value and equal numbers made one label, and the values, as `on_level` has
    them."""
    if level == Level.NOMINAL:
        return coded, np.zeros(len(coded.labels))
    if level == Level.SETS:
        return coded, set_distances([str(label) for label in coded.labels])
    if level == Level.ORDINAL and coded.ordered:
        return coded, np.arange(len(coded.labels), dtype=float)
    values, column = np.unique(_numbers(coded.labels, level=level), return_inverse=True)
    return replace(coded, label=column[coded.label], labels=pd.Index(values)), values


def set_distances(labels: Sequence[str]) -> Floats:
    """How far sets are apart, labels x labels, from 0 (equal) to 1 (nothing shared): 1 - Jaccard x M, where M is 1 for
    equal sets, 2/3 where one lies in the other and 1/3 where each has something of its own.

    Source: Passonneau (2006), Measuring Agreement on Set-valued Items (MASI), LREC.
    """
    parts = {
        part: place for place, part in enumerate(sorted({part for label in labels for part in label.split(JOINED)}))
    }
    member = np.zeros((len(labels), len(parts)))
    for row, label in enumerate(labels):
        member[row, [parts[part] for part in label.split(JOINED)]] = 1
    shared, size = member @ member.T, member.sum(axis=1)
    either = size[:, None] + size[None, :] - shared
    smaller = np.minimum(size[:, None], size[None, :])
    weight = np.select([shared == either, shared == smaller, shared > 0], [1.0, 2 / 3, 1 / 3], default=0.0)
    return np.asarray(1 - shared / either * weight)


def patterns(table: Floats) -> tuple[Floats, Codes]:
    """The distinct rows of a table of counts, sorted, and for every row of the table which of them it is."""
    if not len(table):
        return table, np.zeros(0, dtype=np.intp)
    order = np.lexsort(table.T[::-1])
    first = np.append(True, (np.diff(table[order], axis=0) != 0).any(axis=1))
    which = np.empty(len(table), dtype=np.intp)
    which[order] = first.cumsum() - 1
    return table[order][first], which


def _factorized(column: "pd.Series[Any]") -> tuple[Codes, "pd.Index[Any]"]:
    codes, names = pd.factorize(column, sort=True)
    index = pd.Index(names)
    if isinstance(index, pd.CategoricalIndex):
        index = index.astype(index.categories.dtype)
    return codes, index


def _numbers(labels: "pd.Index[Any]", *, level: Level) -> Floats:
    numbers = pd.to_numeric(pd.Series(labels).astype(str), errors="coerce").to_numpy(dtype=float)
    wrong = labels[~np.isfinite(numbers)]
    if len(wrong):
        raise StudyError(
            f"Agreement on the {level} level needs labels that are numbers; found {wrong[0]!r}. Say their order from "
            "least to most (--order low,middle,high), or use level nominal."
        )
    return numbers
