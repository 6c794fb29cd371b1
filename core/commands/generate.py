"""Fill arms with an LLM's texts: the command generate, and what pages and whole studies need for it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from core import settings as settings_module
from core.commands import output, queueing, studies
from core.errors import StudyError
from core.jobs import runner
from core.llm import connection, providers
from core.llm.answers import Provider
from core.llm.connection import Connection
from core.llm.endpoint.endpoint import OpenAIProvider
from core.llm.money import prices
from core.reports import Report
from core.study import tasks
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Arm, Task
from core.study.store import Store
from core.synthesis.batches import rounds
from core.synthesis.generation import generation
from core.synthesis.prompts import versions

Model = Annotated[
    list[str] | None, typer.Option("--model", help="Repeat it to mix models; NAME@URL asks another endpoint.")
]
ProviderName = Annotated[
    str, typer.Option("--provider", help="openai (any endpoint that speaks its protocol), local or recorded.")
]
BaseUrl = Annotated[str | None, typer.Option(help="Default: OPENAI_BASE_URL.")]
Recordings = Annotated[Path | None, typer.Option(help="Recorded completions, for --provider recorded.")]
Temperature = Annotated[float | None, typer.Option(min=0, help="Default: the model's own.")]
MaxTokens = Annotated[int | None, typer.Option(min=1, help="The most tokens of an answer.")]
Concurrency = Annotated[int, typer.Option(min=1, max=512, help="Calls at a time.")]
Rpm = Annotated[float | None, typer.Option(min=0.1, help="The most requests a minute.")]
Timeout = Annotated[
    float | None,
    typer.Option(min=0.1, help="Seconds for one answer; a late one is asked for once more at most. Default: 600."),
]
Structured = Annotated[bool, typer.Option("--structured", help="Ask for JSON by a schema, where it is offered.")]
BudgetUsd = Annotated[float | None, typer.Option("--budget", min=0, help="Stop before spending more, in US dollars.")]


@dataclass(frozen=True)
class How:
    """What to ask for and of whom. `budget` is in US dollars, None means no limit; `batch` asks by a Batch API."""

    per_label: int
    connection: Connection
    budget: float | None = None
    batch: bool = False

    def arguments(self) -> list[str]:
        """The same as options of the command generate."""
        budget = [] if self.budget is None else ["--budget", str(self.budget)]
        batch = ["--batch"] if self.batch else []
        return ["--per-label", str(self.per_label), *connection.arguments(self.connection), *budget, *batch]


def register(app: typer.Typer) -> None:
    app.command("generate")(generate)


def generate(
    task: Annotated[str, typer.Option("--task")],
    arm: Annotated[str, typer.Option("--arm")],
    per_label: Annotated[int, typer.Option(min=1, max=1_000_000, help="Texts to keep for each label.")],
    provider: ProviderName = "openai",
    model: Model = None,
    base_url: BaseUrl = None,
    recordings: Recordings = None,
    temperature: Temperature = None,
    max_tokens: MaxTokens = None,
    concurrency: Concurrency = 8,
    rpm: Rpm = None,
    timeout: Timeout = None,
    structured: Structured = False,
    budget: BudgetUsd = None,
    batch: Annotated[bool, typer.Option("--batch", help="By the Batch API: half the price, within a day.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Queue it as a job and return.")] = False,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """Ask an LLM for texts until every label has enough. Resumes; never pays for the same slot twice."""
    with output.opened() as (settings, store):
        wanted = connection_of(
            provider=provider, model=model, base_url=base_url, recordings=recordings, temperature=temperature,
            max_tokens=max_tokens, concurrency=concurrency, rpm=rpm, timeout=timeout, structured=structured,
        )  # fmt: skip
        how = How(per_label, wanted, budget, batch)
        with store.write() as session:
            home = studies.find_study(session, study, task)
            found_task = tasks.get_task(session, home.id, task)
            made = ready_arm(session, found_task, arm)
            if not generation.is_full(session, made.id, per_label=per_label):
                check(settings, how)
            if detach:
                job = queueing.queue_generation(
                    session,
                    study=home,
                    task=found_task,
                    arm=made,
                    arguments=how.arguments(),
                    is_local=provider == "local",
                )
        if detach:
            runner.ensure(settings)
            return output.queued(job.id, as_json=as_json)
        found = fill_arm(settings, store, arm_id=made.id, title=f"{task} · {arm}", how=how)
    return _show(found, title=f"{task} · {arm}", as_json=as_json)


def connection_of(*, provider: str, model: Sequence[str] | None, **others: Any) -> Connection:
    """The connection that a command's options describe. Raises `StudyError`."""
    if provider not in providers.NAMES:
        raise StudyError(
            f"There is no provider {provider!r}. Known are {', '.join(providers.NAMES)}; any OpenAI-compatible URL is "
            "'openai'."
        )
    models = tuple(model or ()) or (("recorded",) if provider == "recorded" else ())
    recordings = others.pop("recordings", None)
    return connection.made(
        provider=provider, models=models, recordings=str(recordings) if recordings else None, **others
    )


