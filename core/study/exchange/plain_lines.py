"""Read CSV and TSV files in which every line is a row and no cell is quoted: column by column, which is fast."""

import io
from collections.abc import Iterable, Sequence

import pandas as pd
import pyarrow as pa
from pyarrow import csv

from core.study.exchange import headers


def read(content: str, separator: str) -> pd.DataFrame | None:
    """The rows below the header without blank lines, all cells as text, under their numbers; None if a line may not be a row.

    A line may not be a row if the file holds a quote or a single carriage return, the header has an empty cell, or a row
    is longer or shorter than the header. `core.study.exchange.separated` reads such files.
    """
    header = content.partition("\n")[0].rstrip("\r").split(separator)
    if '"' in content or content.count("\r") != content.count("\r\n") or not all(name.strip() for name in header):
        return None
    if not content.partition("\n")[2].strip():
        return None
    places = [str(place) for place in range(len(header))]
    try:
        found = csv.read_csv(
            io.BytesIO(content.encode()),
            read_options=csv.ReadOptions(column_names=places, skip_rows=1),
            parse_options=csv.ParseOptions(delimiter=separator, quote_char=False, double_quote=False),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(places, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None
    frame: pd.DataFrame = found.to_pandas().astype("str")
    frame.columns = pd.Index([name.strip() for name in header])
    numbers = _numbers(content, len(frame))
    return None if numbers is None else frame.set_index(pd.Index(numbers))


def _numbers(content: str, n: int) -> Sequence[int] | None:
    """The numbers of the n lines below the header that are not blank, where the header is 1; None if there are not n."""
    lines = content.count("\n") + (not content.endswith("\n"))
    if lines == n + 1:
        return range(2, n + 2)
    filled = [number for number, line in enumerate(content.split("\n"), start=1) if line.rstrip("\r")]
    return filled[1:] if len(filled) == n + 1 else None


def sorted_out(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The rows without empty rows and repeated headers, under their numbers, and the reason for each row that was removed."""
    columns = [frame.iloc[:, place] for place in range(frame.shape[1])]
    empty = _all_equal(columns, [""] * len(columns))
    again = pd.Series(False, index=frame.index)
    if headers.is_certain(list(frame.columns)):
        again = _all_equal((column.str.strip() for column in columns), list(frame.columns))
    if not (empty | again).any():
        return frame, []
    unreadable = ["empty row"] * int(empty.sum()) + [headers.AGAIN] * int(again.sum())
    return frame[~(empty | again)], unreadable


def _all_equal(columns: Iterable["pd.Series[str]"], cells: Sequence[str]) -> "pd.Series[bool]":
    """Whether a row has these cells; later columns are read only while some row is equal so far."""
    pairs = zip(columns, cells, strict=True)
    column, cell = next(pairs)
    equal = column == cell
    while equal.any() and (pair := next(pairs, None)):
        equal &= pair[0] == pair[1]
    return equal
