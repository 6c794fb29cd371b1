"""The rounds of a runner on a cluster, called by a test, with jobs that are queued for one backend."""

import os
import time
from collections.abc import Callable

from core.jobs import queue, runner
from core.jobs.backends import choice
from core.settings import Settings
from core.study.rows.kinds import Slot
from core.study.rows.study import Job
from core.study.store import Store

PATIENCE = 1200.0  # seconds: on an idle machine the longest wait takes two minutes


class Rounds:
    """The rounds of a runner, called by the test."""

    def __init__(self, settings: Settings, store: Store, *, backend: str) -> None:
        self.store, self.settings, self.backend = store, settings, backend
        self.backends = choice.offered(settings, os.environ)

    def until(self, holds: Callable[[list[Job]], object]) -> list[Job]:
        deadline = time.monotonic() + PATIENCE
        while True:
            runner.step(self.store, self.backends, now=time.time())
            with self.store() as session:
                jobs = queue.rows(session)[::-1]
            if holds(jobs):
                return jobs
            told = [(job.id, str(job.state), job.attempt, job.error, job.handle) for job in jobs]
            assert time.monotonic() < deadline, f"waited in vain: {told}"
            time.sleep(0.5)

    def add(self, *command: object, key: str) -> int:
        with self.store.write() as session:
            words = ["-m", *map(str, command)]
            return queue.enqueue(session, title=key, command=words, key=key, slot=Slot.CPU, backend=self.backend).id
