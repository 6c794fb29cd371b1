"""Who won a comparison, however a file writes it: a side, a name, A and B, 1 and 2, or a column of 0 and 1 for each."""

import dataclasses

import pandas as pd

from core.study import labels_in_files, tables

TRUE = {"true", "yes", "1"}
TIE = ("tie", "draw", "equal", "same")


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
    return frame, [f"These names look alike and count as different: {names} (--fold takes them for one)." for names in groups]


def one_column(table: tables.Table) -> tables.Table:
    """A table whose winner stands in columns of 0 and 1, such as winner_model_a, gets one column `winner`."""
    flags = {name: name.split("_", 1)[1] for name in table.frame.columns if name.casefold().startswith("winner_")}
    if len(flags) < 2 or "winner" in table.frame.columns:
        return table
    cells = [table.frame[name].str.strip().str.casefold().isin({*TRUE, "1.0"}) for name in flags]
    chosen = pd.DataFrame(dict(zip(flags.values(), cells, strict=True)))
    winner = [sides[0] if len(sides := [str(name) for name in chosen.columns[row]]) == 1 else "" for row in chosen.to_numpy()]
    frame = table.frame.drop(columns=list(flags)).assign(winner=winner)
    return dataclasses.replace(table, frame=frame)


def decided(found: pd.DataFrame, named: dict[str, str]) -> pd.DataFrame:
    """The winner as left, right or tie; a winner that is none of the two gets a reason."""
    clean = found
    sides = {named.get(side, side).casefold(): side for side in ("left", "right")} | {"left": "left", "right": "right"}
    words = {**sides, **dict.fromkeys(TIE, "tie"), **_short_words(clean)}
    winners = [
        _winner(*row, words=words, own=named.get("winner") == "winner")
        for row in clean[["left", "right", "winner"]].itertuples(index=False, name=None)
    ]
    decided = pd.Series(winners, index=clean.index, dtype="str")
    unknown = (decided == "") & (clean["winner"] != "") & (clean["reason"] == "")
    reason = clean["reason"].mask(unknown, "unknown winner '" + clean["winner"].str.slice(0, 40) + "'")
    alone = (clean["left"] == clean["right"]) & (clean["left"] != "") & (reason == "")
    return clean.assign(winner=decided, reason=reason.mask(alone, "something compared with itself"))


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
