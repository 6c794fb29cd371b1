"""Read CSV and TSV files of any dialect, and refuse a file in which rows cannot be told apart for certain."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from core.errors import StudyError
from core.study.exchange import headers, plain_lines

LONGEST_CELL = 10_000_000
SEPARATORS = (",", ";", "\t", "|")
UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # first two bytes of UTF-16, as in Excel's "Unicode text"
NAMED_SEPARATOR = re.compile(r'"?sep=(?P<separator>.)"?\r?\n?', re.IGNORECASE)
WAY_OUT = "Double every quote inside a quoted cell, or save the file as JSON lines"


@dataclass(frozen=True)
class Separated:
    """The content of a CSV or TSV file.

    `frame` holds the rows, all cells as text; `rows` the number of each row in the file, where the first row is 1 and empty
    rows count too, or no numbers if the rows follow one another from the second on. `unreadable` holds the reason for each
    row that was left out; `notes` sentences about how the file was read. `doubt` says why the first row may not be a header;
    "" if there is no doubt or the caller said what the first row is.
    """

    frame: pd.DataFrame
    unreadable: list[str]
    notes: list[str]
    doubt: str = ""
    rows: Sequence[int] = ()


def read(path: Path, usual: str, *, header: bool | None = None) -> Separated:
    """Read a CSV or TSV file.

    `usual` is the separator of cells; another separator is used if only that one occurs in the first line. `header` says
    whether the first row names the columns; if it is None, the first row is used as a header and `doubt` says why that row
    may be no header. Short rows are filled with empty cells; rows with cells beyond the header are left out unless these cells
    are empty. Raises `StudyError` if rows cannot be told apart for certain.
    """
    csv.field_size_limit(LONGEST_CELL)
    with path.open(encoding=encoding(path), newline="") as file:
        content = file.read().replace("\x00", "")
    notes: list[str] = []
    if named := NAMED_SEPARATOR.match(content):
        usual, content = named["separator"], content[named.end() :]
        notes.append(f"The first line says that {usual!r} separates the cells; the line is not a row.")
    separator = usual if named else _separator(content.partition("\n")[0], usual=usual)
    plain = None if header is False else plain_lines.read(content, separator)
    if plain is not None:
        frame, unreadable = plain_lines.sorted_out(plain)
        whole = frame.index.equals(pd.RangeIndex(2, len(frame) + 2))
        table = Separated(frame.reset_index(drop=True), unreadable, notes, rows=() if whole else frame.index.tolist())
    else:
        found = _rows(content, separator, name=path.name, notes=notes)
        filled = [number for number, row in found.items() if any(cell.strip() for cell in row)]
        if not filled:
            return Separated(pd.DataFrame(), [], notes)
        names = [""] * len(found[filled[0]]) if header is False else found[filled[0]]
        first = filled[0] if header is False else filled[0] + 1
        table = _in_columns(names, {number: row for number, row in found.items() if number >= first}, notes)
    return table if header is not None else replace(table, doubt=headers.doubt(list(table.frame.columns), table.frame))


def encoding(path: Path) -> str:
    """The encoding of a file: UTF-16 if the file begins with the byte order mark of UTF-16, else UTF-8."""
    with path.open("rb") as start:
        return "utf-16" if start.read(2) in UTF_16 else "utf-8-sig"


def _rows(content: str, separator: str, *, name: str, notes: list[str]) -> dict[int, list[str]]:
    """All rows that are not empty by their numbers in the file, the header first.

    Cells are read as quoted; if that fails, as cells with quotes escaped by backslashes. A TSV file whose quotes are parts
    of texts is read without quoting. Raises `StudyError` if rows cannot be told apart for certain.
    """
    if separator == "\t" and _is_unquoted(content):
        _refuse_two_readings(content, separator, name=name)
        if '"' in content:
            notes.append("Quotes in this file are parts of the texts, so no quote was read as the end of a cell.")
        lines = enumerate(_lines(content), start=1)
        return {number: line.split(separator) for number, line in lines if line.strip(" ")}
    try:
        found = _parsed(content, separator)
    except csv.Error as error:
        escaped = _with_backslashes(content, separator)
        if escaped is None:
            raise StudyError(f"{name} cannot be read: {error}. Is a quote not closed? {WAY_OUT}.") from error
        found = escaped
        notes.append('Quotes in the texts are written \\" in this file and were read as quotes.')
    _refuse_merged(found, separator, name=name)
    return found


def _parsed(content: str, separator: str, **dialect: object) -> dict[int, list[str]]:
    """The rows with any content by their numbers in the file. Raises `csv.Error`, with the number of the line, if a quote is wrong."""
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=separator, strict=True, **dialect)  # type: ignore[arg-type]
    try:
        return {number: row for number, row in enumerate(reader, start=1) if len(row) > 1 or any(row)}
    except csv.Error as error:
        raise csv.Error(f"line {reader.line_num}, {error}") from error


def _with_backslashes(content: str, separator: str) -> dict[int, list[str]] | None:
    """The rows of a file that escapes quotes in cells by backslashes, by their numbers; None if the file does not."""
    if '\\"' not in content:
        return None
    try:
        found = _parsed(content, separator, escapechar="\\", doublequote=False)
    except csv.Error:
        return None
    widths = Counter(len(row) for row in found.values())
    return found if len(widths) == 1 else None


def _is_unquoted(content: str) -> bool:
    """Whether every line of a TSV file is a whole row, and some cell holds quotes that do not enclose the cell."""
    lines = [line for line in _lines(content) if line.strip()]
    width = lines[0].count("\t") if lines else 0
    if not width or any(line.count("\t") != width for line in lines):
        return False
    return any(not _is_quoted_well(cell) for line in lines for cell in line.split("\t") if '"' in cell)


def _refuse_two_readings(content: str, separator: str, *, name: str) -> None:
    """Raise `StudyError` if a file is valid both with and without quoting, but with different numbers of rows."""
    try:
        quoted = _parsed(content, separator)
    except csv.Error:
        return
    plain = sum(1 for line in _lines(content) if line.strip(" "))
    if len({len(row) for row in quoted.values()}) == 1 and len(quoted) != plain:
        raise StudyError(
            f"{name} cannot be read for certain: it has {len(quoted) - 1} rows if quotes enclose cells, and {plain - 1} if quotes "
            f"are parts of the texts. {WAY_OUT}."
        )


def _lines(content: str) -> list[str]:
    """The lines of a file; a carriage return within a line is part of a text."""
    return content.replace("\r\n", "\n").split("\n")


def _is_quoted_well(cell: str) -> bool:
    """Whether a cell is enclosed in quotes and doubles every quote within."""
    inner = cell[1:-1]
    return len(cell) > 1 and cell.startswith('"') and cell.endswith('"') and '"' not in inner.replace('""', "")


def _refuse_merged(rows: dict[int, list[str]], separator: str, *, name: str) -> None:
    """Raise `StudyError` if a line of a cell looks like a whole row, so that a closing quote seems to be missing."""
    width = len(next(iter(rows.values()))) if rows else 0
    if width < 2:
        return
    below = dict(list(rows.items())[1:])
    usual = _usual_cells(list(below.values()), width)
    for number, row in below.items():
        for place, cell in enumerate(row[:width]):
            lines = cell.splitlines() if "\n" in cell else []
            for at, line in enumerate(lines):
                if _looks_like_a_row(line, separator, usual[place:] if at == 0 else usual):
                    raise StudyError(
                        f"{name} cannot be read for certain: a cell of row {number} holds the line {line[:60]!r}, which looks "
                        f"like a whole row. Is a quote not closed before it? {WAY_OUT}."
                    )


def _usual_cells(rows: list[list[str]], width: int) -> list[set[str]]:
    """For each column, the cells that occur more than once if they make up half of its filled cells, else no cells.

    Columns of labels and splits have such cells; columns of texts hardly ever have.
    """
    usual = []
    for place in range(width):
        counts = Counter(cell.strip() for cell in _cells(rows, place) if cell.strip())
        repeated = {cell for cell, count in counts.items() if count > 1}
        usual.append(repeated if 2 * sum(counts[cell] for cell in repeated) >= counts.total() else set())
    return usual


def _looks_like_a_row(line: str, separator: str, usual: list[set[str]]) -> bool:
    """Whether a line has at least as many cells as there are columns, and in some column one of its repeated cells.

    Columns are counted from the left and from the right end of the line.
    """
    pieces = [piece.strip().strip('"') for piece in line.split(separator)]
    if len(usual) < 2 or len(pieces) < len(usual):
        return False
    ends = (pieces, pieces[len(pieces) - len(usual) :])
    return any(piece in repeated for end in ends for piece, repeated in zip(end, usual, strict=False))


def _in_columns(names: list[str], body: dict[int, list[str]], notes: list[str]) -> Separated:
    """The rows as a table under a header of names; unnamed columns get names, rows that do not fit are left out.

    `body` maps the number of a row in the file to its cells.
    """
    header = [cell.strip() for cell in names]
    while header and not header[-1] and not any(_cells(body.values(), len(header) - 1)):
        header.pop()
    if len(header) < len(names):
        notes.append(f"{len(names) - len(header)} empty columns at the end were left out.")
    unnamed = [place for place, name in enumerate(header) if not name]
    for place in unnamed:
        header[place] = f"column {place + 1}"
    if unnamed:
        notes.append(f"Columns without a name are called {', '.join(header[place] for place in unnamed)}.")
    width = len(header)
    filled = {number: row for number, row in body.items() if any(row)}
    fitting = {
        number: row[:width] + [""] * (width - len(row)) for number, row in filled.items() if not any(row[width:])
    }
    good = {number: row for number, row in fitting.items() if not headers.is_again(header, row)}
    unreadable = ["too many columns"] * (len(filled) - len(fitting)) + ["empty row"] * (len(body) - len(filled))
    unreadable += [headers.AGAIN] * (len(fitting) - len(good))
    frame = pd.DataFrame(list(good.values()), columns=pd.Index(header), dtype="str")
    return Separated(frame, unreadable, notes, rows=list(good))


def _cells(rows: Iterable[list[str]], place: int) -> Iterable[str]:
    """The cells of a column, of the rows that are long enough."""
    return (row[place] for row in rows if len(row) > place)


def _separator(header: str, *, usual: str) -> str:
    """The separator of cells: `usual` if it occurs in the header, else the most frequent other separator in it."""
    pieces = {separator: header.count(separator) for separator in SEPARATORS}
    return (
        usual if pieces[usual] or not any(pieces.values()) else max(SEPARATORS, key=lambda separator: pieces[separator])
    )
