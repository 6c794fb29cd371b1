"""Recognise cells in which a rater gave several labels at once, and reduce such a cell to one label."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

import pandas as pd

from core.errors import StudyError
from core.study.exchange import labels_in_files
from core.subjectivity.exchange import distinct
from core.subjectivity.statistics.counts import JOINED
from core.wording import listed

MARKS = (",", ";", "|", "/")  # may stand between the labels of a cell
RECUR = 0.5  # least share of the parts of cells with a mark that must also occur in other cells
SHOWN, LISTED = 3, 8

NO_ANSWER = frozenset(
    ["(blank)", "blank", "(empty)", "empty", "no answer", "(no answer)", "no response", "not answered", "unanswered", "skipped",
     "(skipped)", "skip", "(skip)", "n.a.", "n. a.", "#value!", "#ref!", "#null!", "not available"]
)  # fmt: skip
NO_PART = labels_in_files.MISSING | NO_ANSWER

Sets = Mapping[str, tuple[str, ...]]


def found_in(
    cells: "pd.Series[str]", *, asked: bool, known: Collection[str] = ()
) -> tuple[dict[str, tuple[str, ...]], str]:
    """Find the cells with several labels: cell -> its labels, sorted; and a note if a mark may separate labels, else "".

    A list is a set of labels. A text with a mark between its parts is a set if the same parts also occur in another
    order, if enough parts also occur in other cells, or if a person `asked` for sets. A label of the task (`known`) is
    one label.
    """
    values = [cell for cell in distinct.values(cells) if cell.strip() and cell not in known]
    lists = {cell: labels_in_files.listed(cell.strip()) for cell in values}
    found = {cell: parts for cell, labels in lists.items() if labels is not None and len(parts := _sorted(labels)) > 1}
    plain = [cell for cell in values if lists[cell] is None and cell.strip().casefold() not in labels_in_files.MISSING]
    guess = ""
    for mark in MARKS:
        split = {cell: _sorted(cell.split(mark)) for cell in plain}
        several = {cell: parts for cell, parts in split.items() if len(parts) > 1}
        if several and (asked or _are_sets(split, several)):
            return found | several, ""
        if several and not guess:
            shown = ", ".join(map(repr, list(several)[:SHOWN]))
            guess = f"Labels that hold {mark!r} count as one label each ({shown}); where raters gave several: --whole-sets or --has."
    return found, guess


def taken_whole(cells: "pd.Series[str]", sets: Sets, *, rows: int) -> tuple["pd.Series[str]", str]:
    """Replace every set of labels by one label, its labels joined; also return a note."""
    joined = {cell: JOINED.join(parts) for cell, parts in sets.items()}
    note = f"{rows:,} answers hold several labels; each set of labels counts as a label of its own."
    return distinct.mapped(cells, joined), note


def holding(cells: "pd.Series[str]", sets: Sets, wanted: str) -> tuple["pd.Series[str]", str]:
    """Replace every cell with labels by `wanted` if the cell contains this label, else by "not `wanted`"; also return a note.

    Raises `StudyError` if no cell contains the label.
    """
    found = {cell: _parts(cell, sets) for cell in distinct.values(cells) if _parts(cell, sets)}
    if not any(wanted in parts for parts in found.values()):
        labels = sorted({part for parts in found.values() for part in parts})
        raise StudyError(f"No answer holds {wanted!r}; the labels given are {listed(map(repr, labels), most=LISTED)}.")
    replaced = {cell: wanted if wanted in parts else f"not {wanted}" for cell, parts in found.items()}
    note = f"Each answer says whether it holds {wanted!r}; other labels were not looked at."
    return distinct.mapped(cells, replaced), note


def refused(sets: Sets, *, file: str, rows: int) -> StudyError:
    """The error for a file with sets of labels if no option says how to treat sets."""
    first = min(part for parts in sets.values() for part in parts)
    return StudyError(
        f"{rows:,} answers of {file} hold several labels, and those of one rater are one answer, not several raters'. Look at one "
        f"label at a time (--has {first!r}), or take each set for a label of its own (--whole-sets)."
    )


def _are_sets(split: Sets, several: Sets) -> bool:
    """Whether cells split at a mark are sets: parts recur in another order or in other cells.

    `split`: all cells with their parts. `several`: the cells with two parts or more.
    """
    if len(set(several.values())) < len(several):
        return True
    uses = Counter(part for parts in split.values() for part in parts)
    members = {part for parts in several.values() for part in parts}
    return sum(uses[part] > 1 for part in members) >= RECUR * len(members)


def _parts(cell: str, sets: Sets) -> tuple[str, ...]:
    """The labels of a cell, sorted; empty if the label is missing."""
    if cell in sets:
        return sets[cell]
    if cell.strip().casefold() in labels_in_files.MISSING:
        return ()
    labels = labels_in_files.listed(cell.strip())
    return _sorted([cell] if labels is None else labels)


def _sorted(parts: Iterable[object]) -> tuple[str, ...]:
    """The distinct labels among the parts of a cell, sorted; parts that look missing or are lists are left out."""
    texts = {str(part).strip() for part in parts if part is not None}
    return tuple(
        sorted(part for part in texts if part.casefold() not in NO_PART and labels_in_files.listed(part) is None)
    )
