"""Whether the first row of a CSV or TSV names its columns, or is a row like those below it."""

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
YEAR = re.compile(r"(19|20)\d\d")  # which names columns of tables over time
LONG_NAME = 60
MANY_WORDS = 10
AGAIN = "the names of the columns again"
SHOWN = 60


def doubt(header: Sequence[str], frame: pd.DataFrame) -> str:
    """Why the first row may be a text with its label, in half a sentence; empty where nothing says so.

    Usual names of columns count for a header; so do the numbers from 0 on, which pandas writes for columns without names.
    """
    named = _named(header)
    if named > 1 or list(header) == [str(place) for place in range(len(header))]:
        return ""
    for name, cells in _columns(header, frame):
        if name and int((cells == name).sum()) > named:
            return f"its cell {name[:SHOWN]!r} stands in the rows below too"
    for name, cells in () if named else _columns(header, frame):
        filled = cells[cells != ""].unique().tolist() if _is_number(name) and not YEAR.fullmatch(name) else []
        if filled and all(_is_number(cell) for cell in filled):
            return f"its cell {name!r} is a number, as those below it are"
    longest = max(header, key=len, default="")
    if not named and (len(longest) > LONG_NAME or len(longest.split()) > MANY_WORDS):
        return f"its cell {longest[:SHOWN]!r} is as long as a text"
    return ""


def is_certain(header: Sequence[str]) -> bool:
    """Whether the first row surely names the columns: two cells or more are usual names."""
    return _named(header) > 1


def is_again(header: Sequence[str], row: Sequence[str]) -> bool:
    """Whether a row is the header once more, as where files were joined one after the other."""
    return is_certain(header) and [cell.strip() for cell in row] == list(header)


def _named(header: Sequence[str]) -> int:
    """How many cells are usual names of columns."""
    return sum(1 for name in header if name.strip().casefold() in NAMES)


def _columns(header: Sequence[str], frame: pd.DataFrame) -> Iterator[tuple[str, "pd.Series[str]"]]:
    """Each cell of the first row, with the cells below it."""
    for place, name in enumerate(header):
        yield name, frame.iloc[:, place].str.strip()


def _is_number(cell: str) -> bool:
    return cell.lstrip("+-").replace(".", "", 1).isdecimal()
