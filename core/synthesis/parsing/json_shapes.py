"""Find the texts in JSON answers, also in JSON that is cut off or malformed."""

import json
import re
from collections.abc import Iterator
from typing import Any

from core.synthesis.parsing import field_names
from core.synthesis.parsing.field_names import Rank, Record
from core.synthesis.parsing.label_names import Names
from core.synthesis.parsing.pieces import FIELD, TEXT, UNCLEAR, Leaf, RawList

START = re.compile(r"^[ \t]*(?:\[\s*[\"{\[]|\{\s*[\"\[])", re.MULTILINE)
STRING = (
    re.compile(  # a quote inside a text may lack its backslash: it closes the text only before , : ] } " or the end
        r'"((?:[^"\\]|\\.|"(?=\s*[^\s,:}\]"]))*)(?:(")|\\?\Z)', re.DOTALL
    )
)
BROKEN_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
BARE_QUOTE = re.compile(r'(\\.)|"', re.DOTALL)
KEY = re.compile(r"\s*:")
BETWEEN = re.compile(r"[ \t\r\n,]*")
LITERAL = re.compile(r"\b(?:true|false|null)\b|[\W\d_]")
MAX_DEPTH = 6


class Pairs(list[tuple[str, Any]]):
    """A JSON object as its (key, value) pairs, repeated keys included."""


def find(visible: str, names: Names) -> RawList | None:
    """The texts of the JSON values that begin a line of an answer; None if there is no JSON with a string.

    All other strings, and every line between and after the values, are pieces beside the texts. If several fields could
    hold the texts, or only fields such as an explanation are there, the list has no item but a `reason`.
    """
    first = START.search(visible)
    start, at = first, 0
    cut: Leaf | None = None
    reader = _Reader(names)
    leaves: list[Leaf] = []
    while start is not None:
        leaves += [Leaf(line) for line in visible[at : start.start()].splitlines() if at]
        found, at, is_whole = _decoded(visible, start.start(), reader)
        leaves += found
        if not is_whole:
            rest, cut = _salvaged(visible[at:], reader)
            leaves += rest
            at = len(visible)
        start = START.search(visible, at)
    leaves += [Leaf(line) for line in visible[at:].splitlines()]
    is_clear = reader.decide()
    texts = [leaf for leaf in leaves if leaf.role == TEXT]
    if first is None or not (texts or any(leaf.role == FIELD for leaf in leaves)):
        return None
    head = visible[: first.start()]
    if not texts or not is_clear:
        return RawList(head, [], reason=UNCLEAR)
    beside = [(leaf.text, leaf.role) for leaf in leaves if leaf.role != TEXT and leaf.text.strip()]
    return RawList(head, texts, beside, is_cut=cut is not None and cut.role == TEXT)


