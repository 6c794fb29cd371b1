"""Studies, tasks, labels and arms: made once, found by name."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study.rows.kinds import ACTIVE_JOB_STATES, ArmKind, BatchState, RaterKind, Work
from core.study.rows.study import (
    Arm,
    Batch,
    Campaign,
    Completion,
    Import,
    Job,
    Judgement,
    Label,
    Rater,
    Run,
    Sample,
    Study,
    Task,
    Trial,
)

ASKED = (RaterKind.PERSON, RaterKind.LLM)

DEFAULT_CONFIG: dict[str, Any] = {
    "encoders": ["minilm"],
    "seeds": [0, 1, 2],
    "training": {"steps": 100, "batch_size": 32, "learning_rate": 5e-5, "max_length": 128},
}


def studies(session: Session) -> list[Study]:
    """All studies, the newest first."""
    return list(
        session.scalars(select(Study).where(Study.trashed_at.is_(None), ~Study.is_trash).order_by(Study.id.desc()))
    )


def study_named(session: Session, name: str, *, is_sample: bool = False) -> Study:
    """The study of this name, made when there is none."""
    study = session.scalar(select(Study).where(Study.name == name))
    if study is None:
        study = Study(name=checked_name(name, "study"), config=dict(DEFAULT_CONFIG), is_sample=is_sample)
        session.add(study)
        session.flush()
    if study.is_sample != is_sample and is_sample:
        raise StudyError(
            f"The name {name!r} belongs to the sample study, but a study of yours has it. Run it with another LITMUS_HOME."
        )
    return study


def tasks(session: Session, study_id: int) -> list[Task]:
    """The tasks of a study in the order they were made."""
    return list(session.scalars(select(Task).where(Task.study_id == study_id).order_by(Task.id)))


def find_task(session: Session, study_id: int, name: str) -> Task | None:
    return session.scalar(select(Task).where(Task.study_id == study_id, Task.name == name))


def get_task(session: Session, study_id: int, name: str) -> Task:
    """The task of this name; `StudyError` names the tasks there are."""
    task = find_task(session, study_id, name)
    if task is None:
        names = ", ".join(found.name for found in tasks(session, study_id)) or "none yet"
        raise StudyError(f"There is no task {name!r} in this study. Tasks here: {names}.")
    return task


def make_task(
    session: Session,
    *,
    study_id: int,
    name: str,
    question: str,
    labels: Mapping[str, str],
    train_size: int | None = None,
) -> Task:
    """The task of this name, made when there is none. `labels` maps a label to its description.

    An existing task takes a new question, description or training size. It takes other labels while nothing was trained
    or asked with those it has, and nothing is stored under a label that goes. Raises `StudyError` else.
    """
    task = find_task(session, study_id, checked_name(name, "task"))
    if task is None:
        _check_count(name, labels)
        task = Task(study_id=study_id, name=name, question=question, train_size=train_size)
        session.add(task)
        session.flush()
        for position, (label, description) in enumerate(labels.items()):
            session.add(
                Label(task_id=task.id, name=checked_name(label, "label"), description=description, position=position)
            )
        session.flush()
        return task
    _update(session, task, question=question, descriptions=labels, train_size=train_size)
    return task


def describe(session: Session, task_id: int, *, question: str, descriptions: Mapping[str, str]) -> None:
    """Change what a labeller is asked and what labels mean, by the label's name; prompts that are stored stay as they are.

    Raises `StudyError` for an empty question and for a label that the task does not have.
    """
    task = session.get_one(Task, task_id)
    if not question.strip():
        raise StudyError(f"What is asked about a text of {task.name!r} is empty. Write the question.")
    known = {label.name: label for label in labels_of(session, task_id)}
    unknown = sorted(descriptions.keys() - known.keys())
    if unknown:
        raise StudyError(f"Task {task.name!r} has no label {unknown[0]!r}. It has {', '.join(known)}.")
    task.question = question.strip()
    for name, description in descriptions.items():
        known[name].description = description.strip()


def labels_of(session: Session, task_id: int) -> list[Label]:
    """The labels of a task in their order."""
    return list(session.scalars(select(Label).where(Label.task_id == task_id).order_by(Label.position, Label.id)))


def arms(session: Session, task_id: int) -> list[Arm]:
    """The arms of a task, the real one first."""
    found = list(session.scalars(select(Arm).where(Arm.task_id == task_id).order_by(Arm.id)))
    return sorted(found, key=lambda arm: list(ArmKind).index(arm.kind))


def find_arm(session: Session, task_id: int, name: str) -> Arm | None:
    return session.scalar(select(Arm).where(Arm.task_id == task_id, Arm.name == name))


def get_arm(session: Session, task: Task, name: str) -> Arm:
    """The arm of this name; `StudyError` names the arms there are."""
    arm = find_arm(session, task.id, name)
    if arm is None:
        names = ", ".join(found.name for found in arms(session, task.id)) or "none yet"
        raise StudyError(f"Task {task.name!r} has no arm {name!r}. Arms here: {names}.")
    return arm


def make_arm(session: Session, *, task_id: int, name: str) -> Arm:
    """The arm of this name, made when there is none. Its kind follows from the name's beginning, else it is `other`."""
    arm = find_arm(session, task_id, checked_name(name, "arm"))
    if arm is None:
        arm = Arm(task_id=task_id, name=name, kind=kind_of(name))
        session.add(arm)
        session.flush()
    return arm


