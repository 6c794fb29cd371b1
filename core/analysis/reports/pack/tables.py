"""The tables of a paper about a study, with cells as they are printed: scores, gaps, subjectivity, regression, raters, published gaps."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.analysis import beside_paper, score_rows
from core.analysis.arms import trained
from core.analysis.baselines import results, sentences
from core.analysis.findings import Findings
from core.analysis.inference import gaps
from core.analysis.points import METRIC_NAMES, Metric
from core.analysis.regression import Fit
from core.interval import Interval
from core.study import tasks
from core.study.rows.kinds import CampaignKind
from core.study.rows.sessions import Campaign, Comparison, Rater, Rating
from core.training import runs

NOTHING = "–"
DAGGER = "†"
PAY_UNKNOWN = "Pay is not stored in Litmus: state what raters were paid, and how consent was asked, before you publish."


@dataclass(frozen=True)
class PaperTable:
    """A table with its cells as text. `texts`: the number of columns from the left that hold texts, not numbers."""

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    texts: int


def of_study(session: Session, found: Findings) -> list[PaperTable]:
    """The tables for which the study has data."""
    made = [
        _scores(found),
        _gaps(found),
        baselines(session, found),
        _subjectivity(found),
        _regression(found),
        raters(session, found),
        published(found),
    ]
    return [table for table in made if table.rows]


def baselines(session: Session, found: Findings) -> PaperTable:
    """The baselines of each task beside the arms' runs: a row for each; without rows if no task has test texts."""
    arms = trained.of_runs(found.scores, runs.answers(session, found.study.id))
    spread = trained.shared_spread(arms, found.metric)
    of_tasks = results.of_study(session, found.study, arms)
    rows = [
        (
            one.task, result.short_words, result.arm or NOTHING,
            *(gaps.mean_score(result.scored(metric)).text(digits=3) for metric in Metric),
            str(result.n_train or NOTHING), str(len(result.predicted)) if result.n_train else NOTHING, str(len(result.truth)),
        )
        for one in of_tasks
        for result in one.results
    ]  # fmt: skip
    said = [
        f"{one.task}: {sentence}"
        for one in of_tasks
        if arms.encoders(one.task)
        for sentence in sentences.not_beaten(
            one, trained.comparable(arms, one.task), metric=found.metric, spread=spread
        )
    ]
    return PaperTable(
        "baselines",
        " ".join(["Baselines on the real test texts, with 95 % intervals over new test texts and other choices of training texts.", *said]),
        ("Task", "Baseline", "Texts of", "Macro-F1 [95 %]", "Accuracy [95 %]", "Training texts", "Seeds", "Test texts"),
        tuple(rows),
        3,
    )  # fmt: skip


def published(found: Findings) -> PaperTable:
    """Our gaps beside those of the paper; without rows if no task of the study is one of the paper's."""
    beside = beside_paper.beside(found)
    rows = [
        (
            row["task"], row["arm"], row["encoder"], _gap(row), _number(row["paper_gap"], 3), row["direction"], row["status"],
            row["paper_encoder"], _number(row["paper_real"], 3), _number(row["paper_score"], 3), str(row["n_seeds"]),
        )
        for row in _records(beside.table)
    ]  # fmt: skip
    return PaperTable(
        "beside-the-paper",
        f"Gaps in {_metric(found)} beside those of Li et al. (2023). {' '.join(beside.readings)}",
        ("Task", "Arm", "Encoder", "Gap [95 %]", "Paper's gap", "Direction", "Published number is", "Paper's encoder",
         "Paper: real", "Paper: synthetic", "Seeds"),
        tuple(rows),
        3,
    )  # fmt: skip


def raters(session: Session, found: Findings) -> PaperTable:
    """The raters of each campaign: numbers of raters, answers and exclusions, and the median time of an answer."""
    rows = []
    campaigns = select(Campaign).where(Campaign.study_id == found.study.id).order_by(Campaign.id)
    names = {task.id: task.name for task in tasks.tasks(session, found.study.id)}
    for campaign in session.scalars(campaigns):
        task = names.get(campaign.task_id or 0, "all tasks")
        kinds = session.execute(
            select(Rater.kind, func.count(), func.count(Rater.excluded_at))
            .where(Rater.campaign_id == campaign.id)
            .group_by(Rater.kind)
        ).all()
        for kind, n, excluded in kinds:
            seconds = _seconds(session, campaign, kind)
            median = f"{seconds.median():.1f}" if seconds.notna().any() else NOTHING
            rows.append(
                (campaign.name, task, str(campaign.kind), str(kind), str(n), str(excluded), str(len(seconds)), median)
            )
    return PaperTable(
        "raters",
        f"Raters of each campaign; times are medians in seconds. {PAY_UNKNOWN}",
        ("Campaign", "Task", "Kind", "Raters are", "Raters", "Excluded", "Answers", "Seconds per answer"),
        tuple(rows),
        4,
    )


def _seconds(session: Session, campaign: Campaign, kind: str) -> "pd.Series[float]":
    """The time of each answer of a kind of raters in a campaign, in seconds; nan where it was not measured."""
    compares = campaign.kind in (CampaignKind.COMPARE, CampaignKind.COMPARE_ITEMS)
    answer = Comparison if compares else Rating
    query = select(answer.duration_ms).join(Rater, Rater.id == answer.rater_id)
    query = query.where(Rater.campaign_id == campaign.id, Rater.kind == kind)
    return pd.Series([float("nan") if ms is None else ms / 1000 for ms in session.scalars(query)], dtype="float64")


