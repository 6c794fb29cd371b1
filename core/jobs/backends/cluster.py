"""What all clusters have in common: names of jobs, the command line on a node, silence, and files that a node needs."""

import hashlib
import shlex
import sys
from collections.abc import Iterable

from core.errors import StudyError
from core.jobs.backends.backend import BEAT_SECONDS
from core.jobs.backends.local import PATIENCE
from core.jobs.transitions import Wish
from core.settings import Settings
from core.study.rows.kinds import JobState
from core.study.rows.study import Job

SILENCE_SECONDS = 10.0
GRACE_SECONDS = 5.0  # on top of the patience with a job of this machine, for the way to the node
VARIABLES = {"OMP_WAIT_POLICY": "passive", "PYTHONUNBUFFERED": "1"}


def mark(job: Job) -> str:
    """Eight hexadecimal digits that tell a job from a job with the same number in another database."""
    return hashlib.sha256(f"{job.id} {job.created_at!r} {job.key}".encode()).hexdigest()[:8]


def name(job: Job) -> str:
    """The name of the current attempt of a job on a cluster, the same each time, so that no attempt is started twice."""
    return f"litmus-{mark(job)}-{job.id}-{job.attempt}"


def command(settings: Settings, job: Job) -> str:
    """The shell command that runs the current attempt of a job on a node; it holds no secret."""
    found = settings.cluster
    variables = VARIABLES | ({"LITMUS_NODE_FILE": found.node_file} if found.node_file else {})
    words = ["env", *(f"{key}={value}" for key, value in variables.items()), found.python or sys.executable]
    words += ["-m", "core.jobs.run", str(job.id), str(job.attempt), "--mark", mark(job)]
    return f"exec {shlex.join(words)}"


def check(settings: Settings) -> None:
    """Raise `StudyError` if nodes could not reach the records: a SQLite file is for one machine."""
    if not settings.database_url.startswith("postgresql"):
        raise StudyError(
            "Jobs on a cluster need records that every node can reach. Keep them in PostgreSQL: set LITMUS_DATABASE to "
            "postgresql+psycopg://USER:PASSWORD@HOST/NAME here and on the nodes; docs/cluster.md says how."
        )


def on_same_slot(job: Job, held: Iterable[Job]) -> int:
    """The number of jobs among `held` that take the same kind of slot on the same backend as `job`."""
    return sum(other.slot == job.slot and other.backend == job.backend for other in held)


class Stops:
    """When jobs were first asked to pause, and when to end for good.

    A running job reads in its row that it should end; the cluster is asked to end a job that has not ended by itself in time,
    and a job that has not started yet at once.
    """

    def __init__(self) -> None:
        self.asked: dict[tuple[int, int, bool], float] = {}  # job, attempt, whether it is a cancel

    def is_overdue(self, job: Job, now: float) -> bool:
        """Whether the cluster has to end the job at `now`, in seconds since 1970; the first call notes the time."""
        asked = self.asked.setdefault((job.id, job.attempt, job.cancel_requested), now)
        patience = PATIENCE[Wish.END if job.cancel_requested else Wish.PAUSE] + GRACE_SECONDS
        return job.state == JobState.STARTING or now - asked > patience


class Silences:
    """Which running jobs have stopped to beat, although the cluster says that they run.

    A job counts as silent if its last beat is older than `BEAT_SECONDS`, and still is `SILENCE_SECONDS` after that was
    first seen: after an outage of the database, every job gets the time to store its next beat.
    """

    def __init__(self) -> None:
        self.seen: dict[tuple[int, int], float] = {}

    def holds(self, job: Job, now: float) -> bool:
        """Whether the job is silent at `now`, in seconds since 1970; a job that waits to start is never silent."""
        key = (job.id, job.attempt)
        if job.state != JobState.RUNNING or now - (job.beat_at or job.created_at) < BEAT_SECONDS:
            self.seen.pop(key, None)
            return False
        return now - self.seen.setdefault(key, now) >= SILENCE_SECONDS
