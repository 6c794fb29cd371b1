"""Find the texts in Markdown tables of answers: the column that holds them."""

import re
from dataclasses import dataclass

from core.synthesis.parsing.json_shapes import FIELD, LIST_KEY, OUTSIDE, TEXT_KEY

RULE = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?\s*$")
BETWEEN = re.compile(r"(?<!\\)\|")
HEADER = "table header"


@dataclass(frozen=True)
class Table:
    """The texts found in a table; `head` is the answer before the table, `is_last` says whether the answer ends with it.

    `beside` holds the other cells, and the lines after the table, as (string, reason).
    """

    head: str
    texts: list[str]
    beside: list[tuple[str, str]]
    is_last: bool


def find(lines: list[str]) -> Table | None:
    """The texts of the first table of an answer: its column headed "text" or alike, else the column with the most text.

    None if no line with cells is followed by a rule of dashes, or if the table has no row.
    """
    rule = next((at for at in range(1, len(lines)) if "|" in lines[at - 1] and RULE.match(lines[at])), None)
    if rule is None:
        return None
    header, rows, end = _cells(lines[rule - 1]), [], rule + 1
    while end < len(lines) and "|" in lines[end]:
        rows.append(_cells(lines[end]))
        end += 1
    if not rows:
        return None
    named = [at for at, title in enumerate(header) if TEXT_KEY.match(title) or LIST_KEY.match(title)]
    widths = range(max(len(row) for row in rows))
    chosen = named[0] if named else max(widths, key=lambda at: sum(len(row[at]) for row in rows if at < len(row)))
    beside = [(title, HEADER) for title in header]
    beside += [(cell, FIELD) for row in rows for at, cell in enumerate(row) if at != chosen]
    beside += [(line, OUTSIDE) for line in lines[end:]]
    texts = [row[chosen] for row in rows if chosen < len(row)]
    return Table("\n".join(lines[: rule - 1]), texts, beside, is_last=end == len(lines))


def _cells(line: str) -> list[str]:
    """The cells of a row of a table, with escaped bars undone."""
    inner = line.strip().removeprefix("|").removesuffix("|")
    return [cell.replace("\\|", "|").strip() for cell in BETWEEN.split(inner)]
