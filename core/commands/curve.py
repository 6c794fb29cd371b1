"""The command curve: train an arm on growing numbers of real texts, alone and together with synthetic texts"""

from typing import Annotated, Any

import typer

from core.analysis.arms import sizes
from core.commands import output
from core.errors import StudyError
from core.steps import find
from core.steps.trained import curve as steps
from core.study import tasks
from core.training.curve import USUAL, CurveRequest, size_of


def register(app: typer.Typer) -> None:
    """Add the command curve to the program."""
    app.command("curve")(curve)


def curve(
    task: Annotated[str, typer.Option("--task")],
    at: Annotated[
        str, typer.Option("--sizes", help="Numbers of real texts, separated by commas; 'all' for all.")
    ] = ",".join(USUAL),
    arms: Annotated[
        str, typer.Option("--with", help="Synthetic arms whose texts are added, separated by commas.")
    ] = "",
    synthetic: Annotated[
        int | None, typer.Option(min=2, help="How many texts of each arm are added; by default all.")
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="Seeds separated by commas, instead of the study's.")] = None,
    passes: Annotated[
        float | None, typer.Option(help="Passes over the training texts, instead of the study's.")
    ] = None,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """Train a task's learning curve, and say how many real texts its synthetic texts are worth."""
    numbers = [size_of(text) for text in at.split(",")]
    with output.opened() as (settings, store):
        with store() as session:
            home = find.find_study(session, study, task)
            added = tasks.arm_names(session, tasks.get_task(session, home.id, task).id, arms)
        config = tasks.DEFAULT_CONFIG | home.config
        points = CurveRequest(numbers, list(added), synthetic)
        asked = steps.CurveRuns(
            points,
            config["encoders"],
            _seeds(seeds, config["seeds"]),
            steps.with_passes(config["training"], passes),
        )
        found = steps.train_curve(settings, store, home, task, asked, output.teller(store))
    if as_json:
        output.emit(steps.as_json(found))
    else:
        show(found.task, found.rows, found.reading)


def show(task: str, rows: list[dict[Any, Any]], reading: list[str]) -> None:
    """Print a learning curve as a table, and what it says in sentences."""
    columns = [name for name in sizes.CURVE_COLUMNS if name != "texts"]
    output.table(f"{task}: macro-F1 by training texts", columns, [[row[name] for name in columns] for row in rows])
    for sentence in reading:
        typer.echo(sentence)


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _seeds(text: str | None, usual: list[int]) -> list[int]:
    if text is None:
        return usual
    words = _listed(text)
    if not words or not all(word.isdecimal() for word in words):
        raise StudyError(f"Seeds are whole numbers separated by commas; found {text!r}.")
    return [int(word) for word in words]
