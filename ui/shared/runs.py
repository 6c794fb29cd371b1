"""The table of finished runs, how long new runs train, and on how many texts."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core import wording
from core.study.rows.study import Arm
from core.training.selection import Available
from core.training.settings import LEAST_STEPS, PASSES, TrainingSettings

CONVERGED = {True: "yes", False: "no", None: "not known"}


def pick_length(training: Mapping[str, Any], *, key: str = "train") -> dict[str, Any]:
    """Ask how long runs train, in passes over the training texts or in steps, beginning with the choice in `training`, the
    settings of a study or preset; return the keys of `TrainingSettings` that say so."""
    unit = st.selectbox(
        "Length in",
        ["passes", "steps"],
        index=int("steps" in training),
        key=f"{key}.unit",
        width=110,
        persist_state="session",
        help="Passes over the training texts suit tasks of all sizes; either way every arm of a task trains equally long",
    )
    return length_input(training, unit=unit or "passes", key=key)


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
    found: Sequence[Available],
    arms: Sequence[Arm],
    settings: TrainingSettings,
    *,
    encoders: int,
    seeds: int,
) -> str:
    """How many runs are chosen, on how many texts every arm of a task trains and why, and in how many steps.

    `found`: the training texts of each task.
    """
    sentences, without = [f"{len(arms) * encoders * seeds:,} runs."], []
    for available in found:
        by_arm = available.by_arm(arms)
        if not by_arm:
            continue
        n = available.size(arms, settings)
        if not n:
            without.append(wording.shown(available.task.name))
            continue
        listed = ", ".join(f"{name} {count:,}" for name, count in by_arm.items())
        sentences.append(
            f"{wording.shown(available.task.name)}: every arm trains on {n:,} texts, {_reason(available, by_arm, settings, n)} "
            f"(available: {listed}), in {_steps(settings, n)}."
        )
        sentences += _unbalanced(available, arms, settings, n)
    if without:
        sentences.append(f"A chosen arm has no training text yet on {', '.join(without)}, so no arm trains there.")
    return " ".join(sentences)


def _unbalanced(available: Available, arms: Sequence[Arm], settings: TrainingSettings, n: int) -> list[str]:
    """A sentence for each arm that has too few texts of a label for as many of each."""
    if settings.balance == "natural":
        return []
    found = available.unbalanced(arms, n)
    return [
        f"Arm {name} has too few texts of a label for equally many of each: it trains on {_listed(counts)}; more texts of "
        f"{min(counts, key=counts.__getitem__)} would help."
        for name, counts in found.items()
    ]


def _listed(counts: Mapping[str, int]) -> str:
    largest = sorted(counts.items(), key=lambda pair: -pair[1])
    return wording.listed([f"{label} {count:,}" for label, count in largest])


def _steps(settings: TrainingSettings, n: int) -> str:
    """The steps of a run on `n` texts, and whether they are the least that is made in place of fewer for the passes."""
    made = settings.for_texts(n)
    asked = math.ceil(settings.rule["passes"] * n / settings.batch_size) if settings.rule else made.length
    more = f" (the least; {settings.rule['passes']:g} passes would be {asked:,})" if asked < made.length else ""
    return f"{made.length:,} steps{more}"


def _reason(available: Available, by_arm: Mapping[str, int], settings: TrainingSettings, n: int) -> str:
    """Why every arm trains on `n` texts."""
    if available.task.train_size:
        return "its training size"
    smallest = min(by_arm, key=by_arm.__getitem__)
    if settings.per_label is None:
        return f"the size of the smallest arm, {smallest}"
    if n < by_arm[smallest]:
        return f"{settings.per_label:,} a label"
    return f"the size of the smallest arm, {smallest}, of {settings.per_label:,} a label that are asked for"


def run_table(scores: pd.DataFrame) -> pd.DataFrame:
    """The table of `runs.scores` to be shown: whether a run had converged in words, and the longest column last."""
    converged = [CONVERGED[is_converged] for is_converged in scores["converged"]]
    shown = scores.drop(columns=["notes", "n_real", "settings"]).assign(converged=converged)
    return shown.assign(settings=scores["settings"])
