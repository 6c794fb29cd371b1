"""Read an exported study into a home, in one transaction: whole, or not at all."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import tasks
from core.study.archive import formats, layout, manifest
from core.study.archive.layout import Column, File
from core.study.archive.manifest import Manifest
from core.study.rows.study import Study

LARGEST_INTEGER = 2**63 - 1
OF_ITS_OWNER = "connection"  # in a study's config: an address to which this home's API key would be sent
TYPES: Mapping[str, Any] = {"integer": int, "number": float, "boolean": bool, "text": str, "object": dict, "list": list}


@dataclass(frozen=True)
class Import:
    """An import under way. `offsets`: table -> the number that is added to a row's number in the files to give its id."""

    said: Manifest
    folder: Path
    name: str | None
    is_own: bool
    offsets: dict[str, int] = field(default_factory=dict)

    def id_of(self, table: str, number: Any, *, where: str) -> int:
        """The id of a row by its number in the files. Raises `StudyError` if the files do not have that row."""
        if type(number) is not int or not 1 <= number <= self.said.rows.get(table, 0):
            raise StudyError(
                f"{where} points to a row that the files do not have ({table} {str(number)[:40]!r}). Export the study again."
            )
        return self.offsets[table] + number


def read(session: Session, folder: Path, *, name: str | None = None, is_own: bool = False) -> tuple[Study, Manifest]:
    """Store the study of a folder that `writing.write` made, and return the study with its manifest.

    `name`: a new name for the study. `is_own`: the files were made here and now; the connection to a language model of other files
    is left out, so that no key is sent to an address that somebody else has chosen. All rows are stored in the caller's
    transaction, which must be rolled back on an error. Raises `StudyError` if the name is taken, or a file is missing, changed,
    not readable, or does not fit the others.
    """
    said = manifest.read(folder)
    files = [file for file in layout.files() if file.table.name in said.rows]
    if said.rows[layout.ROOT] != 1:
        raise StudyError(f"The files hold {said.rows[layout.ROOT]} studies in place of one. Export the study again.")
    ours = Import(said, folder, name, is_own)
    try:
        for file in files:
            ours.offsets[file.table.name] = _before(session, ours, file)
        for file in files:
            _store(session, ours, file)
        for file in files:
            _use_up(session, ours, file)
    except sqlalchemy.exc.StatementError as error:
        raise StudyError(f"The files do not fit together: {_reason(error)}. Export the study again.") from error
    return session.get_one(Study, ours.offsets[layout.ROOT] + 1), said


def _before(session: Session, ours: Import, file: File) -> int:
    """The number before the ids of a file's rows; nobody else stores rows of its table until the transaction ends."""
    table, name = file.table, f"{file.stem}.{ours.said.format}"
    rows = ours.said.rows[table.name]
    if rows > formats.most_rows(ours.said.format, ours.folder / name):
        raise StudyError(f"{name} does not have the {rows} rows that {manifest.NAME} names. Export the study again.")
    if session.get_bind().dialect.name != "postgresql":  # SQLite's writing session lets nobody else write
        return session.scalar(select(func.max(table.c.id))) or 0
    session.execute(sqlalchemy.text(f'LOCK TABLE "{table.name}" IN EXCLUSIVE MODE'))
    return int(session.scalar(select(func.nextval(_sequence(file)))) or 0)


def _use_up(session: Session, ours: Import, file: File) -> None:
    """Let the next row have an id after those of a file whose rows are stored: PostgreSQL takes no step of a sequence back."""
    if session.get_bind().dialect.name == "postgresql":
        last = ours.offsets[file.table.name] + ours.said.rows[file.table.name]
        session.execute(select(func.setval(_sequence(file), last + 1)))


def _sequence(file: File) -> Any:
    return func.pg_get_serial_sequence(f'"{file.table.name}"', "id")


