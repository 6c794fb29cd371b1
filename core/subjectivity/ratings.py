"""Ratings and comparisons as tidy tables: brought in from files, read back per task or study."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session, aliased

from core.errors import StudyError
from core.study import samples, tables, tasks
from core.study.records import (
    Arm,
    ArmKind,
    Campaign,
    CampaignKind,
    Comparison,
    Item,
    ItemRole,
    Rater,
    RaterKind,
    Rating,
    Sample,
    SampleStatus,
    Study,
    Task,
)
from core.subjectivity.campaigns import SIDES

LONGEST = 200
RATING_COLUMNS = ["item_id", "rater_id", "label"]
COMPARISON_COLUMNS = ["rater_id", "left", "right", "winner"]
PEOPLE = (RaterKind.PERSON, RaterKind.IMPORTED)


@dataclass(frozen=True)
class Imported:
    """What a file of ratings or comparisons brought. `matched` counts items whose text is a sample of the task."""

    read: int
    kept: int
    rejected: dict[str, int]
    items: int
    raters: int
    matched: int
    again: bool


def people(study: Study) -> tuple[RaterKind, ...]:
    """Whose answers count as people's. The sample study has simulated raters and says so; LLM raters never count here."""
    return (*PEOPLE, RaterKind.SIMULATED) if study.is_sample else PEOPLE


def read_ratings(table: tables.Table) -> pd.DataFrame:
    """Columns item_id, rater_id, label (all text) without empty cells. Raises `StudyError` when a column is missing."""
    tables.need_columns(table.frame, RATING_COLUMNS, file=table.file)
    table.frame[RATING_COLUMNS] = table.frame[RATING_COLUMNS].apply(lambda column: column.str.strip())
    filled = (table.frame[RATING_COLUMNS] != "").all(axis="columns")
    short = (table.frame[RATING_COLUMNS].apply(lambda column: column.str.len()) <= LONGEST).all(axis="columns")
    frame: pd.DataFrame = table.frame[filled & short]
    if frame.empty:
        raise StudyError(
            f"{table.file} holds no ratings: every row lacks item_id, rater_id or label, or has one over {LONGEST} characters."
        )
    return frame


def read_comparisons(table: tables.Table) -> pd.DataFrame:
    """Columns rater_id, left, right, winner (all text). Raises `StudyError` when a column is missing."""
    tables.need_columns(table.frame, COMPARISON_COLUMNS, file=table.file)
    if table.frame.empty:
        raise StudyError(f"{table.file} holds no comparisons.")
    stripped: pd.DataFrame = table.frame[COMPARISON_COLUMNS].apply(lambda column: column.str.strip())
    return stripped


def import_ratings(
    session: Session, *, task: Task, table: tables.Table, kind: RaterKind = RaterKind.IMPORTED
) -> Imported:
    """Bring in item_id, rater_id, label as a closed campaign of a task; with a `text` column items find their samples.

    A second row of one rater about one item with another label is kept (multi-label raters); a repeated row is not.
    A changed file of the same name takes the place of what it brought before.
    """
    frame = read_ratings(table)
    source = f"{table.file} {table.sha256}"
    if _is_current(session, task.study_id, task.id, table.file, source):
        return Imported(len(table.frame), 0, {"imported before": len(table.frame)}, 0, 0, 0, again=True)
    unique = frame.drop_duplicates(RATING_COLUMNS)
    campaign = _campaign(
        session, study_id=task.study_id, task_id=task.id, kind=CampaignKind.LABEL, table=table, source=source
    )
    raters = _raters(session, campaign, unique["rater_id"], kind)
    items = _items(session, campaign, task, unique)
    session.add_all(
        Rating(item_id=items[item].id, rater_id=raters[rater].id, label=label)
        for item, rater, label in unique[RATING_COLUMNS].itertuples(index=False)
    )
    session.flush()
    rejected = {"empty or over-long cell": len(table.frame) - len(frame), "repeated row": len(frame) - len(unique)}
    return Imported(
        read=len(table.frame),
        kept=len(unique),
        rejected={reason: n for reason, n in rejected.items() if n},
        items=len(items),
        raters=len(raters),
        matched=sum(item.sample_id is not None for item in items.values()),
        again=False,
    )


def import_comparisons(
    session: Session, *, study_id: int, table: tables.Table, kind: RaterKind = RaterKind.IMPORTED
) -> Imported:
    """Bring in rater_id, left, right, winner between tasks of a study; the winner is the more subjective one.

    Rows that name a task the study does not have, or another winner than left, right or tie, are counted and left out.
    A changed file of the same name, or the same one after the study got other tasks, takes the place of the earlier one.
    """
    frame = read_comparisons(table)
    named = {task.name: task.id for task in tasks.tasks(session, study_id)}
    source = f"{table.file} {table.sha256} {','.join(sorted(named))}"
    if _is_current(session, study_id, None, table.file, source):
        return Imported(len(frame), 0, {"imported before": len(frame)}, 0, 0, 0, again=True)
    reasons = [_unusable(left, right, winner, named) for _, left, right, winner in frame.itertuples(index=False)]
    good = frame[[not reason for reason in reasons]]
    if good.empty:
        raise StudyError(f"No comparison in {table.file} can be kept: {reasons[0]}.")
    campaign = _campaign(
        session, study_id=study_id, task_id=None, kind=CampaignKind.COMPARE, table=table, source=source
    )
    raters = _raters(session, campaign, good["rater_id"], kind)
    session.add_all(
        Comparison(
            campaign_id=campaign.id,
            rater_id=raters[rater].id,
            left_task_id=named[left],
            right_task_id=named[right],
            winner=winner,
        )
        for rater, left, right, winner in good.itertuples(index=False)
    )
    session.flush()
    rejected = pd.Series([reason for reason in reasons if reason], dtype="str").value_counts().to_dict()
    return Imported(
        len(frame),
        len(good),
        {str(k): int(v) for k, v in rejected.items()},
        len(named),
        len(raters),
        len(named),
        again=False,
    )


