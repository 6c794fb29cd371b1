"""Chaos: job, runner and dashboard are killed at random while a sweep trains, and its results stay those of an undisturbed one."""

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import select

from core import settings as settings_module
from core.jobs import queue
from core.jobs.backends import local
from core.settings import Settings
from core.steps import train
from core.study import store as store_module
from core.study import tasks
from core.study.rows.kinds import ACTIVE_JOB_STATES, JobState, Split
from core.study.rows.study import Arm, Prediction, Run
from core.study.store import Store
from core.training import fit
from core.training.settings import training_settings
from tests import tiny_encoder
from tests.jobs.bench import end_all
from tests.ports import free_port
from tests.training.conftest import BLAME, PRAISE, SETTINGS, add_samples, sentences

FULL = bool(os.environ.get("LITMUS_SIMULATE"))
SEEDS, KILLS = (15, 20) if FULL else (4, 6)
STEPS = 120
PATIENCE_S = 1200.0
Result = dict[tuple[str, int], list[tuple[Any, ...]]]


@dataclass
class Chaos:
    """A sweep in a home folder of its own, with a dashboard, and the kills that it has had by kind."""

    settings: Settings
    environ: dict[str, str]
    port: int
    rng: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    dashboard: subprocess.Popen[bytes] | None = None
    runner: subprocess.Popen[bytes] | None = None

    def keep_up(self) -> None:
        """Start the dashboard and the runner if they do not live, as a person who looks at the dashboard does."""
        if self.dashboard is None or self.dashboard.poll() is not None:
            self.dashboard = self._started("ui.serve", f"--server.port={self.port}", "--server.headless=true")
        if self.runner is None or self.runner.poll() is not None:
            self.runner = self._started("core.jobs.runner", "--idle=60")

    def end(self) -> None:
        for process in (self.dashboard, self.runner):
            if process:
                process.kill()
                process.wait()
        end_all(self.settings.home)

    def _started(self, *command: str) -> subprocess.Popen[bytes]:
        environ = local.child_environment(self.settings, self.environ)
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=local.ROOT,
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill_one(self, store: Store) -> None:
        """Kill -9 a job in the middle of a training, the runner or the dashboard, as far as there is one."""
        kind = self.rng.choice(["job", "job", "job", "runner", "dashboard"])
        own = {"dashboard": self.dashboard, "runner": self.runner}
        found = _training(store) if kind == "job" else [psutil.Process(own[kind].pid)]
        if found:
            with contextlib.suppress(psutil.Error):
                found[0].kill()
                self.kills[kind] += 1


@pytest.mark.slow
def test_a_sweep_whose_processes_are_killed_ends_with_the_results_of_an_undisturbed_one(tmp_path: Path) -> None:
    encoder = tiny_encoder.build(tmp_path / "encoder")
    undisturbed = _undisturbed(tmp_path / "calm", encoder)
    environ = {**os.environ, "LITMUS_HOME": str(tmp_path / "chaos"), "LITMUS_SLOTS": "2", "LITMUS_GPUS": "0"}
    environ |= {"LITMUS_CHECKPOINT_SECONDS": "0"}
    settings = settings_module.load(environ)
    chaos = Chaos(settings, environ, free_port(), random.Random(0))
    began = time.monotonic()

    with _opened(settings) as store:
        jobs = _queued(store, settings, encoder)
        try:
            _until_done(store, chaos, jobs)
        finally:
            chaos.end()
        disturbed, facts = _results(store)
        with store() as session:
            states = {queue.get(session, number).state for number in jobs}

    assert states == {JobState.DONE}
    assert disturbed == undisturbed
    assert chaos.kills.total() == KILLS
    resumed = [len(each.get("resumed_at", [])) for each in facts]
    assert len(facts) == 2 * SEEDS and sum(resumed) > 0
    assert list(settings.checkpoints.glob("*")) == []
    said = {"runs": len(facts), "kills": dict(chaos.kills), "resumed in the middle": sum(resumed)}
    (tmp_path / "chaos.json").write_text(json.dumps(said | {"seconds": round(time.monotonic() - began)}))


