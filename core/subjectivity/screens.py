"""What a rater sees of an item: the question, the text or the two tasks, and the possible answers."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.study import tasks
from core.study.records import Arm, ArmKind, Campaign, Item, Label, Sample, SampleStatus, Split, Task

COMPARE_QUESTION = (
    "In which of these two tasks does the right answer depend more on who is judging: on personal opinion, feeling or "
    "background, rather than on something plainly there in the text?"
)
EXAMPLES_PER_LABEL = 1


@dataclass(frozen=True)
class Option:
    """`value` is what is stored; `words` stand on the button, with their `meaning` below."""

    value: str
    words: str
    meaning: str


@dataclass(frozen=True)
class Screen:
    """`parts` are (heading, text) pairs; a heading may be empty."""

    title: str
    question: str
    parts: list[tuple[str, str]]
    options: list[Option]


def of(session: Session, campaign: Campaign, item: Item | None) -> Screen:
    """The screen of an item, or with no item the campaign's title and question alone."""
    if campaign.task_id is not None:
        return _label_screen(session, session.get_one(Task, campaign.task_id), item)
    options = [
        Option("left", "The first task", ""),
        Option("right", "The second task", ""),
        Option("tie", "Both alike", ""),
    ]
    pair = [] if item is None else [item.left_task_id, item.right_task_id]
    parts = [
        (heading, _described(session, session.get_one(Task, task_id)))
        for heading, task_id in zip(("First task", "Second task"), pair, strict=False)
    ]
    return Screen(
        title="Which task is more a matter of opinion?", question=COMPARE_QUESTION, parts=parts, options=options
    )


def _label_screen(session: Session, task: Task, item: Item | None) -> Screen:
    sample = session.get_one(Sample, item.sample_id) if item is not None and item.sample_id is not None else None
    options = [Option(label.name, label.name, label.description) for label in tasks.labels_of(session, task.id)]
    return Screen(
        title=task.question, question=task.question, parts=[("", sample.text)] if sample else [], options=options
    )


def _described(session: Session, task: Task) -> str:
    """A task in words: its question, its labels with their meaning, and a real example of each."""
    lines = [task.question]
    for label in tasks.labels_of(session, task.id):
        lines.append(f"• {label.name}" + (f": {label.description}" if label.description else ""))
        lines += [f"   “{text}”" for text in _examples(session, label)]
    return "\n".join(lines)


def _examples(session: Session, label: Label) -> list[str]:
    query = (
        select(Sample.text)
        .join(Arm, Arm.id == Sample.arm_id)
        .where(
            Sample.label_id == label.id,
            Arm.kind == ArmKind.REAL,
            Sample.status == SampleStatus.KEPT,
            Sample.split == Split.TRAIN,
        )
        .order_by(Sample.text_hash)
        .limit(EXAMPLES_PER_LABEL)
    )
    return list(session.scalars(query))
