"""Comparisons read once into numbers, and refused with the row that cannot be read.

`comparisons` is tidy everywhere: one row per answer, columns rater_id, left, right, winner (`left`, `right` or `tie`);
the winner has *more* of what was asked. A tie counts as half a win for each side.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.errors import StudyError

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

COLUMNS = ["rater_id", "left", "right", "winner"]
SHARES = {"left": 1.0, "right": 0.0, "tie": 0.5}
MOST_NAMES = 2000  # tables of names x names: 32 MB each, and some ten seconds to solve


@dataclass(frozen=True)
class Tally:
    """Comparisons as numbers, one place per answer. `left`, `right`: places in `names` (sorted); `rater`: from 0;
    `share`: what left won of it (1, 0.5 or 0)."""

    names: tuple[str, ...]
    rater: Codes
    left: Codes
    right: Codes
    share: Floats
    n_raters: int

    @cached_property
    def wins(self) -> Floats:
        """names x names: [i, j] is how often i was put over j; a tie is half a win for each."""
        won = self.by_pair(self.share)
        return won + (self.by_pair(np.ones(len(self.share))) - won).T

    @cached_property
    def ties(self) -> Floats:
        """names x names, symmetric: how often i and j were called equal."""
        tied = self.by_pair((self.share == SHARES["tie"]).astype(float))
        return tied + tied.T

    def by_pair(self, weights: Floats) -> Floats:
        """names x names: the sum of `weights` (one per answer) with i on the left and j on the right."""
        k = len(self.names)
        sums = np.bincount(self.left * k + self.right, weights=weights, minlength=k * k)
        return np.asarray(sums, dtype=float).reshape(k, k)


def tally(comparisons: pd.DataFrame) -> Tally:
    """Names sorted as text; a missing rater_id is one rater without a name.

    Raises `StudyError` for missing columns, no rows, an unknown winner, an empty name, a name compared with itself, or
    more than `MOST_NAMES` names.
    """
    missing = [column for column in COLUMNS if column not in comparisons.columns]
    if missing:
        raise StudyError(f"Comparisons need the columns {', '.join(COLUMNS)}; {', '.join(missing)} is missing.")
    if comparisons.empty:
        raise StudyError("A ranking needs at least one comparison; there is none.")
    share = _shares(comparisons["winner"])
    sides = [_coded(comparisons[side]) for side in ("left", "right")]
    names = sorted({text for _, texts in sides for text in texts})
    place = {name: code for code, name in enumerate(names)}
    left, right = (_placed(codes, texts, place) for codes, texts in sides)
    _check(left, right, names, empty=place.get(""))
    rater, raters = pd.factorize(comparisons["rater_id"], use_na_sentinel=False)
    return Tally(tuple(names), rater, left, right, share, len(raters))


def _coded(column: "pd.Series[Any]") -> tuple[Codes, list[str]]:
    """A code per row, and the text of every code; what is missing is an empty text."""
    codes, values = pd.factorize(column, use_na_sentinel=False)
    return codes, ["" if pd.isna(value) else str(value) for value in values]


def _placed(codes: Codes, texts: list[str], place: dict[str, int]) -> Codes:
    return np.array([place[text] for text in texts], dtype=np.intp)[codes]


def _shares(winner: "pd.Series[Any]") -> Floats:
    codes, texts = _coded(winner)
    shares = np.array([SHARES.get(text, np.nan) for text in texts])[codes]
    wrong = np.isnan(shares)
    if wrong.any():
        row = int(wrong.argmax())
        found = texts[codes[row]]
        raise StudyError(f"Row {row + 1} of the comparisons: winner must be left, right or tie; found {found!r}.")
    return shares


def _check(left: Codes, right: Codes, names: list[str], *, empty: int | None) -> None:
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
