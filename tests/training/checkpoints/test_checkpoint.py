"""Checkpoints: a killed training goes on where it was and ends with the same bits; unusable checkpoints are said and left."""

import dataclasses
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from sqlalchemy import delete, select, update

from core import stopping
from core.jobs import progress, queue, transitions
from core.study import tasks
from core.study.rows.kinds import JobState, Slot
from core.study.rows.study import Prediction, Run, Task
from core.study.store import Store
from core.training import fit, plan
from core.training.checkpoints.folder import Folder
from core.training.settings import training_settings
from tests import tiny_encoder
from tests.training.conftest import SETTINGS


class Killed(BaseException):
    """Raised by a test in place of a kill; the code under test must not catch it."""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder.build(tmp_path_factory.mktemp("tiny") / "encoder")


def plan_run(store: Store, task: Task, tiny: Path, **changes: Any) -> int:
    settings = training_settings(SETTINGS.model_dump() | {"steps": 30} | changes)
    with store.write() as session:
        arms = [tasks.get_arm(session, task, "real")]
        made = plan.plan(session, task=task, arms=arms, encoders=[str(tiny)], seeds=[0], settings=settings)
    return made.new[0].id


def silent(*_said: object) -> None:
    pass


def kill_at(step: int) -> Any:
    def report(done: int, _total: int, _message: str, _extra: Mapping[str, Any]) -> None:
        if done == step:
            raise Killed

    return report


def result(store: Store, run_id: int) -> tuple[list[tuple[Any, ...]], dict[str, Any]]:
    """The predictions of a run with every probability, and its facts without times."""
    query = select(Prediction.sample_id, Prediction.label_id, Prediction.probabilities).order_by(Prediction.sample_id)
    with store() as session:
        rows = [tuple(row) for row in session.execute(query.where(Prediction.run_id == run_id))]
        facts = dict(session.get_one(Run, run_id).facts)
    return rows, {name: facts[name] for name in ("loss", "validation", "steps", "train_loss", "stopped_early")}


