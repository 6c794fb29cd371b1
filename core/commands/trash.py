"""The command trash: list the trash, put a study or task into the trash, restore, undo an import, delete for good."""

import time
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from core.commands import output
from core.errors import StudyError
from core.steps import find
from core.steps.trained import models
from core.study import tasks, trash


class Action(StrEnum):
    LIST = "list"
    PUT = "put"
    RESTORE = "restore"
    UNDO = "undo-import"
    EMPTY = "empty"


def register(app: typer.Typer) -> None:
    app.command("trash")(use)


def use(
    action: Annotated[Action, typer.Argument(help="What to do.")] = Action.LIST,
    task: Annotated[
        str | None, typer.Option("--task", help="The name of a task; without --task, the whole study.")
    ] = None,
    number: Annotated[
        int | None,
        typer.Option("--number", help="The number of a study or task in the trash, as `trash list` shows it."),
    ] = None,
    days: Annotated[
        int, typer.Option(min=0, help="For empty: delete what has been in the trash for at least this many days.")
    ] = trash.KEPT_DAYS,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """List, fill and empty the trash. A study or task in the trash is kept for 30 days and can be restored whole."""
    now = time.time()
    with output.opened() as (settings, store):
        with store.write() as session:
            if action == Action.PUT and task is not None:
                home = find.find_study(session, study, task)
                trash.put_task(session, tasks.get_task(session, home.id, task).id, now=now)
            elif action == Action.PUT:
                if study is None:
                    raise StudyError("Say what to put into the trash: --study NAME, or --task NAME.")
                trash.put_study(session, find.study_called(session, study).id, name=study, now=now)
            elif action == Action.RESTORE:
                found = next(
                    (row for row in trash.listed(session, now=now) if row.id == number and _is_of_task(row, task)), None
                )
                if found is None:
                    raise StudyError("Say which with --number; 'trash list' shows what is there.")
                trash.restore(session, kind=found.kind, id=found.id)
            elif action == Action.UNDO:
                if task is None:
                    raise StudyError("Say the task with --task; its newest import is undone.")
                home = find.find_study(session, study, task)
                imports = trash.imports(session, tasks.get_task(session, home.id, task).id)
                if not imports:
                    raise StudyError(f"Task {task!r} has no import that could be undone.")
                trash.undo_import(session, imports[0].id, now=now)
        if action == Action.EMPTY:
            models.empty_trash(store, settings, now=now, days=days)
        with store() as session:
            trashed = trash.listed(session, now=now)
    if as_json:
        output.emit({"trash": [asdict(row) for row in trashed]})
        return
    rows = [[row.id, row.kind, row.name, row.days_left] for row in trashed]
    output.table("In the trash", ["number", "kind", "name", "days left"], rows)


def _is_of_task(row: trash.Trashed, task: str | None) -> bool:
    """Whether a row of the trash is the task of this name; every row is for task None."""
    return task is None or (row.kind == "task" and row.name == task)
