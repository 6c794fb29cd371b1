"""The trash: what is in it, put a study or a task there, take it out again, undo an import, delete for good."""

import time
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from core.commands import output
from core.errors import StudyError
from core.steps import find
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
    task: Annotated[str | None, typer.Option("--task", help="A task by its name; without it, the study.")] = None,
    number: Annotated[
        int | None, typer.Option("--number", help="Of what is in the trash: the number that list shows.")
    ] = None,
    days: Annotated[
        int, typer.Option(min=0, help="empty: delete what has been there for so many days.")
    ] = trash.KEPT_DAYS,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """What was put away is kept for 30 days and can be taken out again whole."""
    now = time.time()
    with output.opened() as (_settings, store):
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
                    (one for one in trash.listed(session, now=now) if one.id == number and _is_asked(one, task)), None
                )
                if found is None:
                    raise StudyError("Say which with --number; 'trash list' shows what is there.")
                trash.restore(session, kind=found.kind, id=found.id)
            elif action == Action.UNDO:
                if task is None:
                    raise StudyError("Say the task with --task; its newest import is undone.")
                home = find.find_study(session, study, task)
                standing = trash.imports(session, tasks.get_task(session, home.id, task).id)
                if not standing:
                    raise StudyError(f"Task {task!r} has no import that could be undone.")
                trash.undo_import(session, standing[0].id, now=now)
            elif action == Action.EMPTY:
                trash.empty(session, now=now, days=days)
        with store() as session:
            there = trash.listed(session, now=now)
    if as_json:
        output.emit({"trash": [asdict(one) for one in there]})
        return
    rows = [[one.id, one.kind, one.name, one.days_left] for one in there]
    output.table("In the trash", ["number", "kind", "name", "days left"], rows)


def _is_asked(one: trash.Trashed, task: str | None) -> bool:
    return task is None or (one.kind == "task" and one.name == task)
