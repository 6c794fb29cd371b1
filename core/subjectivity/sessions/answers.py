"""Every answer of a campaign as one long table: who said what about which item, when, how quickly, and whether it counts."""

from collections.abc import Sequence

import pandas as pd
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, aliased

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
) -> pd.DataFrame:
    """One row per answer in the order given, columns `LABELS`, or `PAIRS` where two things are compared.

    `arm` and `intended` say where a text is from and the label it came with (None for a pair's or check's). `left` and
    `right` are names of tasks, or `sample-ID`, as they were shown. `rater_id` is the pseudonym; `excluded` is bool.
    """
    table = campaigns.answers_of(campaign)
    wanted: list[ColumnElement[bool]] = [Rater.campaign_id == campaign.id, Rater.kind.in_(kinds)]
    if not with_excluded:
        wanted.append(Rater.excluded_at.is_(None))
    frame = _pairs(session, wanted) if table is Comparison else _labels(session, wanted)
    frame["role"] = frame["role"].fillna(ItemRole.ITEM)
    frame["excluded"] = frame["excluded_because"].notna()
    return frame[frame["role"].isin(roles)].reset_index(drop=True)


def counted(session: Session, campaign: Campaign, *, kinds: Sequence[RaterKind]) -> pd.DataFrame:
    """The answers that statistics count: about items proper, by raters of some kinds who are not excluded."""
    return of_campaign(session, campaign, kinds=kinds, roles=(ItemRole.ITEM,), with_excluded=False)


def chosen(pairs: pd.DataFrame) -> pd.DataFrame:
    """Comparisons with a column label: the name of what was chosen, or `tie`, whichever side it was shown on."""
    won = pairs["left"].where(pairs["winner"] == "left", pairs["right"])
    return pairs.assign(label=won.where(pairs["winner"] != "tie", "tie"))


def skipped(session: Session, campaign: Campaign) -> pd.DataFrame:
    """Items passed over: columns item_id, rater_id, reason, place, duration_ms, created_at."""
    query = (
        select(Skip.item_id, Rater.pseudonym, Skip.reason, Skip.place, Skip.duration_ms, Skip.created_at)
        .join(Rater, Rater.id == Skip.rater_id)
        .where(Rater.campaign_id == campaign.id)
        .order_by(Skip.id)
    )
    columns = ["item_id", "rater_id", "reason", "place", "duration_ms", "created_at"]
    return pd.DataFrame(session.execute(query).all(), columns=columns)


def _labels(session: Session, wanted: Sequence[ColumnElement[bool]]) -> pd.DataFrame:
    query = (
        select(
            Rating.item_id, Item.sample_id, Sample.text, Arm.name, Label.name, Rating.label, Item.role, Item.expected,
            Rater.pseudonym, Rater.kind, Rating.place, Rating.duration_ms, Rating.created_at, Rater.excluded_at,
            Rater.excluded_because,
        )
        .join(Item, Item.id == Rating.item_id)
        .join(Rater, Rater.id == Rating.rater_id)
        .outerjoin(Sample, Sample.id == Item.sample_id)
        .outerjoin(Arm, Arm.id == Sample.arm_id)
        .outerjoin(Label, Label.id == Sample.label_id)
        .where(*wanted)
        .order_by(Rating.id)
    )  # fmt: skip
    return _framed(session.execute(query).all(), LABELS)


def _pairs(session: Session, wanted: Sequence[ColumnElement[bool]]) -> pd.DataFrame:
    left_task, right_task = aliased(Task), aliased(Task)
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
        .where(*wanted)
        .order_by(Comparison.id)
    )  # fmt: skip
    rows = session.execute(query).all()
    frame = _framed([row[:-2] for row in rows], PAIRS)
    for side, shown in (("left", [row[-2] for row in rows]), ("right", [row[-1] for row in rows])):
        named = pd.Series([None if place is None else f"sample-{place}" for place in shown], dtype="str")
        frame[side] = frame[side].astype("str").fillna(named)
    return frame


def _framed(rows: Sequence[Sequence[object]], columns: list[str]) -> pd.DataFrame:
    """`excluded_because` is missing for raters who count."""
    stored = [*columns[:-2], "excluded_at", "excluded_because"]
    frame = pd.DataFrame([tuple(row) for row in rows], columns=stored)
    frame["excluded_because"] = frame["excluded_because"].where(frame["excluded_at"].notna(), None)
    frame["excluded"] = frame.pop("excluded_at").notna()
    return frame[columns]
