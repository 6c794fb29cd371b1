"""The page Verdict: it answers with and without runs and ratings, and never shows what is no number."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.study import tasks
from core.study.store import Store
from tests.finished_study import add_runs, make_task
from tests.pages.test_pages import opened

LOSSES = {"news": 0.05, "tone": 0.2}


def said(app: AppTest) -> str:
    return "\n".join(str(element.value) for element in (*app.info, *app.warning, *app.markdown, *app.caption)).replace(
        "\\", ""
    )


def fill(home: Store, *, seeds: int = 3, right: float = 0.92) -> None:
    with home.write() as session:
        study = tasks.study_named(session, "s")
        for name, loss in LOSSES.items():
            task = make_task(session, study, name, arms=["zero-shot"])
            if seeds:
                add_runs(session, task, {"real": right, "zero-shot": max(0.5, right - loss)}, seeds=seeds)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"seeds": 0}, "Nothing is measured yet"),
        ({"seeds": 1}, "Nothing is measured yet"),
        ({"seeds": 3}, "zero-shot: "),
        ({"seeds": 3, "right": 0.5}, "No verdict yet: the real arm is no better than chance"),
    ],
)
def test_one_task_has_an_answer_whatever_is_known(
    app: AppTest, home: Store, given: dict[str, Any], expected: str
) -> None:
    fill(home, **given)

    opened(app, "verdict")

    shown = said(app)
    assert expected in shown and "nan" not in shown.lower()


@pytest.mark.slow
def test_another_margin_changes_the_chance(app: AppTest, home: Store) -> None:
    fill(home)
    opened(app, "verdict")
    app.selectbox(key="verdict.task.1").select("tone").run()
    strict = said(app)

    app.number_input(key="verdict.margin").set_value(40.0).run()

    assert "The chance to lose at most 5 points is" in strict and "The chance to lose at most 40 points is" in said(app)
    assert "Collect real texts" in strict and "Generate: train on zero-shot texts." in said(app)
