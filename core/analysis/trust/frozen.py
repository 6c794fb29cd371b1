"""Frozen plans: what a study set out to test, written down with a hash and a date, and where the study departed from it"""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.analysis.points import METRIC_NAMES, Metric
from core.analysis.verdicts import verdict
from core.errors import StudyError
from core.study import tasks
from core.study.rows.kinds import Purpose, Split
from core.study.rows.study import Arm, FrozenPlan, Run, Study, Task
from core.training import fingerprints, runs, selection
from core.training.settings import training_settings


class Headline(StrEnum):
    """The test that decides the question: the slope of the gap over tasks, no more lost than the margin, or a gap at all."""

    SLOPE = "slope"
    AS_GOOD = "as-good"
    GAP = "gap"


TESTS = {
    Headline.SLOPE: "the slope of the gap over the subjectivity of the tasks (CR2 by task, 95 %)",
    Headline.AS_GOOD: "at most the margin is lost against real texts (one-sided, 5 %)",
    Headline.GAP: "the gap of each arm is not 0 (95 % interval over texts and seeds)",
}


@dataclass(frozen=True)
class Decision:
    """What a plan is to decide: the question in a sentence, the test that decides, and the metric and margin (score units)."""

    question: str
    headline: Headline
    metric: Metric
    margin: float


def freeze(
    session: Session, study: Study, decision: Decision, *, now: float, config: Mapping[str, Any] | None = None
) -> FrozenPlan:
    """Store the plan of a study as it stands: its tasks with their arms and test texts, encoders, seeds and settings.

    `config` changes keys of the study's own `config` (encoders, seeds, training); `now` is in seconds since 1970.
    A plan never changes: freezing again makes the next version. Raises `StudyError` without a question, without a task, or
    if the margin is not between 0 and 1.
    """
    margin = decision.margin
    if not decision.question.strip():
        raise StudyError("Say the question that the study is to answer, in a sentence.")
    verdict.check_margin(margin)
    planned = {task.name: _task(session, task) for task in tasks.tasks(session, study.id)}
    if not planned:
        raise StudyError(f"Study {study.name!r} has no task yet, so there is nothing to plan. Import real data first.")
    session.execute(select(Study.id).where(Study.id == study.id).with_for_update())
    before = latest(session, study.id)
    version = before.version + 1 if before else 1
    settings = tasks.DEFAULT_CONFIG | study.config | dict(config or {})
    content = {
        "study": study.name,
        "version": version,
        "frozen_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        "runs_finished_before": runs.finished(session, study.id),
        "question": decision.question.strip(),
        "headline": str(decision.headline),
        "headline_test": TESTS[decision.headline],
        "metric": str(decision.metric),
        "margin": margin,
        "encoders": list(settings["encoders"]),
        "seeds": [int(seed) for seed in settings["seeds"]],
        "training": training_settings(settings["training"]).model_dump(),
        "tasks": planned,
    }
    made = FrozenPlan(study_id=study.id, version=version, content=content, sha256=digest(content), created_at=now)
    session.add(made)
    session.flush()
    return made


def versions(session: Session, study_id: int) -> list[FrozenPlan]:
    """The frozen plans of a study, the newest version first."""
    query = select(FrozenPlan).where(FrozenPlan.study_id == study_id).order_by(FrozenPlan.version.desc())
    return list(session.scalars(query))


def latest(session: Session, study_id: int) -> FrozenPlan | None:
    """The newest frozen plan of a study; None if no plan was frozen."""
    return next(iter(versions(session, study_id)), None)


def digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of a plan as JSON with sorted keys, without spaces, in UTF-8."""
    return hashlib.sha256(as_text(content).encode()).hexdigest()


def as_text(content: Mapping[str, Any]) -> str:
    """A plan as the text that its hash is of."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def deviations(
    session: Session, frozen: FrozenPlan, *, metric: Metric | None = None, margin: float | None = None
) -> list[str]:
    """Every way in which the study, or the result that is shown, departs from its frozen plan, a sentence each.

    `metric` and `margin` are those of the result that is shown; None for a result without. Runs count once they have finished.
    """
    content = frozen.content
    said = [] if digest(content) == frozen.sha256 else ["The stored plan does not fit its hash: it was changed."]
    if n := content["runs_finished_before"]:
        said.append(f"{n:,} run{' was' if n == 1 else 's were'} finished before the plan was frozen.")
    if metric is not None and metric != content["metric"]:
        planned = METRIC_NAMES[Metric(content["metric"])]
        said.append(f"The score shown is {METRIC_NAMES[metric].lower()}; planned was {planned}.")
    if margin is not None and abs(margin - content["margin"]) > 1e-9:
        said.append(f"The margin is {100 * margin:g} points; planned were {100 * content['margin']:g}.")
    known = {task.name: task for task in tasks.tasks(session, frozen.study_id)}
    said += [f"{name}: a planned task is not in the study." for name in content["tasks"] if name not in known]
    names: dict[str, list[str]] = {}
    for name, task in known.items():
        for sentence in _of_task(session, task, content):
            names.setdefault(sentence, []).append(name)
    return said + [f"{', '.join(of)}: {sentence}" for sentence, of in names.items()]


