"""Coverage of the 95 % intervals of Bradley-Terry strengths in simulated studies, and a warning where it is off.

Coverage is the share of intervals that contain the true strength. Measured by `python -m benchmarks.coverage_ranking`:
1,000 studies for each of four kinds of raters (with the same or with individual strengths; without ties or with one
comparison in five a tie). Every rater answered the same number of pairs; if a few of twelve raters gave most of the
answers, coverage was 93 %.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

LOWEST, HIGHEST = 93.0, 97.0  # percent: outside this range, coverage deserves a warning


class Cell(NamedTuple):
    """The lowest and the highest coverage in percent over the kinds of raters, for studies of one size.

    `n_names`: names compared. `n`: comparisons.
    """

    n_names: int
    n_raters: int
    n: int
    low: float
    high: float


MEASURED = (
    Cell(2, 2, 2, 100.0, 100.0), Cell(2, 3, 3, 100.0, 100.0), Cell(2, 5, 5, 99.8, 100.0), Cell(2, 12, 12, 96.8, 98.9),
    Cell(2, 30, 30, 94.8, 97.8), Cell(3, 2, 4, 99.5, 100.0), Cell(3, 2, 6, 98.1, 99.3), Cell(3, 3, 6, 99.3, 100.0),
    Cell(3, 3, 9, 99.0, 99.6), Cell(3, 5, 10, 98.7, 99.0), Cell(3, 5, 15, 97.9, 99.8), Cell(3, 12, 24, 96.9, 98.2),
    Cell(3, 12, 36, 96.5, 98.0), Cell(3, 30, 60, 94.9, 95.8), Cell(3, 30, 90, 95.8, 96.6), Cell(4, 2, 6, 96.4, 99.1),
    Cell(4, 2, 12, 94.7, 96.4), Cell(4, 3, 9, 97.0, 98.7), Cell(4, 3, 18, 95.1, 96.5), Cell(4, 5, 15, 97.6, 98.5),
    Cell(4, 5, 30, 95.6, 96.9), Cell(4, 12, 36, 96.3, 97.5), Cell(4, 12, 72, 96.0, 96.2), Cell(4, 30, 90, 95.2, 96.2),
    Cell(4, 30, 180, 94.7, 95.2), Cell(10, 2, 20, 95.1, 95.3), Cell(10, 2, 90, 93.7, 95.3),
    Cell(10, 3, 30, 94.4, 97.0), Cell(10, 3, 135, 95.0, 95.8), Cell(10, 5, 50, 94.5, 96.0),
    Cell(10, 5, 225, 95.2, 96.0), Cell(10, 12, 120, 94.7, 95.9), Cell(10, 12, 540, 95.2, 95.5),
    Cell(10, 30, 300, 94.8, 95.2), Cell(10, 30, 1350, 95.0, 95.5), Cell(30, 30, 300, 94.1, 95.0),
    Cell(30, 100, 1000, 94.7, 94.9),
)  # fmt: skip


def words(*, n_names: int, n_raters: int, n: int, measured: Sequence[Cell] = MEASURED) -> str:
    """A warning if the coverage in simulated studies of the nearest size lies outside 93-97 %, else "".

    Sizes are compared by the ratios of their numbers of names, raters and comparisons.
    """
    cell = min(measured, key=lambda candidate: _distance(candidate, (n_names, n_raters, n)))
    size = f"{cell.n_names} names, {cell.n_raters} raters, {cell.n} comparisons"
    covered = f"{cell.low:.0f} %" if f"{cell.low:.0f}" == f"{cell.high:.0f}" else f"{cell.low:.0f} to {cell.high:.0f} %"
    if cell.low < LOWEST:
        return f"In simulated studies of about this size ({size}), 95 % intervals covered the truth in only {covered}."
    if cell.high > HIGHEST:
        return f"In simulated studies of about this size ({size}), 95 % intervals covered the truth in {covered}: too wide."
    return ""


def _distance(cell: Cell, size: tuple[int, int, int]) -> float:
    """The sum of the absolute log ratios of names, raters and comparisons."""
    return sum(abs(math.log(a / b)) for a, b in zip(cell[:3], size, strict=True))
