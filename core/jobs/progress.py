"""The progress of a job: written by the working step, read by pages and commands."""

import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from core.study.rows.kinds import JobState
from core.study.rows.study import Job
from core.study.store import Store

VARIABLE = "LITMUS_JOB"
INTERVAL = 0.5
MARK_SECONDS, MARKS = 30.0, 5  # the recent rate is that since the oldest of so many marks, set so many seconds apart
MOST_COUNTS = 20
OTHER = "other"


@dataclass(frozen=True)
class Progress:
    """A report of progress: `done` of `total` steps, a message, and further numbers or counts by name in `extra`.

    Work that survives a kill is reported as `kept`, in any unit: steps in a checkpoint, stored texts or answers. Training
    reports `loss` and, in a run that went on from a checkpoint, its step `resumed_at`; generation reports `cost_usd`,
    `tokens`, `in_flight`, `paused_s` and `rejected` by reason.
    """

    done: int
    total: int
    message: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


def reporter(store: Store, environ: Mapping[str, str] | None = None) -> Callable[[Progress], None]:
    """A function that stores progress in the row of the job of this process; outside a job it does nothing.

    The row is written at most about twice a second. A report that comes sooner waits and is replaced by any newer
    report, so the last report is always written. `Job.progress` then holds `done`, `total`, `message`, `started_at` and
    `at` (seconds since 1970), `done_at_start` and `kept_at_start` (done and kept before this attempt, in checkpoints too),
    `recent_at` and `recent_done` (of some minutes ago), and the extra values. Extra values that are neither finite numbers
    nor mappings to finite numbers are left out. Of counts by name, the 19 largest are kept and the others are added up as
    "other".
    """
    job = job_in(os.environ if environ is None else environ)
    return (lambda _progress: None) if job is None else _Reporter(store, job_id=job[0], attempt=job[1])


def job_in(environ: Mapping[str, str]) -> tuple[int, int] | None:
    """The id and the attempt of the job in which this process runs; None outside a job."""
    job_id, _, attempt = environ.get(VARIABLE, "").partition(" ")
    return (int(job_id), int(attempt)) if job_id and attempt else None


def has_kept_work(job: Job) -> bool:
    """Whether the current attempt of a job has added to the work that is kept when the process is killed."""
    stored = job.progress
    if not stored or stored["started_at"] < (job.started_at or 0):
        return False
    return float(stored.get("kept", 0)) > float(stored.get("kept_at_start", 0))


def rate_and_left(job: Job, now: float) -> tuple[float, float]:
    """Steps per second in this attempt, and the seconds left at that rate; both nan if unknown or if the job does not run."""
    stored = job.progress
    if job.state != JobState.RUNNING or not stored or stored["started_at"] < (job.started_at or 0):
        return math.nan, math.nan
    gained, elapsed = stored["done"] - stored["done_at_start"], stored["at"] - stored["started_at"]
    if gained <= 0 or elapsed <= 0:
        return math.nan, math.nan
    rate = gained / elapsed
    return rate, max(0.0, (stored["total"] - stored["done"]) / rate - max(0.0, now - stored["at"]))


def left_at_recent_rate(job: Job, now: float) -> float:
    """The seconds left at the rate of the last minutes, which may differ from that of the whole attempt; nan if unknown."""
    stored = job.progress
    if not math.isfinite(rate_and_left(job, now)[1]) or "recent_at" not in stored:
        return math.nan
    gained, elapsed = stored["done"] - stored["recent_done"], stored["at"] - stored["recent_at"]
    if gained <= 0 or elapsed < MARK_SECONDS:
        return math.nan
    return float(max(0.0, (stored["total"] - stored["done"]) * elapsed / gained - max(0.0, now - stored["at"])))


def longest_left(jobs: Iterable[Job], now: float) -> float:
    """The seconds until all of the jobs have ended, at the rate of their last minutes if known; nan if one does not know it, as one that
    does not run, or if there is none."""
    left = [(left_at_recent_rate(job, now), rate_and_left(job, now)[1]) for job in jobs]
    every = [recent if math.isfinite(recent) else overall for recent, overall in left]
    return max(every) if every and all(map(math.isfinite, every)) else math.nan


class _Reporter:
    """Stores reports in the row of a job, and holds the newest report until the next write is due."""

    def __init__(self, store: Store, *, job_id: int, attempt: int) -> None:
        self.store, self.job_id, self.attempt = store, job_id, attempt
        self.lock = threading.Lock()
        self.first: dict[str, Any] | None = None
        self.resumed_at = 0
        self.newest: dict[str, Any] | None = None
        self.marks: deque[tuple[float, int]] = deque(maxlen=MARKS)
        self.written_at = -math.inf
        self.timer: threading.Timer | None = None

    def __call__(self, progress: Progress) -> None:
        now = time.time()
        with self.lock:
            told = _numbers(progress.extra)
            resumed_at = int(told.get("resumed_at", 0))
            if self.first is None:
                self.first = {
                    "started_at": now, "done_at_start": progress.done, "kept_at_start": told.get("kept", 0.0),
                }  # fmt: skip
            elif resumed_at and not self.resumed_at:
                self._leave_out(resumed_at)
            self.resumed_at = resumed_at
            if not self.marks or now - self.marks[-1][0] >= MARK_SECONDS:
                self.marks.append((now, progress.done))
            recent_at, recent_done = self.marks[0]
            self.newest = _extra(progress) | {
                "done": progress.done, "total": progress.total, "message": progress.message, "at": now, **self.first,
                "recent_at": recent_at, "recent_done": recent_done,
            }  # fmt: skip
            wait = self.written_at + INTERVAL - time.monotonic()
            if wait <= 0 or progress.done >= progress.total > 0:
                self._write()
            elif self.timer is None:
                self.timer = threading.Timer(wait, self._write_later)
                self.timer.start()

    def _leave_out(self, steps: int) -> None:
        """Count the steps of a checkpoint, which an earlier attempt has done, as done and kept before this attempt."""
        assert self.first is not None
        self.first |= {name: self.first[name] + steps for name in ("done_at_start", "kept_at_start")}
        self.marks = deque(((at, done + steps) for at, done in self.marks), maxlen=MARKS)

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
            return  # a report that could not be written must not stop the work; the next report is written instead
        self.newest = None
        self.written_at = time.monotonic()


def _extra(progress: Progress) -> dict[str, Any]:
    counts = {name: _counts(value) for name, value in progress.extra.items() if isinstance(value, Mapping)}
    return _numbers(progress.extra) | counts


def _counts(counts: Mapping[str, Any]) -> dict[str, float]:
    """Counts by name, the largest first; if there are more than `MOST_COUNTS`, the smallest are added up as `OTHER`."""
    ranked = sorted(_numbers(counts).items(), key=lambda pair: -pair[1])
    if len(ranked) <= MOST_COUNTS:
        return dict(ranked)
    shown, rest = dict(ranked[: MOST_COUNTS - 1]), sum(n for _, n in ranked[MOST_COUNTS - 1 :])
    return shown | {OTHER: shown.get(OTHER, 0.0) + rest}


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers among the values."""
    return {
        name: float(value) for name, value in values.items() if isinstance(value, int | float) and math.isfinite(value)
    }
