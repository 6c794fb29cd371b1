"""Calibration on the page Train: the reliability diagram of a task's arms, with a sentence for each arm"""

import streamlit as st

from core.analysis.figures import calibration_charts
from core.analysis.trust import calibration
from core.analysis.trust.calibration import Calibration
from core.study import state
from core.study.rows.study import Study, Task
from ui.shared import charts, pickers, resources
from ui.shared.words import plain


def calibration_view(study: Study) -> None:
    """Draw a toggle and, where it is on, how far the probabilities of each arm of a task can be trusted."""
    if not st.toggle(
        "Calibration", key="calibration.on", help="Whether a model that is 90 % sure is right in 90 % of cases."
    ):
        return
    with resources.store()() as session:
        task = pickers.pick_task(session, study, key="calibration")
        found = _calibrations(task.id, state.stamp(session))
    if not found:
        st.info("No run of this task has finished yet.")
        return
    if any(own.n_bins for own in found.values()):
        charts.plot(
            calibration_charts.reliability(found),
            key="calibration.plot",
            filename=f"{task.name}-calibration",
            data=calibration_charts.reliability_table(found),
            reading="Below the dotted line an arm is surer than it is right. Bars are 95 % intervals over test texts.",
        )
    several = len({encoder for _, encoder in found}) > 1
    for (arm, encoder), own in found.items():
        st.markdown(f"- {plain(calibration.reading(own, f'{arm} ({encoder})' if several else arm))}")


@st.cache_data(max_entries=32, show_spinner="Computing…")
def _calibrations(task_id: int, stamp: tuple[object, ...]) -> dict[tuple[str, str], Calibration]:
    del stamp
    with resources.store()() as session:
        return calibration.of_task(session, session.get_one(Task, task_id))
