"""Who won a comparison, however a file writes it: a side, a name, A and B, 1 and 2, or a column of 0 and 1 for each."""

import dataclasses
from collections.abc import Mapping

import pandas as pd

from core.errors import StudyError
from core.study.exchange import labels_in_files, tables

SIDES = ("left", "right", "tie")
TRUE = {"true", "yes", "1"}
TIE = ("tie", "draw", "equal", "same", "both", "neither", "even", "no preference", "no difference", "both good", "both bad",
       "bothbad", "tie (bothbad)", "tie (both bad)", "tie(bothbad)")  # fmt: skip
AGAIN, REPEATED = "answered again later", "repeated row"


def same_names(frame: pd.DataFrame, *, fold: bool) -> tuple[pd.DataFrame, list[str]]:
    """The same comparisons, with names that look alike taken for one on request; and what is to be said about them."""
    sides = ["left", "right"]
    names = pd.concat([frame[side] for side in sides], ignore_index=True)
    choices = labels_in_files.Choices(fold=fold, keep_labels=True)
    found = labels_in_files.read(names, known=(), rename={}, choices=choices)
    if found.folded:
        changed = frame.assign(**{side: frame[side].replace(found.folded) for side in [*sides, "winner"]})
        pairs = ", ".join(f"{one!r} as {name!r}" for one, name in found.folded.items())
        return changed, [f"Taken for one name: {pairs}."]
    groups = [", ".join(map(repr, group)) for group in found.alike]
    return frame, [
        f"These names look alike and count as different: {names} (--fold takes them for one)." for names in groups
    ]


def one_column(table: tables.Table) -> tables.Table:
    """A table whose winner stands in columns of 0 and 1, such as winner_model_a, gets one column `winner`."""
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


def once(clean: pd.DataFrame, about: pd.DataFrame | None = None) -> tuple[pd.DataFrame, list[str]]:
    """Of several answers of a rater about the same pair the last one counts, whichever side stood where.

    `about` are the cells, row by row, that may say that two such answers were about different things; then both count.
    """
    good = clean[(clean["reason"] == "") & (clean[["left", "right", "winner", "rater_id"]] != "").all(axis=1)]
    left, right = good["left"], good["right"]
    chosen = left.where(good["winner"] == "left", right).where(good["winner"] != "tie", "tie")
    in_order = left < right
    pair = {"rater": good["rater_id"], "one": left.where(in_order, right), "other": right.where(in_order, left)}
    things = {} if about is None else {f"about {name}": about.loc[good.index, name] for name in about.columns}
    answers = pd.DataFrame(pair | things | {"chosen": chosen})
    keys = [*pair, *things]
    earlier = answers.duplicated(keys, keep="last")
    last = answers[answers.duplicated(keys, keep=False)].groupby(keys, sort=False)["chosen"].transform("last")
    same = last[earlier[last.index]] == answers.loc[earlier, "chosen"]
    reason = clean["reason"].copy()
    reason.loc[same.index] = same.map({True: REPEATED, False: AGAIN})
    notes = []
    if n := int(earlier.sum()):
        notes.append(f"{n:,} comparisons were made again by the same rater between the same two; the last one counts.")
    if n := int(answers.duplicated(list(pair)).sum() - earlier.sum()):
        notes.append(
            f"{n:,} comparisons between the same two by the same rater differ in other columns ({_names(about)}); all count."
        )
    return clean.assign(reason=reason), notes


def _names(about: pd.DataFrame | None) -> str:
    return "" if about is None else ", ".join(about.columns)


def decided(
    found: pd.DataFrame, named: dict[str, str], *, rename: Mapping[str, str] | None = None, file: str = "The file"
) -> pd.DataFrame:
    """The winner as left, right or tie; a winner that is none of the two gets a reason. `rename` says what a word means.

    Raises `StudyError` where all winners are 0 and 1, which do not say which side they mean.
    """
    clean = found.assign(winner=found["winner"].replace(dict(rename or {})))
    _check_zeros(clean, file=file)
    sides = {named.get(side, side).casefold(): side for side in ("left", "right")} | {"left": "left", "right": "right"}
    words = {**sides, **dict.fromkeys(TIE, "tie"), **_short_words(clean)}
    rows = clean[["left", "right", "winner"]]
    group = rows.groupby(["left", "right", "winner"], sort=False).ngroup().to_numpy()
    own = named.get("winner") == "winner"
    each = [_winner(*row, words=words, own=own) for row in rows.drop_duplicates().itertuples(index=False, name=None)]
    decided = pd.Series(each, dtype="str").take(group).set_axis(clean.index)
    unknown = (decided == "") & (clean["winner"] != "") & (clean["reason"] == "")
    reason = clean["reason"].mask(unknown, "unknown winner '" + clean["winner"].str.slice(0, 40) + "'")
    alone = (clean["left"] == clean["right"]) & (clean["left"] != "") & (reason == "")
    return clean.assign(winner=decided, reason=reason.mask(alone, "something compared with itself"))


def zeros(table: tables.Table, column: str | None = None) -> list[str]:
    """The winners of a table where all of them are 0 and 1, which say no side; empty otherwise."""
    name = column or next((name for name in table.frame.columns if name.casefold() == "winner"), None)
    found = {cell.strip() for cell in table.frame[name]} - {"", *TIE} if name in table.frame.columns else set()
    return sorted(found) if found and found <= {"0", "1"} else []


def _check_zeros(clean: pd.DataFrame, *, file: str) -> None:
    winners = set(clean["winner"].unique().tolist()) - {"", *TIE, "left", "right"}
    things = {value for side in ("left", "right") for value in clean[side].unique().tolist()}
    if winners and winners <= {"0", "1"} and not winners & things:
        shown = " and ".join(sorted(winners))
        raise StudyError(
            f"The winners in {file} are {shown}, which do not say which side they mean. Say it: --rename 0=left --rename 1=right, or the "
            "other way round; a tie is --rename 0=tie."
        )


def _short_words(clean: pd.DataFrame) -> dict[str, str]:
    """What A and B, or 1 and 2, mean as winners where every winner is written so and nothing compared has such a name."""
    winners = {value.casefold() for value in clean["winner"].unique().tolist() if value} - {*TIE, "0"}
    things = {value.casefold() for side in ("left", "right") for value in clean[side].unique().tolist()}
    for first, second in (("a", "b"), ("1", "2")):
        if winners and winners <= {first, second} and not things & {first, second}:
            return {first: "left", second: "right", "0": "tie"}
    return {}


def _winner(left: str, right: str, winner: str, *, words: dict[str, str], own: bool) -> str:
    """In our own column `winner` a word comes first, in crowd-kit's `label` the name of what won."""
    by_word = words.get(winner.casefold(), "")
    by_name = "left" if winner == left else "right" if winner == right else ""
    return (by_word or by_name) if own else (by_name or by_word)
