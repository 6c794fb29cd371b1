"""The table of finished runs, how long new runs train, and on how many texts."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.study.rows.study import Arm, Task
from core.training.settings import LEAST_STEPS, PASSES, TrainingSettings

CONVERGED = {True: "yes", False: "no", None: "not known"}


def pick_length(training: Mapping[str, Any]) -> dict[str, Any]:
    """Ask how long runs train, in passes over the training texts or in steps, beginning with the study's own choice; return
    the keys of `TrainingSettings` that say so. `training`: the settings of the study."""
    unit = st.selectbox(
        "Length in",
        ["passes", "steps"],
        index=int("steps" in training),
        key="train.unit",
        width=110,
        persist_state="session",
        help="Passes over the training texts suit tasks of all sizes; either way every arm of a task trains equally long",
    )
    return length_input(training, unit=unit or "passes", key="train")


def length_input(training: Mapping[str, Any], *, unit: str, key: str) -> dict[str, Any]:
    """A field for the number of steps or of passes; returns the keys of `TrainingSettings` that say so."""
    if unit == "steps":
        steps = st.number_input(
            "Steps",
            1,
            100_000,
            int(training.get("steps", LEAST_STEPS)),
            key=f"{key}.steps",
            width=120,
            persist_state="session",
        )
        return {"steps": int(steps)}
    least = int(training.get("least_steps", LEAST_STEPS))
    passes = st.number_input(
        "Passes",
        0.1,
        1000.0,
        float(training.get("passes", PASSES)),
        key=f"{key}.passes",
        width=120,
        persist_state="session",
        help=f"Passes over the training texts; at least {least} steps are made, so that small tasks converge too",
    )
    return {"passes": float(passes), "least_steps": least}


def training_words(
    sizes: Mapping[int, tuple[Task, Mapping[int, int]]],
    arms: Sequence[Arm],
    settings: TrainingSettings,
    *,
    encoders: int,
    seeds: int,
) -> str:
    """How many runs are chosen, on how many texts every arm of a task trains (its training size, else the smallest arm), and
    in how many steps.

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
        sentences.append(
            f"{task.name}: every arm trains on {n:,} texts, {reason} (available: {available})"
            f"{f', in {settings.for_texts(n).length:,} steps' if n else ''}."
        )
    return " ".join(sentences)


def run_table(scores: pd.DataFrame) -> pd.DataFrame:
    """The table of `runs.scores` to be shown: whether a run had converged in words, and the longest column last."""
    converged = [CONVERGED[is_converged] for is_converged in scores["converged"]]
    shown = scores.drop(columns=["notes", "n_real", "settings"]).assign(converged=converged)
    return shown.assign(settings=scores["settings"])
