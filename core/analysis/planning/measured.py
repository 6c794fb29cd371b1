"""What a study's own runs, answers and completions say about the numbers of a plan."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.analysis import slope
from core.analysis.findings import Findings
from core.analysis.inference.gaps import Gap
from core.analysis.planning.inputs import Inputs, Number, Origin
from core.study import samples
from core.study.rows.kinds import ArmKind, SampleStatus, Split
from core.study.rows.sessions import Campaign, Comparison, Rater, Rating
from core.study.rows.study import Arm, Completion, Run, Sample, Task
from core.subjectivity import levels, ratings
from core.training import pace

FEWEST_TASKS = 6  # with gaps, before the spread of tasks is taken from the study
LEAST_FOR_A_LINE = 3  # tasks with gaps of one arm and encoder
FEWEST_RATED = 3  # with ratings, before what a rating says is taken from the study
LEAST_TAU = 0.01
HOUR_MS = 3_600_000  # an answer that took longer was left open


def inputs_of(session: Session, found: Findings, *, task: str | None = None) -> Inputs:
    """The inputs of a plan from a study: its own numbers where it has them, else the assumptions.

    `task` names the task that a question about one task is about: its own gaps count if it has any, and its test texts.
    """
    own = [gap for (name, _, _), gap in found.measured.by_arm.items() if name == task]
    every = list(found.measured.by_arm.values())
    numbers = of_gaps(own, "gaps of this task") or of_gaps(every, "gaps of the study")
    if numbers and found.measured.spread.df > 0:
        said = "the arms of the study lend one another their spread over seeds"
        numbers["spread_df"] = Number(found.measured.spread.df, Origin.STUDY, said)
    known = numbers | _over_tasks(found) | _of_answers(found) | _effort(session, found, task)
    return dataclasses.replace(Inputs(), **known)


def of_gaps(gaps: Sequence[Gap], whose: str) -> dict[str, Number]:
    """The numbers of `power.Noise` from measured gaps, in the mean over gaps: each part of the error without the noise of single
    answers, which texts and seeds share. Empty if no gap has an interval. `whose`: what the gaps are called."""
    known = [gap for gap in gaps if math.isfinite(gap.se) and gap.shared_variance > 0]
    if not known:
        return {}
    per_seed = np.array([1 / gap.n_seeds[0] + 1 / gap.n_seeds[1] for gap in known])
    n, shared = np.array([gap.n_texts for gap in known]), np.array([gap.shared_variance for gap in known])
    of_texts, of_seeds = (
        np.array([getattr(gap, part) for gap in known]) for part in ("text_variance", "seed_variance")
    )
    words = f"{len(known)} {whose}"
    return {
        "seed_sd": Number(math.sqrt(max(0.0, float(((of_seeds - shared) / per_seed).mean()))), Origin.STUDY, words),
        "text_variance": Number(max(0.0, float((n * (of_texts - shared)).mean())), Origin.STUDY, words),
        "answer_variance": Number(float((n * shared / per_seed).mean()), Origin.STUDY, words),
    }


def _over_tasks(found: Findings) -> dict[str, Number]:
    """The spread of tasks' gaps beyond what their subjectivity and their errors explain, for one arm with one encoder: that is what
    a plan is about. Each arm and encoder has its own line over tasks; the squares around the lines, less the squared errors of the
    gaps, are pooled by their degrees of freedom. Gaps that mean nothing do not count."""
    points = found.line.dropna(subset=["gap", "se"])
    beyond, df = 0.0, 0
    for _, own in points.groupby(["arm", "encoder"], sort=False):
        if len(own) < LEAST_FOR_A_LINE or own["subjectivity"].nunique() < 2:
            continue
        line = np.polynomial.Polynomial.fit(own["subjectivity"], own["gap"], 1)
        degrees = len(own) - 2
        squares = float(((own["gap"] - line(own["subjectivity"])) ** 2).sum())
        beyond, df = beyond + squares - degrees * float((own["se"] ** 2).mean()), df + degrees
    n = points["task"].nunique()
    if n >= FEWEST_TASKS and df >= FEWEST_TASKS - 2:
        tau = math.sqrt(max(LEAST_TAU**2, beyond / df))
        return {"tau": Number(tau, Origin.STUDY, f"{n} tasks around their line")}
    return {}


def _of_answers(found: Findings) -> dict[str, Number]:
    """What a single answer says about a task's subjectivity. With ratings and too few tasks for that, a plan asks for comparisons."""
    places = found.subjectivity.dropna(subset=["value", "error"])
    is_comparing = found.measure is levels.Measure.COMPARISONS
    numbers = {}
    if len(places) >= (FEWEST_TASKS if is_comparing else FEWEST_RATED):
        errors = places["error"] ** 2
        true = float(places["value"].var(ddof=1)) - slope.error_variance(
            places["error"], n_compared=int(found.subjectivity["value"].notna().sum()) if is_comparing else 0
        )
        if true > 0:
            one = float((errors * places["n"]).mean()) / true
            numbers["rating_variance"] = Number(one, Origin.STUDY, f"{found.measure} of {len(places)} tasks")
    if len(places) and (is_comparing or numbers):
        there, said = int(places["n"].median()), f"median of {len(places)} tasks"
        numbers["ratings_there"] = Number(float(there), Origin.STUDY, said)
    if numbers and not is_comparing:
        numbers["tasks_per_answer"] = Number(1.0, Origin.STUDY, "a rating is about a text of one task")
    return numbers