def of_task(session: Session, task_id: int, *, kinds: Sequence[RaterKind]) -> pd.DataFrame:
    """Labels that raters of some kinds gave to a task's real texts: columns item_id, sample_id (nan when unmatched),
    rater_id, label, kind.

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
        .where(Campaign.task_id == task_id, Campaign.kind == CampaignKind.LABEL, Item.role == ItemRole.ITEM)
        .where(Rater.kind.in_(kinds), Rater.excluded_at.is_(None))
        .where(or_(Arm.kind == ArmKind.REAL, Arm.id.is_(None)))
        .order_by(Rating.id)
    )
    return pd.DataFrame(session.execute(query).all(), columns=["item_id", "sample_id", "rater_id", "label", "kind"])


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
        .where(Campaign.study_id == study_id, Rater.kind.in_(kinds), Rater.excluded_at.is_(None))
        .order_by(Comparison.id)
    )
    if campaign_id is not None:
        query = query.where(Campaign.id == campaign_id)
    return pd.DataFrame(session.execute(query).all(), columns=COMPARISON_COLUMNS)


def _unusable(left: str, right: str, winner: str, named: dict[str, int]) -> str:
    for name in (left, right):
        if name not in named:
            return f"unknown task {name!r}"
    if left == right:
        return "a task compared with itself"
    return "" if winner in SIDES else f"unknown winner {winner!r}"


def _is_current(session: Session, study_id: int, task_id: int | None, file: str, source: str) -> bool:
    """Whether just this was imported before; another version of the same file is taken out of the store."""
    imported = select(Campaign).where(
        Campaign.study_id == study_id,
        Campaign.task_id == task_id,
        Campaign.source.startswith(f"{file} ", autoescape=True),
    )
    found = list(session.scalars(imported))
    if any(campaign.source == source for campaign in found):
        return True
    for campaign in found:
        _take_out(session, campaign.id)
    return False


def _take_out(session: Session, campaign_id: int) -> None:
    raters = select(Rater.id).where(Rater.campaign_id == campaign_id)
    session.execute(delete(Rating).where(Rating.rater_id.in_(raters)))
    session.execute(delete(Comparison).where(Comparison.campaign_id == campaign_id))
    session.execute(delete(Rater).where(Rater.campaign_id == campaign_id))
    session.execute(delete(Item).where(Item.campaign_id == campaign_id))
    session.execute(delete(Campaign).where(Campaign.id == campaign_id))


def _campaign(
    session: Session, *, study_id: int, task_id: int | None, kind: CampaignKind, table: tables.Table, source: str
) -> Campaign:
    campaign = Campaign(
        study_id=study_id,
        task_id=task_id,
        name=f"Imported: {table.file}"[:200],
        kind=kind,
        source=source,
        token=secrets.token_urlsafe(16),
        is_open=False,
    )
    session.add(campaign)
    session.flush()
    return campaign


def _raters(session: Session, campaign: Campaign, names: "pd.Series[str]", kind: RaterKind) -> dict[str, Rater]:
    raters = {
        name: Rater(campaign_id=campaign.id, pseudonym=name, kind=kind, code=secrets.token_urlsafe(16))
        for name in names.unique().tolist()
    }
    session.add_all(raters.values())
    session.flush()
    return raters


def _items(session: Session, campaign: Campaign, task: Task, frame: pd.DataFrame) -> dict[str, Item]:
    first = frame.drop_duplicates("item_id")
    texts = first["text"].tolist() if "text" in first.columns else [""] * len(first)
    known = _sample_ids(session, task)
    items = {
        item: Item(
            campaign_id=campaign.id, external_id=item, sample_id=known.get(samples.text_hash(text)) if text else None
        )
        for item, text in zip(first["item_id"].tolist(), texts, strict=True)
    }
    session.add_all(items.values())
    session.flush()
    return items


def _sample_ids(session: Session, task: Task) -> dict[str, int]:
    """Text digest -> sample id over the kept samples of a task; a real sample wins over a synthetic one."""
    rows = session.execute(
        select(Sample.text_hash, Sample.id, Arm.kind)
        .join(Arm, Arm.id == Sample.arm_id)
        .where(Arm.task_id == task.id, Sample.status == SampleStatus.KEPT)
    ).all()
    return {row.text_hash: row.id for row in sorted(rows, key=lambda row: row.kind == ArmKind.REAL)}
