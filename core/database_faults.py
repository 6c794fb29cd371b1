"""Faults of the database in one sentence: disk full, locked, read-only, damaged, out of reach, or not the file that was opened."""

import os
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError

from core.errors import StudyError

NO_ROOM = 1 << 20  # bytes; SQLite calls a disk with less room by several names
CAUSES = (
    (("disk is full", "no space left", "disk full"), "its disk is full. Free some disk space, then try again"),
    (("locked", "busy"), "another program holds its lock. Wait until that program is done, or end that program"),
    (("readonly", "read-only"), "it can only be read. Let this user write to its file and folder"),
    (("malformed", "not a database", "corrupt"), "it is damaged. `litmus doctor` says what to do"),
    (("disk i/o error", "could not read block"), "its disk fails. `litmus doctor` says more"),
    (("unable to open",), "its file cannot be opened. Let this user read and write the file and its folder"),
    (
        ("connection", "terminating", "shutting down", "starting up"),
        "its server cannot be reached. Check that the server runs, then try again",
    ),
)


class StoreFault(StudyError, OperationalError):
    """The database cannot be used now; the message says why and what to do, and holds no text of a study.

    It is an `OperationalError` too, so that a caller that waits for a database to come back need not know this class.
    """

    def __init__(self, message: str, orig: Exception | None = None) -> None:
        Exception.__init__(self, message)
        self.message, self.orig = message, orig if orig is not None else Exception(message)
        self.statement, self.params, self.hide_parameters, self.detail = None, None, True, []
        self.connection_invalidated, self.ismulti = False, False

    def __str__(self) -> str:
        return self.message


@dataclass
class OpenFile:
    """The file of an open SQLite database: is the file at its path still the file that was opened?"""

    path: Path
    device: int
    number: int

    def check(self) -> None:
        """Raise `StoreFault` if the file was removed, or another file has its name: writes would go to a file without a name."""
        try:
            now = self.path.stat()
        except OSError:
            raise StoreFault(
                f"The database file {self.path} was removed while Litmus had it open, so nothing is stored. Put the file back, or "
                "restore a backup and start Litmus again."
            ) from None
        if (now.st_dev, now.st_ino) != (self.device, self.number):
            raise StoreFault(
                f"The database file {self.path} was replaced by another file while Litmus had it open, so nothing is stored. "
                "Start Litmus again to use the new file."
            )

    def watch(self, engine: Engine) -> None:
        """Check the file at the beginning of every transaction, and before any further connection, which would make a new file."""
        event.listen(engine, "begin", lambda _connection: self.check(), insert=True)
        event.listen(engine, "do_connect", lambda *_: self.check(), insert=True)


def opened(engine: Engine) -> OpenFile | None:
    """The file that an engine has opened; None for a database that is no file."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return None
    path = Path(engine.url.database).absolute()
    found = path.stat()
    return OpenFile(path, found.st_dev, found.st_ino)


def explain(engine: Engine) -> None:
    """Raise a `StoreFault` in place of every error of the engine's database whose cause is known."""
    event.listen(engine, "handle_error", _replace)


def sentence(error: BaseException, folder: Path | None) -> str:
    """The sentence for an error of a database in a folder; "" if its cause is not known."""
    said = str(error).lower()
    reason = next((way for words, way in CAUSES if any(word in said for word in words)), "")
    is_vague = any(words in said for words in ("disk i/o error", "unable to open"))
    if is_vague and folder is not None and folder.is_dir():
        if shutil.disk_usage(folder).free < NO_ROOM:
            reason = CAUSES[0][1]
        elif not os.access(folder, os.W_OK):
            reason = CAUSES[2][1]
    return f"The database cannot be used: {reason}." if reason else ""


def _replace(context: ExceptionContext) -> None:
    error = context.original_exception
    is_of_state = isinstance(context.sqlalchemy_exception, sqlalchemy.exc.DatabaseError) and not isinstance(
        context.sqlalchemy_exception,
        sqlalchemy.exc.IntegrityError | sqlalchemy.exc.ProgrammingError | sqlalchemy.exc.DataError,
    )
    if not (is_of_state or isinstance(error, sqlite3.OperationalError)):
        return
    place = context.engine.url.database if context.engine is not None and context.dialect.name == "sqlite" else None
    if found := sentence(error, Path(place).absolute().parent if place else None):
        if isinstance(error, sqlite3.Error) and "locked" not in str(error):
            context.is_disconnect = True  # SQLite's connection may go on with damaged pages after the file was mended
        raise StoreFault(found, error if isinstance(error, Exception) else None) from None
