"""Let an LLM say which label fits the texts of some arms: the command judge, and its job."""

import itertools
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from core import settings as settings_module
from core.commands import generate, output, queueing, studies
from core.errors import StudyError
from core.jobs import queue, runner
from core.llm import connection
from core.llm.connection import Connection
from core.study import tasks
from core.study.rows.kinds import Slot
from core.study.rows.study import Arm, Job, Study, Task
from core.study.store import Store
from core.synthesis import judging
from core.synthesis.generation import generation


def register(app: typer.Typer) -> None:
    app.command("judge")(judge)


def judge(
    task: Annotated[str, typer.Option("--task")],
    model: Annotated[str, typer.Option(help="The judging model; NAME@URL asks it at another endpoint.")],
    arm: Annotated[list[str] | None, typer.Option("--arm", help="May be repeated. Default: every arm.")] = None,
    per_label: Annotated[int | None, typer.Option(min=1, help="Texts of each arm and label. Default: all.")] = None,
    provider: Annotated[str, typer.Option(help="openai (any endpoint that speaks its protocol) or local.")] = "openai",
    base_url: Annotated[str | None, typer.Option(help="Default: OPENAI_BASE_URL.")] = None,
    temperature: Annotated[float | None, typer.Option(min=0, max=2)] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Most tokens of an answer.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=512)] = 8,
    rpm: Annotated[float | None, typer.Option(min=0, help="Requests a minute.")] = None,
    timeout: generate.Timeout = None,
    budget: Annotated[float | None, typer.Option(min=0, help="Stop before spending more, in US dollars.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Queue it as a job and return.")] = False,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """Ask an LLM which label fits each text, without telling it the intended one. Resumes; never pays twice."""
    with output.opened() as (settings, store):
        asked = connection.made(
            provider=provider, models=(model,), base_url=base_url, temperature=temperature, max_tokens=max_tokens,
            concurrency=concurrency, rpm=rpm, timeout=timeout,
        )  # fmt: skip
        connection.check(asked, settings)
        with store.write() as session:
            home = studies.find_study(session, study, task)
            found_task = tasks.get_task(session, home.id, task)
            arms = _arms(session, found_task, arm or [])
            if detach:
                given = arguments(asked, arms=arm or [], per_label=per_label, budget_usd=budget)
                job = queue_judging(session, study=home, task=found_task, arguments=given)
        if detach:
            runner.ensure(settings)
            return output.queued(job.id, as_json=as_json)
        found = _judge(settings, store, arms=arms, asked=asked, title=task, per_label=per_label, budget_usd=budget)
    return _show(found, title=f"{task} judged by {model}", as_json=as_json)


def queue_judging(session: Session, *, study: Study, task: Task, arguments: Sequence[str]) -> Job:
    """Queue the judging of a task's texts; `arguments` are those of the command `judge`. A task has one such job at a time."""
    is_local = ("--provider", "local") in itertools.pairwise(arguments)
    return queue.enqueue(
        session,
        title=f"Judge {task.name}",
        command=["-m", "core", "judge", "--study", study.name, "--task", task.name, *arguments],
        key=f"judge:{task.id}",
        slot=queueing.worker_slot() if is_local else Slot.API,
        study_id=study.id,
    )


def arguments(
    asked: Connection, *, arms: Sequence[str], per_label: int | None = None, budget_usd: float | None = None
) -> list[str]:
    """The options of the command `judge` for a connection with one model; no arms means all of the task."""
    given = {"--per-label": per_label, "--budget": budget_usd}
    return [
        *connection.arguments(asked.model_copy(update={"structured": False})),
        *(part for name in arms for part in ("--arm", name)),
        *(part for name, value in given.items() if value is not None for part in (name, f"{value}")),
    ]


def _arms(session: Session, task: Task, names: Sequence[str]) -> list[Arm]:
    found = [tasks.get_arm(session, task, name) for name in names] or tasks.arms(session, task.id)
    if not found:
        raise StudyError(f"Task {task.name!r} has no arm yet. Import or generate texts first.")
    return found


def _judge(
    settings: settings_module.Settings,
    store: Store,
    *,
    arms: Sequence[Arm],
    asked: Connection,
    title: str,
    per_label: int | None,
    budget_usd: float | None,
) -> dict[str, Any]:
    client = connection.open_all(asked, settings)[0]
    generation.check_budget(client, budget_usd)
    with output.progress(f"Judge {title}") as bar:
        found = judging.judge(
            store,
            arm_ids=[arm.id for arm in arms],
            provider=client,
            per_label=per_label,
            concurrency=asked.concurrency,
            budget_usd=budget_usd,
            report=output.telling(store, bar),
        )
    return asdict(found)


def _show(found: dict[str, Any], *, title: str, as_json: bool) -> None:
    if as_json:
        output.emit(found)
        return
    columns = ["wanted", "judged", "named", "tokens_in", "tokens_out", "cost_usd", "seconds"]
    output.table(title, columns, [[found[name] for name in columns]])
    shares = [[arm, same, n, same / n if n else None] for arm, (same, n) in found["agrees"].items()]
    output.table("Agrees with the label the text came with", ["arm", "agrees", "n", "share"], shares)
    if found["unclear"]:
        output.table("Without a label", ["reason", "answers"], [[why, n] for why, n in found["unclear"].items()])
