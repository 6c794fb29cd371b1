"""Choices of several tasks or arms follow what there is until a person changes them, and nothing chosen queues nothing."""

from pathlib import Path

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from core.study import tasks
from core.study.rows.study import Job
from core.study.store import Store
from tests.finished_study import add_runs, make_task
from tests.pages.test_pages import fill, opened

pytestmark = pytest.mark.slow


def make_arm(store: Store, name: str) -> None:
    with store.write() as session:
        tasks.make_arm(session, task_id=1, name=name)


def make_study(store: Store, arm: str) -> None:
    """A study with one task that has one arm, without texts."""
    with store.write() as session:
        study = tasks.study_named(session, "moods")
        made = tasks.make_task(session, study_id=study.id, name="mood", question="?", labels={"yes": "", "no": ""})
        tasks.make_arm(session, task_id=made.id, name=arm)


def chosen(app: AppTest, label: str) -> list[str]:
    return list(next(box for box in app.multiselect if box.label == label).value)


def test_in_another_study_all_its_tasks_and_arms_are_chosen(app: AppTest, home: Store, tmp_path: Path) -> None:
    fill(home, tmp_path)
    with home.write() as session:
        other = tasks.study_named(session, "other")
        make_task(session, other, "mood", arms=["few-shot"])
    opened(app, "train")
    assert (chosen(app, "Tasks"), chosen(app, "Arms")) == (["mood"], ["real", "few-shot"])

    app.session_state["frame.study"] = app.session_state["frame.choice"] = "tickets"
    app.run()

    assert not app.exception
    assert (chosen(app, "Tasks"), chosen(app, "Arms")) == (["urgency"], ["real", "zero-shot"])


def test_an_arm_made_later_is_chosen_too_until_a_person_has_chosen(app: AppTest, home: Store, tmp_path: Path) -> None:
    fill(home, tmp_path)
    opened(app, "train")

    make_arm(home, "few-shot")
    app.run()
    before = chosen(app, "Arms")
    app.multiselect(key="train.arms.1").set_value(["real"]).run()
    make_arm(home, "mixed")
    app.run()

    assert before == ["real", "zero-shot", "few-shot"]
    assert chosen(app, "Arms") == ["real"]
    assert "mixed" in app.multiselect(key="train.arms.1").options


@pytest.mark.parametrize(
    ("page", "key", "first", "later", "expected"),
    [
        ("inspect", "fidelity.arms.1", "zero-shot", "real", ["real", "zero-shot"]),
        ("campaigns", "campaigns.arms.1", "zero-shot", "real", [2]),
        ("train", "train.curve.arms.1", "real", "zero-shot", ["zero-shot"]),
    ],
)
def test_every_form_follows_the_arms_of_its_task(
    app: AppTest, home: Store, page: str, key: str, first: str, later: str, expected: list[str | int]
) -> None:
    make_study(home, first)
    app.query_params["inspect.view"] = "Labels"
    opened(app, page)

    make_arm(home, later)
    app.run()

    assert not app.exception
    assert app.multiselect(key=key).value == expected


def test_an_arm_whose_runs_finish_later_is_compared_too(app: AppTest, home: Store) -> None:
    with home.write() as session:
        task = make_task(session, tasks.study_named(session, "moods"), "mood", arms=["zero-shot", "few-shot"])
        add_runs(session, task, {"real": 0.9, "zero-shot": 0.7})
    opened(app, "compare")
    before = chosen(app, "Arms")

    with home.write() as session:
        add_runs(session, task, {"few-shot": 0.8})
    app.run()

    assert not app.exception
    assert (before, chosen(app, "Arms")) == (["real", "zero-shot"], ["real", "zero-shot", "few-shot"])


@pytest.mark.parametrize("key", ["train.tasks.1", "train.arms.1", "train.1.encoders"])
def test_with_nothing_chosen_nothing_can_be_queued(app: AppTest, home: Store, tmp_path: Path, key: str) -> None:
    fill(home, tmp_path)
    opened(app, "train")
    before = [app.button(key=button).disabled for button in ("train.start", "train.check")]

    app.multiselect(key=key).set_value([]).run()

    assert not app.exception
    assert before == [False, False]
    assert [app.button(key=button).disabled for button in ("train.start", "train.check")] == [True, True]
    assert app.button(key="train.start").help == "Choose a task, an arm and an encoder."
    with home() as session:
        assert session.scalars(select(Job)).all() == []
