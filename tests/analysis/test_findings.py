"""Sentences about the findings of a study."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from core.analysis import findings, points, slope
from core.analysis.findings import Findings
from core.analysis.gap_table import GapTable
from core.analysis.points import Metric
from core.study import tasks
from core.study.rows.study import Study
from core.study.store import Store
from core.subjectivity import levels
from tests.finished_study import add_runs, make_task
from tests.rated_study import add_comparisons


def found(*, low: float, n_tasks: int = 4) -> Findings:
    """Tasks whose subjectivity is known, each with a lower limit `low` under it (nan: without an interval)."""
    rows = [(f"t{n}", float(n), n - low, n + low, 0.1 * n + 0.01 * (-1) ** n) for n in range(n_tasks)]
    table = pd.DataFrame(rows, columns=["task", "subjectivity", "subjectivity_low", "subjectivity_high", "gap"])
    known = table.rename(columns={"subjectivity": "value", "subjectivity_low": "low", "subjectivity_high": "high"})
    fit = slope.over_groups(table, x="subjectivity", y="gap", group="task")
    return Findings(
        study=Study(name="s"),
        metric=Metric.MACRO_F1,
        measure=levels.Measure.COMPARISONS,
        scores=pd.DataFrame(columns=["task", "notes"]),
        measured=GapTable(pd.DataFrame(), {}, pd.DataFrame(), frozenset({("t2", "minilm")})),
        subjectivity=known.assign(n=10, level=np.nan),
        points=table.reindex(columns=points.POINT_COLUMNS),
        fit=fit,
        fit_note="",
        exact=slope.exact(fit, known.assign(error=low / 2), value="value", error="error"),
        by_arm={},
        left_out="5 runs were left out.",
    )


@pytest.mark.parametrize(("low", "is_told"), [(0.5, False), (np.nan, True)])
def test_places_on_the_axis_without_an_interval_are_told(low: float, is_told: bool) -> None:
    assert ("has no interval yet" in findings.caution(found(low=low))) == is_told


def test_a_slope_is_said_with_its_tasks_and_degrees_of_freedom() -> None:
    few, many = found(low=0.1), found(low=0.1, n_tasks=8)

    assert findings.reading(many).startswith("The Macro-F1 lost by training on synthetic data grows by ")
    assert "(8 tasks, " in findings.reading(many)
    assert "so few degrees of freedom are no evidence of a trend." in findings.reading(few)


def test_an_interval_that_holds_zero_has_no_verb() -> None:
    table = found(low=0.1, n_tasks=8)
    flat = table.points.assign(gap=[0.1, -0.1, 0.1, -0.05] * 2)
    fit = slope.over_groups(flat, x="subjectivity", y="gap", group="task")

    said = findings.reading(dataclasses.replace(table, points=flat, fit=fit))

    assert said.startswith(
        "Whether the Macro-F1 lost by training on synthetic data depends on subjectivity is not known"
    )


def test_tasks_whose_real_arm_has_not_learned_are_in_no_line_and_named(store: Store) -> None:
    with store.write() as session:
        study = tasks.study_named(session, "s")
        made = [make_task(session, study, name, arms=["zero-shot"]) for name in ("a", "b", "c", "dull")]
        for task in made:
            right = 0.5 if task.name == "dull" else 0.9
            add_runs(session, task, {"real": right, "zero-shot": right - 0.1})
        add_comparisons(session, study, made)
        all_four = findings.collect(session, study)

    assert set(all_four.points["task"]) == {"a", "b", "c", "dull"}
    assert all_four.fit is not None and all_four.fit.n_groups == 3
    assert findings.reading(all_four).endswith(
        "Not in the line: 1 task whose real arm is not shown to beat chance and the commonest label (dull)."
    )


def test_errors_of_subjectivity_and_left_out_runs_are_said() -> None:
    exact = found(low=0.1)

    assert "more than error of measurement; with subjectivity known exactly the slope would be" in findings.caution(
        exact
    )
    assert findings.cautions(exact)[:2] == [
        "5 runs were left out.",
        "t2: the real arm is no better than chance, so a gap to it means nothing.",
    ]
