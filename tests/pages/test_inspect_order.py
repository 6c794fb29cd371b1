"""Inspect names the arm to start with, and after training how far that held; all tasks are measured by one press."""

import pytest
from filelock import FileLock
from streamlit.testing.v1 import AppTest

from core import settings as settings_module
from core.jobs import queue
from core.quality import measures
from core.quality.measures import ArmMeasures
from core.study import tasks
from core.study.store import Store
from tests import apps, finished_study, measured
from tests.pages.conftest import ROOT


def inspected(home: Store, *arms: ArmMeasures, right: dict[str, float] | None = None) -> AppTest:
    """The view Quality of a task with these stored measures, whose arms were trained with these shares of right answers."""
    with home.write() as session:
        study = tasks.study_named(session, "deeds")
        made = [arm.arm for arm in arms if arm.arm != "real"]
        task = finished_study.make_task(session, study, "mood", arms=made)
        finished_study.add_runs(session, task, right or {})
    with home() as session:
        found = measured.task(*arms, task_id=task.id, digest=measures.digest(session, task.id))
    measures.write(settings_module.load(), found)
    app = apps.of_file(ROOT / "pages" / "inspect.py")
    app.query_params["inspect.view"] = "Quality"
    app.run()
    assert not app.exception
    return app


def said(app: AppTest) -> str:
    """The sentences of the page, without the signs that keep Markdown from reading them."""
    return " ".join([*(one.value for one in app.markdown), *(one.value for one in app.info)]).replace("\\", "")


@pytest.mark.slow
def test_the_page_names_the_arm_to_start_with_above_the_details(home: Store) -> None:
    arms = [measured.arm(name, value) for name, value in {"real": 0.4, "short": 0.2, "grid": 0.3}.items()]

    shown = inspected(home, *arms)

    assert shown.header[0].value == "Which arm to start with"
    assert "**Of these two arms, start with grid:" in said(shown)
    assert shown.dataframe[0].value["arm"].tolist() == ["grid", "short", "real"]
    assert "After training" not in said(shown)


@pytest.mark.slow
@pytest.mark.parametrize("language", ["english", "thai"])
def test_after_training_the_two_orders_stand_beside_each_other(home: Store, language: str) -> None:
    tokens = measured.THAI if language == "thai" else measured.KNOWN
    names = {"real": 0.4, "short": 0.1, "long": 0.2, "grid": 0.3}
    arms = [measured.arm(name, value, tokens=tokens) for name, value in names.items()]

    shown = inspected(home, *arms, right={"real": 0.95, "short": 0.9, "long": 0.75, "grid": 0.6})

    if language == "thai":
        assert "No arm is named to start with: the encoder minilm does not know the language of real" in said(shown)
        assert "start with grid" not in said(shown)
    else:
        assert "Spearman -1.00 over 3 arms, where 100 % of all orders do at least as well" in said(shown)


def test_one_press_measures_all_tasks_that_have_texts_and_are_not_measured(home: Store) -> None:
    with home.write() as session:
        study = tasks.study_named(session, "deeds")
        for name in ("mood", "tone", "news"):
            finished_study.make_task(session, study, name)
        finished_study.make_task(session, study, "empty", test_texts=0)
        done = tasks.get_task(session, study.id, "news")
        found = measured.task(measured.arm("real", 0.4), task_id=done.id, digest=measures.digest(session, done.id))
    measures.write(settings_module.load(), found)
    app = apps.of_file(ROOT / "pages" / "inspect.py")
    app.query_params["inspect.view"] = "Quality"
    app.run()

    with FileLock(settings_module.load().home / "runner.lock"):
        next(button for button in app.button if button.label == "Measure all 2 tasks").click().run()

    assert not app.exception
    with home() as session:
        assert sorted(job.title for job in queue.rows(session)) == ["Measure mood", "Measure tone"]
