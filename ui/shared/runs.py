"""One run in detail: scores per class, the loss while training, and every prediction."""

from collections.abc import Mapping, Sequence

import streamlit as st

from core.analysis import charts
from core.study.rows.study import Arm, Task
from core.training import runs
from ui.shared import resources, words
from ui.shared.charts import plot


def training_words(
    sizes: Mapping[int, tuple[Task, Mapping[int, int]]], arms: Sequence[Arm], *, encoders: int, seeds: int
) -> str:
    """How many runs are asked for, and how many texts each arm of a task will train on: as many as the smallest has."""
    words = [f"{len(arms) * encoders * seeds:,} runs."]
    for task, counts in sizes.values():
        own = {arm.name: counts.get(arm.id, 0) for arm in arms if arm.task_id == task.id}
        if not own:
            continue
        smallest = min(own, key=own.__getitem__)
        most = task.train_size or own[smallest]
        there = ", ".join(f"{name} {count:,}" for name, count in own.items())
        why = "its training size" if task.train_size else f"what the smallest arm, {smallest}, has"
        words.append(f"{task.name}: every arm trains on {most:,} texts, {why} (there are {there}).")
    return " ".join(words)


def run_detail(run_id: int) -> None:
    """Show a finished run."""
    with resources.store()() as session:
        per_class = runs.per_class(session, run_id)
        predictions = runs.predictions(session, run_id)
        curve = runs.loss_table(session, run_id)
        notes = runs.notes(session, run_id)
    words.cautions(notes)
    left, right = st.columns(2)
    left.subheader(f"Run {run_id}, per class")
    with left:
        words.table(per_class, key="run.classes")
    with right:
        plot(charts.loss(curve), key="run.loss", filename=f"run-{run_id}-loss", data=curve, reading="Loss by step")
    words.table(predictions, key="run.predictions")
