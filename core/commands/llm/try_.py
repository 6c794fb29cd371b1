"""Try a prompt before it is paid for by the thousand: the command try, and the job that the page queues for it."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.orm import Session

from core import settings as settings_module
from core.commands import output
from core.commands.llm import model_options
from core.errors import StudyError
from core.llm import connection
from core.llm.answers import Provider
from core.llm.connection import Connection
from core.steps import find, generate
from core.steps.try_prompt import CALLS, MOST_CALLS
from core.study import tasks
from core.study.rows.study import Task
from core.study.store import Store
from core.synthesis.generation import generation
from core.synthesis.limits import TryLimits
from core.synthesis.prompts import drafts, versions
from core.synthesis.prompts.drafts import Draft
from core.synthesis.trials import taxonomy, trials

DRAFT = TypeAdapter(Draft)


def register(app: typer.Typer) -> None:
    app.command("try")(try_prompt)


def try_prompt(
    task: Annotated[str, typer.Option("--task")],
    arm: Annotated[str, typer.Option("--arm")],
    calls: Annotated[
        int, typer.Option(min=1, max=MOST_CALLS, help="How many calls to make, the labels in turn.")
    ] = CALLS,
    draft: Annotated[str | None, typer.Option(help="A prompt as JSON; default: the arm's newest version.")] = None,
    kinds: Annotated[
        int | None, typer.Option(min=1, max=50, help="Ask for kinds of texts of each label instead.")
    ] = None,
    provider: model_options.ProviderName = "openai",
    model: model_options.Model = None,
    base_url: model_options.BaseUrl = None,
    recordings: model_options.Recordings = None,
    temperature: model_options.Temperature = None,
    max_tokens: model_options.MaxTokens = None,
    concurrency: model_options.Concurrency = 8,
    rpm: model_options.Rpm = None,
    timeout: model_options.Timeout = None,
    structured: model_options.Structured = False,
    budget: Annotated[
        float | None,
        typer.Option("--budget", min=0, help="Stop before all tries and lists of the arm cost more, in US dollars."),
    ] = None,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """Make a few calls with a prompt, exactly as a generation would. The answers are stored but never become samples."""
    with output.opened() as (settings, store):
        wanted = generate.connection_of(
            provider=provider, model=model, base_url=base_url, recordings=recordings, temperature=temperature,
            max_tokens=max_tokens, concurrency=concurrency, rpm=rpm, timeout=timeout, structured=structured,
        )  # fmt: skip
        connection.check(wanted, settings)
        limits = TryLimits(wanted.timeout or TryLimits.seconds, budget)
        with store.write() as session:
            home = find.find_study(session, study, task)
            found = tasks.get_task(session, home.id, task)
            arm_id = tasks.make_arm(session, task_id=found.id, name=arm).id
            tried = _draft(session, arm_id, found, arm, draft)
        if kinds is None:
            clients = _clients(settings, wanted, limits)
            _show(_try(store, clients, arm_id=arm_id, draft=tried, calls=calls, limits=limits), as_json=as_json)
        else:
            client = _clients(settings, wanted, limits)[0]
            _show_kinds(taxonomy.ask(store, client, arm_id=arm_id, n=kinds, limits=limits), as_json=as_json)


def _draft(session: Session, arm_id: int, task: Task, arm: str, given: str | None) -> Draft:
    """The draft of the option, or the arm's newest version, or the default of its kind. Raises `StudyError`."""
    if given is None:
        newest = versions.latest(session, arm_id)
        labels = tasks.labels_of(session, task.id)
        return versions.as_draft(newest) if newest else drafts.default(task, labels, kind=tasks.kind_of(arm))
    try:
        return DRAFT.validate_json(json.dumps(asdict(Draft(**json.loads(given)))), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise StudyError(f"--draft takes a prompt as a JSON object; {where} is wrong: {first['msg']}.") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise StudyError(f"--draft takes a prompt as a JSON object: {error}.") from error


def _clients(settings: settings_module.Settings, wanted: Connection, limits: TryLimits) -> list[Provider]:
    clients = generate.clients_of(settings, wanted)
    generation.check_budget(clients, limits.budget_usd)
    return clients


def _try(
    store: Store, clients: list[Provider], *, arm_id: int, draft: Draft, calls: int, limits: TryLimits
) -> list[trials.Tried]:
    """The calls, each by the model that a generation would ask. Raises `StudyError` when none of them brought an answer."""
    tried = trials.try_prompt(store, arm_id=arm_id, draft=draft, provider=clients, calls=calls, limits=limits)
    errors = [one.error for one in tried if one.error]
    if errors and len(errors) == len(tried):
        raise StudyError(errors[0])
    return tried


def _show_kinds(kinds: dict[str, list[str]], *, as_json: bool) -> None:
    if as_json:
        output.emit({"kinds": kinds})
        return
    output.table("Kinds of texts", ["label", "kinds"], [[label, "; ".join(found)] for label, found in kinds.items()])


def _show(tried: list[trials.Tried], *, as_json: bool) -> None:
    if as_json:
        output.emit({"tried": [asdict(one) for one in tried]})
        return
    rows = [[one.label, text, ""] for one in tried for text in one.texts]
    rows += [[one.label, text, reason] for one in tried for text, reason in one.rejected]
    rows += [[one.label, "", one.error or one.reason or ""] for one in tried if one.error or one.reason]
    output.table("What came", ["label", "text", "not kept because"], rows)
    cost = sum(one.cost_usd or 0 for one in tried) if all(one.cost_usd is not None for one in tried) else None
    tokens_in, tokens_out = (sum(getattr(one, name) for one in tried) for name in ("tokens_in", "tokens_out"))
    output.table(
        "Calls", ["calls", "tokens in", "tokens out", "cost, US dollars"], [[len(tried), tokens_in, tokens_out, cost]]
    )
