"""Where studies are kept: SQLite or PostgreSQL behind one pair of session makers.

On SQLite a writing session takes the lock at once (BEGIN IMMEDIATE): a transaction that reads before it writes would
otherwise fail as soon as two writers meet. Reading sessions begin plainly, so that they never wait for a writer.
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

BUSY_SECONDS = 30
# For `with_for_update`: a lock on a row that does not clash with the foreign keys of new rows that point to it, so that
# two transactions that write such rows before they lock do not wait for each other.
ONE_AT_A_TIME = {"key_share": True}
PRAGMAS = ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")


@dataclass(frozen=True)
class Store:
    """`store()` gives a session to read with; `store.write()` one whose changes are committed when it closes well.

    `turn` is given for SQLite: threads of one process wait for it in turn, because SQLite's own waiting looks only now
    and then whether the lock is free, and among fifty writers some then wait for seconds.
    """

    reader: sessionmaker[Session]
    writer: sessionmaker[Session]
    turn: "threading.Lock | None" = None

    def __call__(self) -> Session:
        return self.reader()

    @contextmanager
    def write(self) -> Iterator[Session]:
        is_mine = self.turn is not None and self.turn.acquire(timeout=BUSY_SECONDS)
        try:
            with self.writer.begin() as session:
                yield session
        finally:
            if self.turn is not None and is_mine:
                self.turn.release()

    def close(self) -> None:
        for maker in (self.reader, self.writer):
            maker.kw["bind"].dispose()


def open_store(settings: settings_module.Settings) -> Store:
    """The store of these settings, created or migrated (with a backup first) when needed.

    Raises `StudyError` when the database cannot be reached.
    """
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(
            f"The folder {settings.home} cannot be made: {error.strerror}. Set LITMUS_HOME to another."
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
    """An engine for SQLite or PostgreSQL; `immediate` makes every SQLite transaction take the write lock at once."""
    if not url.startswith("sqlite"):
        return sqlalchemy.create_engine(_with_psycopg(url), pool_pre_ping=True, pool_size=30, max_overflow=20)
    path = make_url(url).database
    if path in (None, "", ":memory:"):
        raise StudyError("LITMUS_DATABASE needs a file: sqlite:///FILE.")
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
    connection.isolation_level = None  # the driver's own BEGIN is deferred; ours below is not
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: sqlalchemy.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: sqlalchemy.Connection) -> None:
    connection.exec_driver_sql("BEGIN")
