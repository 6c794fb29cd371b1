"""Make a study of tasks of the catalogue: the paper's ten, each with its question, labels and first prompts."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import tasks
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Study
from core.synthesis.prompts import catalogued, versions

NAME = "ten-tasks"
TECHNIQUES = (ArmKind.ZERO_SHOT, ArmKind.FEW_SHOT)


def make(session: Session, name: str, titles: Sequence[str]) -> Study:
    """Get or create the study of a name, and give it the tasks of the catalogue with these titles.

    Each task gets its question, its labels, a zero-shot and a few-shot arm, and version 1 of both prompts. Real texts are
    still to be brought in. A task that the study has already is not changed. Raises `StudyError` if no task is named.
    """
    chosen = [task for task in catalogued.catalogue_tasks() if task.title in titles]
    if not chosen:
        raise StudyError("No task is chosen. Choose at least one of the paper's tasks.")
    study = tasks.study_named(session, name)
    for entry in chosen:
        if tasks.find_task(session, study.id, entry.name) is not None:
            continue
        made = tasks.make_task(
            session, study_id=study.id, name=entry.name, question=entry.question, labels=entry.labels
        )
        labels = tasks.labels_of(session, made.id)
        for kind in TECHNIQUES:
            arm = tasks.make_arm(session, task_id=made.id, name=kind)
            draft = catalogued.ready(made, labels, kind=kind, technique="catalogue")
            versions.save(session, arm_id=arm.id, draft=draft)
    return study
