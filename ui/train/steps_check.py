"""The check of the steps on the screen: how far gaps move when every run makes half or twice the steps."""

import streamlit as st

from core.analysis.arms import steps_check
from core.analysis.arms.steps_check import StepsCheck
from core.analysis.points import Metric
from core.study import state
from core.study.rows.study import Study
from ui.shared import resources, tables
from ui.shared.words import plain

WHAT_THE_CHECK_DOES = (
    "Trains the chosen runs also with half and with twice the steps, in three and a half times the time, and shows whether "
    "the gaps depend on the length of the training"
)
IN_POINTS = ("gap_half", "gap", "gap_twice", "change", "low", "high")


def steps_check_view(study: Study, metric: Metric) -> None:
    """Draw the check of a study's runs; nothing where no run has been trained at other lengths."""
    with resources.store()() as session:
        found = _read(study.id, metric, state.stamp(session))
    if found.table.empty:
        return
    st.header("Steps check", anchor=False)
    st.caption(plain(steps_check.sentence(found)))
    tables.table(found.table, key="train.steps_check", in_points=IN_POINTS)
    if found.waiting:
        st.caption(
            f"{found.waiting:,} runs have no finished run of half and twice their steps; they are left out here."
        )


@st.cache_data(max_entries=16, show_spinner="Reading the runs…")
def _read(study_id: int, metric: Metric, stamp: tuple[object, ...]) -> StepsCheck:
    del stamp
    with resources.store()() as session:
        return steps_check.read(session, study_id, metric)
