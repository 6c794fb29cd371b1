"""Create, find and describe studies, tasks, labels and arms."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study.rows.kinds import ACTIVE_JOB_STATES, ArmKind, BatchState, CampaignKind, RaterKind, Work
from core.study.rows.sessions import Campaign, Item, Rater
from core.study.rows.study import Arm, Batch, Completion, Import, Job, Judgement, Label, Run, Sample, Study, Task, Trial

SAMPLE_NAME = "sample-study"  # of the bundled sample, which is found again by it
PUT_ASIDE = "put_aside"  # the key in `Study.config` of a study that lists leave out
IMPORTED = "imported"  # in the config of a study that came from files: what its rows name was not chosen here
ASKED_RATERS = (RaterKind.PERSON, RaterKind.LLM)

DEFAULT_CONFIG: dict[str, Any] = {
    "encoders": ["minilm"],
    "seeds": [0, 1, 2],
    "training": {"batch_size": 32, "learning_rate": 5e-5, "max_length": 128},
}


def studies(session: Session, *, even_aside: bool = False) -> list[Study]:
    """All studies outside the trash, the newest first; without those put aside, unless `even_aside`."""
    query = select(Study).where(Study.trashed_at.is_(None), ~Study.is_trash).order_by(Study.id.desc())
    return [study for study in session.scalars(query) if even_aside or not study.config.get(PUT_ASIDE)]


def study_named(session: Session, name: str, *, is_sample: bool = False) -> Study:
    """Get or create the study of this name.

    Raises `StudyError` if the name is not valid, or if the sample study is asked for and another study has its name.
    """
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
    """The tasks of a study in the order in which they were created."""
    return list(session.scalars(select(Task).where(Task.study_id == study_id).order_by(Task.id)))


def find_task(session: Session, study_id: int, name: str) -> Task | None:
    """The task of this name in a study; None if there is no such task."""
    return session.scalar(select(Task).where(Task.study_id == study_id, Task.name == name))


def task_called(session: Session, study_id: int, name: str) -> Task | None:
    """The task of this name in a study, also as pages write it, with spaces for underscores; None if there is no such task."""
    return find_task(session, study_id, name) or find_task(session, study_id, name.replace(" ", "_"))


def get_task(session: Session, study_id: int, name: str) -> Task:
    """The task of this name in a study, also as pages write it, with spaces for underscores.

    Raises `StudyError`, which names the tasks of the study, if there is no such task.
    """
    task = task_called(session, study_id, name)
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
    """Get or create the task of this name; `labels` maps the name of a label to its description.

    An existing task gets the new question, descriptions and training size, unless these are empty. It gets other labels
    only if no run was trained and no rater was asked with the present labels, nothing is stored under a label that is
    removed, and no check of a campaign asks for it; otherwise, and for fewer than two labels or a name that is not valid,
    this raises `StudyError`.
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
    """Change the question of a task and the descriptions of its labels, given by the name of the label.

    Stored prompt versions do not change. Raises `StudyError` if the question is empty or the task lacks a named label.
    """
    task = session.get_one(Task, task_id)
    if not question.strip():
        raise StudyError(f"The question of task {task.name!r} is empty. Write what a rater is asked about a text.")
    known = {label.name: label for label in labels_of(session, task_id)}
    unknown = sorted(descriptions.keys() - known.keys())
    if unknown:
        raise StudyError(f"Task {task.name!r} has no label {unknown[0]!r}. It has {', '.join(known)}.")
    task.question = question.strip()
    for name, description in descriptions.items():
        known[name].description = description.strip()


def labels_of(session: Session, task_id: int) -> list[Label]:
    """The labels of a task in the order of their positions."""
    return list(session.scalars(select(Label).where(Label.task_id == task_id).order_by(Label.position, Label.id)))


def arms(session: Session, task_id: int) -> list[Arm]:
    """The arms of a task: the real arm first, then by kind in the order of `ArmKind` and by age."""
    found = list(session.scalars(select(Arm).where(Arm.task_id == task_id).order_by(Arm.id)))
    return sorted(found, key=lambda arm: list(ArmKind).index(arm.kind))


def arm_names(session: Session, task_id: int, listed: str) -> tuple[str, ...]:
    """The names in a list with commas between them. The name of an arm of the task may hold commas too: the longest name counts."""
    known = {arm.name for arm in arms(session, task_id)}
    parts = listed.split(",")
    names: list[str] = []
    while parts:
        ends = (n for n in range(len(parts), 0, -1) if ",".join(parts[:n]).strip() in known)
        n = next(ends, 1)
        names.append(",".join(parts[:n]).strip())
        parts = parts[n:]
    return tuple(name for name in names if name)


def find_arm(session: Session, task_id: int, name: str) -> Arm | None:
    """The arm of this name of a task; None if there is no such arm."""
    return session.scalar(select(Arm).where(Arm.task_id == task_id, Arm.name == name))


