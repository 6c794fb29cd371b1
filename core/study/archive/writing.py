"""Write a whole study as files. A row is left out, and counted, if it is about a row outside the study."""

import time
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import files as whole_files
from core.errors import StorageError, StudyError
from core.study import migrate
from core.study.archive import described, formats, layout, manifest, readme, secrets
from core.study.archive.layout import Column, File, Format
from core.study.archive.manifest import FileEntry, Manifest
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Arm, Study, Task

CSV_ONLY = "Cells are escaped for spreadsheets in CSV only, and {} was asked for. Add --format csv."


class Numbers:
    """The numbers of exported rows: the id of a row in the database -> its place among the rows of its table, from 1.

    Takes 8 bytes a row.
    """

    def __init__(self) -> None:
        self.ids: dict[str, array[int]] = {}

    def add(self, table: str, id: int) -> None:
        """Number a row; ids must come in rising order."""
        self.ids.setdefault(table, array("q")).append(id)

    def of(self, table: str, id: int | None) -> int | None:
        """The number of a row; None for no row and for a row that is not exported."""
        known = self.ids.get(table)
        if id is None or known is None:
            return None
        place = bisect_left(known, id)
        return place + 1 if place < len(known) and known[place] == id else None


def write(
    session: Session,
    study: Study,
    folder: Path,
    *,
    format: Format = "jsonl",
    panel_ids: bool = False,
    escaped: bool = False,
) -> tuple[Manifest, list[Path]]:
    """Write a study into a folder, one file for each table and those of `manifest.BESIDE`; return the manifest and all paths.

    The session should be a snapshot (`snapshot`). An earlier export in the folder is replaced. `panel_ids`: also write the ids
    that raters have at a panel. `escaped`: an apostrophe stands before every cell that a spreadsheet would run; for CSV only.
    Keys, links of campaigns, personal codes and completion codes are never written. Raises `StudyError` if the folder
    holds other files, or `escaped` is asked for another format, and `StorageError` if the folder cannot be written.
    """
    if escaped and format != "csv":
        raise StudyError(CSV_ONLY.format(format))
    try:
        return _write(session, study, folder, format=format, panel_ids=panel_ids, escaped=escaped)
    except OSError as error:
        reason = error.strerror or error
        raise StorageError(
            f"The folder {folder} cannot be written: {reason}. Name another folder, or free some disk space."
        ) from error


