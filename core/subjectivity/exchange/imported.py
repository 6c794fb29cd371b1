"""Import ratings and comparisons from files into a study: each file becomes a closed campaign."""

import re
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field, replace

import pandas as pd
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import samples, tasks
from core.study.exchange import tables
from core.study.rows.kinds import ArmKind, CampaignKind, RaterKind, RaterState, SampleStatus
from core.study.rows.sessions import Campaign, Comparison, Item, Rater, Rating, Reply, Skip
from core.study.rows.study import Arm, Sample, Task
from core.subjectivity.exchange import formats

DIGEST = re.compile("[0-9a-f]{64}")
ASKED_HERE = (RaterKind.PERSON, RaterKind.LLM)


@dataclass(frozen=True)
class Imported:
    """The result of importing a file of ratings or comparisons.

    - read, kept: answers in the file, answers stored; rejected: reason -> answers left out
    - items, raters: numbers stored; matched: items whose text is a sample of the task
    - again: whether the same file was imported before, so that no answer was stored
    - columns: our column -> column of the file
    - pseudonyms: raters whose personal name was replaced
    - notes: sentences about what was done to the answers
    """

    read: int
    kept: int
    rejected: dict[str, int]
    items: int
    raters: int
    matched: int
    again: bool
    columns: dict[str, str]
    pseudonyms: int
    notes: list[str] = field(default_factory=list)


def import_ratings(
    session: Session,
    *,
    task: Task,
    table: tables.Table,
    kind: RaterKind = RaterKind.IMPORTED,
    options: formats.Options | None = None,
) -> Imported:
    """Import the ratings of a table, in any form that `formats.ratings_in` reads, as a closed campaign of a task.

    Items with a text are linked to the sample of that text. Labels that the task does not have are left out and counted,
    unless the options keep them. If the file was imported before in another version or with other options, the earlier
    campaign is replaced. Raises `StudyError` if no rating can be kept, if no label is one of the task's, or if raters were
    asked about the items of the earlier campaign.
    """
    names = [label.name for label in tasks.labels_of(session, task.id)]
    answers = formats.ratings_in(table, replace(options or formats.Options(), known=names))
    source = _source(table, answers)
    if _is_current(session, task.study_id, task.id, table.file, source):
        return _brought_before(answers)
    campaign = _campaign(
        session, study_id=task.study_id, task_id=task.id, kind=CampaignKind.LABEL, table=table, source=source
    )
    raters = _raters(session, campaign, answers.frame, kind)
    items, matched = _items(session, campaign, task, answers.frame)
    now = time.time()
    rows = answers.frame[formats.RATINGS].itertuples(index=False, name=None)
    session.execute(
        insert(Rating),
        [
            {"item_id": items[item], "rater_id": raters[rater], "label": label, "created_at": now}
            for item, rater, label in rows
        ],
    )
    return Imported(
        read=answers.read,
        kept=len(answers.frame),
        rejected=answers.left_out,
        items=len(items),
        raters=len(raters),
        matched=matched,
        again=False,
        columns=answers.columns,
        pseudonyms=answers.pseudonyms,
        notes=answers.notes,
    )


def import_comparisons(
    session: Session,
    *,
    study_id: int,
    table: tables.Table,
    kind: RaterKind = RaterKind.IMPORTED,
    options: formats.Options | None = None,
) -> Imported:
    """Import comparisons between tasks of a study as a closed campaign; the winner is the more subjective task.

    Comparisons of tasks that the study does not have are left out and counted. If the file was imported before in another
    version, or before the tasks of the study changed, the earlier campaign is replaced. Raises `StudyError` if no
    comparison can be kept.
    """
    answers = formats.comparisons_in(table, options)
    named = {task.name: task.id for task in tasks.tasks(session, study_id)}
    source = f"{_source(table, answers)} {','.join(sorted(named))}"
    if _is_current(session, study_id, None, table.file, source):
        return _brought_before(answers)
    unknown = [_unknown(*pair, named) for pair in zip(answers.frame["left"], answers.frame["right"], strict=True)]
    good = answers.frame[[not name for name in unknown]]
    if good.empty:
        raise StudyError(f"No comparison in {table.file} can be kept: {unknown[0]}.")
    campaign = _campaign(
        session, study_id=study_id, task_id=None, kind=CampaignKind.COMPARE, table=table, source=source
    )
    raters = _raters(session, campaign, good, kind)
    now = time.time()
    session.execute(
        insert(Comparison),
        [
            {
                "campaign_id": campaign.id, "rater_id": raters[rater], "left_task_id": named[left],
                "right_task_id": named[right], "winner": winner, "created_at": now,
            }
            for rater, left, right, winner in good[formats.COMPARISONS].itertuples(index=False, name=None)
        ],
    )  # fmt: skip
    return Imported(
        read=answers.read,
        kept=len(good),
        rejected=answers.left_out | dict(Counter(name for name in unknown if name).most_common()),
        items=len(named),
        raters=len(raters),
        matched=len(named),
        again=False,
        columns=answers.columns,
        pseudonyms=answers.pseudonyms,
        notes=answers.notes,
    )


