"""Verdicts: the one label that a judge's answer names, or why it names none. Never raises and never guesses."""

from collections.abc import Sequence

from core.llm import choices
from core.llm.choices import NONE_NAMED as NONE_NAMED
from core.llm.choices import SEVERAL as SEVERAL
from core.study.rows.study import Label


def read(content: str, labels: Sequence[Label], *, finish_reason: str = "stop") -> tuple[Label | None, str | None]:
    """The label that an answer names and None, or None and the reason; see `choices.read`."""
    offered = [choices.Choice(label.name, (label.name, _line(label))) for label in labels]
    found, reason = choices.read(content, offered, finish_reason=finish_reason)
    return (labels[offered.index(found)] if found else None), reason


def _line(label: Label) -> str:
    """A label as the judge was shown it; some answer with the whole line."""
    return f"{label.name}: {label.description}"
