"""The command push: send the texts of arms to the Hugging Face hub."""

from dataclasses import asdict
from typing import Annotated

import typer

from core.commands import output
from core.steps import find
from core.study import tasks
from core.study.exchange import hub
from core.study.rows.kinds import ArmKind


def register(app: typer.Typer) -> None:
    app.command("push")(push)


def push(
    task: Annotated[str, typer.Option("--task")],
    to: Annotated[str, typer.Option("--to", help="owner/name of the data set on the hub.")],
    arm: Annotated[list[str] | None, typer.Option("--arm", help="May be repeated. Default: all but real.")] = None,
    public: Annotated[bool, typer.Option("--public", help="Let everybody see the data set. Default: private.")] = False,
    with_real: Annotated[bool, typer.Option("--with-real", help="Real texts too, if their licence allows it.")] = False,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """Send the kept texts of arms to the Hugging Face hub as Parquet with a card. Private unless --public; needs HF_TOKEN."""
    with output.opened() as (settings, store), store() as session:
        found_task = tasks.get_task(session, find.find_study(session, study, task).id, task)
        arms = [tasks.get_arm(session, found_task, name) for name in arm or []]
        arms = arms or [each for each in tasks.arms(session, found_task.id) if with_real or each.kind != ArmKind.REAL]
        destination = hub.Destination(to, private=not public, token=settings.hf_token)
        pushed = hub.push(session, task_id=found_task.id, arms=arms, to=destination, with_real=with_real)
    if as_json:
        output.emit(asdict(pushed))
        return
    output.table(f"{task} at {pushed.url}", ["arm", "texts"], [[name, n] for name, n in pushed.rows.items()])
    typer.echo(f"{'Private' if pushed.private else 'Public'}, commit {pushed.commit}.")
