"""Collect the findings of a study: scores, gaps, subjectivity and regression, for the page, report and command."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from sqlalchemy.orm import Session

from core.analysis import data_notes, gap_table, points, regression, slope
from core.analysis.gap_table import GapTable
from core.analysis.points import METRIC_NAMES, Metric
from core.analysis.verdicts import verdict
from core.analysis.verdicts.measured import ArmGap, KnownTask
from core.analysis.verdicts.verdict import Verdict
from core.errors import StudyError
from core.interval import Interval
from core.study import tasks
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Study
from core.subjectivity import levels
from core.training import runs
from core.wording import counted, percent, shown

REGRESSION_KEYS = (
    "slope", "intercept", "r2", "p", "low", "high", "df", "spearman", "spearman_p", "permutation_p", "n",
)  # fmt: skip


@dataclass(frozen=True)
class Findings:
    """The findings of a study for one metric and one measure of subjectivity.

    `measure` is None if the study has no answers on subjectivity. `scores`, `subjectivity` and `points`: tables of
    `runs.scores`, `levels.by_task` and `points.join`, the last with `counts`: whether the real arm is shown to have learned. `gaps`: those
    of `gap_table`. `fit`: the regression over tasks, None if it cannot be computed, for the reason in `fit_note`; of the points that count.
    `exact`: its slope if subjectivity were known without error. `by_arm`: arm -> regression over tasks of the arm alone.
    `left_out`: a sentence on runs of other settings, or "". `notes`: sentences on the data.
    """

    study: Study
    metric: Metric
    measure: levels.Measure | None
    scores: pd.DataFrame
    measured: GapTable
    subjectivity: pd.DataFrame
    points: pd.DataFrame
    fit: regression.Fit | None
    fit_note: str
    exact: slope.Exact | None
    by_arm: dict[str, regression.Fit]
    left_out: str
    notes: tuple[str, ...] = ()

    @property
    def gaps(self) -> pd.DataFrame:
        """The table of gaps, one row per task, synthetic arm and encoder."""
        return self.measured.table

    @property
    def line(self) -> pd.DataFrame:
        """The `points` that the regression counts: those whose real arm is shown to have learned."""
        return _learned(self.points, self.measured)

    def unlearned_encoders(self, task: str) -> tuple[str, ...]:
        """The encoders with which the real arm of a task is not shown to have learned, sorted."""
        return tuple(sorted(encoder for name, encoder in self.measured.unlearned if name == task))

    @property
    def by_task(self) -> pd.DataFrame:
        """All gaps with the subjectivity of their tasks, as `points.join`; tasks of unknown subjectivity come last. `counts`: whether the
        real arm is shown to have learned, so that the gap means something."""
        found = points.join(self.gaps, self.subjectivity, unplaced=True)
        return found.assign(counts=_is_learned(found, self.measured))


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
    answered = runs.answers(session, study.id)
    scores, left_out = gap_table.of_one_setting(runs.scores(session, study.id, run_ids=run_ids, answered=answered))
    measured = gap_table.of_runs(scores, answered, metric=metric)
    empty = pd.DataFrame(columns=levels.COLUMNS)
    subjectivity = levels.by_task(session, study, measure) if measure else empty
    table = points.join(measured.table, subjectivity)
    line = _learned(table, measured)
    fit, note = _fit(line)
    by_arm = {str(arm): own for arm, group in line.groupby("arm", sort=False) if (own := _fit(group)[0]) is not None}
    return Findings(
        study=study,
        metric=metric,
        measure=measure,
        scores=scores,
        measured=measured,
        subjectivity=subjectivity,
        points=table.assign(counts=_is_learned(table, measured)),
        fit=fit,
        fit_note=note,
        exact=_exact(fit, line, subjectivity, measure),
        by_arm=by_arm,
        left_out=left_out,
        notes=(
            *data_notes.of_runs(session, study.id, scores, answered),
            *data_notes.of_test_texts(session, study.id, run_ids=set(scores["run_id"])),
            *data_notes.of_length(scores),
            *data_notes.of_gaps(measured),
            *data_notes.of_subjectivity(measured.table, subjectivity),
        ),
    )


def _learned(points_: pd.DataFrame, measured: GapTable) -> pd.DataFrame:
    """The points whose real arm is shown to have learned with their encoder."""
    return points_[_is_learned(points_, measured)]


def _is_learned(points_: pd.DataFrame, measured: GapTable) -> "pd.Series[bool]":
    pairs = zip(points_["task"], points_["encoder"], strict=True)
    return pd.Series([pair not in measured.unlearned for pair in pairs], index=points_.index, dtype=bool)


def _exact(
    fit: regression.Fit | None, line: pd.DataFrame, subjectivity: pd.DataFrame, measure: levels.Measure | None
) -> slope.Exact | None:
    """The slope corrected for errors of subjectivity; the strengths of comparisons were centred over all tasks that were compared."""
    if fit is None:
        return None
    placed = subjectivity[subjectivity["task"].isin(line["task"])]
    n_compared = int(subjectivity["value"].notna().sum()) if measure is levels.Measure.COMPARISONS else 0
    return slope.exact(fit, placed, value="value", error="error", n_compared=n_compared)


def known_tasks(found: Findings, names: Sequence[str]) -> list[KnownTask]:
    """What is known of each named task for a verdict: its subjectivity, the gaps of its arms with the encoders whose real arm is shown to
    have learned, and why there are none if no encoder's is."""
    rows = (
        found.subjectivity[["task", "value", "low", "high", "n", "error"]].dropna(subset=["value"]).to_dict("records")
    )
    places = {row["task"]: Interval(row["value"], row["low"], row["high"], int(row["n"]), row["error"]) for row in rows}
    rated = set(found.subjectivity.loc[found.subjectivity["n"] > 0, "task"])
    kinds = dict(zip(found.gaps["arm"], found.gaps["arm_kind"], strict=True))
    return [
        KnownTask(
            name,
            places.get(name),
            tuple(
                ArmGap(arm, ArmKind(kinds[arm]), encoder, gap)
                for (task, arm, encoder), gap in found.measured.by_arm.items()
                if task == name and (task, encoder) not in found.measured.unlearned
            ),
            unlearned=found.measured.why_unlearned(name),
            is_rated=name in rated,
        )
        for name in names
    ]


