"""Open the database of studies (SQLite or PostgreSQL), with sessions for reading and for writing.

On SQLite a writing session takes the write lock at its beginning (BEGIN IMMEDIATE); otherwise a transaction that reads
before it writes would fail as soon as two writers meet. A reading session takes no lock, so that it never waits.
"""

import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Engine, event, make_url
from sqlalchemy.orm import ORMExecuteState, Session, sessionmaker

from core import database_faults as faults
from core import settings as settings_module
from core.errors import StudyError
from core.study import migrate
from core.study.rows import sessions, study  # noqa: F401  (a foreign key is resolved only if both modules are loaded)

BUSY_SECONDS, REFUSED_SECONDS = 30, 5
PATIENCE = "patience_s"  # the execution option with the seconds to wait for a lock
OWNER_ONLY, HOME_MODE = 0o600, 0o700
# Argument of `with_for_update`: a row lock that does not conflict with foreign keys of new rows that refer to the row, so
# that two transactions that insert such rows before they take the lock do not wait for each other.
ONE_AT_A_TIME = {"key_share": True}
PRAGMAS = ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")


@dataclass(frozen=True)
class Store:
    """An open database. `store()` returns a session for reading; `store.write()` is a context with a writing session.

    The writing session is committed when its context ends without an exception, else rolled back. `turn` is set for
    SQLite: the writing threads of a process queue up for this lock, because SQLite itself only polls whether its lock is
    free, so that some of fifty writers would wait for seconds. `file` is the file of SQLite: a session cannot begin, and a
    write is not acknowledged, if the file at its path is no longer the file that was opened.
    """

    reader: sessionmaker[Session]
    writer: sessionmaker[Session]
    turn: "threading.Lock | None" = None
    file: "faults.OpenFile | None" = None

    def __call__(self) -> Session:
        return self.reader()

    @contextmanager
    def write(self, *, patience_s: float = BUSY_SECONDS) -> Iterator[Session]:
        """A writing session; it waits at most `patience_s` for its turn, and as long for a lock of another process."""
        has_turn = self.turn is not None and self.turn.acquire(timeout=patience_s)
        try:
            bind = self.writer.kw["bind"].execution_options(**{PATIENCE: patience_s})
            with self.writer(bind=bind) as session, session.begin():
                yield session
            if self.file is not None:
                self.file.check()
        finally:
            if self.turn is not None and has_turn:
                self.turn.release()

    def close(self) -> None:
        for maker in (self.reader, self.writer):
            maker.kw["bind"].dispose()


class ReadOnly(StudyError):
    """A visitor who may only look asked for a change; nothing was stored."""


@dataclass(frozen=True)
class ReadOnlyStore(Store):
    """A store for visitors who may only look: every session refuses changes with `ReadOnly`, whoever asks for them."""

    def __call__(self) -> Session:
        session = self.reader()
        event.listen(session, "before_flush", _refuse)
        event.listen(session, "do_orm_execute", _refuse_statement)
        return session

    @contextmanager
    def write(self, *, patience_s: float = BUSY_SECONDS) -> Iterator[Session]:
        del patience_s
        _refuse()
        yield self()


def read_only(store: Store) -> ReadOnlyStore:
    """The same database for visitors who may only look."""
    return ReadOnlyStore(reader=store.reader, writer=store.reader, turn=store.turn, file=store.file)


def _refuse(*_what: Any) -> None:
    raise ReadOnly("This is a read-only view: nothing can be changed here. Sign in as an organiser to make changes.")


def _refuse_statement(asked: ORMExecuteState) -> None:
    if not asked.is_select:
        _refuse()


