"""The command curve: train an arm on growing numbers of real texts, alone and together with synthetic texts"""

from typing import Annotated, Any

import typer

from core.analysis.arms import compared, sizes, trained
from core.analysis.arms.compared import Asked
from core.commands import output
from core.errors import StudyError
from core.steps import find, train, whole
from core.study import tasks
from core.training.curve import USUAL, CurveRequest, size_of
from core.training.settings import training_settings


def register(app: typer.Typer) -> None:
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
    asked = CurveRequest([size_of(text) for text in at.split(",")], _listed(arms), synthetic)
    with output.opened() as (settings, store):
        with store.write() as session:
            home = find.find_study(session, study, task)
            own = tasks.get_task(session, home.id, task)
            config = tasks.DEFAULT_CONFIG | home.config
            chosen = {"passes": passes} if passes else {}
            lengths = {name: value for name, value in config["training"].items() if not passes or name != "steps"}
            request = train.TrainingRequest(
                [own], [], config["encoders"], _seeds(seeds, config["seeds"]), training_settings(lengths | chosen)
            )
            queued = train.queue_curve(session, settings, study=home, task=own, curve=asked, request=request)
        whole.wait(settings, store, [job.id for job in queued.jobs], output.teller(store))
        with store() as session:
            found = compared.collect(session, trained.read(session, home.id), own, Asked())
    curves = sizes.curves(found.at_sizes, metric=found.asked.metric, spread=found.spread)
    said = [*sizes.worth_sentences(found.worth), *([found.curve_note] if found.curve_note else [])]
    if as_json:
        output.emit(_json(curves.to_dict("records"), found.worth, said))
        return
    columns = [name for name in sizes.CURVE_COLUMNS if name != "texts"]
    output.table(
        f"{task}: macro-F1 by training texts", columns, [[row[c] for c in columns] for row in curves.to_dict("records")]
    )
    for sentence in said:
        typer.echo(sentence)


def _json(curves: list[dict[Any, Any]], worth: list[sizes.Worth], said: list[str]) -> dict[str, Any]:
    return {"curve": curves, "worth": sizes.worth_table(worth).to_dict("records"), "reading": said}


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _seeds(text: str | None, usual: list[int]) -> list[int]:
    if text is None:
        return usual
    words = _listed(text)
    if not words or not all(word.isdecimal() for word in words):
        raise StudyError(f"Seeds are whole numbers separated by commas; found {text!r}.")
    return [int(word) for word in words]
