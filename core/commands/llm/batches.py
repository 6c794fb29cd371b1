"""The commands requests, answers and batches: an arm's requests as a file for any Batch API, and the answers back."""

import time
from pathlib import Path
from typing import Annotated

import typer

from core.commands import output
from core.commands.llm import model_options
from core.llm import connection
from core.llm.endpoint.endpoint import OpenAIProvider
from core.llm.money import prices
from core.steps import find, generate
from core.study import tasks
from core.synthesis.batches import batch_generation, files

PerLabel = Annotated[int, typer.Option(min=1, max=1_000_000, help="Texts to keep for each label.")]


def register(app: typer.Typer) -> None:
    """Add the commands requests, answers and batches to the program."""
    app.command("requests")(requests)
    app.command("answers")(answers)
    app.command("batches")(under_way)


def requests(
    to: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="Where the requests are written.")],
    task: Annotated[str, typer.Option("--task")],
    arm: Annotated[str, typer.Option("--arm")],
    per_label: PerLabel,
    model: Annotated[str, typer.Option(help="The model that will answer.")],
    temperature: model_options.Temperature = None,
    max_tokens: model_options.MaxTokens = None,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """Write the requests that an arm still needs to a file for a Batch API, one JSON object a line; nothing is sent."""
    with output.opened() as (_settings, store):
        files.check_place(to)
        connection.made(models=(model,), temperature=temperature, max_tokens=max_tokens)
        with store.write() as session:
            home = find.find_study(session, study, task)
            arm_id = generate.ready_arm(session, tasks.get_task(session, home.id, task), arm).id
        numbers = {"temperature": temperature, "max_tokens": max_tokens}
        parameters = {name: value for name, value in numbers.items() if value is not None}
        n = files.to_batch_file(store, arm_id=arm_id, per_label=per_label, model=model, path=to, parameters=parameters)
    if as_json:
        output.emit({"requests": n, "file": str(to)})
    else:
        typer.echo(f"{n} requests are in {to}.")


def answers(
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="The file of answers from the Batch API.")],
    task: Annotated[str, typer.Option("--task")],
    arm: Annotated[str, typer.Option("--arm")],
    per_label: PerLabel,
    model: Annotated[
        str | None,
        typer.Option(help="The model that answered, for its price, halved. Default: unknown."),
    ] = None,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """Import the answers to `requests`: each answer is stored before it is read, and no answer twice."""
    with output.opened() as (settings, store):
        with store.write() as session:
            home = find.find_study(session, study, task)
            arm_id = tasks.get_arm(session, tasks.get_task(session, home.id, task), arm).id
        price = batch_generation.half(prices.find(settings.home, model)) if model else None
        counts = files.from_batch_file(
            store, arm_id=arm_id, per_label=per_label, path=file, now=time.time(), price=price
        )
    if as_json:
        output.emit(counts)
    else:
        output.table(f"{file.name} into {task} · {arm}", ["", "lines"], [[name, n] for name, n in counts.items()])


def under_way(
    task: Annotated[str, typer.Option("--task")],
    arm: Annotated[str, typer.Option("--arm")],
    cancel: Annotated[bool, typer.Option("--cancel", help="Ask the endpoint to cancel the batches.")] = False,
    base_url: model_options.BaseUrl = None,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """List the batches of an arm that are not collected yet; `generate --batch` imports their answers, also after a cancel."""
    with output.opened() as (settings, store):
        with store() as session:
            home = find.find_study(session, study, task)
            arm_id = tasks.get_arm(session, tasks.get_task(session, home.id, task), arm).id
        batches = batch_generation.open_batches(store, arm_id=arm_id)
        if cancel and batches:
            if base_url is None:
                connection.check_known(batches[0].base_url, home, settings)
            wanted = connection.made(models=(batches[0].model,), base_url=base_url or batches[0].base_url)
            client = connection.open_all(wanted, settings)[0]
            assert isinstance(client, OpenAIProvider)
            batch_generation.cancel(store, arm_id=arm_id, provider=client)
    rows = [
        [batch.id, batch.remote_id, batch.model, batch.remote_state or batch.state, len(batch.requests)]
        for batch in batches
    ]
    if as_json:
        columns = ("id", "remote_id", "model", "state", "requests")
        output.emit({"batches": [dict(zip(columns, row, strict=True)) for row in rows], "cancelled": cancel})
    elif rows:
        output.table(f"Batches of {task} · {arm}", ["batch", "at the endpoint", "model", "state", "requests"], rows)
    else:
        typer.echo("No batch of this arm is under way.")
