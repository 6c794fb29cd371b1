"""Prompt drafts: a prompt before it is stored, and a ready draft for each technique of generating texts with an LLM.

A prompt has three parts, after Li et al. (EMNLP 2023): a context that sets the role, a generation prompt that asks for
texts of one label, and a diversity prompt that asks for different texts in the later turns of a conversation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from core.errors import StudyError
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Label, Task

TECHNIQUES = ("zero-shot", "few-shot", "attributes", "taxonomy", "rewrite")

CONTEXT = """\
You supply realistic texts for a collection that text classifiers learn from. Readers of the collection answer one \
question about each text: {question}
Their possible answers, called labels:
{labels}

Write as the people do from whom such texts usually come, in their tone, vocabulary and format. \
A text never names its label and never hints that it was made up."""

REQUEST = """\
Number of texts: {n}
Label: {label}
Meaning of the label: {description}
Length: about {words} words each
"""

ZERO_SHOT = """
Write that many new texts to which a careful reader would give this label. Be original: let the texts differ from one \
another in subject, situation, point of view and wording.
"""

FEW_SHOT = """
Real texts with this label:
{examples}

Write that many new texts to which a careful reader would give this label. Take up the style, tone and format of the \
real texts, but find content of your own: a text that merely alters, rearranges or rewords one of them is of no use. \
Be original, and let your texts differ from one another too.
"""

ATTRIBUTES = """
What this batch of texts should be like:
{attributes}

Write that many new texts to which a careful reader would give this label and which fit these traits. Let the traits \
show in what is said and how; do not name them. Be original: within the traits, let the texts differ from one another.
"""

TRAITS = """
Beyond that, give this batch of texts the following traits, and let them show without being named:
{attributes}
"""

TAXONOMY = """
Kind of text under this label: {kind}

Write that many new texts of just this kind to which a careful reader would give the label. Be original: let the texts \
differ from one another in subject, situation, point of view and wording, and never name the kind.
"""

REWRITE = """
Real texts to which readers gave another label:
{sources}

Rewrite each of them once, in the order given, so that a careful reader would now give it the label above. Change only \
what has to change: keep the subject, the names, the length and the way of speaking wherever the new label allows it. \
The result must read as if its writer had meant it so from the start.
"""

# Small models repeat long instructions instead of following them; to these few words they answer with a text.
SHORT = "Write one text: {description}. At most {words} words. Write only the text itself."

FORMAT = """
Answer with a plain numbered list, one text per number and one line per text, and nothing before or after the list."""

DIVERSITY = """\
Now move away from everything you have written so far: other subjects, other kinds of writer, other openings and \
sentence shapes. Repeat no earlier text and rework none."""

GRID = {
    "length": ["well under the length above", "about the length above", "somewhat over the length above"],
    "style": [
        "plain and factual",
        "chatty, full of everyday expressions",
        "hurried, with slips or abbreviations",
        "careful and well composed",
    ],
    "subtopic": [
        "home and family",
        "work or school",
        "money and shopping",
        "body and health",
        "travel and places",
        "sport, music or films",
        "public affairs",
    ],
    "persona": [
        "a student",
        "a parent with little time",
        "a retired tradesperson",
        "an office worker",
        "a newcomer to the subject",
        "an enthusiast who knows the subject well",
    ],
}


@dataclass(frozen=True)
class Draft:
    """A prompt before it is stored. A call asks for `texts_per_call` texts of about `words` words each.

    `turns` calls make up one conversation. For each call, `examples` real texts of the label (0 for zero-shot) and
    `sources` real texts of other labels to rewrite are drawn. `attributes` maps the name of an attribute to its values, or
    to a dict of label name to values.
    """

    context: str
    generation: str
    diversity: str
    texts_per_call: int = 10
    turns: int = 3
    examples: int = 0
    words: int = 30
    sources: int = 0
    attributes: dict[str, Any] = field(default_factory=dict)


def default(task: Task, labels: Sequence[Label], *, kind: ArmKind) -> Draft:
    """A draft that suits any task: few-shot for a few-shot arm, else zero-shot. Raises `StudyError` without labels."""
    return technique("few-shot" if kind == ArmKind.FEW_SHOT else "zero-shot", task, labels)


def for_small_model(task: Task, labels: Sequence[Label], *, kind: ArmKind) -> Draft:
    """A draft that asks for one text a call; for a zero-shot arm in one line, since small models lose a longer thread."""
    usual = default(task, labels, kind=kind)
    if usual.examples:
        return replace(usual, texts_per_call=1)
    return replace(usual, context="", generation=SHORT, diversity="", texts_per_call=1, turns=1)


def technique(name: str, task: Task, labels: Sequence[Label]) -> Draft:
    """A ready draft for one of `TECHNIQUES`, to use or to edit.

    The values of attribute "kind" of the taxonomy draft are empty lists; the draft cannot be saved before a person or
    `taxonomy.ask` fills them. Raises `StudyError` for an unknown name and for a task without labels.
    """
    if not labels:
        raise StudyError(f"Task {task.name!r} has no labels to write texts for. Define them on Tasks and data.")
    drafts = {
        "zero-shot": Draft(CONTEXT, REQUEST + ZERO_SHOT + FORMAT, DIVERSITY),
        "few-shot": Draft(CONTEXT, REQUEST + FEW_SHOT + FORMAT, DIVERSITY, turns=1, examples=3),
        "attributes": Draft(
            CONTEXT,
            REQUEST + ATTRIBUTES + FORMAT,
            DIVERSITY,
            texts_per_call=5,
            turns=1,
            attributes={trait: list(values) for trait, values in GRID.items()},
        ),
        "taxonomy": Draft(
            CONTEXT,
            REQUEST + TAXONOMY + FORMAT,
            DIVERSITY,
            texts_per_call=5,
            turns=1,
            attributes={"kind": {label.name: [] for label in labels}},
        ),
        "rewrite": Draft(CONTEXT, REQUEST + REWRITE + FORMAT, DIVERSITY, texts_per_call=3, turns=1, sources=3),
    }
    if name not in drafts:
        raise StudyError(f"There is no technique {name!r}. Known are {', '.join(TECHNIQUES)}.")
    return drafts[name]
