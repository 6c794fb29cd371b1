"""Queue the judging of a task's texts by an LLM, with the options of the command judge."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from core.llm.connection import Connection
from core.steps import model_jobs
from core.study.rows.kinds import Work
from core.study.rows.study import Job, Study, Task


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
    judge: Connection, *, arms: Sequence[str], per_label: int | None = None, budget_usd: float | None = None
) -> list[str]:
    """Return the options of the command judge for a connection with one model; an empty `arms` means all arms of the task."""
    return model_jobs.options(judge, {"--arm": list(arms), "--per-label": per_label, "--budget": budget_usd})
