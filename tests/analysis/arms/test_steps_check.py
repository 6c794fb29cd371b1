"""The steps check: gaps at half, once and twice the steps, from runs of equal seeds, and no other run enters the comparison."""

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.analysis.arms import steps_check
from core.analysis.points import Metric
from core.study import tasks
from core.study.rows.kinds import Purpose
from core.study.rows.study import Run, Study, Task
from core.study.store import Store
from core.training import runs
from tests.finished_study import add_runs, make_task


def add(
    session: Session, task: Task, right: dict[str, float], *, steps: int, seeds: int = 3, n_train: int = 100
) -> None:
    """Runs of the arms; those with other steps than 100 belong to a check."""
    before = set(session.scalars(select(Run.id)))
    add_runs(session, task, right, steps=steps, seeds=seeds)
    for run in session.scalars(select(Run).where(Run.id.not_in(before))):
        run.purpose = Purpose.COMPARISON if steps == 100 else Purpose.STEPS_CHECK
        run.n_train, run.fingerprint = n_train, f"{run.fingerprint} {n_train}"
    session.flush()


@pytest.fixture
def study(store: Store) -> Study:
    with store.write() as session:
        made = tasks.study_named(session, "s")
        task = make_task(session, made, "tone", arms=["zero-shot"], test_texts=400)
        add(session, task, {"real": 0.9, "zero-shot": 0.7}, steps=100)
    return made


def check(store: Store, study: Study) -> steps_check.StepsCheck:
    with store() as session:
        return steps_check.read(session, study.id, Metric.ACCURACY)


def test_without_runs_of_other_lengths_every_run_waits(store: Store, study: Study) -> None:
    found = check(store, study)

    assert found.table.empty
    assert found.waiting == 6
    assert steps_check.sentence(found) == ""


@pytest.mark.slow
def test_a_gap_that_shrinks_with_longer_training_is_named(store: Store, study: Study) -> None:
    with store.write() as session:
        task = session.query(Task).one()
        add(session, task, {"real": 0.8, "zero-shot": 0.6}, steps=50)
        add(session, task, {"real": 0.9, "zero-shot": 0.9}, steps=200)

    found = check(store, study)
    row = found.table.iloc[0]

    assert found.waiting == 0
    assert (row["arm"], row["steps"], row["n_seeds"], row["n_test"]) == ("zero-shot", 100, 3, 400)
    assert [row["gap_half"], row["gap"], row["gap_twice"]] == pytest.approx([0.2, 0.2, 0.0], abs=0.06)
    assert row["change"] == pytest.approx(row["gap_twice"] - row["gap"])
    assert row["low"] < row["change"] < row["high"] < 0
    assert steps_check.sentence(found).startswith("The gap of tone · zero-shot depends on the length of the training")


@pytest.mark.slow
def test_a_gap_that_stays_is_not_shown_to_move_and_what_is_not_ruled_out_is_said(store: Store, study: Study) -> None:
    with store.write() as session:
        task = session.query(Task).one()
        add(session, task, {"real": 0.9, "zero-shot": 0.7}, steps=50)
        add(session, task, {"real": 0.9, "zero-shot": 0.7}, steps=200)

    found = check(store, study)

    assert steps_check.sentence(found).startswith(
        "With twice the steps the gap is not shown to move by more than 2 points."
    )
    assert found.table["low"].iloc[0] < 0 < found.table["high"].iloc[0]


def test_a_small_move_that_is_shown_is_not_denied() -> None:
    row = ["tone", "zero-shot", "minilm", 100, 0.1, 0.1, 0.115, 0.015, 0.005, 0.025, 3, 500]
    found = steps_check.StepsCheck(pd.DataFrame([row], columns=steps_check.COLUMNS), 0)

    assert steps_check.sentence(found) == (
        "With twice the steps the gap is not shown to move by more than 2 points. For 1 of 1 a move of more than 2 points is not ruled out "
        "either."
    )


@pytest.mark.slow
def test_seeds_without_all_lengths_are_left_out_and_counted(store: Store, study: Study) -> None:
    with store.write() as session:
        task = session.query(Task).one()
        add(session, task, {"real": 0.9, "zero-shot": 0.7}, steps=50)
        add(session, task, {"real": 0.9, "zero-shot": 0.7}, steps=200, seeds=2)

    found = check(store, study)

    assert found.waiting == 2
    assert found.table["n_seeds"].iloc[0] == 2
    assert np.isnan(found.table["low"].iloc[0])
    assert steps_check.as_json(found)[0]["low"] is None


def test_runs_of_a_check_stand_in_no_table_of_scores(store: Store, study: Study) -> None:
    with store.write() as session:
        before = runs.scores(session, study.id)
        add(session, session.query(Task).one(), {"real": 0.9, "zero-shot": 0.9}, steps=200)
        after = runs.scores(session, study.id)

    assert list(after["run_id"]) == list(before["run_id"])


@pytest.mark.slow
def test_runs_on_another_number_of_texts_stand_in_no_change(store: Store, study: Study) -> None:
    with store.write() as session:
        task = session.query(Task).one()
        for steps in (50, 200):
            add(session, task, {"real": 0.9, "zero-shot": 0.7}, steps=steps)
        for steps in (50, 100, 200):
            add(session, task, {"real": 0.6}, steps=steps, n_train=60)

    found = check(store, study)
    row = found.table.iloc[0]

    assert found.waiting == 0
    assert row["n_seeds"] == 3
    assert [row["gap_half"], row["gap"], row["gap_twice"]] == pytest.approx([0.2, 0.2, 0.2], abs=0.06)
