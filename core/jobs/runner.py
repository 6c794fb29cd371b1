"""The runner: a process beside the app that starts queued jobs, stops jobs, and queues vanished jobs again.

    python -m core.jobs.runner [--idle SECONDS]

The runner outlives the app, and jobs outlive the runner: its whole state is in the rows of the jobs, so that the next
runner continues with the same processes. A lock file allows one runner on a machine; on PostgreSQL, whose database
several machines may share, an advisory lock allows one runner for the database.
"""

import argparse
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import sqlalchemy
from filelock import FileLock, Timeout
from sqlalchemy.exc import OperationalError

from core import log
from core import settings as settings_module
from core.errors import StudyError
from core.jobs import queue, transitions
from core.jobs.backends import choice, local
from core.jobs.backends.backend import Backend, Verdict
from core.settings import Settings
from core.study import store as store_module
from core.study.rows.kinds import JobState, Slot
from core.study.rows.study import Job
from core.study.store import Store

logger = logging.getLogger("core.jobs.runner")  # the module itself runs as __main__
IDLE_SECONDS = 60.0
TICK_SECONDS = 0.5
LOCK_SECONDS = 3.0
OUTAGE_SECONDS = 600.0
BATCH = 8
OLDER = "If that is done, start the dashboard again: the runner of jobs has older settings."
ADVISORY = 0x4C69746D7573
_started: dict[Path, "subprocess.Popen[bytes]"] = {}  # home -> the runner that this process started last


def ensure(settings: Settings, *, idle: float = IDLE_SECONDS) -> None:
    """Start a runner in the background if no runner holds the lock; cheap if a runner works already.

    A runner that this process has started and that is still starting counts as one that works: on a busy machine that takes
    seconds, in which a waiting command asks for a runner again and again. One that has held the lock and gave it up is
    ending, and sees no job that is queued from then on: another is started.
    """
    try:
        settings.logs.mkdir(parents=True, exist_ok=True)
        with _lock(settings, timeout=0):
            pass
    except Timeout:
        return
    last = _started.get(settings.home)
    if last is not None and last.poll() is None and not _has_begun(settings, last.pid):
        return
    _launch(settings, idle)


def replace(settings: Settings, *, idle: float = IDLE_SECONDS) -> None:
    """Ask the runner that works, if any, to end, and start one with the settings and the environment of this process.

    A runner and the jobs that it starts keep the environment in which it was started, and a long job keeps the runner. Jobs
    that run go on, and the next runner takes them up. Only the dashboard calls this function, once at its start: runners of
    a dashboard and of a terminal with different keys would otherwise replace one another again and again. Where nothing can be
    written, the runner stays.
    """
    with suppress(OSError):
        if not _begun(settings).exists():
            return
        try:
            with _lock(settings, timeout=0):
                return
        except Timeout:
            _asked_to_end(settings).write_text(_begun(settings).read_text(encoding="utf-8"), encoding="utf-8")
            _launch(settings, idle)


def _launch(settings: Settings, idle: float) -> None:
    settings.logs.mkdir(parents=True, exist_ok=True)
    with (settings.logs / "runner.log").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "core.jobs.runner", "--idle", str(idle)],
            cwd=local.ROOT, env=local.child_environment(settings, os.environ), stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    _started[settings.home] = child
    threading.Thread(target=child.wait, name="reap runner", daemon=True).start()


def serve(settings: Settings, *, idle: float, tick: float = TICK_SECONDS) -> None:
    """Start and stop jobs until no job has needed a runner for `idle` seconds; return at once if another runner works.

    Paused jobs that are due within a day count as needing a runner, jobs of backends that this runner lacks do not. The
    queue is read once more after the lock is released, so that a job that was queued just before the release is not left
    waiting. While the database cannot be reached, the runner waits for at most ten minutes, then raises the error.
    """
    store = store_module.open_store(settings)
    backends = choice.offered(settings, os.environ)
    while True:
        try:
            with _alone(settings, store) as check:
                if check is None:
                    return
                if not _work(store, backends, settings=settings, check=check, idle=idle, tick=tick):
                    return
            with store() as session:
                if not queue.awaits_runner(session, now=time.time(), backends=backends):
                    return
        except OperationalError as error:
            _note(f"the database cannot be reached: {str(error.orig).splitlines()[0]}")
            _wait_for_database(store)


def step(store: Store, backends: Mapping[str, Backend], *, now: float) -> bool:
    """One round: check the started jobs, queue the paused jobs that are due, and start queued jobs if slots are free.

    Return whether a runner with these backends is still needed.
    """
    with store() as session:
        started = transitions.held(session)
        due = transitions.due(session, now=now)
    for job in started:
        if job.backend in backends:
            _check(store, backends[job.backend], job, now)
    if due:
        with store.write() as session:
            _note(f"jobs {transitions.wake(session, now=now)} are queued again after their pause")
    _note_strangers(store, backends)
    for name, backend in backends.items():
        for slot in Slot:
            _start_waiting(store, backend, name=name, slot=slot)
    with store() as session:
        return queue.awaits_runner(session, now=now, backends=backends)


