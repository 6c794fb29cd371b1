"""Seed students learn from the few-shot pool alone, and stand among the baselines, in no table of scores and in no gap."""

from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from core import settings as settings_module
from core.analysis.baselines import results
from core.analysis.baselines.results import POOL
from core.errors import StudyError
from core.reports import silent
from core.settings import Settings
from core.study import tasks
from core.study.rows.kinds import Purpose, Split
from core.study.rows.study import Run, Task
from core.study.store import Store
from core.training import fingerprints, fit, runs, selection
from core.training.baselines import students
from core.training.settings import TrainingSettings
from tests.training.conftest import BLAME, PRAISE, SETTINGS, add_samples, sentences


@pytest.fixture
def settings(request: pytest.FixtureRequest, home_folder: Path) -> Settings:
    is_postgresql = getattr(request, "param", "") == "postgresql"
    url = request.getfixturevalue("migrated_postgresql_url") if is_postgresql else ""
    return settings_module.load({"LITMUS_HOME": str(home_folder), "LITMUS_DATABASE": url})


def add_pool(store: Store, task: Task, n: int = 8) -> None:
    with store.write() as session:
        real = tasks.get_arm(session, task, "real")
        for label, ends in (("good", PRAISE), ("bad", BLAME)):
            add_samples(session, real, label=label, texts=sentences(ends, n // 2, start=40), split=Split.POOL)


def plan(store: Store, task: Task, settings: TrainingSettings = SETTINGS) -> list[Run]:
    with store.write() as session:
        return students.plan(session, task=task, encoders=["minilm"], seeds=[0, 1], settings=settings)


def test_a_student_is_planned_once_and_trains_on_the_whole_pool(store: Store, task: Task) -> None:
    add_pool(store, task)

    first, again = plan(store, task), plan(store, task)

    assert [run.id for run in first] == [run.id for run in again]
    assert {(run.n_train, run.purpose) for run in first} == {(8, Purpose.SEED_STUDENT)}


@pytest.mark.slow
@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)  # SQLite lets one transaction write at a time
def test_two_clicks_at_once_plan_each_student_once(store: Store, task: Task) -> None:
    add_pool(store, task)

    with ThreadPoolExecutor() as pool:
        with store.write() as session:
            first = students.plan(session, task=task, encoders=["minilm"], seeds=[0, 1], settings=SETTINGS)
            second = pool.submit(plan, store, task)
            wait([second], timeout=1)

        assert [run.id for run in second.result()] == [run.id for run in first]


@pytest.mark.slow
def test_a_trained_student_is_a_baseline_and_no_run_of_the_comparison(store: Store, task: Task) -> None:
    add_pool(store, task)
    planned = plan(store, task)
    fit.execute(store, [run.id for run in planned], report=silent)

    with store() as session:
        real = tasks.get_arm(session, task, "real")
        pool = selection.pool_samples(session, real, selection.test_samples(session, task))
        facts = runs.get(session, planned[0].id).facts
        found = results.of_task(session, task, None)
        scored = runs.scores(session, task.study_id)

    assert facts["train_digest"] == fingerprints.data_digest(pool)
    assert scored.empty
    [student] = [one for one in found.results if one.name == "student:minilm"]
    assert (student.arm, student.n_train, student.predicted.shape) == (POOL, 8, (2, 16))
    assert student.words == "seed student (minilm) on the few-shot pool" and not student.is_fixed


@pytest.mark.slow
def test_a_student_of_another_pool_is_not_shown(store: Store, task: Task) -> None:
    add_pool(store, task)
    planned = plan(store, task, SETTINGS.model_copy(update={"steps": 1}))
    fit.execute(store, [run.id for run in planned], report=silent)
    with store.write() as session:
        add_samples(
            session, tasks.get_arm(session, task, "real"), label="good", texts=["a text of its own"], split=Split.POOL
        )

    with store() as session:
        found = results.of_task(session, task, None)

    assert [one.name for one in found.results] == ["majority"]


def test_a_task_without_a_pool_is_refused_in_words(store: Store, task: Task) -> None:
    with pytest.raises(StudyError, match="few-shot pool, which needs texts of two labels"):
        plan(store, task)
