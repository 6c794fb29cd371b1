"""The page Compare: every view answers with and without runs, and never shows what is no number."""

from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.study import tasks
from core.study.rows.study import Run
from core.study.store import Store
from core.training.baselines import compute
from tests.finished_study import add_runs, make_task
from tests.pages.test_pages import opened
from tests.training.conftest import add_samples

pytestmark = pytest.mark.slow

VIEWS = ("Arms", "Classes", "Sizes", "Cost and quality", "Stability", "Baselines")


def fill(home: Store, *, seeds: int = 3, other_size: int = 0, **right: float) -> None:
    """A task with runs of these arms; with `other_size` the real arm also has runs on so many training texts."""
    with home.write() as session:
        study = tasks.study_named(session, "s")
        shares = {arm.replace("_", "-"): share for arm, share in right.items()}
        for name in ("tone", "news"):
            task = make_task(session, study, name, arms=[arm for arm in shares if arm != "real"])
            add_runs(session, task, shares, seeds=seeds)
            if other_size:
                add_runs(session, task, {"real": 0.6}, seeds=seeds, steps=7)
                for run in session.query(Run).filter(Run.config["training"]["steps"].as_integer() == 7):
                    run.n_train, run.config = other_size, run.config | {"training": {"steps": 100}}


def said(app: AppTest) -> str:
    parts = (*app.info, *app.warning, *app.markdown, *app.caption, *app.text, *app.error)
    return "\n".join(str(element.value) for element in parts).replace("\\", "")


def view(app: AppTest, name: str) -> str:
    app.segmented_control(key="compare.view").set_value(name).run()
    assert not app.exception, app.exception[0].value
    return said(app)


CASES: list[dict[str, Any]] = [
    {"real": 0.9, "zero_shot": 0.7, "few_shot": 0.85},
    {"real": 0.9},
    {"zero_shot": 0.7, "few_shot": 0.85},
    {"real": 0.5, "zero_shot": 0.5},
    {"real": 1.0, "zero_shot": 1.0},
    {"real": 0.9, "zero_shot": 0.7, "seeds": 1},
    {"real": 0.9, "zero_shot": 0.7, "other_size": 50},
]


@pytest.mark.parametrize("given", CASES, ids=lambda given: ", ".join(given))
def test_every_view_says_what_there_is_in_sentences(app: AppTest, home: Store, given: dict[str, Any]) -> None:
    fill(home, **given)
    opened(app, "compare")

    shown = {name: view(app, name) for name in VIEWS}

    for name, words in shown.items():
        assert "nan" not in words.lower() and "None" not in words and "inf" not in words.split(), name
    assert shown["Stability"] and shown["Cost and quality"]


def test_a_task_without_runs_leads_to_training(app: AppTest, home: Store) -> None:
    with home.write() as session:
        make_task(session, tasks.study_named(session, "s"), "new", arms=["zero-shot"])

    opened(app, "compare")

    assert "A comparison needs finished runs of two arms of this task." in said(app)


def test_fewer_arms_and_another_margin_change_what_is_said(app: AppTest, home: Store) -> None:
    fill(home, real=0.9, zero_shot=0.7, few_shot=0.85)
    opened(app, "compare")
    strict = said(app)

    app.number_input(key="compare.margin").set_value(45.0).run()
    wide = said(app)
    app.multiselect(key="compare.arms.1.minilm.None").set_value(["real", "few-shot"]).run()

    assert "Worse than real by more than 2 points" in strict and "As good as real within 45 points" in wide
    assert "zero-shot loses" not in said(app) and "few-shot loses" in said(app)


def test_several_sizes_can_be_chosen_and_make_a_worth(app: AppTest, home: Store) -> None:
    fill(home, real=0.9, zero_shot=0.75, other_size=50)
    opened(app, "compare")

    assert "100 zero-shot texts are worth about" in view(app, "Sizes")
    app.selectbox(key="compare.size.1.minilm").set_value(50).run()
    assert "Only real has finished runs here" in said(app)


def test_missing_baselines_are_offered_until_they_are_computed_and_after_a_text_changed(
    app: AppTest, home: Store
) -> None:
    fill(home, real=0.9, zero_shot=0.7)
    with home.write() as session:
        study = tasks.study_named(session, "s")
        task = tasks.get_task(session, study.id, "tone")
        real = tasks.get_arm(session, task, "real")
        for label in ("yes", "no"):
            texts = [f"{label} word {n}" for n in range(55)]
            add_samples(session, real, label=label, texts=texts)
    opened(app, "compare")
    view(app, "Baselines")

    is_offered = [button.key for button in app.button if button.key == "compare.baselines.compute"]
    compute.execute(home, task.id, embed=lambda texts: np.array([[len(text)] for text in texts], dtype=np.float32))
    app.run()
    after = [button.key for button in app.button if button.key == "compare.baselines.compute"]
    with home.write() as session:
        add_samples(session, real, label="yes", texts=["one more text", "and one more"])
    app.run()
    changed = [button.key for button in app.button if button.key == "compare.baselines.compute"]

    assert (bool(is_offered), bool(after), bool(changed)) == (True, False, True)


def test_what_is_not_chosen_is_said_so_and_the_command_names_every_choice(app: AppTest, home: Store) -> None:
    fill(home, real=0.9, zero_shot=0.7, few_shot=0.85)
    opened(app, "compare")
    untouched = app.code[-1].value
    app.number_input(key="compare.margin").set_value(5.0)
    arms = app.multiselect(key="compare.arms.1.minilm.None")
    arms.set_value(["zero-shot", "few-shot"]).run()

    assert untouched == (
        "litmus compare --task tone --metric macro_f1 --margin 0.02 --encoder minilm --against real --study s"
    )
    assert "The real arm is not among the chosen ones, so arms are compared with one another only." in said(app)
    assert (
        "--margin 0.05" in app.code[-1].value and "--arms zero-shot,few-shot --against zero-shot" in app.code[-1].value
    )

    app.multiselect(key="compare.arms.1.minilm.None").set_value(["real"]).run()
    assert "Only real is chosen. Choose a second arm to compare it with." in said(app)
    app.multiselect(key="compare.arms.1.minilm.None").set_value([]).run()
    assert "No arm is chosen." in said(app) and "needs finished runs" not in said(app)
