"""How often a slope is found where there is none: studies of 4 to 30 tasks, with one or two arms and encoders."""

import itertools

import numpy as np
import pandas as pd
import pytest

from core.analysis import regression, slope
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


LAYOUTS = {  # the arms of each task, a letter each
    "7 tasks with one arm": ["z"] * 7,
    "4 with one arm, 3 with an arm each": ["z"] * 4 + ["a", "b", "c"],
    "4 with one arm, 3 with another": ["z"] * 4 + ["f"] * 3,
    "3 with one arm, 3 with another": ["z"] * 3 + ["f"] * 3,
    "4 with one arm, 4 with both": ["z"] * 4 + ["zf"] * 4,
    "5 with one arm, 5 with another, 4 with both": ["z"] * 5 + ["f"] * 5 + ["zf"] * 4,
}


@pytest.mark.slow
@pytest.mark.simulation
@pytest.mark.parametrize("is_by_x", [False, True], ids=["anywhere", "by x"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_slope_is_found_where_tasks_share_only_some_arms(layout: str, is_by_x: bool, note: Note) -> None:
    rng = np.random.default_rng([list(LAYOUTS).index(layout), is_by_x])
    found = [over_tasks(rng, LAYOUTS[layout], is_by_x=is_by_x) for _ in range(STUDIES)]

    told = np.array([[fit.p, fit.spearman_p, fit.permutation_p] for fit in found])
    interval, spearman, permutation = (100 * (told < 0.05).mean(axis=0)).tolist()
    where = "subjective tasks have the later arms" if is_by_x else "arms anywhere"
    note(tasks=layout, where=where, interval=interval, spearman=spearman, permutation=permutation)
    assert interval <= 6.5 + slack(5)
    assert max(spearman, permutation) <= 5 + slack(5)


def over_tasks(rng: np.random.Generator, arms: list[str], *, is_by_x: bool) -> regression.Fit:
    """The slope of one drawn study in which the gap depends on the task and the arm and not on x."""
    x, own = rng.normal(size=len(arms)), rng.normal(size=len(arms)) * 0.08
    x = np.sort(x) if is_by_x else x
    rows = [
        (f"t{place}", arm, x[place], 0.1 + 0.1 * (arm == "f") + own[place] + rng.normal() * 0.03)
        for place, letters in enumerate(arms)
        for arm in letters
    ]
    points = pd.DataFrame(rows, columns=["task", "arm", "x", "gap"])
    return slope.over_groups(points, x="x", y="gap", group="task", alike=("arm",))
