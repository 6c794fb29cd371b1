"""Read which of several offered choices an LLM's answer names; an answer that names no single choice is never guessed."""

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
LONGEST_CLAIM = 300  # characters of a line, or twice the longest form, in which the name of a choice is looked for
KEYS = frozenset(NOUN.replace("judge?ment", "judgment|judgement").split("|")) | {"winner", "value"}


@dataclass(frozen=True)
class Choice:
    """One offered choice: its `name` as shown to the LLM, and all `forms` in which an answer may name it, the name included."""

    name: str
    forms: tuple[str, ...]


def read(content: str, choices: Sequence[Choice], *, finish_reason: str = "stop") -> tuple[Choice | None, str | None]:
    """Return (the choice that an answer names, None), or (None, the reason why the answer names no single choice).

    An answer names a choice by one of its forms, in any case, quoted or with other joins between words: alone on a
    line, after "Label:" or "I'd say", before "because", or in JSON under a key such as "label". A form inside a longer
    sentence does not count ("this is hardly sarcastic").
    """
    if finish_reason in (text.PROMPT_TOO_LONG, text.PROMPT_REFUSED):
        return None, text.FILTERED if finish_reason == text.PROMPT_REFUSED else finish_reason
    visible = text.visible(content)
    if not visible:
        return None, text.FILTERED if text.is_filtered(finish_reason) else text.EMPTY
    named = {
        choice.name: choice for claim in _claims(visible, room=_room(choices)) if (choice := _match(claim, choices))
    }
    if len(named) == 1:
        return next(iter(named.values())), None
    if named or len(_mentioned(visible, choices)) > 1:
        return None, SEVERAL
    if finish_reason == "refusal" or text.is_refusal(visible) or text.APOLOGY.match(visible):
        return None, text.REFUSAL
    return None, text.CUT if text.is_cut(finish_reason) else NONE_NAMED


def _room(choices: Sequence[Choice]) -> int:
    """The number of characters in which a line may name a choice."""
    return max(LONGEST_CLAIM, *(2 * len(form) for choice in choices for form in choice.forms), 0)


def _claims(visible: str, *, room: int) -> list[str]:
    """Return the parts of an answer that may name a choice: values in JSON; without JSON, texts after "Label:" and whole lines.

    No part is longer than `room`; of a longer line only the words before "because" can name a choice.
    """
    if in_json := _in_json(visible):
        return [claim for claim in in_json if len(claim) <= room]
    stripped = [line.strip() for line in visible.splitlines() if line.strip()]
    lines = [line if len(line) <= room else line.strip(AROUND) for line in stripped]
    whole = [line for line in lines if len(line) <= room]
    heads = [line[:room] for line in lines]
    led = [match["rest"] for line in whole if (match := LEAD.match(line))]
    led_heads = [match["rest"] for head in heads if (match := LEAD.match(head))]
    reasoned = [match["named"] for claim in (*led_heads, *heads) if (match := REASON.match(claim))]
    return [*led, *whole, *reasoned]


def _in_json(visible: str) -> list[str]:
    """Return the values of an answer in JSON under keys such as "label"; empty if the answer holds no JSON."""
    start, end = visible.find("{"), visible.rfind("}")
    for piece in (visible, visible[start : end + 1] if 0 <= start < end else ""):
        try:
            parsed = json.loads(piece)
        except (ValueError, RecursionError):
            continue
        if isinstance(parsed, dict):
            return [
                _shown(parsed[key])
                for key in parsed
                if key.lower() in KEYS and isinstance(parsed[key], str | int | float)
            ]
        return [parsed] if isinstance(parsed, str) else []
    return []


def _shown(value: str | float) -> str:
    """Return a value of JSON as text; 4.0 gives "4"."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _match(claim: str, choices: Sequence[Choice]) -> Choice | None:
    """Return the choice with the form `claim`: compared by letters, then in any case, then with any joins between words.

    Returns None if no choice has the form, or several choices have the form.
    """
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
    """Return the names of choices that occur in an answer; a name inside a longer name does not count."""
    longest_first = sorted((re.escape(choice.name) for choice in choices), key=len, reverse=True)
    names = re.findall(rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)", visible, re.IGNORECASE)
    return {name.casefold() for name in names}


def _joined(name: str) -> str:
    """Return a name in lower case with single spaces in place of joins such as "-" and "_"."""
    return " ".join(re.split(r"[\s_\-]+", name.casefold().strip()))
