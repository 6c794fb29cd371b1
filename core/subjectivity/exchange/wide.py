"""Read ratings from tables with a row per item and a column per rater."""

from collections import Counter
from collections.abc import Mapping, Sequence

import pandas as pd

from core.errors import StudyError
from core.study.exchange import tables
from core.subjectivity.exchange import columns
from core.wording import listed

SHARED = 0.5  # least share of a rater's cells whose content another column also has
REPEATED = 2  # or the least mean number of times that a cell's content recurs (remarks do not recur)
EMPTY_CELL = "an empty cell"

_RATER, _CELL = " rater", " cell"  # no column of a table begins with a blank


def ratings(
    table: tables.Table, *, names: Mapping[str, str], raters: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, str], list[str]]:
    """Return one row per cell of a rater's column (an empty cell with a reason), our column -> column of the file, and notes.

    `raters`: the columns of raters, if they cannot be guessed. `names`: our column -> column of the file, if it cannot be
    guessed. Raises `StudyError` if a column is missing or no column is a rater's.
    """
    file_columns = table.frame.columns
    tables.need_columns(table.frame, list(raters), file=table.file)
    named = columns.matched(file_columns, ["item_id"], given=names, file=table.file)
    text = columns.text_of([name for name in file_columns if name != named["item_id"] and name not in raters])
    others = [name for name in file_columns if name not in (named["item_id"], text)]
    found = [name for name in others if name in raters] if raters else _likely(table.frame, others)
    if not found:
        raise StudyError(f"{table.file} has no column of a rater. Its columns are {listed(file_columns)}.")
    named |= {"text": text} if text else {}
    frame = table.frame.rename(columns={theirs: ours for ours, theirs in named.items()})
    kept = [ours for ours in ("item_id", "text") if ours in named]
    raters_of = frame[[*kept, *found]].melt(id_vars=kept, value_vars=found, var_name=_RATER, value_name=_CELL)
    melted = raters_of.rename(columns={_RATER: "rater_id", _CELL: "label"})
    empty = melted["label"].str.strip() == ""
    melted = melted.assign(reason=empty.map({True: EMPTY_CELL, False: ""})).astype("str")
    unused = [name for name in others if name not in found]
    origin = {"rater_id": ", ".join(found), "label": "its cells"} | (
        {"not a rater": ", ".join(unused)} if unused else {}
    )
    note = f"The columns taken for raters: {_told(table.frame, found)}. Where others are meant: --rater-column NAME for each."
    return melted, named | origin, [] if raters else [note]


def _told(frame: pd.DataFrame, raters: Sequence[str]) -> str:
    """The columns of raters, with the answer of a rater who gave the same one everywhere."""
    answers = {name: {cell.strip() for cell in frame[name]} - {""} for name in raters}
    return listed(
        f"{name} (always {next(iter(own))!r})" if len(own) == 1 and len(frame) > 1 else name
        for name, own in answers.items()
    )


def _likely(frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """The columns that are likely raters: their cells are labels that other columns also have, or that recur often.

    Columns named like remarks, links, dates or numbers computed from the answers are no raters. If no column is likely, all
    other columns are returned.
    """
    cells = {name: [cell.strip() for cell in frame[name] if cell.strip()] for name in names}
    used = Counter(value for own in cells.values() for value in set(own))
    shared = {name: sum(used[cell] > 1 for cell in own) / len(own) if own else 0.0 for name, own in cells.items()}
    named = {name for name in names if columns.is_about(name) or _is_summary(name, names)}
    likely = [
        name
        for name, own in cells.items()
        if name not in named
        and own
        and (shared[name] >= SHARED or (shared[name] > 0 and len(own) >= REPEATED * len(set(own))))
    ]
    return likely or [name for name in names if name not in named]


def _is_summary(name: str, names: Sequence[str]) -> bool:
    """Whether a column sums the answers up by its name; `n` between other single letters is a rater."""
    is_letter = len(name) == 1 and any(len(other) == 1 and other != name for other in names)
    return columns.is_summary(name) and not is_letter
