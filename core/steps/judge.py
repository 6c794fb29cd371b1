"""Queue the judging of a task's texts by an LLM, with the options of the command judge."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from core import settings as settings_module
from core.llm import connection
from core.llm.connection import Connection
from core.llm.money import prices
from core.llm.money.prices import Price
from core.steps import model_jobs
from core.study.rows.kinds import Split, Work
from core.study.rows.study import Job, Study, Task
from core.synthesis import judging_cost
from core.synthesis.judging import ALL_TEXTS, Texts
from core.synthesis.judging_cost import JudgingCost


def cost(
    session: Session,
    settings: settings_module.Settings,
    judge: Connection,
    *,
    arm_ids: Sequence[int],
    texts: Texts = ALL_TEXTS,
) -> JudgingCost:
    """What a judge, a connection with one model, will take on kept texts of some arms; models on this machine cost nothing."""
    model = judge.models[0]
    name = connection.split(model)[0] if judge.provider == "openai" else model
    free = Price(model=name, input_usd_per_million=0, output_usd_per_million=0)
    price = prices.find(settings.home, name) if judge.provider == "openai" else free
    return judging_cost.of_judge(session, arm_ids=arm_ids, judge=name, price=price, wanted=texts)


def queue_judging(session: Session, *, study: Study, task: Task, arguments: Sequence[str]) -> Job:
    """Queue the judging of a task's texts; a task has one such job at a time.

    `arguments` are further options of the command judge, from the function `arguments`.
    """
    return model_jobs.queue_on_task(
        session,
        study=study,
        task=task,
        work=Work.JUDGE,
        title=f"Judge {task.name}",
        command="judge",
        arguments=arguments,
    )


def arguments(
    judge: Connection, *, arms: Sequence[str], texts: Texts = ALL_TEXTS, budget_usd: float | None = None
) -> list[str]:
    """Return the options of the command judge for a connection with one model; an empty `arms` means all arms of the task."""
    given = model_jobs.options(judge, {"--arm": list(arms), "--per-label": texts.per_label, "--budget": budget_usd})
    return [*given, *(["--test-texts"] if texts.split == Split.TEST else [])]