def forget(store: Store) -> None:
    with store.write() as session:
        session.execute(delete(Prediction))
        session.execute(update(Run).values(finished_at=None, facts={}))


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes", [{}, {"steps": 60, "stop": "early", "learning_rate": 5e-3}, {"class_weights": "balanced"}], ids=str
)
def test_a_training_killed_twice_ends_bit_for_bit_like_one_that_was_not(
    store: Store, task: Task, tiny: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    run_id = plan_run(store, task, tiny, **changes)
    fit.execute(store, [run_id], report=silent)
    undisturbed = result(store, run_id)
    forget(store)
    said: list[str] = []
    kept = Folder(tmp_path / "kept", 0, said.append)

    for step in (4, 11):
        with pytest.raises(Killed):
            fit.execute(store, [run_id], report=kill_at(step), checkpoints=kept)
    fit.execute(store, [run_id], report=silent, checkpoints=kept)

    assert result(store, run_id) == undisturbed
    with store() as session:
        assert session.get_one(Run, run_id).facts["resumed_at"] == [4, 11]
    assert "goes on at step 11, from its checkpoint" in said[-1]
    assert list(kept.path.iterdir()) == []


@pytest.mark.slow
def test_the_seconds_of_a_run_are_those_of_all_its_processes(
    store: Store, task: Task, tiny: Path, tmp_path: Path
) -> None:
    run_id, kept = plan_run(store, task, tiny, steps=4), Folder(tmp_path / "kept", 0)

    def slow_until(step: int) -> Any:
        def report(done: int, _total: int, _message: str, _extra: Mapping[str, Any]) -> None:
            if done == step:
                raise Killed
            time.sleep(1)

        return report

    with pytest.raises(Killed):
        fit.execute(store, [run_id], report=slow_until(3), checkpoints=kept)
    began = time.monotonic()
    fit.execute(store, [run_id], report=silent, checkpoints=kept)
    took = time.monotonic() - began

    with store() as session:
        facts = session.get_one(Run, run_id).facts
    assert 2 < facts["seconds_before"] < facts["seconds"] < facts["seconds_before"] + took


@pytest.mark.slow
def test_a_training_killed_again_and_again_before_its_next_checkpoint_ends_as_failed(
    store: Store, task: Task, tiny: Path, tmp_path: Path
) -> None:
    run_id = plan_run(store, task, tiny)
    with store.write() as session:
        job = queue.enqueue(session, title="Train", command=["-m", "core"], key="train:1", slot=Slot.CPU)
    states = []
    for attempt in range(1, 2 * queue.ATTEMPTS):
        with store.write() as session:
            claimed = transitions.claim(session, queue.get(session, job.id), place={}, now=time.time())
            if claimed is None:
                break
            transitions.begin(session, job.id, attempt=attempt, handle={}, now=time.time())
        tell = progress.reporter(store, {progress.VARIABLE: f"{job.id} {attempt}"})
        kept = Folder(tmp_path / "kept", 0 if attempt == 1 else 3600, silent)

        with pytest.raises(Killed):
            fit.execute(store, [run_id], report=told_until(tell, 12 if attempt == 1 else 17), checkpoints=kept)
        with store.write() as session:
            states.append(transitions.lost(session, queue.get(session, job.id), now=time.time()))

    assert states == [*[JobState.QUEUED] * queue.ATTEMPTS, JobState.FAILED]
    with store() as session:
        stored = queue.get(session, job.id).progress
    assert (stored["kept"], stored["kept_at_start"], stored["done_at_start"]) == (12, 12, 12)


def told_until(tell: Callable[[progress.Progress], None], step: int) -> Any:
    """A report that stores what it is told, at once, and is killed at a step."""

    def report(done: int, total: int, message: str, extra: Mapping[str, Any]) -> None:
        tell(progress.Progress(done, total, message, extra))
        if done == step:
            time.sleep(progress.INTERVAL + 0.3)  # until the report is stored
            raise Killed

    return report


@pytest.mark.slow
def test_a_pause_keeps_every_step_although_no_checkpoint_is_due(
    store: Store, task: Task, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = plan_run(store, task, tiny)
    fit.execute(store, [run_id], report=silent)
    undisturbed = result(store, run_id)
    forget(store)
    kept, told = Folder(tmp_path / "kept", 3600, silent), list[tuple[int, Any]]()

    def pause(done: int, _total: int, _message: str, extra: Mapping[str, Any]) -> None:
        told.append((done, extra.get("kept")))
        if done == 12:
            assert stopping.ask_to_pause()

    with monkeypatch.context() as patched, pytest.raises(stopping.Stopped):
        patched.setattr(stopping, "_asked", threading.Event())
        fit.execute(store, [run_id], report=pause, checkpoints=kept)
    fit.execute(store, [run_id], report=silent, checkpoints=kept)

    assert told[-2:] == [(12, 0), (13, 13)]
    with store() as session:
        assert session.get_one(Run, run_id).facts["resumed_at"] == [13]
    assert result(store, run_id) == undisturbed


@pytest.mark.slow
def test_a_damaged_checkpoint_is_said_and_the_run_starts_anew(
    store: Store, task: Task, tiny: Path, tmp_path: Path
) -> None:
    run_id, said = plan_run(store, task, tiny), list[str]()
    kept = Folder(tmp_path / "kept", 0, said.append)
    for damage in (lambda content: content[: len(content) // 2], lambda content: content[:-9] + b"\0\1\2\3\4\5\6\7\7"):
        with pytest.raises(Killed):
            fit.execute(store, [run_id], report=kill_at(5), checkpoints=kept)
        kept.file(run_id).write_bytes(damage(kept.file(run_id).read_bytes()))

        with pytest.raises(Killed):
            fit.execute(store, [run_id], report=kill_at(2), checkpoints=kept)

        assert f"starts anew: its checkpoint run-{run_id}.safetensors is damaged (" in said[-1]
        kept.remove(run_id)


@pytest.mark.slow
def test_a_checkpoint_of_other_conditions_is_not_used(store: Store, task: Task, tiny: Path, tmp_path: Path) -> None:
    run_id, said = plan_run(store, task, tiny), list[str]()
    kept = Folder(tmp_path / "kept", 0, said.append)
    with pytest.raises(Killed):
        fit.execute(store, [run_id], report=kill_at(5), checkpoints=kept, threads=1)

    fit.execute(store, [run_id], report=silent, checkpoints=kept, threads=2)

    assert any("was written under other conditions (threads 1, now 2)" in sentence for sentence in said)
    with store() as session:
        assert "resumed_at" not in session.get_one(Run, run_id).facts


def test_a_folder_that_cannot_be_written_is_said_once_and_the_training_goes_on(
    store: Store, task: Task, tiny: Path, tmp_path: Path
) -> None:
    (tmp_path / "kept").write_text("a file where the folder should be")
    run_id, said = plan_run(store, task, tiny), list[str]()

    fit.execute(store, [run_id], report=silent, checkpoints=Folder(tmp_path / "kept", 0, said.append))

    assert len(said) == 1 and "could not be written" in said[0]
    assert said[0].endswith("The training goes on; were it killed now, it would go on from its beginning.")
    with store() as session:
        assert session.get_one(Run, run_id).finished_at is not None


def test_checkpoints_of_finished_and_forgotten_runs_are_swept(
    store: Store, task: Task, tiny: Path, tmp_path: Path
) -> None:
    run_id, kept = plan_run(store, task, tiny), Folder(tmp_path / "kept", 0)
    with pytest.raises(Killed):
        fit.execute(store, [run_id], report=kill_at(5), checkpoints=kept)
    kept.file(999).write_bytes(b"of a run that is gone")

    kept.sweep(store)

    assert [path.name for path in kept.path.iterdir()] == [f"run-{run_id}.safetensors"]


def test_checkpoints_hold_no_pickled_objects_and_are_due_only_so_often(
    store: Store, task: Task, tiny: Path, tmp_path: Path
) -> None:
    run_id, kept = plan_run(store, task, tiny), Folder(tmp_path / "kept", 0)
    with pytest.raises(Killed):
        fit.execute(store, [run_id], report=kill_at(5), checkpoints=kept)
    assert all(isinstance(tensor, np.ndarray) for tensor in load_file(kept.file(run_id)).values())
    kept.remove(run_id)

    with pytest.raises(Killed):
        fit.execute(store, [run_id], report=kill_at(5), checkpoints=dataclasses.replace(kept, seconds=60))

    assert not kept.file(run_id).exists()
