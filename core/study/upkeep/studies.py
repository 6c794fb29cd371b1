"""Rename and copy a study, and put it aside so that lists leave it out."""

import tempfile
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import tasks
from core.study.archive import reading, writing
from core.study.rows.study import Study
from core.study.store import Store
from core.study.upkeep import job_commands


def rename(session: Session, study_id: int, name: str) -> Study:
    """Give a study another name; its jobs that wait, or are done again, find the study by it.

    Raises `StudyError` if the study is in the trash or deleted, if the name is not valid or taken, if the study is the bundled
    sample, or if a job runs that looks for the study by its name.
    """
    study = _known(session, study_id)
    if name == study.name:
        return study
    if study.is_sample and study.name == tasks.SAMPLE_NAME:
        raise StudyError("The sample study keeps its name, by which it is found again. Copy it under another name.")
    _free(session, name)
    if (title := job_commands.running_by_name(session, study.id)) is not None:
        raise StudyError(
            f"The job {title!r} is running and looks for this study by its name. Let it end, or pause or cancel it first."
        )
    job_commands.rename(session, study.id, job_commands.STUDY, old=study.name, new=name)
    study.name = name
    session.flush()
    return study


def copy(store: Store, study_id: int, name: str) -> tuple[Study, dict[str, int]]:
    """Store a copy of a whole study under another name: texts, prompts, answers, runs and predictions.

    Return the copy, and the number of rows that are left out since they are about a task in the trash, by the name of their
    table. Links of campaigns, personal codes and panel ids are not copied, and jobs neither. Raises `StudyError` if the study
    is in the trash or deleted, or if the name is not valid or taken.
    """
    with tempfile.TemporaryDirectory() as spare:
        folder = Path(spare) / "study"
        with store() as session:
            writing.snapshot(session)  # before the first read
            study = _known(session, study_id)
            _free(session, name)
            written, _ = writing.write(session, study, folder)
        with store.write() as session:
            return reading.read(session, folder, name=name, is_own=True)[0], written.left_out


def put_aside(session: Session, study_id: int, is_aside: bool) -> Study:
    """Leave a study out of lists, or take it back into the lists, and return it. Nothing else of the study changes.

    Raises `StudyError` if the study is in the trash or deleted.
    """
    study = _known(session, study_id)
    rest = {key: value for key, value in study.config.items() if key != tasks.PUT_ASIDE}
    study.config = rest | {tasks.PUT_ASIDE: True} if is_aside else rest
    return study


def is_aside(study: Study) -> bool:
    """Whether a study was put aside."""
    return bool(study.config.get(tasks.PUT_ASIDE))


def _known(session: Session, study_id: int) -> Study:
    study = session.get(Study, study_id)
    if study is None or study.is_trash or study.trashed_at is not None:
        raise StudyError(
            "This study is in the trash, or it was deleted. Take it out of the trash at the end of Overview, then try again."
        )
    return study


def _free(session: Session, name: str) -> str:
    """The name if it is valid and no study has it, a study in the trash included."""
    tasks.checked_name(name, "study")
    if session.scalar(select(Study.id).where(Study.name == name)) is not None:
        raise StudyError(f"There is a study {name!r} already. Choose another name.")
    return name
