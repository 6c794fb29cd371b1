"""Files that are not what their names say: workbooks, Parquet, JSON and others under the name of another kind"""

import json
from pathlib import Path

from core.errors import StudyError

START = 65_536  # bytes that are looked at
SIGNS = {
    b"PK\x03\x04": ("an Excel workbook or another zip file", "Save it as CSV and import that."),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "Save it as CSV and import that."),
    b"PAR1": ("a Parquet file", "Give it the ending .parquet."),
    b"%PDF": ("a PDF file", "Copy its texts into a CSV file."),
    b"\x1f\x8b": ("a gzip file", "Unpack it first."),
    b"SQLite format 3": ("a database", "Export a table of it as CSV."),
}
PARQUET, SEPARATED = ".parquet", (".csv", ".tsv")


def refuse_other(path: Path, suffix: str) -> None:
    """Raise `StudyError` if the first bytes of a file say that it is of another kind than its ending `suffix`."""
    with path.open("rb") as file:
        start = file.read(START)
    for sign, (what, way_out) in SIGNS.items():
        if start.startswith(sign) and not (sign == b"PAR1" and suffix == PARQUET):
            raise StudyError(f"{path.name} is {what}, whatever its name says. {way_out}")
    if suffix in SEPARATED and (ending := _json_ending(start)):
        raise StudyError(f"{path.name} holds JSON, whatever its name says. Give it the ending {ending}.")


def _json_ending(start: bytes) -> str:
    """The ending of the kind of JSON that a file begins with; "" if it begins with no object or list of objects."""
    content = start.decode("utf-8-sig", errors="replace").lstrip()
    if not content.startswith(("{", "[")):
        return ""
    try:
        found, end = json.JSONDecoder().raw_decode(content)
    except (ValueError, RecursionError):
        return ".json" if content.startswith("[") and content[1:].lstrip().startswith('{"') else ""
    if isinstance(found, dict):
        return ".jsonl" if content[end:].strip() else ".json"
    return ".json" if isinstance(found, list) and not content[end:].strip() else ""
