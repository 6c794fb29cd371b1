"""Run jobs on a Slurm cluster with sbatch, squeue and scancel; this machine is a login node.

The nodes see the folder of the code and the interpreter at the same paths. No variable of this process goes with a job:
a node reads the address of the database and all keys from a file.
"""

import getpass
import shlex
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from core.jobs import queue
from core.jobs.backends import cluster
from core.jobs.backends.backend import CLAIM_SECONDS, Condition, Verdict
from core.jobs.backends.local import ROOT
from core.settings import Settings
from core.study.rows.kinds import Slot
from core.study.rows.study import Job
from core.wording import counted

TIMEOUT_SECONDS = 15.0
QUEUE_SECONDS = 1.0
UP = ("idle", "mixed", "allocated", "completing", "planned", "reserved")
MARKS = "*+~#-"  # silent for now, completing, powered off, powering up, planned: jobs may still be queued for the node


def is_there() -> bool:
    """Whether the commands of Slurm are on this machine."""
    return shutil.which("sbatch") is not None


def takes_jobs(state: str) -> bool:
    """Whether jobs can be queued for a node in a state as sinfo prints it (%T), such as "idle~".

    A node that is powered off to save power is started by Slurm when a job needs it. A node that is being powered down, that
    reboots or that is in maintenance (marks %, !, @, ^, $) takes no jobs.
    """
    return state.rstrip(MARKS) in UP


class Slurm:
    """The backend for the Slurm cluster of this machine. It holds the queue as it saw it last."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.silences = cluster.Silences()
        self.stops = cluster.Stops()
        self.queue: dict[str, str] | None = None
        self.queue_at = 0.0

    def room(self, job: Job, held: Iterable[Job]) -> dict[str, Any] | None:
        cluster.check(self.settings)
        if self._queue() is None:
            return None
        return {} if cluster.on_same_slot(job, held) < self.settings.cluster.most_jobs else None

    def start(self, job: Job) -> dict[str, Any]:
        self.settings.logs.mkdir(parents=True, exist_ok=True)
        self.queue_at = 0.0
        # Two jobs of one name never run at once (singleton), and a job that its node has lost is left to the runner.
        number = _said(
            "sbatch", "--parsable", f"--job-name={cluster.name(job)}", "--dependency=singleton", "--no-requeue",
            "--export=NIL", f"--chdir={ROOT}", f"--output={queue.log_path(self.settings, job)}", "--open-mode=append",
            *(["--gres=gpu:1"] if job.slot == Slot.GPU else []), *shlex.split(self.settings.cluster.slurm_options),
            "--wrap", cluster.command(self.settings, job),
        )  # fmt: skip
        return job.handle | {"slurm": number.partition(";")[0].strip()}

    def poll(self, job: Job, *, now: float) -> Verdict:
        queued = self._queue()
        is_silent = self.silences.holds(job, now)
        if queued is None:
            return Verdict.GONE if is_silent else Verdict.RUNNING
        if cluster.name(job) not in queued:
            is_new = (
                not {"slurm", "refused"} & set(job.handle) and now - (job.beat_at or job.created_at) < CLAIM_SECONDS
            )
            return Verdict.RUNNING if is_new else Verdict.GONE
        if is_silent:
            self._cancel(job)
            return Verdict.GONE
        return Verdict.RUNNING

    def stop(self, job: Job, *, now: float) -> None:
        if self.stops.is_overdue(job, now):
            self._cancel(job)

    def log(self, job: Job, *, lines: int) -> str:
        return queue.log_tail(self.settings, job, lines=lines)

    def condition(self) -> Condition:
        try:
            nodes = [line.split("|") for line in _said("sinfo", "-h", "-N", "-o", "%N|%T|%G").splitlines()]
            why = [line.strip() for line in _said("sinfo", "-h", "-R", "-o", "%N: %E").splitlines()]
            waits = _said("squeue", "-h", f"--user={getpass.getuser()}", "--states=PENDING", "-o", "%j|%r").splitlines()
        except OSError as error:
            return Condition(problems=[f"It does not answer ({error}): start slurmctld, or ask its administrator."])
        up = {name: gres for name, state, gres in nodes if takes_jobs(state)}
        gpus = sum(map(_gpus, up.values()))
        here = len({name for name, _state, _gres in nodes})
        problems = [f"{node} is out of use; start it with: scontrol update." for node in why]
        if not up:
            problems.insert(0, "No node of Slurm takes jobs now; sinfo shows why.")
        reasons = Counter(line.partition("|")[2] for line in waits if line.startswith("litmus-"))
        told = [f"{counted(n, 'job')} wait{'s' if n == 1 else ''} ({reason})." for reason, n in reasons.items()]
        return Condition(
            [f"Nodes that take jobs: {len(up)} of {here}, with {counted(gpus, 'GPU')}.", *told],
            problems,
            gpus,
        )

    def _queue(self) -> dict[str, str] | None:
        """The states of this user's jobs in Slurm's queue by name; None if the controller does not answer."""
        if time.monotonic() - self.queue_at > QUEUE_SECONDS or not self.queue_at:
            try:
                said = _said("squeue", "-h", f"--user={getpass.getuser()}", "-o", "%j %T")
                self.queue = {name: state for name, _, state in (line.partition(" ") for line in said.splitlines())}
            except OSError:
                self.queue = None
            self.queue_at = time.monotonic()
        return self.queue

    def _cancel(self, job: Job) -> None:
        with suppress(OSError):  # the caller asks again
            _said("scancel", f"--name={cluster.name(job)}")


def _said(*words: str) -> str:
    """What a command prints. Raises `OSError` with its last line of errors if it fails or takes too long."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{words[0]} did not answer within {TIMEOUT_SECONDS:g} seconds") from error
    if done.returncode:
        raise OSError((done.stderr.strip().splitlines() or [f"{words[0]} failed"])[-1])
    return done.stdout


def _gpus(gres: str) -> int:
    """The number of GPUs in the resources of a node, such as "gpu:a100:4(S:0-1)"."""
    parts = [part.partition("(")[0].split(":") for part in gres.split(",") if part.startswith("gpu")]
    return sum(int(part[-1]) if part[-1].isdigit() else 1 for part in parts)
