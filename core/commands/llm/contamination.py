"""The command contamination: test whether an LLM knows a task's real test texts by heart."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from core import settings as settings_module
from core.commands import output
from core.commands.llm import model_options
from core.jobs import runner
from core.llm import connection
from core.llm.connection import Connection
from core.steps import find
from core.steps.contamination import arguments, queue_contamination
from core.study import tasks
from core.study.store import Store
from core.synthesis.contamination import asking, completed
from core.synthesis.contamination.completed import Contamination
from core.synthesis.generation import generation
from core.synthesis.limits import Limits


def register(app: typer.Typer) -> None:
    """Add the command contamination to the program."""
    app.command("contamination")(contamination)


def contamination(
    task: Annotated[str, typer.Option("--task")],
    model: Annotated[str, typer.Option(help="The model to test; NAME@URL names a model at another endpoint.")],
    texts: Annotated[int, typer.Option(min=1, help="Real test texts to ask about.")] = asking.MOST_TEXTS,
    dataset: Annotated[
        str, typer.Option(help="The name of the data. Default: that of earlier answers, or the task's.")
    ] = "",
    provider: model_options.AskedProvider = "openai",
    base_url: model_options.BaseUrl = None,
    temperature: Annotated[float | None, typer.Option(min=0, max=2)] = 0.0,
    max_tokens: model_options.MaxTokens = None,
    concurrency: model_options.Concurrency = 8,
    rpm: model_options.Rpm = None,
    timeout: model_options.Timeout = None,
    budget: model_options.BudgetUsd = None,
    detach: model_options.Detach = False,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """Ask an LLM to complete real test texts, with and without the name of the data set. Resumes; never pays twice."""
    with output.opened() as (settings, store):
        tested = connection.made(
            provider=provider, models=(model,), base_url=base_url, temperature=temperature, max_tokens=max_tokens,
            concurrency=concurrency, rpm=rpm, timeout=timeout,
        )  # fmt: skip
        connection.check(tested, settings)
        with store.write() as session:
            home = find.find_study(session, study, task)
            found_task = tasks.get_task(session, home.id, task)
            if detach:
                options = arguments(tested, texts=texts, dataset=dataset, budget_usd=budget)
                job = queue_contamination(session, study=home, task=found_task, arguments=options)
        if detach:
            runner.ensure(settings)
            return output.queued(job.id, as_json=as_json)
        found = _ask(
            settings, store, tested=tested, task_id=found_task.id, title=task, texts=texts, dataset=dataset, budget_usd=budget
        )  # fmt: skip
    return _show(found, task=task, as_json=as_json)


def _ask(
    settings: settings_module.Settings,
    store: Store,
    *,
    tested: Connection,
    task_id: int,
    title: str,
    texts: int,
    dataset: str,
    budget_usd: float | None,
) -> Contamination:
    client = connection.open_all(tested, settings)[0]
    generation.check_budget(client, budget_usd)
    with output.teller(store).bar(f"Contamination of {title}") as report:
        return asking.ask(
            store,
            task_id=task_id,
            provider=client,
            dataset=dataset,
            n=texts,
            limits=Limits(budget_usd, tested.concurrency),
            report=report,
        )


def _show(found: Contamination, *, task: str, as_json: bool) -> None:
    if as_json:
        output.emit(_json(found))
        return
    rows: list[list[Any]] = [
        ["data set named", round(found.guided.value * found.n) if found.n else 0, found.n, found.guided.limits()],
        ["not named", round(found.general.value * found.n) if found.n else 0, found.n, found.general.limits()],
    ]
    output.table(
        f"{task}: completed by {found.model}", ["wording", "completed", "n", "95 % interval of the share"], rows
    )
    typer.echo(completed.reading(found))
    if found.unusable:
        output.table("Not usable", ["reason", "answers"], [[why, n] for why, n in found.unusable.items()])


def _json(found: Contamination) -> dict[str, Any]:
    return asdict(found) | {"reading": completed.reading(found)}
