"""Measure the arms of a task beside its real data: the command measure, and the job that pages queue for it."""

from typing import Annotated, Any

import pandas as pd
import typer
from sqlalchemy.orm import Session

from core.commands import output, studies
from core.errors import StudyError
from core.jobs import queue
from core.quality import measures, readings
from core.quality.measures import Measures
from core.settings import Settings
from core.study import tasks
from core.study.rows.kinds import Slot
from core.study.rows.study import Job, Study, Task
from core.study.store import Store


def register(app: typer.Typer) -> None:
    app.command("measure")(measure)


def measure(
    task: Annotated[str, typer.Option("--task")],
    encoder: Annotated[str, typer.Option(help="What embeds the texts; minilm needs no network.")] = "minilm",
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """Diversity, duplicates, copies, leakage and a map of every arm of a task, kept for the page Inspect."""
    with output.opened() as (settings, store):
        with store() as session:
            home = studies.find_study(session, study, task)
            task_id = tasks.get_task(session, home.id, task).id
        found = measure_task(settings, store, task_id=task_id, title=task, encoder=encoder)
    _show(found, as_json=as_json)


def measure_task(settings: Settings, store: Store, *, task_id: int, title: str, encoder: str) -> Measures:
    """Measure in this process and keep the result, with a bar on the terminal and progress in the job's row if any."""
    from core.quality import arms  # torch takes seconds to import and is needed by this command alone

    with store() as session:
        gathered = arms.gather(session, task_id)
    with output.progress(f"Measure {title}") as bar:
        found = arms.compute(gathered, home=settings.home, encoder=encoder, report=output.telling(store, bar))
    measures.write(settings, found)
    return found


def queue_measuring(session: Session, *, study: Study, task: Task, encoder: str = "minilm") -> Job:
    """Queue the measuring of a task. A task has one such job at a time."""
    if tasks.get_task(session, study.id, task.name).id != task.id:
        raise StudyError(f"Task {task.name!r} belongs to another study than {study.name!r}.")
    return queue.enqueue(
        session,
        title=f"Measure {task.name}",
        command=["-m", "core", "measure", "--study", study.name, "--task", task.name, "--encoder", encoder],
        key=f"measure:{task.id}",
        slot=Slot.CPU,
        study_id=study.id,
    )


def _show(found: Measures, *, as_json: bool) -> None:
    table = measures.table(found)
    if as_json:
        output.emit(_json(found, table))
        return
    names = [arm.arm for arm in found.arms]
    rows: list[list[Any]] = [["texts", *(str(arm.n) for arm in found.arms)]]
    for name, own in table.groupby("measure", sort=False):
        cells = dict(zip(own["arm"], map(_cell, own["value"], own["n"]), strict=True))
        rows.append([readings.NAMES[str(name)], *(cells[arm] for arm in names)])
    output.table(f"{found.task}: value (n)", ["measure", *names], rows)
    for sentences in readings.reading(found).values():
        for sentence in sentences:
            typer.echo(sentence)


def _cell(value: float, n: int) -> str:
    return output.shown(value) if pd.isna(value) else f"{value:.3g} ({n})"


def _json(found: Measures, table: pd.DataFrame) -> dict[str, Any]:
    return {
        "task": found.task,
        "encoder": found.encoder,
        "seconds": found.seconds,
        "measures": table.to_dict("records"),
        "cues": {arm.arm: measures.cues(arm).to_dict("records") for arm in found.arms},
        "near_duplicates": {arm.arm: arm.near_groups for arm in found.arms},
        "readings": readings.reading(found),
    }