def kind_of(name: str) -> ArmKind:
    """The kind of an arm: `zero-shot`, `few-shot` or `mixed` when its name begins so, `other` else.

    Only the arm named exactly `real` is real: a task has one, since every gap is measured against it.
    """
    if name == ArmKind.REAL:
        return ArmKind.REAL
    for kind in (ArmKind.ZERO_SHOT, ArmKind.FEW_SHOT, ArmKind.MIXED):
        if name == kind or name.startswith((f"{kind}-", f"{kind} ", f"{kind}:", f"{kind}/")):
            return kind
    return ArmKind.OTHER


def checked_name(name: str, what: str) -> str:
    """The name of a study, task, label or arm as it may be stored. Raises `StudyError`."""
    if not name.strip():
        raise StudyError(f"The name of the {what} is empty; give it one.")
    if len(name) > 200:
        raise StudyError(f"The name of the {what} may have 200 characters; this one has {len(name)}.")
    if not name.isprintable():
        raise StudyError(f"The name of the {what} holds characters that cannot be shown: {name!r}.")
    return name


def _update(
    session: Session, task: Task, *, question: str, descriptions: Mapping[str, str], train_size: int | None
) -> None:
    known = {label.name: label for label in labels_of(session, task.id)}
    if set(known) != set(descriptions):
        _change_labels(session, task, known, descriptions)
        known = {label.name: label for label in labels_of(session, task.id)}
    task.question = question or task.question
    task.train_size = train_size or task.train_size
    for name, description in descriptions.items():
        known[name].description = description or known[name].description


def _change_labels(session: Session, task: Task, known: Mapping[str, Label], wanted: Mapping[str, str]) -> None:
    gone = [label for name, label in known.items() if name not in wanted]
    if reason := _bound(session, task, gone):
        raise StudyError(
            f"Task {task.name!r} already has the labels {', '.join(sorted(known))}, and {reason}; "
            f"asked for {', '.join(sorted(wanted))}. Use another task name, or the same labels."
        )
    _check_count(task.name, wanted)
    for label in gone:
        session.delete(label)
    for position, (name, description) in enumerate(wanted.items()):
        if name in known:
            known[name].position = position
        else:
            checked = checked_name(name, "label")
            session.add(Label(task_id=task.id, name=checked, description=description, position=position))
    _let_in(session, task, [name for name in wanted if name not in known])
    session.flush()


def _bound(session: Session, task: Task, gone: Sequence[Label]) -> str:
    """What ties a task to its labels, in words; empty when nothing does."""
    own = select(Arm.id).where(Arm.task_id == task.id)
    if session.scalar(select(Run.id).where(Run.arm_id.in_(own)).limit(1)):
        return "runs were made with them"
    asked = select(Rater.id).join(Campaign, Campaign.id == Rater.campaign_id)
    if session.scalar(asked.where(Campaign.task_id == task.id, Rater.kind.in_(ASKED)).limit(1)):
        return "raters were asked with them"
    for label in gone:
        for row in (Sample, Completion, Trial, Judgement):
            if session.scalar(select(row.id).where(row.label_id == label.id).limit(1)):
                return f"something is stored under {label.name!r}"
    return _on_its_way(session, task) if gone else ""


def _on_its_way(session: Session, task: Task) -> str:
    """Which work on a task may still bring texts of its labels, in words; empty when there is none."""
    own = list(session.scalars(select(Arm.id).where(Arm.task_id == task.id)))
    waiting = (BatchState.PREPARING, BatchState.SUBMITTED)
    if session.scalar(select(Batch.id).where(Batch.arm_id.in_(own), Batch.state.in_(waiting)).limit(1)):
        return "a batch of requests was made with them"
    jobs = [Work.GENERATE.key(arm_id) for arm_id in own]
    if session.scalar(select(Job.id).where(Job.key.in_(jobs), Job.state.in_(ACTIVE_JOB_STATES)).limit(1)):
        return "a job that generates texts for them has not ended"
    return ""


def _let_in(session: Session, task: Task, labels: Sequence[str]) -> None:
    """Files whose rows were refused because of these labels count as not yet imported, so they can be brought in again."""
    for record in session.scalars(select(Import).join(Arm, Arm.id == Import.arm_id).where(Arm.task_id == task.id)):
        if any(repr(label) in reason for label in labels for reason in record.rejected):
            record.options = {**record.options, "before_labels": list(labels)}


def _check_count(task: str, labels: Mapping[str, str]) -> None:
    if len(labels) < 2:
        raise StudyError(f"Task {task!r} needs at least two labels; {len(labels)} given.")
