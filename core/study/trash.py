"""The trash: put a study or a task into it, restore it, and delete it for good after some days; undo an import.

A study in the trash keeps its rows and appears in no list. A task in the trash moves, with its campaigns, into a hidden
study, so that computations over its own study leave the task out. After `KEPT_DAYS` days both are deleted for good.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import samples
from core.study.chunks import chunks
from core.study.rows import baselines  # noqa: F401  (so that their rows are deleted too)
from core.study.rows.base import POINTER, Base
from core.study.rows.kinds import ACTIVE_JOB_STATES, SampleStatus, Split
from core.study.rows.sessions import Campaign, Comparison, Item, Rating
from core.study.rows.study import Arm, Import, Job, Prediction, Run, Sample, Study, Task
from core.study.upkeep import job_commands

KEPT_DAYS = 30
UNDONE = samples.UNDONE
MARK = re.compile(r" \(in the trash, \d+\)$")
LONGEST = 200  # characters of a name
NAMES = "names_in_trash"  # in the config of a study: id -> name of a row in the trash whose name was cut for its mark


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
    found = [_trashed(session, "study", study, now) for study in studies]
    found += [_trashed(session, "task", task, now) for task in tasks]
    return sorted(found, key=lambda trashed: -trashed.trashed_at)


def name_of(session: Session, row: Study | Task) -> str:
    """The name of a study or a task; for a row in the trash, the name that it had before it was marked."""
    if row.trashed_at is None:
        return row.name
    holder = row if isinstance(row, Study) else session.get_one(Study, row.study_id)
    return str(holder.config.get(NAMES, {}).get(str(row.id)) or MARK.sub("", row.name))


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
    _mark(session, study, study)
    study.trashed_at = now


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
    _mark(session, task, hidden)
    session.execute(update(Campaign).where(Campaign.task_id == task.id).values(study_id=hidden.id))
    task.study_id, task.trashed_from, task.trashed_at = hidden.id, home, now
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
    holder = row if isinstance(row, Study) else session.get_one(Study, row.study_id, with_for_update=True)
    name = name_of(session, row)
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
    _rename(session, row, _unused_name(name, used_names))
    _keep_name(holder, row.id, None)
    row.trashed_at = None
    session.flush()
    return row.name


def undo_import(session: Session, import_id: int, *, now: float) -> int:
    """Reject the texts of an import and return their number; training texts that the import had moved out are kept again.

    A moved text stays out if its own import was undone, or if it is in the test split of the real texts by now. Raises
    `StudyError` if runs, ratings or predictions depend on the texts of the import, or if the import is unknown or was undone
    already.
    """
    record = session.get(Import, import_id, with_for_update=True)
    if record is None or record.undone_at is not None:
        raise StudyError("This import was undone already, or it does not exist: there is nothing to do.")
    arm = session.get_one(Arm, record.arm_id, with_for_update=True)
    _check_unused(session, record)
    mine = Sample.import_id == record.id
    kept = (mine, Sample.status == SampleStatus.KEPT)
    tested = set(session.scalars(select(Sample.text_hash).where(*kept, Sample.split == Split.TEST)))
    change = update(Sample).execution_options(synchronize_session=False)
    undone = change.values(status=SampleStatus.REJECTED, reject_reason=UNDONE)
    left = session.scalars(undone.where(*kept).returning(Sample.id)).all()
    session.execute(undone.where(mine, Sample.reject_reason.in_((samples.MOVED, samples.LEAK))))
    for chunk in chunks(sorted(tested)):
        back = change.where(Sample.id.in_(_moved_out(session, arm, chunk)))
        session.execute(back.values(status=SampleStatus.KEPT, reject_reason=None))
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


def _moved_out(session: Session, arm: Arm, tested: Sequence[str]) -> list[int]:
    """Ids of the texts of an arm that imports moved out for test texts with these digests, and that may be kept again.

    The last such text of each digest, without texts that are in the test split of the real texts.
    """
    # Up to the version before `samples.MOVED`, a moved text had the same reason as a text that was never kept.
    was_kept = or_(
        Sample.reject_reason == samples.MOVED, and_(Sample.reject_reason == samples.LEAK, Sample.import_id.is_not(None))
    )
    allowed = set(tested) - samples.tested_hashes(session, arm.task_id, tested)
    last = select(func.max(Sample.id)).where(Sample.arm_id == arm.id, Sample.split != Split.TEST, was_kept)
    return list(session.scalars(last.where(Sample.text_hash.in_(allowed)).group_by(Sample.text_hash)))


def _trashed(session: Session, kind: str, row: Study | Task, now: float) -> Trashed:
    at = row.trashed_at or now
    left = max(0, int(KEPT_DAYS - (now - at) / 86_400))
    return Trashed(kind, row.id, name_of(session, row), at, left)


def _mark(session: Session, row: Study | Task, holder: Study) -> None:
    """Add a mark to the name of a row, so that others can use the name; `holder` keeps a name that is cut for the mark."""
    mark, name = f" (in the trash, {row.id})", row.name
    _rename(session, row, f"{name[: LONGEST - len(mark)]}{mark}")
    _keep_name(holder, row.id, name if len(name) + len(mark) > LONGEST else None)


def _keep_name(holder: Study, id: int, name: str | None) -> None:
    """Keep the name of the row with this id in the config of a study, or forget it if the name is None."""
    names = {key: kept for key, kept in holder.config.get(NAMES, {}).items() if key != str(id)}
    names |= {} if name is None else {str(id): name}
    rest = {key: value for key, value in holder.config.items() if key != NAMES}
    holder.config = rest | ({NAMES: names} if names else {})


def _rename(session: Session, row: Study | Task, name: str) -> None:
    """Give a study or a task another name, in the stored commands of its jobs too: no job may find a namesake in its place."""
    if isinstance(row, Task):
        job_commands.rename(session, row.study_id, job_commands.TASK, old=row.name, new=name)
    else:
        job_commands.rename(session, row.id, job_commands.STUDY, old=row.name, new=name)
    row.name = name


def _unused_name(name: str, used_names: set[str]) -> str:
    """The name, with the smallest number from 2 that makes it unused if it is in use."""
    if name not in used_names:
        return name
    endings = (f" ({number})" for number in range(2, 10_000))
    numbered = (f"{name[: LONGEST - len(ending)]}{ending}" for ending in endings)
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
            f"Runs, ratings or an open campaign depend on the texts of {record.file}, and undoing the import would change "
            "them. Put the whole task into the trash instead, and import the right file into a new task."
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
