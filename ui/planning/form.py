"""The form of the page Plan: the question, what is to be found, sizes that are fixed, and numbers that are changed"""

import streamlit as st
from sqlalchemy.orm import Session

from core.analysis.planning import plan_words, plans
from core.analysis.planning.inputs import Inputs
from core.analysis.planning.plans import Asked, Question, Sizes
from core.analysis.verdicts import verdict
from core.study import tasks
from core.study.rows.study import Study
from ui.planning import reads
from ui.shared import pickers

QUESTIONS = {
    Question.SLOPE: "Does the gap grow with subjectivity?",
    Question.GAP: "Is there a gap?",
    Question.EQUIVALENCE: "Is it as good as real?",
    Question.ARMS: "Do two arms differ?",
}
EFFECT_NAMES = {
    Question.SLOPE: "Points per step of subjectivity",
    Question.GAP: "Points of the gap",
    Question.EQUIVALENCE: "Points it loses in truth",
    Question.ARMS: "Points of difference",
}
EFFECT_HELP = {
    Question.SLOPE: "The true rise of the gap from one task to a task that is one standard deviation more subjective.",
    Question.GAP: "The smallest true gap between the real and the synthetic arm that you do not want to miss.",
    Question.EQUIVALENCE: "The true gap of the arm that is to be called as good: 0 if it is exactly as good.",
    Question.ARMS: "The smallest true difference between two synthetic arms that you do not want to miss.",
}
CHANGEABLE = ("seed_sd", "text_variance", "tau", "seconds_per_run", "usd_per_text", "train_size", "seconds_per_answer")
ANY = "any task"


def plan_form(session: Session, study: Study) -> tuple[Asked, Inputs]:
    """Ask what is to be found out, and return the question with the numbers that its plan rests on.

    Raises `StudyError` for a number out of range.
    """
    question = st.segmented_control(
        "What do you want to know?",
        list(Question),
        default=Question.GAP,
        required=True,
        format_func=QUESTIONS.__getitem__,
        key="plan.question",
        persist_state="session",
    )
    margin, over_tasks, task = verdict.MARGIN, False, ANY
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if question is Question.EQUIVALENCE:
            margin = pickers.pick_points(
                "Points of the margin", 100 * margin, key="plan.margin",
                words="As good means: at most this much better or worse.",
            )  # fmt: skip
        least = 0.0 if question is Question.EQUIVALENCE else 0.5
        usual = 100 * plans.EFFECTS[question]
        effect = pickers.pick_points(
            EFFECT_NAMES[question], usual, key=f"plan.effect.{question}", words=EFFECT_HELP[question], least=least
        )
        if question is Question.ARMS:
            over_tasks = st.toggle("In the mean over tasks", key="plan.over_tasks")
        if question is not Question.SLOPE and not over_tasks:
            names = [ANY, *(known.name for known in tasks.tasks(session, study.id))]
            task = st.selectbox("On", names, key=f"plan.task.{study.id}", width=220)
        metric = pickers.pick_metric(key="plan")
    inputs = reads.inputs_of(session, study, metric=metric, task=None if task == ANY else task)
    asked = Asked(question, effect, margin, over_tasks)
    with st.expander("Fix a size, or change a number that the plan rests on", key="plan.more"):
        fixed = _fixed(asked, inputs)
        changed = _changed(inputs)
    return Asked(question, effect, margin, over_tasks, fixed), inputs.given(**changed)


def _fixed(asked: Asked, inputs: Inputs) -> Sizes:
    """Sizes that the reader fixes; an empty field leaves a size to the plan."""
    st.caption("Fix what you cannot change, such as the number of your tasks; the plan finds the other sizes.")
    with st.container(horizontal=True):
        found = {}
        if asked.counts_tasks:
            found["tasks"] = _whole("Tasks", "tasks")
        found["seeds"] = _whole("Seeds of each arm", "seeds")
        found["test_texts"] = _whole("Test texts of each task", "test_texts")
        if asked.question is Question.SLOPE:
            found["ratings"] = _whole(f"{plan_words.answer_name(inputs).capitalize()} of each task", "ratings")
    return Sizes(**found)


def _whole(label: str, name: str) -> int | None:
    value = st.number_input(label, 1, 100_000, None, key=f"plan.fixed.{name}", placeholder="free", width=200)
    return None if value is None else int(value)


def _changed(inputs: Inputs) -> dict[str, float | None]:
    """Numbers that the reader changes; an empty field leaves a number as it is."""
    st.caption(
        "These numbers are from the study or assumed, as the table below says; write another one over any of them."
    )
    found: dict[str, float | None] = {}
    with st.container(horizontal=True):
        for name in CHANGEABLE:
            value = getattr(inputs, name).value
            shown = "unknown" if value is None else f"{value:.3g}"
            found[name] = st.number_input(
                plan_words.NAMES[name],
                0.0,
                None,
                None,
                key=f"plan.number.{name}",
                placeholder=shown,
                width=300,
                format="%.4g",
            )
    return found
