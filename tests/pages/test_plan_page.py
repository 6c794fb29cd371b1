"""The page Plan and its cards: every question has an answer, what is out of reach is said, wrong sizes are refused in a sentence."""

import pytest
from streamlit.testing.v1 import AppTest

from core.analysis.planning.plans import Question
from core.study.store import Store
from tests.pages.test_pages import opened
from tests.pages.test_verdict_page import fill, said

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("question", Question)
def test_every_question_has_an_answer(app: AppTest, home: Store, question: Question) -> None:
    fill(home, seeds=0)
    opened(app, "plan")

    app.segmented_control(key="plan.question").set_value(question).run()

    shown = said(app)
    assert not app.exception and not app.error
    assert "A study that " in shown and "of training" in shown
    assert "are assumed: train one task" in shown and "nan" not in shown.lower()


def test_a_study_with_runs_lends_its_numbers_and_a_margin_out_of_reach_is_said(app: AppTest, home: Store) -> None:
    fill(home)
    opened(app, "plan")
    app.segmented_control(key="plan.question").set_value(Question.EQUIVALENCE).run()

    app.number_input(key="plan.margin").set_value(0.5).run()

    assert "is out of reach" in app.warning[0].value.replace("\\", "") and "are assumed: train" not in said(app)


def test_a_size_that_is_too_small_is_refused_and_the_form_stays(app: AppTest, home: Store) -> None:
    fill(home, seeds=0)
    opened(app, "plan")

    app.number_input(key="plan.fixed.seeds").set_value(2).run()

    assert "needs at least 3 seeds" in app.error[0].value.replace("\\", "")
    assert app.number_input(key="plan.fixed.seeds").value == 2


def test_the_cards_beside_train_and_campaigns_follow_the_seeds(app: AppTest, home: Store) -> None:
    fill(home, seeds=0)
    opened(app, "train")
    three = said(app)
    app.number_input(key="train.1.seeds").set_value(2).run()

    assert "With 3 seeds and 120 test texts a difference from real by" in three
    assert "With 2 seeds no gap has an interval: 3 are needed." in said(app)
    assert "needs 4 tasks for an interval; there are 2." in said(opened(app, "campaigns"))
