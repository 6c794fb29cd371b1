"""The views on trust: calibration on Train, test texts on Inspect, checks and the frozen plan on Verdict."""

from pathlib import Path

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from core.llm import connection
from core.llm.connection import Connection
from core.study import tasks
from core.study.rows.kinds import Split
from core.study.rows.study import FrozenPlan, Job, Sample, Study
from core.study.splits import equal_texts
from core.study.store import Store
from tests.finished_study import add_runs, make_task
from tests.llm_server import LlmServer
from tests.pages.test_pages import fill, opened

pytestmark = pytest.mark.slow

SAME = "The ferry left the harbour at dawn and came back full of salt and rope"


def said(app: AppTest) -> str:
    shown = (*app.info, *app.warning, *app.markdown, *app.caption, *app.toast, *app.text)
    return "\n".join(str(element.value) for element in shown).replace("\\", "")


@pytest.fixture
def study(home: Store) -> Study:
    with home.write() as session:
        made = tasks.study_named(session, "s")
        task = make_task(session, made, "t", arms=["zero-shot"])
        add_runs(session, task, {"real": 0.9, "zero-shot": 0.7})
        real, labels = tasks.get_arm(session, task, "real"), tasks.labels_of(session, task.id)
        for split, text, label in (
            (Split.TEST, SAME, labels[0]), (Split.TRAIN, SAME.lower() + "!!", labels[0]), (Split.TRAIN, "Nothing like it", labels[1]),
        ):  # fmt: skip
            row = Sample(
                arm_id=real.id, label_id=label.id, split=split, text=text, text_hash=equal_texts.text_hash(text)
            )
            session.add(row)
    return made


def test_train_shows_calibration_when_asked(app: AppTest, study: Study) -> None:
    opened(app, "train")
    before = said(app)

    app.toggle(key="calibration.on").set_value(True).run()

    assert not app.exception
    assert "Brier" not in before and "nan" not in said(app).lower()
    assert "zero-shot is surer than it is right: its probabilities are off by" in said(app)


def test_verdict_lists_the_checks_and_freezes_a_plan(app: AppTest, home: Store, study: Study) -> None:
    opened(app, "verdict")
    before = said(app)
    app.text_input(key="frozen.question").set_value("Does it cost more?")
    app.number_input(key="frozen.seeds").set_value(3)

    app.button(key="frozen.freeze").click().run()

    assert not app.exception
    assert "**Contamination**: not tested" in before and "**Frozen plan**: no plan was frozen" in before
    with home() as session:
        plan = session.scalars(select(FrozenPlan)).one()
    assert (plan.content["question"], plan.content["metric"], plan.content["margin"]) == (
        "Does it cost more?",
        "macro_f1",
        0.05,
    )
    assert "version 1 of " in said(app) and "6 runs were finished before the plan was frozen." in said(app)

    app.number_input(key="verdict.margin").set_value(10.0).run()
    assert "The margin is 10 points; planned were 5." in said(app)


def test_a_plan_freezes_the_seeds_of_the_study_and_says_which(app: AppTest, home: Store, study: Study) -> None:
    with home.write() as session:
        made = session.get_one(Study, study.id)
        made.config = {**made.config, "seeds": [11, 12, 13]}
    opened(app, "verdict")
    before = said(app)
    app.text_input(key="frozen.question").set_value("Does it cost more?")

    app.button(key="frozen.freeze").click().run()

    with home() as session:
        assert session.scalars(select(FrozenPlan)).one().content["seeds"] == [11, 12, 13]
    assert "the first of those of the study (11, 12, 13)" in before
    assert "Plan 1 is frozen, with the seeds 11, 12, 13." in said(app)


def test_a_plan_without_a_question_is_refused_in_words(app: AppTest, study: Study) -> None:
    opened(app, "verdict")

    app.button(key="frozen.freeze").click().run()

    assert "Say the question" in app.error[0].value


def at_test_texts(app: AppTest) -> AppTest:
    app.query_params["inspect.view"] = "Test texts"
    return opened(app, "inspect")


def test_near_duplicates_are_shown_and_move_only_by_the_button(app: AppTest, home: Store, study: Study) -> None:
    at_test_texts(app)
    assert "1 of 121 test texts beside 2 real texts of other splits has a near-duplicate there (1 in train)" in said(
        app
    )

    app.segmented_control(key="near.side.1").set_value(Split.TEST).run()
    with home() as session:
        before = list(session.scalars(select(Sample.split).where(Sample.text == SAME.lower() + "!!")))
    refused = said(app)
    app.segmented_control(key="near.side.1").set_value(Split.TRAIN).run()
    proposed = said(app)

    assert before == [Split.TRAIN] and "Afterwards the train split of task 't' would hold no text" in refused
    assert "1 group, 1 text would move" in proposed
    app.button(key="near.move.1").click().run()
    assert not app.exception and "No near-duplicate of 120 test texts" in said(app)
    app.button(key="near.undo.1").click().run()
    assert "1 of 121 test texts" in said(app)


def test_contamination_is_queued_with_its_options(app: AppTest, home: Store, tmp_path: Path) -> None:
    study = fill(home, tmp_path)
    with LlmServer(models=["writer"]) as llm:
        with home.write() as session:
            connection.keep(session, study.id, Connection(models=("writer",), base_url=llm.url))
        at_test_texts(app)
        assert "Not tested: no model was asked" in said(app)

        app.number_input(key="contamination.texts").set_value(7)
        app.text_input(key="contamination.dataset.1").set_value("urgent-tickets")
        app.button(key="contamination.ask").click().run()

    assert not app.exception and not app.error
    with home() as session:
        job = session.scalars(select(Job)).one()
    assert job.command[2] == "contamination" and {"--texts", "7", "--dataset", "urgent-tickets"} <= set(job.command)
    assert {"--temperature", "0.0"} <= set(job.command)
