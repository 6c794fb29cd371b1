"""Run jobs as processes of this machine, which outlive the runner and the app (the local backend).

A process is identified by its number and its creation time, since the system
reuses numbers. A job of this machine counts as running as long as its process exists, however old its last beat is: beats
are late when the machine sleeps or the database is unreachable, and a second process would compete for memory. For a
job of another machine, whose process cannot be seen, the age of the last beat decides.
A job that is asked to stop has `PATIENCE` seconds to end by itself: longer for a pause, so that it can store the answers
of calls that are paid for, or the checkpoint of a training. Its own process sees a pause first, and is interrupted from
outside only if it does not. The seconds of a cancel that follows a pause count from the cancel.
"""

import os
import platform
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from core.errors import StudyError
from core.jobs import queue
from core.jobs.backends.backend import BEAT_SECONDS, CLAIM_SECONDS, Condition, Verdict
from core.jobs.transitions import Wish
from core.settings import Settings
from core.study.rows.kinds import JobState, Slot
from core.study.rows.study import Job

ROOT = Path(__file__).resolve().parents[3]
API_SLOTS = 4
PATIENCE = {Wish.END: 5.0, Wish.PAUSE: 30.0}
GRACE = 10.0  # seconds that a running job has beyond that to end itself, since it counts from when it saw the pause
LARGE = str(1 << 28)
AUTOGROUP = Path("/proc/self/autogroup")  # on Linux a session's own niceness, which counts between sessions


class Local:
    """The backend for processes of this machine. It holds its child processes and the times at which stops were asked for."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self.settings = settings
        self.environ = environ
        self.children: dict[tuple[int, int], subprocess.Popen[bytes]] = {}
        self.stops: dict[tuple[int, int, bool], float] = {}  # job, attempt, whether it is a cancel

    def room(self, job: Job, held: Iterable[Job]) -> dict[str, Any] | None:
        same_slot = [other for other in held if other.slot == job.slot and other.backend == job.backend]
        if job.slot == Slot.GPU:
            return self._free_gpu(same_slot)
        return {} if len(same_slot) < (API_SLOTS if job.slot == Slot.API else self.settings.slots) else None

    def start(self, job: Job) -> dict[str, Any]:
        self.children = {key: child for key, child in self.children.items() if child.poll() is None}
        self.settings.logs.mkdir(parents=True, exist_ok=True)
        environ = child_environment(self.settings, self.environ) | {"CUDA_VISIBLE_DEVICES": job.handle.get("gpu", "")}
        with queue.log_path(self.settings, job).open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "core.jobs.run", str(job.id), str(job.attempt)],
                cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.children[job.id, job.attempt] = child
        return job.handle | process_handle(child.pid)

    def poll(self, job: Job, *, now: float) -> Verdict:
        if self._exists(job, now):
            return Verdict.RUNNING
        self.children.pop((job.id, job.attempt), None)
        for is_cancel in (False, True):
            self.stops.pop((job.id, job.attempt, is_cancel), None)
        return Verdict.GONE

    def stop(self, job: Job, *, now: float) -> None:
        process = _process(job.handle)
        if process is None:
            return
        sees_it = job.state == JobState.RUNNING and not job.cancel_requested  # and stops where nothing is lost
        asked = self.stops.setdefault((job.id, job.attempt, job.cancel_requested), now)
        if asked == now and not sees_it:
            _signal_group(process, signal.SIGTERM)
        elif now - asked > PATIENCE[Wish.END if job.cancel_requested else Wish.PAUSE] + (GRACE if sees_it else 0):
            _signal_group(process, signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)

    def log(self, job: Job, *, lines: int) -> str:
        return queue.log_tail(self.settings, job, lines=lines)

    def condition(self) -> Condition:
        slots, gpus = self.settings.slots, self.settings.gpus
        offer = f"{slots} job{'s' if slots > 1 else ''} at a time on the processor"
        on_gpus = gpus * self.settings.slots_per_gpu
        return Condition([f"{offer}, {on_gpus} on a GPU." if gpus else f"{offer}; no GPU."], gpus=gpus)

    def _exists(self, job: Job, now: float) -> bool:
        child = self.children.get((job.id, job.attempt))
        if child is not None:
            return child.poll() is None
        since = now - (job.beat_at or job.created_at)
        if "pid" not in job.handle:
            return since < CLAIM_SECONDS
        if job.handle.get("host") != platform.node():
            return since < BEAT_SECONDS
        return _process(job.handle) is not None

    def _free_gpu(self, same_slot: Iterable[Job]) -> dict[str, Any] | None:
        """The GPU with the fewest jobs, as a handle; None if every GPU has as many as may share it."""
        if not self.settings.gpus:
            raise StudyError("This machine offers no GPU. Queue the job for the CPU, or set LITMUS_GPUS.")
        named = self.environ.get("CUDA_VISIBLE_DEVICES")
        gpus = named.split(",") if named else [str(number) for number in range(self.settings.gpus)]
        offered = [gpu.strip() for gpu in gpus[: self.settings.gpus]]
        used = Counter(job.handle.get("gpu") for job in same_slot)
        emptiest = min(offered, key=used.__getitem__)
        return {"gpu": emptiest} if used[emptiest] < self.settings.slots_per_gpu else None


def child_environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment variables of a process that is started with these settings.

    Idle OpenMP threads sleep instead of spinning, so that trainings side by side do not slow one another. Freed memory
    blocks of up to 256 MiB stay with the process, so that a training does not request them again at every step.
    """
    return {
        **environ,
        "LITMUS_HOME": str(settings.home),
        "LITMUS_DATABASE": settings.database_url,
        "LITMUS_SLOTS": str(settings.slots),
        "LITMUS_GPUS": str(settings.gpus),
        "LITMUS_SLOTS_PER_GPU": str(settings.slots_per_gpu),
        "LITMUS_NICENESS": str(settings.niceness),
        "OMP_WAIT_POLICY": "passive",
        "MALLOC_MMAP_THRESHOLD_": LARGE,
        "MALLOC_TRIM_THRESHOLD_": LARGE,
        "PYTHONUNBUFFERED": "1",
    }


def give_way(niceness: int) -> None:
    """Make this process and those it starts wait for the processor where others want it: visitors' clicks go first."""
    if niceness == 0:
        return
    if sys.platform == "win32":
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        return
    os.nice(max(0, niceness - os.nice(0)))
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            AUTOGROUP.write_text(str(niceness))


def process_handle(pid: int) -> dict[str, Any]:
    """The handle of a process of this machine: host, number and creation time; empty if the process is gone."""
    try:
        return {"host": platform.node(), "pid": pid, "create_time": psutil.Process(pid).create_time()}
    except psutil.Error:
        return {}


def _process(handle: Mapping[str, Any]) -> psutil.Process | None:
    """The process of a handle; None if it has ended, or if its number belongs to another process now."""
    if handle.get("host") != platform.node() or "pid" not in handle:
        return None
    try:
        process = psutil.Process(handle["pid"])
        is_same = abs(process.create_time() - handle["create_time"]) < 2 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None
    return process if is_same else None


def _signal_group(process: psutil.Process, number: signal.Signals) -> None:
    """Send a signal to a job and to all processes that it started: its process group, on Windows its process tree."""
    try:
        if sys.platform != "win32":
            os.killpg(process.pid, number)
            return
        for member in [*process.children(recursive=True), process]:
            member.send_signal(number)
    except (ProcessLookupError, psutil.NoSuchProcess):
        return
