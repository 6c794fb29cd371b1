"""One at a time, across processes: a second generation of an arm waits, then finds the slots already answered."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout
from sqlalchemy import Engine, text

from core.study.store import Store

FILLING, TRYING = 0x117, 0x118
NAMES = {FILLING: "generate", TRYING: "try"}
POLL_S = 1.0


@contextmanager
def one_at_a_time(store: Store, *, arm_id: int, waiting: Callable[[], None], family: int = FILLING) -> Iterator[None]:
    """Hold an arm for its generation, or for tries of its prompts; call `waiting` about once a second while another does.

    The system frees the lock when its holder dies: a file lock beside an SQLite database, an advisory lock on
    PostgreSQL.
    """
    engine: Engine = store.writer.kw["bind"]
    holder = _file_lock if engine.dialect.name == "sqlite" else _advisory_lock
    with holder(engine, family, arm_id, waiting):
        yield


@contextmanager
def _file_lock(engine: Engine, family: int, arm_id: int, waiting: Callable[[], None]) -> Iterator[None]:
    lock = FileLock(f"{engine.url.database}.{NAMES[family]}-{arm_id}.lock")
    while True:
        try:
            lock.acquire(timeout=POLL_S)
            break
        except Timeout:
            waiting()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _advisory_lock(engine: Engine, family: int, arm_id: int, waiting: Callable[[], None]) -> Iterator[None]:
    names = {"family": family, "arm": arm_id}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not connection.scalar(text("SELECT pg_try_advisory_lock(:family, :arm)"), names):
            waiting()
            time.sleep(POLL_S)
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:family, :arm)"), names)
