"""Read the answers of a campaign as a long table: item, rater, answer, time, duration, and whether the answer counts."""

from collections.abc import Sequence

import pandas as pd
from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session, aliased

from core.study import trash
from core.study.rows.kinds import ItemRole, RaterKind
from core.study.rows.sessions import Campaign, Comparison, Item, Rater, Rating, Skip
from core.study.rows.study import Arm, Label, Sample, Task
from core.subjectivity.sessions import campaigns

ABOUT = ["role", "expected", "rater_id", "kind", "place", "duration_ms", "created_at", "excluded", "excluded_because"]
LABELS = ["item_id", "sample_id", "text", "arm", "intended", "label", *ABOUT]
PAIRS = ["item_id", "left", "right", "left_text", "right_text", "winner", *ABOUT]


def of_campaign(
    session: Session,
    campaign: Campaign,
    *,
    kinds: Sequence[RaterKind] = tuple(RaterKind),
    roles: Sequence[ItemRole] = tuple(ItemRole),
    with_excluded: bool = True,
    with_trashed: bool = True,
) -> pd.DataFrame:
    """Read the answers in the order in which they were given: columns `LABELS`, or `PAIRS` for comparisons.

    `arm` is the arm of the text and `intended` the label that the text came with (None for pairs and attention checks).
    `left` and `right` are the sides as shown: names of tasks, or `sample-ID`. `rater_id` is the pseudonym; `excluded` is
    bool; `duration_ms` is in milliseconds. `with_trashed`: also comparisons of a task that is in the trash.
    """
    table = campaigns.answers_of(campaign)
    conditions: list[ColumnElement[bool]] = [Rater.campaign_id == campaign.id, Rater.kind.in_(kinds)]
    if not with_excluded:
        conditions.append(Rater.excluded_at.is_(None))
    frame = (
        _pairs(session, conditions, with_trashed=with_trashed) if table is Comparison else _labels(session, conditions)
    )
    frame["role"] = frame["role"].fillna(ItemRole.ITEM)
    frame["excluded"] = frame["excluded_because"].notna()
    return frame[frame["role"].isin(roles)].reset_index(drop=True)


def counted(session: Session, campaign: Campaign, *, kinds: Sequence[RaterKind]) -> pd.DataFrame:
    """Read the answers that statistics use, by raters of some kinds.

    Without checks, gold items, excluded raters and comparisons of a task that is in the trash.
    """
    return of_campaign(session, campaign, kinds=kinds, roles=(ItemRole.ITEM,), with_excluded=False, with_trashed=False)


def chosen(pairs: pd.DataFrame) -> pd.DataFrame:
    """Add a column `label` to comparisons: the name of the chosen side, or `tie`."""
    won = pairs["left"].where(pairs["winner"] == "left", pairs["right"])
    return pairs.assign(label=won.where(pairs["winner"] != "tie", "tie"))


def skipped(session: Session, campaign: Campaign) -> pd.DataFrame:
    """Read the skipped items: columns item_id, rater_id, reason, place, duration_ms, created_at."""
    query = (
        select(Skip.item_id, Rater.pseudonym, Skip.reason, Skip.place, Skip.duration_ms, Skip.created_at)
        .join(Rater, Rater.id == Skip.rater_id)
        .where(Rater.campaign_id == campaign.id)
        .order_by(Skip.id)
    )
    columns = ["item_id", "rater_id", "reason", "place", "duration_ms", "created_at"]
    return pd.DataFrame(session.execute(query).all(), columns=columns)


def _labels(session: Session, conditions: Sequence[ColumnElement[bool]]) -> pd.DataFrame:
    """The ratings that meet the conditions, columns `LABELS`. An imported item without a sample may have a text of its own."""
    own = case((Item.role == ItemRole.ITEM, func.nullif(Item.text, "")))
    text = func.coalesce(Sample.text, own)
    query = (
        select(
            Rating.item_id, Item.sample_id, text, Arm.name, Label.name, Rating.label, Item.role, Item.expected,
            Rater.pseudonym, Rater.kind, Rating.place, Rating.duration_ms, Rating.created_at, Rater.excluded_at,
            Rater.excluded_because,
        )
        .join(Item, Item.id == Rating.item_id)
        .join(Rater, Rater.id == Rating.rater_id)
        .outerjoin(Sample, Sample.id == Item.sample_id)
        .outerjoin(Arm, Arm.id == Sample.arm_id)
        .outerjoin(Label, Label.id == Sample.label_id)
        .where(*conditions)
        .order_by(Rating.id)
    )  # fmt: skip
    return _framed(session.execute(query).all(), LABELS)


def _pairs(session: Session, conditions: Sequence[ColumnElement[bool]], *, with_trashed: bool) -> pd.DataFrame:
    """The comparisons that meet the conditions, columns `PAIRS`; a task in the trash has the name that it had before."""
    left_task, right_task = aliased(Task), aliased(Task)
    away = session.scalars(select(Task).where(Task.trashed_at.is_not(None))).all()
    before = {task.name: trash.name_of(session, task) for task in away}
    here = () if with_trashed else (left_task.trashed_at.is_(None), right_task.trashed_at.is_(None))
    left, right = aliased(Sample), aliased(Sample)
    query = (
        select(
            Comparison.item_id, left_task.name, right_task.name, left.text, right.text, Comparison.winner, Item.role,
            Item.expected, Rater.pseudonym, Rater.kind, Comparison.place, Comparison.duration_ms, Comparison.created_at,
            Rater.excluded_at, Rater.excluded_because, Comparison.left_sample_id, Comparison.right_sample_id,
        )
        .join(Rater, Rater.id == Comparison.rater_id)
        .outerjoin(Item, Item.id == Comparison.item_id)
        .outerjoin(left_task, left_task.id == Comparison.left_task_id)
        .outerjoin(right_task, right_task.id == Comparison.right_task_id)
        .outerjoin(left, left.id == Comparison.left_sample_id)
        .outerjoin(right, right.id == Comparison.right_sample_id)
        .where(*conditions, *here)
        .order_by(Comparison.id)
    )  # fmt: skip
    rows = session.execute(query).all()
    frame = _framed([row[:-2] for row in rows], PAIRS)
    for side, ids in (("left", [row[-2] for row in rows]), ("right", [row[-1] for row in rows])):
        named = pd.Series([None if sample_id is None else f"sample-{sample_id}" for sample_id in ids], dtype="str")
        frame[side] = frame[side].astype("str").fillna(named).replace(before)
    return frame


def _framed(rows: Sequence[Sequence[object]], columns: list[str]) -> pd.DataFrame:
    """A table from stored rows; `excluded_because` is missing for raters who are not excluded."""
    stored = [*columns[:-2], "excluded_at", "excluded_because"]
    frame = pd.DataFrame([tuple(row) for row in rows], columns=stored)
    frame["excluded_because"] = frame["excluded_because"].where(frame["excluded_at"].notna(), None)
    frame["excluded"] = frame.pop("excluded_at").notna()
    return frame[columns]
