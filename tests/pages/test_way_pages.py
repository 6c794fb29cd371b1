"""The way at the head of pages: what it says of jobs, its end, the study in hand, and pages of a study without tasks."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from streamlit.testing.v1 import AppTest

from core.jobs import queue
from core.study import tasks
from core.study.rows.kinds import Slot, Work
from core.study.rows.study import Study
from core.study.store import Store
from tests import finished_study
from tests.pages.test_pages import fill, opened


@pytest.fixture(autouse=True)
def _no_runner(home_folder: Path) -> Iterator[None]:
    """No runner starts, as if another one worked: jobs stay where a test has put them."""
    with FileLock(home_folder / "runner.lock"):
        yield


def study_named(store: Store, name: str) -> Study:
    with store.write() as session:
        return tasks.study_named(session, name)


def training(store: Store, study: Study, *, paused: bool = False) -> None:
    with store.write() as session:
        job = queue.enqueue(
            session, title="T", key=Work.TRAIN.key("1"), command=["-m", "core"], slot=Slot.CPU, study_id=study.id
        )
        if paused:
            queue.request_pause(session, job.id)


def words(app: AppTest) -> str:
    drawn = (*app.markdown, *app.info, *app.caption)
    return "\n".join(str(element.value) for element in drawn).replace("\\", "")


def test_a_study_without_a_task_says_its_first_step(app: AppTest, home: Store) -> None:
    study_named(home, "letters")
    app.run()

    assert "Bring in real texts with their labels" in words(app)
    app.button(key="way.next").click().run()
    assert app.title[0].value == "Tasks and data"


@pytest.mark.parametrize("page", ["train", "campaigns", "prompts", "inspect"])
def test_a_page_without_tasks_fills_itself_once_a_job_has_made_them(app: AppTest, home: Store, page: str) -> None:
    study = study_named(home, "letters")
    training(home, study)
    opened(app, page)
    assert "Training waits for a free slot" in words(app)
    assert not [button.label for button in app.button if "Bring in" in button.label]

    with home.write() as session:
        finished_study.make_task(session, study, "mood", arms=["zero-shot"])
    app.run()

    assert "no task yet" not in words(app)


def test_analyse_offers_no_training_while_training_is_going_on(app: AppTest, home: Store, tmp_path: Path) -> None:
    study = fill(home, tmp_path)
    opened(app, "analyse")
    assert "Queue training runs" in [button.label for button in app.button]

    training(home, study)
    app.run()

    assert "Training waits for a free slot" in words(app)
    assert "Queue training runs" not in [button.label for button in app.button]


def test_paused_trainings_are_not_going_on(app: AppTest, home: Store, tmp_path: Path) -> None:
    training(home, fill(home, tmp_path), paused=True)
    opened(app, "data")

    assert "Training is paused" in words(app) and "going on" not in words(app)
    app.button(key="way.next").click().run()
    assert app.title[0].value == "Jobs"


@pytest.mark.slow
def test_the_way_ends_at_the_verdict_with_what_can_be_done_next(app: AppTest, home: Store, tmp_path: Path) -> None:
    study = fill(home, tmp_path)
    with home.write() as session:
        finished_study.add_runs(session, tasks.get_task(session, study.id, "urgency"), {"real": 0.9, "zero-shot": 0.7})
    opened(app, "verdict")

    assert "The last step of urgency" in words(app)
    assert "Next:" not in words(app)
    app.button(key="way.report").click().run()
    assert app.title[0].value == "Report"
    assert "share the verdict" in words(app) and "Next:" not in words(app)
    app.button(key="way.verdict").click().run()
    assert app.title[0].value == "Verdict"


@pytest.mark.slow
def test_a_second_task_at_its_end_stays_in_hand_on_report(app: AppTest, home: Store, tmp_path: Path) -> None:
    fill(home, tmp_path)
    study = fill(home, tmp_path, name="zeal")
    with home.write() as session:
        for name in ("urgency", "zeal"):
            finished_study.add_runs(session, tasks.get_task(session, study.id, name), {"real": 0.9, "zero-shot": 0.7})
    opened(app, "verdict")
    app.selectbox(key=f"verdict.task.{study.id}").select("zeal").run()

    app.button(key="way.report").click().run()

    assert "The last step of zeal" in words(app)


def test_go_to_check_shows_the_texts_that_a_model_wrote(app: AppTest, home: Store, tmp_path: Path) -> None:
    training(home, fill(home, tmp_path))
    opened(app, "data")

    app.button(key="way.next").click().run()

    assert app.title[0].value == "Inspect"
    assert app.selectbox(key="samples.Arm.1").value == "zero-shot"


@pytest.mark.slow
def test_every_page_but_overview_names_the_study_in_hand(app: AppTest, home: Store, tmp_path: Path) -> None:
    fill(home, tmp_path)
    for page in ("data", "generate", "plan", "analyse", "report"):
        opened(app, page)
        assert "Study tickets" in words(app)
