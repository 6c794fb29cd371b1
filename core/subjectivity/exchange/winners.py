"""Read the winner of a comparison from a file: a side, a name, A and B, 1 and 2, or columns of 0 and 1."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from core.errors import StudyError
from core.study.exchange import labels_in_files, tables
from core.subjectivity.exchange import distinct

SIDES = ("left", "right", "tie")
MEANINGS = ("", *SIDES)  # "": a winner that names no side
TRUE = {"true", "yes", "1"}
TIE = ("tie", "draw", "equal", "same", "both", "neither", "even", "no preference", "no difference", "both good", "both bad",
       "bothbad", "tie (bothbad)", "tie (both bad)", "tie(bothbad)")  # fmt: skip
AGAIN, REPEATED = "answered again later", "repeated row"


def same_names(frame: pd.DataFrame, *, fold: bool) -> tuple[pd.DataFrame, list[str]]:
    """Merge compared names that look alike, if `fold`; also return notes on names that look alike."""
    names = pd.concat(distinct.shared(frame["left"], frame["right"]), ignore_index=True)
    choices = labels_in_files.Choices(fold=fold, keep_labels=True)
    found = labels_in_files.read(names, known=(), rename={}, choices=choices)
    if found.folded:
        changed = {column: distinct.mapped(frame[column], found.folded) for column in ("left", "right", "winner")}
        return frame.assign(**changed), [f"Taken for one name: {labels_in_files.pairs(found.folded)}."]
    groups = [", ".join(map(repr, group)) for group in found.alike]
    return frame, [
        f"These names look alike and count as different: {names} (--fold takes them for one)." for names in groups
    ]


def one_column(table: tables.Table) -> tables.Table:
    """Combine columns of 0 and 1 that name the winner, such as winner_model_a, to a column `winner`."""
    flags = {name: name.split("_", 1)[1] for name in table.frame.columns if name.casefold().startswith("winner_")}
    if len(flags) < 2 or "winner" in table.frame.columns:
        return table
    cells = [table.frame[name].str.strip().str.casefold().isin({*TRUE, "1.0"}) for name in flags]
    chosen = pd.DataFrame(dict(zip(flags.values(), cells, strict=True)))
    winner = [
        sides[0] if len(sides := [str(name) for name in chosen.columns[row]]) == 1 else "" for row in chosen.to_numpy()
    ]
    frame = table.frame.drop(columns=list(flags)).assign(winner=winner)
    return dataclasses.replace(table, frame=frame)


def without_repeats(clean: pd.DataFrame, about: pd.DataFrame | None = None) -> tuple[pd.DataFrame, list[str]]:
    """Give a reason to every comparison that the same rater made again later, on whichever sides the two names stood.

    Comparisons that differ in a column of `about` (one row for each row of `clean`) were about different things; all of
    them count. Also returns notes with the numbers of repeated comparisons.
    """
    good = (clean["reason"] == "").to_numpy(copy=True)
    for column in ("left", "right", "winner", "rater_id"):
        good &= ~distinct.holds(clean[column], lambda values: values == "")
    rows = np.flatnonzero(good)
    left, right = (side.cat.codes.to_numpy() for side in distinct.shared(clean["left"], clean["right"]))
    is_left = distinct.holds(clean["winner"], lambda values: values == "left")
    is_tie = distinct.holds(clean["winner"], lambda values: values == "tie")
    chosen = np.where(is_tie, -1, np.where(is_left, left, right))[rows]
    first, second = (pd.Series(side[rows]) for side in (np.minimum(left, right), np.maximum(left, right)))
    rater = clean["rater_id"].iloc[rows]
    pair = distinct.key([rater, first, second])
    things = [] if about is None else [about[name].iloc[rows] for name in about.columns]
    earlier, same = distinct.repeats(distinct.key([pd.Series(pair), *things]) if things else pair, chosen)
    notes = []
    if n := int(earlier.sum()):
        reason = clean["reason"].copy()
        reason.iloc[rows[earlier]] = AGAIN
        reason.iloc[rows[same]] = REPEATED
        clean = clean.assign(reason=reason)
        notes.append(f"{n:,} comparisons were made again by the same rater between the same two; the last one counts.")
    if things and (n := int(pd.Series(pair).duplicated().sum() - earlier.sum())):
        differing = "" if about is None else ", ".join(about.columns)
        notes.append(
            f"{n:,} comparisons between the same two by the same rater differ in other columns ({differing}); all count."
        )
    return clean, notes


def decided(
    found: pd.DataFrame, named: dict[str, str], *, rename: Mapping[str, str] | None = None, file: str = "The file"
) -> pd.DataFrame:
    """Translate every winner to left, right or tie; an unknown winner and a name compared with itself get a reason.

    `named`: our column -> column of the file. `rename`: word in the file -> its meaning. Raises `StudyError` if all
    winners are 0 and 1, because these do not say which side won.
    """
    clean = found.assign(winner=distinct.mapped(found["winner"], rename or {}))
    _check_zeros(clean, file=file)
    sides = {named.get(side, side).casefold(): side for side in ("left", "right")} | {"left": "left", "right": "right"}
    words = {**sides, **dict.fromkeys(TIE, "tie"), **_short_words(clean)}
    winner = _sides(clean, words, own=named.get("winner") == "winner")
    reason = clean["reason"]
    unknown = (winner == "") & (clean["winner"] != "") & (reason == "")
    if unknown.any():
        reason = reason.mask(unknown, "unknown winner '" + clean["winner"].astype("str").str.slice(0, 40) + "'")
    left, right = distinct.shared(clean["left"], clean["right"])
    alone = left == right
    if alone.any():
        reason = reason.mask(alone & (clean["left"] != "") & (reason == ""), "something compared with itself")
    return clean.assign(winner=winner, reason=reason)


def zeros(table: tables.Table, column: str | None = None) -> list[str]:
    """The winners of a table if all of them are 0 and 1, which do not say a side; otherwise an empty list."""
    name = column or next((name for name in table.frame.columns if name.casefold() == "winner"), None)
    found = {cell.strip() for cell in table.frame[name]} - {"", *TIE} if name in table.frame.columns else set()
    return sorted(found) if found and found <= {"0", "1"} else []


def _check_zeros(clean: pd.DataFrame, *, file: str) -> None:
    """Raise `StudyError`, with the options to choose from, if all winners are 0 and 1 and no compared name is."""
    winners = set(distinct.values(clean["winner"])) - {"", *TIE, "left", "right"}
    names = {value for side in ("left", "right") for value in distinct.values(clean[side])}
    if winners and winners <= {"0", "1"} and not winners & names:
        shown = " and ".join(sorted(winners))
        raise StudyError(
            f"The winners in {file} are {shown}, which do not say which side they mean. Say it: --rename 0=left --rename 1=right, or the "
            "other way round; a tie is --rename 0=tie."
        )


def _short_words(clean: pd.DataFrame) -> dict[str, str]:
    """The sides that A and B, or 1 and 2, stand for, if all winners are so written and no compared name is; else {}."""
    winners = {value.casefold() for value in distinct.values(clean["winner"]) if value} - {*TIE, "0"}
    names = {value.casefold() for side in ("left", "right") for value in distinct.values(clean[side])}
    for first, second in (("a", "b"), ("1", "2")):
        if winners and winners <= {first, second} and not names & {first, second}:
            return {first: "left", second: "right", "0": "tie"}
    return {}


def _sides(clean: pd.DataFrame, words: Mapping[str, str], *, own: bool) -> "pd.Series[Any]":
    """The side that won in each row, "" if unknown: in our column `winner` by word, then by name; in others by name first.

    In crowd-kit's column `label` the winner is a name.
    """
    words_of = distinct.categorical(clean["winner"])
    meant = [MEANINGS.index(words.get(written.casefold(), "")) for written in words_of.cat.categories]
    word = np.array([*meant, 0])[words_of.cat.codes.to_numpy()]
    is_left, is_right = (_equal(clean["winner"], clean[side]) for side in ("left", "right"))
    name = np.select([is_left, is_right], [MEANINGS.index("left"), MEANINGS.index("right")], 0)
    first, second = (word, name) if own else (name, word)
    codes, used = pd.factorize(np.where(first > 0, first, second))
    meanings = pd.Index([MEANINGS[code] for code in used], dtype="str")
    return pd.Series(pd.Categorical.from_codes(codes, meanings), index=clean.index)


def _equal(first: "pd.Series[Any]", second: "pd.Series[Any]") -> distinct.Flags:
    """Whether two columns have the same cell, for each row."""
    one, other = distinct.shared(first, second)
    return np.asarray(one.cat.codes.to_numpy() == other.cat.codes.to_numpy())
