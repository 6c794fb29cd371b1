"""Import ratings and comparisons from files into a study: each file becomes a closed campaign."""

import hashlib
import re
import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, insert, select
from sqlalchemy.orm import Session, aliased

from core.errors import StudyError
from core.study import tasks
from core.study.exchange import tables
from core.study.rows.kinds import ArmKind, CampaignKind, RaterKind, RaterState, SampleStatus
from core.study.rows.sessions import Campaign, Comparison, Item, Rater, Rating
from core.study.rows.study import Arm, Sample, Study, Task
from core.study.splits import equal_texts
from core.study.store import ONE_AT_A_TIME
from core.subjectivity.exchange import formats, potato
from core.subjectivity.sessions import removal
from core.wording import counted

DIGEST = re.compile("[0-9a-f]{64}")
WAY_OUT = "import it with ratings --replace, which takes the earlier files out"
ANSWERS = " answers="  # stands before the digest of the answers in `Campaign.source`


@dataclass(frozen=True)
class Imported:
    """The result of importing a file of ratings or comparisons.

    - read, kept: answers in the file, answers stored; rejected: reason -> answers left out
    - items, raters: numbers stored; matched: items whose text is a sample of the task
    - again: whether the same answers of this file were imported before, so that no answer was stored
    - columns: our column -> column of the file
    - pseudonyms: raters whose personal name was replaced
    - notes: sentences about what was done to the answers
    - replaced: answers of an earlier file of this name, or of this file read otherwise, that were deleted
    - beside: earlier imports of files of this name that stayed, because their answers are by other raters
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
    replaced: int = 0
    beside: int = 0


@dataclass(frozen=True)
class _Origin:
    """The file of an import, and where its answers go.

    `source`: the text that identifies the import: the file's name, its SHA-256, the columns read under other names, and a
    digest of the answers to store, which follow from the file, the options and the labels or tasks of the study.
    `raters`: the raters of the answers to store. `sha256`: that of a file that names its raters itself; "" otherwise,
    because two raters who gave equal answers have equal files.
    """

    study_id: int
    task_id: int | None
    file: str
    source: str
    raters: tuple[str, ...]
    sha256: str


def import_ratings(
    session: Session,
    *,
    task: Task,
    table: tables.Table,
    kind: RaterKind = RaterKind.IMPORTED,
    options: formats.Options | None = None,
    replaces_all: bool = False,
) -> Imported:
    """Import the ratings of a table, in any form that `formats.ratings_in` reads, as a closed campaign of a task.

    Items with a text are linked to the sample of that text. Labels that the task does not have are left out and counted,
    unless the options keep them. If other answers of a file of this name by some of the same raters are stored (of another
    version of the file, or read with other options), the earlier campaign is replaced; with `replaces_all`, every earlier
    campaign of a file of this name is replaced, whoever its raters are. Raises `StudyError` if no rating can
    be kept, if no label is one of the task's, or if raters were asked about the items of the earlier campaign.
    """
    names = [label.name for label in tasks.labels_of(session, task.id)]
    options = replace(options or formats.Options(), known=names)
    answers = formats.ratings_in(table, options)
    kinds = _kinds(answers.frame, kind)
    stored = answers.frame.assign(kind=answers.frame["rater_id"].map(kinds))
    columns = [*formats.RATINGS, "kind", *(["text"] if "text" in stored.columns else [])]
    origin = _origin(table, answers, stored[columns], options, study_id=task.study_id, task_id=task.id)
    again, replaced, beside = _make_room(session, origin, stored[[*formats.RATINGS, "kind"]], replaces_all=replaces_all)
    if again:
        return _brought_before(answers, table.file, replaced=replaced)
    campaign = _campaign(session, origin, kind=CampaignKind.LABEL, beside=beside)
    raters = _raters(session, campaign, kinds)
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
    return replace(
        _reading(answers, table.file, replaced=replaced, beside=beside),
        kept=len(answers.frame),
        items=len(items),
        raters=len(raters),
        matched=matched,
    )


def import_comparisons(
    session: Session,
    *,
    study_id: int,
    table: tables.Table,
    kind: RaterKind = RaterKind.IMPORTED,
    options: formats.Options | None = None,
    replaces_all: bool = False,
) -> Imported:
    """Import comparisons between tasks of a study as a closed campaign; the winner is the more subjective task.

    Comparisons of tasks that the study does not have are left out and counted. If the file was imported before in another
    version (with some of the same raters), or before the tasks of the study changed, the earlier campaign is replaced.
    `replaces_all` as in `import_ratings`. Raises `StudyError` if no comparison can be kept.
    """
    options = options or formats.Options()
    answers = formats.comparisons_in(table, options)
    named = {task.name: task.id for task in tasks.tasks(session, study_id)}
    unknown = [_unknown(*pair, named) for pair in zip(answers.frame["left"], answers.frame["right"], strict=True)]
    good = answers.frame[[not name for name in unknown]]
    if good.empty:
        raise StudyError(f"No comparison in {table.file} can be kept: {unknown[0]}.")
    kinds = _kinds(good, kind)
    stored = good[formats.COMPARISONS].assign(kind=good["rater_id"].map(kinds))
    origin = _origin(table, answers, stored, options, study_id=study_id)
    again, replaced, beside = _make_room(session, origin, stored, replaces_all=replaces_all)
    if again:
        return _brought_before(answers, table.file, replaced=replaced)
    campaign = _campaign(session, origin, kind=CampaignKind.COMPARE, beside=beside)
    raters = _raters(session, campaign, kinds)
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
    return replace(
        _reading(answers, table.file, replaced=replaced, beside=beside),
        kept=len(good),
        rejected=answers.left_out | dict(Counter(name for name in unknown if name).most_common()),
        items=len(named),
        raters=len(raters),
        matched=len(named),
    )


def about_earlier(file: str, *, replaced: int, beside: int) -> list[str]:
    """Sentences about earlier files of this name; `replaced` and `beside` as in `Imported`."""
    stay = (
        f"The study holds answers of other raters from {counted(beside, 'earlier file')} named {file} too. They stay, and "
        f"these count beside them. If this file corrects them, {WAY_OUT}."
    )
    gone = f"These took the place of {counted(replaced, 'answer')} that came from an earlier {file}."
    return [*([stay] if beside else []), *([gone] if replaced else [])]


def n_beside(session: Session, *, study_id: int, task_id: int | None, file: str, raters: Sequence[str]) -> int:
    """The number of earlier imports of files of this name that have none of these raters, so that they would stay."""
    earlier = _of_file(session, file, study_id=study_id, task_id=task_id)
    return sum(not _has_one_of(session, campaign, raters) for campaign in earlier)


def _reading(answers: formats.Answers, file: str, *, replaced: int = 0, beside: int = 0) -> Imported:
    """The result of reading a file, before any answer is stored; `replaced` and `beside` as in `Imported`."""
    return Imported(
        answers.read, 0, answers.left_out, 0, 0, 0,
        again=False, columns=answers.columns, pseudonyms=answers.pseudonyms,
        notes=[*answers.notes, *about_earlier(file, replaced=replaced, beside=beside)], replaced=replaced, beside=beside,
    )  # fmt: skip


def _brought_before(answers: formats.Answers, file: str, *, replaced: int) -> Imported:
    """The result for a file that was imported before."""
    return replace(_reading(answers, file, replaced=replaced), rejected={"imported before": answers.read}, again=True)


def _origin(
    table: tables.Table,
    answers: formats.Answers,
    stored: pd.DataFrame,
    options: formats.Options,
    *,
    study_id: int,
    task_id: int | None = None,
) -> _Origin:
    """Where answers come from and go; `stored`: the answers to store."""
    is_one_persons = options.rater is not None or table.file in (potato.STATE_FILE, potato.LINES_FILE)
    raters = tuple(sorted(set(stored["rater_id"])))
    return _Origin(
        study_id, task_id, table.file, _source(table, answers, stored), raters, "" if is_one_persons else table.sha256
    )


def _source(table: tables.Table, answers: formats.Answers, stored: pd.DataFrame) -> str:
    """`_Origin.source`; `stored`: the answers to store, in any order."""
    read_as = ",".join(f"{ours}={theirs}" for ours, theirs in sorted(answers.columns.items()) if ours != theirs)
    rows = sorted("\x1f".join(row) for row in _tuples(stored))
    digest = hashlib.sha256("\x1e".join(rows).encode()).hexdigest()[:32]
    return f"{table.file} {table.sha256} {read_as}".strip() + f"{ANSWERS}{digest}"


def _unknown(left: str, right: str, named: dict[str, int]) -> str:
    """The reason why a comparison names no known task; "" if both tasks are known."""
    return next((f"unknown task {name!r}" for name in (left, right) if name not in named), "")


def _earlier(session: Session, origin: _Origin) -> list[Campaign]:
    """The stored campaigns from files of this name, about the same task or all tasks; other imports wait for this one."""
    session.get_one(Study, origin.study_id, with_for_update=ONE_AT_A_TIME)
    return _of_file(session, origin.file, study_id=origin.study_id, task_id=origin.task_id)


def _of_file(session: Session, file: str, *, study_id: int, task_id: int | None) -> list[Campaign]:
    imported = select(Campaign).where(
        Campaign.study_id == study_id,
        Campaign.task_id == task_id,
        Campaign.source.startswith(f"{file} ", autoescape=True),
    )
    return [campaign for campaign in session.scalars(imported) if _is_of(file, campaign.source)]


def _make_room(session: Session, origin: _Origin, stored: pd.DataFrame, *, replaces_all: bool) -> tuple[bool, int, int]:
    """Delete earlier campaigns of the same file; whether one holds these answers already, numbers of answers deleted, campaigns kept.

    A file is the same if some rater is in both, or if it has the same bytes and other columns of it were read. One file per
    annotator often has the same name for all. With `replaces_all`, all count as the same. A campaign that holds these
    answers already stays, and then the others stay too unless `replaces_all`.
    """
    earlier = _earlier(session, origin)
    held = _held(session, earlier, origin, stored)
    others = [campaign for campaign in earlier if campaign is not held]
    same = [one for one in others if replaces_all or (held is None and _is_same_file(session, one, origin))]
    deleted = sum(removal.delete_imported(session, campaign) for campaign in same)
    return held is not None, deleted, len(others) - len(same)


def _is_same_file(session: Session, campaign: Campaign, origin: _Origin) -> bool:
    if origin.sha256 and campaign.source.startswith(f"{origin.file} {origin.sha256}"):
        return True
    return _has_one_of(session, campaign, origin.raters)


def _has_one_of(session: Session, campaign: Campaign, raters: Sequence[str]) -> bool:
    """Whether an import has one of these raters; names that differ in capitals or outer blanks are those of one rater."""
    own = session.scalars(select(Rater.pseudonym).where(*_imported_by(campaign)))
    return not {name.strip().casefold() for name in own}.isdisjoint(name.strip().casefold() for name in raters)


def _held(session: Session, earlier: Sequence[Campaign], origin: _Origin, stored: pd.DataFrame) -> Campaign | None:
    """The earlier campaign that holds the answers to store; None without such a campaign.

    Campaigns from before answers had a digest are compared row by row, and get the digest if they hold these answers.
    """
    for campaign in earlier:
        if campaign.source == origin.source:
            return campaign
        if ANSWERS not in campaign.source and _rows_of(session, campaign) == Counter(_tuples(stored)):
            campaign.source = origin.source
            return campaign
    return None


def _rows_of(session: Session, campaign: Campaign) -> Counter[tuple[str, ...]]:
    """The answers that an import stored, without those of raters who were asked about its items later."""
    if campaign.kind == CampaignKind.COMPARE:
        left, right = aliased(Task), aliased(Task)
        compared = (
            select(Rater.pseudonym, left.name, right.name, Comparison.winner, Rater.kind)
            .join(Rater, Rater.id == Comparison.rater_id)
            .join(left, left.id == Comparison.left_task_id)
            .join(right, right.id == Comparison.right_task_id)
        )
        stored: Sequence[Any] = session.execute(compared.where(*_imported_by(campaign))).all()
    else:
        rated = (
            select(Item.external_id, Rater.pseudonym, Rating.label, Rater.kind)
            .join(Item, Item.id == Rating.item_id)
            .join(Rater, Rater.id == Rating.rater_id)
        )
        stored = session.execute(rated.where(*_imported_by(campaign))).all()
    return Counter(tuple(map(str, row)) for row in stored)


def _imported_by(campaign: Campaign) -> tuple[ColumnElement[bool], ...]:
    return Rater.campaign_id == campaign.id, Rater.kind.not_in(removal.ASKED_HERE)


def _tuples(stored: pd.DataFrame) -> list[tuple[str, ...]]:
    return list(stored.astype("str").itertuples(index=False, name=None))


def _is_of(file: str, source: str) -> bool:
    """Whether a source names this file, and not a file whose name begins with this name and a space."""
    return DIGEST.fullmatch(source.removeprefix(f"{file} ").partition(" ")[0]) is not None


def _campaign(session: Session, origin: _Origin, *, kind: CampaignKind, beside: int) -> Campaign:
    """Store a campaign; one beside others of this file name is named after its raters too."""
    first, *more = origin.raters
    raters = f" ({first}{f' and {len(more):,} more' if more else ''})" if beside else ""
    campaign = Campaign(
        study_id=origin.study_id,
        task_id=origin.task_id,
        name=f"Imported: {origin.file}{raters}"[:200],
        kind=kind,
        source=origin.source,
        token=secrets.token_urlsafe(16),
        is_open=False,
    )
    session.add(campaign)
    session.flush()
    return campaign


def _kinds(frame: pd.DataFrame, kind: RaterKind) -> dict[str, RaterKind]:
    """Rater -> kind: raters that the file marks as simulated keep this kind, the others get `kind`."""
    simulated = set(frame.loc[frame["kind"] == RaterKind.SIMULATED, "rater_id"]) if "kind" in frame.columns else set()
    return {name: RaterKind.SIMULATED if name in simulated else kind for name in frame["rater_id"].unique().tolist()}


def _raters(session: Session, campaign: Campaign, kinds: Mapping[str, RaterKind]) -> dict[str, int]:
    """Store the raters: pseudonym -> id."""
    raters = [
        Rater(
            campaign_id=campaign.id,
            pseudonym=name,
            kind=kind,
            code=secrets.token_urlsafe(16),
            state=RaterState.DONE,
        )
        for name, kind in kinds.items()
    ]
    session.add_all(raters)
    session.flush()
    return {rater.pseudonym: rater.id for rater in raters}


def _items(session: Session, campaign: Campaign, task: Task, frame: pd.DataFrame) -> tuple[dict[str, int], int]:
    """Store the items: item id of the file -> id; also return the number of items that are linked to a sample.

    An item whose text is no sample of the task keeps the text itself.
    """
    first = frame.drop_duplicates("item_id")
    texts = first["text"].tolist() if "text" in first.columns else [""] * len(first)
    known = _sample_ids(session, task)
    now = time.time()
    items = []
    for item, text in zip(first["item_id"].tolist(), texts, strict=True):
        sample_id = known.get(equal_texts.text_hash(text)) if text else None
        own = text if sample_id is None else ""
        items.append(
            {"campaign_id": campaign.id, "external_id": item, "sample_id": sample_id, "text": own, "created_at": now}
        )
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
