"""What a study's own gaps say about the spread of tasks, which a plan for one arm with one encoder needs."""

import numpy as np
import pandas as pd
import pytest

from core.analysis.findings import Findings
from core.analysis.gap_table import GapTable
from core.analysis.planning import measured
from core.analysis.points import Metric
from core.study.rows.study import Study, Task
from core.study.store import Store
from core.subjectivity import levels

TAU = 0.04


def drawn(rng: np.random.Generator, *, tasks: int, arms: int) -> pd.DataFrame:
    """Gaps around a line over subjectivity; the arms of a task share its own part and the error of its real score."""
    x, own = rng.normal(size=tasks), rng.normal(size=tasks) * TAU + rng.normal(size=tasks) * 0.02
    rows = [
        (f"t{t}", f"a{a}", "minilm", x[t], 0.1 + 0.03 * x[t] + own[t] + rng.normal() * 0.025, np.hypot(0.02, 0.025))
        for t in range(tasks)
        for a in range(arms)
    ]
    return pd.DataFrame(rows, columns=["task", "arm", "encoder", "subjectivity", "gap", "se"])


def findings(study: Study, points: pd.DataFrame, *, unlearned: tuple[str, ...] = ()) -> Findings:
    none = pd.DataFrame()
    return Findings(
        study=study, metric=Metric.MACRO_F1, measure=None, scores=none,
        measured=GapTable(none, {}, none, frozenset((task, "minilm") for task in unlearned)),
        subjectivity=pd.DataFrame(columns=levels.COLUMNS), points=points, fit=None, fit_note="", exact=None, by_arm={}, left_out="",
    )  # fmt: skip


@pytest.mark.slow
def test_the_spread_of_tasks_is_that_of_one_arm_however_many_arms_there_are(store: Store, task: Task) -> None:
    rng = np.random.default_rng(0)
    with store() as session:
        study = session.get_one(Study, task.study_id)
        said = [
            [
                measured.inputs_of(session, findings(study, drawn(rng, tasks=12, arms=arms))).number("tau")
                for _ in range(20)
            ]
            for arms in (1, 3)
        ]

    assert np.sqrt(np.mean(np.square(said), axis=1)) == pytest.approx([TAU, TAU], abs=0.01)


def test_gaps_that_mean_nothing_do_not_count_in_the_spread_of_tasks(store: Store, task: Task) -> None:
    points = drawn(np.random.default_rng(1), tasks=9, arms=2)
    wild = points.assign(gap=points["gap"].where(points["task"] != "t8", 0.9))
    with store() as session:
        study = session.get_one(Study, task.study_id)
        without = measured.inputs_of(session, findings(study, points[points["task"] != "t8"]))
        left_out = measured.inputs_of(session, findings(study, wild, unlearned=("t8",)))

    assert left_out.number("tau") == pytest.approx(without.number("tau"))
