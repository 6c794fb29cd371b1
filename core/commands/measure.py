"""The command measure: measure the texts of a task's arms beside its real data."""

from typing import Annotated, Any

import pandas as pd
import typer

from core.commands import output
from core.quality import measures, readings
from core.quality.measures import Measures
from core.steps import find
from core.steps.measure import measure_task
from core.study import tasks


def register(app: typer.Typer) -> None:
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
            settings, store, task_id=task_id, title=task, encoder=encoder, teller=output.teller(store)
        )
    _show(measured, as_json=as_json)


def _show(measured: Measures, *, as_json: bool) -> None:
    table = measures.table(measured)
    if as_json:
        output.emit(_json(measured, table))
        return
    names = [arm.arm for arm in measured.arms]
    rows: list[list[Any]] = [["texts", *(str(arm.n) for arm in measured.arms)]]
    for name, own in table.groupby("measure", sort=False):
        cells = dict(zip(own["arm"], map(_cell, own["value"], own["n"]), strict=True))
        rows.append([readings.NAMES[str(name)], *(cells[arm] for arm in names)])
    output.table(f"{measured.task}: value (n)", ["measure", *names], rows)
    for sentences in readings.reading(measured).values():
        for sentence in sentences:
            typer.echo(sentence)


def _cell(value: float, n: int) -> str:
    return output.shown(value) if pd.isna(value) else f"{value:.3g} ({n})"


def _json(measured: Measures, table: pd.DataFrame) -> dict[str, Any]:
    return {
        "task": measured.task,
        "encoder": measured.encoder,
        "seconds": measured.seconds,
        "measures": table.to_dict("records"),
        "cues": {arm.arm: measures.cues(arm).to_dict("records") for arm in measured.arms},
        "near_duplicates": {arm.arm: arm.near_groups for arm in measured.arms},
        "readings": readings.reading(measured),
    }
