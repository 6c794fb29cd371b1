"""The grid of a study's trainings on the screen, which fills while they run, and how long they take."""

import math
import time
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.jobs import progress
from core.study.rows.study import Arm, Study
from core.training import grid, pace
from core.training.grid import CellState, Grid
from core.training.pace import Forecast
from core.training.selection import Available
from core.training.settings import TrainingSettings
from ui.shared import reads, resources, tables
from ui.shared.durations import duration
from ui.shared.words import plain

MARKS = {
    CellState.DONE: "✅",
    CellState.RUNNING: "▶️",
    CellState.PAUSED: "⏸️",
    CellState.WAITING: "⏳",
    CellState.STOPPED: "⏹️",
}
WATCHED = (CellState.RUNNING, CellState.WAITING)
MOST_SEEDS = 12  # columns of seeds


def forecast_words(
    found: Sequence[Available],
    arms: Sequence[Arm],
    settings: TrainingSettings,
    *,
    encoders: Sequence[str],
    seeds: int,
) -> str:
    """How long the chosen runs would take on this machine, in words; "" if nothing is chosen. `found`: the texts of each task."""
    texts = {available.task.id: available.size(arms, settings) for available in found}
    machine = resources.settings()
    with resources.store()() as session:
        expected = pace.of_request(
            session, arms=arms, sizes=texts, encoders=encoders, seeds=seeds, settings=settings,
            has_gpu=machine.gpus > 0,
        )  # fmt: skip
    return f"{_machine_words()} {_expected_words(expected)}" if expected.runs else ""


def grid_view(study: Study) -> None:
    """Draw the grid of a study's runs with what is done, runs and waits; redrawn every 2 s while a training is active."""
    with resources.store()() as session:
        found = grid.read(session, study.id)
    if found.cells.empty:
        return
    if any(state in found.counts for state in WATCHED):
        _live(study.id)
    else:
        with st.expander(_summary(found)):
            _draw(study.id, found)


@st.fragment(run_every=2)
def _live(study_id: int) -> None:
    with resources.store()() as session:
        found = grid.read(session, study_id)
        expected = pace.of_runs(session, found.unfinished, has_gpu=resources.settings().gpus > 0)
    begun = CellState.RUNNING in found.counts
    left = (
        f" {_left_words(expected, has_begun=begun, seconds=progress.longest_left(found.carriers, time.time()))}"
        if found.unfinished
        else ""
    )
    st.caption(plain(f"{_summary(found)}.{left}"))
    _draw(study_id, found)


def _draw(study_id: int, found: Grid) -> None:
    with resources.store()() as session:
        scores = reads.scores_of(session, study_id).set_index("run_id")["macro_f1"]
    tables.table(as_table(found.cells, scores), key="train.grid")
    if found.cells["seed"].nunique() > MOST_SEEDS:
        st.caption(f"Only the first {MOST_SEEDS} seeds have a column here; the table below lists every run.")
    st.caption("Macro-F1 of finished runs. " + ", ".join(f"{mark} {name}" for name, mark in MARKS.items()) + ".")


def as_table(cells: pd.DataFrame, scores: "pd.Series[float]") -> pd.DataFrame:
    """The grid as words: a row per task, arm and encoder, a column per seed. `scores`: macro-F1 by run id."""
    words = [_cell(row, scores) for row in cells.to_dict("records")]
    seeds = sorted(cells["seed"].unique())[:MOST_SEEDS]
    shown = cells.assign(words=words)[cells["seed"].isin(seeds)]
    wide = shown.pivot_table(
        index=["task", "arm", "encoder"], columns="seed", values="words", aggfunc="first", sort=False
    )
    wide = wide.reindex(columns=seeds).fillna("").astype(str)
    wide.columns = [f"Seed {seed}" for seed in seeds]
    return wide.reset_index()


def _cell(row: Mapping[Hashable, Any], scores: "pd.Series[float]") -> str:
    mark = MARKS[CellState(str(row["state"]))]
    if row["state"] == CellState.DONE:
        score = float(scores.get(row["run_id"], math.nan))
        return f"{mark} {score:.2f}" if math.isfinite(score) else f"{mark} other settings"
    if row["state"] == CellState.RUNNING:
        return f"{mark} {float(str(row['share'])):.0%}"
    return mark


def _summary(found: Grid) -> str:
    counted = ", ".join(f"{n:,} {state}" for state, n in found.counts.items())
    return f"{len(found.cells):,} runs planned: {counted}"


def _machine_words() -> str:
    machine = resources.settings()
    if machine.gpus:
        beside = f", {machine.slots_per_gpu} runs at a time on each" if machine.slots_per_gpu > 1 else ""
        return f"Trains on {machine.gpus} GPU{'s' if machine.gpus > 1 else ''}{beside}."
    return f"No GPU on this machine: trains on the processor, {machine.slots} run{'s' if machine.slots > 1 else ''} at a time."


def _expected_words(expected: Forecast) -> str:
    """How long runs will take, and where that comes from."""
    if math.isnan(expected.seconds):
        return (
            f"How long that takes is not known before a first run with {', '.join(expected.unknown)} has finished here."
        )
    machine = resources.settings()
    source = f"from {expected.measured} finished runs" if expected.measured else "a rough guess before the first run"
    words = f"About {duration(expected.wall(machine.gpus or machine.slots))} in all ({source}"
    if expected.unknown:
        words += f"; without {', '.join(expected.unknown)}, of which no run has finished here"
    return words + f"){energy_words(expected.seconds / (machine.gpus or machine.slots), machine.watts)}."


def _left_words(expected: Forecast, *, has_begun: bool, seconds: float = math.nan) -> str:
    """The time left of a training that has begun; else how long it takes once it begins, as nobody knows when a slot is free.

    `seconds`: what the running jobs say themselves; nan if they do not know yet.
    """
    machine = resources.settings()
    if has_begun and math.isfinite(seconds):
        return f"About {duration(seconds)} left at the pace of the last minutes."
    if math.isnan(expected.seconds):
        return "The time left is not known before a first run has finished."
    takes = duration(expected.wall(machine.gpus or machine.slots))
    return f"About {takes} left." if has_begun else f"No run has begun; once it has a slot, this takes about {takes}."


def energy_words(seconds: float, watts: float | None) -> str:
    """The energy of a machine that works for so many seconds, as ", 0.02 kWh at 65 W"; "" if its power is not known."""
    return "" if watts is None else f", {seconds * watts / 3.6e6:.2g} kWh at {watts:g} W"
