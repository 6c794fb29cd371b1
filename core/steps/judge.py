"""Queue the judging of a task's texts by an LLM, with the options of the command judge."""

import itertools
from collections.abc import Sequence

from sqlalchemy.orm import Session

from core.jobs import queue
from core.llm import connection
from core.llm.connection import Connection
from core.steps import train
from core.study.rows.kinds import Slot, Work
from core.study.rows.study import Job, Study, Task


def queue_judging(session: Session, *, study: Study, task: Task, arguments: Sequence[str]) -> Job:
    """Queue the judging of a task's texts; a task has one such job at a time.

    `arguments` are further options of the command judge, from the function `arguments`.
    """
    is_local = ("--provider", "local") in itertools.pairwise(arguments)
    return queue.enqueue(
        session,
        title=f"Judge {task.name}",
        command=["-m", "core", "judge", "--study", study.name, "--task", task.name, *arguments],
        key=Work.JUDGE.key(task.id),
        slot=train.worker_slot() if is_local else Slot.API,
        study_id=study.id,
    )


def arguments(
    judge: Connection, *, arms: Sequence[str], per_label: int | None = None, budget_usd: float | None = None
) -> list[str]:
    """Return the options of the command judge for a connection with one model; an empty `arms` means all arms of the task."""
    numbers = {"--per-label": per_label, "--budget": budget_usd}
    return [
        *connection.arguments(judge.model_copy(update={"structured": False})),
        *(part for name in arms for part in ("--arm", name)),
        *(part for name, value in numbers.items() if value is not None for part in (name, f"{value}")),
    ]
