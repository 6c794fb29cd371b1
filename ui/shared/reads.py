"""Tables and findings that several pages read; findings are cached until the stored rows change."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st
from sqlalchemy.orm import Session

from core.analysis import findings
from core.analysis.instances import evidence
from core.analysis.instances.evidence import Evidence
from core.analysis.points import Metric
from core.interval import Interval
from core.study import samples, state
from core.study.rows.kinds import ArmKind, SampleStatus
from core.study.rows.study import Study, Task
from core.subjectivity import levels
from core.training import runs
from ui.shared import resources


def arm_table(session: Session, study: Study) -> pd.DataFrame:
    """Kept samples per split, and rejected ones, of each task and arm: columns task, arm, train, validation, test, rejected.

    `rejected` also counts stored answers that held no text.
    """
    counted = samples.counts(session, study.id)
    if counted.empty:
        return pd.DataFrame(columns=["task", "arm", "train", "validation", "test", "rejected"])
    counted["column"] = counted["split"].where(counted["status"] == SampleStatus.KEPT, "rejected")
    wide = counted.pivot_table(
        index=["task", "arm_id", "arm"], columns="column", values="n", aggfunc="sum", fill_value=0, sort=False
    )
    wide = wide.reindex(columns=["train", "validation", "test", "rejected"], fill_value=0)
    table = wide.reset_index()
    without = samples.answers_without_text(session, study.id)
    table["rejected"] += table["arm_id"].map(without).fillna(0).astype(int)
    return table.drop(columns="arm_id")


def without_real_texts(arms: pd.DataFrame, known: Sequence[Task]) -> set[str]:
    """The names of the tasks that wait for real texts: to train on, or for testing. `arms`: as of `arm_table`."""
    real = arms[(arms["arm"] == ArmKind.REAL) & (arms["train"] > 0) & (arms["test"] > 0)]
    return {task.name for task in known} - set(real["task"])


def findings_of(session: Session, study: Study, *, metric: Metric, measure: levels.Measure | None) -> findings.Findings:
    """The findings of a study, as `findings.collect`, computed once for each state of the stored rows."""
    return _findings(study.id, metric, measure, state.stamp(session))


def ceilings_of(session: Session, study: Study, *, metric: Metric) -> dict[str, Interval]:
    """The label ceiling of each task with rated test texts, computed once for each state of the stored rows."""
    return _ceilings(study.id, metric, state.stamp(session))


def scores_of(session: Session, study_id: int) -> pd.DataFrame:
    """The scores of a study's finished runs, as `runs.scores`, read once for each state of the stored rows."""
    return _scores(study_id, state.stamp(session))


def evidence_of(session: Session, found: findings.Findings, task: str) -> Evidence | None:
    """What the rated test texts of a task show, as `evidence.of_task` with the runs of the findings, computed once for each state of
    the stored rows."""
    run_ids, unlearned = tuple(map(int, found.scores["run_id"])), found.unlearned_encoders(task)
    return _evidence(found.study.id, task, run_ids, unlearned, state.stamp(session))


@st.cache_data(max_entries=8, show_spinner="Reading the runs…")
def _scores(study_id: int, stamp: tuple[object, ...]) -> pd.DataFrame:
    del stamp
    with resources.store()() as session:
        return runs.scores(session, study_id)


@st.cache_data(max_entries=32, show_spinner="Computing…")
def _evidence(
    study_id: int, task: str, run_ids: tuple[int, ...], unlearned: tuple[str, ...], stamp: tuple[object, ...]
) -> Evidence | None:
    del stamp
    with resources.store()() as session:
        study = session.get_one(Study, study_id)
        return evidence.of_task(session, study, task, run_ids=run_ids, unlearned=unlearned)


@st.cache_data(max_entries=32, show_spinner="Computing…")
def _ceilings(study_id: int, metric: Metric, stamp: tuple[object, ...]) -> dict[str, Interval]:
    del stamp
    with resources.store()() as session:
        return evidence.ceilings(session, session.get_one(Study, study_id), metric=metric)


@st.cache_data(max_entries=32, show_spinner="Computing…")
def _findings(
    study_id: int, metric: Metric, measure: levels.Measure | None, stamp: tuple[object, ...]
) -> findings.Findings:
    del stamp
    with resources.store()() as session:
        return findings.collect(session, session.get_one(Study, study_id), metric=metric, measure=measure)
