"""Tables of answers with a row per item and a column per rater."""

from collections import Counter
from collections.abc import Mapping, Sequence

import pandas as pd

from core.errors import StudyError
from core.study.exchange import tables
from core.subjectivity.exchange import columns

SHARED = 0.5  # of a rater's cells, how many hold what another column holds too
REPEATED = 2  # or how often a cell comes on average, where at least one is held elsewhere too: words of remarks do not come again
EMPTY_CELL = "an empty cell"


def ratings(
    table: tables.Table, *, names: Mapping[str, str], raters: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """One row per cell of a rater's column, an empty one with its reason, and what was taken for what.

    `raters` are the columns of raters where they cannot be guessed, `names` maps ours to the file's columns. Raises
    `StudyError` where a column is not there or none is a rater's.
    """
    there = table.frame.columns
    tables.need_columns(table.frame, list(raters), file=table.file)
    named = columns.matched(there, ["item_id"], given=names, file=table.file)
    text = columns.text_of([name for name in there if name != named["item_id"] and name not in raters])
    others = [name for name in there if name not in (named["item_id"], text)]
    found = [name for name in others if name in raters] if raters else _likely(table.frame, others)
    if not found:
        raise StudyError(f"{table.file} has no column of a rater. Its columns are {', '.join(there)}.")
    named |= {"text": text} if text else {}
    frame = table.frame.rename(columns={theirs: ours for ours, theirs in named.items()})
    kept = [ours for ours in ("item_id", "text") if ours in named]
    melted = frame.melt(id_vars=kept, value_vars=found, var_name="rater_id", value_name="label")
    empty = melted["label"].str.strip() == ""
    melted = melted.assign(reason=empty.map({True: EMPTY_CELL, False: ""})).astype("str")
    unused = [name for name in others if name not in found]
    said = {"rater_id": ", ".join(found), "label": "its cells"} | ({"not a rater": ", ".join(unused)} if unused else {})
    return melted, named | said


def _likely(frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """The columns whose cells are labels that other columns use too, or a few that come again; remarks, links and dates are none.

    With one column there is nothing to compare with, so it is taken.
    """
    cells = {name: [cell.strip() for cell in frame[name] if cell.strip()] for name in names}
    used = Counter(value for own in cells.values() for value in set(own))
    shared = {name: sum(used[cell] > 1 for cell in own) / len(own) if own else 0.0 for name, own in cells.items()}
    named = {name for name in names if columns.is_about(name)}
    likely = [
        name
        for name, own in cells.items()
        if name not in named
        and own
        and (shared[name] >= SHARED or (shared[name] > 0 and len(own) >= REPEATED * len(set(own))))
    ]
    return likely or [name for name in names if name not in named]
