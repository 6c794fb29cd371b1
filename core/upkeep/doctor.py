"""Examine a home: its folder and files, its database, and its jobs; nothing is changed."""

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import sqlalchemy

from core.errors import StudyError
from core.settings import Settings
from core.study import migrate, store
from core.upkeep import contents, database, home_files, stored_rows
from core.upkeep.findings import Finding

LEAST_FREE = 1 << 30
LARGEST_WAL = 64 << 20
AS_ITS_USER = "Run this as the user that Litmus runs as, or let this user read and write the home and its files."
RESTORE = "Stop the dashboard, and restore the newest backup with `litmus restore FILE --replace`."
WAYS = {
    "locked": "Stop the program that holds the lock.",
    "unable to open": AS_ITS_USER,
    "readonly": AS_ITS_USER,
    "full": "Free some disk space, then examine the home again.",
}


def examine(settings: Settings, *, now: float) -> list[Finding]:
    """What is wrong with a home, the gravest first; empty if nothing was found.

    The database is read whole, which takes a while for a large one. Raises `StudyError` if there is no home.
    """
    if not settings.home.is_dir():
        raise StudyError(f"There is no home at {settings.home}. Set LITMUS_HOME to the home that is to be examined.")
    if not os.access(settings.home, os.R_OK | os.W_OK | os.X_OK):
        return [
            Finding(
                f"This user may not enter the home {settings.home} or write to it, so nothing in it was examined.",
                AS_ITS_USER,
            )
        ]
    file = contents.database_file(settings)
    inside = list(_of_file(file) if file is not None else [])
    is_shut = any(finding.how_to_mend in (RESTORE, AS_ITS_USER) for finding in inside)
    rows = [] if is_shut else list(_of_rows(settings, now))
    return [
        *inside,
        *rows,
        *_of_disk(settings),
        *home_files.permissions(settings.home, file),
        *home_files.shut_folders(settings.home),
        *home_files.leftovers(settings.home, now=now),
        *home_files.damaged(settings),
    ]


def _of_file(file: Path) -> Iterator[Finding]:
    """What is wrong with the file of an SQLite database."""
    if file.exists() and not os.access(file, os.R_OK | os.W_OK):
        yield Finding(f"This user may not read and write the database {file}.", AS_ITS_USER)
        return
    if not file.is_file():
        if list(_holders_of_deleted(file)):
            yield Finding(
                f"The database {file} was removed or replaced while a process had it open: answers may go to the old file.",
                "Do not stop the dashboard yet; put the file back, or restore the newest backup into another LITMUS_HOME.",
            )
        yield Finding(f"The database {file} is missing.", RESTORE)
        return
    for number in sorted(set(_holders_of_deleted(file))):
        yield Finding(
            f"Process {number} has an older database open that was removed or replaced at {file}.",
            "Stop that process; it refuses to store answers until it has the file at the path open.",
        )
    log = file.with_name(f"{file.name}-wal")
    log_size = log.stat().st_size if log.is_file() else 0
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=10)) as connection:
            problems = database.integrity(connection)
    except sqlite3.OperationalError as error:
        way = next((way for words, way in WAYS.items() if words in str(error)), RESTORE)
        yield Finding(f"The database {file} cannot be read: {error}.", way)
        return
    except sqlite3.DatabaseError as error:
        yield Finding(f"The database {file} is damaged: {error}.", RESTORE)
        return
    for problem in problems[:5]:
        is_of_rows = problem.startswith("a row of")
        way = "Delete or restore those rows, or restore the newest backup with `litmus restore FILE --replace`."
        yield Finding(f"The database {file} is damaged: {problem}.", way if is_of_rows else RESTORE)
    if log_size > LARGEST_WAL:
        yield Finding(
            f"The write-ahead log {log.name} has {log_size:,} bytes: some program has kept a transaction open for long.",
            "Stop the dashboard and all jobs; the log is written into the database when it is next opened.",
        )


def _of_rows(settings: Settings, now: float) -> Iterator[Finding]:
    """What is wrong with the schema and the rows of a database that can be read."""
    engine = store.make_engine(settings.database_url, immediate=False)
    try:
        revision = migrate.current(engine)
        if revision not in migrate.known():
            yield Finding(
                f"The database is at revision {revision}, which this version of Litmus does not know."
                if revision
                else "The database holds no tables of Litmus.",
                "Use the newer version of Litmus that wrote the database."
                if revision
                else "Open the dashboard once, which makes the tables, or restore a backup.",
            )
            return
        if revision != migrate.newest():
            yield Finding(
                f"The database is at the older revision {revision}; this version of Litmus writes {migrate.newest()}.",
                "Open the dashboard or run any command, such as `litmus jobs`: the database is migrated after a backup.",
            )
            return
        with engine.connect() as connection:
            yield from stored_rows.findings(connection, settings, now=now)
    except sqlalchemy.exc.DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        yield Finding(f"The database cannot be read: {reason}.", "Check LITMUS_DATABASE and the server it names.")
    finally:
        engine.dispose()


def _of_disk(settings: Settings) -> Iterator[Finding]:
    free = shutil.disk_usage(settings.home).free
    if free < LEAST_FREE:
        yield Finding(
            f"The disk of {settings.home} has only {free >> 20} MB free.",
            "Free some disk space: older backups, exports and the folder hub may be deleted.",
        )
    probe = settings.home / f".doctor.{os.getpid():016x}"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        yield Finding(
            f"Nothing can be written into {settings.home}: {error.strerror}.",
            "Mount the disk for writing, or give this user the right to write there.",
        )
    clock = settings.home.stat().st_mtime
    if clock > time.time() + 300:
        yield Finding(
            f"The folder {settings.home} was changed in the future, by the clock of this machine.",
            "Set the clock of this machine right.",
        )


def _holders_of_deleted(file: Path) -> Iterator[int]:
    """The numbers of the processes that have a deleted file of this path open, as far as the system shows them."""
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # files are closed and processes end meanwhile
            if str(link.readlink()) == f"{file} (deleted)":
                yield int(link.parts[2])
