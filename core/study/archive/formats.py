"""Rows in files: CSV, JSON lines and Parquet, written and read in groups, so that memory does not grow with the file.

A value is read back as it was written, to the last digit. In CSV, a missing value is an empty cell; where a column may have
missing values, a text that is empty or begins with a backslash has a backslash before it. Objects and lists are JSON.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TextIO

from core.errors import StudyError
from core.study.archive.layout import Column, Format
from core.study.exchange import separated, spreadsheets

GROUP = 5000  # rows that are held at a time
LONGEST_ROW = (
    2 * separated.LONGEST_CELL
)  # characters; the longest cells of a row that Litmus writes are texts and answers of models
HELD = 2 * LONGEST_ROW  # characters of rows that are held at a time
Row = Mapping[str, Any]


class Writer(Protocol):
    """Writes groups of rows to a file."""

    def write(self, rows: Sequence[Row]) -> None: ...

    def close(self) -> None: ...


def writer(format: Format, path: Path, columns: Sequence[Column], *, escaped: bool = False) -> Writer:
    """A writer of a new file. `escaped`: an apostrophe stands before every CSV cell that a spreadsheet would run."""
    if format == "jsonl":
        return _JsonLines(path)
    return _Csv(path, columns, escaped=escaped) if format == "csv" else _Parquet(path, columns)


def read(format: Format, path: Path, columns: Sequence[Column], *, escaped: bool = False) -> Iterator[list[Row]]:
    """The rows of a file in groups, in the types of the columns as far as the format has them; `columns` in the file's order.

    Raises `StudyError` if the file is not of the format or has other columns.
    """
    readers = {"jsonl": _json_lines, "csv": _csv_rows, "parquet": _parquet_rows}
    group: list[Row] = []
    held = 0
    try:
        for row, size in readers[format](path, columns, escaped):
            group.append(row)
            held += size
            if len(group) == GROUP or held > HELD:
                yield group
                group, held = [], 0
        if group:
            yield group
    except UnicodeDecodeError as error:
        raise StudyError(f"{path.name} is not UTF-8.") from error


def most_rows(format: Format, path: Path) -> int:
    """A number of rows that a file cannot exceed, without reading it whole. Raises `StudyError` if it is no Parquet file."""
    if format != "parquet":
        return path.stat().st_size
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError, ValueError) as error:  # ValueError: names that are not UTF-8
        raise StudyError(f"{path.name} is not a Parquet file.") from error


class _JsonLines:
    def __init__(self, path: Path) -> None:
        self.file = path.open("w", encoding="utf-8", newline="\n")

    def write(self, rows: Sequence[Row]) -> None:
        self.file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)

    def close(self) -> None:
        self.file.close()


class _Csv:
    def __init__(self, path: Path, columns: Sequence[Column], *, escaped: bool) -> None:
        self.columns, self.escaped = columns, escaped
        self.file = path.open("w", encoding="utf-8", newline="")
        self.cells = csv.writer(self.file, lineterminator="\r\n")  # so that a line break of either kind is quoted
        self.cells.writerow([column.name for column in columns])

    def write(self, rows: Sequence[Row]) -> None:
        for row in rows:
            cells = [_cell(row[column.name], column) for column in self.columns]
            self.cells.writerow([_escaped(cell) for cell in cells] if self.escaped else cells)

    def close(self) -> None:
        self.file.close()


class _Parquet:
    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        kinds = {"integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}
        self.columns = columns
        self.table = pa.Table
        self.schema = pa.schema([(column.name, kinds.get(column.kind, pa.string())) for column in columns])
        self.file = pq.ParquetWriter(path, self.schema)

    def write(self, rows: Sequence[Row]) -> None:
        held = {column.name: [_plain(row[column.name], column) for row in rows] for column in self.columns}
        self.file.write_table(self.table.from_pydict(held, schema=self.schema))

    def close(self) -> None:
        self.file.close()


def _plain(value: Any, column: Column) -> Any:
    """A value without structure: objects and lists as JSON."""
    return json.dumps(value, ensure_ascii=False) if value is not None and column.kind in ("object", "list") else value


def _cell(value: Any, column: Column) -> str:
    if value is None:
        return ""
    if column.kind == "boolean":
        return "true" if value else "false"
    text = repr(value) if column.kind == "number" else str(_plain(value, column))
    return f"\\{text}" if column.is_nullable and (not text or text.startswith("\\")) else text


def _escaped(cell: str) -> str:
    return f"'{cell}" if cell.startswith((*spreadsheets.FORMULA, "'")) else cell


class _Lines:
    """The lines of a file, none of them and no row of them longer than `LONGEST_ROW`. `size`: characters since the last row."""

    def __init__(self, file: TextIO, name: str) -> None:
        self._file, self._name, self.size = file, name, 0

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(LONGEST_ROW + 1):
            self.size += len(line)
            if self.size > LONGEST_ROW:
                raise StudyError(f"{self._name} holds a row of over {LONGEST_ROW:,} characters, which no study has.")
            yield line

    def row_size(self) -> int:
        """The characters of the row that was read, when the next one begins."""
        size, self.size = self.size, 0
        return size


def _json_lines(path: Path, columns: Sequence[Column], _escaped: bool) -> Iterator[tuple[Row, int]]:
    names = [column.name for column in columns]
    with path.open(encoding="utf-8", newline="\n") as file:
        lines = _Lines(file, path.name)
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise StudyError(f"{path.name}, line {number}, is not JSON.") from error
            if not isinstance(row, dict) or list(row) != names:
                raise StudyError(f"{path.name}, line {number}, does not hold the columns {', '.join(names)}.")
            yield row, lines.row_size()


def _csv_rows(path: Path, columns: Sequence[Column], escaped: bool) -> Iterator[tuple[Row, int]]:
    csv.field_size_limit(separated.LONGEST_CELL)
    names = [column.name for column in columns]
    with path.open(encoding="utf-8", newline="") as file:
        lines = _Lines(file, path.name)
        rows = csv.reader(iter(lines), strict=True)
        try:
            if next(rows, None) != names:
                raise StudyError(f"{path.name} does not begin with the columns {', '.join(names)}.")
            for cells in rows:
                if len(cells) != len(names):
                    raise StudyError(
                        f"{path.name}, line {rows.line_num}, has {len(cells)} cells in place of {len(names)}."
                    )
                own = [cell[1:] if escaped and cell.startswith("'") else cell for cell in cells]
                row = {column.name: _value(cell, column, path) for cell, column in zip(own, columns, strict=True)}
                yield row, lines.row_size()
        except csv.Error as error:
            raise StudyError(f"{path.name}, line {rows.line_num}, is not CSV: {error}.") from error


def _value(cell: str, column: Column, path: Path) -> Any:
    """The value of a CSV cell; a cell that is no value of the column's kind stays text, which the caller refuses."""
    if cell == "" and (column.is_nullable or column.kind != "text"):
        return None
    if column.is_nullable and cell.startswith("\\"):
        cell = cell[1:]
    if column.kind == "boolean":
        return {"true": True, "false": False}.get(cell, cell)
    try:
        if column.kind == "integer":
            return int(cell)
        if column.kind == "number":
            return float(cell)
        return json.loads(cell) if column.kind in ("object", "list") else cell
    except (ValueError, RecursionError) as error:
        raise StudyError(
            f"{path.name}: column {column.name} holds {cell[:40]!r}, which is no {column.kind}."
        ) from error


def _parquet_rows(path: Path, columns: Sequence[Column], _escaped: bool) -> Iterator[tuple[Row, int]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from core import parquet_size  # here, as it imports pyarrow

    names = [column.name for column in columns]
    nested = [column.name for column in columns if column.kind in ("object", "list")]
    try:
        if fault := parquet_size.fault_of(path, rows=GROUP):
            raise StudyError(f"{path.name} {fault} Export the study again as JSON lines.")
        with pq.ParquetFile(path) as file:
            if file.schema_arrow.names != names:
                raise StudyError(f"{path.name} does not hold the columns {', '.join(names)}.")
            for batch in file.iter_batches(GROUP):
                for row in batch.to_pylist():
                    whole = row | {name: json.loads(row[name]) for name in nested if row[name] is not None}
                    yield whole, 0  # `fault_of` has bounded what a group can hold
    except (pa.ArrowException, OSError, ValueError, TypeError, RecursionError) as error:
        raise StudyError(f"{path.name} is not a Parquet file of an exported study: {str(error)[:80]}.") from error
