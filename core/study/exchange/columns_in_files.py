"""Find the columns of a file that hold text, label and split by their usual names, and read the split and weight of each row."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from core.errors import StudyError
from core.study.rows.kinds import Split
from core.wording import counted

TEXT_NAMES = (
    "text", "sentence", "content", "tweet", "review", "headline", "message", "body", "document", "comment", "post",
    "utterance", "question", "sms", "title", "text_a",
)  # fmt: skip
LABEL_NAMES = (
    "label", "labels", "intended_label", "class", "category", "sentiment", "verdict", "gold", "gold_label", "target",
    "label_text", "answer", "y",
)  # fmt: skip
SPLIT_COLUMNS = ("split", "set", "subset", "partition", "part", "fold", "data_split", "dataset_split")
SPLIT_NAMES = {
    "train": Split.TRAIN,
    "training": Split.TRAIN,
    "trn": Split.TRAIN,
    "validation": Split.VALIDATION,
    "valid": Split.VALIDATION,
    "val": Split.VALIDATION,
    "dev": Split.VALIDATION,
    "development": Split.VALIDATION,
    "test": Split.TEST,
    "testing": Split.TEST,
    "tst": Split.TEST,
    "eval": Split.TEST,
    "evaluation": Split.TEST,
    "holdout": Split.TEST,
    "pool": Split.POOL,
}
WEIGHT = "weight"  # the column with the weight of each text
DRAW = "draw"  # in place of a split: draw the split of every row, whatever the file says
SHARES = ((0.70, Split.TRAIN), (0.75, Split.VALIDATION), (1.0, Split.TEST))


def likely(columns: Iterable[str], names: Sequence[str]) -> str | None:
    """The first column with one of these names, in any case, the names in order of preference; None if no column fits."""
    by_name = {column.casefold(): column for column in reversed(list(columns))}
    return next((by_name[name] for name in names if name in by_name), None)


def is_split(name: str) -> bool:
    """Whether a word is a usual name of a split, in any case."""
    return name.strip().lower() in SPLIT_NAMES


def split_column(frame: pd.DataFrame) -> str | None:
    """The column that holds the split of each row: `split`, or another usual name if all its cells are names of splits.

    None if there is no such column.
    """
    if "split" in frame.columns:
        return "split"
    column = likely(frame.columns, SPLIT_COLUMNS)
    return column if column is not None and not unknown_splits(frame[column]) else None


def weights(frame: pd.DataFrame, *, others: Sequence[str | None]) -> tuple[list[float | None], str]:
    """The weight of each row, None for an empty cell, and a sentence on the column; no weight and "" without a column `weight`.

    The column is not used if it is one of the `others`, or if a cell holds anything but a number above 0: the sentence says so.
    """
    if WEIGHT not in frame.columns or WEIGHT in others:
        return [None] * len(frame), ""
    cells = frame[WEIGHT].astype(str).str.strip()
    numbers = pd.to_numeric(cells, errors="coerce")
    is_weight = np.isfinite(numbers) & (numbers > 0)
    strange = list(dict.fromkeys(cells[~is_weight & (cells != "")]))
    if strange:
        told = ", ".join(map(repr, strange[:3]))
        said = f"Column {WEIGHT!r} holds cells that are no number above 0 ({told}), so the column was not used."
        return [None] * len(frame), said
    found = [float(number) if known else None for number, known in zip(numbers, is_weight, strict=True)]
    rows = f"{int(is_weight.sum()):,} of {counted(len(frame), 'row')}"
    said = f"Column {WEIGHT!r} gives {rows} a weight, for trainings with sample_weights: column."
    return found, said if is_weight.any() else ""


def unknown_splits(cells: "pd.Series[str]") -> list[str]:
    """The distinct cells of a column that are not usual names of splits."""
    return [value for value in cells.unique().tolist() if not is_split(value)]


def splits(
    frame: pd.DataFrame, hashes: "pd.Series[str]", forced: str | None, column: str | None, *, real: bool
) -> list[str]:
    """The split of each row: `forced` if it is given, else the cell of `column` if it is given, else a default.

    An unknown name in the column becomes "?" and the name. By default, and with `DRAW` as `forced`, real texts are divided
    at random by their digest (see `SHARES`), and all other texts go into the training split. Raises `StudyError` if
    `forced` is not a split.
    """
    if forced == DRAW:
        column = None
    elif forced is not None:
        if not is_split(forced):
            raise StudyError(f"There is no split {forced!r}. Use one of {', '.join(SPLIT_NAMES)}, or {DRAW}.")
        return [SPLIT_NAMES[forced.strip().lower()]] * len(frame)
    if column is not None:
        return [SPLIT_NAMES.get(name.strip().lower(), f"?{name}") for name in frame[column]]
    return [_drawn(digest) for digest in hashes] if real else [Split.TRAIN] * len(frame)


def _drawn(digest: str) -> Split:
    """A split drawn with 70 % train, 5 % validation, 25 % test; the same digest always gives the same split."""
    share = int(digest[:8], 16) / 0x1_0000_0000
    return next(split for limit, split in SHARES if share < limit)
