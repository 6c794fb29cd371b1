"""Cached numbers of plans: what a study's runs give, the plan of a question, and what given sizes can show"""

import pandas as pd
import streamlit as st
from sqlalchemy.orm import Session

from core.analysis.planning import curves, measured, plans
from core.analysis.planning import shown as shown_words
from core.analysis.planning.inputs import Inputs
from core.analysis.planning.plans import Asked, Plan
from core.analysis.points import Metric
from core.study import state
from core.study.rows.study import Study
from ui.shared import reads, resources


def inputs_of(session: Session, study: Study, *, metric: Metric, task: str | None) -> Inputs:
    """The numbers of a plan from the study, as `measured.inputs_of`, computed once for each state of the stored rows."""
    return _inputs(study.id, metric, task, state.stamp(session))


@st.cache_data(max_entries=64, show_spinner=False)
def _inputs(study_id: int, metric: Metric, task: str | None, stamp: tuple[object, ...]) -> Inputs:
    del stamp
    with resources.store()() as session:
        study = session.get_one(Study, study_id)
        found = reads.findings_of(session, study, metric=metric, measure=None)
        return measured.inputs_of(session, found, task=task)


@st.cache_data(max_entries=64, show_spinner="Planning…")
def plan(asked: Asked, inputs: Inputs) -> tuple[Plan, pd.DataFrame]:
    """The plan of a question and the table of its figure. Raises `StudyError` as `plans.plan` does."""
    made = plans.plan(asked, inputs)
    return made, curves.curves(made)


@st.cache_data(max_entries=256, show_spinner=False)
def shown(beside: str, inputs: Inputs, tasks: int, seeds: int) -> list[str]:
    """The sentences of the card beside "runs" or "ratings", as the module `shown` writes them."""
    by = shown_words.by_runs if beside == "runs" else shown_words.by_ratings
    return by(inputs, tasks=tasks, seeds=seeds)
