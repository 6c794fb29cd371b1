"""Helpers of the tests of jobs: a queue with real processes, and functions that wait for a condition."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from core.jobs import queue, runner
from core.jobs.backends import local
from core.jobs.backends.local import Local
from core.settings import Settings
from core.study.rows.kinds import Slot
from core.study.rows.study import Job
from core.study.store import Store

PATIENCE = 30.0


def until(holds: Callable[[], object]) -> None:
    """Wait for a condition, half a minute at most."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


class Bench:
    """Jobs in one store with a local backend; each test calls the rounds of the runner itself, to fix the order of events."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings, self.store = settings, store
        self.local = Local(settings, os.environ)

    def add(self, payload: str, *arguments: object, key: str = "", slot: Slot = Slot.CPU) -> int:
        command = ["-m", f"tests.jobs.payloads.{payload}", *map(str, arguments)]
        with self.store.write() as session:
            name = key or f"{payload} {time.time_ns()}"
            return queue.enqueue(session, title=payload, command=command, key=name, slot=slot).id

    def job(self, job_id: int) -> Job:
        with self.store() as session:
            return queue.get(session, job_id)

    def step(self) -> bool:
        return runner.step(self.store, {"local": self.local}, now=time.time())

    def step_until(self, job_id: int, *states: str) -> Job:
        def reached() -> bool:
            self.step()
            return self.job(job_id).state in states

        until(reached)
        return self.job(job_id)

    def wait_for(self, job_id: int, *states: str) -> Job:
        until(lambda: self.job(job_id).state in states)
        return self.job(job_id)

    def kill_all(self) -> None:
        end_all(self.settings.home)
        for child in self.local.children.values():
            child.wait()


def processes(settings: Settings, module: str = "core.jobs.") -> list[psutil.Process]:
    """The running processes of runner and jobs with these settings, found by the home folder in their environment."""
    return _processes(settings.home, module)


def _processes(home: Path, module: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            is_ours = any(part.startswith(module) for part in process.cmdline())
            if is_ours and process.environ().get("LITMUS_HOME") == str(home):
                found.append(process)
        except psutil.Error:
            continue
    return found


def end_all(home: Path) -> None:
    """End the runner and the jobs that still run in the home folder of a test."""
    while left := _processes(home, "core.jobs."):
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=5)


def start_runner(settings: Settings, *, idle: float = 1.0) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "core.jobs.runner", "--idle", str(idle)],
        cwd=local.ROOT, env=local.child_environment(settings, os.environ), stderr=subprocess.DEVNULL,
    )  # fmt: skip


def lines(file: Path) -> list[list[str]]:
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []
