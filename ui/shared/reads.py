"""Tables and findings that several pages read; findings are cached until the stored rows change."""

import pandas as pd
import streamlit as st
from sqlalchemy.orm import Session

from core.analysis import findings
from core.analysis.points import Metric
from core.study import samples, state
from core.study.rows.kinds import SampleStatus
from core.study.rows.study import Study
from core.subjectivity import levels
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


def findings_of(session: Session, study: Study, *, metric: Metric, measure: levels.Measure | None) -> findings.Findings:
    """The findings of a study, as `findings.collect`, computed once for each state of the stored rows."""
    return _findings(study.id, metric, measure, state.stamp(session))


@st.cache_data(max_entries=32, show_spinner="Computing…")
def _findings(
    study_id: int, metric: Metric, measure: levels.Measure | None, stamp: tuple[object, ...]
) -> findings.Findings:
    del stamp
    with resources.store()() as session:
        return findings.collect(session, session.get_one(Study, study_id), metric=metric, measure=measure)
