"""Write the findings of a study as one HTML file that needs no network."""

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import plotly.graph_objects as go
import plotly.offline
from sqlalchemy.orm import Session

from core.analysis import findings, points, thresholds
from core.analysis.figures import gap_charts
from core.analysis.findings import Findings
from core.analysis.inference.on_agreement import CAVEAT, Effect, effect_words
from core.analysis.points import METRIC_NAMES
from core.analysis.trust import checks, frozen
from core.analysis.verdicts import verdict_words
from core.study import tasks
from core.study.rows.kinds import ArmKind

TEMPLATE = Path(__file__).with_name("report.html.j2")
HEADINGS: dict[str, str] = {
    "task": "Task",
    "arm": "Arm",
    "encoder": "Encoder",
    "runs": "Seeds",
    "n_train": "Training texts",
    "n_test": "Test samples",
    **METRIC_NAMES,
    "gap": "Gap",
    "low": "Low",
    "high": "High",
    "value": "Subjectivity",
    "n": "Answers",
    "level": "Level",
}


def write(session: Session, found: Findings, folder: Path) -> Path:
    """Write `report.html` into a folder, made if missing, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.html"
    path.write_text(render(session, found), encoding="utf-8")
    return path


def render(session: Session, found: Findings) -> str:
    """The report as HTML; texts are escaped, and the script of the figures is included."""
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        study=found.study,
        made=time.strftime("%Y-%m-%d %H:%M"),
        reading=findings.reading(found),
        verdicts=_verdicts(session, found),
        caution=findings.caution(found),
        trust=_trust(session, found),
        cautions=findings.cautions(found),
        metric=METRIC_NAMES[found.metric],
        figures=_figures(session, found),
        plotly_script=plotly.offline.get_plotlyjs(),
        tables=[
            ("Scores on real test data", _table(_score_table(found))),
            ("Subjectivity of the tasks, most objective first", _table(found.subjectivity)),
        ],
        config=found.study.config,
        questions=[(task.name, task.question) for task in tasks.tasks(session, found.study.id)],
    )


def _verdicts(session: Session, found: Findings) -> list[tuple[str, str]]:
    """Each task that has a gap or a known subjectivity, with its verdict in words."""
    known = {*found.gaps["task"], *found.subjectivity["task"]}
    named = [task.name for task in tasks.tasks(session, found.study.id) if task.name in known]
    return [(name, verdict_words.headline(findings.verdict_on(session, found, name), found.measure)) for name in named]


def _trust(session: Session, found: Findings) -> list[tuple[str, list[str]]]:
    """What was checked and what was not: of the study with its frozen plan, then of each task with runs, in lines."""
    plan, deviations = checks.of_plan(session, found.study, metric=found.metric)
    frozen_plan = frozen.latest(session, found.study.id)
    said = [(found.study.name, [plan.line, *([frozen.words(frozen_plan)] if frozen_plan else []), *deviations])]
    known = set(found.scores["task"])
    return said + [
        (task.name, [check.line for check in checks.of_task(session, task)])
        for task in tasks.tasks(session, found.study.id)
        if task.name in known
    ]


@dataclass(frozen=True)
class OverAgreement:
    """The threshold curve of each arm of a task, over all encoders and seeds, and the effect of agreement on each arm's gap."""

    curves: dict[str, pd.DataFrame]
    effects: dict[str, Effect]

    @property
    def reading(self) -> str:
        """The effects in words, with the caveat that belongs to them."""
        said = "; ".join(f"{arm}: {effect_words(effect)}" for arm, effect in self.effects.items())
        return f"{said}. {CAVEAT}" if said else ""


def over_agreement(session: Session, found: Findings, task: str) -> OverAgreement:
    """What the agreement of raters has to do with the answers of a task's runs; without curves if no rated sample was predicted.

    Thresholds above which fewer than 20 samples lie are left out.
    """
    run_ids = [int(number) for number in found.scores["run_id"]]
    instances = points.by_instance(session, found.study, task, run_ids=run_ids)
    curves = {str(arm): thresholds.curve(group) for arm, group in instances.groupby("arm", sort=False)}
    shown = {arm: curve[curve["n"] >= thresholds.FEWEST_SAMPLES] for arm, curve in curves.items()}
    return OverAgreement({arm: curve for arm, curve in shown.items() if len(curve)}, points.over_agreement(instances))


def long_table(curves: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The threshold curves of arms as one table with a column arm."""
    return pd.concat([curve.assign(arm=arm) for arm, curve in curves.items()], ignore_index=True)


def _figures(session: Session, found: Findings) -> list[tuple[str, str, str]]:
    """The title, HTML and caption of every figure for which the study has data."""
    drawn: list[tuple[str, go.Figure, str]] = []
    if not found.points.empty and found.measure:
        drawn.append(
            (
                "Performance against subjectivity",
                gap_charts.gap_against_subjectivity(
                    found.points, found.fit, measure=found.measure, metric=found.metric
                ),
                "Each mark is one arm of one task; bars are 95 % intervals (over test texts and seeds upward, over raters sideways). "
                "Under three seeds no interval is drawn.",
            )
        )
    if not found.scores.empty:
        order = [*found.subjectivity["task"], *found.scores["task"].unique()]
        drawn.append(
            (
                "Scores by task",
                gap_charts.scores_by_task(found.scores, metric=found.metric, order=list(dict.fromkeys(order))),
                "Small marks are single runs, large marks their mean.",
            )
        )
    for task in tasks.tasks(session, found.study.id):
        agreed = over_agreement(session, found, task.name)
        if agreed.curves:
            drawn.append(
                (
                    f"Accuracy on samples that raters agree on: {task.name}",
                    gap_charts.threshold_curves(agreed.curves),
                    "Test samples are kept when at least this share of their raters chose the same label; bands are 95 % Wilson "
                    f"intervals. {agreed.reading}",
                )
            )
    return [
        (
            title,
            figure.to_html(full_html=False, include_plotlyjs=False, default_height=f"{figure.layout.height}px"),
            caption,
        )
        for title, figure, caption in drawn
    ]


def _score_table(found: Findings) -> pd.DataFrame:
    """Mean scores with gaps, a row per task, arm and encoder; the gap of the real arm is nan."""
    if found.scores.empty:
        return pd.DataFrame(columns=["task", "arm", "encoder", "runs", "macro_f1", "accuracy", "gap", "low", "high"])
    means = (
        found.scores.groupby(["task", "arm", "arm_kind", "encoder"], sort=False)
        .agg(
            runs=("seed", "size"),
            n_train=("n_train", "first"),
            n_test=("n_test", "first"),
            macro_f1=("macro_f1", "mean"),
            accuracy=("accuracy", "mean"),
        )
        .reset_index()
    )
    beside = means.merge(
        found.gaps[["task", "arm", "encoder", "gap", "low", "high"]], on=["task", "arm", "encoder"], how="left"
    )
    beside.loc[beside["arm_kind"] == ArmKind.REAL, ["gap", "low", "high"]] = float("nan")
    return beside.drop(columns="arm_kind")


def _table(frame: pd.DataFrame) -> dict[str, Any]:
    """A table for the template: headings of the columns, and rows of strings."""
    rows = [[_cell(value) for value in row] for row in frame.itertuples(index=False)]
    return {"columns": [HEADINGS.get(str(name), str(name)) for name in frame.columns], "rows": rows}


def _cell(value: Any) -> str:
    if isinstance(value, float):
        if not math.isfinite(value):
            return "–"
        return str(int(value)) if value == int(value) and abs(value) > 1 else f"{value:.3f}"
    return str(value)
