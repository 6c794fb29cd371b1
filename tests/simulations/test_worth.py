"""How often the interval of a synthetic set's worth in real texts holds the true number, over new test texts and trainings."""

import math
from typing import NamedTuple

import numpy as np
import pytest

from core.analysis.arms import sizes
from core.analysis.arms.trained import TrainedArm
from core.analysis.inference import gaps
from core.analysis.points import Metric
from core.study import tasks
from tests.simulations.conftest import Note
from tests.simulations.sizes import STUDIES, slack

SIZES = (75, 150, 300, 600, 1200)
START, RISE = 0.2, 0.45  # of the logit of a right answer: at 75 real texts, and for each doubling
TEXT_SD, OWN_SD, SEED_SD = 1.2, 0.4, 0.15  # of the logit: of texts, of texts for one arm, of seeds
TRUTHS = (120, 260, 700)


class Cell(NamedTuple):
    """`worth`: the true number of real texts."""

    texts: int
    seeds: int
    worth: int


CELLS = [Cell(texts, seeds, worth) for texts in (200, 1000) for seeds in (3, 5) for worth in TRUTHS]


@pytest.mark.slow
@pytest.mark.simulation
@pytest.mark.parametrize("cell", CELLS, ids=[" ".join(map(str, cell)) for cell in CELLS])
def test_the_interval_of_a_worth_holds_the_truth(cell: Cell, note: Note) -> None:
    rng = np.random.default_rng(CELLS.index(cell))
    inside, outside = [], []
    for study in range(STUDIES):
        difficulty = rng.normal(size=cell.texts) * TEXT_SD
        arms = [drawn(rng, "real", n, logit(n), cell, difficulty) for n in SIZES]
        arms.append(drawn(rng, "zero-shot", 1200, logit(cell.worth), cell, difficulty))
        found = sizes.worth(arms, metric=Metric.ACCURACY, spread=gaps.ALONE, seed=study)[0]
        inside.append(found.low <= cell.worth <= found.high)
        outside.append(found.low == 0 or math.isinf(found.high))

    rate = 100 * float(np.mean(inside))
    note(**cell._asdict(), inside=rate, open_ended=100 * float(np.mean(outside)))
    assert rate >= 93 - slack(95)


def logit(n_real: int) -> float:
    return START + RISE * math.log2(n_real / SIZES[0])


def drawn(
    rng: np.random.Generator, arm: str, n_train: int, level: float, cell: Cell, difficulty: np.ndarray
) -> TrainedArm:
    truth = np.tile([1, 2], cell.texts // 2)
    own = difficulty + rng.normal(size=cell.texts) * OWN_SD + rng.normal(size=(cell.seeds, 1)) * SEED_SD
    right = rng.random((cell.seeds, cell.texts)) < 1 / (1 + np.exp(-(level + own)))
    return TrainedArm(
        task="t", arm=arm, kind=tasks.kind_of(arm), encoder="m", n_train=n_train, conditions=str(n_train),
        seeds=tuple(range(cell.seeds)), newest=1, texts=np.arange(cell.texts), truth=truth,
        predicted=np.where(right, truth, 3 - truth),
    )  # fmt: skip
