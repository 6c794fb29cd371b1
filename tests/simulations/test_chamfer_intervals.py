"""How often the interval of Chamfer distance holds the expected distance of another set of as many texts."""

from typing import NamedTuple

import numpy as np
import pytest

from core.quality import diversity
from tests.simulations.conftest import Note
from tests.simulations.sizes import STUDIES, slack

DIMENSIONS = 20
TOPICS, TEMPLATES = 30, 40
REPEATED = 0.3  # share of the rows that vary a template
TRUTHS = 200  # sets of rows that the expected distance is a mean of


class Cell(NamedTuple):
    """`source`: rows of one cloud; rows around topics; or a cloud in which some rows vary a few templates."""

    texts: int
    source: str


CELLS = [Cell(texts, source) for source in ("cloud", "topics", "templates") for texts in (100, 300, 1000)]


@pytest.mark.slow
@pytest.mark.simulation
@pytest.mark.parametrize("cell", CELLS, ids=[" ".join(map(str, cell)) for cell in CELLS])
def test_the_interval_of_chamfer_distance_holds_the_expected_distance(cell: Cell, note: Note) -> None:
    rng = np.random.default_rng(CELLS.index(cell))
    centres = rng.normal(size=(TOPICS if cell.source == "topics" else TEMPLATES, DIMENSIONS))
    truth = float(np.mean([diversity.chamfer_distance(drawn(rng, cell, centres)) for _ in range(TRUTHS)]))
    found = [diversity.measure(drawn(rng, cell, centres)).chamfer_distance for _ in range(STUDIES)]

    rate = 100 * float(np.mean([one.low <= truth <= one.high for one in found]))
    note(**cell._asdict(), inside=rate, width=float(np.mean([one.high - one.low for one in found])))
    assert 94 - slack(95) <= rate


def drawn(rng: np.random.Generator, cell: Cell, centres: np.ndarray) -> np.ndarray:
    """Embeddings of the texts of one draw from the source, shape (texts, DIMENSIONS)."""
    rows = rng.normal(size=(cell.texts, DIMENSIONS))
    around = centres[rng.integers(len(centres), size=cell.texts)]
    if cell.source == "topics":
        return around + 0.5 * rows
    if cell.source == "templates":
        return np.where(rng.random((cell.texts, 1)) < REPEATED, around + 0.1 * rows, rows)
    return rows
