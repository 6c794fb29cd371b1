"""Find the texts in Markdown tables of answers: the column that holds them."""

import re

from core.synthesis.parsing import field_names
from core.synthesis.parsing.field_names import Record
from core.synthesis.parsing.label_names import Names
from core.synthesis.parsing.pieces import FIELD, OUTSIDE, TEXT, UNCLEAR, Leaf, RawList

RULE = re.compile(r"^\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?$")
BETWEEN = re.compile(r"(?<!\\)\|")
HEADER = "table header"


def find(lines: list[str], names: Names, *, is_cut: bool = False) -> RawList | None:
    """The texts of the first table of an answer: its column headed "text" or alike, else its only column that may hold texts.

    The other cells, and the lines after the table, are pieces beside the texts. `is_cut` says whether the answer was cut
    off, which counts if it ends with the table. None if no line with cells is followed by a rule of dashes, or if the
    table has no row. If several columns could hold the texts, the list has no item but a `reason`.
    """
    rule = next((at for at in range(1, len(lines)) if "|" in lines[at - 1] and RULE.match(lines[at].strip())), None)
    if rule is None:
        return None
    header, rows, end = _cells(lines[rule - 1]), [], rule + 1
    while end < len(lines) and "|" in lines[end]:
        rows.append([Leaf(cell) for cell in _cells(lines[end])])
        end += 1
    if not rows:
        return None
    head = "\n".join(lines[: rule - 1])
    columns = range(max(len(row) for row in rows))
    titles = [_title(header[at] if at < len(header) else "", at) for at in columns]
    is_clear = field_names.choose([Record(list(zip(titles, row, strict=False))) for row in rows], names)
    leaves = [leaf for row in rows for leaf in row]
    texts = [leaf for leaf in leaves if leaf.role == TEXT]
    if not texts or not is_clear:
        return RawList(head, [], reason=UNCLEAR)
    beside = [(title, HEADER) for title in header]
    beside += [(leaf.text, FIELD) for leaf in leaves if leaf.role != TEXT]
    beside += [(line, OUTSIDE) for line in lines[end:]]
    return RawList(head, texts, beside, is_cut and end == len(lines))


def _title(title: str, at: int) -> str:
    """The name of the column at index `at` as the name of a field: in the singular, and without emphasis."""
    plain = title.strip("*_ ")
    if not any(sign.isalpha() for sign in plain):
        return f"column {chr(0x61 + at % 26)}"
    return plain[:-1] if field_names.LIST_KEY.match(plain) and plain[-1] in "sS" else plain


def _cells(line: str) -> list[str]:
    """The cells of a row of a table, with escaped bars undone."""
    inner = line.strip().removeprefix("|").removesuffix("|")
    return [cell.replace("\\|", "|").strip() for cell in BETWEEN.split(inner)]
