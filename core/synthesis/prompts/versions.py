"""Prompt versions of an arm: save, compare and check versions, and render a version as the messages of a call.

A stored version never changes. Rendering fills in the placeholders `{label}`, `{description}`, `{question}`, `{labels}`,
`{words}`, `{n}`, `{examples}`, `{sources}`, `{attributes}` and each attribute by its own name; all other braces
stay.
"""

import difflib
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.llm.answers import Message
from core.study import tasks
from core.study.rows.study import Arm, Label, Prompt, Task
from core.synthesis.parsing import slips
from core.synthesis.parsing import texts as parsing
from core.synthesis.prompts import attributes as grids
from core.synthesis.prompts import grid
from core.synthesis.prompts.drafts import Draft

PLACEHOLDERS = ("label", "description", "question", "labels", "words", "n", "examples", "sources", "attributes")
PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")
NAME = re.compile(r"[A-Za-z_]\w*")
LIMITS = {"texts_per_call": (1, 100), "turns": (1, 50), "examples": (0, 50), "words": (1, 2000), "sources": (0, 50)}
MOST_ATTRIBUTES = 20
MOST_VALUES = 1000


@dataclass(frozen=True)
class Drawn:
    """What was drawn for one call: real texts to show as `examples`, real texts to rewrite, and attribute values by name."""

    examples: Sequence[str] = ()
    sources: Sequence[str] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)


NOTHING_DRAWN = Drawn()


def save(session: Session, *, arm_id: int, draft: Draft) -> Prompt:
    """Store a draft as the arm's newest prompt version and return it; a draft equal to the latest version adds no version.

    Raises `StudyError` if `check` finds the draft wrong.
    """
    labels = tasks.labels_of(session, session.get_one(Arm, arm_id).task_id)
    check(draft, labels=[label.name for label in labels])
    newest = latest(session, arm_id)
    if newest is not None and as_draft(newest) == draft:
        return newest
    values = {part.name: getattr(draft, part.name) for part in fields(Draft)}
    prompt = Prompt(arm_id=arm_id, version=newest.version + 1 if newest else 1, **values)
    session.add(prompt)
    session.flush()
    return prompt


def latest(session: Session, arm_id: int) -> Prompt | None:
    """The newest version of an arm's prompt; None if the arm has no prompt yet."""
    return session.scalar(select(Prompt).where(Prompt.arm_id == arm_id).order_by(Prompt.version.desc()).limit(1))


def versions(session: Session, arm_id: int) -> list[Prompt]:
    """All versions of an arm's prompt, newest first."""
    return list(session.scalars(select(Prompt).where(Prompt.arm_id == arm_id).order_by(Prompt.version.desc())))


def as_draft(prompt: Prompt) -> Draft:
    """A stored version as a draft, to edit or to compare it."""
    return Draft(**{part.name: getattr(prompt, part.name) for part in fields(Draft)})


def diff(old: Prompt | Draft, new: Prompt | Draft) -> str:
    """A unified diff of two prompts, settings included; empty if the two are equal."""
    names = [f"version {prompt.version}" if isinstance(prompt, Prompt) else "draft" for prompt in (old, new)]
    lines = difflib.unified_diff(_lines(old), _lines(new), fromfile=names[0], tofile=names[1], lineterm="")
    return "\n".join(lines)


def digest(draft: Draft | Prompt) -> str:
    """A fingerprint of a prompt: 32 hexadecimal digits, equal for two prompts with equal texts and settings."""
    content = asdict(draft if isinstance(draft, Draft) else as_draft(draft))
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def of_one_text(draft: Draft) -> Draft:
    """The same draft with one text a call, and one text to rewrite at most."""
    return replace(draft, texts_per_call=1, sources=min(draft.sources, 1))


