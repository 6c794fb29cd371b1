"""A finished training run in detail, and the sentence that says how many texts new runs will train on."""

from collections.abc import Mapping, Sequence

import streamlit as st

from core.analysis.figures import gap_charts
from core.study.rows.study import Arm, Task
from core.training import runs
from ui.shared import resources, tables, words
from ui.shared.charts import plot


def training_words(
    sizes: Mapping[int, tuple[Task, Mapping[int, int]]], arms: Sequence[Arm], *, encoders: int, seeds: int
) -> str:
    """How many runs are chosen, and on how many texts every arm of a task trains: its training size, else the smallest arm.

    `sizes`: task id -> the task, and the number of training texts of each arm by arm id.
    """
    sentences = [f"{len(arms) * encoders * seeds:,} runs."]
    for task, counts in sizes.values():
        by_arm = {arm.name: counts.get(arm.id, 0) for arm in arms if arm.task_id == task.id}
        if not by_arm:
            continue
        smallest = min(by_arm, key=by_arm.__getitem__)
        n = task.train_size or by_arm[smallest]
        available = ", ".join(f"{name} {count:,}" for name, count in by_arm.items())
        reason = "its training size" if task.train_size else f"the size of the smallest arm, {smallest}"
        sentences.append(f"{task.name}: every arm trains on {n:,} texts, {reason} (available: {available}).")
    return " ".join(sentences)


def run_detail(run_id: int) -> None:
    """Draw the scores per class, the training loss and the predictions of a finished run."""
    with resources.store()() as session:
        per_class = runs.per_class(session, run_id)
        predictions = runs.predictions(session, run_id)
        curve = runs.loss_table(session, run_id)
        notes = runs.notes(session, run_id)
    words.cautions(notes)
    left, right = st.columns(2)
    left.subheader(f"Run {run_id}, per class")
    with left:
        tables.table(per_class, key="run.classes")
    with right:
        plot(gap_charts.loss(curve), key="run.loss", filename=f"run-{run_id}-loss", data=curve, reading="Loss by step")
    tables.table(predictions, key="run.predictions")
