"""Overview: the finding stands above the work that is going on, and the finished sample study opens with its finding."""

import re

import pytest
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from core.jobs import queue
from core.study import tasks
from core.study.rows.kinds import Slot
from core.study.rows.sessions import Campaign
from core.study.store import Store
from tests import finished_study
from tests.pages.test_pages import opened
from tests.rated_study import add_ratings


@pytest.mark.slow
def test_the_finding_stands_above_the_jobs_that_are_going_on(app: AppTest, home: Store) -> None:
    with home.write() as session:
        study = tasks.study_named(session, "deeds")
        task = finished_study.make_task(session, study, "mood", arms=["zero-shot"])
        finished_study.add_runs(session, task, {"real": 0.95, "zero-shot": 0.6})
        queue.enqueue(
            session, title="Train more", command=["-m", "core", "jobs"], key="t", slot=Slot.CPU, study_id=study.id
        )

    app.run()

    assert not app.exception
    drawn = [str(getattr(element, "value", "")) for element in app.main]
    finding = next(place for place, words in enumerate(drawn) if "gap" in words and words.startswith("**"))
    job = next(place for place, words in enumerate(drawn) if "Train more" in words)
    assert finding < job


@pytest.mark.slow
def test_one_press_on_the_first_screen_opens_the_finished_sample_with_its_finding(app: AppTest, home: Store) -> None:
    app.run()

    app.button(key="overview.finished").click().run()

    assert not app.exception
    assert app.title[0].value == r"finished\-sample"
    assert any(element.value.startswith("**") and "gap" in element.value for element in app.markdown)
    with home() as session:
        assert queue.rows(session) == []


def test_a_study_that_comes_in_while_the_first_screen_is_open_is_offered(home: Store) -> None:
    def first_screen() -> None:
        from ui.overview import doors

        doors.arrived()

    app = AppTest.from_function(first_screen, default_timeout=60).run()
    assert not app.markdown and not app.button
    with home.write() as session:
        tasks.study_named(session, "a_new_one")

    app.run()

    assert not app.exception
    assert app.markdown[0].value == r"The study **a\_new\_one** has come in." and app.button[0].label == "Open it"


@pytest.mark.slow
def test_every_task_has_its_verdict_in_a_card_and_the_way_to_its_reasons(app: AppTest, home: Store) -> None:
    with home.write() as session:
        study = tasks.study_named(session, "deeds")
        for name, real in (("mood", 0.95), ("tone", 0.5)):
            task = finished_study.make_task(session, study, name, arms=["zero-shot"])
            finished_study.add_runs(session, task, {"real": real, "zero-shot": 0.45})

    app.run()

    assert not app.exception
    assert [badge.value.partition("[")[2] for badge in app.markdown if "-badge[" in badge.value] == [
        "Collect real texts]",
        "No verdict yet]",
    ]
    lost = re.compile(r"zero-shot: \d+ points lost \(95 % interval \[\d+,\xa0\d+\]\)")
    assert any(lost.fullmatch(caption.value.replace("\\", "")) for caption in app.caption)
    app.button(key="overview.why.tone").click().run()
    assert not app.exception
    assert app.session_state["pickers.task"] == "tone"


@pytest.mark.slow
def test_names_of_studies_and_tasks_are_no_markdown_in_headings(app: AppTest, home: Store) -> None:
    with home.write() as session:
        task = finished_study.make_task(session, tasks.study_named(session, "*s* $x$"), "**t** :red[u]")
        add_ratings(session, task, noise=0.8)
        session.execute(update(Campaign).values(is_open=False))
    app.run()
    title = app.title[0].value
    app.query_params["slide"] = "Rating"

    opened(app, "present")

    assert not app.exception
    assert title == r"\*s\* \$x\$"
    assert [metric.label for metric in app.metric] == [r"\*\*t\*\* \:red\[u\]"]