def get_arm(session: Session, task: Task, name: str) -> Arm:
    """The arm of this name of a task. Raises `StudyError`, which names the arms of the task, if there is no such arm."""
    arm = find_arm(session, task.id, name)
    if arm is None:
        names = ", ".join(found.name for found in arms(session, task.id)) or "none yet"
        raise StudyError(f"Task {task.name!r} has no arm {name!r}. Arms here: {names}.")
    return arm


def make_arm(session: Session, *, task_id: int, name: str) -> Arm:
    """Get or create the arm of this name of a task; `kind_of` derives the kind of a new arm from its name."""
    arm = find_arm(session, task_id, checked_name(name, "arm"))
    if arm is None:
        arm = Arm(task_id=task_id, name=name, kind=kind_of(name))
        session.add(arm)
        session.flush()
    return arm


def kind_of(name: str) -> ArmKind:
    """The kind of an arm with this name: `zero-shot`, `few-shot` or `mixed` if the name begins with that word, else `other`.

    Only the arm with exactly the name `real` is real: every gap is measured against the one real arm of a task.
    """
    if name == ArmKind.REAL:
        return ArmKind.REAL
    for kind in (ArmKind.ZERO_SHOT, ArmKind.FEW_SHOT, ArmKind.MIXED):
        if name == kind or name.startswith((f"{kind}-", f"{kind} ", f"{kind}:", f"{kind}/")):
            return kind
    return ArmKind.OTHER


def checked_name(name: str, what: str) -> str:
    """Return the name of a study, task, label or arm if it is valid; raise `StudyError` otherwise.

    A valid name is not blank, has at most 200 characters and holds printable characters only. `what` names the thing in
    the message.
    """
    if not name.strip():
        raise StudyError(f"The name of the {what} is empty. Write a name.")
    if len(name) > 200:
        raise StudyError(f"The name of the {what} may have at most 200 characters; {len(name)} were given. Shorten it.")
    if not name.isprintable():
        raise StudyError(f"The name of the {what} holds characters that cannot be shown: {name!r}. Remove them.")
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
    if reason := _why_labels_are_fixed(session, task, gone):
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
    _allow_repeated_import(session, task, [name for name in wanted if name not in known])
    session.flush()


def _why_labels_are_fixed(session: Session, task: Task, gone: Sequence[Label]) -> str:
    """Why the labels of a task cannot change, with `gone` as the labels to be removed, in words; "" if they can change."""
    own = select(Arm.id).where(Arm.task_id == task.id)
    if session.scalar(select(Run.id).where(Run.arm_id.in_(own)).limit(1)):
        return "runs were made with them"
    asked = select(Rater.id).join(Campaign, Campaign.id == Rater.campaign_id)
    if session.scalar(asked.where(Campaign.task_id == task.id, Rater.kind.in_(ASKED_RATERS)).limit(1)):
        return "raters were asked with them"
    if asks := _asked_answer(session, task, [label.name for label in gone]):
        return asks
    for label in gone:
        for table in (Sample, Completion, Trial, Judgement):
            if session.scalar(select(table.id).where(table.label_id == label.id).limit(1)):
                return f"something is stored under {label.name!r}"
    return _work_under_way(session, task) if gone else ""


def _asked_answer(session: Session, task: Task, labels: Sequence[str]) -> str:
    """The attention check or gold item of a campaign that expects one of the labels, in words; "" if there is none.

    Raters who come later would be asked for an answer that has no button.
    """
    query = select(Campaign.name, Item.expected).join(Item, Item.campaign_id == Campaign.id)
    query = query.where(Campaign.task_id == task.id, Campaign.kind == CampaignKind.LABEL, Item.expected.in_(labels))
    found = session.execute(query.limit(1)).first()
    return "" if found is None else f"a check in the campaign {found[0]!r} asks its raters for {found[1]!r}"


def _work_under_way(session: Session, task: Task) -> str:
    """The work that may still add texts to the labels of a task, in words; "" if there is no such work."""
    own = list(session.scalars(select(Arm.id).where(Arm.task_id == task.id)))
    waiting = (BatchState.PREPARING, BatchState.SUBMITTED)
    if session.scalar(select(Batch.id).where(Batch.arm_id.in_(own), Batch.state.in_(waiting)).limit(1)):
        return "a batch of requests was made with them"
    jobs = [Work.GENERATE.key(arm_id) for arm_id in own]
    if session.scalar(select(Job.id).where(Job.key.in_(jobs), Job.state.in_(ACTIVE_JOB_STATES)).limit(1)):
        return "a job that generates texts for them has not ended"
    return ""


def _allow_repeated_import(session: Session, task: Task, labels: Sequence[str]) -> None:
    """Change the stored options of imports that rejected rows because of these labels, so that the files can be imported again."""
    for record in session.scalars(select(Import).join(Arm, Arm.id == Import.arm_id).where(Arm.task_id == task.id)):
        if any(repr(label) in reason for label in labels for reason in record.rejected):
            record.options = {**record.options, "before_labels": list(labels)}


def _check_count(task: str, labels: Mapping[str, str]) -> None:
    if len(labels) < 2:
        raise StudyError(f"Task {task!r} needs at least two labels; found {len(labels)}. Add a label.")
