"""The part of the command models that is about kept models: the weights of runs, listed, kept and removed."""

from typing import Any

import typer

from core.commands import output
from core.jobs import runner
from core.settings import Settings
from core.steps.trained import models as steps
from core.steps.trained import wait
from core.study.store import Store

COLUMNS = ["run_id", "study", "task", "arm", "encoder", "seed", "macro_f1", "megabytes", "path"]


def keep(settings: Settings, store: Store, run_id: int) -> None:
    """Train a run with its model kept, and wait for it."""
    with store.write() as session:
        job = steps.queue_model(session, settings, run_id)
    runner.ensure(settings)
    wait.wait(settings, store, [job.id], output.teller(store))


def remove(settings: Settings, store: Store, run_id: int) -> None:
    """Remove the kept model of a run, and say how much disk that frees."""
    with store.write() as session:
        gone = steps.remove(session, settings, run_id)
    typer.echo(f"Removed {gone.path}: {steps.megabytes(gone.size)}. The scores of run {run_id} stay.", err=True)


def rows(settings: Settings, store: Store) -> list[dict[str, Any]]:
    """The kept models with their runs, as JSON."""
    with store() as session:
        return steps.rows(session, settings)


def show(settings: Settings, found: list[dict[str, Any]]) -> None:
    """Print kept models as a table, with the disk that they take."""
    if found:
        output.table("Kept models of runs", COLUMNS, [[row[name] for name in COLUMNS] for row in found])
    typer.echo(
        steps.disk_words(settings) or "No model of a run is kept. Keep one: models keep RUN, or run --keep-models best."
    )
