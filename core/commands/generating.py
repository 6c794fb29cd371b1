"""Fill arms with an LLM's texts: the command generate, and what pages and whole studies need for it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from core import settings as settings_module
from core.commands import data, output, queueing
from core.errors import StudyError
from core.jobs import progress, runner
from core.study import tasks
from core.study.records import ArmKind, Task
from core.study.store import Store
from core.synthesis import generation, prompts, providers
from core.synthesis.answers import Provider


@dataclass(frozen=True)
class How:
    """What to ask for and of whom. `budget` is in US dollars; None means no limit."""

    per_label: int
    provider: str = "openai"
    model: str | None = None
    base_url: str | None = None
    recordings: Path | None = None
    concurrency: int = 8
    budget: float | None = None

    def arguments(self) -> list[str]:
        """The same as options of the command generate."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return [
            part
            for name, value in given.items()
            if value is not None
            for part in (f"--{name.replace('_', '-')}", str(value))
        ]


def register(app: typer.Typer) -> None:
    app.command("generate")(generate)


def generate(
    task: Annotated[str, typer.Option("--task")],
    arm: Annotated[str, typer.Option("--arm")],
    per_label: Annotated[int, typer.Option(min=1, help="Texts to keep for each label.")],
    provider: Annotated[
        str, typer.Option(help="openai (any endpoint that speaks its protocol) or recorded.")
    ] = "openai",
    model: Annotated[str | None, typer.Option()] = None,
    base_url: Annotated[str | None, typer.Option(help="Default: OPENAI_BASE_URL.")] = None,
    recordings: Annotated[Path | None, typer.Option(help="Recorded completions, for --provider recorded.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=512)] = 8,
    budget: Annotated[float | None, typer.Option(min=0, help="Stop before spending more, in US dollars.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Queue it as a job and return.")] = False,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """Ask an LLM for texts until every label has enough. Resumes; never pays for the same slot twice."""
    how = How(per_label, provider, model, base_url, recordings, concurrency, budget)
    with output.opened() as (settings, store):
        client_of(settings, how)
        with store.write() as session:
            home = data.find_study(session, study, task)
            found_task = tasks.get_task(session, home.id, task)
            arm_id = ready_arm(session, found_task, arm)
            if detach:
                made = tasks.get_arm(session, found_task, arm)
                job = queueing.queue_generation(
                    session, study=home, task=found_task, arm=made, arguments=how.arguments()
                )
        if detach:
            runner.ensure(settings)
            return _show_job(job.id, as_json=as_json)
        found = fill_arm(settings, store, arm_id=arm_id, title=f"{task} · {arm}", how=how)
    return _show(found, title=f"{task} · {arm}", as_json=as_json)


def fill_arm(settings: settings_module.Settings, store: Store, *, arm_id: int, title: str, how: How) -> dict[str, Any]:
    """Generate in this process, with a bar on the terminal and progress in the job's row when inside a job."""
    client = client_of(settings, how)
    row = progress.reporter(store)
    with output.progress(f"Generate {title}") as bar:

        def tell(done: int, total: int, message: str, extra: Mapping[str, Any]) -> None:
            known = {name: float(value) for name, value in extra.items() if isinstance(value, int | float)}
            row(progress.Progress(done=done, total=total, message=message, extra=known))
            bar(done, total, message, {})

        return asdict(
            generation.generate(
                store,
                arm_id=arm_id,
                per_label=how.per_label,
                provider=client,
                concurrency=how.concurrency,
                budget_usd=how.budget,
                report=tell,
            )
        )


def client_of(settings: settings_module.Settings, how: How) -> Provider:
    """The provider that was asked for. Raises `StudyError` when it cannot be opened or kept to the budget."""
    client = providers.open_provider(
        how.provider,
        model=how.model,
        base_url=how.base_url,
        settings=settings,
        recordings=providers.recordings(how.recordings) if how.recordings else None,
    )
    generation.check_budget(client, how.budget)
    return client


def ready_arm(session: Session, task: Task, name: str, **changes: int | None) -> int:
    """The number of an arm that has a prompt: its latest one, or the default of its kind with some values changed."""
    arm = tasks.make_arm(session, task_id=task.id, name=name)
    if arm.kind == ArmKind.REAL:
        raise StudyError("The real arm holds real data; generate into another arm, such as zero-shot.")
    if prompts.latest(session, arm.id) is None:
        draft = prompts.default(task, tasks.labels_of(session, task.id), kind=ArmKind(arm.kind))
        given: dict[str, Any] = {key: value for key, value in changes.items() if value is not None}
        prompts.save(session, arm_id=arm.id, draft=replace(draft, **given))
    return arm.id


def _show_job(job_id: int, *, as_json: bool) -> None:
    if as_json:
        output.emit({"job": job_id})
        return
    typer.echo(f"Job {job_id} is queued. 'python -m core jobs' shows how far it is.")


def _show(found: dict[str, Any], *, title: str, as_json: bool) -> None:
    if as_json:
        output.emit(found)
        return
    columns = ["asked", "kept", "completions", "tokens_in", "tokens_out", "cost_usd", "seconds"]
    output.table(title, columns, [[found[name] for name in columns]])
    if found["rejected"]:
        output.table("Not kept", ["reason", "texts"], [[reason, count] for reason, count in found["rejected"].items()])
    for label, reason in found["stopped"].items():
        typer.echo(f"{label}: {reason}")
