"""Encode ratings as integers, count the labels of each item, and give labels their numbers on a level of measurement.

`ratings` is a tidy table in every function: one row per rating, columns item_id, rater_id, label; other columns are
ignored. A row with a missing or blank label is left out. Every other row counts as one rating: if a rater gives an item
two labels, the two ratings disagree like the ratings of two raters.
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
MOST_CELLS = 50_000_000  # of a table of counts; some 32 bytes of memory each while a coefficient is computed
FEW_LABELS = 200  # up to this number, labels that hardly recur are no reason to doubt them
JOINED = " + "  # stands between the labels of a set, on the level `sets`


class Level(StrEnum):
    """Level of measurement, which decides how far two labels are apart.

    `nominal`: equal or not. `ordinal`: by rank; labels are numbers or an ordered pandas Categorical. `interval`: by
    difference; labels are numbers. `sets`: a label is a set of labels joined by " + "; distance as in `set_distances`.
    """

    NOMINAL = "nominal"
    ORDINAL = "ordinal"
    INTERVAL = "interval"
    SETS = "sets"


@dataclass(frozen=True)
class Coded:
    """Ratings as integer codes (`item`, `rater`, `label`: one entry per rating) with the sorted names of the codes.

    `items[code]`, `raters[code]` and `labels[code]` are the names. `rater` is -1 for a rating without a rater. `row` is
    the position of the rating in the original table, from 0. `ordered`: whether the labels are an ordered Categorical.
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
    """Encode `ratings` as integers. Raises `StudyError` for a missing column, a rating without item_id, or no rating."""
    missing = [column for column in COLUMNS if column not in ratings.columns]
    if missing:
        raise StudyError(f"Ratings need the columns {', '.join(COLUMNS)}; {', '.join(missing)} is missing.")
    label, labels = _encode(ratings["label"])
    blank = np.array([str(name).strip() == "" for name in labels], dtype=bool)
    row = np.flatnonzero((label >= 0) & ~np.append(blank, True)[label])
    if not len(row):
        raise StudyError(f"Agreement needs ratings with a label; all {len(ratings)} rows are without one.")
    if len(row) < len(ratings):
        ratings = ratings.iloc[row]
        label, labels = _encode(ratings["label"])
    item, items = _encode(ratings["item_id"])
    if (item < 0).any():
        raise StudyError(f"Every rating needs an item_id; {int((item < 0).sum())} of {len(item)} are without one.")
    rater, raters = _encode(ratings["rater_id"])
    dtype = ratings["label"].dtype
    ordered = isinstance(dtype, pd.CategoricalDtype) and bool(dtype.ordered)
    return Coded(item, rater, label, row, items, raters, labels, ordered)


def per_item(coded: Coded) -> npt.NDArray[np.int64]:
    """Count how often each item got each label: an array of items x labels. Raises as `check_size`."""
    k = len(coded.labels)
    check_size(coded, rows=len(coded.items))
    cells = np.bincount(coded.item * k + coded.label, minlength=len(coded.items) * k)
    return cells.reshape(len(coded.items), k)


def check_size(coded: Coded, *, rows: int) -> None:
    """Raise `StudyError` if a table of `rows` x labels takes too much memory, or the labels look like texts.

    Labels look like texts if they are no numbers and more than half of the ratings have a label of their own.
    """
    k, n = len(coded.labels), len(coded.label)
    is_text = (
        k > FEW_LABELS
        and 2 * k > n
        and pd.to_numeric(pd.Series(coded.labels).astype(str), errors="coerce").isna().any()
    )
    if is_text or rows * k > MOST_CELLS:
        raise StudyError(
            f"These {n:,} ratings have {k:,} different labels, too many to count agreement. Check that the label is read from a "
            "column of labels, not of texts or numbers of rows."
        )


def on_level(coded: Coded, *, level: Level) -> tuple[Floats, Floats]:
    """Count the labels of the items with two ratings or more, and give the labels their values as in `with_values`.

    Returns counts (items x labels) and values (one per label; on the level `sets` the distances, labels x labels).
    Raises `StudyError` for labels that are no numbers on the ordinal and interval levels, and as `check_size`.
    """
    coded, values = with_values(coded, level=level)
    table = per_item(coded).astype(float)
    return table[table.sum(axis=1) >= 2], values


def with_values(coded: Coded, *, level: Level) -> tuple[Coded, Floats]:
    """Return the ratings with labels sorted by value, and the value of each label.

    Ordinal and interval: the label as a number (labels of equal number are merged), or its rank in an ordered
    Categorical. Nominal: 0 for every label, not used. Sets: the distances (labels x labels). Raises as `on_level`.
    """
    if level == Level.NOMINAL:
        return coded, np.zeros(len(coded.labels))
    if level == Level.SETS:
        return coded, set_distances([str(label) for label in coded.labels])
    if level == Level.ORDINAL and coded.ordered:
        return coded, np.arange(len(coded.labels), dtype=float)
    values, column = np.unique(_numbers(coded.labels, level=level), return_inverse=True)
    return replace(coded, label=column[coded.label], labels=pd.Index(values)), values


def set_distances(labels: Sequence[str]) -> Floats:
    """MASI distance between sets of labels: labels x labels, from 0 (equal sets) to 1 (no common label).

    The distance is 1 - J x M: J is the Jaccard index; M is 1 for equal sets, 2/3 if one set contains the other, 1/3 if
    each has a label that the other lacks. Source: Passonneau (2006), Measuring Agreement on Set-valued Items (MASI),
    LREC.
    """
    members = sorted({member for label in labels for member in label.split(JOINED)})
    column = {member: place for place, member in enumerate(members)}
    member = np.zeros((len(labels), len(members)))
    for row, label in enumerate(labels):
        member[row, [column[name] for name in label.split(JOINED)]] = 1
    shared, size = member @ member.T, member.sum(axis=1)
    either = size[:, None] + size[None, :] - shared
    smaller = np.minimum(size[:, None], size[None, :])
    weight = np.select([shared == either, shared == smaller, shared > 0], [1.0, 2 / 3, 1 / 3], default=0.0)
    return np.asarray(1 - shared / either * weight)


def patterns(table: Floats) -> tuple[Floats, Codes]:
    """Return the distinct rows of a table of counts, sorted, and for each row of the table the index of its pattern."""
    if not len(table):
        return table, np.zeros(0, dtype=np.intp)
    order = np.lexsort(table.T[::-1])
    first = np.append(True, (np.diff(table[order], axis=0) != 0).any(axis=1))
    index = np.empty(len(table), dtype=np.intp)
    index[order] = first.cumsum() - 1
    return table[order][first], index


def _encode(column: "pd.Series[Any]") -> tuple[Codes, "pd.Index[Any]"]:
    """Return a code for each row (-1 for a missing cell), and the sorted names of the codes."""
    codes, names = pd.factorize(column, sort=True)
    index = pd.Index(names)
    if isinstance(index, pd.CategoricalIndex):
        index = index.astype(index.categories.dtype)
    return codes, index


def _numbers(labels: "pd.Index[Any]", *, level: Level) -> Floats:
    """The labels as numbers. Raises `StudyError` for a label that is no finite number."""
    numbers = pd.to_numeric(pd.Series(labels).astype(str), errors="coerce").to_numpy(dtype=float)
    wrong = labels[~np.isfinite(numbers)]
    if len(wrong):
        raise StudyError(
            f"Agreement on the {level} level needs labels that are numbers; found {wrong[0]!r}. Say their order from "
            "least to most (--order low,middle,high), or use level nominal."
        )
    return numbers
