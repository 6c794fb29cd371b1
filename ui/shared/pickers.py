"""Widgets that choose a task, an arm, a metric or a measure of subjectivity."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import streamlit as st
from sqlalchemy.orm import Session

from core.analysis.points import METRIC_NAMES, Metric
from core.study import tasks
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Arm, Study, Task
from core.subjectivity import levels
from core.wording import shown
from ui.shared import jobs, links
from ui.shared.words import WHAT_AN_ARM_IS, plain

MEASURE_NAMES = {
    levels.Measure.COMPARISONS: "Task comparisons",
    levels.Measure.RATINGS: "Ratings of samples",
    levels.Measure.SCALE: "Ratings from 1 to 5",
}
T = TypeVar("T", str, int)


def pick_task(session: Session, study: Study, *, key: str) -> Task:
    """Choose a task of the study; the choice holds on every page and stands in the URL.

    If the study has no task, the page stops with a link to where a task is added.
    """
    found = tasks.tasks(session, study.id)
    if not found:
        jobs.without_tasks(study.id, "Real texts with their labels define it.")
    names = [task.name for task in found]
    last = st.session_state.get("pickers.task") or st.query_params.get("task")
    widget = f"{key}.task.{study.id}"
    first = names.index(last) if last in names else 0
    name = st.selectbox(
        "Task", names, index=first, format_func=shown, key=widget, width=280, on_change=_take_task, args=(widget,)
    )
    st.session_state["pickers.task"] = st.query_params["task"] = name
    return found[names.index(name)]


def pick_arm(session: Session, task: Task, *, key: str, synthetic: bool = False, first: str | None = None) -> Arm:
    """Choose an arm of the task, `first` if no arm was chosen before; the choice holds on every page and stands in the URL.

    `synthetic` leaves out the real arm, and offers zero-shot and few-shot even if the task does not have them yet: the arm
    returned is then not stored and has no id.
    """
    found = [arm for arm in tasks.arms(session, task.id) if not (synthetic and arm.kind == ArmKind.REAL)]
    names = [arm.name for arm in found]
    if synthetic:
        names += [str(kind) for kind in (ArmKind.ZERO_SHOT, ArmKind.FEW_SHOT) if kind not in names]
    if not names:
        st.info("This task has no arm yet.")
        links.link("data", "Bring in data")
        st.stop()
    last = st.session_state.get(f"pickers.arm.{task.id}") or st.query_params.get("arm")
    begin = next(name for name in (last, first, names[0]) if name in names)
    name = st.segmented_control(
        "Arm",
        names,
        default=begin,
        required=True,
        format_func=plain,
        key=f"{key}.arm.{task.id}",
        help=WHAT_AN_ARM_IS,
    )
    st.session_state[f"pickers.arm.{task.id}"] = st.query_params["arm"] = str(name)
    stored = next((arm for arm in found if arm.name == name), None)
    return stored or Arm(task_id=task.id, name=str(name), kind=tasks.kind_of(str(name)))


def pick_view(views: Sequence[str], *, key: str, is_labelled: bool = True) -> str:
    """Choose a view of a page; the choice stands in the URL under the widget's key.

    Streamlit's own binding of a widget to the URL is not used: with it no button may lead to another page.
    """
    asked, chosen = st.query_params.get(key), st.session_state
    if asked in views and (key not in chosen or asked != chosen.get(f"{key}.in_url")):
        chosen[key] = asked
    elif chosen.get(key) not in views:
        chosen[key] = views[0]
    named = st.segmented_control(
        "Show", views, required=True, key=key, label_visibility="visible" if is_labelled else "collapsed"
    )
    view = str(named or views[0])
    st.query_params[key] = chosen[f"{key}.in_url"] = view
    return view


def pick_several(
    label: str,
    options: Sequence[T],
    *,
    default: Sequence[T],
    key: str,
    width: int,
    format_func: Callable[[T], str] = str,
    help: str | None = None,
) -> list[T]:
    """Choose several of the options: first those of `default`, also where it changes, until the visitor chooses others.

    Streamlit alone keeps the value of a widget with a key, whatever becomes of its options.
    """
    state, first = st.session_state, list(default)
    before = state.get(f"{key}.default", [])
    if key not in state or (first != before and set(state[key]) == set(before)):
        state[key] = first
    state[f"{key}.default"] = first
    return list(st.multiselect(label, options, format_func=format_func, key=key, width=width, help=help))


def pick_metric(*, key: str) -> Metric:
    """Choose macro-F1 or accuracy."""
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
    """Choose how subjectivity is measured, among the measures that the study has answers for; None if it has no answers."""
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


def pick_budget(*, key: str, words: str | None = None) -> float | None:
    """Choose the most that calls may cost, in US dollars; None is no limit. `words` is the help text."""
    return st.number_input(
        "Budget, US dollars", 0.0, None, None, 0.01, "%g", key=key, placeholder="no limit", width=160, help=words
    )


def pick_points(label: str, value: float, *, key: str, words: str, least: float = 0.5) -> float:
    """Choose a number of points from `least` to 50, hundredths of the score; return the number in units of the score.

    `value` is in points too; the choice is kept when the page is left.
    """
    chosen = st.number_input(label, least, 50.0, value, 0.5, key=key, help=words, width=220, persist_state="session")
    return float(chosen) / 100


def _take_task(widget: str) -> None:
    """Keep the task chosen in a widget before the page is drawn, so that the head of the page speaks of it."""
    st.session_state["pickers.task"] = st.session_state[widget]
