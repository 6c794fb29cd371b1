"""The trash: put a study or a task into it, restore it, and delete it for good after some days; undo an import.

A study in the trash keeps its rows and appears in no list. A task in the trash moves, with its campaigns, into a hidden
study, so that computations over its own study leave the task out. After `KEPT_DAYS` days both are deleted for good.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import samples
from core.study.chunks import chunks
from core.study.rows import baselines  # noqa: F401  (so that their rows are deleted too)
from core.study.rows.base import POINTER, Base
from core.study.rows.kinds import ACTIVE_JOB_STATES, SampleStatus, Split
from core.study.rows.sessions import Campaign, Comparison, Item, Rating
from core.study.rows.study import Arm, Import, Job, Prediction, Run, Sample, Study, Task

KEPT_DAYS = 30
UNDONE = samples.UNDONE
MARK = re.compile(r" \(in the trash, \d+\)$")


@dataclass(frozen=True)
class Trashed:
    """A study or a task in the trash.

    `kind` is "study" or "task"; `trashed_at` is in seconds since 1970; `days_left` is the number of whole days until the
    deletion.
    """

    kind: str
    id: int
    name: str
    trashed_at: float
    days_left: int


def listed(session: Session, *, now: float) -> list[Trashed]:
    """The studies and tasks in the trash, the newest first."""
    studies = session.scalars(select(Study).where(Study.trashed_at.is_not(None))).all()
    tasks = session.scalars(select(Task).where(Task.trashed_at.is_not(None))).all()
    found = [_trashed("study", study, now) for study in studies] + [_trashed("task", task, now) for task in tasks]
    return sorted(found, key=lambda trashed: -trashed.trashed_at)


def put_study(session: Session, study_id: int, *, name: str, now: float) -> None:
    """Put a study into the trash.

    Raises `StudyError` if `name` is not the name of the study, a job of the study is active, or the study is unknown or in
    the trash already.
    """
    study = session.get(Study, study_id, with_for_update=True)
    if study is None or study.is_trash or study.trashed_at is not None:
        raise StudyError("This study is in the trash already, or it does not exist: there is nothing to do.")
    if name.strip() != study.name:
        raise StudyError(
            f"Write the name of the study, {study.name!r}, to put it into the trash; {name!r} was written."
        )
    _check_no_active_job(session, study_id, f"study {study.name!r}")
    study.trashed_at, study.name = now, _marked(study.name, study.id)


def put_task(session: Session, task_id: int, *, now: float) -> None:
    """Put a task and its campaigns into the trash.

    Raises `StudyError` if a job of its study is active, an open campaign compares the task with others, or the task is
    unknown or in the trash already.
    """
    task = session.get(Task, task_id, with_for_update=True)
    if task is None or task.trashed_at is not None:
        raise StudyError("This task is in the trash already, or it does not exist: there is nothing to do.")
    _check_no_active_job(session, task.study_id, f"study of task {task.name!r}")
    compared = select(Campaign.name).join(Item, Item.campaign_id == Campaign.id)
    compared = compared.where(Campaign.is_open, or_(Item.left_task_id == task.id, Item.right_task_id == task.id))
    if (campaign := session.scalar(compared.limit(1))) is not None:
        raise StudyError(f"Raters are asked about this task in the open campaign {campaign!r}. Close it first.")
    home, hidden = task.study_id, _hidden(session)
    session.execute(update(Campaign).where(Campaign.task_id == task.id).values(study_id=hidden.id))
    task.study_id, task.trashed_from, task.trashed_at = hidden.id, home, now
    task.name = _marked(task.name, task.id)
    session.flush()


def restore(session: Session, *, kind: str, id: int) -> str:
    """Take a study or a task out of the trash and return its name; a number is added if the name is in use meanwhile.

    Raises `StudyError` if it is not in the trash, or if the study of a task was deleted or is itself in the trash.
    """
    row: Study | Task | None = (
        session.get(Study, id, with_for_update=True) if kind == "study" else session.get(Task, id, with_for_update=True)
    )
    if row is None or row.trashed_at is None:
        raise StudyError(f"This {kind} is not in the trash: it was taken out already, or deleted for good.")
    if isinstance(row, Task):
        home = session.get(Study, row.trashed_from or 0)
        if home is None:
            raise StudyError("The study of this task was deleted for good, so the task cannot be taken out.")
        if home.trashed_at is not None:
            raise StudyError("The study of this task is in the trash itself. Take the study out first.")
        session.execute(update(Campaign).where(Campaign.task_id == row.id).values(study_id=home.id))
        used_names = set(session.scalars(select(Task.name).where(Task.study_id == home.id)))
        row.study_id, row.trashed_from = home.id, None
    else:
        used_names = set(session.scalars(select(Study.name)))
    row.name, row.trashed_at = _unused_name(MARK.sub("", row.name), used_names), None
    session.flush()
    return row.name


def undo_import(session: Session, import_id: int, *, now: float) -> int:
    """Reject the texts of an import and return their number; training texts that the import had moved out are kept again.

    Raises `StudyError` if runs, ratings or predictions depend on the texts of the import, or if the import is unknown or
    was undone already.
    """
    record = session.get(Import, import_id, with_for_update=True)
    if record is None or record.undone_at is not None:
        raise StudyError("This import was undone already, or it does not exist: there is nothing to do.")
    _check_unused(session, record)
    kept = (Sample.import_id == record.id, Sample.status == SampleStatus.KEPT)
    tested = set(session.scalars(select(Sample.text_hash).where(*kept, Sample.split == Split.TEST)))
    change = update(Sample).where(*kept).values(status=SampleStatus.REJECTED, reject_reason=UNDONE)
    left = session.execute(change.returning(Sample.id).execution_options(synchronize_session=False)).all()
    aside = (Sample.arm_id == record.arm_id, Sample.reject_reason == samples.LEAK, Sample.split != Split.TEST)
    for chunk in chunks(sorted(tested)):
        back = update(Sample).where(*aside, Sample.text_hash.in_(chunk))
        session.execute(
            back.values(status=SampleStatus.KEPT, reject_reason=None).execution_options(synchronize_session=False)
        )
    record.undone_at = now
    session.flush()
    session.expire_all()
    return len(left)


def imports(session: Session, task_id: int) -> Sequence[Import]:
    """The imports of a task that were not undone, the newest first."""
    of_task = select(Import).join(Arm, Arm.id == Import.arm_id).where(Arm.task_id == task_id)
    return session.scalars(of_task.where(Import.undone_at.is_(None)).order_by(Import.id.desc())).all()


def empty(session: Session, *, now: float, days: int = KEPT_DAYS) -> int:
    """Delete for good the studies and tasks that have been in the trash for `days` days; return their number."""
    before = now - days * 86_400
    studies = session.scalars(select(Study.id).where(Study.trashed_at <= before)).all()
    tasks = session.scalars(select(Task.id).where(or_(Task.trashed_at <= before, Task.trashed_from.in_(studies)))).all()
    for table, ids in (("task", tasks), ("study", studies)):
        if ids:
            _delete_whole(session, table, ids)
    return len(studies) + len(tasks)


def _trashed(kind: str, row: Study | Task, now: float) -> Trashed:
    at = row.trashed_at or now
    left = max(0, int(KEPT_DAYS - (now - at) / 86_400))
    return Trashed(kind, row.id, MARK.sub("", row.name), at, left)


def _marked(name: str, id: int) -> str:
    """The name of a row in the trash: the old name, so that others can use it, with a mark; at most 200 characters."""
    mark = f" (in the trash, {id})"
    return f"{name[: 200 - len(mark)]}{mark}"


def _unused_name(name: str, used_names: set[str]) -> str:
    """The name, with the smallest number from 2 that makes it unused if it is in use."""
    if name not in used_names:
        return name
    numbered = (f"{name} ({number})" for number in range(2, 10_000))
    return next(candidate for candidate in numbered if candidate not in used_names)


def _hidden(session: Session) -> Study:
    """Get or create the hidden study that holds the tasks in the trash."""
    found = session.scalar(select(Study).where(Study.is_trash).with_for_update())
    if found is None:
        found = Study(name="(trash)", is_trash=True)
        session.add(found)
        session.flush()
    return found


def _check_no_active_job(session: Session, study_id: int, what: str) -> None:
    title = session.scalar(select(Job.title).where(Job.study_id == study_id, Job.state.in_(ACTIVE_JOB_STATES)).limit(1))
    if title is not None:
        raise StudyError(f"A job of the {what} is active ({title}). Cancel its jobs first.")


def _check_unused(session: Session, record: Import) -> None:
    """Raise `StudyError` if runs, ratings, comparisons, predictions or open campaigns depend on the texts of an import."""
    mine = (Sample.import_id == record.id, Sample.status == SampleStatus.KEPT)
    arm = session.get_one(Arm, record.arm_id)
    has_test = session.scalar(select(Sample.id).where(*mine, Sample.split == Split.TEST).limit(1)) is not None
    trained = select(Run.id).join(Arm, Arm.id == Run.arm_id)
    trained = trained.where(Arm.task_id == arm.task_id) if has_test else trained.where(Arm.id == arm.id)
    rated = exists().where(Item.sample_id == Sample.id, Rating.item_id == Item.id)
    predicted = exists().where(Prediction.sample_id == Sample.id)
    compared = exists().where(or_(Comparison.left_sample_id == Sample.id, Comparison.right_sample_id == Sample.id))
    opened = select(Campaign.id).where(Campaign.is_open)
    sides = (Item.sample_id, Item.left_sample_id, Item.right_sample_id)
    shown = or_(*(Sample.id.in_(select(side).where(side.is_not(None), Item.campaign_id.in_(opened))) for side in sides))
    used = session.scalar(select(Sample.id).where(*mine, or_(rated, predicted, compared, shown)).limit(1))
    if used is not None or session.scalar(trained.limit(1)) is not None:
        raise StudyError(
            f"Runs or ratings depend on the texts of {record.file}, and undoing the import would change them. Put the whole "
            "task into the trash instead, and import the right file into a new task."
        )


def _delete_whole(session: Session, table: str, ids: Sequence[int]) -> None:
    """Delete rows of a table and all rows that belong to them, directly or through other rows.

    A column marked as `POINTER` that points at a deleted row is emptied, and its own row stays.
    """
    ids_of: dict[str, set[int]] = {table: set(ids)}
    tables = Base.metadata.sorted_tables
    keys = [(child, key) for child in tables for key in child.foreign_keys if child.name != key.column.table.name]
    for child, key in keys:
        if key.parent.info == POINTER:
            continue
        for chunk in chunks(sorted(ids_of.get(key.column.table.name, ()))):
            found = session.execute(select(child.c.id).where(key.parent.in_(chunk))).scalars()
            ids_of.setdefault(child.name, set()).update(found)
    for child, key in keys:
        if key.parent.info != POINTER:
            continue
        for chunk in chunks(sorted(ids_of.get(key.column.table.name, ()))):
            session.execute(update(child).where(key.parent.in_(chunk)).values({key.parent.name: None}))
    for child in reversed(tables):
        for chunk in chunks(sorted(ids_of.get(child.name, ()))):
            session.execute(delete(child).where(child.c.id.in_(chunk)))