def fallback(session: Session, arm_id: int) -> tuple[Prompt, Draft] | None:
    """An arm's newest version and the draft of the version before, if they differ only in asking for one text a call; else None."""
    newest = versions(session, arm_id)[:2]
    if len(newest) < 2:
        return None
    draft = as_draft(newest[1])
    is_fallback = draft.texts_per_call > 1 and as_draft(newest[0]) == of_one_text(draft)
    return (newest[0], draft) if is_fallback else None


def instructions(prompt: Prompt | Draft, task: Task, labels: Sequence[Label]) -> slips.Instructions:
    """The wording that every call of a prompt sends: its parts, the task's question and labels, but no example."""
    about = [task.question, *(label.description or "" for label in labels)]
    return slips.Instructions([prompt.context, prompt.generation, prompt.diversity, *about])


def asked(prompt: Prompt | Draft, task: Task, labels: Sequence[Label], *, label_id: int) -> parsing.Asked:
    """What a call of a prompt asked for, as the parser of its answer needs it; a label that is gone has no name."""
    return parsing.Asked(
        label=next((label.name for label in labels if label.id == label_id), ""),
        others=[label.name for label in labels if label.id != label_id],
        instructions=instructions(prompt, task, labels),
        words=prompt.words,
    )


def draw(prompt: Prompt | Draft, *, label: Label, slot: int, seed: int) -> dict[str, str]:
    """The attribute values of the call for a slot, by attribute name; empty without attributes.

    The values are balanced over the calls of a label (see `attributes.draw`). The turns of a conversation share their
    values, so that earlier messages stay true.
    """
    return grids.draw(prompt.attributes, label=label.name, place=slot // prompt.turns, seed=seed)


def check(draft: Draft, *, labels: Sequence[str] | None = None) -> None:
    """Raise `StudyError` if a draft is incomplete or contradicts itself, or lacks attribute values for one of `labels`.

    `labels` are the names of the task's labels; None leaves the values by label unchecked against them.
    """
    _check_attributes(draft.attributes, labels)
    for part in ("context", "generation", "diversity"):
        for name in PLACEHOLDER.findall(getattr(draft, part)):
            if name not in PLACEHOLDERS and name not in draft.attributes:
                known = ", ".join(f"{{{known}}}" for known in (*PLACEHOLDERS, *draft.attributes))
                raise StudyError(f"The {part} prompt has an unknown placeholder {{{name}}}. Known are {known}.")
    if not draft.generation.strip():
        raise StudyError("The generation prompt is empty. Say what the LLM is to write.")
    for name, (low, high) in LIMITS.items():
        if not low <= getattr(draft, name) <= high:
            raise StudyError(f"{name} may be {low} to {high}; it is {getattr(draft, name)}.")
    _check_shown(draft)
    if draft.turns > 1 and not draft.diversity.strip():
        raise StudyError(f"A conversation of {draft.turns} turns needs a diversity prompt; it is empty.")
    if draft.turns > 1 and draft.sources:
        raise StudyError(f"Texts to rewrite come anew with each call; set turns to 1 (it is {draft.turns}).")


def render(
    prompt: Prompt | Draft,
    *,
    task: Task,
    label: Label,
    labels: Sequence[Label],
    drawn: Drawn = NOTHING_DRAWN,
    previous: Sequence[str] = (),
) -> list[Message]:
    """The messages of one call for a label, with the keys `role` and `content`.

    `labels` are all labels of the task. `previous` holds the answers of the earlier turns, oldest first; empty answers
    are left out, as some endpoints refuse them. Braces in texts, labels, descriptions and attribute values stay as they
    are.
    """
    values = dict(drawn.attributes) | {
        "label": label.name,
        "description": label.description or label.name,
        "question": task.question or task.name,
        "labels": "\n".join(f"- {known.name}: {known.description}".rstrip(": ") for known in labels),
        "words": str(prompt.words),
        "n": str(prompt.texts_per_call),
        "examples": "\n".join(f"- {' '.join(text.split())}" for text in drawn.examples),
        "sources": "\n".join(
            f"{number}. {' '.join(text.split())}" for number, text in enumerate(drawn.sources, start=1)
        ),
        "attributes": "\n".join(f"- {name.replace('_', ' ')}: {value}" for name, value in drawn.attributes.items()),
    }
    request = _filled(prompt.generation, values)
    messages = [{"role": "system", "content": _filled(prompt.context, values)}] if prompt.context.strip() else []
    messages.append({"role": "user", "content": request})
    for answer in previous:
        if answer.strip():
            messages.append({"role": "assistant", "content": answer})
            messages.append({"role": "user", "content": f"{_filled(prompt.diversity, values)}\n\n{request}"})
    return messages


def _check_attributes(attributes: Mapping[str, Any], labels: Sequence[str] | None) -> None:
    if len(attributes) > MOST_ATTRIBUTES:
        raise StudyError(f"A prompt has at most {MOST_ATTRIBUTES} attributes; it has {len(attributes)}.")
    for name, of_name in attributes.items():
        if not NAME.fullmatch(name) or name in PLACEHOLDERS:
            raise StudyError(
                f"An attribute cannot be called {name!r}. Take letters, digits and _, but not one of the "
                f"placeholders {', '.join(PLACEHOLDERS)}."
            )
        if isinstance(of_name, Mapping):
            unknown = [label for label in of_name if labels is not None and label not in labels]
            if unknown:
                raise StudyError(f"Attribute {name!r} has values for {unknown[0]!r}, which is no label of the task.")
        for label in of_name if isinstance(of_name, Mapping) and labels is None else labels or [""]:
            _check_values(
                grids.values_of(of_name, label=label), f"{name!r}" + (f" for label {label!r}" if label else "")
            )


def _check_values(values: Any, attribute: str) -> None:
    """Raise `StudyError` if the values of an attribute are not a list of different phrases; the error names `attribute`."""
    if not isinstance(values, list | tuple) or not all(isinstance(value, str) and value.strip() for value in values):
        raise StudyError(f"The values of attribute {attribute} must be a list of words or phrases.")
    if not values:
        raise StudyError(f"Attribute {attribute} has no values. Write some, or ask a model for them.")
    if len(values) > MOST_VALUES or len(set(values)) < len(values):
        raise StudyError(f"Attribute {attribute} takes up to {MOST_VALUES} different values; it has {len(values)}.")


def _check_shown(draft: Draft) -> None:
    """Raise `StudyError` if a draft draws texts or attributes that it never shows, or shows some that it never draws."""
    shown = PLACEHOLDER.findall(draft.context + draft.generation)
    for name, what in (("examples", "examples"), ("sources", "texts to rewrite")):
        n = getattr(draft, name)
        if name in shown and not n:
            raise StudyError(f"The prompt shows {{{name}}}, but the number of {what} is 0. Set it to 1 or more.")
        if n and name not in shown:
            raise StudyError(f"The prompt draws {n} {what} but never shows them. Write {{{name}}} in it.")
    if "attributes" in shown and not draft.attributes:
        raise StudyError(
            "The prompt shows {attributes}, but it has no attributes. Write some, or take the placeholder out."
        )
    for name in draft.attributes:
        if name not in shown and "attributes" not in shown:
            raise StudyError(
                f"The prompt never shows its attribute {name!r}. Write {{{name}}} or {{attributes}} in it."
            )


def _filled(template: str, values: dict[str, str]) -> str:
    return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), template)


def _lines(prompt: Prompt | Draft) -> list[str]:
    settings = [f"{name}: {getattr(prompt, name)}" for name in LIMITS]
    settings += [f"attribute {line}" for line in grid.lines(prompt.attributes).splitlines()]
    parts = [f"{part}:\n{getattr(prompt, part)}\n" for part in ("context", "generation", "diversity")]
    return [*"\n".join(parts).splitlines(), *settings]
