"""JSON answers: the strings that are meant as texts, also when the JSON was cut off or is not quite JSON."""

import json
import re
from dataclasses import dataclass
from typing import Any

START = re.compile(r"^[ \t]*(?:\[\s*[\"{\[]|\{\s*[\"\[])", re.MULTILINE)
STRING = re.compile(r'"((?:[^"\\]|\\.)*)(?:(")|\\?\Z)', re.DOTALL)
KEY = re.compile(r"\s*:")
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
    """Texts found in JSON; `head` is what stands before it, `is_cut` whether the last text is broken."""

    head: str
    texts: list[str]
    is_cut: bool


def find(visible: str) -> Shaped | None:
    """The texts of the JSON that begins a line of an answer; None when there is none or it holds no string."""
    start = START.search(visible)
    if start is None:
        return None
    texts, at, is_whole = _decoded(visible, start.start())
    is_cut = False
    if not is_whole:
        rest, is_cut = _salvaged(visible[at:])
        texts += rest
    return Shaped(visible[: start.start()], texts, is_cut) if texts else None


def _decoded(visible: str, at: int) -> tuple[list[str], int, bool]:
    """The texts of one JSON value or of several in a row, where reading ended, and whether it ended well."""
    decoder = json.JSONDecoder(strict=False)
    texts: list[str] = []
    is_whole = True
    while is_whole:
        at += len(visible[at:]) - len(visible[at:].lstrip(" \t\r\n,"))
        if not visible[at : at + 1] or visible[at] not in "[{":
            break
        try:
            value, at = decoder.raw_decode(visible, at)
            texts += _strings(value, 0)
        except (ValueError, RecursionError):
            is_whole = False
    return texts, at, is_whole


def _strings(value: Any, depth: int) -> list[str]:
    if isinstance(value, str):
        return [value]
    if depth > MAX_DEPTH:
        return []
    if isinstance(value, list):
        return [text for part in value for text in _strings(part, depth + 1)]
    return _of_object(value, depth) if isinstance(value, dict) else []


def _of_object(value: dict[str, Any], depth: int) -> list[str]:
    """An object is a text with other fields, a wrapper around a list, or a list numbered by its keys."""
    texts = {key: part for key, part in value.items() if isinstance(part, str)}
    lists = {key: part for key, part in value.items() if isinstance(part, list | dict) and part}
    named = [part for key, part in texts.items() if TEXT_KEY.match(key) and not key[-1].isdigit()]
    if lists and (not named or any(LIST_KEY.match(key) for key in lists)):
        return _strings(max(lists.values(), key=len), depth + 1)
    if named:
        return [max(named, key=len)]
    numbered = [part for key, part in texts.items() if key[-1:].isdigit()]
    return numbered or ([max(texts.values(), key=len)] if texts else [])


def _salvaged(broken: str) -> tuple[list[str], bool]:
    """The strings of broken JSON that are values, the last of them possibly cut off."""
    found: list[tuple[str | None, str]] = []
    key: str | None = None
    is_cut = False
    for match in STRING.finditer(broken):
        if match[2] and KEY.match(broken, match.end()):
            key = match[1]
            continue
        found.append((key, _unescaped(match[1])))
        is_cut, key = match[2] is None, None
    has_named = any(name and TEXT_KEY.match(name) for name, _ in found)
    wanted = [not has_named or name is None or bool(TEXT_KEY.match(name)) for name, _ in found]
    texts = [text for (_, text), is_wanted in zip(found, wanted, strict=True) if is_wanted]
    return texts, is_cut and bool(wanted) and wanted[-1]


def _unescaped(raw: str) -> str:
    try:
        return str(json.loads(f'"{raw}"', strict=False))
    except ValueError:
        return raw