def check(settings: settings_module.Settings, how: How) -> None:
    """Raise `StudyError` when what is asked for cannot be opened or kept to the budget; loads no model."""
    connection.check(how.connection, settings)
    if how.connection.provider == "openai":
        generation.check_budget(clients_of(settings, how.connection), how.budget)


def clients_of(settings: settings_module.Settings, wanted: Connection) -> list[Provider]:
    """A provider for each model of a connection, at the prices known here. A local model is loaded: for workers."""
    names = [connection.split(model)[0] for model in wanted.models]
    known = {name: price for name in names if (price := prices.find(settings.home, name)) is not None}
    return connection.open_all(wanted, settings, prices=known)


def fill_arm(settings: settings_module.Settings, store: Store, *, arm_id: int, title: str, how: How) -> dict[str, Any]:
    """Generate in this process, with a bar on the terminal and progress in the job's row when inside a job.

    An arm that is full needs no provider and no key.
    """
    with store() as session:
        if generation.is_full(session, arm_id, per_label=how.per_label):
            return asdict(generation.totals(session, arm_id, seconds=0.0, stopped={}))
    clients = clients_of(settings, how.connection)
    with output.progress(f"Generate {title}") as bar:
        tell = output.telling(store, bar)
        if how.batch:
            found = _by_batch(store, clients, arm_id=arm_id, how=how, tell=tell)
        else:
            found = generation.generate(
                store,
                arm_id=arm_id,
                per_label=how.per_label,
                provider=clients,
                concurrency=how.connection.concurrency,
                budget_usd=how.budget,
                report=tell,
            )
    return asdict(found)


def synthetic_arm(session: Session, task: Task, name: str) -> Arm:
    """The arm of this name, made when it is new. Raises `StudyError` for the real one."""
    arm = tasks.make_arm(session, task_id=task.id, name=name)
    if arm.kind == ArmKind.REAL:
        raise StudyError("The real arm holds real data; generate into another arm, such as zero-shot.")
    return arm


def ready_arm(session: Session, task: Task, name: str) -> Arm:
    """The arm of this name with a prompt: its latest one, or else the default of its kind. Raises `StudyError`."""
    arm = synthetic_arm(session, task, name)
    if versions.latest(session, arm.id) is None:
        draft = versions.default(task, tasks.labels_of(session, task.id), kind=ArmKind(arm.kind))
        versions.save(session, arm_id=arm.id, draft=draft)
    return arm


def _by_batch(
    store: Store, clients: Sequence[Provider], *, arm_id: int, how: How, tell: Report
) -> generation.Generated:
    client = clients[0]
    if len(clients) != 1 or not isinstance(client, OpenAIProvider):
        raise StudyError("A batch asks one model of an endpoint. Name one --model, with --provider openai.")
    return rounds.generate_by_batch(
        store, arm_id=arm_id, per_label=how.per_label, provider=client, budget_usd=how.budget, report=tell
    )


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
