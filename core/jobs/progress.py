"""How far a job has come: written by the step that works, read by pages and commands."""

import math
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from core.study.records import Job, JobState
from core.study.store import Store

VARIABLE = "LITMUS_JOB"
INTERVAL = 0.5


@dataclass(frozen=True)
class Progress:
    """`done` of `total` steps, what is being done, and further numbers such as the loss."""

    done: int
    total: int
    message: str = ""
    extra: dict[str, float] = field(default_factory=dict)


def reporter(store: Store, environ: Mapping[str, str] | None = None) -> Callable[[Progress], None]:
    """What a step calls to say how far it is. Outside a job it does nothing.

    A row is written at most about twice a second; a report that comes sooner waits for its turn and gives way to a
    newer one, so the last one is always written. The row then holds `done`, `total`, `message`, `started_at` and `at`
    (seconds since 1970), `done_at_start` (where this attempt took up the work) and the extra numbers. An extra that is
    not finite is left out: JSON has no word for it.
    """
    mine = job_in(os.environ if environ is None else environ)
    return (lambda _progress: None) if mine is None else _Reporter(store, job_id=mine[0], attempt=mine[1])


def job_in(environ: Mapping[str, str]) -> tuple[int, int] | None:
    """Number and attempt of the job this process runs in; None outside a job."""
    job_id, _, attempt = environ.get(VARIABLE, "").partition(" ")
    return (int(job_id), int(attempt)) if job_id and attempt else None


def rate_and_left(job: Job, now: float) -> tuple[float, float]:
    """Steps per second in this attempt, and the seconds left at that rate; nan where unknown or not running."""
    at = job.progress
    if job.state != JobState.RUNNING or not at:
        return math.nan, math.nan
    gained, elapsed = at["done"] - at["done_at_start"], at["at"] - at["started_at"]
    if gained <= 0 or elapsed <= 0:
        return math.nan, math.nan
    rate = gained / elapsed
    return rate, max(0.0, (at["total"] - at["done"]) / rate - max(0.0, now - at["at"]))


class _Reporter:
    """Holds the newest report until it may be written."""

    def __init__(self, store: Store, *, job_id: int, attempt: int) -> None:
        self.store, self.job_id, self.attempt = store, job_id, attempt
        self.lock = threading.Lock()
        self.first: dict[str, Any] | None = None
        self.newest: dict[str, Any] | None = None
        self.written_at = -math.inf
        self.timer: threading.Timer | None = None

    def __call__(self, progress: Progress) -> None:
        now = time.time()
        with self.lock:
            if self.first is None:
                self.first = {"started_at": now, "done_at_start": progress.done}
            self.newest = _extra(progress) | {
                "done": progress.done, "total": progress.total, "message": progress.message, "at": now, **self.first,
            }  # fmt: skip
            wait = self.written_at + INTERVAL - time.monotonic()
            if wait <= 0 or progress.done >= progress.total > 0:
                self._write()
            elif self.timer is None:
                self.timer = threading.Timer(wait, self._write_later)
                self.timer.start()

    def _write_later(self) -> None:
        with self.lock:
            self.timer = None
            self._write()

    def _write(self) -> None:
        if self.newest is None:
            return
        change = update(Job).where(
            Job.id == self.job_id, Job.attempt == self.attempt, Job.state.not_in((JobState.QUEUED, JobState.STARTING))
        )
        try:
            with self.store.write() as session:
                session.execute(change.values(progress=self.newest).execution_options(synchronize_session=False))
        except SQLAlchemyError:
            return  # the work matters more than its display; the next report is written instead
        self.newest = None
        self.written_at = time.monotonic()


def _extra(progress: Progress) -> dict[str, Any]:
    return {name: float(value) for name, value in progress.extra.items() if math.isfinite(value)}
