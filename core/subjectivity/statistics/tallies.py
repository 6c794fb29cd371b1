"""Encode and validate comparisons: integer codes of names and raters, and tables of wins and ties.

`comparisons` is a tidy table in every function: one row per comparison, columns rater_id, left, right, winner (`left`,
`right` or `tie`); the winner has *more* of the quality asked about. A tie counts as half a win for each side.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from core.errors import StudyError
from core.subjectivity.statistics.counts import Codes, Floats

COLUMNS = ["rater_id", "left", "right", "winner"]
SHARES = {"left": 1.0, "right": 0.0, "tie": 0.5}
MOST_NAMES = 2000  # tables of names x names: 32 MB each, and some ten seconds to solve


@dataclass(frozen=True)
class Tally:
    """Comparisons as numbers, one entry per comparison.

    `names`: all compared names, sorted. `left`, `right`: index in `names`. `rater`: code of the rater, from 0. `share`:
    1 if left won, 0.5 for a tie, 0 if right won.
    """

    names: tuple[str, ...]
    rater: Codes
    left: Codes
    right: Codes
    share: Floats
    n_raters: int

    @cached_property
    def wins(self) -> Floats:
        """Table of wins, names x names: [i, j] is how often i won over j, a tie counting 0.5 for each."""
        won = self.by_pair(self.share)
        return won + (self.by_pair(np.ones(len(self.share))) - won).T

    @cached_property
    def ties(self) -> Floats:
        """Table of ties, names x names, symmetric: [i, j] is how often a comparison of i and j was a tie."""
        tied = self.by_pair((self.share == SHARES["tie"]).astype(float))
        return tied + tied.T

    def by_pair(self, weights: Floats) -> Floats:
        """Sum `weights` (one per comparison) by pair: [i, j] is the sum with i on the left and j on the right."""
        k = len(self.names)
        sums = np.bincount(self.left * k + self.right, weights=weights, minlength=k * k)
        return np.asarray(sums, dtype=float).reshape(k, k)


def tally(comparisons: pd.DataFrame) -> Tally:
    """Encode and validate comparisons. Rows without a rater_id count as the comparisons of one rater.

    Raises `StudyError` for missing columns, no rows, an unknown winner, an empty name, a name compared with itself, or
    more than `MOST_NAMES` names.
    """
    missing = [column for column in COLUMNS if column not in comparisons.columns]
    if missing:
        raise StudyError(f"Comparisons need the columns {', '.join(COLUMNS)}; {', '.join(missing)} is missing.")
    if comparisons.empty:
        raise StudyError("A ranking needs at least one comparison; there is none.")
    share = _shares(comparisons["winner"])
    sides = [_encode(comparisons[side]) for side in ("left", "right")]
    names = sorted({text for _, texts in sides for text in texts})
    index = {name: code for code, name in enumerate(names)}
    left, right = (_indices(codes, texts, index) for codes, texts in sides)
    _check(left, right, names, empty=index.get(""))
    rater, raters = pd.factorize(comparisons["rater_id"], use_na_sentinel=False)
    return Tally(tuple(names), rater, left, right, share, len(raters))


def _encode(column: "pd.Series[Any]") -> tuple[Codes, list[str]]:
    """Return a code for each row, and the text of each code ("" for a missing cell)."""
    codes, values = pd.factorize(column, use_na_sentinel=False)
    return codes, ["" if pd.isna(value) else str(value) for value in values]


def _indices(codes: Codes, texts: list[str], index: dict[str, int]) -> Codes:
    """The index in `names` for each row, from the row's code and the text of each code."""
    return np.array([index[text] for text in texts], dtype=np.intp)[codes]


def _shares(winner: "pd.Series[Any]") -> Floats:
    """`Tally.share` of each row. Raises `StudyError` for the first row with an unknown winner."""
    codes, texts = _encode(winner)
    shares = np.array([SHARES.get(text, np.nan) for text in texts])[codes]
    wrong = np.isnan(shares)
    if wrong.any():
        row = int(wrong.argmax())
        found = texts[codes[row]]
        raise StudyError(f"Row {row + 1} of the comparisons: winner must be left, right or tie; found {found!r}.")
    return shares


def _check(left: Codes, right: Codes, names: list[str], *, empty: int | None) -> None:
    """Raise `StudyError` for an empty name (of index `empty`), a name compared with itself, or too many names."""
    if empty is not None:
        row = int(((left == empty) | (right == empty)).argmax())
        raise StudyError(f"Row {row + 1} of the comparisons: left and right must both have a name.")
    same = left == right
    if same.any():
        row = int(same.argmax())
        raise StudyError(f"Row {row + 1} of the comparisons compares {names[left[row]]!r} with itself.")
    if len(names) > MOST_NAMES:
        raise StudyError(
            f"A ranking takes at most {MOST_NAMES:,} names; these comparisons have {len(names):,}. "
            "Check that left and right hold names, not texts."
        )
