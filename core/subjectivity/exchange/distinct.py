"""Text columns with categories, so that a decision about a cell is made once for each distinct cell, not for each row."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pandas.api.types import union_categoricals
from pyarrow import compute

Codes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

LARGEST_KEY = 2**62


def categorical(cells: "pd.Series[Any]") -> "pd.Series[Any]":
    """Convert a text column to unordered categories in order of appearance; a categorical column is returned as it is."""
    if isinstance(cells.dtype, pd.CategoricalDtype):
        return cells
    codes, values = pd.factorize(cells)
    return _series(codes, values, cells)


def sorted_categories(cells: "pd.Series[Any]") -> "pd.Series[Any]":
    """The same column with its categories in sorted order, without unused categories."""
    used = categorical(cells).cat.remove_unused_categories()
    values = used.cat.categories
    order = compute.array_sort_indices(pa.array(values, pa.string())).to_numpy()
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return _series(rank[used.cat.codes.to_numpy()] if len(rank) else used.cat.codes.to_numpy(), values[order], cells)


def shared(first: "pd.Series[Any]", second: "pd.Series[Any]") -> tuple["pd.Series[Any]", "pd.Series[Any]"]:
    """Give two columns the same categories, so that equal cells have equal codes."""
    both = union_categoricals([categorical(first).array, categorical(second).array])
    parts = both[: len(first)], both[len(first) :]
    return pd.Series(parts[0], index=first.index), pd.Series(parts[1], index=second.index)


def mapped(
    cells: "pd.Series[Any]", function: "Callable[[pd.Series[str]], pd.Series[str]] | Mapping[str, str]"
) -> "pd.Series[Any]":
    """Apply a function or a dictionary of replacements to the distinct cells of a column; the result is categorical."""
    column = categorical(cells)
    before = pd.Series(column.cat.categories, dtype="str")
    after = before.replace(dict(function)) if isinstance(function, Mapping) else function(before)
    if after.equals(before):
        return column
    merged, values = pd.factorize(after)
    return _series(np.append(merged, -1)[column.cat.codes.to_numpy()], values, cells)


def blanked(cells: "pd.Series[Any]", rows: Flags) -> "pd.Series[Any]":
    """The same column, categorical, with "" in the chosen rows."""
    column = categorical(cells)
    if not rows.any():
        return column
    values = column.cat.categories
    if "" not in values:
        values = values.insert(len(values), "")
    return _series(np.where(rows, list(values).index(""), column.cat.codes.to_numpy()), values, cells)


def holds(cells: "pd.Series[Any]", test: "Callable[[pd.Series[str]], pd.Series[bool]]") -> Flags:
    """Whether the test is true, for each row; the test is applied to the distinct cells."""
    column = categorical(cells)
    true = test(pd.Series(column.cat.categories, dtype="str")).to_numpy(dtype=bool)
    if not true.any():
        return np.zeros(len(cells), dtype=bool)
    return np.asarray(np.append(true, False)[column.cat.codes.to_numpy()])


def values(cells: "pd.Series[Any]") -> list[str]:
    """The distinct cells of a column, in order of appearance."""
    return [str(value) for value in cells.unique().tolist()]


def counts(cells: "pd.Series[Any]") -> "pd.Series[int]":
    """The number of rows of each distinct cell, the most frequent first; equally frequent cells in order of appearance."""
    column = categorical(cells)
    codes = column.cat.codes.to_numpy()
    order = pd.unique(codes[codes >= 0])
    rows = np.bincount(codes[codes >= 0], minlength=len(column.cat.categories))
    return pd.Series(rows[order], index=column.cat.categories[order]).sort_values(ascending=False, kind="stable")


def key(columns: "Sequence[pd.Series[Any]]") -> Codes:
    """A number for each row that is equal for two rows exactly if all columns have equal cells in these rows."""
    found, size = np.zeros(len(columns[0]), dtype=np.int64), 1
    for column in map(categorical, columns):
        n = len(column.cat.categories) + 1
        if size * n > LARGEST_KEY:
            found, distinct = pd.factorize(found)
            size = len(distinct)
        found = found * n + column.cat.codes.to_numpy().astype(np.int64) + 1
        size *= n
    return found


def repeats(keys: Codes, answers: Codes) -> tuple[Flags, Flags]:
    """Find the rows that a later row with the same key supersedes, and which of them have the last row's answer."""
    series = pd.Series(keys)
    earlier = series.duplicated(keep="last").to_numpy()
    same = np.zeros(len(keys), dtype=bool)
    if earlier.any():
        final = series.duplicated(keep="first").to_numpy() & ~earlier
        last = pd.Series(answers[final], index=keys[final])
        same[earlier] = last.reindex(pd.Index(keys[earlier])).to_numpy() == answers[earlier]
    return earlier, same


def _series(codes: Any, values: Any, like: "pd.Series[Any]") -> "pd.Series[Any]":
    index = pd.Index(values, dtype="str")
    return pd.Series(pd.Categorical.from_codes(codes, index), index=like.index, name=like.name)