def _check(store: Store, backend: Backend, job: Job, now: float) -> None:
    verdict = backend.poll(job, now=now)
    if verdict != Verdict.RUNNING:
        reason = _last_words(backend, job)
        with store.write() as session:
            state = transitions.lost(session, job, now=now, reason=reason, unplaced=verdict == Verdict.UNPLACED)
        if state is not None:
            _note(f"the process is gone while {job.state}; now {state}.", job, words=reason)
    elif job.cancel_requested or job.pause_requested:
        backend.stop(job, now=now)


def _last_words(backend: Backend, job: Job) -> str:
    """Why a job is gone, as far as it is known: the error of its start, or the last line of its log, else ""."""
    if "refused" in job.handle:
        return str(job.handle["refused"])
    with suppress(StudyError):
        return (backend.log(job, lines=1).strip())[:500]
    return ""


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
    """Start a claimed job. If the start fails or this process dies here, the job is treated as a vanished job."""
    try:
        handle = backend.start(job)
    except (OSError, StudyError) as error:
        _note("the job could not be started.", job, words=str(error))
        handle = job.handle | {"refused": str(error)[:500]}
    with store.write() as session:
        transitions.note_handle(session, job, handle)
    if "refused" not in handle:
        _note(f"started: {handle}", job)


def _note_strangers(store: Store, backends: Mapping[str, Backend]) -> None:
    """Note what queued jobs of backends that this runner lacks wait for; fail those of backends that nobody knows.

    A process with other settings may have set the backend up, and the runner that it starts runs the job.
    """
    with store() as session:
        strangers = transitions.waiting_elsewhere(session, backends=backends)
    for job in strangers:
        error = choice.missing(job.backend)
        if job.backend not in choice.TITLES:
            _refuse(store, job, error)
        elif job.error != f"{error} {OLDER}":
            with store.write() as session:
                transitions.note_obstacle(session, job, f"{error} {OLDER}")


def _refuse(store: Store, job: Job, error: str) -> None:
    changes = {"error": error, "finished_at": time.time()}
    with store.write() as session:
        queue.move(session, job.id, attempt=job.attempt, frm=(JobState.QUEUED,), to=JobState.FAILED, changes=changes)


def _work(
    store: Store, backends: Mapping[str, Backend], *, settings: Settings, check: Callable[[], object], idle: float,
    tick: float,
) -> bool:  # fmt: skip
    """Do rounds until no job has needed a runner for `idle` seconds, one round at least; False if asked to end before."""
    active_at = time.monotonic()
    while True:
        check()
        if _is_asked_to_end(settings):
            _note("another runner takes over, with newer settings")
            return False
        if step(store, backends, now=time.time()):
            active_at = time.monotonic()
        elif time.monotonic() - active_at >= idle:
            return True
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
    """A context that holds the locks of the runner; its value is None if another runner holds a lock.

    Else the value is a function that raises an error if a lock was lost. The file lock is waited for during
    `LOCK_SECONDS`, since `ensure` takes it for an instant to see whether it is free.
    """
    try:
        lock = _lock(settings, timeout=LOCK_SECONDS)
        lock.acquire()
    except Timeout:
        yield None
        return
    try:
        _begun(settings).write_text(str(os.getpid()), encoding="utf-8")
        _asked_to_end(settings).unlink(missing_ok=True)  # whatever it says was meant for a runner before
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
        connection.detach()  # closed at the end and not pooled: the lock lives as long as the connection
        is_locked = connection.scalar(sqlalchemy.text("SELECT pg_try_advisory_lock(:key)"), {"key": ADVISORY})
        yield partial(connection.execute, sqlalchemy.text("SELECT 1")) if is_locked else None


def _begun(settings: Settings) -> Path:
    """The file with the process number of the runner that took the lock last."""
    return settings.home / "runner.pid"


def _asked_to_end(settings: Settings) -> Path:
    """The file with the process number of the runner that is asked to end."""
    return settings.home / "runner-to-end.pid"


def _is_asked_to_end(settings: Settings) -> bool:
    try:
        is_asked = _asked_to_end(settings).read_text(encoding="utf-8") == str(os.getpid())
    except FileNotFoundError:
        return False
    if is_asked:
        _asked_to_end(settings).unlink(missing_ok=True)
    return is_asked


def _has_begun(settings: Settings, pid: int) -> bool:
    try:
        return _begun(settings).read_text(encoding="utf-8") == str(pid)
    except FileNotFoundError:
        return False


def _lock(settings: Settings, *, timeout: float) -> FileLock:
    return FileLock(settings.home / "runner.lock", timeout=timeout)


def _note(message: str, job: Job | None = None, *, words: str = "") -> None:
    """Log a message; `words` may quote a job's output, so they stand in a log for people only."""
    attempt = "" if job is None else f"{job.id}.{job.attempt}"
    logger.info("runner: %s", message, extra={"job": attempt, "words": words})


def main() -> None:
    """Run the runner from a terminal, until no job has been left for `--idle` seconds."""
    parser = argparse.ArgumentParser(prog="python -m core.jobs.runner", description="Start and stop background jobs.")
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS, help="end after this many seconds without a job")
    idle, settings = parser.parse_args().idle, settings_module.load()
    log.use(settings.log or "lines", sys.stderr)
    serve(settings, idle=idle)


if __name__ == "__main__":
    main()
