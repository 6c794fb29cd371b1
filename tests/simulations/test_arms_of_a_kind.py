"""How often the 80 % interval of a verdict holds the gap of an arm, where tasks have several arms of its kind that truly differ."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import special

from core.analysis.inference.gaps import Gap
from core.analysis.verdicts import verdict
from core.analysis.verdicts.measured import ArmGap, KnownTask
from core.interval import Interval, clopper_pearson
from core.study.rows.kinds import ArmKind
from core.subjectivity.levels import Measure
from tests.simulations.sizes import STUDIES

TAU, ARMS_DIFFER, ERROR, DF = 0.08, 0.04, 0.025, 8.0

pytestmark = [pytest.mark.simulation, pytest.mark.slow]


def measured(value: float) -> Gap:
    reach = ERROR * float(special.stdtrit(DF, 0.975))
    return Gap(value, value - reach, value + reach, ERROR, DF, 300, (3, 3), ERROR**2 / 2, ERROR**2 / 2, "")


def is_held(rng: np.random.Generator, *, tasks: int, arms: int, is_trained: bool) -> bool:
    """Whether the interval of the last task's first arm holds its true gap, in one drawn study."""
    z, differ = rng.normal(size=tasks + 1), rng.normal(0, ARMS_DIFFER, (tasks + 1, arms))
    true = (0.15 + 0.08 * z + rng.normal(0, TAU, tasks + 1))[:, None] + differ
    seen = true + ERROR * rng.standard_t(DF, true.shape)
    known = [
        KnownTask(
            str(place),
            Interval(0.75 + 0.25 * at, 0.65 + 0.25 * at, 0.85 + 0.25 * at, 200),
            tuple(ArmGap(f"arm {n}", ArmKind.ZERO_SHOT, "minilm", measured(gap)) for n, gap in enumerate(row)),
        )
        for place, (at, row) in enumerate(zip(z, seen, strict=True))
    ]
    new = known[-1] if is_trained else replace(known[-1], gaps=())
    first = verdict.verdict(new, known[:-1], measure=Measure.RATINGS).arms[0]
    return first.low <= true[-1, 0] <= first.high


@pytest.mark.parametrize(
    ("tasks", "arms", "is_trained"), [(6, 1, False), (6, 2, False), (10, 2, False), (6, 3, False), (6, 2, True)]
)
def test_the_interval_holds_the_gap_of_one_arm(tasks: int, arms: int, is_trained: bool) -> None:
    rng = np.random.default_rng([tasks, arms, is_trained])

    held = sum(is_held(rng, tasks=tasks, arms=arms, is_trained=is_trained) for _ in range(STUDIES))

    found = clopper_pearson(held, STUDIES)
    print(f"{tasks} tasks of {arms} arms, {'trained' if is_trained else 'new'}: {found.value:.1%} of {STUDIES}")
    assert found.low < 0.84 and found.high > 0.75
