"""Measure the texts of a task's arms beside its real data, and fit the baselines of a task; queue either as a job."""

from sqlalchemy.orm import Session

from core.errors import StudyError
from core.jobs import queue
from core.quality import measures
from core.quality.measures import Measures
from core.reports import Teller
from core.settings import Settings
from core.study import tasks
from core.study.rows.kinds import Slot, Work
from core.study.rows.study import Job, Study, Task
from core.study.store import Store

BASELINE_ENCODER = "minilm"  # whose embeddings the baselines learn from


def measure_task(
    settings: Settings, store: Store, *, task_id: int, title: str, encoder: str, teller: Teller
) -> Measures:
    """Measure the arms of a task in this process, store the measures in the home, and return them."""
    from core.quality import arms  # torch takes seconds to import and is needed by this command alone

    with store() as session:
        task_texts = arms.read_texts(session, task_id)
    with teller.bar(f"Measure {title}") as report:
        measured = arms.compute(task_texts, home=settings.home, encoder=encoder, report=report)
    measures.write(settings, measured)
    return measured


def queue_measuring(session: Session, *, study: Study, task: Task, encoder: str = "minilm") -> Job:
    """Queue the measuring of a task; a task has one such job at a time. Raises `StudyError` for a task of another study."""
    if tasks.get_task(session, study.id, task.name).id != task.id:
        raise StudyError(f"Task {task.name!r} belongs to another study than {study.name!r}.")
    return queue.enqueue(
        session,
        title=f"Measure {task.name}",
        command=["-m", "core", "measure", "--study", study.name, "--task", task.name, "--encoder", encoder],
        key=Work.MEASURE.key(task.id),
        slot=Slot.CPU,
        study_id=study.id,
    )


def compute_baselines(
    settings: Settings, store: Store, *, task_id: int, title: str, teller: Teller
) -> tuple[int, tuple[str, ...]]:
    """Fit the baselines that a task lacks in this process; return their number and sentences on arms that get none."""
    from core.quality import embedding  # torch takes seconds to import and is needed by this command alone
    from core.training.baselines import compute

    with teller.bar(f"Baselines {title}") as report:
        return compute.execute(
            store,
            task_id,
            embed=lambda texts: embedding.embed(texts, home=settings.home, encoder=BASELINE_ENCODER),
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
        slot=Slot.CPU,
        study_id=study.id,
    )