def _store(session: Session, ours: Import, file: File) -> None:
    """Store the rows of a file."""
    name = f"{file.stem}.{ours.said.format}"
    entry = ours.said.files[name]
    by_name = {column.name: column for column in file.written}
    columns = [by_name[column] for column in entry.columns]
    lacking = [column.name for column in file.columns if column.name not in entry.columns and not column.may_be_missing]
    if lacking:
        raise StudyError(f"{name} lacks the column {lacking[0]!r}. Export the study again.")
    done = 0
    path = ours.folder / name
    for group in formats.read(ours.said.format, path, columns, escaped=ours.said.escaped_for_spreadsheets):
        rows = [
            _row(ours, file, columns, row, number=number, name=name) for number, row in enumerate(group, start=done + 1)
        ]
        if file.table.name == layout.ROOT:
            rows = [_as_new(session, row, ours) for row in rows]
        session.execute(insert(file.table), rows)
        done += len(rows)
    if done != entry.rows:
        raise StudyError(f"{name} holds {done} rows in place of {entry.rows}. Export the study again.")


def _row(
    ours: Import, file: File, columns: Sequence[Column], row: Mapping[str, Any], *, number: int, name: str
) -> dict[str, Any]:
    """A row of a file as it is stored. Raises `StudyError`, with the place, for a value that the column cannot hold."""
    found: dict[str, Any] = {}
    for column in [column for column in columns if column not in file.marks]:
        where = f"{name}, row {number}, column {column.name}"
        value = row[column.name]
        if column.name == "id":
            if value != number or type(value) is not int:
                raise StudyError(f"{where}, holds {str(value)[:40]!r} in place of {number}. Export the study again.")
            value = ours.offsets[file.table.name] + number
        elif column.refers_to and value is not None:
            value = ours.id_of(column.refers_to, value, where=where)
        else:
            value = _checked(value, column, where)
            if column.ids_of:
                value = [ours.id_of(column.ids_of, place, where=where) for place in value]
        found[column.name] = value
    for table, key in layout.KEYS:
        if table == file.table.name:
            found[key] = secrets.token_urlsafe(16)
    return found


def _checked(value: Any, column: Column, where: str) -> Any:
    """A value in the type of its column. Raises `StudyError` if it is of another type, too long, or no value of the enum."""
    if value is None and column.is_nullable:
        return None
    if column.kind == "number" and type(value) is int:
        value = float(value) if abs(value) <= LARGEST_INTEGER else value
    if not _is_of(column, value):
        raise StudyError(f"{where}, holds {str(value)[:40]!r}, which is no {column.kind}. Export the study again.")
    if column.kind == "integer" and abs(value) > LARGEST_INTEGER:
        raise StudyError(f"{where}, holds a number that is too large. Export the study again.")
    if column.kind == "text":
        if (column.choices and value not in column.choices) or (column.longest and len(value) > column.longest):
            raise StudyError(f"{where}, holds {value[:40]!r}, which is not possible there. Export the study again.")
        if "\x00" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
            raise StudyError(f"{where}, holds a character that no database takes. Export the study again.")
    return value


def _is_of(column: Column, value: Any) -> bool:
    """Whether a value has exactly the type of a column's kind; True and False are no integers."""
    return type(value) is TYPES[column.kind]


def _as_new(session: Session, row: Mapping[str, Any], ours: Import) -> dict[str, Any]:
    """A study's row as it is imported: with a name that no study has, in the lists, without the connection of somebody else."""
    wanted = tasks.checked_name(row["name"] if ours.name is None else ours.name, "study")
    if session.scalar(select(Study.id).where(Study.name == wanted)) is not None:
        raise StudyError(
            f"There is a study {wanted[:80]!r} already. Import this one under another name with --study NAME."
        )
    config = {key: value for key, value in row["config"].items() if key != tasks.PUT_ASIDE}
    if not ours.is_own:
        config = {key: value for key, value in config.items() if key != OF_ITS_OWNER} | {tasks.IMPORTED: True}
    return {**row, "name": wanted, "config": config, "trashed_at": None, "is_trash": False}


def _reason(error: sqlalchemy.exc.StatementError) -> str:
    """The database's reason for a refusal, on one line."""
    return " ".join(str(error.orig or error).split())[:160]
