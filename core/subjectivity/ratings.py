"""Read the ratings of a task and the comparisons of a study from the store as tidy tables."""

from collections.abc import Sequence

import pandas as pd
from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session, aliased

from core.study.rows.kinds import ArmKind, CampaignKind, ItemRole, RaterKind
from core.study.rows.sessions import Campaign, Comparison, Item, Rater, Rating
from core.study.rows.study import Arm, Sample, Study, Task

COMPARISON_COLUMNS = ["rater_id", "left", "right", "winner"]
PEOPLE = (RaterKind.PERSON, RaterKind.IMPORTED)


def people(study: Study) -> tuple[RaterKind, ...]:
    """The kinds of raters that count as people: persons and raters from files, in the sample study also simulated raters."""
    return (*PEOPLE, RaterKind.SIMULATED) if study.is_sample else PEOPLE


def of_task(
    session: Session,
    task_id: int,
    *,
    kinds: Sequence[RaterKind],
    campaign_kind: CampaignKind = CampaignKind.LABEL,
) -> pd.DataFrame:
    """Read the labels (or ratings on a scale) that raters of some kinds gave to the real texts of a task.

    Columns item_id, sample_id (nan for an item without a sample), rater_id, label, kind. Left out are excluded raters,
    attention checks, gold items, and texts of synthetic arms, because subjectivity is measured on real texts.
    """
    query = _of_task(task_id, kinds, campaign_kind).order_by(Rating.id)
    rows = [tuple(row) for row in session.execute(query)]  # pandas looks at every attribute of a row of SQLAlchemy
    return pd.DataFrame(rows, columns=["item_id", "sample_id", "rater_id", "label", "kind"])


def are_there(
    session: Session,
    task_id: int,
    *,
    kinds: Sequence[RaterKind],
    campaign_kind: CampaignKind = CampaignKind.LABEL,
) -> bool:
    """Whether `of_task` would return any answer. Looks for a session first: without one the database would read all answers."""
    held = select(Campaign.id).where(Campaign.task_id == task_id, Campaign.kind == campaign_kind).limit(1)
    if session.scalar(held) is None:
        return False
    return session.execute(_of_task(task_id, kinds, campaign_kind).limit(1)).first() is not None


def by_text(answers: pd.DataFrame) -> pd.DataFrame:
    """Give all answers about a text the same item_id, whichever session asked; `answers` as `of_task` returns them.

    The new item_id is the sample_id, or the negative item_id for an item without a sample. A person who rated in two
    sessions counts as two raters, because raters are identified within a session only.
    """
    return answers.assign(item_id=answers["sample_id"].fillna(-answers["item_id"]).astype(int))


def comparisons(
    session: Session, study_id: int, *, kinds: Sequence[RaterKind], campaign_id: int | None = None
) -> pd.DataFrame:
    """Read the comparisons of tasks of a study by raters who are not excluded: columns rater_id, left, right, winner."""
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


def _of_task(
    task_id: int, kinds: Sequence[RaterKind], campaign_kind: CampaignKind
) -> Select[int, int | None, int, str, RaterKind]:
    """The query of `of_task`, in any order."""
    return (
        select(Rating.item_id, Item.sample_id, Rating.rater_id, Rating.label, Rater.kind)
        .join(Item, Item.id == Rating.item_id)
        .join(Rater, Rater.id == Rating.rater_id)
        .join(Campaign, Campaign.id == Item.campaign_id)
        .outerjoin(Sample, Sample.id == Item.sample_id)
        .outerjoin(Arm, Arm.id == Sample.arm_id)
        .where(Campaign.task_id == task_id, Campaign.kind == campaign_kind, Item.role == ItemRole.ITEM)
        .where(Rater.kind.in_(kinds), Rater.excluded_at.is_(None))
        .where(or_(Arm.kind == ArmKind.REAL, Arm.id.is_(None)))
    )