def snapshot(session: Session) -> Session:
    """Make a new session see one state of the database throughout: on PostgreSQL by REPEATABLE READ, on SQLite it does anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    return session


def _write(
    session: Session, study: Study, folder: Path, *, format: Format, panel_ids: bool, escaped: bool
) -> tuple[Manifest, list[Path]]:
    _make_room(folder)
    numbers, left_out = _numbered(session, study.id)
    entries: dict[str, FileEntry] = {}
    synthetic, real = Counter[str](), _real_arms(session, study)
    for file in layout.files():
        path = folder / f"{file.stem}.{format}"
        out = formats.writer(format, path, file.written, escaped=escaped)
        rows = 0
        try:
            for group in _rows(session, file, study.id, numbers, real, panel_ids=panel_ids):
                out.write(group)
                rows += len(group)
                synthetic[file.table.name] += _by_models(file, group)
        finally:
            out.close()
        names = [column.name for column in file.written]
        entries[path.name] = FileEntry(table=file.table.name, columns=names, rows=rows, sha256=whole_files.digest(path))
    said = Manifest(
        version=manifest.VERSION,
        schema_revision=str(migrate.newest()),
        study=study.name,
        made=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        format=format,
        escaped_for_spreadsheets=escaped,
        panel_ids=panel_ids,
        packages=manifest.versions(),
        files=entries,
        left_out=left_out,
    )
    _describe(folder, said, described.origins(session, study), synthetic)
    return said, [folder / name for name in (*manifest.BESIDE, *entries)]


def _describe(folder: Path, said: Manifest, told: list[tuple[str, str]], synthetic: Counter[str]) -> None:
    """Write the files beside the tables, the manifest last: without it the export is none."""
    whole_files.replace(folder / manifest.README, readme.text(said, told).encode())
    whole_files.replace(folder / manifest.CROISSANT, described.text(said, folder, told, synthetic).encode())
    whole_files.replace(folder / manifest.NAME, said.model_dump_json(indent=2).encode())


def _make_room(folder: Path) -> None:
    """Make the folder, or empty it of an earlier export. Raises `StudyError` if it holds other files."""
    folder.mkdir(parents=True, exist_ok=True)
    ours = {
        *manifest.BESIDE,
        *(f"{file.stem}.{format}" for file in layout.files() for format in ("csv", "jsonl", "parquet")),
    }
    found = {path.name for path in folder.iterdir()}
    if found - ours or (found and manifest.NAME not in found):
        raise StudyError(f"The folder {folder} holds other files already. Name an empty or a new folder.")
    for name in found:
        (folder / name).unlink()
    whole_files.replace(folder / manifest.NAME, b"{}")  # says whose folder it is, should the writing be cut off


def _numbered(session: Session, study_id: int) -> tuple[Numbers, dict[str, int]]:
    """The numbers of all rows that others refer to, and the number of rows left out, by the name of their table."""
    numbers, left_out = Numbers(), dict[str, int]()
    referred = {column.refers_to for file in layout.files() for column in file.references}
    for file in layout.files():
        keys = [file.table.c[column.name] for column in file.subjects]
        query = select(file.table.c.id, *keys).where(layout.belongs(file, study_id)).order_by(file.table.c.id)
        for id, *subjects in session.execute(query.execution_options(yield_per=formats.GROUP)):
            if _is_whole(file, subjects, numbers):
                if file.table.name in referred:
                    numbers.add(file.table.name, id)
            else:
                left_out[file.table.name] = left_out.get(file.table.name, 0) + 1
    return numbers, left_out


def _real_arms(session: Session, study: Study) -> frozenset[int]:
    of_study = select(Arm.id).join(Task, Task.id == Arm.task_id).where(Task.study_id == study.id)
    return frozenset(session.scalars(of_study.where(Arm.kind == ArmKind.REAL)))


def _is_synthetic(file: File, row: Mapping[Any, Any], real: frozenset[int]) -> bool:
    return file.table.name in described.BY_MODELS or row["arm_id"] not in real


def _by_models(file: File, group: list[dict[str, Any]]) -> int:
    """The number of rows whose text a model wrote."""
    if file.marks:
        return sum(row[layout.SYNTHETIC.name] for row in group)
    return len(group) if file.table.name in described.BY_MODELS else 0


def _is_whole(file: File, subjects: list[int | None], numbers: Numbers) -> bool:
    """Whether every row that a row is about is exported; a pointer to a row that is not exported is written as none."""
    return all(
        id is None or numbers.of(str(column.refers_to), id) is not None
        for column, id in zip(file.subjects, subjects, strict=True)
    )


def _rows(
    session: Session, file: File, study_id: int, numbers: Numbers, real: frozenset[int], *, panel_ids: bool
) -> Iterator[list[dict[str, Any]]]:
    """The rows of a file in groups, as they are written. `real`: the ids of the arms of real texts."""
    columns = [file.table.c[column.name] for column in file.columns]
    query = select(*columns).where(layout.belongs(file, study_id)).order_by(file.table.c.id)
    number = 1
    for partition in session.execute(query.execution_options(yield_per=formats.GROUP)).mappings().partitions():
        group = []
        for row in partition:
            if _is_whole(file, [row[column.name] for column in file.subjects], numbers):
                found = _exported(file, row, number, numbers, panel_ids=panel_ids)
                group.append(found | {mark.name: _is_synthetic(file, row, real) for mark in file.marks})
                number += 1
        yield group


def _exported(file: File, row: Mapping[Any, Any], number: int, numbers: Numbers, *, panel_ids: bool) -> dict[str, Any]:
    """A row as it is written: numbered, with numbers in place of ids, and without secrets."""
    found: dict[str, Any] = {}
    for column in file.columns:
        value = row[column.name]
        if column.name == "id":
            value = number
        elif column.refers_to:
            value = numbers.of(column.refers_to, value)
        elif column.ids_of:
            value = [place for id in value if (place := numbers.of(column.ids_of, id)) is not None]
        elif value is not None:
            value = _stored(secrets.cleaned(file.table.name, column, value, row, panel_ids=panel_ids), column)
        found[column.name] = value
    return found


def _stored(value: Any, column: Column) -> Any:
    """A value in the plain types of JSON: a member of an enum is its value."""
    return str(value) if column.kind == "text" and value is not None else value
