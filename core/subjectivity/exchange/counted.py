"""Which answers of a file count, and as what: sets of labels, missing answers, spellings, and a rater who answered twice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from core.errors import StudyError
from core.study.exchange import labels_in_files
from core.subjectivity.exchange import pseudonyms, sets

NO_SUCH = "the task has no label"
AGAIN, REPEATED = "answered again later", "repeated row"
SHOWN = 5


@dataclass(frozen=True)
class Choices:
    """What a person decided about the answers of a file.

    `fold` takes labels that look alike for one; `keep_labels` takes every label as it is written, also one that looks missing
    and one that the task does not have. Where raters gave several labels, `whole_sets` takes each set for one label, `as_sets`
    keeps them as sets (for `Level.SETS`), and `has` asks of each set only whether it holds this label. `rename` maps a label of
    the file to another one. Raters whose names look alike are folded with the labels.
    """

    fold: bool = False
    keep_labels: bool = False
    whole_sets: bool = False
    as_sets: bool = False
    has: str | None = None
    rename: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Counted:
    """`frame` as given, with `label` and `reason` decided. `notes` say what was done, `alike` which labels look alike.

    `several` counts the answers that hold several labels at once.
    """

    frame: pd.DataFrame
    alike: list[tuple[str, ...]]
    notes: list[str]
    several: int = 0


def decide(frame: pd.DataFrame, choices: Choices, *, known: Sequence[str], file: str) -> Counted:
    """Which rows count. `frame` has the columns item_id, rater_id, label and reason, all text.

    Raises `StudyError`, with the ways out, where raters gave several labels at once, or where no label is one of `known`.
    """
    open_rows = frame["reason"] == ""
    cells, several, notes = _single(frame["label"].where(open_rows, ""), choices, known=known, file=file)
    how = labels_in_files.Choices(
        fold=choices.fold, keep_labels=choices.keep_labels, missing=sets.NO_ANSWER - _lower(known)
    )
    any_label = choices.keep_labels or choices.has or choices.whole_sets or choices.as_sets
    found = labels_in_files.read(cells, known=[] if any_label else list(known), rename=choices.rename, choices=how)
    reason = frame["reason"].mask(open_rows, found.reasons)
    unknown = (reason == "") & found.labels.isin(found.unknown)
    if found.unknown and not ((reason == "") & ~unknown).any():
        raise StudyError(_strangers(found, known, file=file))
    reason = reason.mask(unknown, f"{NO_SUCH} '" + found.labels.str.slice(0, 40) + "'")
    raters, said = _raters(frame["rater_id"], fold=choices.fold)
    clean = frame.assign(label=found.labels, reason=reason, rater_id=raters)
    notes += [*_told(found, choices), *said]
    clean = clean.assign(reason=_once(clean))
    again = int((clean["reason"] == AGAIN).sum())
    if again:
        notes.append(f"{again:,} answers were given again by the same rater about the same item; the last one counts.")
    return Counted(clean, found.alike, notes, several)


def _lower(names: Sequence[str]) -> set[str]:
    return {name.casefold() for name in names}


def _single(
    cells: "pd.Series[str]", choices: Choices, *, known: Sequence[str], file: str
) -> tuple["pd.Series[str]", int, list[str]]:
    """The cells with one label each, how many held several, and what is to be said about that."""
    asked = choices.whole_sets or choices.has is not None
    found, guess = sets.found_in(cells, asked=asked, known=[] if asked else known)
    rows = int(cells.isin(found).sum())
    notes = [guess] if guess else []
    if choices.has is not None:
        cells, said = sets.holding(cells, found, choices.has.strip())
    elif not found:
        return cells, 0, notes
    elif choices.whole_sets or choices.as_sets:
        cells, said = sets.taken_whole(cells, found, rows=rows)
    else:
        raise sets.refused(found, file=file, rows=rows)
    return cells, rows, [*notes, *([] if choices.as_sets else [said])]


def _raters(names: "pd.Series[str]", *, fold: bool) -> tuple["pd.Series[str]", list[str]]:
    """The raters' names, those that look alike taken for one on request, and what is to be said of them; never a personal name."""
    how = labels_in_files.Choices(fold=fold, keep_labels=True)
    plain = names.where(~names.str.startswith(("[", "{", "(")), "")
    found = labels_in_files.read(plain, known=(), rename={}, choices=how)
    if found.folded:
        pairs = [f"{one!r} as {name!r}" for one, name in found.folded.items() if not pseudonyms.is_personal(one)]
        return names.replace(found.folded), [f"Taken for one rater: {', '.join(pairs)}."] if pairs else []
    groups = [group for group in found.alike if not any(map(pseudonyms.is_personal, group))]
    return names, [
        f"These raters look alike and count as different: {', '.join(map(repr, group))} (--fold takes them for one)."
        for group in groups
    ]


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


def _told(found: labels_in_files.Read, choices: Choices) -> list[str]:
    notes = []
    if found.folded:
        pairs = ", ".join(f"{one!r} as {label!r}" for one, label in found.folded.items())
        notes.append(f"Taken for one label: {pairs}.")
    for group in found.alike if not choices.keep_labels else []:
        notes.append(
            f"These labels look alike and count as different: {', '.join(map(repr, group))} (--fold takes them for one)."
        )
    return notes


def _strangers(found: labels_in_files.Read, known: Sequence[str], *, file: str) -> str:
    theirs = ", ".join(f"{name!r}" for name in list(found.unknown)[:SHOWN])
    meant = " ".join(f"--rename {one!r}={label!r}" for one, label in found.meant.items())
    return (
        f"No label in {file} is one of the task's: it has {theirs}, the task {', '.join(map(repr, known))}. Say which is which "
        f"({meant or '--rename file-label=task-label'}{', or --fold' if found.meant else ''}), or keep them as they are "
        "(--keep-labels)."
    )
