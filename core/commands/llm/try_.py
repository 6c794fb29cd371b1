"""The command try: make a few calls with a prompt before a whole generation is paid for."""

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
from core.steps.try_prompt import CALLS, MOST_CALLS, or_no_arm
from core.study import tasks
from core.study.rows.study import Arm, Task
from core.study.store import Store
from core.synthesis.generation import generation
from core.synthesis.limits import TryLimits
from core.synthesis.prompts import versions
from core.synthesis.prompts.drafts import Draft
from core.synthesis.trials import taxonomy, trials

DRAFT = TypeAdapter(Draft)


def register(app: typer.Typer) -> None:
    """Add the command try to the program."""
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
    """Make a few calls with a prompt, like the calls of a generation. The answers are stored but never become samples."""
    with output.opened() as (settings, store):
        wanted = generate.connection_of(
            provider=provider, model=model, base_url=base_url, recordings=recordings, temperature=temperature,
            max_tokens=max_tokens, concurrency=concurrency, rpm=rpm, timeout=timeout, structured=structured,
        )  # fmt: skip
        connection.check(wanted, settings)
        limits = TryLimits(budget, wanted.concurrency)
        clients = _clients(settings, wanted, limits)
        with store.write() as session:
            home = find.find_study(session, study, task)
            found_task = tasks.get_task(session, home.id, task)
            is_new = tasks.find_arm(session, found_task.id, arm) is None
            arm_id = tasks.make_arm(session, task_id=found_task.id, name=arm).id
            tried = _draft(session, arm_id, found_task, draft, wanted)
        with or_no_arm(store, arm_id, is_new=is_new):
            if kinds is None:
                _show(_try(store, clients, arm_id=arm_id, draft=tried, calls=calls, limits=limits), as_json=as_json)
            else:
                _show_kinds(taxonomy.ask(store, clients[0], arm_id=arm_id, n=kinds, limits=limits), as_json=as_json)


def _draft(session: Session, arm_id: int, task: Task, option: str | None, wanted: Connection) -> Draft:
    """Return the draft of the option --draft, else the arm's newest version, else the first draft for the arm and its models.

    Raises `StudyError` if the option holds no draft.
    """
    if option is None:
        newest = versions.latest(session, arm_id)
        labels = tasks.labels_of(session, task.id)
        kind = session.get_one(Arm, arm_id).kind
        return versions.as_draft(newest) if newest else generate.first_draft(task, labels, kind=kind, wanted=wanted)
    try:
        return DRAFT.validate_json(json.dumps(asdict(Draft(**json.loads(option)))), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise StudyError(f"--draft takes a prompt as a JSON object; {where} is wrong: {first['msg']}.") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise StudyError(f"--draft takes a prompt as a JSON object: {error}.") from error


def _clients(settings: settings_module.Settings, wanted: Connection, limits: TryLimits) -> list[Provider]:
    clients = generate.open_providers(settings, wanted)
    generation.check_budget(clients, limits.budget_usd)
    return clients


def _try(
    store: Store, clients: list[Provider], *, arm_id: int, draft: Draft, calls: int, limits: TryLimits
) -> list[trials.Tried]:
    """Make the calls, each with the model that a generation would use. Raises `StudyError` if no call got an answer."""
    tried = trials.try_prompt(store, arm_id=arm_id, draft=draft, provider=clients, calls=calls, limits=limits)
    errors = [call.error for call in tried if call.error]
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
        output.emit({"tried": [asdict(call) for call in tried]})
        return
    rows = [[call.label, text, ""] for call in tried for text in call.texts]
    rows += [[call.label, text, reason] for call in tried for text, reason in call.rejected]
    rows += [[call.label, "", call.error or call.reason or ""] for call in tried if call.error or call.reason]
    output.table("Texts of the answers", ["label", "text", "not kept because"], rows)
    cost = sum(call.cost_usd or 0 for call in tried) if all(call.cost_usd is not None for call in tried) else None
    tokens_in, tokens_out = (sum(getattr(call, name) for call in tried) for name in ("tokens_in", "tokens_out"))
    output.table(
        "Calls", ["calls", "tokens in", "tokens out", "cost, US dollars"], [[len(tried), tokens_in, tokens_out, cost]]
    )
