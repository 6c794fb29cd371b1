"""Find the study that a command is about, by its name or by its task."""

import difflib

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import tasks
from core.study.rows.study import Study, Task
from core.wording import listed

DEFAULT_STUDY = "my-study"


def study_called(session: Session, name: str) -> Study:
    """Return the study of this name. Raises `StudyError` with the names of all studies if no study has this name."""
    study = session.scalar(select(Study).where(Study.name == name))
    if study is None:
        known = ", ".join(study.name for study in tasks.studies(session)) or "none yet"
        raise StudyError(f"There is no study {name!r}. Studies: {known}.")
    return study


def find_study(session: Session, name: str | None, task: str) -> Study:
    """Return the study of this name; with name None, the only study that has the task.

    Raises `StudyError` if no study has the name or the task, or several studies have the task.
    """
    if name is not None:
        return study_called(session, name)
    studies = list(
        session.scalars(
            select(Study)
            .join(Task, Task.study_id == Study.id)
            .where(Task.name.in_((task, task.replace(" ", "_"))), Study.trashed_at.is_(None))
            .distinct()
        )
    )
    if len(studies) == 1:
        return studies[0]
    if studies:
        raise StudyError(
            f"Several studies have a task {task!r}: {', '.join(s.name for s in studies)}. Say which with --study."
        )
    raise StudyError(f"There is no task {task!r}. {_known(session, task)}")


def _known(session: Session, task: str) -> str:
    """The nearest name of a task, or all of them; how to make one where there is none."""
    of_studies = select(Task.name).join(Study, Task.study_id == Study.id).where(Study.trashed_at.is_(None)).distinct()
    names = sorted(session.scalars(of_studies))
    if near := difflib.get_close_matches(task, names, n=1):
        return f"Did you mean {near[0]!r}?"
    made = f"Import its real data first: import FILE --task {task} --arm real."
    return f"Tasks here: {listed(names)}. {made}" if names else made


def only_study(session: Session, name: str | None) -> Study:
    """Return the study of this name; with name None, the only study. Raises `StudyError` unless exactly one study exists."""
    if name is not None:
        return study_called(session, name)
    known = tasks.studies(session)
    if len(known) == 1:
        return known[0]
    raise StudyError(
        f"Say which study with --study. Studies: {', '.join(study.name for study in known) or 'none yet'}."
    )
