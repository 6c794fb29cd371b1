"""Several labels that a rater gave at once: which cells hold them, and what they count as."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

import pandas as pd

from core.errors import StudyError
from core.study.exchange import labels_in_files
from core.subjectivity.statistics.counts import JOINED

MARKS = (",", ";", "|", "/")
RECUR = 0.5  # of the parts of cells with a mark, how many must stand in other cells too
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
    """Cell -> its labels, sorted, for every cell that holds several; and what is to be said where that stays a guess.

    Lists are sets. A text with a mark between its parts is one where the same parts also come in another order, where its
    parts come in other cells too, or where a person `asked` for sets. A label of the task (`known`) is one label.
    """
    values = [cell for cell in cells.unique().tolist() if cell.strip() and cell not in known]
    lists = {cell: labels_in_files.listed(cell.strip()) for cell in values}
    found = {cell: parts for cell, given in lists.items() if given is not None and len(parts := _sorted(given)) > 1}
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
    """Each set as a label of its own."""
    joined = {cell: JOINED.join(parts) for cell, parts in sets.items()}
    return cells.replace(
        joined
    ), f"{rows:,} answers hold several labels; each set of labels counts as a label of its own."


def holding(cells: "pd.Series[str]", sets: Sets, wanted: str) -> tuple["pd.Series[str]", str]:
    """Whether each answer holds one label. Raises `StudyError` where none does."""
    found = {cell: _parts(cell, sets) for cell in cells.unique().tolist() if _parts(cell, sets)}
    if not any(wanted in parts for parts in found.values()):
        there = sorted({part for parts in found.values() for part in parts})
        more = f" and {len(there) - LISTED:,} more" if len(there) > LISTED else ""
        raise StudyError(
            f"No answer holds {wanted!r}; the labels given are {', '.join(map(repr, there[:LISTED]))}{more}."
        )
    named = {cell: wanted if wanted in parts else f"not {wanted}" for cell, parts in found.items()}
    return cells.replace(named), f"Each answer says whether it holds {wanted!r}; other labels were not looked at."


def refused(sets: Sets, *, file: str, rows: int) -> StudyError:
    """What is wrong with sets where one label is wanted, and the ways out."""
    first = min(part for parts in sets.values() for part in parts)
    return StudyError(
        f"{rows:,} answers of {file} hold several labels, and those of one rater are one answer, not several raters'. Look at one "
        f"label at a time (--has {first!r}), or take each set for a label of its own (--whole-sets)."
    )


def _are_sets(split: Sets, several: Sets) -> bool:
    if len(set(several.values())) < len(several):
        return True
    uses = Counter(part for parts in split.values() for part in parts)
    parts = {part for one in several.values() for part in one}
    return sum(uses[part] > 1 for part in parts) >= RECUR * len(parts)


def _parts(cell: str, sets: Sets) -> tuple[str, ...]:
    if cell in sets:
        return sets[cell]
    if cell.strip().casefold() in labels_in_files.MISSING:
        return ()
    given = labels_in_files.listed(cell.strip())
    return _sorted([cell] if given is None else given)


def _sorted(parts: Iterable[object]) -> tuple[str, ...]:
    """The labels among the parts of a set, each once; a part that looks missing, or is a list itself, is none."""
    texts = {str(part).strip() for part in parts if part is not None}
    return tuple(
        sorted(part for part in texts if part.casefold() not in NO_PART and labels_in_files.listed(part) is None)
    )