def open_store(settings: settings_module.Settings) -> Store:
    """Open the database of these settings; create it, or back it up and migrate it, if needed.

    Raises `StudyError` if the folder cannot be created or the database cannot be opened.
    """
    try:
        settings.home.mkdir(mode=HOME_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(
            f"The folder {settings.home} cannot be created: {error.strerror}. Set LITMUS_HOME to another folder."
        ) from error
    try:
        writer = make_engine(settings.database_url, immediate=True)
        with suppress(OSError):
            _keep_private(settings)
        migrate.upgrade(writer, lock=settings.home / "migrate.lock", backups=settings.backups)
    except (sqlalchemy.exc.ArgumentError, ValueError) as error:
        raise StudyError(
            "LITMUS_DATABASE is not the URL of a database. Write sqlite:///FILE or postgresql://..."
        ) from error
    except faults.StoreFault as error:
        if not settings.database_url.startswith("sqlite"):
            raise _unreachable(settings, error) from error
        raise
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, OSError) as error:
        raise _unreachable(settings, error) from error
    is_file = writer.dialect.name == "sqlite"
    reader = make_engine(settings.database_url, immediate=False) if is_file else writer
    file = faults.opened(writer)
    if file is not None:
        file.watch(writer)
        file.watch(reader)
    turn = threading.Lock() if is_file else None
    return Store(reader=_maker(reader), writer=_maker(writer), turn=turn, file=file)


def _unreachable(settings: settings_module.Settings, error: Exception) -> StudyError:
    where = make_url(settings.database_url).render_as_string(hide_password=True)
    reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    return StudyError(f"The database {where} cannot be opened: {reason}. Check LITMUS_DATABASE.")


def _keep_private(settings: settings_module.Settings) -> None:
    """Let only the owner enter the home and read its database and keys; a home of an earlier version is mended.

    Only a folder that holds a database of Litmus, or nothing yet, is changed, and only if it belongs to this user.
    """
    is_file = settings.database_url.startswith("sqlite")
    file = Path(str(make_url(settings.database_url).database)) if is_file else None
    if os.name != "posix" or settings.home.stat().st_uid != os.geteuid():
        return
    is_home = (settings.home / "litmus.db").is_file() or not any(settings.home.iterdir())
    if is_home and stat.S_IMODE(settings.home.stat().st_mode) != HOME_MODE:
        settings.home.chmod(HOME_MODE)
    if file is not None and file.parent == settings.home:
        with suppress(FileExistsError):
            os.close(os.open(file, os.O_CREAT | os.O_EXCL, OWNER_ONLY))
    for path in [*settings.home.glob("litmus.db*"), *settings.home.glob("*.key")]:
        if stat.S_IMODE(path.stat().st_mode) & ~OWNER_ONLY:
            path.chmod(OWNER_ONLY)


def make_engine(url: str, *, immediate: bool) -> Engine:
    """An engine for SQLite or PostgreSQL; with `immediate`, every SQLite transaction takes the write lock at its beginning.

    Raises `StudyError` for an SQLite database in memory.
    """
    if not url.startswith("sqlite"):
        server = sqlalchemy.create_engine(
            _with_psycopg(url), pool_pre_ping=True, pool_size=30, max_overflow=20, hide_parameters=True
        )
        faults.explain(server)
        return server
    path = make_url(url).database
    if path in (None, "", ":memory:"):
        raise StudyError("LITMUS_DATABASE names an SQLite database in memory; a file is needed. Write sqlite:///FILE.")
    Path(str(path)).parent.mkdir(parents=True, exist_ok=True)
    engine = sqlalchemy.create_engine(
        url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}, hide_parameters=True
    )
    faults.explain(engine)
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
        _once_unlocked(connection, f"PRAGMA {pragma}")


def _once_unlocked(connection: Any, statement: str) -> None:
    """Execute a statement; where SQLite refuses at once instead of waiting, as when others change the journal, try again."""
    until = time.monotonic() + REFUSED_SECONDS
    while True:
        try:
            connection.execute(statement)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


def _begin_immediate(connection: sqlalchemy.Connection) -> None:
    patience_s = connection.get_execution_options().get(PATIENCE, BUSY_SECONDS)
    connection.exec_driver_sql(f"PRAGMA busy_timeout={round(1000 * patience_s)}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: sqlalchemy.Connection) -> None:
    connection.exec_driver_sql("BEGIN")
