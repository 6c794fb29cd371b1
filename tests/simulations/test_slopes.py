"""How often a slope is found where there is none: studies of 4 to 30 tasks, with one or two arms and encoders."""

import itertools

import numpy as np
import pytest

from core.analysis.inference import clusters
from tests.simulations.conftest import Note
from tests.simulations.sizes import STUDIES, slack

CELLS = list(itertools.product((4, 6, 10, 30), (1, 2), (1, 2), (0.0, 0.5)))


@pytest.mark.slow
@pytest.mark.simulation
@pytest.mark.parametrize(("tasks", "arms", "encoders", "growth"), CELLS)
def test_a_slope_that_is_not_there_is_found_in_one_of_twenty_studies(
    tasks: int, arms: int, encoders: int, growth: float, note: Note
) -> None:
    rng = np.random.default_rng([tasks, arms, encoders, int(10 * growth)])
    found = [rejects(rng, tasks=tasks, arms=arms, encoders=encoders, growth=growth) for _ in range(STUDIES)]

    rate = 100 * float(np.mean(found))
    note(tasks=tasks, arms=arms, encoders=encoders, spread="grows" if growth else "equal", rejected=rate)
    assert rate <= 6.5 + slack(5)
    assert rate >= 3 - slack(5)


def rejects(rng: np.random.Generator, *, tasks: int, arms: int, encoders: int, growth: float) -> bool:
    """Whether the slope of one drawn study is told from 0 at 5 %. The spread of tasks grows as exp(growth x)."""
    x = rng.normal(size=tasks)
    task, arm, encoder = (grid.ravel() for grid in np.indices((tasks, arms, encoders)))
    gap = 0.1 + 0.05 * arm + 0.02 * encoder + rng.normal(size=len(task)) * 0.02
    spread = np.exp(growth * x)
    gap += (0.08 * spread * rng.normal(size=tasks))[task]
    gap += (0.03 * spread[:, None] * rng.normal(size=(tasks, arms)))[task, arm]
    gap += (0.03 * spread[:, None] * rng.normal(size=(tasks, encoders)))[task, encoder]
    design = np.column_stack([np.ones_like(gap), x[task], clusters.dummies(arm), clusters.dummies(encoder)])
    return clusters.fit(design, gap, task).coefficient(1).p < 0.05