def verdict_on(session: Session, found: Findings, task: str, *, margin: float = verdict.MARGIN) -> Verdict:
    """The verdict on a task from its own runs and from the study's other tasks.

    `margin`: the largest gap that can be borne, in score units. Raises `StudyError` if the margin is not between 0 and 1.
    """
    others = [known.name for known in tasks.tasks(session, found.study.id) if known.name != task]
    own = replace(known_tasks(found, [task])[0], kinds=_synthetic_kinds(session, found.study, task))
    return verdict.verdict(own, known_tasks(found, others), measure=found.measure, margin=margin)


def _synthetic_kinds(session: Session, study: Study, task: str) -> tuple[ArmKind, ...]:
    """The kinds of the synthetic arms of a task, or those of the whole study if the task has no synthetic arm."""
    by_task = {
        known.name: {arm.kind for arm in tasks.arms(session, known.id)} - {ArmKind.REAL}
        for known in tasks.tasks(session, study.id)
    }
    return tuple(by_task.get(task) or {kind for kinds in by_task.values() for kind in kinds})


def reading(found: Findings) -> str:
    """The regression over tasks in words, with its interval and degrees of freedom, or the reason why there is no regression; then the
    tasks that no line counts, because their real arm is not shown to have learned."""
    in_line = set(found.line["task"])
    named = [shown(task) for task in dict.fromkeys(found.points["task"]) if task not in in_line]
    if not named:
        return _reading(found)
    tasks_left = counted(len(named), "task")
    return (
        f"{_reading(found)} Not in the line: {tasks_left} whose real arm is not shown to beat chance and the commonest label "
        f"({', '.join(named)})."
    )


def _reading(found: Findings) -> str:
    if found.fit is None:
        return found.fit_note
    fit = found.fit
    span = found.line["subjectivity"].max() - found.line["subjectivity"].min()
    low, rise, high = (100 * span * value for value in (fit.low, fit.slope, fit.high))
    if not math.isfinite(low):
        return f"The slope is {100 * fit.slope:.0f} points over {fit.n_groups} tasks, without an interval. {fit.note}"
    where = "from the most objective to the most subjective task"
    size = f"{fit.n_groups} tasks, {fit.df:.1f} degrees of freedom"
    note = f" {fit.note}" if fit.note else ""
    lost = f"{METRIC_NAMES[found.metric]} lost by training on synthetic data"
    change = f"changes by {rise:+z.0f} points [{low:z.0f}, {high:z.0f}] {where} ({size})"
    if fit.df < slope.SPEAKING_DF:
        return f"The {lost} {change}; so few degrees of freedom are no evidence of a trend.{note}"
    if low <= 0 <= high:
        return f"Whether the {lost} depends on subjectivity is not known: it {change}.{note}"
    verb = "grows" if rise > 0 else "shrinks"
    if rise < 0:
        low, rise, high = -high, -rise, -low
    return f"The {lost} {verb} by {rise:.0f} points [{low:z.0f}, {high:z.0f}] {where} ({size}).{note}"


