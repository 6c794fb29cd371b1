"""Build the screen of an item for a rater: the question, the text or the two sides of a pair, and the answers."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.study import tasks
from core.study.rows.kinds import ArmKind, CampaignKind, ItemRole, SampleStatus, Split
from core.study.rows.sessions import Campaign, Item
from core.study.rows.study import Arm, Label, Sample, Task
from core.subjectivity.sessions import campaigns
from core.wording import shown

SUBJECTIVE = (
    "A question is subjective when thoughtful people can read the same text and rightly give different answers, because "
    "the answer depends on their opinion, feeling or background. It is objective when the text itself settles the answer."
)
COMPARE_TITLE = "Which task is more a matter of opinion?"
COMPARE_QUESTION = "In which of these two tasks does the right answer depend more on who is judging?"
ITEMS_QUESTION = "About which of these two texts would people disagree more when asked this question?"
SCALE_QUESTION = "How far is the answer to this question, for this text, a matter of opinion?"
SCALE_WORDS = (
    ("1", "Not at all: everyone would give the same answer"),
    ("2", "A little: nearly everyone would agree"),
    ("3", "Partly: some would see it differently"),
    ("4", "Much: many would see it differently"),
    ("5", "Entirely: it depends on who is judging"),
)
SIDE_WORDS = {
    CampaignKind.COMPARE: ("The first task", "The second task"),
    CampaignKind.COMPARE_ITEMS: ("The first text", "The second text"),
}
TIE_WORDS = "Both alike"
EXAMPLES_PER_LABEL = 1


@dataclass(frozen=True)
class Option:
    """A possible answer. `value`: as stored. `words`: on the button. `meaning`: below the button."""

    value: str
    words: str
    meaning: str


@dataclass(frozen=True)
class Screen:
    """The contents of a rater's screen.

    `note`: a definition of the quality asked about, or "". `parts`: (heading, text) pairs; a heading may be "".
    """

    title: str
    question: str
    note: str
    parts: list[tuple[str, str]]
    options: list[Option]


def of(session: Session, campaign: Campaign, item: Item | None, *, swapped: bool = False) -> Screen:
    """Build the screen of an item; without an item, a screen with title, question and answers only.

    `swapped`: show the right side of a pair first; the values `left` and `right` mean the sides as shown.
    """
    task = session.get_one(Task, campaign.task_id) if campaign.task_id is not None else None
    options = _options(session, campaign, task)
    question, note = _asked(campaign, task)
    parts = [] if item is None else _parts(session, item, options, swapped=swapped)
    if item is not None and item.role == ItemRole.ATTENTION:
        question, note = "A short check in between", ""
    title = task.question if task is not None else COMPARE_TITLE
    return Screen(title=title, question=question, note=note, parts=parts, options=options)


def examples(session: Session, label: Label) -> list[Sample]:
    """The real samples that illustrate a label in comparisons of tasks."""
    query = (
        select(Sample)
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


def _asked(campaign: Campaign, task: Task | None) -> tuple[str, str]:
    """The question above every item, and the definition of the quality asked about ("" without a definition)."""
    if task is None:
        return COMPARE_QUESTION, SUBJECTIVE
    if campaign.kind == CampaignKind.COMPARE_ITEMS:
        return f"{ITEMS_QUESTION} “{task.question}”", SUBJECTIVE
    if campaign.kind == CampaignKind.SCALE:
        return f"{SCALE_QUESTION} “{task.question}”", SUBJECTIVE
    return task.question, ""


def _options(session: Session, campaign: Campaign, task: Task | None) -> list[Option]:
    """The possible answers of a campaign."""
    if campaign.kind in campaigns.COMPARING:
        words = (*SIDE_WORDS[campaign.kind], TIE_WORDS)
        return [Option(side, word, "") for side, word in zip(campaigns.SIDES, words, strict=True)]
    if campaign.kind == CampaignKind.SCALE or task is None:
        return [Option(value, *_halves(words)) for value, words in SCALE_WORDS]
    return [Option(label.name, label.name, label.description) for label in tasks.labels_of(session, task.id)]


def _halves(words: str) -> tuple[str, str]:
    """The parts of a text before and after the first colon."""
    first, _, rest = words.partition(": ")
    return first, rest


def _parts(session: Session, item: Item, options: list[Option], *, swapped: bool) -> list[tuple[str, str]]:
    """The (heading, text) pairs that show an item."""
    if item.role == ItemRole.ATTENTION:
        wanted = next((option.words for option in options if option.value == item.expected), item.expected or "")
        return [
            ("", f"To show that you are reading along, please choose “{shown(wanted)}” here, whatever you think of it.")
        ]
    order = -1 if swapped else 1
    if item.left_task_id is not None and item.right_task_id is not None:
        pair = [session.get_one(Task, task_id) for task_id in (item.left_task_id, item.right_task_id)[::order]]
        return [
            (heading, _described(session, task))
            for heading, task in zip(("First task", "Second task"), pair, strict=True)
        ]
    if item.left_sample_id is not None and item.right_sample_id is not None:
        both = [session.get_one(Sample, found) for found in (item.left_sample_id, item.right_sample_id)[::order]]
        return [(heading, sample.text) for heading, sample in zip(("First text", "Second text"), both, strict=True)]
    return [("", session.get_one(Sample, item.sample_id).text if item.sample_id is not None else item.text)]


def _described(session: Session, task: Task) -> str:
    """Describe a task in a text: its question, its labels with their meanings, and a real example of each label."""
    lines = [task.question]
    for label in tasks.labels_of(session, task.id):
        lines += ["", shown(label.name) + (f": {label.description}" if label.description else "")]
        lines += [f"For example “{sample.text}”" for sample in examples(session, label)]
    return "\n".join(lines)
