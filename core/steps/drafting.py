"""The prompt of an arm as a study file describes it: where it begins, and what the file changes in it."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from core.study import spec, tasks
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Arm, Label, Task
from core.synthesis.prompts import catalogued, versions
from core.synthesis.prompts.drafts import Draft

NUMBERS = ("texts_per_call", "turns", "examples", "sources", "words")


def ready(session: Session, task: Task, arm: Arm, given: spec.GenerateSpec) -> None:
    """Give an arm the prompt that the file asks for. One that says nothing about it leaves a prompt that is there.

    Raises `StudyError` when the prompt cannot be sent as it is meant.
    """
    if versions.latest(session, arm.id) is None or _says_something(given):
        labels = tasks.labels_of(session, task.id)
        versions.save(session, arm_id=arm.id, draft=draft(task, labels, arm.kind, given))


def draft(task: Task, labels: Sequence[Label], kind: ArmKind, given: spec.GenerateSpec) -> Draft:
    """The technique's prompt, or the default of the arm's kind, with what the file changes. Raises `StudyError`."""
    return catalogued.ready(
        task,
        labels,
        kind=kind,
        technique=given.technique,
        prompt=given.prompt.model_dump() if given.prompt else None,
        attributes=given.attributes,
        **{name: getattr(given, name) for name in NUMBERS},
    )


def _says_something(given: spec.GenerateSpec) -> bool:
    return bool(
        given.technique or given.prompt or given.attributes or any(getattr(given, name) is not None for name in NUMBERS)
    )
