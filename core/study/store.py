"""Open the database of studies (SQLite or PostgreSQL), with sessions for reading and for writing.

On SQLite a writing session takes the write lock at its beginning (BEGIN IMMEDIATE); otherwise a transaction that reads
before it writes would fail as soon as two writers meet. A reading session takes no lock, so that it never waits.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Engine, event, make_url
from sqlalchemy.orm import Session, sessionmaker

from core import settings as settings_module
from core.errors import StudyError
from core.study import migrate
from core.study.rows import sessions, study  # noqa: F401  (a foreign key is resolved only if both modules are loaded)

BUSY_SECONDS = 30
# Argument of `with_for_update`: a row lock that does not conflict with foreign keys of new rows that refer to the row, so
# that two transactions that insert such rows before they take the lock do not wait for each other.
ONE_AT_A_TIME = {"key_share": True}
PRAGMAS = ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")


@dataclass(frozen=True)
class Store:
    """An open database. `store()` returns a session for reading; `store.write()` is a context with a writing session.

    The writing session is committed when its context ends without an exception, else rolled back. `turn` is set for
    SQLite: the writing threads of a process queue up for this lock, because SQLite itself only polls whether its lock is
    free, so that some of fifty writers would wait for seconds.
    """

    reader: sessionmaker[Session]
    writer: sessionmaker[Session]
    turn: "threading.Lock | None" = None

    def __call__(self) -> Session:
        return self.reader()

    @contextmanager
    def write(self) -> Iterator[Session]:
        has_turn = self.turn is not None and self.turn.acquire(timeout=BUSY_SECONDS)
        try:
            with self.writer.begin() as session:
                yield session
        finally:
            if self.turn is not None and has_turn:
                self.turn.release()

    def close(self) -> None:
        for maker in (self.reader, self.writer):
            maker.kw["bind"].dispose()


def open_store(settings: settings_module.Settings) -> Store:
    """Open the database of these settings; create it, or back it up and migrate it, if needed.

    Raises `StudyError` if the folder cannot be created or the database cannot be opened.
    """
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(
            f"The folder {settings.home} cannot be created: {error.strerror}. Set LITMUS_HOME to another folder."
        ) from error
    try:
        writer = make_engine(settings.database_url, immediate=True)
        migrate.upgrade(writer, lock=settings.home / "migrate.lock", backups=settings.backups)
    except (sqlalchemy.exc.ArgumentError, ValueError) as error:
        raise StudyError(
            "LITMUS_DATABASE is not the URL of a database. Write sqlite:///FILE or postgresql://..."
        ) from error
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, OSError) as error:
        where = make_url(settings.database_url).render_as_string(hide_password=True)
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise StudyError(f"The database {where} cannot be opened: {reason}. Check LITMUS_DATABASE.") from error
    is_file = writer.dialect.name == "sqlite"
    reader = make_engine(settings.database_url, immediate=False) if is_file else writer
    turn = threading.Lock() if is_file else None
    return Store(reader=_maker(reader), writer=_maker(writer), turn=turn)


def make_engine(url: str, *, immediate: bool) -> Engine:
    """An engine for SQLite or PostgreSQL; with `immediate`, every SQLite transaction takes the write lock at its beginning.

    Raises `StudyError` for an SQLite database in memory.
    """
    if not url.startswith("sqlite"):
        return sqlalchemy.create_engine(_with_psycopg(url), pool_pre_ping=True, pool_size=30, max_overflow=20)
    path = make_url(url).database
    if path in (None, "", ":memory:"):
        raise StudyError("LITMUS_DATABASE names an SQLite database in memory; a file is needed. Write sqlite:///FILE.")
    Path(str(path)).parent.mkdir(parents=True, exist_ok=True)
    engine = sqlalchemy.create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin_immediate if immediate else _begin)
    return engine


def _maker(engine: Engine) -> sessionmaker[Session]:
    return sessionmaker(engine, expire_on_commit=False)


def _with_psycopg(url: str) -> str:
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def _set_pragmas(connection: Any, _record: Any) -> None:
    connection.isolation_level = (
        None  # no BEGIN by the driver, which would be deferred: the event handlers below begin transactions
    )
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: sqlalchemy.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: sqlalchemy.Connection) -> None:
    connection.exec_driver_sql("BEGIN")
