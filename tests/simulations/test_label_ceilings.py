"""How often the interval of a label ceiling holds the ceiling over all texts."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from core.analysis.instances import ceiling
from core.analysis.points import Metric
from tests.simulations.conftest import Note
from tests.simulations.sizes import STUDIES, slack


class Cell(NamedTuple):
    """`noise`: the largest probability with which a rater of a text chooses the rarer label; it is drawn evenly from 0 for each text."""

    texts: int
    raters: int
    noise: float


CELLS = [Cell(30, 3, 0.5), Cell(30, 5, 0.5), Cell(100, 3, 0.5), Cell(100, 5, 0.2), Cell(300, 5, 0.5), Cell(300, 3, 0.2)]


@pytest.mark.slow
@pytest.mark.simulation
@pytest.mark.parametrize("cell", CELLS, ids=[" ".join(map(str, cell)) for cell in CELLS])
def test_the_interval_of_a_label_ceiling_holds_it(cell: Cell, note: Note) -> None:
    rng = np.random.default_rng(CELLS.index(cell))
    whole = answers(rng, cell._replace(texts=200_000))
    inside = dict.fromkeys(Metric, 0.0)
    truth = {metric: ceiling.label_ceiling(whole, metric=metric).value for metric in Metric}
    for _ in range(STUDIES):
        drawn = answers(rng, cell)
        for metric in Metric:
            found = ceiling.label_ceiling(drawn, metric=metric)
            inside[metric] += 100 / STUDIES * (found.low <= truth[metric] <= found.high)

    note(**cell._asdict(), **{str(metric): rate for metric, rate in inside.items()})
    assert all(90 - slack(95) <= rate <= 98 + slack(95) for rate in inside.values())


def answers(rng: np.random.Generator, cell: Cell) -> pd.DataFrame:
    chance = rng.uniform(0, cell.noise, size=(cell.texts, 1))
    own = np.arange(cell.texts)[:, None] % 2
    given = own ^ (rng.random((cell.texts, cell.raters)) < chance)
    return pd.DataFrame(
        {
            "item_id": np.repeat(np.arange(cell.texts), cell.raters),
            "rater_id": np.tile(np.arange(cell.raters), cell.texts),
            "label": np.where(given.ravel() == 1, "yes", "no"),
        }
    )
