"""Queue the judging of a task's texts, by the options that the command judge takes."""

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
    """Queue the judging of a task's texts; `arguments` are those of the command `judge`. A task has one such job at a time."""
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
    asked: Connection, *, arms: Sequence[str], per_label: int | None = None, budget_usd: float | None = None
) -> list[str]:
    """The options of the command `judge` for a connection with one model; no arms means all of the task."""
    given = {"--per-label": per_label, "--budget": budget_usd}
    return [
        *connection.arguments(asked.model_copy(update={"structured": False})),
        *(part for name in arms for part in ("--arm", name)),
        *(part for name, value in given.items() if value is not None for part in (name, f"{value}")),
    ]
