"""Forecasts of training time: from the pace of finished runs, never from runs of another device, and unknown where nothing is known."""

import math
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from core.study import tasks
from core.study.rows.study import Run, Task
from core.study.store import Store
from core.training import pace, plan
from tests.training.conftest import SETTINGS

ENCODER = "some/encoder"


def planned(session: Session, task: Task, *, seeds: int, encoder: str = ENCODER) -> list[Run]:
    arms = tasks.arms(session, task.id)
    return plan.plan(session, task=task, arms=arms, encoders=[encoder], seeds=range(seeds), settings=SETTINGS).new


def finish(session: Session, runs: list[Run], *, characters_a_second: float, device: str = "cpu") -> None:
    for run in runs:
        work = pace.work_of(session, [run])[run.id]
        run.facts, run.finished_at = {"seconds": work / characters_a_second, "device": device}, 1.0
    session.flush()


def test_the_work_of_a_run_is_the_characters_that_it_reads(store: Store, task: Task) -> None:
    with store.write() as session:
        run = planned(session, task, seeds=1)[0]
        length = pace._lengths(session, [run.arm_id], most=1000)[run.arm_id]

        assert pace.work_of(session, [run])[run.id] == pytest.approx(6 * 8 * length)


def test_long_texts_count_up_to_the_length_that_is_read(store: Store, task: Task) -> None:
    with store.write() as session:
        arms = [arm.id for arm in tasks.arms(session, task.id)]

        assert set(pace._lengths(session, arms, most=2).values()) == {9.0}


@pytest.mark.parametrize("has_gpu", [False, True])
def test_runs_to_come_take_as_long_as_finished_runs_did(store: Store, task: Task, *, has_gpu: bool) -> None:
    with store.write() as session:
        runs = planned(session, task, seeds=4)
        finish(session, runs[:3], characters_a_second=200.0, device="NVIDIA X" if has_gpu else "cpu")
        finish(session, runs[3:5], characters_a_second=7.0, device="cpu" if has_gpu else "NVIDIA X")

        expected = pace.of_runs(session, runs[5:], has_gpu=has_gpu)

        assert expected.seconds == pytest.approx(sum(pace.work_of(session, runs[5:]).values()) / 200)
        assert (expected.runs, expected.measured, expected.unknown) == (3, 3, ())
        assert expected.wall(2) == pytest.approx(expected.seconds / 2)
        assert expected.wall(50) == pytest.approx(expected.seconds / 3)


def test_a_run_that_went_on_counts_with_the_seconds_of_all_its_processes_or_not_at_all(
    store: Store, task: Task
) -> None:
    with store.write() as session:
        runs = planned(session, task, seeds=3)
        finish(session, runs[:3], characters_a_second=200.0)
        runs[1].facts = {**runs[1].facts, "resumed_at": [3], "seconds_before": 1.0}
        runs[2].facts = {"seconds": 0.001, "device": "cpu", "resumed_at": [3]}  # of its last process only
        session.flush()

        found = pace.paces(session, [ENCODER], has_gpu=False)[ENCODER]

        assert (found.characters, found.n) == (pytest.approx(200), 2)


def test_an_encoder_of_which_no_run_has_finished_has_no_forecast(store: Store, task: Task) -> None:
    with store.write() as session:
        expected = pace.of_runs(session, planned(session, task, seeds=2), has_gpu=False)

        assert math.isnan(expected.seconds)
        assert (expected.runs, expected.unknown) == (4, (ENCODER,))


def test_before_the_first_run_the_bundled_encoder_has_a_guess_on_a_processor_and_none_on_a_gpu(
    store: Store, task: Task
) -> None:
    with store.write() as session:
        assert pace.paces(session, ["minilm"], has_gpu=False)["minilm"].n == 0
        assert pace.paces(session, ["minilm"], has_gpu=True) == {}


def test_a_request_has_the_forecast_of_the_runs_that_it_plans(store: Store, task: Task) -> None:
    with store.write() as session:
        arms = tasks.arms(session, task.id)
        runs = planned(session, task, seeds=2)
        finish(session, runs[:2], characters_a_second=150.0)

        asked = pace.of_request(
            session, arms=arms, sizes={task.id: 20}, encoders=[ENCODER], seeds=2, settings=SETTINGS, has_gpu=False
        )

        assert asked.runs == len(runs)
        assert asked.seconds == pytest.approx(sum(pace.work_of(session, runs).values()) / 150)


def test_a_processor_without_bfloat16_is_guessed_to_be_slower(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    guesses = {}
    for name, flags in (
        ("with", "flags : fma avx512_bf16 amx_bf16"),
        ("without", "flags : fma avx2"),
        ("unknown", None),
    ):
        path = tmp_path / name
        if flags is not None:
            path.write_text(flags)
        monkeypatch.setattr(pace, "CPUINFO", path)
        with store() as session:
            guesses[name] = pace.paces(session, ["minilm"], has_gpu=False)["minilm"].characters

    assert guesses["without"] == pytest.approx(pace.WITHOUT_BF16 * guesses["with"])
    assert guesses["unknown"] == guesses["with"]
