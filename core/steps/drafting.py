"""Give an arm the prompt that a study file describes."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from core.study import spec, tasks
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Arm, Label, Task
from core.synthesis.prompts import catalogued, versions
from core.synthesis.prompts.drafts import Draft

NUMBERS = ("texts_per_call", "turns", "examples", "sources", "words")


def ready(session: Session, task: Task, arm: Arm, wanted: spec.GenerateSpec) -> None:
    """Save the prompt that the file describes as the arm's newest version.

    If the file describes no prompt, an arm with a prompt keeps its prompt. So does an arm whose newest version asks for one
    text a call because the file's prompt brought too few. Raises `StudyError` if the prompt cannot be sent.
    """
    if versions.latest(session, arm.id) is None or _describes_prompt(wanted):
        described = draft(task, tasks.labels_of(session, task.id), arm.kind, wanted)
        changed = versions.fallback(session, arm.id)
        if changed is None or changed[1] != described:
            versions.save(session, arm_id=arm.id, draft=described)


def draft(task: Task, labels: Sequence[Label], kind: ArmKind, wanted: spec.GenerateSpec) -> Draft:
    """Return the prompt of the file's technique, or the default prompt of the arm's kind, with the file's changes.

    Raises `StudyError` if the prompt cannot be sent.
    """
    return catalogued.ready(
        task,
        labels,
        kind=kind,
        technique=wanted.technique,
        prompt=wanted.prompt.model_dump() if wanted.prompt else None,
        attributes=wanted.attributes,
        **{name: getattr(wanted, name) for name in NUMBERS},
    )


def _describes_prompt(wanted: spec.GenerateSpec) -> bool:
    return bool(
        wanted.technique
        or wanted.prompt
        or wanted.attributes
        or any(getattr(wanted, name) is not None for name in NUMBERS)
    )
