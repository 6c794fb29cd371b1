"""Read CSV and TSV in which a line is a row and no cell is quoted: by columns, many times quicker than row by row."""

import io
from collections.abc import Iterable, Sequence

import pandas as pd
import pyarrow as pa
from pyarrow import csv

from core.study.exchange import headers


def read(content: str, separator: str) -> pd.DataFrame | None:
    """The rows below the header that are not blank lines, all cells text; None where a line may be no row.

    So it is where a quote stands, a carriage return stands alone, the header has an empty cell, or a row is longer or shorter
    than the header: such a file is read with care (`core.study.exchange.separated`).
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
    """The rows that hold something and are not the header once more, and a reason for each other one."""
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
