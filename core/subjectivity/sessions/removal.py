"""Delete an imported campaign with its answers."""

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study.rows.kinds import RaterKind
from core.study.rows.sessions import Campaign, Comparison, Item, Rater, Rating, Reply, Skip

ASKED_HERE = (RaterKind.PERSON, RaterKind.LLM)


def delete_imported(session: Session, campaign: Campaign) -> int:
    """Delete an imported campaign; return its number of answers. Raises `StudyError` if raters were asked about its items."""
    asked = select(Rater.id).where(Rater.campaign_id == campaign.id, Rater.kind.in_(ASKED_HERE)).limit(1)
    if session.scalar(asked) is not None:
        raise StudyError(
            f"Raters were asked about the items of {campaign.name!r}; other answers of a file of this name would take theirs "
            "away. Rename the file to bring it in beside the earlier one."
        )
    raters = select(Rater.id).where(Rater.campaign_id == campaign.id)
    ratings = select(func.count()).select_from(Rating).where(Rating.rater_id.in_(raters))
    comparisons = select(func.count()).select_from(Comparison).where(Comparison.campaign_id == campaign.id)
    n = (session.scalar(ratings) or 0) + (session.scalar(comparisons) or 0)
    session.execute(delete(Rating).where(Rating.rater_id.in_(raters)))
    session.execute(delete(Skip).where(Skip.rater_id.in_(raters)))
    session.execute(delete(Reply).where(Reply.rater_id.in_(raters)))
    session.execute(delete(Comparison).where(Comparison.campaign_id == campaign.id))
    session.execute(delete(Rater).where(Rater.campaign_id == campaign.id))
    session.execute(delete(Item).where(Item.campaign_id == campaign.id))
    session.execute(delete(Campaign).where(Campaign.id == campaign.id))
    return n
