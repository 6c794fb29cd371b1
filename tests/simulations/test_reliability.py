"""Whether the reliability of the subjectivity axis that is said is the true one, and the slope corrected by it has no bias."""

import numpy as np
import pandas as pd
import pytest

from core.analysis import slope
from core.subjectivity.statistics import ranking
from tests.simulations.sizes import STUDIES

DRAWN = max(20, STUDIES // 5)  # a study takes 30 ms
RISE, NOISE = 0.05, 0.01  # of the gap per unit of strength, and of each gap

pytestmark = [pytest.mark.simulation, pytest.mark.slow]


def compared(rng: np.random.Generator, true: np.ndarray, *, raters: int, times: int) -> pd.DataFrame:
    """Answers of raters who each compare all pairs `times` times, and who differ in what they find subjective."""
    left, right = np.triu_indices(len(true), k=1)
    rows = []
    for rater in range(raters):
        own = true + rng.normal(0, 0.3, len(true))
        for _ in range(times):
            wins = rng.random(len(left)) < 1 / (1 + np.exp(own[right] - own[left]))
            rows += [
                (f"r{rater}", f"t{a}", f"t{b}", "left" if won else "right")
                for a, b, won in zip(left, right, wins, strict=True)
            ]
    return pd.DataFrame(rows, columns=["rater_id", "left", "right", "winner"])


def study(rng: np.random.Generator, *, tasks: int, raters: int, times: int) -> tuple[float, float, float] | None:
    """The reliability said, the true one, and the corrected slope, of one drawn study; None where strengths have no interval."""
    true = rng.normal(0, 1, tasks)
    strength = ranking.bradley_terry(compared(rng, true, raters=raters, times=times)).strength
    table = pd.DataFrame(
        [(f"t{n}", strength[f"t{n}"].value, strength[f"t{n}"].error, RISE * true[n]) for n in range(tasks)],
        columns=["task", "value", "error", "gap"],
    )
    if table["error"].isna().any():
        return None
    table["gap"] += rng.normal(0, NOISE, tasks)
    fit = slope.over_groups(table, x="value", y="gap", group="task")
    said = slope.exact(fit, table, value="value", error="error", n_compared=tasks)
    off = table["value"] - (true - true.mean())
    return said.reliability, 1 - float((off**2).sum() / (tasks - 1) / table["value"].var(ddof=1)), said.slope


@pytest.mark.parametrize(("tasks", "raters", "times"), [(6, 3, 3), (6, 12, 1), (10, 3, 2), (4, 15, 2)])
def test_the_reliability_said_is_the_true_one_in_the_mean(tasks: int, raters: int, times: int) -> None:
    rng = np.random.default_rng([tasks, raters, times])
    drawn = [one for _ in range(DRAWN) if (one := study(rng, tasks=tasks, raters=raters, times=times))]

    said, true, slopes = np.array(drawn).T

    print(
        f"{tasks} tasks, {raters} raters: {said.mean():.2f} said, {true.mean():.2f} true; slope {np.nanmedian(slopes):.4f} of {RISE}"
    )
    assert len(drawn) > 0.7 * DRAWN
    assert said.mean() == pytest.approx(true.mean(), abs=0.1)
