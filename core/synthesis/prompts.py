"""Prompts: what an LLM is told, kept in versions that never change.

A prompt has three parts, after Li et al. (EMNLP 2023): a context that sets the role, a generation prompt that asks for
texts of one label, and a diversity prompt that asks for something else in the later turns of a conversation.
`{label}`, `{description}`, `{question}`, `{labels}`, `{words}`, `{n}` and `{examples}` are filled in; nothing else is.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study.records import ArmKind, Label, Prompt, Task

Message = dict[str, str]

PLACEHOLDERS = ("label", "description", "question", "labels", "words", "n", "examples")
PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")

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

FORMAT = """
Answer with a plain numbered list, one text per number and one line per text, and nothing before or after the list."""

DIVERSITY = """\
Now move away from everything you have written so far: other subjects, other kinds of writer, other openings and \
sentence shapes. Repeat no earlier text and rework none."""


@dataclass(frozen=True)
class Draft:
    """A prompt before it is stored. A call asks for `texts_per_call` texts of about `words` words.

    `turns` calls make up one conversation; `examples` real texts are drawn anew for each call (0 for zero-shot).
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
    """A prompt that suits any task: few-shot for a few-shot arm, else zero-shot. Raises `StudyError` without labels."""
    if not labels:
        raise StudyError(f"Task {task.name!r} has no labels to write texts for. Define them on Tasks and data.")
    if kind == ArmKind.FEW_SHOT:
        return Draft(context=CONTEXT, generation=REQUEST + FEW_SHOT + FORMAT, diversity=DIVERSITY, turns=1, examples=3)
    return Draft(context=CONTEXT, generation=REQUEST + ZERO_SHOT + FORMAT, diversity=DIVERSITY)


def save(session: Session, *, arm_id: int, draft: Draft) -> Prompt:
    """The draft as the arm's newest version; the latest version itself when nothing changed. Raises as `check` does."""
    check(draft)
    newest = latest(session, arm_id)
    if newest is not None and as_draft(newest) == draft:
        return newest
    values = {part.name: getattr(draft, part.name) for part in fields(Draft)}
    prompt = Prompt(arm_id=arm_id, version=newest.version + 1 if newest else 1, **values)
    session.add(prompt)
    session.flush()
    return prompt


def latest(session: Session, arm_id: int) -> Prompt | None:
    """The newest version of an arm's prompt; None when the arm has none yet."""
    return session.scalar(select(Prompt).where(Prompt.arm_id == arm_id).order_by(Prompt.version.desc()).limit(1))


def versions(session: Session, arm_id: int) -> list[Prompt]:
    """All versions of an arm's prompt, the newest first."""
    return list(session.scalars(select(Prompt).where(Prompt.arm_id == arm_id).order_by(Prompt.version.desc())))


def as_draft(prompt: Prompt) -> Draft:
    """The content of a stored version, to edit or to compare."""
    return Draft(**{part.name: getattr(prompt, part.name) for part in fields(Draft)})


def diff(old: Prompt | Draft, new: Prompt | Draft) -> str:
    """A unified diff of two prompts, settings included; empty when they say the same."""
    names = [f"version {prompt.version}" if isinstance(prompt, Prompt) else "draft" for prompt in (old, new)]
    lines = difflib.unified_diff(_lines(old), _lines(new), fromfile=names[0], tofile=names[1], lineterm="")
    return "\n".join(lines)


def check(draft: Draft) -> None:
    """Raise `StudyError` when a draft cannot be sent as it is meant."""
    for part in ("context", "generation", "diversity"):
        for name in PLACEHOLDER.findall(getattr(draft, part)):
            if name not in PLACEHOLDERS:
                known = ", ".join(f"{{{known}}}" for known in PLACEHOLDERS)
                raise StudyError(f"The {part} prompt has an unknown placeholder {{{name}}}. Known are {known}.")
    if not draft.generation.strip():
        raise StudyError("The generation prompt is empty. Say what the LLM is to write.")
    for name, low, high in (("texts_per_call", 1, 100), ("turns", 1, 50), ("examples", 0, 50), ("words", 1, 2000)):
        if not low <= getattr(draft, name) <= high:
            raise StudyError(f"{name} may be {low} to {high}; it is {getattr(draft, name)}.")
    shows = "{examples}" in draft.context + draft.generation
    if shows and not draft.examples:
        raise StudyError("The prompt shows {examples}, but the number of examples is 0. Set it to 1 or more.")
    if draft.examples and not shows:
        raise StudyError(f"The prompt draws {draft.examples} examples but never shows them. Write {{examples}} in it.")
    if draft.turns > 1 and not draft.diversity.strip():
        raise StudyError(f"A conversation of {draft.turns} turns needs a diversity prompt; it is empty.")


def render(
    prompt: Prompt | Draft,
    *,
    task: Task,
    label: Label,
    labels: Sequence[Label],
    examples: Sequence[str],
    previous: Sequence[str],
) -> list[Message]:
    """The messages of one call, with the keys `role` and `content`.

    `previous` holds the answers of the earlier turns, oldest first; empty ones are left out, as some endpoints refuse
    them. Braces in texts, labels and descriptions stay as they are.
    """
    values = {
        "label": label.name,
        "description": label.description or label.name,
        "question": task.question or task.name,
        "labels": "\n".join(f"- {known.name}: {known.description}".rstrip(": ") for known in labels),
        "words": str(prompt.words),
        "n": str(prompt.texts_per_call),
        "examples": "\n".join(f"- {' '.join(text.split())}" for text in examples),
    }
    request = _filled(prompt.generation, values)
    messages = [{"role": "system", "content": _filled(prompt.context, values)}] if prompt.context.strip() else []
    messages.append({"role": "user", "content": request})
    for answer in previous:
        if answer.strip():
            messages.append({"role": "assistant", "content": answer})
            messages.append({"role": "user", "content": f"{_filled(prompt.diversity, values)}\n\n{request}"})
    return messages


def _filled(template: str, values: dict[str, str]) -> str:
    return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), template)


def _lines(prompt: Prompt | Draft) -> list[str]:
    settings = [f"{name}: {getattr(prompt, name)}" for name in ("texts_per_call", "turns", "examples", "words")]
    parts = [f"{part}:\n{getattr(prompt, part)}\n" for part in ("context", "generation", "diversity")]
    return [*"\n".join(parts).splitlines(), *settings]
