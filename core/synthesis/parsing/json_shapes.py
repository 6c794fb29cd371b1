"""Find the texts in JSON answers, also in JSON that is cut off or malformed."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

OUTSIDE = "outside the list"
FIELD = "another field"
TEXT = "text"

START = re.compile(r"^[ \t]*(?:\[\s*[\"{\[]|\{\s*[\"\[])", re.MULTILINE)
STRING = (
    re.compile(  # a quote inside a text may lack its backslash: it closes the text only before , : ] } " or the end
        r'"((?:[^"\\]|\\.|"(?=\s*[^\s,:}\]"]))*)(?:(")|\\?\Z)', re.DOTALL
    )
)
BROKEN_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
BARE_QUOTE = re.compile(r'(\\.)|"', re.DOTALL)
KEY = re.compile(r"\s*:")
LITERAL = re.compile(r"\b(?:true|false|null)\b|[\W\d_]")
TEXT_KEY = re.compile(
    r"^(?:generated|new|synthetic|the)?[_ ]?(?:text|tweet|example|sentence|review|headline|message|sample|comment|post"
    r"|content|sms|title|body|news|article|output)[_ ]?\d*$",
    re.IGNORECASE,
)
LIST_KEY = re.compile(
    r"^(?:.*[_ ])?(?:texts|tweets|examples|sentences|reviews|headlines|messages|samples|comments|posts|items|list|data"
    r"|results)$",
    re.IGNORECASE,
)
MAX_DEPTH = 6


@dataclass(frozen=True)
class Shaped:
    """The texts found in JSON; `head` is the answer before the JSON, `is_cut` says whether the last text is broken off.

    `beside` holds every other string of the JSON, and every line between and after JSON values, as (string, reason).
    """

    head: str
    texts: list[str]
    beside: list[tuple[str, str]]
    is_cut: bool


@dataclass
class Leaf:
    """A string of the JSON and its role: `TEXT`, `FIELD` (another field) or `OUTSIDE` (outside the list)."""

    text: str
    role: str = OUTSIDE


class Pairs(list[tuple[str, Any]]):
    """A JSON object as its (key, value) pairs, repeated keys included."""


def find(visible: str) -> Shaped | None:
    """The texts of the JSON values that begin a line of an answer; None if there is no JSON or it holds no text."""
    first = START.search(visible)
    start, at, is_cut = first, 0, False
    leaves: list[Leaf] = []
    while start is not None:
        leaves += [Leaf(line) for line in visible[at : start.start()].splitlines() if at]
        found, at, is_whole = _decoded(visible, start.start())
        leaves += found
        if not is_whole:
            rest, is_cut = _salvaged(visible[at:])
            leaves += rest
            at = len(visible)
        start = START.search(visible, at)
    leaves += [Leaf(line) for line in visible[at:].splitlines()]
    texts = [leaf.text for leaf in leaves if leaf.role == TEXT]
    if first is None or not texts:
        return None
    beside = [(leaf.text, leaf.role) for leaf in leaves if leaf.role != TEXT and leaf.text.strip()]
    return Shaped(visible[: first.start()], texts, beside, is_cut)


def _decoded(visible: str, at: int) -> tuple[list[Leaf], int, bool]:
    """The strings of the JSON values from index `at` on, the index where reading ended, and whether no value was broken."""
    decoder = json.JSONDecoder(strict=False, object_pairs_hook=Pairs)
    leaves: list[Leaf] = []
    is_whole = True
    while is_whole:
        at += len(visible[at:]) - len(visible[at:].lstrip(" \t\r\n,"))
        if not visible[at : at + 1] or visible[at] not in "[{":
            break
        try:
            value, end = decoder.raw_decode(visible, at)
            marked = _marked(value)
            _choose(marked, 0)
            leaves += _leaves(marked)
            at = end
        except (ValueError, RecursionError):
            is_whole = False
    return leaves, at, is_whole


def _marked(value: Any) -> Any:
    """A JSON value with a `Leaf` in place of each string, and None in place of each number or literal."""
    if isinstance(value, str):
        return Leaf(value)
    if isinstance(value, Pairs):
        return Pairs((key, _marked(part)) for key, part in value)
    return [_marked(part) for part in value] if isinstance(value, list) else None


def _leaves(value: Any) -> Iterator[Leaf]:
    """All leaves of a marked value, in order."""
    if isinstance(value, Leaf):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part[1] if isinstance(value, Pairs) else part)


def _choose(value: Any, depth: int) -> None:
    """Set the role of the strings of a marked value that are texts; values deeper than 6 levels are left out."""
    if isinstance(value, Leaf):
        value.role = TEXT
    elif depth > MAX_DEPTH:
        return
    elif isinstance(value, Pairs):
        _choose_of_object(value, depth)
    elif isinstance(value, list):
        for part in value:
            _choose(part, depth + 1)


def _choose_of_object(pairs: Pairs, depth: int) -> None:
    """Set the roles in an object: a text with other fields, a wrapper around a list, or a list numbered by its keys."""
    strings = [(key, part) for key, part in pairs if isinstance(part, Leaf)]
    lists = [(key, part) for key, part in pairs if isinstance(part, list) and part]
    named = [(key, leaf) for key, leaf in strings if TEXT_KEY.match(key) and not key[-1].isdigit()]
    for _, leaf in strings:
        leaf.role = FIELD
    if lists and (not named or any(LIST_KEY.match(key) for key, _ in lists)):
        _choose(max((part for _, part in lists), key=len), depth + 1)
        return
    for leaf in _leaves(Pairs(lists)):
        leaf.role = FIELD
    numbered = [leaf for key, leaf in strings if key[-1:].isdigit()]
    if named or not numbered:
        longest = max(named or strings, key=lambda pair: len(pair[1].text), default=("", None))[0]
        numbered = [leaf for key, leaf in named or strings if key == longest]
    for leaf in numbered:
        leaf.role = TEXT


def _salvaged(broken: str) -> tuple[list[Leaf], bool]:
    """The strings of broken JSON, its string values as texts, and whether the last text is cut off.

    If a key such as "text" names some of the values, the other named values are fields.
    """
    found: list[tuple[str | None, Leaf]] = []
    key: str | None = None
    is_cut = False
    for match in STRING.finditer(broken):
        if match[2] and KEY.match(broken, match.end()):
            key = match[1]
            continue
        found.append((key, Leaf(_unescaped(match[1]), role=TEXT)))
        is_cut, key = match[2] is None, None
    has_named = any(name and TEXT_KEY.match(name) for name, _ in found)
    for name, leaf in found:
        if has_named and name is not None and not TEXT_KEY.match(name):
            leaf.role = FIELD
    is_cut = is_cut and bool(found) and found[-1][1].role == TEXT
    between = [line for line in STRING.sub(" ", broken).splitlines() if LITERAL.sub("", line)]
    return [leaf for _, leaf in found] + [Leaf(" ".join(line.split())) for line in between], is_cut


def _unescaped(raw: str) -> str:
    """The content of a JSON string with its escapes undone; a broken escape at its end is left out."""
    quoted = BARE_QUOTE.sub(lambda match: match[1] or '\\"', raw)
    for kept in (quoted, BROKEN_ESCAPE.sub("", quoted)):
        try:
            return str(json.loads(f'"{kept}"', strict=False))
        except ValueError:
            continue
    return raw
