"""Queue the test whether an LLM knows a task's real test texts, with the options of the command contamination."""

import itertools
from collections.abc import Sequence

from sqlalchemy.orm import Session

from core.jobs import queue
from core.llm import connection
from core.llm.connection import Connection
from core.steps import train
from core.study.rows.kinds import Slot, Work
from core.study.rows.study import Job, Study, Task


def queue_contamination(session: Session, *, study: Study, task: Task, arguments: Sequence[str]) -> Job:
    """Queue the test of a model on a task; a task has one such job at a time.

    `arguments` are further options of the command contamination, from the function `arguments`.
    """
    is_local = ("--provider", "local") in itertools.pairwise(arguments)
    return queue.enqueue(
        session,
        title=f"Contamination of {task.name}",
        command=["-m", "core", "contamination", "--study", study.name, "--task", task.name, *arguments],
        key=Work.CONTAMINATION.key(task.id),
        slot=train.worker_slot() if is_local else Slot.API,
        study_id=study.id,
    )


def arguments(
    tested: Connection, *, texts: int | None = None, dataset: str = "", budget_usd: float | None = None
) -> list[str]:
    """Return the options of the command contamination for a connection with one model."""
    options = {"--texts": texts, "--dataset": dataset or None, "--budget": budget_usd}
    return [
        *connection.arguments(tested.model_copy(update={"structured": False})),
        *(part for name, value in options.items() if value is not None for part in (name, f"{value}")),
    ]
