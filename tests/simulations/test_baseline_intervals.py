"""How often the interval of a baseline's score holds its score over all test texts and all choices of training texts."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from core.analysis.baselines.results import Result
from core.analysis.inference import gaps
from core.analysis.points import Metric
from core.interval import Interval
from core.training.baselines import classifiers
from tests.simulations.conftest import Note
from tests.simulations.sizes import STUDIES, slack

Drawn = tuple[npt.NDArray[np.float32], npt.NDArray[np.intp]]
MANY = 20_000
POOL = 1_000  # training texts from which each seed draws
TRAIN = 60
WIDTH = 8


class Cell(NamedTuple):
    """`seeds`: choices of training texts, 0 for a baseline without training (an LLM). `rare`: share of the rarer of two labels."""

    texts: int
    seeds: int
    rare: float
    metric: Metric


CELLS = [
    Cell(texts, seeds, rare, metric)
    for metric in (Metric.MACRO_F1, Metric.ACCURACY)
    for texts, seeds, rare in ((100, 0, 0.5), (200, 0, 0.2), (100, 3, 0.5), (200, 3, 0.2), (400, 5, 0.3))
]


@pytest.mark.slow
@pytest.mark.simulation
@pytest.mark.parametrize("cell", CELLS, ids=[" ".join(map(str, cell)) for cell in CELLS])
def test_the_interval_of_a_baseline_holds_its_score(cell: Cell, note: Note) -> None:
    rng = np.random.default_rng(CELLS.index(cell))
    pool, everything = drawn(rng, POOL, cell.rare), drawn(rng, MANY, cell.rare)
    truth = float(np.mean([scored(rng, pool, everything, cell, seeds=20 if cell.seeds else 0).value for _ in range(3)]))
    found = [scored(rng, pool, drawn(rng, cell.texts, cell.rare), cell, seeds=cell.seeds) for _ in range(STUDIES)]

    rate = 100 * float(np.mean([own.low <= truth <= own.high for own in found]))
    width = float(np.mean([own.high - own.low for own in found]))
    note(**cell._asdict() | {"metric": str(cell.metric)}, true=truth, width=width, inside=rate)
    assert 91 - slack(95) <= rate


def drawn(rng: np.random.Generator, n: int, rare: float) -> Drawn:
    """Vectors of texts (n x d) and their labels 1 and 2, which lie one standard deviation apart."""
    labels = np.where(rng.random(n) < rare, 1, 2)
    vectors = rng.normal(0, 1, (n, WIDTH))
    vectors[:, 0] += labels
    return vectors.astype(np.float32), labels


def scored(rng: np.random.Generator, pool: Drawn, test: Drawn, cell: Cell, *, seeds: int) -> Interval:
    """The score of the baseline on these test texts with its interval."""
    vectors, truth = test
    if not seeds:
        rows = [np.where(vectors[:, 0] > 1.5, 2, 1)]
    else:
        rows = []
        for _ in range(seeds):
            chosen = rng.choice(POOL, TRAIN, replace=False)
            answers = classifiers.on_vectors(pool[0][chosen], [str(one) for one in pool[1][chosen]], vectors)
            rows.append(np.array(answers, dtype=np.intp))
    result = Result("real" if seeds else "", "embeddings", TRAIN if seeds else 0, truth, np.vstack(rows))
    return gaps.mean_score(result.scored(cell.metric))