class _Reader:
    """Sets the roles of the strings of JSON values: at once in lists, and for the fields of objects once all are read."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.records: list[Record] = []
        self.is_clear = True

    def decide(self) -> bool:
        """Choose the field of all objects that holds the texts; False if it, or the list of texts, cannot be told."""
        return field_names.choose(self.records, self.names) and self.is_clear

    def read(self, value: Any, *, said: tuple[str, ...] = (), depth: int = 0, in_list: bool = False) -> None:
        """Set the roles of the strings of a marked value; strings deeper than 6 levels are no texts.

        `said` holds what around the value may name the label of its texts.
        """
        if isinstance(value, Leaf):
            value.role, value.said = TEXT, said
        elif depth > MAX_DEPTH:
            return
        elif isinstance(value, Pairs):
            self._read_object(value, said=said, depth=depth)
        elif isinstance(value, list):
            labels = [part for part in value if isinstance(part, Leaf) and self.names.is_name(part.text)]
            is_row = in_list and 0 < len(labels) < len(value)
            for part in value:
                if is_row and any(part is label for label in labels):
                    part.role = FIELD
                else:
                    beside = tuple(label.text for label in labels) if is_row else ()
                    self.read(part, said=(*said, *beside), depth=depth + 1, in_list=True)

    def _read_object(self, pairs: Pairs, *, said: tuple[str, ...], depth: int) -> None:
        """Set the roles in an object: a wrapper around a list, or a record of named strings."""
        strings = [(key, part) for key, part in pairs if isinstance(part, Leaf)]
        lists = [(key, part) for key, part in pairs if isinstance(part, list) and any(_leaves(part))]
        for leaf in _leaves(pairs):
            leaf.role = FIELD
        labels = [(part, leaf.text) for key, part in pairs if field_names.names_label(key) for leaf in _leaves([part])]
        is_named = any(field_names.rank(key, self.names) >= Rank.USUAL for key, _ in strings)
        has_list_key = any(isinstance(part, list) and field_names.LIST_KEY.match(key) for key, part in pairs)
        chosen = self._texts_among(lists) if lists and (not is_named or has_list_key) else []
        for key, part in chosen:
            own = (key,) if self.names.is_name(key) else ()
            self.read(part, said=(*said, *(label for _, label in labels), *own), depth=depth + 1)
        if not chosen and (is_named or not has_list_key):
            listed = (label for part, label in labels if not isinstance(part, Leaf))
            self.records.append(Record(strings, (*said, *listed)))

    def _texts_among(self, lists: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        """The lists of an object that hold texts: those under the best names, all if each is a list of objects."""
        ranks = [field_names.rank_of_list(key, self.names) for key, _ in lists]
        best = max(ranks)
        if best == Rank.NEVER:
            return []
        chosen = [pair for pair, known in zip(lists, ranks, strict=True) if known == best]
        if best in (Rank.LABEL_NAME, Rank.NUMBERED) or all(_holds_objects(part) for _, part in chosen):
            return chosen
        if len(chosen) > 1:
            chosen = [pair for pair in chosen if any(" " in leaf.text.strip() for leaf in _leaves(pair[1]))] or chosen
        self.is_clear &= len(chosen) == 1
        return chosen


def _holds_objects(value: Any) -> bool:
    return isinstance(value, Pairs) or all(isinstance(part, Pairs) for part in value)


def _decoded(visible: str, at: int, reader: _Reader) -> tuple[list[Leaf], int, bool]:
    """The strings of the JSON values from index `at` on, the index where reading ended, and whether no value was broken."""
    decoder = json.JSONDecoder(strict=False, object_pairs_hook=Pairs)
    leaves: list[Leaf] = []
    is_whole = True
    while is_whole:
        between = BETWEEN.match(visible, at)
        at = between.end() if between else at
        if not visible[at : at + 1] or visible[at] not in "[{":
            break
        try:
            value, end = decoder.raw_decode(visible, at)
            marked = _marked(value)
            reader.read(marked)
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


def _salvaged(broken: str, reader: _Reader) -> tuple[list[Leaf], Leaf | None]:
    """The strings of broken JSON, and the last of them if it is cut off; strings without a key are texts.

    Strings with a key are records: one ends where a key comes again. The strings of a list belong to the key of the list.
    """
    leaves: list[Leaf] = []
    fields: list[tuple[str, Leaf]] = []
    key = list_key = None
    cut: Leaf | None = None
    end = 0
    for match in STRING.finditer(broken):
        if match[2] and KEY.match(broken, match.end()):
            key, list_key, end = _unescaped(match[1]), None, match.end()
            continue
        leaves.append(Leaf(_unescaped(match[1]), role=TEXT))
        if key is not None:
            if any(key == known for known, _ in fields):
                reader.records.append(_record(fields))
                fields = []
            fields.append((key, leaves[-1]))
            list_key = key if "[" in broken[end : match.start()] else None
        elif list_key is not None:
            fields.append((list_key, leaves[-1]))
        cut, key = leaves[-1] if match[2] is None else None, None
    reader.records.append(_record(fields))
    between = [line for line in STRING.sub(" ", broken).splitlines() if LITERAL.sub("", line)]
    return [*leaves, *(Leaf(" ".join(line.split())) for line in between)], cut


def _record(fields: list[tuple[str, Leaf]]) -> Record:
    """A record of broken JSON; a name of a list, such as "texts", counts as the name of its texts."""
    singular = [
        (key[:-1] if field_names.LIST_KEY.match(key) and key[-1:] in "sS" else key, leaf) for key, leaf in fields
    ]
    return Record(singular)


def _unescaped(raw: str) -> str:
    """The content of a JSON string with its escapes undone; a broken escape at its end is left out."""
    quoted = BARE_QUOTE.sub(lambda match: match[1] or '\\"', raw)
    for kept in (quoted, BROKEN_ESCAPE.sub("", quoted)):
        try:
            return str(json.loads(f'"{kept}"', strict=False))
        except ValueError:
            continue
    return raw
