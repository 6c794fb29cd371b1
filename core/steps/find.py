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
        raise StudyError(f"There is no study {name!r}. Studies: {_all_studies(session)}.")
    return study


def find_study(session: Session, name: str | None, task: str) -> Study:
    """Return the study of this name; with name None, the only study that has the task, those hidden from the lists last.

    Raises `StudyError` if no study has the name or the task, or several studies have the task.
    """
    if name is not None:
        return study_called(session, name)
    studies = _with_task(session, task)
    in_lists = {study.id for study in tasks.studies(session)}
    studies = [study for study in studies if study.id in in_lists] or studies
    if len(studies) == 1:
        return studies[0]
    if studies:
        raise StudyError(
            f"Several studies have a task {task!r}: {', '.join(s.name for s in studies)}. Say which with --study."
        )
    raise StudyError(f"There is no task {task!r}. {_known(session, task)}")


def has_task(session: Session, task: str) -> bool:
    """Whether a study outside the trash has a task of this name, also as pages write it."""
    return bool(_with_task(session, task))


def _with_task(session: Session, task: str) -> list[Study]:
    """The studies outside the trash with a task of this name, also as pages write it, with spaces for underscores."""
    named = Task.name.in_((task, task.replace(" ", "_")))
    found = select(Study).join(Task, Task.study_id == Study.id).where(named, Study.trashed_at.is_(None)).distinct()
    return list(session.scalars(found))


def _known(session: Session, task: str) -> str:
    """The nearest name of a task, or all of them; how to make one where there is none."""
    of_studies = select(Task.name).join(Study, Task.study_id == Study.id).where(Study.trashed_at.is_(None)).distinct()
    names = sorted(session.scalars(of_studies))
    if near := difflib.get_close_matches(task, names, n=1):
        return f"Did you mean {near[0]!r}?"
    made = f"Import its real data first: import FILE --task {task} --arm real."
    return f"Tasks here: {listed(names)}. {made}" if names else made


def only_study(session: Session, name: str | None) -> Study:
    """Return the study of this name; with name None, the only study that is not hidden from the lists.

    Raises `StudyError` unless exactly one such study exists.
    """
    if name is not None:
        return study_called(session, name)
    known = tasks.studies(session)
    if len(known) == 1:
        return known[0]
    raise StudyError(f"Say which study with --study. Studies: {_all_studies(session)}.")


def _all_studies(session: Session) -> str:
    """The names of all studies outside the trash; those hidden from the lists are marked."""
    shown = {study.id for study in tasks.studies(session)}
    names = [
        study.name if study.id in shown else f"{study.name} (hidden from the lists)"
        for study in tasks.studies(session, even_aside=True)
    ]
    return ", ".join(names) or "none yet"
