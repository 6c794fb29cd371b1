"""How often the interval of the expected calibration error holds the error over all texts, for honest and overconfident models."""

from typing import NamedTuple

import numpy as np
import pytest

from core.analysis.trust import calibration
from core.analysis.trust.calibration import Sure
from tests.simulations.conftest import Note
from tests.simulations.sizes import STUDIES, slack

MANY = 100_000


class Cell(NamedTuple):
    """`overconfident`: the factor by which the log-odds of the model are too large."""

    texts: int
    runs: int
    overconfident: float


CELLS = [
    Cell(texts, runs, factor) for factor in (0.9, 1.5, 3.0) for texts, runs in ((100, 1), (100, 3), (300, 3), (1000, 3))
]


@pytest.mark.slow
@pytest.mark.simulation
@pytest.mark.parametrize("cell", CELLS, ids=[" ".join(map(str, cell)) for cell in CELLS])
def test_the_interval_of_the_calibration_error_holds_the_error(cell: Cell, note: Note) -> None:
    rng = np.random.default_rng(CELLS.index(cell))
    n_bins = min(calibration.MOST_BINS, cell.texts // calibration.TEXTS_PER_BIN)
    truth = error_of(drawn(rng, MANY, cell), n_bins)
    found = [calibration.calibration(drawn(rng, cell.texts, cell), seed=number).ece for number in range(STUDIES)]

    rate = 100 * float(np.mean([own.low <= truth <= own.high for own in found]))
    mean, width = (
        float(np.mean(values)) for values in ([own.value for own in found], [own.high - own.low for own in found])
    )
    note(**cell._asdict(), true=truth, mean=mean, width=width, inside=rate)
    assert 89 - slack(95) <= rate


def drawn(rng: np.random.Generator, n: int, cell: Cell) -> Sure:
    """Runs that read the same texts: each text has log-odds of its label, and each run sees them with noise of its own."""
    odds = rng.normal(1.2, 1.2, size=n)
    seen = odds + rng.normal(0, 0.5, size=(cell.runs, n))
    confidence = 1 / (1 + np.exp(-np.abs(seen * cell.overconfident)))
    is_first = rng.random(n) < 1 / (1 + np.exp(-odds))
    return Sure(confidence, (seen > 0) == is_first, None, None)


def error_of(sure: Sure, n_bins: int) -> float:
    places = np.vstack([calibration._bins(row, n_bins) for row in sure.confidence])
    table = calibration._by_bin(sure.correct - sure.confidence, places, n_bins)
    return float(np.abs(table.mean(axis=0)).sum()) / len(sure.confidence)
