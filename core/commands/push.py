"""The command push: send the texts of arms, or the kept model of a run, to the Hugging Face hub."""

from dataclasses import asdict
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from core.commands import output
from core.errors import StudyError
from core.settings import Settings
from core.steps import find
from core.steps.trained import models
from core.study import tasks
from core.study.exchange import hub, hub_models
from core.study.rows.kinds import ArmKind


def register(app: typer.Typer) -> None:
    """Add the command push to the program."""
    app.command("push")(push)


def push(
    to: Annotated[str, typer.Option("--to", help="owner/name of the data set or model on the hub.")],
    task: Annotated[str | None, typer.Option("--task", help="Send texts of this task.")] = None,
    arm: Annotated[list[str] | None, typer.Option("--arm", help="May be repeated. Default: all but real.")] = None,
    model: Annotated[
        int | None,
        typer.Option("--model", metavar="RUN", min=1, max=2**31 - 1, help="Send the kept model of this run."),
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="Let everybody see it. Default: private.")] = False,
    with_real: Annotated[bool, typer.Option("--with-real", help="Real texts too, if their licence allows it.")] = False,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """Send the texts of arms, or the kept model of a run, to the Hugging Face hub with a card. Private unless --public; needs HF_TOKEN."""
    with output.opened() as (settings, store), store() as session:
        destination = hub.Destination(to, private=not public, token=settings.hf_token)
        if (task is None) == (model is None):
            raise StudyError("'push' sends either the texts of a --task or the --model of a run; name one of the two.")
        if model is not None:
            if arm or with_real:
                raise StudyError("A model has no --arm and no --with-real; leave them out, or name a --task.")
            _push_model(session, settings, model, destination, as_json=as_json)
            return
        found_task = tasks.get_task(session, find.find_study(session, study, str(task)).id, str(task))
        arms = [tasks.get_arm(session, found_task, name) for name in arm or []]
        arms = arms or [each for each in tasks.arms(session, found_task.id) if with_real or each.kind != ArmKind.REAL]
        pushed = hub.push(session, task_id=found_task.id, arms=arms, to=destination, with_real=with_real)
    if as_json:
        output.emit(asdict(pushed))
        return
    output.table(f"{task} at {pushed.url}", ["arm", "texts"], [[name, n] for name, n in pushed.rows.items()])
    typer.echo(f"{'Private' if pushed.private else 'Public'}, commit {pushed.commit}.")


def _push_model(
    session: Session, settings: Settings, run_id: int, destination: hub.Destination, *, as_json: bool
) -> None:
    kept = models.get(session, settings, run_id)
    models.refresh_card(session, kept)
    pushed = hub_models.push(kept.path, to=destination)
    if as_json:
        output.emit(asdict(pushed))
        return
    output.table(f"Run {run_id} at {pushed.url}", ["file"], [[name] for name in pushed.files])
    typer.echo(f"{'Private' if pushed.private else 'Public'}, commit {pushed.commit}.")
