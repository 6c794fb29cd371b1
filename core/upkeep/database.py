"""Copy the whole database into a backup while others write to it, and back: a file of SQLite, or the rows of PostgreSQL.

SQLite is copied by its online backup interface, PostgreSQL in one transaction that sees a single moment.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from alembic import command
from sqlalchemy import Connection, Engine, MetaData, Table, inspect

from core.errors import StudyError
from core.study import migrate, store
from core.study.rows import baselines, sessions, study  # noqa: F401  (the metadata holds the tables of imported modules)
from core.study.rows.base import Base
from core.upkeep.archive import DATABASE, Manifest, TableRows, Writer

FILE = f"{DATABASE}litmus.db"
ROWS = ".rows"
VERSIONS = "alembic_version"
FOREIGN = "tables of the database that are not Litmus's"
WAIT_SECONDS = 60.0
UNDER_WAY = ("queued", "starting", "running")
WHY_PAUSED = "Paused because this home was restored from a backup: another copy of the home may be at work on this job."


def copy_sqlite(file: Path, target: Path) -> str:
    """Copy an SQLite database as it is at one moment into the new file `target`, check the copy, and return its revision.

    Raises `StudyError` if the database is missing, locked or damaged.
    """
    if not file.is_file():
        raise StudyError(f"There is no database at {file}, so there is nothing to back up. Check LITMUS_HOME.")
    try:
        with (
            closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=WAIT_SECONDS)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
            problems = integrity(copy)
            revision = copy.execute(f"SELECT version_num FROM {VERSIONS}").fetchone()
    except sqlite3.Error as error:
        raise StudyError(
            f"The database {file} cannot be copied: {error}. `litmus doctor` says more about it."
        ) from error
    if problems:
        raise StudyError(f"The database {file} is damaged: {problems[0]}. `litmus doctor` says how to mend it.")
    return str(revision[0])


def integrity(connection: sqlite3.Connection) -> list[str]:
    """What is wrong inside of an SQLite database: damaged pages and indexes, and rows that refer to missing rows."""
    found = [row[0] for row in connection.execute("PRAGMA integrity_check(20)") if row[0] != "ok"]
    if not found:
        broken = connection.execute("PRAGMA foreign_key_check").fetchmany(20)
        found = [f"a row of {table} refers to a missing row of {parent}" for table, _, parent, _ in broken]
    return found


def copy_rows(engine: Engine, writer: Writer) -> tuple[str, dict[str, TableRows], dict[str, int]]:
    """Copy the rows of all tables of Litmus, as they are at one moment, from PostgreSQL into an archive.

    Return the revision of the schema, the tables, and the number of tables that are left out by reason.
    """
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as connection:
        revision = connection.scalar(sqlalchemy.text(f"SELECT version_num FROM {VERSIONS}"))
        held, found = _tables(connection), {}
        for table in held:
            columns = [column.name for column in table.columns]
            writer.add(f"{DATABASE}{table.name}{ROWS}", _rows_out(connection, table.name, columns))
            found[table.name] = TableRows(columns=columns, last_number=_last_number(connection, table))
        others = set(inspect(connection).get_table_names()) - {table.name for table in held} - {VERSIONS}
    return str(revision), found, {FOREIGN: len(others)} if others else {}


def restore_rows(connection: Connection, manifest: Manifest, folder: Path) -> None:
    """Make the schema of a backup in an empty database of PostgreSQL, and fill it, in the transaction of `connection`.

    `folder` holds the unpacked members of the archive.
    """
    with migrate.IN_TURN:
        command.upgrade(migrate.config_for(connection), manifest.schema_revision)
    tables = {table.name: table for table in _tables(connection)}
    if unknown := sorted(set(manifest.tables) - set(tables)):
        raise StudyError(f"The backup holds a table that this version of Litmus does not know, {unknown[0]!r}.")
    for name, table in tables.items():
        if name not in manifest.tables:
            continue
        entry = manifest.tables[name]
        if unknown := sorted(set(entry.columns) - {column.name for column in table.columns}):
            raise StudyError(f"The backup holds a column that this version of Litmus does not know, {unknown[0]!r}.")
        _rows_in(connection, name, entry.columns, folder / f"{DATABASE}{name}{ROWS}")
        if entry.last_number is not None:
            connection.execute(
                sqlalchemy.text("SELECT setval(pg_get_serial_sequence(:table, 'id'), :number)"),
                {"table": name, "number": entry.last_number},
            )


def pause_jobs(connection: Connection) -> int:
    """Pause the jobs that were under way in a restored database, and return their number."""
    job = Table("job", MetaData(), autoload_with=connection)
    changes: dict[str, Any] = {
        "state": "paused", "error": WHY_PAUSED, "resume_at": None, "cancel_requested": False, "pause_requested": False,
    }  # fmt: skip
    known = {name: value for name, value in changes.items() if name in job.columns}
    return connection.execute(job.update().where(job.c.state.in_(UNDER_WAY)).values(known)).rowcount


@contextmanager
def engine_of(url: str) -> Iterator[Engine]:
    """An engine for one use. Raises `StudyError` if the database cannot be reached."""
    engine = store.make_engine(url, immediate=False)
    try:
        yield engine
    except sqlalchemy.exc.DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise StudyError(f"The database of LITMUS_DATABASE cannot be used: {reason}.") from error
    finally:
        engine.dispose()


def _tables(connection: Connection) -> list[Table]:
    """The tables of Litmus in a database, as they are there, each after the tables that its rows refer to."""
    there = set(inspect(connection).get_table_names())
    found = MetaData()
    found.reflect(connection, only=[name for name in Base.metadata.tables if name in there])
    return [table for table in found.sorted_tables if table.name in Base.metadata.tables]


def _rows_out(connection: Connection, table: str, columns: list[str]) -> Iterator[bytes | memoryview]:
    cursor = _cursor(connection)
    with cursor, cursor.copy(f"COPY {_quoted(table)} ({', '.join(map(_quoted, columns))}) TO STDOUT") as copy:
        yield from copy


def _rows_in(connection: Connection, table: str, columns: list[str], file: Path) -> None:
    order = f"COPY {_quoted(table)} ({', '.join(map(_quoted, columns))}) FROM STDIN"
    with _cursor(connection) as cursor, file.open("rb") as source, cursor.copy(order) as copy:
        while piece := source.read(1 << 20):
            copy.write(piece)


def _last_number(connection: Connection, table: Table) -> int | None:
    """The last number that the sequence of a table gave; None without a sequence, or before its first number."""
    if "id" not in table.columns:
        return None
    query = sqlalchemy.text("SELECT pg_sequence_last_value(pg_get_serial_sequence(:table, 'id')::regclass)")
    number = connection.scalar(query, {"table": table.name})
    return None if number is None else int(number)


def _cursor(connection: Connection) -> Any:
    driver = connection.connection.driver_connection
    assert driver is not None
    return driver.cursor()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
