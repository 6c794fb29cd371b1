"""Cached results of a campaign: each is computed once for each state of the campaign's answers."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy.orm import Session

from core.study.rows.sessions import Campaign
from core.subjectivity import results
from core.subjectivity.llm import beside_people
from core.subjectivity.llm.alternative_annotator import AltTest, Skill
from core.subjectivity.llm.beside_people import SideBySide
from core.subjectivity.sessions import answers, campaigns, live, roster
from core.subjectivity.statistics import aggregation, agreement, planning, ranking
from core.subjectivity.statistics.aggregation import Method
from core.subjectivity.statistics.agreement import AgreementSummary
from core.subjectivity.statistics.counts import Level
from ui.shared import resources

Read = Callable[[Session, Campaign], Any]


def given(campaign: Campaign) -> pd.DataFrame:
    """The answers that statistics count: see `results.given`."""
    found: pd.DataFrame = _of(campaign, "given", results.given)
    return found


def raw(campaign: Campaign) -> pd.DataFrame:
    """All answers, of excluded raters and LLM raters too: see `answers.of_campaign`."""
    found: pd.DataFrame = _of(campaign, "raw", answers.of_campaign)
    return found


def bare(campaign: Campaign) -> pd.DataFrame:
    """The answers of `given` without columns about texts and raters, quicker to read: see `results.bare`."""
    found: pd.DataFrame = _of(campaign, "bare", results.bare)
    return found


def words(campaign: Campaign) -> str:
    """The agreement of people in a few words: see `results.words`."""
    return str(_of(campaign, "words", lambda session, read: results.words(results.given(session, read), read)))


def summary(campaign: Campaign, *, level: Level) -> AgreementSummary:
    """Every agreement coefficient with its interval: see `agreement.summary`."""
    found: AgreementSummary = _of(
        campaign, f"summary {level}", lambda _, read: agreement.summary(bare(read), level=level)
    )
    return found


def by_item(campaign: Campaign) -> pd.DataFrame:
    """One row per item: see `results.by_item`."""
    found: pd.DataFrame = _of(campaign, "items", lambda _, read: results.by_item(given(read)))
    return found


def extremes(campaign: Campaign, *, n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The `n` items with the most and the `n` with the least agreement, with their texts: see `results.extremes`."""

    def compute(session: Session, read: Campaign) -> tuple[pd.DataFrame, pd.DataFrame]:
        most, least = results.extremes(results.by_item(bare(read)), n=n)
        return results.with_texts(session, most), results.with_texts(session, least)

    found: tuple[pd.DataFrame, pd.DataFrame] = _of(campaign, f"extremes {n}", compute)
    return found


def by_arm(campaign: Campaign) -> pd.DataFrame:
    """Agreement and majority labels of the texts of each arm, read once for a stamp of the answers: `results.by_arm`."""
    level = results.level_of(campaign)
    found: pd.DataFrame = _of(campaign, "arms", lambda _, read: results.by_arm(given(read), level=level))
    return found


def so_far(campaign: Campaign) -> pd.DataFrame:
    """Alpha over the answers in the order they came: see `results.so_far`."""
    level = results.level_of(campaign)
    found: pd.DataFrame = _of(campaign, "so far", lambda _, read: results.so_far(bare(read), level=level))
    return found


def aggregated(campaign: Campaign, method: Method) -> pd.DataFrame:
    """One label per item: see `results.aggregated`."""
    found: pd.DataFrame = _of(campaign, method, lambda _, read: results.aggregated(given(read), method=method))
    return found


def aggregation_caution(campaign: Campaign, method: Method) -> str:
    """A warning about labels aggregated by a method; "" without a warning."""
    found: str = _of(campaign, f"caution {method}", lambda _, read: aggregation.caution(given(read), method=method))
    return found


def scale_by_item(campaign: Campaign) -> pd.DataFrame:
    """The mean rating of each item: see `results.scale_by_item`."""
    found: pd.DataFrame = _of(campaign, "scale", lambda _, read: results.scale_by_item(given(read)))
    return found


def strengths(campaign: Campaign) -> pd.DataFrame:
    """Bradley-Terry strengths and ranks of the compared tasks or texts: see `results.strengths`."""
    found: pd.DataFrame = _of(campaign, "strengths", lambda _, read: results.strengths(given(read)))
    return found


def differences(campaign: Campaign) -> pd.DataFrame:
    """The difference in strength of each pair: see `ranking.differences`."""
    found: pd.DataFrame = _of(campaign, "differences", lambda _, read: ranking.differences(given(read)))
    return found


def raters(campaign: Campaign) -> pd.DataFrame:
    """One row per rater, never cached: see `roster.of_campaign`."""
    found: pd.DataFrame = _of(campaign, "raters", roster.of_campaign, fresh=True)
    return found


def more_ratings(campaign: Campaign, *, width: float) -> planning.Plan:
    """How many more ratings narrow the interval of alpha to `width`: see `planning.more_ratings`."""
    level = results.level_of(campaign)
    found: planning.Plan = _of(
        campaign, f"plan {width}", lambda _, read: planning.more_ratings(bare(read), width=width, level=level)
    )
    return found


def side_by_side(campaign: Campaign, *, pooled: bool) -> SideBySide:
    """People beside LLM raters: see `beside_people.side_by_side`."""
    found: SideBySide = _of(
        campaign, f"groups {pooled}", lambda session, read: beside_people.side_by_side(session, read, pooled=pooled)
    )
    return found


def stand_ins(campaign: Campaign, *, skill: Skill) -> list[AltTest]:
    """The alternative annotator test of each LLM rater: see `beside_people.stand_ins`."""
    found: list[AltTest] = _of(
        campaign, f"stand-ins {skill}", lambda session, read: beside_people.stand_ins(session, read, skill=skill)
    )
    return found


def of_study(study_id: int) -> list[Campaign]:
    """The campaigns of a study, the newest first."""
    with resources.store()() as session:
        return campaigns.of_study(session, study_id)


def is_comparing(campaign: Campaign) -> bool:
    """Whether raters of the campaign compare two tasks or texts."""
    return campaign.kind in campaigns.COMPARING


def _of(campaign: Campaign, name: str, compute: Read, *, fresh: bool = False) -> Any:
    """The result of `compute`, cached under `name` for the present state of the campaign; errors are not cached.

    `fresh` computes without the cache.
    """
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
