"""Read a table from a CSV, TSV, JSON, JSON lines or Parquet file; every cell becomes text."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from core import files, parquet_size
from core.errors import StudyError
from core.study.exchange import columns_in_files, file_kinds, hub_layout, separated
from core.wording import listed

WHOLE = 2**53  # below this number a float is exact for every whole number
SEPARATED = (".csv", ".tsv")
SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")


@dataclass(frozen=True)
class Table:
    """The content of a file of rows.

    `frame` holds the rows that could be read: all cells are text, a list or object as its JSON. `unreadable` holds the
    reason for each row that could not be read. `file` is the name of the file and `sha256` its digest; `source` holds
    data set, configuration, splits and revision if it came from the hub, else nothing. `notes` are sentences about how
    the file was read. `doubt` says why the first row, which was used as header, may be a row of data; "" if there is no
    doubt. `first_row` is the number of the first row of data in the file. `rows` are the numbers of the frame's rows in the
    file, which count rows that were left out; no numbers if the rows follow one another from `first_row` on.
    """

    frame: pd.DataFrame
    unreadable: list[str]
    file: str
    sha256: str
    source: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    doubt: str = ""
    first_row: int = 1
    rows: Sequence[int] = ()

    @property
    def has_first_row(self) -> bool:
        """Whether the column names come from the first row of a CSV or TSV file, which may be a row of data instead."""
        return self.first_row == 2 and self.file.lower().endswith(SEPARATED)

    def numbers(self, places: Iterable[int]) -> list[int]:
        """The numbers in the file of rows of the frame, given by their places in the frame from 0."""
        known = self.rows or range(self.first_row, self.first_row + len(self.frame))
        return [known[place] for place in places]


def read(path: Path, *, header: bool | None = None) -> Table:
    """Read a table from a file. Raises `StudyError` if the file is missing, of an unknown kind, or cannot be read.

    `header` says whether the first row of a CSV or TSV file names the columns; if it is None, the first row is used as
    header and `doubt` says why that row may not be a header.
    """
    if not files.is_file(path):
        raise StudyError(f"There is no file {path}.")
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise StudyError(f"{path.name} cannot be read: expected {', '.join(SUFFIXES)}, found {suffix or 'no ending'}.")
    if header is False and suffix not in SEPARATED:
        raise StudyError(
            f"{path.name} has column names without a first row for them. Leave --no-header out: it is for CSV and TSV files."
        )
    notes: list[str] = []
    doubt = ""
    try:
        file_kinds.refuse_other(path, suffix)
        if suffix in SEPARATED:
            frame, unreadable, doubt, rows = _read_separated(path, suffix, notes, header)
        else:
            frame, unreadable, rows = _read(path, suffix, notes)
    except UnicodeDecodeError as error:
        raise StudyError(
            f"{path.name} is not UTF-8 (byte {error.start}). Save it as UTF-8 and import it again."
        ) from error
    except RecursionError as error:
        raise StudyError(f"{path.name} cannot be read: its lists and objects are nested too deep.") from error
    except MemoryError as error:
        raise StudyError(f"{path.name} needs more memory than there is. Split it into several files.") from error
    except (pd.errors.EmptyDataError, pd.errors.ParserError, pa.ArrowException, ValueError, OSError) as error:
        raise StudyError(f"{path.name} cannot be read: {str(error).splitlines()[0]}.") from error
    frame.columns = [str(column).strip().removeprefix("\ufeff") for column in frame.columns]
    if frame.columns.empty:
        reasons = ", ".join(f"{reason} {n}" for reason, n in Counter(unreadable).items())
        raise StudyError(f"{path.name} holds no rows{f' that can be read ({reasons})' if reasons else ''}.")
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise StudyError(f"{path.name} has two columns named {twice[0]!r}. Rename one of them.")
    first = 2 if suffix in SEPARATED and header is not False else 1
    return Table(
        frame, unreadable, path.name, files.digest(path), notes=tuple(notes), doubt=doubt, first_row=first, rows=rows
    )


def nested(cell: str) -> Any:
    """The list or object in a cell of JSON text; None if the cell holds neither."""
    if not cell.startswith(("[", "{")):
        return None
    try:
        return json.loads(cell)
    except (json.JSONDecodeError, RecursionError):
        return None


def need_columns(frame: pd.DataFrame, columns: list[str], *, file: str) -> None:
    """Raise `StudyError`, which names the missing and the existing columns, if a column is missing."""
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise StudyError(f"{file} has no column {listed(map(repr, missing))}. Its columns are {listed(frame.columns)}.")


def _read(path: Path, suffix: str, notes: list[str]) -> tuple[pd.DataFrame, list[str], Sequence[int]]:
    if suffix == ".parquet":
        return _read_parquet(path, notes), [], ()
    if suffix == ".json":
        return _read_json(path, notes)
    return _read_json_lines(path)


def _read_separated(
    path: Path, suffix: str, notes: list[str], header: bool | None
) -> tuple[pd.DataFrame, list[str], str, Sequence[int]]:
    found = separated.read(path, "\t" if suffix == ".tsv" else ",", header=header)
    notes += found.notes
    return found.frame, found.unreadable, found.doubt, found.rows


def _read_parquet(path: Path, notes: list[str]) -> pd.DataFrame:
    if fault := parquet_size.fault_of(path):
        raise StudyError(f"{path.name} {fault} Split it into several files, or leave columns out.")
    try:
        found = pd.read_parquet(path, dtype_backend="numpy_nullable").reset_index(drop=True)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise StudyError(
            f"{path.name} cannot be read: what it says of its own columns is damaged. Write it again, or give it as CSV."
        ) from error
    unread = [column for column in found.columns if not _is_readable(found[column])]
    if unread:
        notes.append(f"Bytes that are no UTF-8 text were left out: {listed(map(str, unread))}.")
    frame = _as_text(found.drop(columns=unread))
    classes_of = hub_layout.names_in_file(path)
    names = {column: classes for column, classes in classes_of.items() if column in frame.columns}
    if names:
        notes.append(f"The class numbers in {', '.join(names)} were replaced by the class names in the file.")
    return hub_layout.named(frame, names) if names else frame


def _read_json(path: Path, notes: list[str]) -> tuple[pd.DataFrame, list[str], list[int]]:
    """Read a list of objects, one object as a single row, a table by columns or by splits, or JSON lines."""
    try:
        found = json.loads(path.read_text(encoding=separated.encoding(path)))
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            return _read_json_lines(path)
        raise
    if not isinstance(found, list | dict):
        raise ValueError("it holds neither a list of objects nor an object")
    if isinstance(found, dict) and (by_split := _rows_by_split(found)) is not None:
        notes.append(
            f"The file holds a table for each split: {', '.join(f'{name} {n}' for name, n in by_split[1].items())}."
        )
        found = by_split[0]
    elif isinstance(found, dict) and (rows := _rows_by_column(found)) is not None:
        notes.append("The file holds its table column by column; it was turned into rows.")
        found = rows
    return _json_rows(enumerate(found if isinstance(found, list) else [found], start=1))


def _rows_by_split(found: dict[str, Any]) -> tuple[list[Any], dict[str, int]] | None:
    """The rows of an object that maps splits to tables, and the number of rows by split; None for any other object."""
    if not any(columns_in_files.is_split(name) for name in found):
        return None
    placed: list[Any] = []
    counted: dict[str, int] = {}
    for name, value in found.items():
        rows = _rows_by_column(value) if isinstance(value, dict) else value
        if not isinstance(rows, list) or (rows and not any(isinstance(row, dict) for row in rows)):
            return None
        if any(isinstance(row, dict) and row.get("split", name) != name for row in rows):
            raise ValueError(
                f"rows in its list {name!r} have another split in their key 'split'. Remove one of the two"
            )
        placed += [row | {"split": name} if isinstance(row, dict) else row for row in rows]
        counted[name] = len(rows)
    return placed, counted


def _rows_by_column(found: dict[str, Any]) -> list[Any] | None:
    """The rows of an object that holds a table: by column and index, as columns and data, or as one list of rows.

    None if the object is no such table.
    """
    columns, data = found.get("columns"), found.get("data")
    if isinstance(columns, list) and isinstance(data, list):
        if not all(isinstance(row, list) and len(row) == len(columns) for row in data):
            raise ValueError("the number of cells in a row differs from the number of columns")
        return [dict(zip(map(str, columns), row, strict=True)) for row in data]
    values = list(found.values())
    if values and all(isinstance(value, dict) and value for value in values):
        index = list(dict.fromkeys(key for value in values for key in value))
        return [{column: value.get(key) for column, value in found.items()} for key in index]
    if (
        len(values) > 1
        and all(isinstance(value, list) for value in values)
        and len({len(value) for value in values}) == 1
    ):
        return [dict(zip(found, row, strict=True)) for row in zip(*values, strict=True)]
    if (
        len(values) == 1
        and isinstance(values[0], list)
        and values[0]
        and all(isinstance(row, dict) for row in values[0])
    ):
        return list(values[0])
    return None


def _read_json_lines(path: Path) -> tuple[pd.DataFrame, list[str], list[int]]:
    rows: list[tuple[int, object]] = []
    bad: list[str] = []
    with path.open(encoding=separated.encoding(path)) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                rows.append((number, json.loads(line)))
            except (json.JSONDecodeError, RecursionError):
                bad.append("not JSON")
    frame, refused, numbers = _json_rows(rows)
    return frame, bad + refused, numbers


def _json_rows(found: Iterable[tuple[int, object]]) -> tuple[pd.DataFrame, list[str], list[int]]:
    """The objects among numbered rows as a table, the reason for each other row, and the numbers of the objects."""
    rows: list[dict[str, object]] = []
    bad: list[str] = []
    numbers: list[int] = []
    for number, row in found:
        if not isinstance(row, dict):
            bad.append("not a JSON object")
            continue
        try:
            json.dumps(row, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            bad.append("not valid Unicode")
            continue
        rows.append(row)
        numbers.append(number)
    return _as_text(pd.DataFrame(rows, dtype=object)), bad, numbers


def _is_readable(column: pd.Series) -> bool:
    """Whether no cell of a column holds bytes that are no UTF-8 text, as pictures and sound are stored."""
    if not (pd.api.types.is_object_dtype(column.dtype) or isinstance(column.dtype, pd.CategoricalDtype)):
        return True
    try:
        column.map(_cell)
    except UnicodeDecodeError:
        return False
    return True


def _as_text(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.map(_cell).astype("str")


def _cell(cell: object) -> str:
    if _is_missing(cell):
        return ""
    if isinstance(cell, np.ndarray):
        cell = cell.tolist()
    if isinstance(cell, float | np.floating) and float(cell).is_integer() and abs(float(cell)) < WHOLE:
        cell = int(cell)
    if isinstance(cell, list | dict):
        return json.dumps(cell, ensure_ascii=False, default=_plain).replace("\x00", "")
    return str(_plain(cell)).replace("\x00", "")


def _plain(value: object) -> object:
    """Bytes as UTF-8 text, an array as a list, any other value in words. Raises `UnicodeDecodeError` for other bytes."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.decode() if isinstance(value, bytes) else str(value)


def _is_missing(cell: object) -> bool:
    return cell is None or cell is pd.NA or (isinstance(cell, float) and math.isnan(cell))