def _until_done(store: Store, chaos: Chaos, job_ids: list[int]) -> None:
    """Keep runner and dashboard up, as a person would, and kill at random until the jobs are done."""
    deadline, next_kill = time.monotonic() + PATIENCE_S, 0.0
    while time.monotonic() < deadline:
        chaos.keep_up()
        with store() as session:
            if not any(queue.get(session, number).state in ACTIVE_JOB_STATES for number in job_ids):
                return
        if chaos.kills.total() < KILLS and time.monotonic() > next_kill and _training(store):
            chaos.kill_one(store)
            next_kill = time.monotonic() + chaos.rng.uniform(0.1, 0.6)
        time.sleep(0.1)
    raise AssertionError("the sweep did not end")


def _training(store: Store) -> list[psutil.Process]:
    """The processes of jobs that have begun to train: the middle of a run, most likely."""
    with store() as session:
        running = [job for job in queue.rows(session, active_only=True) if job.state == JobState.RUNNING]
    found = []
    for job in running:
        is_training = job.progress.get("started_at", 0) >= (job.started_at or 0) and "loss" in job.progress
        if is_training and "pid" in job.handle:
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(job.handle["pid"])
                found += [process] if process.status() != psutil.STATUS_ZOMBIE else []  # dead, and not noticed yet
    return found


def _queued(store: Store, settings: Settings, encoder: Path) -> list[int]:
    """Queue a sweep over two arms and all seeds; returns the numbers of its jobs."""
    chosen = training_settings(SETTINGS.model_dump() | {"steps": STEPS})
    with store.write() as session:
        study = tasks.study_named(session, "small")
        task = tasks.make_task(session, study_id=study.id, name="reviews", question="?", labels={"good": "", "bad": ""})
        real, written = (tasks.make_arm(session, task_id=task.id, name=name) for name in ("real", "zero-shot"))
        for label, ends in (("good", PRAISE), ("bad", BLAME)):
            add_samples(session, real, label=label, texts=sentences(ends, 12))
            add_samples(session, real, label=label, texts=sentences(ends, 8, start=12), split=Split.TEST)
            add_samples(session, written, label=label, texts=sentences(ends, 10, start=20))
        wanted = train.TrainingRequest([task], [real, written], [str(encoder)], range(SEEDS), chosen)
        return [job.id for job in train.queue_training(session, settings, study=study, request=wanted).jobs]


def _undisturbed(home: Path, encoder: Path) -> Result:
    """The results of the sweep, trained in this process from beginning to end without checkpoints."""
    settings = settings_module.load({"LITMUS_HOME": str(home), "LITMUS_SLOTS": "2", "LITMUS_GPUS": "0"})
    with _opened(settings) as store:
        _queued(store, settings, encoder)
        with store() as session:
            run_ids = list(session.scalars(select(Run.id)))
        fit.execute(store, run_ids, report=lambda *_said: None)
        return _results(store)[0]


def _results(store: Store) -> tuple[Result, list[dict[str, Any]]]:
    """Of every run, by arm and seed, the predictions with every probability; and the facts of the runs."""
    found: Result = {}
    with store() as session:
        runs = list(session.execute(select(Run, Arm.name).join(Arm, Arm.id == Run.arm_id)))
        for run, arm in runs:
            query = select(Prediction.sample_id, Prediction.label_id, Prediction.probabilities)
            query = query.where(Prediction.run_id == run.id).order_by(Prediction.sample_id)
            found[arm, run.seed] = [tuple(row) for row in session.execute(query)]
    return found, [run.facts for run, _ in runs]


@contextlib.contextmanager
def _opened(settings: Settings) -> Iterator[Store]:
    store = store_module.open_store(settings)
    yield store
    store.close()
