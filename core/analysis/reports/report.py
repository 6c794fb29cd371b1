"""Write the findings of a study as one HTML file that needs no network."""

import math
import time
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import pandas as pd
import plotly.graph_objects as go
import plotly.offline
from sqlalchemy.orm import Session

from core.analysis import data_notes, findings, gap_words, score_rows
from core.analysis.arms import trained
from core.analysis.figures import gap_charts, gap_forest, gap_scatter, unconverged
from core.analysis.findings import Findings
from core.analysis.headline import headline
from core.analysis.instances import evidence
from core.analysis.points import METRIC_NAMES, Metric
from core.analysis.reports.pack import methods, tables, texts
from core.analysis.trust import checks, frozen
from core.analysis.verdicts import verdict_words
from core.analysis.verdicts.verdict import MARGIN
from core.interval import Interval
from core.settings import Settings
from core.study import tasks
from core.training import runs
from core.wording import percent

TEMPLATE = Path(__file__).with_name("report.html.j2")
NOTHING = "–"
RESPONSIVE = {"responsive": True, "displaylogo": False}
HEADINGS: dict[str, str] = {
    "task": "Task",
    "arm": "Arm",
    "encoder": "Encoder",
    "seeds": "Seeds",
    "n_train": "Training texts",
    "n_test": "Test texts",
    "device": "Device",
    **METRIC_NAMES,
    "gap": "Points lost [95 % interval]",
    "value": "Subjectivity [95 % interval]",
    "n": "Answers",
    "commonest": "Share of the commonest label",
    "level": "Level",
}


class Drawn(NamedTuple):
    """A figure with its title and caption."""

    title: str
    figure: go.Figure
    caption: str


