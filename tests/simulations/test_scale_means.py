"""How often the interval of a mean rating holds the mean over all texts and all raters."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from core.subjectivity.statistics import scale_means
from tests.simulations.conftest import Note
from tests.simulations.sizes import STUDIES, slack


class Cell(NamedTuple):
    """`per_text`: ratings of each text; `rater_sd`: how much raters differ in their mean."""

    texts: int
    raters: int
    per_text: int
    rater_sd: float


CELLS = [
    Cell(30, 5, 5, 0.6), Cell(50, 10, 10, 0.6), Cell(100, 20, 20, 0.6), Cell(100, 10, 3, 0.6), Cell(100, 40, 3, 0.6),
    Cell(30, 5, 5, 0.2), Cell(60, 30, 3, 0.2), Cell(20, 3, 3, 0.3),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.simulation
@pytest.mark.parametrize("cell", CELLS, ids=[" ".join(map(str, cell)) for cell in CELLS])
def test_the_interval_of_a_mean_rating_holds_the_mean(cell: Cell, note: Note) -> None:
    rng = np.random.default_rng(CELLS.index(cell))
    inside = [holds(rng, cell) for _ in range(STUDIES)]

    rate = 100 * float(np.mean(inside))
    note(**cell._asdict(), inside=rate)
    assert 91 - slack(95) <= rate <= 98 + slack(95)


def holds(rng: np.random.Generator, cell: Cell) -> bool:
    raters = rng.normal(size=cell.raters) * cell.rater_sd
    who = np.argsort(rng.random((cell.texts, cell.raters)), axis=1)[:, : cell.per_text]
    answers = 3 + 0.8 * rng.normal(size=(cell.texts, 1)) + raters[who] + 0.7 * rng.normal(size=who.shape)
    table = pd.DataFrame(
        {
            "item_id": np.repeat(np.arange(cell.texts), cell.per_text),
            "rater_id": who.ravel(),
            "label": answers.ravel(),
        }
    )
    found = scale_means.mean_rating(table)
    return bool(found.low <= 3 <= found.high)
