"""Bring files into arms: the command import."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.commands import output
from core.errors import StudyError
from core.study import hub, importing, tables, tasks
from core.study.records import ArmKind, Study, Task

DEFAULT_STUDY = "my-study"


def register(app: typer.Typer) -> None:
    app.command("import")(bring_in)


def bring_in(
    file: Annotated[str, typer.Argument(help="CSV, TSV, JSONL or Parquet, or hf:owner/name[@revision][:config].")],
    task: Annotated[str, typer.Option("--task", help="Name of the task.")],
    arm: Annotated[str, typer.Option("--arm", help="real, zero-shot, few-shot or another name.")],
    split: Annotated[
        str | None, typer.Option(help="Put every row into this split; of a hub's data set, take only it.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Column of the text.")] = None,
    label: Annotated[str | None, typer.Option(help="Column of the label.")] = None,
    question: Annotated[str, typer.Option(help="What a labeller of this task is asked.")] = "",
    rename: Annotated[list[str] | None, typer.Option(help="file-label=task-label, may be repeated.")] = None,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """Bring a file of texts and labels into an arm. `--arm real` on a new task defines its labels."""
    with output.opened() as (settings, store):
        if is_hub := file.startswith(hub.PREFIX):
            table = hub.read(file, split=split, folder=settings.home / "hub", token=settings.hf_token)
        else:
            table = tables.read(Path(file))
        forced = None if is_hub else split
        options = importing.Options(
            text=text,
            label=label,
            split=forced,
            rename=pairs(rename or [], form="--rename takes file-label=task-label"),
        )
        with store.write() as session:
            found_task = _task_for_import(session, table, options, study=study, task=task, arm=arm, question=question)
            made = tasks.make_arm(session, task_id=found_task.id, name=arm)
            found = asdict(importing.bring_in(session, task=found_task, arm=made, table=table, options=options))
    if as_json:
        output.emit(found)
        return
    output.table(
        f"{file} into {task} · {arm}",
        ["read", "kept", "labels", "splits"],
        [[found["read"], found["kept"], listed(found["labels"]), listed(found["splits"])]],
    )
    if found["rejected"]:
        output.table("Not kept", ["reason", "rows"], [[reason, count] for reason, count in found["rejected"].items()])


def study_called(session: Session, name: str) -> Study:
    """The study of this name. Raises `StudyError`, which lists those there are, when there is none."""
    found = session.scalar(select(Study).where(Study.name == name))
    if found is None:
        known = ", ".join(study.name for study in tasks.studies(session)) or "none yet"
        raise StudyError(f"There is no study {name!r}. Studies: {known}.")
    return found


def find_study(session: Session, name: str | None, task: str) -> Study:
    """The study of this name, or the only one that has the task. Raises `StudyError` when that is not one study."""
    if name is not None:
        return study_called(session, name)
    having = list(session.scalars(select(Study).join(Task, Task.study_id == Study.id).where(Task.name == task)))
    if len(having) == 1:
        return having[0]
    if having:
        raise StudyError(
            f"Several studies have a task {task!r}: {', '.join(s.name for s in having)}. Say which with --study."
        )
    raise StudyError(f"There is no task {task!r}. Import its real data first: import FILE --task {task} --arm real.")


def _task_for_import(
    session: Session,
    table: tables.Table,
    options: importing.Options,
    *,
    study: str | None,
    task: str,
    arm: str,
    question: str,
) -> Task:
    if tasks.kind_of(arm) != ArmKind.REAL:
        return tasks.get_task(session, find_study(session, study, task).id, task)
    known = session.scalar(select(Task.id).where(Task.name == task)) is not None
    home = (
        find_study(session, study, task)
        if known and study is None
        else tasks.study_named(session, DEFAULT_STUDY if study is None else study)
    )
    found = tasks.find_task(session, home.id, task)
    if found is not None:
        return found
    labels = importing.real_labels(table, options)
    return tasks.make_task(
        session,
        study_id=home.id,
        name=task,
        question=question or f"Which label fits this text ({task})?",
        labels=labels,
    )


def pairs(given: list[str], *, form: str) -> dict[str, str]:
    """`a=b` as a -> b. Raises `StudyError`, which says the form, when one is not so."""
    wrong = [pair for pair in given if not all(pair.partition("="))]
    if wrong:
        raise StudyError(f"{form}; found {wrong[0]!r}.")
    return dict(pair.split("=", 1) for pair in given)


def listed(counted: dict[str, int]) -> str:
    """Counts by name on one line."""
    return ", ".join(f"{name} {count}" for name, count in counted.items())
