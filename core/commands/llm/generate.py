"""The command generate: fill an arm with an LLM's texts."""

from typing import Annotated, Any

import typer

from core.commands import output
from core.commands.llm.model_options import (
    BaseUrl,
    BudgetUsd,
    Concurrency,
    Detach,
    MaxTokens,
    Model,
    ProviderName,
    Recordings,
    Rpm,
    Structured,
    Temperature,
    Timeout,
)
from core.jobs import runner
from core.steps import find, train
from core.steps.generate import GenerationRequest, check, connection_of, fill_arm, ready_arm
from core.study import tasks
from core.synthesis.generation import standing


def register(app: typer.Typer) -> None:
    """Add the command generate to the program."""
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
    batch: Annotated[bool, typer.Option("--batch", help="Use the Batch API: half the price, within a day.")] = False,
    detach: Detach = False,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """Ask an LLM for texts until every label has enough. Resumes; never pays for the same call twice."""
    with output.opened() as (settings, store):
        wanted = connection_of(
            provider=provider, model=model, base_url=base_url, recordings=recordings, temperature=temperature,
            max_tokens=max_tokens, concurrency=concurrency, rpm=rpm, timeout=timeout, structured=structured,
        )  # fmt: skip
        request = GenerationRequest(per_label, wanted, budget, batch)
        with store.write() as session:
            home = find.find_study(session, study, task)
            found_task = tasks.get_task(session, home.id, task)
            made = ready_arm(session, found_task, arm, wanted)
            if not standing.is_full(session, made.id, per_label=per_label):
                check(settings, request)
            if detach:
                job = train.queue_generation(
                    session,
                    study=home,
                    task=found_task,
                    arm=made,
                    arguments=request.arguments(),
                    is_local=provider == "local",
                )
        if detach:
            runner.ensure(settings)
            return output.queued(job.id, as_json=as_json)
        totals = fill_arm(
            settings, store, arm_id=made.id, title=f"{task} · {arm}", request=request, teller=output.teller(store)
        )
    return _show(totals, title=f"{task} · {arm}", as_json=as_json)


def _show(totals: dict[str, Any], *, title: str, as_json: bool) -> None:
    if as_json:
        output.emit(totals)
        return
    columns = ["asked", "kept", "completions", "tokens_in", "tokens_out", "cost_usd", "seconds"]
    output.table(title, columns, [[totals[name] for name in columns]])
    if totals["rejected"]:
        output.table("Not kept", ["reason", "texts"], [[reason, count] for reason, count in totals["rejected"].items()])
    for sentence in totals["slips"]:
        typer.echo(sentence)
    for label, reason in totals["stopped"].items():
        typer.echo(f"{label}: {reason}")
