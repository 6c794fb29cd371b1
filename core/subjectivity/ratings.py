"""Ratings and comparisons as tidy tables: read back per task or study."""

from collections.abc import Sequence

import pandas as pd
from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from core.study.rows.kinds import ArmKind, CampaignKind, ItemRole, RaterKind
from core.study.rows.sessions import Campaign, Comparison, Item, Rater, Rating
from core.study.rows.study import Arm, Sample, Study, Task

COMPARISON_COLUMNS = ["rater_id", "left", "right", "winner"]
PEOPLE = (RaterKind.PERSON, RaterKind.IMPORTED)


def people(study: Study) -> tuple[RaterKind, ...]:
    """Whose answers count as people's. The sample study has simulated raters and says so; LLM raters never count here."""
    return (*PEOPLE, RaterKind.SIMULATED) if study.is_sample else PEOPLE


def of_task(
    session: Session,
    task_id: int,
    *,
    kinds: Sequence[RaterKind],
    campaign_kind: CampaignKind = CampaignKind.LABEL,
) -> pd.DataFrame:
    """Labels (or ratings on the scale) that raters of some kinds gave to a task's real texts.

    Columns item_id, sample_id (nan when unmatched), rater_id, label, kind.

    Left out are excluded raters, checks, gold items, and texts of synthetic arms: how subjective a task is shows on real
    texts.
    """
    query = (
        select(Rating.item_id, Item.sample_id, Rating.rater_id, Rating.label, Rater.kind)
        .join(Item, Item.id == Rating.item_id)
        .join(Rater, Rater.id == Rating.rater_id)
        .join(Campaign, Campaign.id == Item.campaign_id)
        .outerjoin(Sample, Sample.id == Item.sample_id)
        .outerjoin(Arm, Arm.id == Sample.arm_id)
        .where(Campaign.task_id == task_id, Campaign.kind == campaign_kind, Item.role == ItemRole.ITEM)
        .where(Rater.kind.in_(kinds), Rater.excluded_at.is_(None))
        .where(or_(Arm.kind == ArmKind.REAL, Arm.id.is_(None)))
        .order_by(Rating.id)
    )
    return pd.DataFrame(session.execute(query).all(), columns=["item_id", "sample_id", "rater_id", "label", "kind"])


def by_text(given: pd.DataFrame) -> pd.DataFrame:
    """The same answers (as `of_task` gives them) with one item for each text: that of a sample is its sample_id, whichever
    session asked about it; an item without a sample keeps its own id, made negative.

    Somebody who rated in two sessions is two raters, as raters are known by their session only.
    """
    return given.assign(item_id=given["sample_id"].fillna(-given["item_id"]).astype(int))


def comparisons(
    session: Session, study_id: int, *, kinds: Sequence[RaterKind], campaign_id: int | None = None
) -> pd.DataFrame:
    """Comparisons between tasks of a study by raters who are not excluded: columns rater_id, left, right, winner."""
    left, right = aliased(Task), aliased(Task)
    query = (
        select(Rater.pseudonym, left.name, right.name, Comparison.winner)
        .join(Rater, Rater.id == Comparison.rater_id)
        .join(Campaign, Campaign.id == Comparison.campaign_id)
        .join(left, left.id == Comparison.left_task_id)
        .join(right, right.id == Comparison.right_task_id)
        .where(left.trashed_at.is_(None), right.trashed_at.is_(None))
        .where(Campaign.study_id == study_id, Rater.kind.in_(kinds), Rater.excluded_at.is_(None))
        .order_by(Comparison.id)
    )
    if campaign_id is not None:
        query = query.where(Campaign.id == campaign_id)
    return pd.DataFrame(session.execute(query).all(), columns=COMPARISON_COLUMNS)
