"""Choices: the one of several offered answers that an LLM names in its own words, or why it names none. Never guesses."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from core.llm import text

NONE_NAMED = "names no label"
SEVERAL = "names several labels"

NOUN = r"label|answer|class|category|verdict|rating|score|choice|option|response|judge?ment"
LEAD = re.compile(
    rf"""^\W*(?:
        (?:the\s+|my\s+)?(?:(?:final|best|correct|most\s+fitting)\s+)?(?:{NOUN})(?:\s+that\s+fits(?:\s+best)?)?
            \W*?(?:\s+is\b\s*:?|\s*[:=→-])\s*
        |i(?:\s+would|['’]d)?\s+(?:say|choose|pick|answer|go\s+(?:with|for)|rate\s+(?:it|this)(?:\s+as)?)\b\s*:?\s*
    )(?P<rest>.+)$""",
    re.IGNORECASE | re.VERBOSE,
)
REASON = re.compile(r"^(?P<named>.+?)[\s,;:.\-–—(*_`\"'”’]+(?:because|since|as\s+the)\b", re.IGNORECASE | re.DOTALL)
AROUND = " \t\r\n-•\"'`*_“”«»‘’.,;:!()[]{}<>"
KEYS = frozenset(NOUN.replace("judge?ment", "judgment|judgement").split("|")) | {"winner", "value"}


@dataclass(frozen=True)
class Choice:
    """One offered answer: its `name` as it was shown, and every `form` in which it may come back, the name included."""

    name: str
    forms: tuple[str, ...]


def read(content: str, choices: Sequence[Choice], *, finish_reason: str = "stop") -> tuple[Choice | None, str | None]:
    """The choice that an answer names and None, or None and the reason.

    Read are a bare form, in any case and however it is quoted or joined; what follows "Label:" or "I'd say"; what stands
    before "because"; and JSON with a key such as "label". A name that merely stands in a sentence is not taken for a
    verdict ("this is hardly sarcastic").
    """
    if finish_reason in (text.PROMPT_TOO_LONG, text.PROMPT_REFUSED):
        return None, text.FILTERED if finish_reason == text.PROMPT_REFUSED else finish_reason
    visible = text.visible(content)
    if not visible:
        return None, text.FILTERED if text.is_filtered(finish_reason) else text.EMPTY
    named = {found.name: found for claim in _claims(visible) if (found := _match(claim, choices))}
    if len(named) == 1:
        return next(iter(named.values())), None
    if named or len(_mentioned(visible, choices)) > 1:
        return None, SEVERAL
    if finish_reason == "refusal" or text.is_refusal(visible) or text.APOLOGY.match(visible):
        return None, text.REFUSAL
    return None, text.CUT if text.is_cut(finish_reason) else NONE_NAMED


def _claims(visible: str) -> list[str]:
    """What an answer puts forward as its verdict: the value in its JSON, else what follows "Label:", and whole lines."""
    if in_json := _in_json(visible):
        return in_json
    lines = [line.strip() for line in visible.splitlines() if line.strip()]
    led = [match["rest"] for line in lines if (match := LEAD.match(line))]
    return [*led, *lines, *(match["named"] for claim in (*led, *lines) if (match := REASON.match(claim)))]


def _in_json(visible: str) -> list[str]:
    start, end = visible.find("{"), visible.rfind("}")
    for piece in (visible, visible[start : end + 1] if 0 <= start < end else ""):
        try:
            found = json.loads(piece)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return [
                _shown(found[key]) for key in found if key.lower() in KEYS and isinstance(found[key], str | int | float)
            ]
        return [found] if isinstance(found, str) else []
    return []


def _shown(value: str | float) -> str:
    """A value of JSON as text; 4.0 is 4."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _match(claim: str, choices: Sequence[Choice]) -> Choice | None:
    """The one choice of this form: to the letter, else whatever the case, else whatever joins its words."""
    forms: Iterable[Callable[[str], str]] = (str, str.casefold, _joined)
    for form in forms:
        for said in (claim.strip(), claim.strip(AROUND)):
            same = [choice for choice in choices if form(said) in map(form, choice.forms)]
            if len(same) == 1:
                return same[0]
            if same:
                return None
    return None


def _mentioned(visible: str, choices: Sequence[Choice]) -> set[str]:
    """The names of choices that occur in an answer; a name inside a longer one is not counted for itself."""
    longest_first = sorted((re.escape(choice.name) for choice in choices), key=len, reverse=True)
    found = re.findall(rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)", visible, re.IGNORECASE)
    return {name.casefold() for name in found}


def _joined(name: str) -> str:
    return " ".join(re.split(r"[\s_\-]+", name.casefold().strip()))
