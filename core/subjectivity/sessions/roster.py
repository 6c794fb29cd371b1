"""Tables of a campaign's raters: answers, speed, checks, agreement with other raters; and panel ids for payment."""

import pandas as pd
from sqlalchemy import case, func, select
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
    """The raters of a campaign, LLM raters last: columns `COLUMNS`.

    - answers: number of answers, without attention checks and gold items
    - median_s: median time of an answer in seconds, nan if unknown
    - attention, gold: right answers as "2 of 3"; "" if the rater saw no such item
    - longest_run: the largest number of consecutive equal answers
    - with_others: mean share of the other raters of the same kind and item who gave the same answer, nan if unknown
    - warned, excluded: the reason, "" without a reason
    """
    raters = list(session.scalars(select(Rater).where(Rater.campaign_id == campaign.id).order_by(Rater.id)))
    frame = answers.of_campaign(session, campaign)
    skips = _skips(session, campaign)
    of_rater = dict(iter(frame.groupby("rater_id", sort=False)))
    with_others = _with_others(frame)
    column = "winner" if campaign.kind in campaigns.COMPARING else "label"
    rows = []
    for rater in raters:
        own = of_rater.get(rater.pseudonym, frame.iloc[:0])
        on_items = own[own["role"] == ItemRole.ITEM].sort_values("place", kind="stable")
        rows.append(
            (rater.id, rater.pseudonym, rater.kind, _state(rater, campaign), len(on_items), skips.get(rater.id, 0),
             own["duration_ms"].median() / 1000, _right(own, ItemRole.ATTENTION, column), _right(own, ItemRole.GOLD, column),
             conduct.longest_run(on_items[column].tolist()), with_others.get(rater.pseudonym, float("nan")), rater.warned_because,
             (rater.excluded_because or "excluded") if rater.excluded_at is not None else "")
        )  # fmt: skip
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"median_s": "float64", "with_others": "float64"})
    return table.sort_values("kind", key=lambda kinds: kinds == RaterKind.LLM, kind="stable", ignore_index=True)


def panel(session: Session, campaign: Campaign) -> pd.DataFrame:
    """The panel ids of a campaign's raters with their numbers of answers, for payment: columns `PANEL_COLUMNS`.

    Panel ids identify persons.
    """
    table = campaigns.answers_of(campaign)
    counts = (
        select(table.rater_id, func.count(table.id).label("n")).group_by(table.rater_id).subquery()
    )  # answers to checks and gold items count, because they are work too
    excluded = case((Rater.excluded_at.is_not(None), Rater.excluded_because), else_="")
    query = (
        select(Rater.pseudonym, Rater.panel_id, Rater.state, func.coalesce(counts.c.n, 0), excluded)
        .outerjoin(counts, counts.c.rater_id == Rater.id)
        .where(Rater.campaign_id == campaign.id, Rater.panel_id.is_not(None))
        .order_by(Rater.id)
    )
    return pd.DataFrame(session.execute(query).all(), columns=PANEL_COLUMNS)


def _skips(session: Session, campaign: Campaign) -> dict[int, int]:
    """Rater id -> number of skipped items."""
    query = (
        select(Skip.rater_id, func.count(Skip.id))
        .join(Rater, Rater.id == Skip.rater_id)
        .where(Rater.campaign_id == campaign.id)
        .group_by(Skip.rater_id)
    )
    return dict(session.execute(query).all())


def _with_others(frame: pd.DataFrame) -> dict[str, float]:
    """Rater -> share of equal answers among other raters of the same kind.

    Raters who are not excluded are compared with each other only; excluded raters are compared with all raters.
    """
    on_items = frame[frame["role"] == ItemRole.ITEM]
    found: dict[str, float] = {}
    for is_llm in (True, False):
        own_kind = on_items[(on_items["kind"] == RaterKind.LLM) == is_llm]
        for part in (own_kind, own_kind[~own_kind["excluded"]]):
            if not part.empty:
                table = consistency.by_rater(results.labelled(part))
                found |= dict(zip(table["rater_id"], table["with_others"], strict=True))
    return found


def _right(own: pd.DataFrame, role: ItemRole, column: str) -> str:
    """Right answers to items of a role, as "2 of 3"; "" if the rater saw no such item."""
    seen = own[own["role"] == role]
    return f"{int((seen[column] == seen['expected']).sum())} of {len(seen)}" if len(seen) else ""


def _state(rater: Rater, campaign: Campaign) -> str:
    """The state of a rater; "from a file" if the rater came with an imported campaign, and was not asked later."""
    return "from a file" if campaign.source and rater.kind != RaterKind.LLM else rater.state