def _scores(found: Findings) -> PaperTable:
    means = score_rows.of_study(found)
    device = ["device"] if means["device"].nunique() > 1 else []
    rows = [
        (row["task"], row["arm"], row["encoder"], *(row[name] or NOTHING for name in device), str(row["seeds"]), str(row["n_train"]),
         str(row["n_test"]), _with_sd(row["macro_f1"], row["macro_f1_sd"]), _with_sd(row["accuracy"], row["accuracy_sd"]))
        for row in _records(means)
    ]  # fmt: skip
    caption = "Scores on the real test split: mean over seeds, in brackets the standard deviation over seeds."
    return PaperTable(
        "scores",
        f"{caption} {score_rows.SEVERAL}" if score_rows.has_several_conditions(means) else caption,
        (
            "Task",
            "Arm",
            "Encoder",
            *(["Device"] if device else []),
            "Seeds",
            "Training texts",
            "Test texts",
            "Macro-F1",
            "Accuracy",
        ),
        tuple(rows),
        3 + len(device),
    )


def _gaps(found: Findings) -> PaperTable:
    """The gaps, those to a real arm that is not shown to have learned with a dagger; notes on single gaps stand in the caption."""
    records = _records(found.gaps)
    is_dull = [(row["task"], row["encoder"]) in found.measured.unlearned for row in records]
    is_cut = any(row["unconverged"] for row in records)
    rows = [
        (row["task"], row["arm"], row["encoder"], str(row["n_seeds"]), str(row["n_test"]),
         *([str(row["unconverged"])] if is_cut else []), _gap(row) + f" {DAGGER}" * dull)
        for row, dull in zip(records, is_dull, strict=True)
    ]  # fmt: skip
    said = [
        f"Gap in {_metric(found)}: score with real training texts minus score with the arm's, with 95 % intervals over new test "
        "texts and new trainings.",
        *([f"{DAGGER} The real arm is not shown to beat chance and the commonest label: the gap means nothing."] if any(is_dull) else []),
        *_notes(records),
    ]  # fmt: skip
    return PaperTable(
        "gaps",
        " ".join(said),
        ("Task", "Arm", "Encoder", "Seeds", "Test texts", *(["Runs not converged"] if is_cut else []), "Gap [95 %]"),
        tuple(rows),
        3,
    )


def _notes(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """The notes of gaps, each once after the names of its gaps; runs that had not converged stand in a column of their own."""
    named: dict[str, list[str]] = {}
    for row in records:
        note = str(row["note"])
        if row["unconverged"]:
            note = note.partition(f"{row['unconverged']} of its ")[0].strip()
        if note:
            named.setdefault(note, []).append(f"{row['task']}, {row['arm']}")
    return [f"{'; '.join(names)}: {note}" for note, names in named.items()]


def _subjectivity(found: Findings) -> PaperTable:
    rows = [
        (
            row["task"],
            Interval(row["value"], row["low"], row["high"], int(row["n"])).text(),
            str(int(row["n"])),
            _whole(row["level"]),
        )
        for row in _records(found.subjectivity)
    ]
    return PaperTable(
        "subjectivity",
        f"Subjectivity of the tasks by {found.measure or 'raters'}, most objective first, with 95 % intervals.",
        ("Task", "Subjectivity [95 %]", "Answers", "Level"),
        tuple(rows),
        1,
    )


def _regression(found: Findings) -> PaperTable:
    fits = [("all arms", found.fit), *found.by_arm.items()] if found.fit else []
    return PaperTable(
        "regression",
        f"Gap in {_metric(found)} regressed on subjectivity over tasks (CR2 with Satterthwaite degrees of freedom).",
        ("Arms", "Slope [95 %]", "Degrees of freedom", "p", "R²", "Spearman", "p of Spearman", "Tasks"),
        tuple(_fit_row(name, fit) for name, fit in fits if fit is not None),
        1,
    )


def _fit_row(name: str, fit: Fit) -> tuple[str, ...]:
    slope = Interval(fit.slope, fit.low, fit.high, fit.n_groups).text(digits=3)
    numbers = (_number(fit.df, 1), _p(fit.p), _number(fit.r2, 2), _number(fit.spearman, 2), _p(fit.spearman_p))
    return (name, slope, *numbers, str(fit.n_groups))


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table, each as column -> value."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _gap(row: Mapping[str, Any]) -> str:
    """The gap of a row with its interval."""
    return Interval(row["gap"], row["low"], row["high"], int(row["n_test"])).text(digits=3)


def _metric(found: Findings) -> str:
    return METRIC_NAMES[found.metric].lower().replace("f1", "F1")


def _with_sd(mean: float, sd: float) -> str:
    return f"{mean:.3f} ({sd:.3f})" if math.isfinite(sd) else _number(mean, 3)


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else NOTHING


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else _number(value, 3)


def _whole(value: float) -> str:
    return str(int(value)) if math.isfinite(value) else NOTHING


def described(tables: Sequence[PaperTable], name: str) -> PaperTable | None:
    """The table of this name; None if the study has no data for it."""
    return next((table for table in tables if table.name == name), None)
