"""Connecting a model and choosing a judge: the endpoint's list of models, a judge other than the writer, and the view of labels."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from core.llm import connection
from core.llm.connection import Connection
from core.study import tasks
from core.study.rows.kinds import JudgementKind
from core.study.rows.study import Completion, Job, Judgement, Sample, Study
from core.study.store import Store
from core.synthesis.prompts import drafts, versions
from tests.llm_server import LlmServer
from tests.pages.test_pages import fill, opened

pytestmark = pytest.mark.slow


@pytest.fixture
def llm() -> Iterator[LlmServer]:
    with LlmServer(models=["writer", "judge-1", "judge-2"]) as server:
        yield server


@pytest.fixture
def study(home: Store, tmp_path: Path, llm: LlmServer) -> Study:
    """A study connected to the model `writer`, which wrote the texts of the arm zero-shot."""
    study = fill(home, tmp_path)
    with home.write() as session:
        connection.keep(session, study.id, Connection(models=("writer",), base_url=llm.url))
        task = tasks.get_task(session, study.id, "urgency")
        labels = tasks.labels_of(session, task.id)
        arm = tasks.get_arm(session, task, "zero-shot")
        prompt = versions.save(session, arm_id=arm.id, draft=drafts.default(task, labels, kind=arm.kind))
        session.add(
            Completion(
                arm_id=arm.id, label_id=labels[0].id, slot=0, prompt_id=prompt.id, provider="openai", model="writer", request={},
                content="1. A text.", finish_reason="stop", tokens_in=1, tokens_out=1, cost_usd=None, latency_s=0.1,
            )
        )  # fmt: skip
    return study


def at_labels(app: AppTest) -> AppTest:
    """The view of labels after the endpoint's list of models was read."""
    app.query_params["inspect.view"] = "Labels"
    opened(app, "inspect")
    return app.button(key="fidelity.connect").click().run()


def models(app: AppTest, page: str) -> list[str]:
    return list(
        next(box for box in app.multiselect if str(box.key).endswith("models.openai") and page in str(box.key)).options
    )


def said(app: AppTest) -> str:
    return " ".join(element.value for element in (*app.error, *app.warning, *app.caption, *app.toast))


def test_without_a_model_the_list_is_filled_from_the_endpoint(
    app: AppTest, home: Store, tmp_path: Path, llm: LlmServer
) -> None:
    study = fill(home, tmp_path)
    with home.write() as session:
        connection.keep(session, study.id, Connection(base_url=llm.url))
    opened(app, "prompts")

    app.button(key="prompts.connect").click().run()

    assert not app.exception
    assert "The endpoint offers 3 models: choose from the list" in said(app).replace("\\", "")
    assert models(app, "prompts") == ["judge-1", "judge-2", "writer"]


def test_a_second_test_closes_the_panel_fills_the_list_and_says_so(app: AppTest, home: Store, study: Study) -> None:
    opened(app, "prompts")

    for _ in range(2):
        app.button(key="prompts.connect").click().run()
        assert "Tested and kept: writer" in said(app).replace("\\", "")
        assert "writer answered in" in said(app)
        assert not next(box for box in app.expander if "Connected to" in box.label).proto.expanded

    assert set(models(app, "prompts")) == {"writer", "judge-1", "judge-2"}


def test_another_judge_is_asked_without_changing_what_the_study_writes_with(
    app: AppTest, home: Store, study: Study
) -> None:
    at_labels(app)
    assert "wrote texts of zero-shot." in said(app).replace("\\", "")

    app.selectbox(key="fidelity.model").set_value("judge-1").run()
    assert "itself" not in said(app)
    app.button(key="fidelity.ask").click().run()

    with home() as session:
        [job] = session.scalars(select(Job)).all()
        kept = connection.of(session.get_one(Study, study.id))
    assert job.command[job.command.index("--model") + 1] == "judge-1"
    assert kept.models == ("writer",)


def test_the_calls_and_their_cost_are_said_before_the_judge_is_asked(app: AppTest, home: Store, study: Study) -> None:
    at_labels(app)
    app.selectbox(key="fidelity.model").set_value("judge-1").run()

    told = said(app).replace("\\", "")
    assert "42 calls to judge-1, " in told and "the price of judge-1 is unknown" in told
    app.checkbox(key=next(str(box.key) for box in app.checkbox if "fidelity.test" in str(box.key))).check().run()
    assert "20 calls to judge-1, " in said(app).replace("\\", "")


def test_the_view_moves_to_the_judge_that_was_asked_once_it_has_answered(
    app: AppTest, home: Store, study: Study
) -> None:
    judged(home, "judge-1", n=2)
    at_labels(app)
    app.selectbox(key="fidelity.model").set_value("judge-2").run()
    app.button(key="fidelity.ask").click().run()
    assert who(app) == "judge-1"

    judged(home, "judge-2", n=1)
    app.run()

    assert who(app) == "judge-2"


def judged(home: Store, judge: str, *, n: int) -> None:
    """Store an answer of this judge for the first texts of each arm, unless the worker has stored it already."""
    with home.write() as session:
        known = set(session.scalars(select(Judgement.sample_id).where(Judgement.judge == judge)))
        for arm_id in session.scalars(select(Sample.arm_id).distinct()).all():
            for sample in session.scalars(select(Sample).where(Sample.arm_id == arm_id).limit(n)).all():
                if sample.id not in known:
                    one = Judgement(
                        sample_id=sample.id, kind=JudgementKind.JUDGE, judge=judge, label_id=sample.label_id
                    )
                    session.add(one)


def who(app: AppTest) -> str:
    return str(next(box for box in app.selectbox if str(box.key).startswith("fidelity.judge.")).value)
