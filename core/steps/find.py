"""Which study a command is about: the one named, or the one that has the task."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import tasks
from core.study.rows.study import Study, Task

DEFAULT_STUDY = "my-study"


def study_called(session: Session, name: str) -> Study:
    """The study of this name. Raises `StudyError`, which lists those there are, when there is none."""
    found = session.scalar(select(Study).where(Study.name == name))
    if found is None:
        known = ", ".join(study.name for study in tasks.studies(session)) or "none yet"
        raise StudyError(f"There is no study {name!r}. Studies: {known}.")
    return found


def find_study(session: Session, name: str | None, task: str) -> Study:
    """The study of this name, or the only one that has the task. Raises `StudyError` when that is not one study."""
    if name is not None:
        return study_called(session, name)
    having = list(
        session.scalars(
            select(Study).join(Task, Task.study_id == Study.id).where(Task.name == task, Study.trashed_at.is_(None))
        )
    )
    if len(having) == 1:
        return having[0]
    if having:
        raise StudyError(
            f"Several studies have a task {task!r}: {', '.join(s.name for s in having)}. Say which with --study."
        )
    raise StudyError(f"There is no task {task!r}. Import its real data first: import FILE --task {task} --arm real.")


def only_study(session: Session, name: str | None) -> Study:
    """The study of this name, or the only one there is."""
    if name is not None:
        return study_called(session, name)
    known = tasks.studies(session)
    if len(known) == 1:
        return known[0]
    raise StudyError(f"Say which study with --study. Studies: {', '.join(one.name for one in known) or 'none yet'}.")
