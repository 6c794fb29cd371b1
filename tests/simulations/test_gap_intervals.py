"""How often the interval of a gap holds the true gap, over new test texts and new trainings."""

import math
from typing import NamedTuple

import numpy as np
import pytest

from core.analysis.inference import gaps
from tests.simulations.conftest import Note
from tests.simulations.sizes import STUDIES, slack

SPREADS = {"small": 0.05, "medium": 0.15, "large": 0.45}  # of the logit of a right answer over seeds
LOGITS = (1.6, 0.8)  # of the real and of the synthetic arm
TEXT_SD, OWN_SD = 1.2, 0.6  # of a text's difficulty for both arms, and for one arm


class Cell(NamedTuple):
    """`share`: of the first class; the others share the rest evenly."""

    texts: int
    seeds: int
    spread: str
    share: float = 0.5
    classes: int = 2


CELLS = [
    Cell(74, 3, "medium"), Cell(200, 3, "small"), Cell(200, 5, "medium"), Cell(500, 3, "medium", 0.87),
    Cell(500, 3, "medium", 0.25, 4), Cell(1000, 3, "large"), Cell(1000, 5, "medium"), Cell(1000, 10, "medium"),
    Cell(300, 10, "small", 0.87), Cell(74, 10, "large"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.simulation
@pytest.mark.parametrize("is_shared", [False, True], ids=["alone", "shared"])
@pytest.mark.parametrize("cell", CELLS, ids=[" ".join(map(str, cell)) for cell in CELLS])
def test_the_interval_of_a_gap_holds_the_truth(cell: Cell, is_shared: bool, note: Note) -> None:
    rng = np.random.default_rng(CELLS.index(cell) + 100 * is_shared)
    truth = float(expected_f1(LOGITS[0], cell).mean() - expected_f1(LOGITS[1], cell).mean())
    inside, widths = [], []
    for _ in range(STUDIES):
        found = drawn(rng, cell, is_shared=is_shared)
        inside.append(found.low <= truth <= found.high)
        widths.append(found.high - found.low)

    rate = 100 * float(np.mean(inside))
    note(**cell._asdict(), seeds_of="the study" if is_shared else "the arms", inside=rate, width=float(np.mean(widths)))
    assert 92 - slack(95) <= rate <= 97 + slack(95)


CLASS_CELLS = [
    Cell(200, 3, "medium"), Cell(500, 3, "medium", 0.87), Cell(500, 3, "large", 0.25, 4), Cell(1000, 5, "medium"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.simulation
@pytest.mark.parametrize("cell", CLASS_CELLS, ids=[" ".join(map(str, cell)) for cell in CLASS_CELLS])
def test_the_interval_of_a_gap_in_one_class_holds_the_truth(cell: Cell, note: Note) -> None:
    rng = np.random.default_rng(1000 + CLASS_CELLS.index(cell))
    last = cell.classes - 1
    truth = float(expected_f1(LOGITS[0], cell)[last] - expected_f1(LOGITS[1], cell)[last])
    actual, inside, widths = classes_of(cell), [], []
    for _ in range(STUDIES):
        difficulty = rng.normal(size=cell.texts) * TEXT_SD
        both = [gaps.class_f1(actual, answered(rng, logit, cell, actual, difficulty), own=last) for logit in LOGITS]
        found = gaps.gap(*both)
        inside.append(found.low <= truth <= found.high)
        widths.append(found.high - found.low)

    rate = 100 * float(np.mean(inside))
    note(**cell._asdict(), seeds_of="the arms, one class", inside=rate, width=float(np.mean(widths)))
    assert 92 - slack(95) <= rate <= 97 + slack(95)


def drawn(rng: np.random.Generator, cell: Cell, *, is_shared: bool) -> gaps.Gap:
    """The gap that one study measures. With `is_shared` eight more arms of the study lend their spread over seeds."""
    actual = classes_of(cell)
    difficulty = rng.normal(size=cell.texts) * TEXT_SD
    arms = [gaps.macro_f1(actual, answered(rng, logit, cell, actual, difficulty)) for logit in LOGITS]
    others = [gaps.macro_f1(actual, answered(rng, 1.2, cell, actual, difficulty)) for _ in range(8 if is_shared else 0)]
    spread = gaps.shared_spread([*arms, *others]) if is_shared else gaps.ALONE
    return gaps.gap(arms[0], arms[1], spread=spread)


def classes_of(cell: Cell) -> np.ndarray:
    first = round(cell.texts * cell.share)
    return np.concatenate([np.zeros(first, dtype=int), 1 + np.arange(cell.texts - first) % (cell.classes - 1)])


def answered(
    rng: np.random.Generator, logit: float, cell: Cell, actual: np.ndarray, difficulty: np.ndarray
) -> np.ndarray:
    """The answers of an arm's seeds (seeds x texts)."""
    seed = rng.normal(size=(cell.seeds, 1)) * SPREADS[cell.spread]
    own = rng.normal(size=cell.texts) * OWN_SD
    right = rng.random((cell.seeds, cell.texts)) < 1 / (1 + np.exp(-(logit + difficulty + own + seed)))
    wrong = (actual + rng.integers(1, cell.classes, (cell.seeds, cell.texts))) % cell.classes
    return np.where(right, actual, wrong)


def expected_f1(logit: float, cell: Cell) -> np.ndarray:
    """The F1 of each class over endlessly many texts, in the mean over trainings."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    of_text = math.hypot(TEXT_SD, OWN_SD)
    actual = classes_of(cell)
    shares = np.bincount(actual) / len(actual)
    right = np.array(
        [weights @ (1 / (1 + np.exp(-(logit + of_text * nodes + SPREADS[cell.spread] * at)))) for at in nodes]
    )
    found = []
    for share in shares:
        hit, missed = share * right, share * (1 - right)
        named = (1 - share) * (1 - right) / (cell.classes - 1)
        found.append(float(weights @ (2 * hit / (2 * hit + missed + named))))
    return np.array(found)
