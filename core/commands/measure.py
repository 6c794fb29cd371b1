"""The command measure: measure the texts of a task's arms beside its real data."""

from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from core.analysis import foretold_order
from core.analysis.foretold_order import Kept
from core.commands import output
from core.encoders import absolute
from core.quality import measures, readings
from core.quality.beside_real import order
from core.quality.beside_real.order import Foretold
from core.quality.measures import Measures
from core.steps import find
from core.steps.measure import measure_task
from core.study import tasks
from core.study.rows.study import Task


def register(app: typer.Typer) -> None:
    """Add the command measure to the program."""
    app.command("measure")(measure)


def measure(
    task: Annotated[str, typer.Option("--task")],
    encoder: Annotated[
        str, typer.Option(help="The encoder that embeds the texts; minilm needs no network.")
    ] = "minilm",
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """Measure diversity, duplicates, copies and leakage of every arm of a task, for the page Inspect."""
    with output.opened() as (settings, store):
        with store() as session:
            home = find.find_study(session, study, task)
            task_id = tasks.get_task(session, home.id, task).id
        measured = measure_task(
            settings,
            store,
            task_id=task_id,
            title=task,
            encoder=absolute(encoder, Path.cwd()),
            teller=output.teller(store),
        )
        foretold = order.foretell(measured)
        with store() as session:
            kept = foretold_order.of_task(session, session.get_one(Task, task_id), foretold)
    if as_json:
        output.emit(_json(measured, foretold, kept))
        return
    _show(measured)
    _show_order(measured, foretold, kept)


def _show(measured: Measures) -> None:
    table = measures.table(measured)
    names = [arm.arm for arm in measured.arms]
    rows: list[list[Any]] = [["texts", *(str(arm.n) for arm in measured.arms)]]
    for name, own in table.groupby("measure", sort=False):
        cells = dict(zip(own["arm"], map(_cell, own["value"], own["n"]), strict=True))
        rows.append([readings.NAMES[str(name)], *(cells[arm] for arm in names)])
    output.table(f"{measured.task}: value (n)", ["measure", *names], rows)
    for sentences in readings.reading(measured).values():
        for sentence in sentences:
            typer.echo(sentence)


def _show_order(measured: Measures, foretold: Foretold, kept: Kept | None) -> None:
    ranked = order.table(measured, foretold).drop(columns="n")
    heads = [order.HEADINGS.get(name, name) for name in ranked.columns]
    output.table(f"Foretold order, best first (n {foretold.n} texts of each arm)", heads, ranked.to_numpy().tolist())
    for sentence in order.sentences(foretold):
        typer.echo(sentence)
    if kept is not None:
        typer.echo(foretold_order.sentence(kept))


def _cell(value: float, n: int) -> str:
    return output.shown(value) if pd.isna(value) else f"{value:.3g} ({n})"


def _json(measured: Measures, foretold: Foretold, kept: Kept | None) -> dict[str, Any]:
    return {
        "task": measured.task,
        "encoder": measured.encoder,
        "seconds": measured.seconds,
        "measures": measures.table(measured).to_dict("records"),
        "order": foretold.arms,
        "start_with": foretold.first,
        "order_leaders": foretold.leaders,
        "order_reading": order.sentences(foretold),
        "after_training": None
        if kept is None
        else {"rho": kept.rho, "by_chance": kept.by_chance, "n": kept.n, "arms": kept.table.to_dict("records")},
        "cues": {arm.arm: measures.cues(arm).to_dict("records") for arm in measured.arms},
        "near_duplicates": {arm.arm: arm.near_groups for arm in measured.arms},
        "readings": readings.reading(measured),
    }
