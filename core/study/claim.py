"""Locks across processes: one process at a time may spend on an arm or on a campaign."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from filelock import FileLock, Timeout
from sqlalchemy import Engine, text

from core.study.store import Store

POLL_S = 1.0


class Kind(Enum):
    """The work that a lock protects, with the first key of its advisory lock on PostgreSQL.

    `FILL` protects the texts and judgements of an arm, `TRY` the tried calls of an arm, `RATE` the LLM raters of a
    campaign. Locks of different kinds never block each other, also when their row ids are equal.
    """

    FILL = 0x117
    TRY = 0x118
    RATE = 0x119


FILE_PARTS = {Kind.FILL: "generate", Kind.TRY: "try", Kind.RATE: "rate"}


@dataclass(frozen=True)
class Claim:
    """The right to do one kind of work on one row: `row_id` is the id of an arm, for `Kind.RATE` of a campaign."""

    kind: Kind
    row_id: int


@contextmanager
def one_at_a_time(store: Store, claim: Claim, *, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold a claim inside the block; call `waiting` about once a second while another process holds the claim.

    The claim is a file lock beside an SQLite database and an advisory lock on PostgreSQL. The operating system or the
    server frees the lock when the process that holds the lock dies.
    """
    engine: Engine = store.writer.kw["bind"]
    lock = _file_lock if engine.dialect.name == "sqlite" else _advisory_lock
    with lock(engine, claim, waiting):
        yield


@contextmanager
def _file_lock(engine: Engine, claim: Claim, waiting: Callable[[], None]) -> Iterator[None]:
    lock = FileLock(f"{engine.url.database}.{FILE_PARTS[claim.kind]}-{claim.row_id}.lock")
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
def _advisory_lock(engine: Engine, claim: Claim, waiting: Callable[[], None]) -> Iterator[None]:
    keys = {"kind": claim.kind.value, "row": claim.row_id}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not connection.scalar(text("SELECT pg_try_advisory_lock(:kind, :row)"), keys):
            waiting()
            time.sleep(POLL_S)
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:kind, :row)"), keys)
