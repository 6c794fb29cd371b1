"""How far a campaign is and what it has brought so far."""

import math
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.study.records import Campaign, CampaignKind, Item, Rater, RaterKind
from core.subjectivity import agreement, answers, campaigns, protocol


@dataclass(frozen=True)
class Standing:
    """`answers` of `wanted` (0 for an imported campaign); `raters` gave at least one answer, `active` are rating now."""

    items: int
    answers: int
    wanted: int
    raters: int
    active: int
    simulated: bool
    sentence: str


def of(session: Session, campaign: Campaign, *, now: float) -> Standing:
    """Where a campaign stands, with a sentence for people that holds n and the interval of agreement."""
    table = campaigns.answers_of(campaign)
    items = session.scalar(select(func.count(Item.id)).where(Item.campaign_id == campaign.id)) or 0
    answers, raters, simulated = session.execute(
        select(
            func.count(table.id),
            func.count(func.distinct(table.rater_id)),
            func.count(Rater.id).filter(Rater.kind == RaterKind.SIMULATED),
        )
        .join(Rater, Rater.id == table.rater_id)
        .where(Rater.campaign_id == campaign.id)
    ).one()
    active = (
        session.scalar(
            select(func.count(Rater.id)).where(
                Rater.campaign_id == campaign.id,
                Rater.assigned_item_id.is_not(None),
                Rater.assigned_at > now - 60 * protocol.of(campaign).idle_minutes,
            )
        )
        or 0
    )
    wanted = 0 if campaign.source else items * campaign.raters_per_item
    words = [f"{answers:,} answers" + (f" of {wanted:,}" if wanted else ""), f"{raters} raters"]
    words += [f"{active} rating now"] if active else []
    words += [_agreement(session, campaign)] if answers and campaign.kind == CampaignKind.LABEL else []
    return Standing(
        items=items,
        answers=answers,
        wanted=wanted,
        raters=raters,
        active=active,
        simulated=simulated > 0,
        sentence=" · ".join(words),
    )


def _agreement(session: Session, campaign: Campaign) -> str:
    alpha = agreement.alpha_interval(
        answers.counted(session, campaign, kinds=list(RaterKind)), level=agreement.Level.NOMINAL
    )
    if not math.isfinite(alpha.value):
        return "alpha is not defined yet"
    return f"Krippendorff's alpha {alpha.value:.2f} [{alpha.low:.2f}, {alpha.high:.2f}]"
