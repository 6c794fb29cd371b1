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

from core.study.rows.kinds import JobState
from core.study.rows.study import Job
from core.study.store import Store

VARIABLE = "LITMUS_JOB"
INTERVAL = 0.5
MOST_COUNTS = 20
OTHER = "other"


@dataclass(frozen=True)
class Progress:
    """`done` of `total` steps, what is being done, and further facts: numbers, and counts by name.

    Training says `loss`; generating says `cost_usd`, `tokens`, `in_flight`, `paused_s` and `rejected`, by reason.
    """

    done: int
    total: int
    message: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


def reporter(store: Store, environ: Mapping[str, str] | None = None) -> Callable[[Progress], None]:
    """What a step calls to say how far it is. Outside a job it does nothing.

    A row is written at most about twice a second; a report that comes sooner waits for its turn and gives way to a
    newer one, so the last one is always written. The row then holds `done`, `total`, `message`, `started_at` and `at`
    (seconds since 1970), `done_at_start` (where this attempt took up the work) and the extra facts. What is neither a
    finite number nor a mapping of such is left out. Of counts by name the 19 largest keep theirs; the rest is `other`.
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
    if job.state != JobState.RUNNING or not at or at["started_at"] < (job.started_at or 0):
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
    counts = {name: _counts(value) for name, value in progress.extra.items() if isinstance(value, Mapping)}
    return _numbers(progress.extra) | counts


def _counts(found: Mapping[str, Any]) -> dict[str, float]:
    """Counts by name, the largest first and at most `MOST_COUNTS` of them."""
    ranked = sorted(_numbers(found).items(), key=lambda pair: -pair[1])
    if len(ranked) <= MOST_COUNTS:
        return dict(ranked)
    shown, rest = dict(ranked[: MOST_COUNTS - 1]), sum(n for _, n in ranked[MOST_COUNTS - 1 :])
    return shown | {OTHER: shown.get(OTHER, 0.0) + rest}


def _numbers(found: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: float(value) for name, value in found.items() if isinstance(value, int | float) and math.isfinite(value)
    }
