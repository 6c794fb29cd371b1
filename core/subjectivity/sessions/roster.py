"""The raters of a campaign in one table: how much, how quickly, and how much like the others each of them answers."""

import pandas as pd
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.study.rows.kinds import ItemRole, RaterKind
from core.study.rows.sessions import Campaign, Rater, Skip
from core.subjectivity import results
from core.subjectivity.sessions import answers, campaigns, conduct
from core.subjectivity.statistics import consistency

COLUMNS = ["id", "rater", "kind", "state", "answers", "skips", "median_s", "attention", "gold", "longest_run",
           "with_others", "warned", "excluded"]  # fmt: skip
PANEL_COLUMNS = ["rater", "panel_id", "state", "answers", "excluded"]


def of_campaign(session: Session, campaign: Campaign) -> pd.DataFrame:
    """One row per rater, LLM raters last: columns `COLUMNS`.

    `answers` are those about items proper. `attention` and `gold` are right answers of those seen, as text, empty where
    none was seen. `median_s` is the median time of an answer in seconds and `with_others` the mean share of the other
    raters of the same kind and item who gave the same answer; both nan where unknown. `warned` and `excluded` say why.
    """
    raters = list(session.scalars(select(Rater).where(Rater.campaign_id == campaign.id).order_by(Rater.id)))
    given = answers.of_campaign(session, campaign)
    skips = _skips(session, campaign)
    of_rater = dict(iter(given.groupby("rater_id", sort=False)))
    alike = _with_others(given)
    column = "winner" if campaign.kind in campaigns.COMPARING else "label"
    rows = []
    for rater in raters:
        own = of_rater.get(rater.pseudonym, given.iloc[:0])
        proper = own[own["role"] == ItemRole.ITEM].sort_values("place", kind="stable")
        rows.append(
            (rater.id, rater.pseudonym, rater.kind, _state(rater, campaign), len(proper), skips.get(rater.id, 0),
             own["duration_ms"].median() / 1000, _right(own, ItemRole.ATTENTION, column), _right(own, ItemRole.GOLD, column),
             conduct.longest_run(proper[column].tolist()), alike.get(rater.pseudonym, float("nan")), rater.warned_because,
             (rater.excluded_because or "excluded") if rater.excluded_at is not None else "")
        )  # fmt: skip
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"median_s": "float64", "with_others": "float64"})
    return table.sort_values("kind", key=lambda kinds: kinds == RaterKind.LLM, kind="stable", ignore_index=True)


def panel(session: Session, campaign: Campaign) -> pd.DataFrame:
    """Who a panel's people are, for paying them: columns `PANEL_COLUMNS`. Ids of a panel say who a person is."""
    table = campaigns.answers_of(campaign)
    counts = (
        select(table.rater_id, func.count(table.id).label("n")).group_by(table.rater_id).subquery()
    )  # every answer, checks included: all of it is work
    query = (
        select(Rater.pseudonym, Rater.panel_id, Rater.state, func.coalesce(counts.c.n, 0), Rater.excluded_because)
        .outerjoin(counts, counts.c.rater_id == Rater.id)
        .where(Rater.campaign_id == campaign.id, Rater.panel_id.is_not(None))
        .order_by(Rater.id)
    )
    return pd.DataFrame(session.execute(query).all(), columns=PANEL_COLUMNS)


def _skips(session: Session, campaign: Campaign) -> dict[int, int]:
    query = (
        select(Skip.rater_id, func.count(Skip.id))
        .join(Rater, Rater.id == Skip.rater_id)
        .where(Rater.campaign_id == campaign.id)
        .group_by(Skip.rater_id)
    )
    return dict(session.execute(query).all())


def _with_others(given: pd.DataFrame) -> dict[str, float]:
    """Of those who count beside each other; of the excluded beside everybody of their kind."""
    proper = given[given["role"] == ItemRole.ITEM]
    found: dict[str, float] = {}
    for is_llm in (True, False):
        own = proper[(proper["kind"] == RaterKind.LLM) == is_llm]
        for frame in (own, own[~own["excluded"]]):
            if not frame.empty:
                table = consistency.by_rater(results.labelled(frame))
                found |= dict(zip(table["rater_id"], table["with_others"], strict=True))
    return found


def _right(own: pd.DataFrame, role: ItemRole, column: str) -> str:
    seen = own[own["role"] == role]
    return f"{int((seen[column] == seen['expected']).sum())} of {len(seen)}" if len(seen) else ""


def _state(rater: Rater, campaign: Campaign) -> str:
    return "from a file" if campaign.source else rater.state
