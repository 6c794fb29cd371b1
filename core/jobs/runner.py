"""The runner: one small process beside the app that starts jobs, stops them and takes up what vanished.

    python -m core.jobs.runner [--idle SECONDS]

It outlives the app, and jobs outlive it: everything it knows is in the rows, so the next runner goes on with the same
processes. A lock file keeps it single on a machine, an advisory lock besides on PostgreSQL, where several machines may
share one database.
"""

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import sqlalchemy
from filelock import FileLock, Timeout
from sqlalchemy.exc import OperationalError

from core import settings as settings_module
from core.errors import StudyError
from core.jobs import local, queue, transitions
from core.jobs.local import Backend, Local, Verdict
from core.settings import Settings
from core.study import store as store_module
from core.study.rows.kinds import JobState, Slot
from core.study.rows.study import Job
from core.study.store import Store

IDLE_SECONDS = 60.0
TICK_SECONDS = 0.5
LOCK_SECONDS = 3.0
OUTAGE_SECONDS = 600.0
BATCH = 8
ADVISORY = 0x4C69746D7573


def ensure(settings: Settings, *, idle: float = IDLE_SECONDS) -> None:
    """Start a runner in the background unless one holds the lock; costs one try of a file lock when one does."""
    try:
        settings.logs.mkdir(parents=True, exist_ok=True)
        with _lock(settings, timeout=0):
            pass
    except Timeout:
        return
    with (settings.logs / "runner.log").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "core.jobs.runner", "--idle", str(idle)],
            cwd=local.ROOT, env=local.child_environment(settings, os.environ), stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    threading.Thread(target=child.wait, name="reap runner", daemon=True).start()


def serve(settings: Settings, *, idle: float, tick: float = TICK_SECONDS) -> None:
    """Look after the jobs until there has been nothing to do for `idle` seconds; return at once when another runner does.

    A job that is paused until some time is waited for when that is less than a day away.

    A job queued while the lock is being given back is seen by the check that follows, so it is never left waiting: it
    was stored before its `ensure` found the lock taken. A database outage of up to ten minutes is sat out.
    """
    store = store_module.open_store(settings)
    backends: Mapping[str, Backend] = {"local": Local(settings, os.environ)}
    while True:
        try:
            with _alone(settings, store) as check:
                if check is None:
                    return
                _work(store, backends, check=check, idle=idle, tick=tick)
            with store() as session:
                if not queue.awaits_runner(session, now=time.time()):
                    return
        except OperationalError as error:
            _note(f"the database is away: {str(error.orig).splitlines()[0]}")
            _wait_for_database(store)


def step(store: Store, backends: Mapping[str, Backend], *, now: float) -> bool:
    """One round: look after started jobs, wake paused ones, and start queued ones where there is room.

    False when there is nothing to wait for.
    """
    with store() as session:
        started = transitions.held(session)
        due = transitions.due(session, now=now)
    for job in started:
        if job.backend in backends:
            _look_after(store, backends[job.backend], job, now)
    if due:
        with store.write() as session:
            _note(f"jobs {transitions.wake(session, now=now)} go on after their pause")
    for name, backend in backends.items():
        for slot in Slot:
            _start_waiting(store, backend, name=name, slot=slot)
    with store() as session:
        return queue.awaits_runner(session, now=now)


def _look_after(store: Store, backend: Backend, job: Job, now: float) -> None:
    if backend.poll(job, now=now) == Verdict.GONE:
        with store.write() as session:
            state = transitions.lost(session, job, now=now)
        if state is not None:
            _note(f"job {job.id}, attempt {job.attempt}: its process is gone while {job.state}; now {state}")
    elif job.cancel_requested or job.pause_requested:
        backend.stop(job, now=now)


def _start_waiting(store: Store, backend: Backend, *, name: str, slot: Slot) -> None:
    with store() as session:
        waiting = transitions.waiting(session, backend=name, slot=slot, limit=BATCH)
        held = transitions.held(session) if waiting else []
    for job in waiting:
        try:
            place = backend.room(job, held)
        except StudyError as error:
            _refuse(store, job, str(error))
            continue
        if place is None:
            return
        with store.write() as session:
            claimed = transitions.claim(session, job, place=place, now=time.time())
        if claimed is not None:
            held.append(claimed)
            _start(store, backend, claimed)


def _start(store: Store, backend: Backend, job: Job) -> None:
    """Start a claimed job. If that fails or this process dies here, the job is taken up again as a vanished one."""
    try:
        handle = backend.start(job)
    except OSError as error:
        _note(f"job {job.id}, attempt {job.attempt} could not be started: {error}")
        return
    with store.write() as session:
        transitions.note_handle(session, job, handle)
    _note(f"job {job.id}, attempt {job.attempt} started: {handle}")


def _refuse(store: Store, job: Job, error: str) -> None:
    changes = {"error": error, "finished_at": time.time()}
    with store.write() as session:
        queue.move(session, job.id, attempt=job.attempt, frm=(JobState.QUEUED,), to=JobState.FAILED, changes=changes)


def _work(
    store: Store, backends: Mapping[str, Backend], *, check: Callable[[], object], idle: float, tick: float
) -> None:
    active_at = time.monotonic()
    while time.monotonic() - active_at < idle:
        check()
        if step(store, backends, now=time.time()):
            active_at = time.monotonic()
        time.sleep(tick)


def _wait_for_database(store: Store) -> None:
    deadline = time.monotonic() + OUTAGE_SECONDS
    while True:
        time.sleep(1)
        try:
            with store() as session:
                session.execute(sqlalchemy.text("SELECT 1"))
                return
        except OperationalError:
            if time.monotonic() > deadline:
                raise


@contextmanager
def _alone(settings: Settings, store: Store) -> Iterator[Callable[[], object] | None]:
    """Hold the runner's locks: gives a check that raises when they are lost, or None when another runner has them.

    The lock is waited for a little while: `ensure` takes it for an instant to see whether it is free.
    """
    try:
        lock = _lock(settings, timeout=LOCK_SECONDS)
        lock.acquire()
    except Timeout:
        yield None
        return
    try:
        with _alone_on_database(store) as check:
            yield check
    finally:
        lock.release()


@contextmanager
def _alone_on_database(store: Store) -> Iterator[Callable[[], object] | None]:
    engine: sqlalchemy.Engine = store.reader.kw["bind"]
    if engine.dialect.name != "postgresql":
        yield lambda: None
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.detach()  # closed for good at the end, never pooled: the lock lives as long as the connection
        taken = connection.scalar(sqlalchemy.text("SELECT pg_try_advisory_lock(:key)"), {"key": ADVISORY})
        yield partial(connection.execute, sqlalchemy.text("SELECT 1")) if taken else None


def _lock(settings: Settings, *, timeout: float) -> FileLock:
    return FileLock(settings.home / "runner.lock", timeout=timeout)


def _note(message: str) -> None:
    sys.stderr.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} runner: {message}\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m core.jobs.runner", description="Look after background jobs.")
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS, help="leave after so many seconds without a job")
    serve(settings_module.load(), idle=parser.parse_args().idle)


if __name__ == "__main__":
    main()
