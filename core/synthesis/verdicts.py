"""Verdicts: the one label that a judge's answer names, or why it names none. Never raises and never guesses."""

import json
import re
from collections.abc import Sequence

from core.study.records import Label
from core.synthesis import parsing

NONE_NAMED = "names no label"
SEVERAL = "names several labels"

LEAD = re.compile(
    r"^\W*(?:(?:the\s+|my\s+)?(?:(?:final|best|correct|most\s+fitting)\s+)?(?:label|answer|class|category|verdict)"
    r"(?:\s+that\s+fits(?:\s+best)?)?)\W*?(?:\s+is\b\s*:?|\s*[:=→-])\s*(?P<rest>.+)$",
    re.IGNORECASE,
)
AROUND = " \t\r\n-•\"'`*_“”«»‘’.,;:!()[]{}<>"
KEYS = ("label", "answer", "class", "category")


def read(content: str, labels: Sequence[Label], *, finish_reason: str = "stop") -> tuple[Label | None, str | None]:
    """The label that an answer names and None, or None and the reason.

    Read are the bare name, in any case and however it is quoted or joined; `Label: name`; and JSON with a key such as
    "label". A name that merely stands in a sentence is not taken for a verdict ("this is hardly sarcastic").
    """
    visible = parsing.FENCE.sub("", parsing.THOUGHT.sub("\n", parsing.UNSTORABLE.sub("", content))).strip()
    if not visible:
        return None, parsing.FILTERED if finish_reason == "content_filter" else parsing.EMPTY
    named = {label.id: label for claim in _claims(visible) if (label := _match(claim, labels))}
    if len(named) == 1:
        return next(iter(named.values())), None
    if named or len(_mentioned(visible, labels)) > 1:
        return None, SEVERAL
    if finish_reason == "refusal" or parsing.REFUSING.search(visible[:300]) or parsing.APOLOGY.match(visible):
        return None, parsing.REFUSAL
    return None, parsing.CUT if finish_reason == "length" else NONE_NAMED


def _claims(visible: str) -> list[str]:
    """What an answer puts forward as its verdict: the value in its JSON, else what follows "Label:", and whole lines."""
    lines = [line.strip() for line in visible.splitlines() if line.strip()]
    return _in_json(visible) or [match["rest"] for line in lines if (match := LEAD.match(line))] + lines


def _in_json(visible: str) -> list[str]:
    start, end = visible.find("{"), visible.rfind("}")
    for piece in (visible, visible[start : end + 1] if 0 <= start < end else ""):
        try:
            found = json.loads(piece)
        except (json.JSONDecodeError, RecursionError):
            continue
        if isinstance(found, dict):
            return [str(found[key]) for key in found if key.lower() in KEYS and isinstance(found[key], str | int)]
        return [found] if isinstance(found, str) else []
    return []


def _match(claim: str, labels: Sequence[Label]) -> Label | None:
    """The one label of this name: to the letter, else whatever the case, else whatever joins its words."""
    for form in (str, str.casefold, _joined):
        for said in (claim.strip(), claim.strip(AROUND)):
            same = [label for label in labels if form(said) in (form(label.name), form(_line(label)))]
            if len(same) == 1:
                return same[0]
            if same:
                return None
    return None


def _line(label: Label) -> str:
    """A label as the judge was shown it; some answer with the whole line."""
    return f"{label.name}: {label.description}"


def _mentioned(visible: str, labels: Sequence[Label]) -> set[str]:
    """The names of labels that occur in an answer; a name inside a longer one is not counted for itself."""
    longest_first = sorted((re.escape(label.name) for label in labels), key=len, reverse=True)
    found = re.findall(rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)", visible, re.IGNORECASE)
    return {name.casefold() for name in found}


def _joined(name: str) -> str:
    return " ".join(re.split(r"[\s_\-]+", name.casefold().strip()))
