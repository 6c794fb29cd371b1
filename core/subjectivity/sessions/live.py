"""Monitor a running session: raters at work, answers per minute, answers missing, time left.

The queries are light, because pages repeat them every few seconds.
"""

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

FEWEST_FOR_TIME = 5  # answers needed to estimate the time left
RATE_SECONDS = 600  # seconds over which answers per minute are counted
SHOWN_MINUTES = 30
ENDED: dict[str, str] = {RaterState.DONE: "done", RaterState.LEFT: "left"}
AT_WORK = (RaterState.CHECKING, RaterState.RATING)


@dataclass(frozen=True)
class Raters:
    """Numbers of raters; every rater is in exactly one number.

    `active`: at work and seen within the idle time of the session. `idle`: at work but not seen within it. `done`.
    `left`: left early. `turned_away`: by screening or the comprehension check. `excluded`: from statistics.
    """

    active: int = 0
    idle: int = 0
    done: int = 0
    left: int = 0
    turned_away: int = 0
    excluded: int = 0

    @property
    def total(self) -> int:
        """All raters."""
        return self.rating + self.turned_away + self.excluded

    @property
    def rating(self) -> int:
        """Raters who rate or rated, and whose answers count."""
        return self.active + self.idle + self.done + self.left


@dataclass(frozen=True)
class Live:
    """The state of a session, from answers of people who are not excluded.

    - items: without attention checks and gold items; answers: about these items
    - wanted: answers wanted in all (0 for answers from a file); missing: of these, not given yet
    - per_minute: answers per minute over the last ten minutes
    - seconds_left: until no answer is missing, at this rate; nan without recent answers or without missing answers
    - minutes: columns minute (0 = now, -1 = a minute ago, ...), answers
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
    """Read the state of a session at the time `now` (seconds since 1970)."""
    per_item = _answers_per_item(session, campaign)
    wanted_per_item = 0 if campaign.source else campaign.raters_per_item
    missing = sum(max(0, wanted_per_item - n) for n in per_item)
    times = _times(session, campaign, since=now - 60 * SHOWN_MINUTES)
    per_minute = _per_minute(times, now=now)
    return Live(
        raters=_raters(session, campaign, now=now),
        items=len(per_item),
        answers=sum(per_item),
        missing=missing,
        wanted=len(per_item) * wanted_per_item,
        per_minute=per_minute,
        seconds_left=60 * missing / per_minute
        if len(times) >= FEWEST_FOR_TIME and per_minute and missing
        else math.nan,
        minutes=_minutes(times, now=now),
    )


def stamp(session: Session, campaign: Campaign) -> tuple[object, ...]:
    """A value that changes when an answer is stored or deleted, or a rater is excluded or included again."""
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
    """The number of people who answered each item; every comparison from a file counts as an item of its own."""
    table = campaigns.answers_of(campaign)
    query = (
        select(table.item_id, func.count(func.distinct(table.rater_id)), func.count(table.id))
        .join(Rater, Rater.id == table.rater_id)
        .where(*_counted(session, campaign))
        .group_by(table.item_id)
    )
    rows = session.execute(query).all()
    counts = {item_id: people for item_id, people, _ in rows}
    without_item = [1 for item_id, _, answers in rows if item_id is None for _ in range(answers)]
    items = select(Item.id).where(Item.campaign_id == campaign.id, Item.role == ItemRole.ITEM)
    return [counts.get(item_id, 0) for item_id in session.scalars(items)] + without_item


def _times(session: Session, campaign: Campaign, *, since: float) -> list[float]:
    """The times of the answers after `since`, without answers to checks and gold items."""
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
    """The conditions for raters who are people and not excluded."""
    people = ratings.people(session.get_one(Study, campaign.study_id))
    return Rater.campaign_id == campaign.id, Rater.kind.in_(people), Rater.excluded_at.is_(None)


def _raters(session: Session, campaign: Campaign, *, now: float) -> Raters:
    idle_since = now - 60 * protocol.of(campaign).idle_minutes
    people = ratings.people(session.get_one(Study, campaign.study_id))
    query = select(Rater.state, Rater.excluded_at, Rater.assigned_at, Rater.consented_at).where(
        Rater.campaign_id == campaign.id, Rater.kind.in_(people)
    )
    counts: Counter[str] = Counter()
    for state, excluded_at, assigned_at, consented_at in session.execute(query):
        if excluded_at is not None:
            counts["excluded"] += 1
        elif state in AT_WORK:
            seen = max(assigned_at or 0.0, consented_at or 0.0)
            counts["active" if seen > idle_since else "idle"] += 1
        else:
            counts[ENDED.get(state, "turned_away")] += 1
    return Raters(**counts)


def _per_minute(times: list[float], *, now: float) -> float:
    """Answers per minute over the last ten minutes, or since the first of `times` if this is less."""
    recent = [at for at in times if at > now - RATE_SECONDS]
    began = min(times, default=now)
    return len(recent) / (min(RATE_SECONDS, max(60.0, now - began)) / 60)


def _minutes(times: list[float], *, now: float) -> pd.DataFrame:
    """The table `Live.minutes` from the times of answers."""
    counted = Counter(-math.floor((now - at) / 60) for at in times)
    minutes = range(1 - SHOWN_MINUTES, 1)
    return pd.DataFrame({"minute": list(minutes), "answers": [counted[minute] for minute in minutes]})
