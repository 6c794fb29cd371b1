"""Which answers of a file count, and as what: sets of labels, missing answers, spellings, and a rater who answered twice."""

import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from core.errors import StudyError
from core.study import labels_in_files, tables

PARTS = (",", ";", "|")
NO_SUCH = "the task has no label"
AGAIN, REPEATED = "answered again later", "repeated row"
JOINED = " + "
SHOWN = 5


@dataclass(frozen=True)
class Choices:
    """What a person decided about the answers of a file.

    `fold` takes labels that look alike for one; `keep_labels` takes every label as it is written, also one that looks missing
    and one that the task does not have. Where raters gave several labels, `whole_sets` takes each set for one label, and
    `has` asks of each set only whether it holds this label. `rename` maps a label of the file to another one.
    """

    fold: bool = False
    keep_labels: bool = False
    whole_sets: bool = False
    has: str | None = None
    rename: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Counted:
    """`frame` as given, with `label` and `reason` decided. `notes` say what was done, `alike` which labels look alike."""

    frame: pd.DataFrame
    alike: list[tuple[str, ...]]
    notes: list[str]


def decide(frame: pd.DataFrame, choices: Choices, *, known: Sequence[str], file: str) -> Counted:
    """Which rows count. `frame` has the columns item_id, rater_id, label and reason, all text.

    Raises `StudyError`, with the ways out, where raters gave several labels at once, or where no label is one of `known`.
    """
    open_rows = frame["reason"] == ""
    sets = _sets(frame["label"].where(open_rows, ""))
    cells, notes = frame["label"], []
    if sets:
        cells, said = _of_sets(cells, sets, choices, file=file, rows=int(frame.loc[open_rows, "label"].isin(sets).sum()))
        notes.append(said)
    how = labels_in_files.Choices(fold=choices.fold, keep_labels=choices.keep_labels)
    allowed = [] if choices.keep_labels or choices.has or choices.whole_sets else list(known)
    found = labels_in_files.read(cells, known=allowed, rename=choices.rename, choices=how)
    reason = frame["reason"].mask(open_rows, found.reasons)
    unknown = (reason == "") & found.labels.isin(found.unknown)
    if found.unknown and not ((reason == "") & ~unknown).any():
        raise StudyError(_strangers(found, known, file=file))
    reason = reason.mask(unknown, f"{NO_SUCH} '" + found.labels.str.slice(0, 40) + "'")
    clean = frame.assign(label=found.labels, reason=reason)
    notes += _told(found, choices)
    clean = clean.assign(reason=_once(clean))
    again = int((clean["reason"] == AGAIN).sum())
    if again:
        notes.append(f"{again} answers were given again by the same rater about the same item; the last one counts.")
    return Counted(clean, found.alike, notes)


def _once(frame: pd.DataFrame) -> "pd.Series[str]":
    """The reason of each row, where of several answers of a rater about an item the last one counts."""
    reason = frame["reason"]
    good = frame.loc[reason == "", ["item_id", "rater_id", "label"]]
    good = good[(good["item_id"] != "") & (good["rater_id"] != "")]
    earlier = good[good.duplicated(["item_id", "rater_id"], keep="last")]
    last = good.drop_duplicates(["item_id", "rater_id"], keep="last").set_index(["item_id", "rater_id"])["label"]
    same = [last[item, rater] == label for item, rater, label in earlier.itertuples(index=False, name=None)]
    return reason.mask(reason.index.isin(earlier.index), pd.Series(AGAIN, index=reason.index)).mask(
        reason.index.isin(earlier.index[same]), REPEATED
    )


def _sets(cells: "pd.Series[str]") -> dict[str, tuple[str, ...]]:
    """Cell -> the sorted labels in it, for every cell that holds several of them."""
    values = [cell for cell in cells.unique().tolist() if cell]
    found: dict[str, tuple[str, ...]] = {}
    for cell in values:
        given = tables.nested(cell.strip())
        if isinstance(given, list) and len(parts := {str(one).strip() for one in given if str(one).strip()}) > 1:
            found[cell] = tuple(sorted(parts))
    plain = [cell for cell in values if tables.nested(cell.strip()) is None]
    for mark in PARTS:
        split = {cell: tuple(sorted({part.strip() for part in cell.split(mark) if part.strip()})) for cell in plain}
        several = {cell: parts for cell, parts in split.items() if len(parts) > 1}
        uses = Counter(part for parts in split.values() for part in parts)
        if several and all(uses[part] > 1 for part in itertools.chain.from_iterable(several.values())):
            return found | several
    return found


def _of_sets(
    cells: "pd.Series[str]", sets: Mapping[str, tuple[str, ...]], choices: Choices, *, file: str, rows: int
) -> tuple["pd.Series[str]", str]:
    if choices.has is not None:
        wanted = choices.has.strip()
        one = {cell: (json.loads(cell) if cell.startswith("[") else [cell]) for cell in cells.unique().tolist() if cell}
        held = {cell: wanted in sets.get(cell, tuple(str(part).strip() for part in parts)) for cell, parts in one.items()}
        named = {cell: wanted if has else f"not {wanted}" for cell, has in held.items()}
        return cells.replace(named), f"Each answer says whether it holds {wanted!r}; other labels were not looked at."
    if choices.whole_sets:
        joined = {cell: JOINED.join(parts) for cell, parts in sets.items()}
        return cells.replace(joined), f"{rows} answers hold several labels; each set of labels counts as a label of its own."
    names = sorted({part for parts in sets.values() for part in parts})
    raise StudyError(
        f"{rows} answers of {file} hold several labels, and those of one rater are one answer, not several raters'. Look at one "
        f"label at a time (--has {names[0]}), or take each set for a label of its own (--whole-sets)."
    )


def _told(found: labels_in_files.Read, choices: Choices) -> list[str]:
    notes = []
    if found.folded:
        pairs = ", ".join(f"{one!r} as {label!r}" for one, label in found.folded.items())
        notes.append(f"Taken for one label: {pairs}.")
    for group in found.alike if not choices.keep_labels else []:
        notes.append(f"These labels look alike and count as different: {', '.join(map(repr, group))} (--fold takes them for one).")
    return notes


def _strangers(found: labels_in_files.Read, known: Sequence[str], *, file: str) -> str:
    theirs = ", ".join(f"{name!r}" for name in list(found.unknown)[:SHOWN])
    meant = " ".join(f"--rename {one!r}={label!r}" for one, label in found.meant.items())
    return (
        f"No label in {file} is one of the task's: it has {theirs}, the task {', '.join(map(repr, known))}. Say which is which "
        f"({meant or '--rename file-label=task-label'}{', or --fold' if found.meant else ''}), or keep them as they are "
        "(--keep-labels)."
    )
