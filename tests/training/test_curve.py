"""Learning curves: nested texts, mixes whose real texts are counted, no run made twice, and errors in sentences."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.analysis.arms import sizes, trained
from core.analysis.points import Metric
from core.errors import StudyError
from core.reports import Report, Teller, silent
from core.settings import Settings
from core.steps.trained.curve import CurveRuns, train_curve
from core.study import tasks
from core.study.rows.kinds import Purpose
from core.study.rows.study import Job, Prediction, Run, Study, Task
from core.study.store import Store
from core.training import curve, plan, runs, selection
from core.training.curve import CurveRequest
from core.training.settings import TrainingSettings
from tests.training.conftest import SETTINGS


def planned(session: Session, task: Task, *sizes_asked: int | None, synthetic: int | None = None) -> plan.Planned:
    request = CurveRequest(sizes_asked, ["zero-shot"], synthetic)
    return curve.plan_curve(session, task=task, request=request, encoders=["minilm"], seeds=[0, 1], settings=SETTINGS)


@contextmanager
def no_bar(_title: str) -> Iterator[Report]:
    yield silent


def texts_of(session: Session, task: Task, run: Run) -> pd.DataFrame:
    arm = next(arm for arm in tasks.arms(session, task.id) if arm.id == run.arm_id)
    test = selection.test_samples(session, task)
    return selection.run_texts(
        session, arm, test=test, n=run.n_train, seed=run.seed, settings=SETTINGS, n_real=run.n_real
    ).chosen


def test_a_curve_has_real_texts_alone_synthetic_texts_alone_and_mixes(store: Store, task: Task) -> None:
    with store.write() as session:
        made = planned(session, task, 0, 4, 10, None).new

    assert [(run.n_train, run.n_real) for run in made if run.seed == 0] == [
        (4, None), (10, None), (24, None), (20, None), (24, 4), (30, 10), (44, 24),
    ]  # fmt: skip
    assert {run.purpose for run in made} == {"learning-curve"}


def test_the_texts_of_a_size_contain_those_of_smaller_sizes_and_a_mix_adds_to_them(store: Store, task: Task) -> None:
    with store.write() as session:
        made = {(run.seed, run.n_train, run.n_real): run for run in planned(session, task, 4, 10, synthetic=6).new}
        for seed in (0, 1):
            small, large = (set(texts_of(session, task, made[seed, n, None])["exact"]) for n in (4, 10))
            mixes = [set(texts_of(session, task, made[seed, n + 6, n])["exact"]) for n in (4, 10)]

            assert small < large
            assert small < mixes[0]
            assert large < mixes[1]
            assert mixes[1] - large == mixes[0] - small
            assert len(mixes[1]) == 16


def test_a_curve_is_not_planned_twice_and_takes_the_runs_of_the_comparison(store: Store, task: Task) -> None:
    with store.write() as session:
        arms = tasks.arms(session, task.id)
        compared = plan.plan(session, task=task, arms=arms, encoders=["minilm"], seeds=[0, 1], settings=SETTINGS).new
        first = planned(session, task, 0, 10, 20)
        again = planned(session, task, 0, 10, 20)

        assert {run.id for run in first.existing} == {run.id for run in compared}
        assert {run.purpose for run in first.existing} == {"comparison"}
        assert again.new == []
        assert len(session.scalars(select(Run)).all()) == len(compared) + len(first.new)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (CurveRequest([1], ["zero-shot"]), "0, or 2 to 24"),
        (CurveRequest([25], ["zero-shot"]), "0, or 2 to 24"),
        (CurveRequest([0], []), "a size above 0"),
        (CurveRequest([4], ["real"]), "the curve itself"),
        (CurveRequest([4], ["nowhere"]), "nowhere"),
        (CurveRequest([4], ["zero-shot"], 1), "at least 2"),
    ],
)
def test_a_curve_that_cannot_be_is_refused_in_a_sentence(
    store: Store, task: Task, asked: CurveRequest, words: str
) -> None:
    with store.write() as session, pytest.raises(StudyError, match=words):
        curve.plan_curve(session, task=task, request=asked, encoders=["minilm"], seeds=[0], settings=SETTINGS)


@pytest.mark.parametrize(("text", "size"), [("all", None), (" 1,200 ", 1200), ("0", 0)])
def test_a_size_is_a_number_or_all(text: str, size: int | None) -> None:
    assert curve.size_of(text) == size
    with pytest.raises(StudyError, match="whole number"):
        curve.size_of("some")


@pytest.mark.parametrize("is_curve_first", [False, True])
def test_a_run_that_two_rules_of_length_ask_for_stands_on_the_curve(
    store: Store, task: Task, is_curve_first: bool
) -> None:
    compared, drawn = (TrainingSettings(passes=passes, least_steps=200) for passes in (10, 5))
    request = CurveRequest([6, 12, None])
    with store.write() as session:

        def compare() -> None:
            plan.plan(
                session,
                task=task,
                arms=[tasks.get_arm(session, task, "real")],
                encoders=["minilm"],
                seeds=[0],
                settings=compared,
            )

        def draw() -> plan.Planned:
            return curve.plan_curve(session, task=task, request=request, encoders=["minilm"], seeds=[0], settings=drawn)

        for step in (draw, compare) if is_curve_first else (compare, draw):
            step()
        test = selection.test_samples(session, task)
        for run in session.scalars(select(Run)).all():
            run.finished_at = 1.0
            session.add_all(
                Prediction(run_id=run.id, sample_id=int(row.sample_id), label_id=1, probability=1.0, created_at=1.0)
                for row in test.itertuples()
            )
        session.flush()

        found = trained.read_curves(session, trained.read(session, task.study_id), task.study_id)

    assert sorted(arm.n_train for arm in found.arms) == [6, 12, 24]
    assert found.left_out == ()


@pytest.mark.slow
def test_a_curve_is_read_where_the_task_has_no_other_runs(settings: Settings, store: Store, task: Task) -> None:
    from core.training import fit

    with store.write() as session:
        study = session.get_one(Study, task.study_id)
        drawn = planned(session, task, 0, 6, 12).new
    fit.execute(store, [run.id for run in drawn if run.seed == 0], report=silent)
    asked = CurveRuns(CurveRequest([0, 6, 12], ["zero-shot"]), ["minilm"], [0], SETTINGS)

    found = train_curve(settings, store, study, "reviews", asked, Teller(bar=no_bar, say=lambda _: None))

    assert {(row["arm"], row["n_train"]) for row in found.rows} == {
        ("real", 6), ("real", 12), ("real + 20 zero-shot", 26), ("real + 20 zero-shot", 32), ("zero-shot", 20),
    }  # fmt: skip
    assert any("zero-shot" in sentence for sentence in found.reading)
    with store() as session:
        assert session.scalars(select(Job)).all() == []


@pytest.mark.slow
def test_the_runs_of_a_curve_are_trained_and_stand_on_the_curve_alone(store: Store, task: Task, tmp_path: Path) -> None:
    from core.training import fit

    with store.write() as session:
        made = planned(session, task, 0, 6, 12).new
    fit.execute(store, [run.id for run in made if run.seed == 0], report=silent)

    with store() as session:
        assert runs.scores(session, task.study_id).empty
        study = trained.read_curves(session, trained.read(session, task.study_id), task.study_id)
        found = sizes.curves(sizes.of_task(study, "reviews", encoder="minilm"), metric=Metric.ACCURACY)
        n_predictions = len(session.scalars(select(Prediction)).all())
        purposes = set(session.scalars(select(Run.purpose)))

    assert n_predictions == 5 * 16
    assert purposes == {Purpose.LEARNING_CURVE}
    assert found[["arm", "texts", "n_train"]].to_numpy().tolist() == [
        ["real", 6, 6], ["real", 12, 12], ["real + 20 zero-shot", 6, 26], ["real + 20 zero-shot", 12, 32],
        ["zero-shot", 20, 20],
    ]  # fmt: skip


def test_a_curve_takes_over_a_run_of_a_steps_check_which_goes_on_to_count_it(store: Store, task: Task) -> None:
    with store.write() as session:
        arms = tasks.arms(session, task.id)
        settings = SETTINGS.model_copy(update={"steps": 3})
        checked = plan.plan(
            session, task=task, arms=arms, encoders=["minilm"], seeds=[0], settings=settings, times=2.0
        ).new
        drawn = planned(session, task, 20)

        assert {run.id for run in drawn.existing} == {
            run.id for run in checked if run.n_train == 20 and run.arm_id == arms[0].id
        }
        assert {run.purpose for run in drawn.existing} == {"learning-curve"}


def test_a_curve_without_seeds_is_refused(store: Store, task: Task) -> None:
    with store.write() as session, pytest.raises(StudyError, match="at least one seed|one seed"):
        curve.plan_curve(
            session, task=task, request=CurveRequest([4]), encoders=["minilm"], seeds=[], settings=SETTINGS
        )
