"""Read CSV and TSV files in which every line is a row and no cell is quoted: column by column, which is fast."""

import io
from collections.abc import Iterable, Sequence

import pandas as pd
import pyarrow as pa
from pyarrow import csv

from core.study.exchange import headers


def read(content: str, separator: str) -> pd.DataFrame | None:
    """The rows below the header without blank lines, all cells as text; None if a line may not be a row.

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
    return frame


def sorted_out(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The rows without empty rows and repeated headers, and the reason for each row that was removed."""
    columns = [frame.iloc[:, place] for place in range(frame.shape[1])]
    empty = _all_equal(columns, [""] * len(columns))
    again = pd.Series(False, index=frame.index)
    if headers.is_certain(list(frame.columns)):
        again = _all_equal((column.str.strip() for column in columns), list(frame.columns))
    if not (empty | again).any():
        return frame, []
    unreadable = ["empty row"] * int(empty.sum()) + [headers.AGAIN] * int(again.sum())
    return frame[~(empty | again)].reset_index(drop=True), unreadable


def _all_equal(columns: Iterable["pd.Series[str]"], cells: Sequence[str]) -> "pd.Series[bool]":
    """Whether a row has these cells; later columns are read only while some row is equal so far."""
    pairs = zip(columns, cells, strict=True)
    column, cell = next(pairs)
    equal = column == cell
    while equal.any() and (pair := next(pairs, None)):
        equal &= pair[0] == pair[1]
    return equal
