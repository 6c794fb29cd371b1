"""What a backend does (find room, start, poll, stop, log) and what it says about itself. It never changes a job's state."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from core.study.rows.study import Job

CLAIM_SECONDS = 30.0
BEAT_SECONDS = 120.0


class Verdict(StrEnum):
    """Whether the process of a started job exists.

    `running` also if this cannot be known; `unplaced` if the cluster gave the job up while the job waited for a place.
    """

    RUNNING = "running"
    GONE = "gone"
    UNPLACED = "unplaced"


@dataclass(frozen=True)
class Condition:
    """What a backend offers, in sentences, and what is wrong with it, in sentences that say the way out.

    `gpus`: the number of GPUs that jobs may use.
    """

    sentences: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    gpus: int = 0


class Backend(Protocol):
    """A place where jobs run. The handle of a job holds the facts by which the backend finds the job again."""

    def room(self, job: Job, held: Iterable[Job]) -> dict[str, Any] | None:
        """The beginning of the handle of a job that could start now beside the jobs `held`; None if its slot class is full.

        Raises `StudyError` if the job can never run on this backend.
        """

    def start(self, job: Job) -> dict[str, Any]:
        """Start the current attempt of a job and return its handle. Raises `OSError` or `StudyError` if the start fails."""

    def poll(self, job: Job, *, now: float) -> Verdict:
        """Whether the process of a starting or running job still exists."""

    def stop(self, job: Job, *, now: float) -> None:
        """Ask a job to end, and kill it some seconds later. Returns at once; the caller repeats the call until the job is gone."""

    def log(self, job: Job, *, lines: int) -> str:
        """The last lines that a job has printed; "" if it has printed nothing. Raises `StudyError` if the log is out of reach."""

    def condition(self) -> Condition:
        """What the backend offers and what is wrong with it; never raises for a cluster that cannot be reached."""
