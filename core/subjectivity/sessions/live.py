"""A session while it goes on: who is at it, how quick, how much is left; a few light queries, for every few seconds."""

import math
from collections import Counter
from dataclasses import dataclass

import pandas as pd
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from core.study.rows.kinds import ItemRole, RaterState
from core.study.rows.sessions import Campaign, Comparison, Item, Rater, Rating
from core.study.rows.study import Study
from core.subjectivity import ratings
from core.subjectivity.sessions import campaigns, protocol

FEWEST_FOR_TIME = 5  # answers before a time left is told
RATE_SECONDS = 600
SHOWN_MINUTES = 30
ENDED: dict[str, str] = {RaterState.DONE: "done", RaterState.LEFT: "left"}
AT_WORK = (RaterState.CHECKING, RaterState.RATING)


@dataclass(frozen=True)
class Raters:
    """How many raters are `active` (seen within the session's idle time), `idle` beyond it, done, left early, turned
    away by screening or the check, or `excluded`. Everybody is in one of these."""

    active: int = 0
    idle: int = 0
    done: int = 0
    left: int = 0
    turned_away: int = 0
    excluded: int = 0

    @property
    def total(self) -> int:
        return self.active + self.idle + self.done + self.left + self.turned_away + self.excluded


@dataclass(frozen=True)
class Live:
    """Where a session is now, by people who are not excluded.

    `answers` about the `items` proper; `missing` until each has its raters, of `wanted` in all (0 for answers from a
    file). `per_minute` over the last ten minutes. `seconds_left` at that rate: nan while nobody answers or nothing is
    wanted. `minutes`: columns minute (0 = now, then -1, ...), answers.
    """

    raters: Raters
    items: int
    answers: int
    missing: int
    wanted: int
    per_minute: float
    seconds_left: float
    minutes: pd.DataFrame


def of(session: Session, campaign: Campaign, *, now: float) -> Live:
    """How a campaign goes at the moment `now`."""
    per_item = _answers_per_item(session, campaign)
    asked = 0 if campaign.source else campaign.raters_per_item
    missing = sum(max(0, asked - n) for n in per_item)
    times = _times(session, campaign, since=now - 60 * SHOWN_MINUTES)
    per_minute = _per_minute(times, now=now)
    return Live(
        raters=_raters(session, campaign, now=now),
        items=len(per_item),
        answers=sum(per_item),
        missing=missing,
        wanted=len(per_item) * asked,
        per_minute=per_minute,
        seconds_left=60 * missing / per_minute
        if len(times) >= FEWEST_FOR_TIME and per_minute and missing
        else math.nan,
        minutes=_minutes(times, now=now),
    )


def stamp(session: Session, campaign: Campaign) -> tuple[object, ...]:
    """Changes whenever an answer comes, is taken back, or a rater is excluded or counted again."""
    table = campaigns.answers_of(campaign)
    counted = (
        select(func.count(table.id), func.max(table.id), func.max(table.created_at))
        .join(Rater, Rater.id == table.rater_id)
        .where(Rater.campaign_id == campaign.id)
    )
    excluded = select(func.count(Rater.id), func.max(Rater.excluded_at)).where(
        Rater.campaign_id == campaign.id, Rater.excluded_at.is_not(None)
    )
    return campaign.id, *session.execute(counted).one(), *session.execute(excluded).one()


def _answers_per_item(session: Session, campaign: Campaign) -> list[int]:
    """How many people answered each item; comparisons from a file have no items and count as one each."""
    table = campaigns.answers_of(campaign)
    given = (
        select(table.item_id, func.count(func.distinct(table.rater_id)), func.count(table.id))
        .join(Rater, Rater.id == table.rater_id)
        .where(*_counted(session, campaign))
        .group_by(table.item_id)
    )
    rows = session.execute(given).all()
    counts = {item_id: people for item_id, people, _ in rows}
    loose = [1 for item_id, _, answers in rows if item_id is None for _ in range(answers)]
    items = select(Item.id).where(Item.campaign_id == campaign.id, Item.role == ItemRole.ITEM)
    return [counts.get(item_id, 0) for item_id in session.scalars(items)] + loose


def _times(session: Session, campaign: Campaign, *, since: float) -> list[float]:
    table: type[Comparison] | type[Rating] = campaigns.answers_of(campaign)
    query = (
        select(table.created_at)
        .join(Rater, Rater.id == table.rater_id)
        .outerjoin(Item, Item.id == table.item_id)
        .where(*_counted(session, campaign), table.created_at > since)
        .where(or_(Item.role == ItemRole.ITEM, Item.id.is_(None)))
    )
    return list(session.scalars(query))


def _counted(session: Session, campaign: Campaign) -> tuple[ColumnElement[bool], ...]:
    people = ratings.people(session.get_one(Study, campaign.study_id))
    return Rater.campaign_id == campaign.id, Rater.kind.in_(people), Rater.excluded_at.is_(None)


def _raters(session: Session, campaign: Campaign, *, now: float) -> Raters:
    idle_since = now - 60 * protocol.of(campaign).idle_minutes
    people = ratings.people(session.get_one(Study, campaign.study_id))
    query = select(Rater.state, Rater.excluded_at, Rater.assigned_at, Rater.consented_at).where(
        Rater.campaign_id == campaign.id, Rater.kind.in_(people)
    )
    found: Counter[str] = Counter()
    for state, excluded_at, assigned_at, consented_at in session.execute(query):
        if excluded_at is not None:
            found["excluded"] += 1
        elif state in AT_WORK:
            seen = max(assigned_at or 0.0, consented_at or 0.0)
            found["active" if seen > idle_since else "idle"] += 1
        else:
            found[ENDED.get(state, "turned_away")] += 1
    return Raters(**found)


def _per_minute(times: list[float], *, now: float) -> float:
    """Answers a minute over the last ten minutes, or since the first answer when that is later."""
    recent = [at for at in times if at > now - RATE_SECONDS]
    began = min(times, default=now)
    return len(recent) / (min(RATE_SECONDS, max(60.0, now - began)) / 60)


def _minutes(times: list[float], *, now: float) -> pd.DataFrame:
    counted = Counter(-math.floor((now - at) / 60) for at in times)
    minutes = range(1 - SHOWN_MINUTES, 1)
    return pd.DataFrame({"minute": list(minutes), "answers": [counted[minute] for minute in minutes]})
