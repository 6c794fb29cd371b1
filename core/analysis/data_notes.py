"""Sentences on the data that the findings of a study rest on: what is missing, what stands in no figure, what one label dominates."""

from collections.abc import Collection

import pandas as pd
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.analysis.gap_table import LEAST_ROOM, GapTable
from core.study import tasks
from core.study.rows.kinds import ArmKind, Purpose
from core.study.rows.study import Arm, Run
from core.training import fingerprints, selection
from core.wording import percent, shown

COMMON = 0.7  # share of the commonest label among ratings above which 1 - alpha says much about this share


def of_runs(session: Session, study_id: int, scores: pd.DataFrame, answers: pd.DataFrame) -> list[str]:
    """Runs without predictions, and labels of tasks of which the test split holds no text. `scores` and `answers` as of `runs`."""
    found = []
    empty = int((scores["n_test"] == 0).sum())
    if empty:
        which = "1 run has" if empty == 1 else f"{empty} runs have"
        found.append(f"{which} no predictions on the test split, so there is no score and no gap for it.")
    tested = answers.drop_duplicates(["run_id", "label_id"]).groupby("run_id")["label_id"].agg(set)
    first = scores[scores["n_test"] > 0].groupby("task", sort=False)["run_id"].first()
    for task in tasks.tasks(session, study_id):
        if task.name not in first.index:
            continue
        held = tested[first[task.name]]
        missing = [label.name for label in tasks.labels_of(session, task.id) if label.id not in held]
        if missing:
            found.append(
                f"{shown(task.name)}: the test split holds no text of {', '.join(missing)}, so scores say nothing about it, and macro-F1 "
                "is the mean over the other labels."
            )
    return found


def of_test_texts(
    session: Session, study_id: int, *, run_ids: Collection[int] | None = None, task: str = ""
) -> list[str]:
    """A sentence for each task with finished runs that were scored on other test texts than the task has now. `run_ids`: of these runs
    alone; `task`: of this task alone."""
    found = []
    for own in tasks.tasks(session, study_id):
        if task and own.name != task:
            continue
        query = select(Run.id, Run.config).join(Arm, Arm.id == Run.arm_id)
        finished = session.execute(
            query.where(Arm.task_id == own.id, Run.finished_at.is_not(None), Run.purpose == Purpose.COMPARISON)
        )
        counting = [config for number, config in finished if run_ids is None or number in run_ids]
        tested = [config.get("test", "") for config in counting if config.get("code") == fingerprints.CODE_VERSION]
        now = fingerprints.data_digest(selection.test_split(session, own)) if any(tested) else ""
        other = sum(bool(digest) and digest != now for digest in tested)
        if other:
            was = "1 run was" if other == 1 else f"{other} of {len(counting)} runs were"
            found.append(
                f"{shown(own.name)}: {was} scored on other test texts than the task has now, "
                "so the scores do not speak of these: train again."
            )
    return found


def of_length(scores: pd.DataFrame) -> list[str]:
    """The tasks and arms with runs that had not converged when they ended, in one sentence. `scores` as of `runs.scores`."""
    cut = scores[scores["converged"].eq(False)]
    if cut.empty:
        return []
    where = "; ".join(
        f"{shown(str(task))}: {', '.join(arms)}"
        for task, arms in cut.groupby("task", sort=False)["arm"].unique().items()
    )
    runs = "run" if len(scores) == 1 else "runs"
    return [
        f"{len(cut)} of {len(scores)} {runs} had not converged ({where}), so these scores and gaps may change with longer training. A run "
        "opened on Train says why."
    ]


def cut_arms(scores: pd.DataFrame, task: str) -> set[str]:
    """The arms of a task with runs that had not converged. `scores` as of `runs.scores`."""
    return set(scores[(scores["task"] == task) & scores["converged"].eq(False)]["arm"])


def of_gaps(measured: GapTable) -> list[str]:
    """Tasks whose real arm beats chance by so little that there is little above chance to lose."""
    near = measured.table[measured.table["score_real"] - measured.table["chance"] < LEAST_ROOM]
    return [
        f"{shown(str(task))}: the real arm scores {row['score_real']:.3f} where chance is {row['chance']:.3f}, so there is "
        "little above chance to lose; its gap is not comparable with that of other tasks."
        for task, row in near.drop_duplicates("task").set_index("task").iterrows()
        if not measured.why_unlearned(str(task))
    ]


def of_subjectivity(gaps: pd.DataFrame, subjectivity: pd.DataFrame) -> list[str]:
    """Tasks with a gap whose subjectivity is not known, and tasks whose ratings one label dominates. `subjectivity` as of
    `levels.by_task`."""
    placed = set(subjectivity.dropna(subset=["value"])["task"])
    missing = [task for task in gaps["task"].unique() if task not in placed]
    found = []
    if missing:
        found.append(
            f"Subjectivity not known, so in no line and no figure over subjectivity: {', '.join(map(shown, missing))}."
        )
    skewed = subjectivity[subjectivity["commonest"] > COMMON]
    return found + [
        f"{shown(str(task))}: {percent(share)} of its ratings are one label. 1 − alpha rises with such a share even if "
        "raters err as rarely as elsewhere, so its place on the axis may be too far to the subjective side."
        for task, share in zip(skewed["task"], skewed["commonest"], strict=True)
    ]


def why_no_gap(scores: pd.DataFrame) -> str:
    """Why a study with finished runs has no gap. `scores` as of `runs.scores`."""
    scored = scores[scores["n_test"] > 0]
    if scored.empty:
        return "No finished run has predictions on the test split, so there is no score. Train again with test texts."
    is_real = scored["arm_kind"] == ArmKind.REAL
    if is_real.all():
        return "Only real arms have finished runs. A gap needs runs of a synthetic arm too."
    if not is_real.any():
        return "No real arm has finished runs. A gap needs runs of the real arm of the same task."
    return (
        "No synthetic arm has runs under the same conditions (task, encoder, training size, settings, test texts) as the real arm "
        "of its task."
    )
