"""What pages read of a campaign, computed once for each state of its answers."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy.orm import Session

from core.study.rows.sessions import Campaign
from core.subjectivity import results
from core.subjectivity.llm import beside_people
from core.subjectivity.llm.beside_people import SideBySide
from core.subjectivity.sessions import answers, campaigns, live, roster
from core.subjectivity.statistics import aggregation, agreement, planning, ranking
from core.subjectivity.statistics.aggregation import Method
from core.subjectivity.statistics.agreement import AgreementSummary
from core.subjectivity.statistics.counts import Level
from ui.shared import resources

Read = Callable[[Session, Campaign], Any]


def given(campaign: Campaign) -> pd.DataFrame:
    """The answers of people that count, as `results.given`."""
    found: pd.DataFrame = _of(campaign, "given", results.given)
    return found


def raw(campaign: Campaign) -> pd.DataFrame:
    """Every answer, as `answers.of_campaign`."""
    found: pd.DataFrame = _of(campaign, "raw", answers.of_campaign)
    return found


def bare(campaign: Campaign) -> pd.DataFrame:
    """The same without what is known about texts and raters, as `results.bare`: for what is read every few seconds."""
    found: pd.DataFrame = _of(campaign, "bare", results.bare)
    return found


def words(campaign: Campaign) -> str:
    """How far people agree, as `results.words`."""
    return str(_of(campaign, "words", lambda session, one: results.words(results.given(session, one), one)))


def summary(campaign: Campaign, *, level: Level) -> AgreementSummary:
    found: AgreementSummary = _of(
        campaign, f"summary {level}", lambda _, one: agreement.summary(bare(one), level=level)
    )
    return found


def by_item(campaign: Campaign) -> pd.DataFrame:
    found: pd.DataFrame = _of(campaign, "items", lambda _, one: results.by_item(given(one)))
    return found


def extremes(campaign: Campaign, *, n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The most and the least agreed items with their texts, as `results.extremes`."""

    def compute(session: Session, one: Campaign) -> tuple[pd.DataFrame, pd.DataFrame]:
        most, least = results.extremes(results.by_item(bare(one)), n=n)
        return results.with_texts(session, most), results.with_texts(session, least)

    found: tuple[pd.DataFrame, pd.DataFrame] = _of(campaign, f"extremes {n}", compute)
    return found


def by_arm(campaign: Campaign) -> pd.DataFrame:
    level = results.level_of(campaign)
    found: pd.DataFrame = _of(campaign, "arms", lambda _, one: results.by_arm(given(one), level=level))
    return found


def so_far(campaign: Campaign) -> pd.DataFrame:
    level = results.level_of(campaign)
    found: pd.DataFrame = _of(campaign, "so far", lambda _, one: results.so_far(bare(one), level=level))
    return found


def aggregated(campaign: Campaign, method: Method) -> pd.DataFrame:
    found: pd.DataFrame = _of(campaign, method, lambda _, one: results.aggregated(given(one), method=method))
    return found


def aggregation_caution(campaign: Campaign, method: Method) -> str:
    """What to know before using labels by a method; empty when nothing."""
    found: str = _of(campaign, f"caution {method}", lambda _, one: aggregation.caution(given(one), method=method))
    return found


def scale_by_item(campaign: Campaign) -> pd.DataFrame:
    found: pd.DataFrame = _of(campaign, "scale", lambda _, one: results.scale_by_item(given(one)))
    return found


def strengths(campaign: Campaign) -> pd.DataFrame:
    found: pd.DataFrame = _of(campaign, "strengths", lambda _, one: results.strengths(given(one)))
    return found


def differences(campaign: Campaign) -> pd.DataFrame:
    found: pd.DataFrame = _of(campaign, "differences", lambda _, one: ranking.differences(given(one)))
    return found


def raters(campaign: Campaign) -> pd.DataFrame:
    found: pd.DataFrame = _of(campaign, "raters", roster.of_campaign, fresh=True)
    return found


def more_ratings(campaign: Campaign, *, width: float) -> planning.Plan:
    level = results.level_of(campaign)
    found: planning.Plan = _of(
        campaign, f"plan {width}", lambda _, one: planning.more_ratings(bare(one), width=width, level=level)
    )
    return found


def side_by_side(campaign: Campaign, *, pooled: bool) -> SideBySide:
    found: SideBySide = _of(
        campaign, f"groups {pooled}", lambda session, one: beside_people.side_by_side(session, one, pooled=pooled)
    )
    return found


def of_study(study_id: int) -> list[Campaign]:
    """The campaigns of a study, the newest first."""
    with resources.store()() as session:
        return campaigns.of_study(session, study_id)


def is_comparing(campaign: Campaign) -> bool:
    return campaign.kind in campaigns.COMPARING


def _of(campaign: Campaign, name: str, compute: Read, *, fresh: bool = False) -> Any:
    """`compute` for the present state of a campaign. Errors are not kept."""
    with resources.store()() as session:
        if fresh:
            return compute(session, campaign)
        state = live.stamp(session, campaign)
    return _computed(name, state, compute, campaign)


@st.cache_data(max_entries=128, show_spinner=False)
def _computed(name: str, state: tuple[object, ...], _compute: Read, _campaign: Campaign) -> Any:
    del name, state
    with resources.store()() as session:
        return _compute(session, _campaign)
