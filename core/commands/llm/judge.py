"""The command judge: let an LLM say which label fits each text of some arms."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from core import settings as settings_module
from core.commands import output
from core.commands.llm import model_options
from core.errors import StudyError
from core.jobs import runner
from core.llm import connection
from core.llm.connection import Connection
from core.steps import find
from core.steps.judge import arguments, queue_judging
from core.steps.judge import cost as judge_cost
from core.study import tasks
from core.study.rows.kinds import ArmKind, Split
from core.study.rows.study import Arm, Study, Task
from core.study.store import Store
from core.synthesis import judging, judging_cost
from core.synthesis.generation import generation
from core.synthesis.judging_cost import JudgingCost
from core.synthesis.limits import Limits

OnlyEstimate = Annotated[
    bool, typer.Option("--estimate", help="Only say how many calls this takes and what they cost; nothing is asked.")
]
WithoutQuestion = Annotated[bool, typer.Option("--yes", help="Ask without the question that a terminal gets first.")]


def register(app: typer.Typer) -> None:
    """Add the command judge to the program."""
    app.command("judge")(judge)


def judge(
    task: Annotated[str, typer.Option("--task")],
    model: Annotated[str, typer.Option(help="The judging model; NAME@URL names a model at another endpoint.")],
    arm: Annotated[list[str] | None, typer.Option("--arm", help="May be repeated. Default: every arm.")] = None,
    per_label: Annotated[int | None, typer.Option(min=1, help="Texts of each arm and label. Default: all.")] = None,
    test_texts: Annotated[
        bool, typer.Option("--test-texts", help="Only the real test texts: the LLM as a classifier, a baseline.")
    ] = False,
    provider: model_options.AskedProvider = "openai",
    base_url: model_options.BaseUrl = None,
    temperature: Annotated[float | None, typer.Option(min=0, max=2)] = None,
    max_tokens: model_options.MaxTokens = None,
    concurrency: model_options.Concurrency = 8,
    rpm: model_options.Rpm = None,
    timeout: model_options.Timeout = None,
    budget: model_options.BudgetUsd = None,
    estimate: OnlyEstimate = False,
    yes: WithoutQuestion = False,
    detach: model_options.Detach = False,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """Ask an LLM which label fits each text, without telling the LLM the intended label. Resumes; never pays twice.

    The calls and their cost are said first; a person at a terminal is asked before calls that may cost money."""
    with output.opened() as (settings, store):
        judge_connection = connection.made(
            provider=provider, models=(model,), base_url=base_url, temperature=temperature, max_tokens=max_tokens,
            concurrency=concurrency, rpm=rpm, timeout=timeout,
        )  # fmt: skip
        connection.check(judge_connection, settings)
        with store.write() as session:
            home = find.find_study(session, study, task)
            found_task = tasks.get_task(session, home.id, task)
            if test_texts and arm:
                raise StudyError("The real test texts belong to the real arm: leave --arm out beside --test-texts.")
            arms = _arms(session, found_task, [ArmKind.REAL] if test_texts else arm or [])
            texts = judging.Texts(per_label, Split.TEST if test_texts else None)
            cost = judge_cost(session, settings, judge_connection, arm_ids=[one.id for one in arms], texts=texts)
        if estimate:
            return _show_cost(cost, budget_usd=budget, as_json=as_json)
        typer.echo(judging_cost.sentence(cost, budget_usd=budget), err=True)
        _confirm(cost, is_asked=not (yes or as_json))
        if detach:
            options = arguments(judge_connection, arms=arm or [], texts=texts, budget_usd=budget)
            return output.queued(_queue(settings, store, home, found_task, options), as_json=as_json)
        result = _judge(settings, store, arms=arms, wanted=judge_connection, title=task, texts=texts, budget_usd=budget)
    return _show(result, title=f"{task} judged by {model}", as_json=as_json)


def _queue(settings: settings_module.Settings, store: Store, study: Study, task: Task, options: Sequence[str]) -> int:
    """Queue the job that judges, start the runner, and return the job's id."""
    with store.write() as session:
        job_id = queue_judging(session, study=study, task=task, arguments=list(options)).id
    runner.ensure(settings)
    return job_id


def _show_cost(cost: JudgingCost, *, budget_usd: float | None, as_json: bool) -> None:
    if as_json:
        output.emit({**asdict(cost), "reading": judging_cost.sentence(cost, budget_usd=budget_usd)})
    else:
        typer.echo(judging_cost.sentence(cost, budget_usd=budget_usd))


def _confirm(cost: JudgingCost, *, is_asked: bool) -> None:
    """Ask a person at a terminal before calls that may cost money; `typer.Abort` if the answer is no."""
    may_cost = cost.calls and (cost.cost_usd is None or cost.cost_usd.high)
    if is_asked and may_cost and sys.stdin.isatty():
        typer.confirm("Ask the judge?", abort=True, err=True)


def _arms(session: Session, task: Task, names: Sequence[str]) -> list[Arm]:
    """Return the named arms of a task, all its arms for no names. Raises `StudyError` for a task without arms."""
    arms = [tasks.get_arm(session, task, name) for name in names] or tasks.arms(session, task.id)
    if not arms:
        raise StudyError(f"Task {task.name!r} has no arm yet. Import or generate texts first.")
    return arms


def _judge(
    settings: settings_module.Settings,
    store: Store,
    *,
    arms: Sequence[Arm],
    wanted: Connection,
    title: str,
    texts: judging.Texts,
    budget_usd: float | None,
) -> dict[str, Any]:
    client = connection.open_all(wanted, settings)[0]
    generation.check_budget(client, budget_usd)
    with output.teller(store).bar(f"Judge {title}") as report:
        judged = judging.judge(
            store,
            arm_ids=[arm.id for arm in arms],
            provider=client,
            wanted=texts,
            limits=Limits(budget_usd, wanted.concurrency),
            report=report,
        )
    return asdict(judged)


def _show(result: dict[str, Any], *, title: str, as_json: bool) -> None:
    if as_json:
        output.emit(result)
        return
    columns = ["wanted", "judged", "named", "tokens_in", "tokens_out", "cost_usd", "seconds"]
    output.table(title, columns, [[result[name] for name in columns]])
    shares = [[arm, same, n, same / n if n else None] for arm, (same, n) in result["agrees"].items()]
    output.table("Agrees with the label the text came with", ["arm", "agrees", "n", "share"], shares)
    if result["unclear"]:
        output.table("Without a label", ["reason", "answers"], [[why, n] for why, n in result["unclear"].items()])
