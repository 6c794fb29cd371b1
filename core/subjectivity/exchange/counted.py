"""Decide which ratings of a file count, and their labels: sets of labels, missing labels, spellings, repeated ratings."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from core.errors import StudyError
from core.study.exchange import labels_in_files
from core.study.rows.kinds import ItemRole, RaterKind
from core.subjectivity.exchange import distinct, pseudonyms, sets
from core.subjectivity.exchange.potato import MACHINE
from core.wording import listed

TRUE = ("true", "t", "yes", "y", "1", "1.0")
FALSE = ("", "false", "f", "no", "n", "0", "0.0", "nan", "none", "null", "<na>")
# column of a file -> cell in lower case -> why the row does not count; "" if it counts
STANDING: dict[str, dict[str, str]] = {
    "was_cancelled": {**dict.fromkeys(FALSE, ""), **dict.fromkeys(TRUE, "skipped by the rater")},
    "excluded": {**dict.fromkeys(FALSE, ""), **dict.fromkeys(TRUE, "an excluded rater")},
    "role": {"": "", ItemRole.ITEM: "", ItemRole.ATTENTION: "an attention check", ItemRole.GOLD: "a gold item"},
    "kind": {"": "", **dict.fromkeys(RaterKind, ""), RaterKind.LLM: "an LLM rater"},
}
NO_SUCH = "the task has no label"
AGAIN, REPEATED = "answered again later", "repeated row"
SHOWN = 5


@dataclass(frozen=True)
class Choices:
    """A person's decisions about the labels of a file.

    - fold: labels that differ in case, blanks or Unicode form only, or are equal numbers, are one label; the same for names
      of raters
    - keep_labels: every label counts as it is written, even if it looks missing or the task does not have it
    - whole_sets: if a rater gave several labels, the set of labels is one label
    - as_sets: sets of labels stay sets, for `Level.SETS`
    - has: the label of a set is whether the set contains this label
    - rename: label of the file -> label to use
    """

    fold: bool = False
    keep_labels: bool = False
    whole_sets: bool = False
    as_sets: bool = False
    has: str | None = None
    rename: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Counted:
    """The ratings of a file after the decisions.

    `frame`: the table of `decide` with final columns rater_id, label and reason ("" if the row counts). `alike`: groups
    of labels that look alike. `notes`: sentences about what was done. `several`: number of ratings with several labels.
    """

    frame: pd.DataFrame
    alike: list[tuple[str, ...]]
    notes: list[str]
    several: int = 0


@dataclass(frozen=True)
class Standing:
    """What a file says itself about which of its rows count.

    `reason`: why the row does not count, "" if it does. `columns`: the columns role and kind, in lower case, if the file
    has them. `notes`: sentences about cells that are not understood; their rows count.
    """

    reason: "pd.Series[str]"
    columns: dict[str, "pd.Series[str]"]
    notes: list[str]


def standing(frame: pd.DataFrame, *, taken: Collection[str]) -> Standing:
    """Find the rows of a file that were skipped, of excluded raters, checks or gold items, or of machines.

    `taken`: columns that hold item, rater, answer or text. Upper and lower case are equal in names and cells.
    """
    by_name = {name.casefold(): name for name in reversed(frame.columns) if name not in taken}
    reason = pd.Series("", index=frame.index, dtype="str")
    found: dict[str, pd.Series[Any]] = {}
    notes = []
    for column, meanings in STANDING.items():
        if column not in by_name:
            continue
        cells = distinct.mapped(frame[by_name[column]], lambda values: values.astype("str").str.strip().str.casefold())
        because = distinct.mapped(cells, {cell: meanings.get(cell, "") for cell in distinct.values(cells)})
        reason = reason.mask((reason == "") & (because != ""), because.astype("str"))
        if strange := {str(cell): n for cell, n in distinct.counts(cells).items() if cell not in meanings and n}:
            told = listed((f"{cell!r} ({n:,})" for cell, n in strange.items()), most=SHOWN)
            notes.append(
                f"The column {by_name[column]} holds {told}: that does not say whether a row counts, so these rows count."
            )
        if column in ("role", "kind"):
            found[column] = cells.astype("str")
    if origin := by_name.get("annotator_origin"):
        machine = ~frame[origin].str.strip().str.casefold().isin(["", "human"])
        reason = reason.mask((reason == "") & machine, MACHINE)
    return Standing(reason, found, notes)


def decide(frame: pd.DataFrame, choices: Choices, *, known: Sequence[str], file: str) -> Counted:
    """Decide which ratings count and what their labels are.

    `frame`: columns item_id, rater_id, label and reason, all text; a row with a reason does not count. `known`: the
    labels of the task; empty if any label is allowed. Raises `StudyError`, with the options to choose from, if raters gave
    several labels at once or if no label is one of `known`.
    """
    pending = (frame["reason"] == "").to_numpy()
    cells, several, notes = _single(distinct.blanked(frame["label"], ~pending), choices, known=known, file=file)
    reading = labels_in_files.Choices(
        fold=choices.fold, keep_labels=choices.keep_labels, missing=sets.NO_ANSWER - {name.casefold() for name in known}
    )
    any_label = choices.keep_labels or choices.has or choices.whole_sets or choices.as_sets
    found = labels_in_files.read(cells, known=[] if any_label else list(known), rename=choices.rename, choices=reading)
    reason = found.reasons if pending.all() else frame["reason"].mask(pending, found.reasons)
    if found.unknown:
        unknown = (reason == "") & found.labels.isin(found.unknown)
        if not ((reason == "") & ~unknown).any():
            raise StudyError(_no_known_label(found, known, file=file))
        reason = reason.mask(unknown, f"{NO_SUCH} '" + found.labels.str.slice(0, 40) + "'")
    raters, notes_on_raters = _fold_raters(frame["rater_id"], fold=choices.fold)
    clean = frame.assign(label=distinct.categorical(found.labels), reason=reason, rater_id=raters)
    notes += [*found.unmet, *_notes_on_spellings(found, choices), *notes_on_raters]
    clean = clean.assign(reason=_without_repeats(clean))
    again = int((clean["reason"] == AGAIN).sum())
    if again:
        doubt = " If another column says which item was rated: --column item_id=NAME." if 2 * again > len(clean) else ""
        notes.append(
            f"{again:,} answers were given again by the same rater about the same item; the last one counts.{doubt}"
        )
    return Counted(clean, found.alike, notes, several)


def _single(
    cells: "pd.Series[str]", choices: Choices, *, known: Sequence[str], file: str
) -> tuple["pd.Series[str]", int, list[str]]:
    """Reduce every cell to one label; also return the number of cells with several labels, and notes for the reader."""
    asked = choices.whole_sets or choices.has is not None
    found, guess = sets.found_in(cells, asked=asked, known=[] if asked else known)
    rows = int(distinct.holds(cells, lambda values: values.isin(found)).sum())
    notes = [guess] if guess else []
    if choices.has is not None:
        cells, note = sets.holding(cells, found, choices.has.strip())
    elif not found:
        return cells, 0, notes
    elif choices.whole_sets or choices.as_sets:
        cells, note = sets.taken_whole(cells, found, rows=rows)
    else:
        raise sets.refused(found, file=file, rows=rows)
    return cells, rows, [*notes, *([] if choices.as_sets else [note])]


def _fold_raters(names: "pd.Series[str]", *, fold: bool) -> tuple["pd.Series[str]", list[str]]:
    """Merge names of raters that look alike, if `fold`; also return notes, in which no personal name stands."""
    reading = labels_in_files.Choices(fold=fold, keep_labels=True)
    nested = distinct.holds(names, lambda values: values.str.startswith(("[", "{", "(")))
    found = labels_in_files.read(distinct.blanked(names, nested), known=(), rename={}, choices=reading)
    if found.folded:
        told = {spelling: name for spelling, name in found.folded.items() if not pseudonyms.is_personal(spelling)}
        notes = [f"Taken for one rater: {labels_in_files.pairs(told)}."] if told else []
        return distinct.mapped(names, found.folded), notes
    groups = [group for group in found.alike if not any(map(pseudonyms.is_personal, group))]
    return names, [
        f"These raters look alike and count as different: {', '.join(map(repr, group))} (--fold takes them for one)."
        for group in groups
    ]


def _without_repeats(frame: pd.DataFrame) -> "pd.Series[str]":
    """The reason of each row, with a reason for every rating that the same rater of the same item gave again later."""
    reason = frame["reason"]
    named = ~distinct.holds(frame["item_id"], lambda values: values == "")
    named &= ~distinct.holds(frame["rater_id"], lambda values: values == "")
    rows = np.flatnonzero((reason == "").to_numpy() & named)
    keys, labels = distinct.key([frame["item_id"], frame["rater_id"]]), distinct.key([frame["label"]])
    earlier, same = distinct.repeats(keys[rows], labels[rows])
    if not earlier.any():
        return reason
    reason = reason.copy()
    reason.iloc[rows[earlier]] = AGAIN
    reason.iloc[rows[same]] = REPEATED
    return reason


def _notes_on_spellings(found: labels_in_files.Read, choices: Choices) -> list[str]:
    """Notes on labels that were taken for one label, and on labels that look alike and count as different."""
    notes = []
    for taken in (found.whole, found.folded):
        if taken:
            pairs = [f"{_with_count(spelling, found)} as {label!r}" for spelling, label in taken.items()]
            notes.append(f"Taken for one label: {', '.join(pairs)}.")
    for group in found.alike if not choices.keep_labels else []:
        told = ", ".join(_with_count(label, found) for label in group)
        notes.append(f"These labels look alike and count as different: {told} (--fold takes them for one).")
    return notes


def _with_count(spelling: str, found: labels_in_files.Read) -> str:
    """A label as the file writes it, with its number of answers."""
    n = found.written.get(spelling, 0)
    return f"{spelling!r} ({n:,} answer{'' if n == 1 else 's'})"


def _no_known_label(found: labels_in_files.Read, known: Sequence[str], *, file: str) -> str:
    """The error message for a file without any label of the task."""
    theirs = ", ".join(f"{name!r}" for name in list(found.unknown)[:SHOWN])
    meant = " ".join(f"--rename {unknown!r}={label!r}" for unknown, label in found.meant.items())
    return (
        f"No label in {file} is one of the task's: it has {theirs}, the task {', '.join(map(repr, known))}. Say which is which "
        f"({meant or '--rename file-label=task-label'}{', or --fold' if found.meant else ''}), or keep them as they are "
        "(--keep-labels)."
    )
