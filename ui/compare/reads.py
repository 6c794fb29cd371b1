"""Cached reads of the page Compare: the trained arms of a study and their comparison, until the stored rows change."""

from dataclasses import dataclass

import streamlit as st
from sqlalchemy.orm import Session

from core.analysis.arms import compared, trained
from core.analysis.arms.compared import Asked, Compared
from core.analysis.arms.trained import StudyArms
from core.analysis.baselines import results
from core.analysis.baselines.results import TaskBaselines
from core.study import state
from core.study.rows.kinds import Split
from core.study.rows.study import Study, Task
from core.training.baselines import wanted
from ui.shared import resources


def arms_of(session: Session, study: Study) -> StudyArms:
    """The trained arms of a study, read once for each state of the stored rows."""
    return _arms(study.id, state.stamp(session))


def compared_arms(session: Session, study: Study, task: Task, asked: Asked) -> Compared:
    """The arms of a task compared, once for each question and state of the stored rows. Raises as `compared.collect`."""
    return _compared(study.id, task.id, asked, state.stamp(session))


def baselines_of(session: Session, study: Study, task: Task, asked: Asked | None) -> TaskBaselines:
    """The baselines of a task on the test texts of the compared arms (None: before the first runs), read once for each state."""
    return _baselines(study.id, task.id, asked, state.stamp(session))


@dataclass(frozen=True)
class Missing:
    """What a task lacks for its texts as they are now: the number of fits, and sentences on arms that get none.

    `has_pool`: whether its few-shot pool can teach a seed student.
    """

    fits: int
    left_out: tuple[str, ...]
    has_pool: bool


def missing_baselines(session: Session, task: Task) -> Missing:
    """What a task lacks for its texts as they are now, computed once for each state of the stored rows."""
    return _missing(task.id, task.train_size, state.stamp(session))


@st.cache_data(max_entries=32, show_spinner="Computing…")
def _baselines(study_id: int, task_id: int, asked: Asked | None, stamp: tuple[object, ...]) -> TaskBaselines:
    with resources.store()() as session:
        task = session.get_one(Task, task_id)
        chosen = None if asked is None else _compared(study_id, task_id, asked, stamp).chosen
        return results.of_task(session, task, chosen)


@st.cache_data(max_entries=32, show_spinner="Reading the texts…")
def _missing(task_id: int, train_size: int | None, stamp: tuple[object, ...]) -> Missing:
    del train_size, stamp
    with resources.store()() as session:
        found = wanted.of_task(session, session.get_one(Task, task_id))
        has_pool = any(fit.split == Split.POOL for fit in found.fits)
        return Missing(len(found.missing(session)), found.left_out, has_pool)


@st.cache_data(max_entries=8, show_spinner="Reading the runs…")
def _arms(study_id: int, stamp: tuple[object, ...]) -> StudyArms:
    del stamp
    with resources.store()() as session:
        return trained.read(session, study_id)


@st.cache_data(max_entries=32, show_spinner="Computing…")
def _compared(study_id: int, task_id: int, asked: Asked, stamp: tuple[object, ...]) -> Compared:
    with resources.store()() as session:
        return compared.collect(session, _arms(study_id, stamp), session.get_one(Task, task_id), asked)
