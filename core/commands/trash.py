"""The command trash: list the trash, put a study or task into the trash, restore, undo an import, delete for good."""

import time
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from core.commands import output
from core.errors import StudyError
from core.steps import find
from core.steps.trained import models
from core.study import tasks, trash
from core.study.rows.study import Arm
from core.study.trash import Trashed
from core.wording import listed


class Action(StrEnum):
    """What `litmus trash` does with what is named."""

    LIST = "list"
    PUT = "put"
    RESTORE = "restore"
    UNDO = "undo-import"
    EMPTY = "empty"


OPTIONS = {
    Action.LIST: frozenset[str](),
    Action.PUT: frozenset({"task", "study"}),
    Action.RESTORE: frozenset({"number", "task", "study"}),
    Action.UNDO: frozenset({"task", "study"}),
    Action.EMPTY: frozenset({"days"}),
}


def register(app: typer.Typer) -> None:
    """Add the command trash to the program."""
    app.command("trash")(use)


def use(
    context: typer.Context,
    action: Annotated[Action, typer.Argument(help="What to do.")] = Action.LIST,
    task: Annotated[
        str | None, typer.Option("--task", help="The name of a task; without --task, the whole study.")
    ] = None,
    number: Annotated[
        int | None,
        typer.Option("--number", help="For restore: the number of a study or task, as `trash list` shows it."),
    ] = None,
    days: Annotated[
        int, typer.Option(min=0, help="For empty: delete what has been in the trash for at least this many days.")
    ] = trash.KEPT_DAYS,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """List, fill and empty the trash. A study or task in the trash is kept for 30 days and can be restored whole."""
    if others := output.typed(context, "action", "as_json", *OPTIONS[action]):
        raise typer.BadParameter(f"trash {action} does not take {listed(others)}; nothing was done.")
    now, undone = time.time(), None
    with output.opened() as (settings, store):
        with store.write() as session:
            if action == Action.PUT:
                _put(session, study=study, task=task, now=now)
            elif action == Action.RESTORE:
                found = _named(trash.listed(session, now=now), number=number, task=task, study=study)
                trash.restore(session, kind=found.kind, id=found.id)
            elif action == Action.UNDO:
                undone = _undo(session, study=study, task=task, now=now)
        if action == Action.EMPTY:
            models.empty_trash(store, settings, now=now, days=days)
        with store() as session:
            trashed = trash.listed(session, now=now)
    if as_json:
        output.emit({"trash": [asdict(row) for row in trashed]} | ({} if undone is None else {"undone": undone}))
        return
    if undone is not None:
        typer.echo(
            f"Undone: the import of {undone['file']} into arm {undone['arm']}; texts left out: {undone['texts']:,}."
        )
    rows = [[row.id, row.kind, row.name, row.days_left] for row in trashed]
    output.table("In the trash", ["number", "kind", "name", "days left"], rows)


def _put(session: Session, *, study: str | None, task: str | None, now: float) -> None:
    """Put a task, or without one a whole study, into the trash."""
    if task is not None:
        home = find.find_study(session, study, task)
        trash.put_task(session, tasks.get_task(session, home.id, task).id, now=now)
    elif study is not None:
        trash.put_study(session, find.study_called(session, study).id, name=study, now=now)
    else:
        raise StudyError("Say what to put into the trash: --study NAME, or --task NAME.")


def _named(rows: list[Trashed], *, number: int | None, task: str | None, study: str | None) -> Trashed:
    """The one row of the trash that is meant: studies and tasks are numbered apart, so a number alone may mean two."""
    if (number, task, study) == (None, None, None):
        raise StudyError("Say which with --number; 'trash list' shows what is there.")
    found = [
        row
        for row in rows
        if (number is None or row.id == number)
        and (task is None or (row.kind == "task" and row.name == task))
        and (study is None or task is not None or (row.kind == "study" and row.name == study))
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise StudyError("Nothing in the trash fits that; 'trash list' shows what is there. Say which with --number.")
    fitting = listed([f"{row.kind} {row.name!r} (--number {row.id})" for row in found])
    raise StudyError(
        f"Several things in the trash fit: {fitting}. Say which with --task NAME or --study NAME, and --number."
    )


def _undo(session: Session, *, study: str | None, task: str | None, now: float) -> dict[str, Any]:
    """Undo the newest import of a task, and return its file, its arm and how many texts it had brought in."""
    if task is None:
        raise StudyError("Say the task with --task; its newest import is undone.")
    home = find.find_study(session, study, task)
    imports = trash.imports(session, tasks.get_task(session, home.id, task).id)
    if not imports:
        raise StudyError(f"Task {task!r} has no import that could be undone.")
    newest = imports[0]
    told = {"file": newest.file, "arm": session.get_one(Arm, newest.arm_id).name}
    return told | {"texts": trash.undo_import(session, newest.id, now=now)}
