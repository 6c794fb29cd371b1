"""The page Analyse where something is missing: a sentence in place of a figure, no traceback, nothing undefined on the screen."""

from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from streamlit.testing.v1 import AppTest

from core.study import tasks
from core.study.rows.study import Label, Prediction, Run, Study, Task
from core.study.store import Store
from core.training.fingerprints import CODE_VERSION
from tests.finished_study import add_runs, make_task
from tests.pages.test_pages import opened
from tests.rated_study import add_comparisons, add_generated, add_ratings

VIEWS = ("Points", "Tasks", "Samples", "Report")
Change = Callable[[Session, Study], None]


def add_task(
    session: Session, study: Study, name: str, *, loss: float = 0.1, noise: float | None = 0.4, seeds: int = 3
) -> Task:
    task = make_task(session, study, name, arms=["zero-shot"], test_texts=40)
    if seeds:
        add_runs(session, task, {"real": 0.92, "zero-shot": 0.92 - loss}, seeds=seeds)
    if noise is not None:
        add_ratings(session, task, noise=noise, raters=3)
    return task


def several(
    session: Session, study: Study, *, noises: tuple[float | None, ...] = (0.1, 0.4, 0.7, 0.9), seeds: int = 3
) -> None:
    for place, noise in enumerate(noises):
        add_task(session, study, f"task {place}", loss=0.05 * place, noise=noise, seeds=seeds)


def one_task(session: Session, study: Study) -> None:
    add_task(session, study, "only")


def no_runs(session: Session, study: Study) -> None:
    several(session, study, seeds=0)


def one_seed(session: Session, study: Study) -> None:
    several(session, study, seeds=1)


def constant_subjectivity(session: Session, study: Study) -> None:
    several(session, study, noises=(0.0, 0.0, 0.0, 0.0))


def nobody_asked(session: Session, study: Study) -> None:
    several(session, study, noises=(None, None, None))


def no_scores(session: Session, study: Study) -> None:
    several(session, study)
    for prediction in session.scalars(select(Prediction)):
        session.delete(prediction)


def some_scores_missing(session: Session, study: Study) -> None:
    several(session, study)
    first = session.scalars(select(Run).order_by(Run.id)).first()
    assert first is not None
    for prediction in session.scalars(select(Prediction).where(Prediction.run_id == first.id)):
        session.delete(prediction)


def equal_predictions(session: Session, study: Study) -> None:
    several(session, study, noises=(0.3, 0.6, 0.9))
    for task in tasks.tasks(session, study.id):
        label = tasks.labels_of(session, task.id)[0]
        for prediction in session.scalars(
            select(Prediction).join(Label, Label.id == Prediction.label_id).where(Label.task_id == task.id)
        ):
            prediction.label_id = label.id


def missing_class(session: Session, study: Study) -> None:
    several(session, study)
    for task in tasks.tasks(session, study.id):
        session.add(Label(task_id=task.id, name="neither", position=2))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (one_task, "Regression needs at least 3 tasks"),
        (no_runs, "The figures need finished runs of a real and a synthetic arm."),
        (one_seed, "have no interval"),
        (constant_subjectivity, "All 4 tasks have the same subjectivity"),
        (nobody_asked, "Nobody has said yet how subjective the tasks are"),
        (no_scores, "No finished run has predictions on the test split"),
        (some_scores_missing, "1 run has no predictions on the test split"),
        (equal_predictions, "the real arm is no better than chance"),
        (missing_class, "the test split holds no text of neither"),
    ],
)
def test_what_is_missing_is_said_in_every_view(app: AppTest, home: Store, change: Change, expected: str) -> None:
    with home.write() as session:
        change(session, tasks.study_named(session, "s"))

    opened(app, "analyse")

    shown = said(app)
    assert expected in shown
    for view in VIEWS if len(app.segmented_control) > 2 else ():
        app.segmented_control(key="analyse.view").set_value(view).run()
        assert not app.exception, (view, app.exception[0].value)
        assert_nothing_undefined(app)
    assert_nothing_undefined(app)


@pytest.mark.slow
@pytest.mark.parametrize("change", [one_task, one_seed, constant_subjectivity, several])
def test_both_figures_and_every_gap_can_be_chosen(app: AppTest, home: Store, change: Change) -> None:
    with home.write() as session:
        study = tasks.study_named(session, "s")
        change(session, study)
        add_generated(session, tasks.tasks(session, study.id)[0], "zero-shot")
    opened(app, "analyse")

    for figure in list(app.segmented_control(key="analyse.figure.2").options):
        app.segmented_control(key="analyse.figure.2").set_value(figure).run()
        assert not app.exception, (figure, app.exception[0].value)
        assert_nothing_undefined(app)
    box = app.selectbox(key="analyse.point")
    box.select(box.options[0]).run()

    shown = said(app)
    assert not app.exception, app.exception[0].value
    assert "Points of Macro-F1 lost: " in shown and "Label ceiling: one rater scores" in shown
    assert "by prompt version 1" in shown and f"Training: steps 100, version {CODE_VERSION}." in shown
    assert [code.value for code in app.code] == ["You write texts.\n\nWrite a text that is {label}."]
    assert_nothing_undefined(app)


@pytest.mark.slow
def test_the_mark_that_was_clicked_stands_in_the_box(app: AppTest, home: Store) -> None:
    with home.write() as session:
        several(session, tasks.study_named(session, "s"))
    opened(app, "analyse")

    app.session_state["analyse.point"] = "task 2 · zero-shot · minilm"
    app.run()
    assert app.selectbox(key="analyse.point").value == "task 2 · zero-shot · minilm"


@pytest.mark.slow
def test_a_verdict_on_a_task_in_no_comparison_asks_for_one(app: AppTest, home: Store) -> None:
    with home.write() as session:
        study = tasks.study_named(session, "s")
        several(session, study, noises=(None, None, None, None))
        add_comparisons(session, study, tasks.tasks(session, study.id))
        add_task(session, study, "new", noise=None, seeds=0)
    opened(app, "verdict")

    app.selectbox(key=f"verdict.task.{study.id}").select("new").run()

    assert "Compare this task with the others." in said(app) and "average task" not in said(app)
    assert not app.exception
    assert_nothing_undefined(app)


def said(app: AppTest) -> str:
    elements = (*app.caption, *app.markdown, *app.info, *app.warning, *app.text, *app.header)
    return "\n".join(str(element.value) for element in elements).replace("\\", "")


def assert_nothing_undefined(app: AppTest) -> None:
    shown = said(app)
    words = shown.replace("\n", " ").lower().split()
    assert not {"nan", "none", "inf", "-inf", "[nan,"} & {word.strip(".,;:()") for word in words}, shown
