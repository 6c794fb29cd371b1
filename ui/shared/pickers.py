"""Choices that several pages offer in the same words."""

import streamlit as st
from sqlalchemy.orm import Session

from core.analysis.points import METRIC_NAMES, Metric
from core.study import tasks
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Arm, Study, Task
from core.subjectivity import levels
from ui.shared import links
from ui.shared.words import plain

MEASURE_NAMES = {
    levels.Measure.COMPARISONS: "Task comparisons",
    levels.Measure.RATINGS: "Ratings of samples",
    levels.Measure.SCALE: "Ratings from 1 to 5",
}


def pick_task(session: Session, study: Study, *, key: str) -> Task:
    """A task of the study, the same on every page and in the URL; with none the page ends with the way to make one."""
    found = tasks.tasks(session, study.id)
    if not found:
        st.info("This study has no task yet.")
        links.link("data", "Add a task")
        st.stop()
    names = [task.name for task in found]
    asked = st.session_state.get("pickers.task") or st.query_params.get("task")
    place = names.index(asked) if asked in names else 0
    name = st.selectbox("Task", names, index=place, key=f"{key}.task.{study.id}", width=280)
    st.session_state["pickers.task"] = st.query_params["task"] = name
    return found[names.index(name)]


def pick_arm(session: Session, task: Task, *, key: str, synthetic: bool = False) -> Arm:
    """An arm of the task, the same on every page and in the URL.

    `synthetic` leaves the real arm out and offers zero-shot and few-shot where they are missing.
    """
    found = [arm for arm in tasks.arms(session, task.id) if not (synthetic and arm.kind == ArmKind.REAL)]
    names = [arm.name for arm in found]
    if synthetic:
        names += [str(kind) for kind in (ArmKind.ZERO_SHOT, ArmKind.FEW_SHOT) if kind not in names]
    if not names:
        st.info("This task has no arm yet.")
        links.link("data", "Bring in data")
        st.stop()
    asked = st.session_state.get(f"pickers.arm.{task.id}") or st.query_params.get("arm")
    first = asked if asked in names else names[0]
    name = st.segmented_control(
        "Arm", names, default=first, required=True, format_func=plain, key=f"{key}.arm.{task.id}"
    )
    st.session_state[f"pickers.arm.{task.id}"] = st.query_params["arm"] = str(name)
    known = next((arm for arm in found if arm.name == name), None)
    return known or Arm(task_id=task.id, name=str(name), kind=tasks.kind_of(str(name)))


def pick_metric(*, key: str) -> Metric:
    return st.segmented_control(
        "Metric",
        list(Metric),
        default=Metric.MACRO_F1,
        required=True,
        format_func=METRIC_NAMES.__getitem__,
        key=f"{key}.metric",
        persist_state="session",
    )


def pick_measure(session: Session, study: Study, *, key: str) -> levels.Measure | None:
    """How subjectivity is measured, among what this study has answers for; None when it has none."""
    found = levels.measures(session, study)
    if not found:
        return None
    return st.segmented_control(
        "Subjectivity by",
        found,
        default=found[0],
        required=True,
        format_func=MEASURE_NAMES.__getitem__,
        key=f"{key}.measure",
        persist_state="session",
    )
