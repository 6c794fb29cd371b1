"""Decide whether the first row of a CSV or TSV file is a header or a row of data."""

import re
from collections.abc import Iterator, Sequence

import pandas as pd

from core.study.exchange import columns_in_files

NAMES = frozenset(
    [*columns_in_files.TEXT_NAMES, *columns_in_files.LABEL_NAMES, *columns_in_files.SPLIT_COLUMNS, "id", "index", "idx"]
    + [
        "rater",
        "rater_id",
        "annotator",
        "worker",
        "worker_id",
        "item",
        "item_id",
        "source",
        "left",
        "right",
        "winner",
        "task",
    ]
)
YEAR = re.compile(r"(19|20)\d\d")  # a usual column name in tables with one column for each year
LONG_NAME = 60
MANY_WORDS = 10
AGAIN = "the header is repeated"
SHOWN = 60


def doubt(header: Sequence[str], frame: pd.DataFrame) -> str:
    """The reason to doubt that the first row is a header, as half a sentence; "" if there is no reason.

    Two usual column names make a header certain, and so do the numbers 0, 1, 2, ..., which pandas writes as names of
    unnamed columns. Reasons are: a cell that is repeated in the rows below, a number above numbers, a cell as long as a
    text.
    """
    named = _named(header)
    if named > 1 or list(header) == [str(place) for place in range(len(header))]:
        return ""
    for name, cells in _columns(header, frame):
        if name and int((cells == name).sum()) > named:
            return f"its cell {name[:SHOWN]!r} is repeated in the rows below"
    for name, cells in () if named else _columns(header, frame):
        filled = cells[cells != ""].unique().tolist() if _is_number(name) and not YEAR.fullmatch(name) else []
        if filled and all(_is_number(cell) for cell in filled):
            return f"its cell {name!r} is a number, like the cells below it"
    longest = max(header, key=len, default="")
    if not named and (len(longest) > LONG_NAME or len(longest.split()) > MANY_WORDS):
        return f"its cell {longest[:SHOWN]!r} is as long as a text"
    return ""


def is_certain(header: Sequence[str]) -> bool:
    """Whether a first row is a header for certain: at least two of its cells are usual column names."""
    return _named(header) > 1


def is_again(header: Sequence[str], row: Sequence[str]) -> bool:
    """Whether a row repeats the header, as in a file that was joined from several files."""
    return is_certain(header) and [cell.strip() for cell in row] == list(header)


def _named(header: Sequence[str]) -> int:
    """The number of cells that are usual column names."""
    return sum(1 for name in header if name.strip().casefold() in NAMES)


def _columns(header: Sequence[str], frame: pd.DataFrame) -> Iterator[tuple[str, "pd.Series[str]"]]:
    """Each cell of the first row with the column of cells below it, without outer blanks."""
    for place, name in enumerate(header):
        yield name, frame.iloc[:, place].str.strip()


def _is_number(cell: str) -> bool:
    return cell.lstrip("+-").replace(".", "", 1).isdecimal()
