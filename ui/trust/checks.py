"""The list of checks on the page Verdict: one line for each"""

import streamlit as st
from sqlalchemy.orm import Session

from core.analysis.points import Metric
from core.analysis.trust import checks
from core.analysis.trust.checks import Check
from core.study import state
from core.study.rows.study import Study, Task
from ui.shared import resources
from ui.shared.words import plain


def trust_list(session: Session, study: Study, task: Task, *, metric: Metric, margin: float) -> None:
    """Draw what was checked for a task and its study and what was not, and the deviations from the frozen plan."""
    st.header("What was checked", anchor=False)
    plan, deviations = checks.of_plan(session, study, metric=metric, margin=margin)
    found = (*_of_task(task.id, metric, state.stamp(session)), plan)
    lines = [f"- **{plain(check.name)}**: {plain(check.said)}" for check in found]
    st.markdown("\n".join([*lines, *(f"    - {plain(deviation)}" for deviation in deviations)]))


@st.cache_data(max_entries=64, show_spinner="Computing…")
def _of_task(task_id: int, metric: Metric, stamp: tuple[object, ...]) -> list[Check]:
    del stamp
    with resources.store()() as session:
        return checks.of_task(session, session.get_one(Task, task_id), metric=metric)
