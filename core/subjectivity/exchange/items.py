"""Decide which item each rating of a file is about: the id in the file, or the text if the ids do not tell the items apart."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.study.splits import equal_texts
from core.subjectivity.exchange import columns, distinct
from core.wording import counted

LONGEST_KEY = 80
MOST_REPEATED = 0.1  # share of ratings that texts may repeat for the same rater and still be the items


@dataclass(frozen=True)
class _Coded:
    """The ratings of a file that count and have a text, as codes: one entry per rating.

    `row`: position of the rating in the file's table. `text`: equal for texts that differ in case, blanks or Unicode form.
    """

    row: distinct.Codes
    item: distinct.Codes
    text: distinct.Codes
    rater: distinct.Codes


def keys(texts: "pd.Series[str]") -> "pd.Series[str]":
    """An item id for each text: the text itself, or its beginning and a digest if the text is long."""
    tidy = texts.str.strip()
    return tidy.map({text: _key(text) for text in tidy.unique().tolist()}).astype("str")


def told_apart(frame: pd.DataFrame, named: Mapping[str, str]) -> tuple[pd.DataFrame, dict[str, str], list[str]]:
    """Compare the item ids of ratings with their texts, and use the texts where the ids are no ids of items.

    `frame`: columns item_id, rater_id, text and reason; a row with a reason is not looked at. `named`: our column -> column
    of the file. Returns both with the changes, and notes. An id with several texts stands for an item per text. If no id
    has two raters and texts have, each text is an item. A column of remarks, which differ between the raters of an item,
    is no text and is taken out.
    """
    text, item = named.get("text", "text"), named.get("item_id", "item_id")
    coded = _coded(frame)
    if not len(coded.row):
        return frame, dict(named), []
    if columns.is_about(text) and _are_remarks(coded):
        note = f"The column {text} differs between the raters of an item, so it is not read as the text of the items."
        return frame.drop(columns="text"), {ours: theirs for ours, theirs in named.items() if ours != "text"}, [note]
    frame, notes = _apart_by_text(frame, coded, keep=f"--column item_id={item} keeps the ids")
    if notes:
        coded = _coded(frame)
    frame, more, is_by_text = _together_by_text(frame, coded, item=item, text=text)
    return frame, {**named, "item_id": text} if is_by_text else dict(named), [*notes, *more]


def _coded(frame: pd.DataFrame) -> _Coded:
    """The codes of the rows without a reason whose item, rater and text are not empty."""
    good = (frame["reason"] == "").to_numpy(copy=True)
    for name in ("item_id", "rater_id", "text"):
        good &= ~distinct.holds(frame[name], lambda cells: cells.str.strip() == "")
    texts = distinct.mapped(frame["text"], lambda cells: cells.map(equal_texts.text_hash).astype("str"))
    item, text, rater = (
        distinct.categorical(cells).cat.codes.to_numpy().astype(np.int64)[good]
        for cells in (frame["item_id"], texts, frame["rater_id"])
    )
    return _Coded(np.flatnonzero(good), item, text, rater)


def _are_remarks(coded: _Coded) -> bool:
    """Whether raters of the same item wrote different texts, and no text has two raters."""
    return bool(
        _with_several(coded.item, coded.rater).any()
        and _with_several(coded.item, coded.text).any()
        and not _with_several(coded.text, coded.rater).any()
        and not _with_several(_pair(coded.item, coded.rater), coded.text).any()
    )


def _apart_by_text(frame: pd.DataFrame, coded: _Coded, *, keep: str) -> tuple[pd.DataFrame, list[str]]:
    """Give each text of an id with several texts an item id of its own; also return a note. `keep`: how to keep the ids."""
    several = _with_several(coded.item, coded.text)
    if not several.any():
        return frame, []
    is_shared = _with_several(coded.text, coded.item)[several]
    rows = coded.row[several]
    ids, texts = (frame[name].iloc[rows].astype("str") for name in ("item_id", "text"))
    spelled = pd.Series(texts.to_numpy()).groupby(coded.text[several]).transform("first").astype("str")
    written = [
        _key(f"{item} · {text.strip()}" if shared else text.strip())
        for item, text, shared in zip(ids, spelled, is_shared, strict=True)
    ]
    first = coded.item[several] == coded.item[several][0]
    examples = " and ".join(repr(text[:40]) for text in pd.unique(spelled[first])[:2])
    note = (
        f"{counted(len(np.unique(coded.item[several])), 'item id')} of the file stand beside several texts ({ids.iloc[0]!r} beside "
        f"{examples}); each of these texts counts as an item of its own ({keep})."
    )
    return _replaced(frame, rows, written), [
        note.replace("1 item id of the file stand ", "1 item id of the file stands ")
    ]


def _together_by_text(
    frame: pd.DataFrame, coded: _Coded, *, item: str, text: str
) -> tuple[pd.DataFrame, list[str], bool]:
    """Take each text for an item if only the texts have several raters; also return a note and whether the texts are items.

    `item` and `text` are the columns of the file.
    """
    several = _with_several(coded.text, coded.item)
    n_texts = len(np.unique(coded.text[several]))
    if not n_texts or len(np.unique(coded.text)) == 1:
        return frame, [], False
    repeated = 1 - len(np.unique(_pair(coded.text, coded.rater))) / len(coded.row)
    rated_twice = _with_several(coded.text, coded.rater)
    if _with_several(coded.item, coded.rater).any() or not rated_twice.any() or repeated > MOST_REPEATED:
        stand = "texts stand" if n_texts > 1 else "text stands"
        note = f"{n_texts:,} {stand} under several item ids, which count as different items"
        return frame, [f"{note} (--column item_id={text} takes each text for one item)."], False
    spelled = pd.Series(frame["text"].iloc[coded.row].astype("str").to_numpy()).groupby(coded.text).transform("first")
    n = len(np.unique(coded.text[rated_twice]))
    note = (
        f"No {item} has two raters, and {counted(n, 'text')} {'have' if n > 1 else 'has'}: each text counts as an item "
        f"(--column item_id={item} keeps the ids)."
    )
    return _replaced(frame, coded.row, [_key(one.strip()) for one in spelled]), [note], True


def _replaced(frame: pd.DataFrame, rows: distinct.Codes, item_ids: list[str]) -> pd.DataFrame:
    """The same table with other item ids in the chosen rows."""
    ids = frame["item_id"].astype("str").to_numpy(dtype=object)
    ids[rows] = item_ids
    return frame.assign(item_id=distinct.categorical(pd.Series(ids, index=frame.index, dtype="str")))


def _with_several(keys_of: distinct.Codes, values: distinct.Codes) -> distinct.Flags:
    """Whether the key of each rating stands beside two different values or more."""
    _, key = np.unique(keys_of, return_inverse=True)
    pairs = np.unique(_pair(key, values), return_index=True)[1]
    return np.asarray(np.bincount(key[pairs], minlength=int(key.max(initial=0)) + 1)[key] >= 2)


def _pair(first: distinct.Codes, second: distinct.Codes) -> distinct.Codes:
    """A number for each rating that is equal for two ratings exactly if both codes are equal."""
    return np.asarray(first * (int(second.max(initial=0)) + 1) + second)


def _key(text: str) -> str:
    return (
        text if len(text) <= LONGEST_KEY else f"{text[:LONGEST_KEY]}… {hashlib.sha256(text.encode()).hexdigest()[:12]}"
    )
