"""Queue the test whether an LLM knows a task's real test texts, with the options of the command contamination."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from core.llm.connection import Connection
from core.steps import model_jobs
from core.study.rows.kinds import Work
from core.study.rows.study import Job, Study, Task


def queue_contamination(session: Session, *, study: Study, task: Task, arguments: Sequence[str]) -> Job:
    """Queue the test of a model on a task; a task has one such job at a time.

    `arguments` are further options of the command contamination, from the function `arguments`.
    """
    return model_jobs.queue_on_task(
        session, study=study, task=task, work=Work.CONTAMINATION, title=f"Contamination of {task.name}",
        command="contamination", arguments=arguments,
    )  # fmt: skip


def arguments(
    tested: Connection, *, texts: int | None = None, dataset: str = "", budget_usd: float | None = None
) -> list[str]:
    """Return the options of the command contamination for a connection with one model."""
    return model_jobs.options(tested, {"--texts": texts, "--dataset": dataset or None, "--budget": budget_usd})