def caution(found: Findings) -> str:
    """Sentences on the limits of the regression's evidence; "" if there is no regression."""
    if found.fit is None or found.exact is None:
        return ""
    few = f"{found.fit.n_groups} tasks say little: one more could turn the line. " if found.fit.n_groups < 8 else ""
    return f"{few}{_reliability(found.exact)}Tasks count, not points: arms of one task share its texts and its subjectivity."


def _reliability(exact: slope.Exact) -> str:
    if not math.isfinite(exact.reliability):
        return "The subjectivity of the tasks has no interval yet, so their places on the axis may change. "
    share = f"{percent(exact.reliability)} of the spread of the tasks on the axis is more than error of measurement"
    if not math.isfinite(exact.low):
        return f"{share}. "
    return (
        f"{share}; with subjectivity known exactly the slope would be {100 * exact.slope:.0f} points [{100 * exact.low:z.0f}, "
        f"{100 * exact.high:z.0f}]. "
    )


def answers(found: Findings) -> int:
    """The number of answers behind the subjectivity of all tasks; a comparison of two tasks is one answer."""
    total = int(found.subjectivity["n"].sum())
    return total // 2 if found.measure == levels.Measure.COMPARISONS else total


def cautions(found: Findings) -> list[str]:
    """What to mind about runs, gaps and data, and the notes of runs, each sentence once after the name of its task."""
    noted = [
        (task, note) for task, notes in zip(found.scores["task"], found.scores["notes"], strict=True) for note in notes
    ]
    nothing = [
        f"{shown(task)}: {why}, so a gap to it means nothing." for task, why in found.measured.unlearned_clauses()
    ]
    return [
        *([found.left_out] if found.left_out else []),
        *gap_table.other_devices(found.scores),
        *nothing,
        *found.notes,
        *(f"{shown(task)}: {note}" for task, note in dict.fromkeys(noted)),
    ]


def as_json(found: Findings, *, report: str, baselines: Sequence[Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """The findings under the JSON keys of the command `run`; None where a number is not computable.

    `baselines`: the rows of the baselines (`results.records`); by default those of the commonest label alone.
    """
    fit = {name: _plain(getattr(found.fit, name)) if found.fit else None for name in REGRESSION_KEYS}
    if found.fit is None:
        fit["n"] = len(found.line)
    return {
        "study": found.study.name,
        "sample_data": found.study.is_sample,
        "scores": records(
            found.scores, ["task", "arm", "encoder", "seed", "n_train", "macro_f1", "accuracy", "n_test", "converged"]
        ),
        "baselines": records(found.measured.baselines, ["task", "name", "macro_f1", "accuracy"])
        if baselines is None
        else list(baselines),
        "gaps": records(
            found.gaps, ["task", "arm", "encoder", "metric", "gap", "low", "high", "n_seeds", "n_test", "note"]
        ),
        "subjectivity": records(found.subjectivity, ["task", "value", "low", "high", "n", "level"]),
        "subjectivity_measure": found.measure,
        "regression": fit | {"tasks": int(found.line["task"].nunique()), "note": found.fit_note},
        "regression_by_arm": {
            arm: {name: _plain(getattr(own, name)) for name in REGRESSION_KEYS} for arm, own in found.by_arm.items()
        },
        "reading": reading(found),
        "cautions": cautions(found),
        "report": report,
    }


def _fit(table: pd.DataFrame) -> tuple[regression.Fit | None, str]:
    """The regression of gap on subjectivity over tasks, or None with the reason."""
    tasks = table["task"].nunique()
    if tasks < 3:
        return None, f"Regression needs at least 3 tasks with runs and a known subjectivity; this study has {tasks}."
    if table["subjectivity"].nunique() == 1:
        return None, f"All {tasks} tasks have the same subjectivity, so no line can be drawn over it."
    try:
        return slope.over_groups(table, x="subjectivity", y="gap", group="task", alike=("arm", "encoder")), ""
    except StudyError as error:
        return None, str(error)


def records(frame: pd.DataFrame, columns: list[str]) -> list[dict[str, Any]]:
    """The rows of a table for JSON; None where a number is not computable."""
    return [{str(name): _plain(value) for name, value in row.items()} for row in frame[columns].to_dict("records")]


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