def _effort(session: Session, study: Findings, task: str | None) -> dict[str, Number]:
    """What runs, texts and answers of the study took, and the test texts that it has."""
    study_id = study.study.id
    found: dict[str, tuple[float, str]] = {}
    seconds = _seconds_per_run(session, study_id)
    if seconds:
        found["seconds_per_run"] = float(np.median(seconds)), f"median of {len(seconds):,} runs"
    cost, kept = _paid_texts(session, study_id)
    if cost is not None and kept:
        found["usd_per_text"] = cost / kept, f"{kept:,} kept texts of the study"
    answers = _answer_seconds(session, study_id)
    if answers:
        found["seconds_per_answer"] = float(np.median(answers)), f"median of {len(answers):,} answers"
    sizes = _test_texts(session, study_id)
    if len(sizes):
        of_task = sizes.to_dict().get(task)
        said = "test texts of this task" if of_task else f"median of {len(sizes)} tasks with test texts"
        found["texts_there"] = float(of_task or int(sizes.median())), said
        found["tasks_there"] = float(len(sizes)), "tasks with test texts"
    if len(study.scores):
        found["train_size"] = float(study.scores["n_train"].max()), "the largest training of the study"
    return {name: Number(value, Origin.STUDY, words) for name, (value, words) in found.items()}


def _seconds_per_run(session: Session, study_id: int) -> list[float]:
    of_study = select(Run.facts).join(Arm, Arm.id == Run.arm_id).join(Task, Task.id == Arm.task_id)
    facts = session.scalars(of_study.where(Task.study_id == study_id, Run.finished_at.is_not(None)))
    return [seconds for seconds in map(pace.seconds_of, facts) if math.isfinite(seconds)]


def _paid_texts(session: Session, study_id: int) -> tuple[float | None, int]:
    """The cost of the study's completions in US dollars, None if the cost of a completion is unknown, and the texts kept from
    them. Recorded completions, which cost nothing, do not count."""
    in_study = Arm.id.in_(select(Arm.id).join(Task, Task.id == Arm.task_id).where(Task.study_id == study_id))
    paid = select(func.sum(Completion.cost_usd), func.count() - func.count(Completion.cost_usd)).select_from(Completion)
    cost, unknown = session.execute(
        paid.join(Arm, Arm.id == Completion.arm_id).where(in_study, Completion.is_recorded.is_(False))
    ).one()
    kept = session.scalar(
        select(func.count(Sample.id))
        .join(Completion, Completion.id == Sample.completion_id)
        .join(Arm, Arm.id == Completion.arm_id)
        .where(in_study, Completion.is_recorded.is_(False), Sample.status == SampleStatus.KEPT)
    )
    return (None if unknown or cost is None else float(cost)), int(kept or 0)


def _answer_seconds(session: Session, study_id: int) -> list[float]:
    """How long people took for each answer of the study, in seconds, without answers that have no time or were left open."""
    rated = (
        select(Rating.duration_ms)
        .join(Rater, Rater.id == Rating.rater_id)
        .join(Campaign, Campaign.id == Rater.campaign_id)
        .where(Campaign.study_id == study_id, Rater.kind.in_(ratings.PEOPLE), Rating.duration_ms.between(1, HOUR_MS))
    )
    compared = (
        select(Comparison.duration_ms)
        .join(Rater, Rater.id == Comparison.rater_id)
        .join(Campaign, Campaign.id == Rater.campaign_id)
        .where(
            Campaign.study_id == study_id, Rater.kind.in_(ratings.PEOPLE), Comparison.duration_ms.between(1, HOUR_MS)
        )
    )
    return [ms / 1000 for ms in (*session.scalars(rated), *session.scalars(compared)) if ms]


def _test_texts(session: Session, study_id: int) -> "pd.Series[int]":
    """The number of real test texts of each task that has any, by its name."""
    counted = samples.counts(session, study_id)
    if counted.empty:
        return pd.Series(dtype=int)
    is_test = (
        (counted["kind"] == ArmKind.REAL) & (counted["split"] == Split.TEST) & (counted["status"] == SampleStatus.KEPT)
    )
    return counted[is_test].groupby("task")["n"].sum()
