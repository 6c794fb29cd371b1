"""Compute the baselines of a task; queue that as a job."""

from sqlalchemy.orm import Session

from core.errors import StudyError
from core.jobs import queue
from core.reports import Teller
from core.settings import Settings
from core.steps import train
from core.study import tasks
from core.study.rows.kinds import Work
from core.study.rows.study import Job, Study, Task
from core.study.store import Store

ENCODER = "minilm"


def compute_task(
    settings: Settings, store: Store, *, task_id: int, title: str, teller: Teller
) -> tuple[int, tuple[str, ...]]:
    """Fit the baselines that a task lacks in this process; return their number and sentences on arms that get none."""
    from core.quality import embedding  # torch takes seconds to import and is needed by this command alone
    from core.training.baselines import compute

    with teller.bar(f"Baselines {title}") as report:
        return compute.execute(
            store,
            task_id,
            embed=lambda texts: embedding.embed(texts, home=settings.home, encoder=ENCODER),
            report=report,
        )


def queue_baselines(session: Session, *, study: Study, task: Task) -> Job:
    """Queue the baselines of a task; a task has one such job at a time. Raises `StudyError` for a task of another study."""
    if tasks.get_task(session, study.id, task.name).id != task.id:
        raise StudyError(f"Task {task.name!r} belongs to another study than {study.name!r}.")
    return queue.enqueue(
        session,
        title=f"Baselines {task.name}",
        command=["-m", "core", "baselines", "--study", study.name, "--task", task.name],
        key=Work.BASELINES.key(task.id),
        slot=train.worker_slot(),
        study_id=study.id,
    )
