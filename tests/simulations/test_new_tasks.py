"""How often the 80 % interval of a new task's gap holds the truth, where tasks are what the prior expects and far from it."""

from typing import NamedTuple

import numpy as np
import pytest

from core.analysis.inference import new_task
from core.analysis.inference.new_task import LinePrior, Measured
from tests.simulations.conftest import Note
from tests.simulations.sizes import STUDIES, slack

ZERO_SHOT = LinePrior(0.15, 0.20, 0.08, 0.12)
FEW_SHOT = LinePrior(0.07, 0.15, 0.04, 0.12)


class Truth(NamedTuple):
    """Gaps are a + b z + tau exp(growth z) times a draw; `far`: from what the prior expects."""

    name: str
    prior: LinePrior
    a: float
    b: float
    tau: float
    growth: float = 0.0
    far: bool = False


TRUTHS = [
    Truth("as expected", ZERO_SHOT, 0.15, 0.08, 0.08),
    Truth("spread grows", ZERO_SHOT, 0.15, 0.08, 0.08, growth=0.3),
    Truth("few-shot", FEW_SHOT, 0.07, 0.04, 0.06),
    Truth("steep and wide", ZERO_SHOT, 0.30, 0.15, 0.12, far=True),
    Truth("wrong sign", ZERO_SHOT, 0.25, -0.06, 0.08, far=True),
    Truth("nothing lost", ZERO_SHOT, 0.03, 0.02, 0.03, far=True),
]


@pytest.mark.slow
@pytest.mark.simulation
@pytest.mark.parametrize("tasks", [3, 4, 6, 10, 30])
@pytest.mark.parametrize("truth", TRUTHS, ids=[truth.name for truth in TRUTHS])
def test_the_interval_of_a_new_task_holds_its_gap(truth: Truth, tasks: int, note: Note) -> None:
    rng = np.random.default_rng([TRUTHS.index(truth), tasks])
    inside, widths = [], []
    for _ in range(STUDIES):
        z = rng.normal(size=tasks + 1)
        gap = truth.a + truth.b * z + truth.tau * np.exp(truth.growth * z) * rng.normal(size=tasks + 1)
        known = [
            Measured(float(at), float(true + rng.normal() * 0.03), 0.03)
            for at, true in zip(z[:-1], gap[:-1], strict=True)
        ]
        found = new_task.posterior(known, truth.prior).at(float(z[-1]))
        low, high = found.quantile(0.1), found.quantile(0.9)
        inside.append(low <= gap[-1] <= high)
        widths.append(high - low)

    rate = 100 * float(np.mean(inside))
    note(truth=truth.name, tasks=tasks, inside=rate, width=float(np.mean(widths)))
    assert rate >= (70 if truth.far else 75) - slack(80)
    assert rate <= 100 if truth.far else rate <= 87 + slack(80)