def words(frozen: FrozenPlan) -> str:
    """A frozen plan in a sentence: version, date, hash and what it set out to test."""
    content = frozen.content
    seeds, arms = len(content["seeds"]), sum(len(task["arms"]) for task in content["tasks"].values())
    return (
        f"Plan {frozen.version} was frozen on {content['frozen_at'][:10]} (SHA-256 {frozen.sha256[:12]}): {content['question']} "
        f"Decided by: {content['headline_test']}; {METRIC_NAMES[Metric(content['metric'])]}, margin {100 * content['margin']:g} "
        f"points, {len(content['tasks'])} tasks, {arms} arms, encoders {', '.join(content['encoders'])}, {seeds} seeds."
    )


def _task(session: Session, task: Task) -> dict[str, Any]:
    """What a plan says of a task; the digest of its test texts is "" without a usable test split."""
    test, n = _test(session, task)
    return {
        "question": task.question,
        "labels": [label.name for label in tasks.labels_of(session, task.id)],
        "arms": [arm.name for arm in tasks.arms(session, task.id)],
        "train_size": task.train_size,
        "test": test,
        "test_texts": n,
    }


def _test(session: Session, task: Task) -> tuple[str, int]:
    try:
        found = selection.test_samples(session, task)
    except StudyError:
        return "", 0
    return fingerprints.data_digest(found), len(found)


def _of_task(session: Session, task: Task, content: Mapping[str, Any]) -> list[str]:
    """The ways in which a task and its finished runs of the comparison depart from a plan."""
    query = select(Arm.name, Run.encoder, Run.seed, Run.n_train, Run.config).join(Arm, Arm.id == Run.arm_id)
    finished = session.execute(
        query.where(Arm.task_id == task.id, Run.finished_at.is_not(None), Run.purpose == Purpose.COMPARISON)
    ).all()
    planned = content["tasks"].get(task.name)
    if planned is None:
        return ["it was not planned, and has runs."] if finished else []
    said = []
    now = _task(session, task)
    if now["test"] != planned["test"]:
        said.append(
            f"the {Split.TEST} split has changed ({now['test_texts']:,} texts; planned were {planned['test_texts']:,})."
        )
    for key, name in (("question", "question"), ("train_size", "number of training texts")):
        if now[key] != planned[key]:
            said.append(f"the {name} is {now[key] or 'not set'}; planned was {planned[key] or 'not set'}.")
    asked = {"arm": set(planned["arms"]), "encoder": set(content["encoders"]), "seed": set(content["seeds"])}
    done = {
        "arm": {row.name for row in finished},
        "encoder": {row.encoder for row in finished},
        "seed": {row.seed for row in finished},
    }
    for what, wanted in asked.items():
        said += _beyond(what, wanted, done[what]) if finished else []
    other = sum(not _as_planned(row.config["training"], content["training"], n=row.n_train) for row in finished)
    if other:
        said.append(f"{other:,} of {len(finished):,} runs have other training settings than planned.")
    elsewhere = sum(row.config.get("test", planned["test"]) != planned["test"] for row in finished)
    if elsewhere:
        said.append(f"{elsewhere:,} of {len(finished):,} runs were scored on other test texts than planned.")
    return said if finished else [*said, "no run has finished yet."]


def _beyond(what: str, wanted: set[Any], done: set[Any]) -> list[str]:
    said = []
    for some, one, several in (
        (sorted(done - wanted), "was not planned, and has runs", "were not planned, and have runs"),
        (sorted(wanted - done), "was planned, and has no finished run", "were planned, and have no finished run"),
    ):
        if some:
            is_one = len(some) == 1
            said.append(f"{what}{'' if is_one else 's'} {', '.join(map(str, some))} {one if is_one else several}.")
    return said


def _as_planned(training: Mapping[str, Any], planned: Mapping[str, Any], *, n: int) -> bool:
    """Whether the settings of a run on `n` texts are those of a plan; settings that the run does not name are the defaults."""
    try:
        return training_settings(training) == training_settings(planned).for_texts(n)
    except StudyError:
        return False
