"""Collect the findings of a study: scores, gaps, subjectivity and regression, for the page, report and command."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy.orm import Session

from core.analysis import points, regression
from core.analysis.points import METRIC_NAMES, Metric
from core.errors import StudyError
from core.interval import Interval
from core.study.rows.study import Study
from core.subjectivity import levels
from core.training import runs

REGRESSION_KEYS = ("slope", "intercept", "r2", "p", "low", "high", "spearman", "spearman_p", "n")


@dataclass(frozen=True)
class Findings:
    """The findings of a study for one metric and one measure of subjectivity.

    `measure` is None if the study has no answers on subjectivity. `scores`, `gaps`, `subjectivity` and `points`: tables of
    `runs.scores`, `points.gaps`, `levels.by_task` and `points.join`. `fit`: the regression over all points, None if it
    cannot be computed, for the reason in `fit_note`. `by_arm`: arm -> regression over the arm's points alone.
    """

    study: Study
    metric: Metric
    measure: levels.Measure | None
    scores: pd.DataFrame
    gaps: pd.DataFrame
    subjectivity: pd.DataFrame
    points: pd.DataFrame
    fit: regression.Fit | None
    fit_note: str
    by_arm: dict[str, regression.Fit]


def collect(
    session: Session,
    study: Study,
    *,
    metric: Metric = Metric.MACRO_F1,
    measure: levels.Measure | None = None,
    run_ids: Sequence[int] | None = None,
) -> Findings:
    """Compute the findings of a study from its finished runs and answers.

    If `measure` is None or has no answers, the first measure with answers is used. `run_ids` restricts the findings to
    these runs (those of a study file, for example).
    """
    known = levels.measures(session, study)
    measure = measure if measure in known else next(iter(known), None)
    scores = runs.scores(session, study.id, run_ids=run_ids)
    found_gaps = points.gaps(scores, metric=metric)
    empty = pd.DataFrame(columns=levels.COLUMNS)
    subjectivity = levels.by_task(session, study, measure) if measure else empty
    table = points.join(found_gaps, subjectivity)
    fit, note = _fit(table)
    by_arm = {str(arm): own for arm, group in table.groupby("arm", sort=False) if (own := _fit(group)[0]) is not None}
    return Findings(
        study=study,
        metric=metric,
        measure=measure,
        scores=scores,
        gaps=found_gaps,
        subjectivity=subjectivity,
        points=table,
        fit=fit,
        fit_note=note,
        by_arm=by_arm,
    )


def reading(found: Findings) -> str:
    """The result of the regression in one sentence, with its interval and n, or the reason why there is no regression."""
    if found.fit is None:
        return found.fit_note
    span = found.points["subjectivity"].max() - found.points["subjectivity"].min()
    if not found.fit.interval.is_defined:
        return f"The slope is {found.fit.slope:.2f}, without an interval: {found.fit.note}"
    low, change, high = (span * slope for slope in (found.fit.low, found.fit.slope, found.fit.high))
    verb = "grows" if change >= 0 else "shrinks"
    if change < 0:
        low, change, high = -high, -change, -low
    change_text = Interval(change, low, high, found.fit.n).text()
    doubt = "" if low > 0 else " The interval includes no change at all."
    return (
        f"The {METRIC_NAMES[found.metric]} lost by training on synthetic data {verb} by {change_text} "
        f"from the most objective to the most subjective task ({found.fit.n} points, {found.points['task'].nunique()} tasks).{doubt}"
    )


def caution(found: Findings) -> str:
    """Sentences on the limits of the regression's evidence; "" if there is no regression."""
    if found.fit is None:
        return ""
    tasks = found.points["task"].nunique()
    known = found.subjectivity["low"].notna().any()
    no_interval = (
        "" if known else "The subjectivity of the tasks has no interval yet, so their places on the axis may change. "
    )
    few = f"{tasks} tasks say little: one more could turn the line. " if tasks < 8 else ""
    return f"{few}{no_interval}Arms of one task share its real score and its place on the axis, so the points are not independent."


def answers(found: Findings) -> int:
    """The number of answers behind the subjectivity of all tasks; a comparison of two tasks is one answer."""
    total = int(found.subjectivity["n"].sum())
    return total // 2 if found.measure == levels.Measure.COMPARISONS else total


def cautions(found: Findings) -> list[str]:
    """The notes of runs, such as on their training texts, each sentence once after the name of its task."""
    noted = [
        (task, note) for task, notes in zip(found.scores["task"], found.scores["notes"], strict=True) for note in notes
    ]
    return [f"{task}: {note}" for task, note in dict.fromkeys(noted)]


def as_json(found: Findings, *, report: str) -> dict[str, Any]:
    """The findings under the JSON keys of the command `run`; None where a number is not computable."""
    fit = {name: _plain(getattr(found.fit, name)) if found.fit else None for name in REGRESSION_KEYS}
    if found.fit is None:
        fit["n"] = len(found.points)
    return {
        "study": found.study.name,
        "sample_data": found.study.is_sample,
        "scores": _records(
            found.scores, ["task", "arm", "encoder", "seed", "n_train", "macro_f1", "accuracy", "n_test"]
        ),
        "gaps": _records(found.gaps, ["task", "arm", "encoder", "metric", "gap", "low", "high", "n_seeds"]),
        "subjectivity": _records(found.subjectivity, ["task", "value", "low", "high", "n", "level"]),
        "subjectivity_measure": found.measure,
        "regression": fit | {"tasks": int(found.points["task"].nunique()), "note": found.fit_note},
        "regression_by_arm": {
            arm: {name: _plain(getattr(own, name)) for name in REGRESSION_KEYS} for arm, own in found.by_arm.items()
        },
        "reading": reading(found),
        "cautions": cautions(found),
        "report": report,
    }


def _fit(table: pd.DataFrame) -> tuple[regression.Fit | None, str]:
    """The regression of gap on subjectivity, or None with the reason."""
    tasks = table["task"].nunique()
    if tasks < 3:
        return None, f"Regression needs at least 3 tasks with runs and a known subjectivity; this study has {tasks}."
    try:
        return regression.fit(table, x="subjectivity", y="gap"), ""
    except StudyError as error:
        return None, str(error)


def _records(frame: pd.DataFrame, columns: list[str]) -> list[dict[str, Any]]:
    return [{str(name): _plain(value) for name, value in row.items()} for row in frame[columns].to_dict("records")]


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