def write(session: Session, found: Findings, folder: Path, *, settings: Settings | None = None) -> Path:
    """Write `report.html` into a folder, made if missing, and return its path; `settings` as in `render`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.html"
    path.write_text(render(session, found, settings=settings), encoding="utf-8")
    return path


def render(session: Session, found: Findings, *, settings: Settings | None = None) -> str:
    """The report as HTML; texts are escaped, and the script of the figures is included.

    `settings` name the home that keeps the measures of quality; without them the report has none.
    """
    plan = frozen.latest(session, found.study.id)
    margin = float(plan.content["margin"]) if plan else MARGIN
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        study=found.study,
        made=time.strftime("%Y-%m-%d %H:%M"),
        headline=headline(found),
        reading=findings.reading(found),
        has_line=found.fit is not None,
        verdicts=_verdicts(session, found, margin),
        margin=verdict_words.margin_points(margin),
        caution=findings.caution(found),
        trust=_trust(session, found, margin),
        cautions=findings.cautions(found),
        metric=METRIC_NAMES[found.metric],
        figures=_figures(session, found),
        plotly_script=plotly.offline.get_plotlyjs(),
        tables=[
            ("Scores on real test data", _score_note(found), _table(_score_table(found))),
            ("Subjectivity of the tasks, most objective first", "", _table(_subjectivity_table(found))),
        ],
        captioned=[
            (title, table)
            for title, table in (
                ("Baselines", tables.baselines(session, found)),
                ("Beside the paper", tables.published(found)),
                ("What the synthetic texts took", texts.written(session, found)),
                ("How varied the texts are", texts.quality(session, found, settings)),
                ("Raters", tables.raters(session, found)),
            )
            if table.rows
        ],
        methods=methods.of_study(session, found).paragraphs,
        questions=[(task.name, task.question) for task in tasks.tasks(session, found.study.id)],
    )


def _verdicts(session: Session, found: Findings, margin: float) -> list[tuple[str, str]]:
    """Each task that has a gap or a known subjectivity, with its verdict in words."""
    known = {*found.gaps["task"], *found.subjectivity["task"]}
    named = [task.name for task in tasks.tasks(session, found.study.id) if task.name in known]
    said = [findings.verdict_on(session, found, name, margin=margin) for name in named]
    return [(name, verdict_words.headline(one, found.measure)) for name, one in zip(named, said, strict=True)]


def _trust(session: Session, found: Findings, margin: float) -> list[tuple[str, list[str]]]:
    """What was checked and what was not: of the study with its frozen plan, then of each task with runs, in lines."""
    plan, deviations = checks.of_plan(session, found.study, metric=found.metric, margin=margin)
    frozen_plan = frozen.latest(session, found.study.id)
    said = [(found.study.name, [plan.line, *([frozen.words(frozen_plan)] if frozen_plan else []), *deviations])]
    known = set(found.scores["task"])
    arms = trained.of_runs(found.scores, runs.answers(session, found.study.id))
    return said + [
        (task.name, [check.line for check in checks.of_task(session, task, metric=found.metric, arms=arms)])
        for task in tasks.tasks(session, found.study.id)
        if task.name in known
    ]


def _figures(session: Session, found: Findings) -> list[tuple[str, str, str]]:
    """The title, HTML and caption of every figure for which the study has data."""
    return [
        (
            title,
            figure.to_html(
                full_html=False, include_plotlyjs=False, default_height=f"{figure.layout.height}px", config=RESPONSIVE
            ),
            caption,
        )
        for title, figure, caption in drawn_figures(session, found)
    ]


def drawn_figures(session: Session, found: Findings) -> list[Drawn]:
    """Every figure for which the study has data, with title and caption."""
    drawn: list[tuple[str, go.Figure, str]] = []
    if not found.gaps.empty:
        by_task = found.by_task
        drawn.append(
            ("Gap by task", gap_forest.gaps_by_task(by_task, metric=found.metric), gap_words.gaps_by_task(by_task))
        )
    if not found.points.empty and found.measure:
        drawn.append(
            (
                "Performance against subjectivity",
                gap_scatter.gap_against_subjectivity(
                    found.points, found.fit, measure=found.measure, metric=found.metric, by_arm=found.by_arm
                ),
                "Each mark is one arm of one task; upright bars are 95 % intervals over test texts and seeds. The rows below hold the "
                "subjectivity of the tasks with 95 % intervals over raters or texts. "
                + unconverged.sentence(list(found.points["unconverged"]), "gap"),
            )
        )
    if not found.scores.empty:
        order = [*found.subjectivity["task"], *found.scores["task"].unique()]
        drawn.append(
            (
                "Scores by task",
                gap_charts.scores_by_task(
                    found.scores,
                    metric=found.metric,
                    order=list(dict.fromkeys(order)),
                    ceilings=evidence.ceilings(session, found.study, metric=found.metric),
                ),
                "Small marks are single runs, large marks their mean. A grey line is the label ceiling: the score of one rater against "
                "the majority of the others, with its 95 % interval. "
                + unconverged.sentence(list(found.scores["converged"].eq(False)), "run"),
            )
        )
    every = [*drawn, *_agreement_figures(session, found)]
    return [Drawn(title, figure, caption.strip()) for title, figure, caption in every]


def _agreement_figures(session: Session, found: Findings) -> list[tuple[str, go.Figure, str]]:
    """The title, threshold curves and caption of each task with rated texts that runs predicted."""
    drawn: list[tuple[str, go.Figure, str]] = []
    for task in tasks.tasks(session, found.study.id):
        agreed = evidence.of_task(
            session,
            found.study,
            task.name,
            run_ids=list(found.scores["run_id"]),
            unlearned=found.unlearned_encoders(task.name),
        )
        if agreed and agreed.curves:
            cut = data_notes.cut_arms(found.scores, task.name) & set(agreed.curves)
            drawn.append(
                (
                    f"Accuracy on samples that raters agree on: {task.name}",
                    gap_charts.threshold_curves(agreed.curves, agreed.ceiling_curve, cut=cut),
                    "Test samples are kept when at least this share of their raters chose the same label, labels weighted as at the "
                    f"lowest share; bands are 95 % Wilson intervals. {agreed.reading} "
                    + unconverged.sentence_of_arms(cut),
                )
            )
    return drawn


def _score_table(found: Findings) -> pd.DataFrame:
    """Mean scores with gaps in points, a row per task, arm, encoder and conditions; without a gap there stands a dash."""
    rows = score_rows.of_study(found)
    spans = zip(100 * rows["gap"], 100 * rows["low"], 100 * rows["high"], strict=True)
    written = rows.assign(gap=[Interval(*span, n=0).text(digits=1) for span in spans])
    device = ["device"] if written["device"].nunique() > 1 else []
    return written[["task", "arm", "encoder", "seeds", "n_train", "n_test", *device, *Metric, "gap"]]


def _score_note(found: Findings) -> str:
    """What a row of the scores holds, if an arm stands in several rows; else ""."""
    return score_rows.SEVERAL if score_rows.has_several_conditions(score_rows.of_study(found)) else ""


def _subjectivity_table(found: Findings) -> pd.DataFrame:
    """The subjectivity of the tasks with intervals, without columns that have no value."""
    known = found.subjectivity
    spans = zip(known["value"], known["low"], known["high"], strict=True)
    return known.assign(
        value=[Interval(*span, n=0).text() for span in spans],
        n=[f"{int(n):,}" for n in known["n"]],
        level=[_whole(level) for level in known["level"]],
        commonest=[percent(share) if math.isfinite(share) else NOTHING for share in known["commonest"]],
    )[["task", "value", "n", *(name for name in ("level", "commonest") if known[name].notna().any())]]


def _table(frame: pd.DataFrame) -> dict[str, Any]:
    """A table for the template: headings of the columns, and rows of strings."""
    rows = [[_cell(value) for value in row] for row in frame.itertuples(index=False)]
    return {"columns": [HEADINGS.get(str(name), str(name)) for name in frame.columns], "rows": rows}


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}" if math.isfinite(value) else NOTHING
    return f"{value:,}" if isinstance(value, int) else str(value)


def _whole(value: float) -> str:
    return str(int(value)) if math.isfinite(value) else NOTHING
