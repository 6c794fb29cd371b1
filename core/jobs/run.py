"""The process of one attempt of a job: python -m core.jobs.run JOB_ID ATTEMPT [--mark MARK]

On a node of a cluster, the mark says which database the job is from, and the node's own file says where that is.

The process moves its job from `starting` to `running` (refused if the row has another attempt), runs the command of the
job in this same process, stores once a second that it is alive (the beat), and stores how the command ended. It ends
early when the row asks for that or belongs to a newer attempt. It pauses the job when an LLM endpoint asks for a long
wait. When something else stops the process, such as a machine that shuts down, the row stays as it is and the runner
queues the vanished job again.
"""

import logging
import math
import os
import runpy
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from sqlalchemy.exc import SQLAlchemyError

from core import log, stopping
from core import settings as settings_module
from core.errors import ProviderPaused, StudyError
from core.jobs import node, progress, queue, transitions
from core.jobs.backends import local
from core.jobs.transitions import Wish
from core.study import store as store_module
from core.study.rows.kinds import JobState
from core.study.rows.study import Job
from core.study.store import Store

logger = logging.getLogger("core.jobs.run")  # the module itself runs as __main__
BEAT_SECONDS = 1.0
PATIENCE_SECONDS = 300.0
PAUSED = 75
NOT_SET_UP = 78


@dataclass(frozen=True)
class End:
    """How a command ended: its exit code, the reason if it failed or has to wait, and the seconds to wait (else nan)."""

    code: int
    error: str | None = None
    wait: float = math.nan


def main(arguments: Sequence[str]) -> int:
    """Run one attempt of a job and return the exit code of this process.

    0: done. 1: failed, or the row has another attempt. 2: wrong arguments. 75: has to wait. 78: this node is not set up.
    143: stopped.
    """
    numbers, option = arguments[:2], arguments[2:]
    is_on_node = len(option) == 2 and option[0] == "--mark"
    if len(numbers) != 2 or not all(number.isdigit() for number in numbers) or (option and not is_on_node):
        sys.stderr.write("Usage: python -m core.jobs.run JOB_ID ATTEMPT [--mark MARK]\n")
        return 2
    job_id, attempt = map(int, numbers)
    signal.signal(signal.SIGTERM, _stop)
    if not is_on_node:
        local.give_way(int(os.environ.get("LITMUS_NICENESS", settings_module.NICENESS)))  # set by the runner
    try:
        store = node.open_store(os.environ, job_id, mark=option[1]) if is_on_node else _store()
    except StudyError as error:
        sys.stderr.write(f"{error}\n")
        return NOT_SET_UP
    with store.write() as session:
        handle = local.process_handle(os.getpid())
        job = transitions.begin(session, job_id, attempt=attempt, handle=handle, now=time.time())
    if job is None:
        sys.stderr.write(f"Job {job_id}: attempt {attempt} is not the one that should run now.\n")
        return 1
    is_json = settings_module.load().log == "json"
    log.use("json" if is_json else "lines", sys.stderr)
    log.begin_attempt(job_id, attempt)
    logger.info("begins: %s", " ".join(job.command[1:3] if is_json else job.command))
    os.environ[progress.VARIABLE] = f"{job_id} {attempt}"
    with _beating(store, job):
        end = _perform(job.command)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _with_retries(lambda: _write_end(store, job, end))
    logger.info("ended with exit code %d", end.code)
    return end.code


def _store() -> Store:
    return store_module.open_store(settings_module.load())


def _perform(command: list[str]) -> End:
    """Run a command in this process."""
    try:
        module, arguments = queue.split(command)
        sys.argv = [module, *arguments]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except stopping.Stopped:
        return End(stopping.STOPPED)
    except SystemExit as leaving:
        return _end_of_exit(leaving)
    except StudyError as error:
        sys.stderr.write(f"{error}\n")
        return _end_of_error(error)
    except Exception as error:  # noqa: BLE001  the outermost frame of a job
        traceback.print_exc()
        lines = str(error).strip().splitlines()
        return End(1, f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__)
    return End(0)


def _end_of_exit(leaving: SystemExit) -> End:
    """The end of a command that raised SystemExit: the `StudyError` that caused the exit, if any, says why it failed."""
    if leaving.code in (None, 0):
        return End(0)
    cause: BaseException | None = leaving
    while cause is not None:
        if isinstance(cause, StudyError):
            return _end_of_error(cause)
        cause = cause.__cause__ or cause.__context__
    if isinstance(leaving.code, str):
        return End(1, leaving.code)
    return End(1, f"The command ended with exit code {leaving.code}; the end of its log says why.")


def _end_of_error(error: StudyError) -> End:
    if isinstance(error, ProviderPaused):
        return End(PAUSED, str(error), wait=error.seconds)
    return End(1, str(error))


def _write_end(store: Store, job: Job, end: End) -> None:
    """Store how the attempt ended. A requested cancel or pause counts more than the error of a command that was stopped."""
    now = time.time()
    with store.write() as session:
        stored = queue.get(session, job.id)
        if end.code == 0:
            transitions.finish(session, job, to=JobState.DONE, error=None, now=now)
        elif stored.cancel_requested:
            transitions.finish(session, job, to=JobState.CANCELLED, error=None, now=now)
        elif stored.pause_requested:
            transitions.pause(session, job, error=None, resume_at=None)
        elif end.code == PAUSED:
            transitions.pause(session, job, error=end.error, resume_at=now + end.wait)
        elif end.code != stopping.STOPPED:
            transitions.finish(session, job, to=JobState.FAILED, error=end.error, now=now)


def _with_retries(write: Callable[[], None]) -> None:
    """Call `write` until it succeeds, for at most `PATIENCE_SECONDS`: a database may be unreachable for some minutes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return write()
        except SQLAlchemyError as error:
            if time.monotonic() > deadline:
                raise
            sys.stderr.write(f"The end of the job could not be written yet: {type(error).__name__}\n")
            time.sleep(BEAT_SECONDS)


@contextmanager
def _beating(store: Store, job: Job) -> Iterator[None]:
    ended = threading.Event()
    thread = threading.Thread(target=_beat, args=(store, job, ended), name="beat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _beat(store: Store, job: Job, ended: threading.Event) -> None:
    """Store the beat of a job every second until its command has ended, and stop the command if the row asks for that.

    Work that pauses at a point of its own is not interrupted for a pause. `local.PATIENCE` seconds after the pause, or after
    the cancel that follows it, the processes of a command that does not stop are killed. While the database cannot be
    reached, the command goes on.
    """
    wish, seen, asked_at, is_signalled = Wish.WORK, Wish.WORK, math.inf, False
    while not ended.wait(BEAT_SECONDS):
        try:
            with store.write() as session:
                wish = transitions.beat(session, job, now=time.time())
        except SQLAlchemyError as error:
            sys.stderr.write(f"The beat could not be stored: {type(error).__name__}\n")
        if wish == Wish.WORK:
            continue
        if wish != seen:
            seen, asked_at = wish, time.monotonic()
        if not is_signalled and (wish != Wish.PAUSE or not stopping.ask_to_pause()):
            is_signalled = True
            _signal_work(signal.SIGTERM)
        elif time.monotonic() - asked_at > local.PATIENCE[wish]:
            _signal_work(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
            os._exit(stopping.STOPPED)


def _signal_work(number: signal.Signals) -> None:
    """Send a signal to this process, and to the processes that it started if it leads its own process group."""
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), number)
    else:
        os.kill(os.getpid(), number)


def _stop(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise stopping.Stopped


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
