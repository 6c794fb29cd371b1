"""Sentences about the findings of a study."""

import numpy as np
import pandas as pd
import pytest

from core.analysis import findings, points, regression
from core.analysis.findings import Findings
from core.analysis.points import Metric
from core.study.rows.study import Study
from core.subjectivity import levels


def found(*, low: float) -> Findings:
    """The findings of four tasks of known subjectivity with the lower limit `low` (nan: no interval)."""
    rows = [(f"t{n}", float(n), n - low, n + low, 0.1 * n + 0.01 * (-1) ** n) for n in range(4)]
    table = pd.DataFrame(rows, columns=["task", "subjectivity", "subjectivity_low", "subjectivity_high", "gap"])
    known = table.rename(columns={"subjectivity": "value", "subjectivity_low": "low", "subjectivity_high": "high"})
    return Findings(
        study=Study(name="s"),
        metric=Metric.MACRO_F1,
        measure=levels.Measure.COMPARISONS,
        scores=pd.DataFrame(),
        gaps=pd.DataFrame(),
        subjectivity=known.assign(n=10, level=np.nan),
        points=table.reindex(columns=points.POINT_COLUMNS),
        fit=regression.fit(table, x="subjectivity", y="gap"),
        fit_note="",
        by_arm={},
    )


@pytest.mark.parametrize(("low", "is_told"), [(0.5, False), (np.nan, True)])
def test_places_on_the_axis_without_an_interval_are_told(low: float, is_told: bool) -> None:
    assert ("has no interval yet" in findings.caution(found(low=low))) == is_told