def _brought_before(answers: formats.Answers) -> Imported:
    """The result for a file that was imported before."""
    return Imported(
        answers.read, 0, {"imported before": answers.read}, 0, 0, 0,
        again=True, columns=answers.columns, pseudonyms=answers.pseudonyms, notes=answers.notes,
    )  # fmt: skip


def _source(table: tables.Table, answers: formats.Answers) -> str:
    """The text that identifies an import: the file's name, its SHA-256, and the columns read under other names."""
    read_as = ",".join(f"{ours}={theirs}" for ours, theirs in sorted(answers.columns.items()) if ours != theirs)
    return f"{table.file} {table.sha256} {read_as}".strip()


def _unknown(left: str, right: str, named: dict[str, int]) -> str:
    """The reason why a comparison names no known task; "" if both tasks are known."""
    return next((f"unknown task {name!r}" for name in (left, right) if name not in named), "")


def _is_current(session: Session, study_id: int, task_id: int | None, file: str, source: str) -> bool:
    """Whether the same import is stored already; campaigns from other versions of the file are deleted."""
    imported = select(Campaign).where(
        Campaign.study_id == study_id,
        Campaign.task_id == task_id,
        Campaign.source.startswith(f"{file} ", autoescape=True),
    )
    found = [campaign for campaign in session.scalars(imported) if _is_of(file, campaign.source)]
    if any(campaign.source == source for campaign in found):
        return True
    for campaign in found:
        _delete(session, campaign)
    return False


def _is_of(file: str, source: str) -> bool:
    """Whether a source names this file, and not a file whose name begins with this name and a space."""
    return DIGEST.fullmatch(source.removeprefix(f"{file} ").partition(" ")[0]) is not None


def _delete(session: Session, campaign: Campaign) -> None:
    """Delete an imported campaign with its answers. Raises `StudyError` if raters were asked about its items."""
    asked = select(Rater.id).where(Rater.campaign_id == campaign.id, Rater.kind.in_(ASKED_HERE)).limit(1)
    if session.scalar(asked) is not None:
        raise StudyError(
            f"Raters were asked about the items of {campaign.name!r}; another version of the file would take their answers "
            "away. Rename the file to bring it in beside the earlier one."
        )
    raters = select(Rater.id).where(Rater.campaign_id == campaign.id)
    session.execute(delete(Rating).where(Rating.rater_id.in_(raters)))
    session.execute(delete(Skip).where(Skip.rater_id.in_(raters)))
    session.execute(delete(Reply).where(Reply.rater_id.in_(raters)))
    session.execute(delete(Comparison).where(Comparison.campaign_id == campaign.id))
    session.execute(delete(Rater).where(Rater.campaign_id == campaign.id))
    session.execute(delete(Item).where(Item.campaign_id == campaign.id))
    session.execute(delete(Campaign).where(Campaign.id == campaign.id))


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


def _raters(session: Session, campaign: Campaign, frame: pd.DataFrame, kind: RaterKind) -> dict[str, int]:
    """Store the raters: pseudonym -> id. Raters that the file marks as simulated keep this kind, the others get `kind`."""
    simulated = set(frame.loc[frame["kind"] == RaterKind.SIMULATED, "rater_id"]) if "kind" in frame.columns else set()
    raters = [
        Rater(
            campaign_id=campaign.id,
            pseudonym=name,
            kind=RaterKind.SIMULATED if name in simulated else kind,
            code=secrets.token_urlsafe(16),
            state=RaterState.DONE,
        )
        for name in frame["rater_id"].unique().tolist()
    ]
    session.add_all(raters)
    session.flush()
    return {rater.pseudonym: rater.id for rater in raters}


def _items(session: Session, campaign: Campaign, task: Task, frame: pd.DataFrame) -> tuple[dict[str, int], int]:
    """Store the items: item id of the file -> id; also return the number of items that are linked to a sample."""
    first = frame.drop_duplicates("item_id")
    texts = first["text"].tolist() if "text" in first.columns else [""] * len(first)
    known = _sample_ids(session, task)
    now = time.time()
    items = [
        {
            "campaign_id": campaign.id,
            "external_id": item,
            "sample_id": known.get(samples.text_hash(text)) if text else None,
            "created_at": now,
        }
        for item, text in zip(first["item_id"].tolist(), texts, strict=True)
    ]
    stored = session.execute(insert(Item).returning(Item.external_id, Item.id), items)
    return {row.external_id: row.id for row in stored}, sum(item["sample_id"] is not None for item in items)


def _sample_ids(session: Session, task: Task) -> dict[str, int]:
    """Text hash -> sample id for the kept samples of a task; for a hash with several samples, a real sample is taken."""
    rows = session.execute(
        select(Sample.text_hash, Sample.id, Arm.kind)
        .join(Arm, Arm.id == Sample.arm_id)
        .where(Arm.task_id == task.id, Sample.status == SampleStatus.KEPT)
    ).all()
    return {row.text_hash: row.id for row in sorted(rows, key=lambda row: row.kind == ArmKind.REAL)}
