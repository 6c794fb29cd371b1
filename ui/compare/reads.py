"""Cached reads of the page Compare: the trained arms of a study and their comparison, until the stored rows change."""

import streamlit as st
from sqlalchemy.orm import Session

from core.analysis.arms import compared, trained
from core.analysis.arms.compared import Asked, Compared
from core.analysis.arms.trained import StudyArms
from core.study import state
from core.study.rows.study import Study, Task
from ui.shared import resources


def arms_of(session: Session, study: Study) -> StudyArms:
    """The trained arms of a study, read once for each state of the stored rows."""
    return _arms(study.id, state.stamp(session))


def compared_arms(session: Session, study: Study, task: Task, asked: Asked) -> Compared:
    """The arms of a task compared, once for each question and state of the stored rows. Raises as `compared.collect`."""
    return _compared(study.id, task.id, asked, state.stamp(session))


@st.cache_data(max_entries=8, show_spinner="Reading the runs…")
def _arms(study_id: int, stamp: tuple[object, ...]) -> StudyArms:
    del stamp
    with resources.store()() as session:
        return trained.read(session, study_id)


@st.cache_data(max_entries=32, show_spinner="Computing…")
def _compared(study_id: int, task_id: int, asked: Asked, stamp: tuple[object, ...]) -> Compared:
    with resources.store()() as session:
        return compared.collect(session, _arms(study_id, stamp), session.get_one(Task, task_id), asked)
