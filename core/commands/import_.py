"""The command import: read a file of texts and labels into an arm, or a whole exported study into this home."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import files
from core.commands import output, repeated
from core.commands.sharing import study_files
from core.errors import StudyError
from core.settings import Settings
from core.steps import find
from core.study import tasks
from core.study.exchange import columns_in_files, held_texts, hub, importing, labels_in_files, tables
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Study, Task
from core.wording import listed

File = Annotated[
    str,
    typer.Argument(
        help="CSV, TSV, JSONL or Parquet, hf:owner/name[@revision][:config], or the folder or zip of `export`."
    ),
]
TaskName = Annotated[str | None, typer.Option("--task", help="Name of the task.")]
ArmName = Annotated[str | None, typer.Option("--arm", help="real, zero-shot, few-shot or another name.")]
Split = Annotated[
    str | None,
    typer.Option(
        help="Put every row into this split; draw: 70 % train, 5 % validation, 25 % test, whatever the file says. Of a data "
        "set on the hub, read only this split."
    ),
]
SplitColumn = Annotated[str | None, typer.Option(help="Column of each row's split, if the column has no usual name.")]
Where = Annotated[
    list[str] | None, typer.Option(help="column=value: only rows with this value; may be repeated, then all must hold.")
]
Header = Annotated[
    bool | None,
    typer.Option("--header/--no-header", help="The first row of a CSV or TSV names the columns, or is a text."),
]
Cut = Annotated[list[float] | None, typer.Option(help="A limit that cuts numbers into classes; may be repeated.")]


def register(app: typer.Typer) -> None:
    """Add the command import to the program."""
    app.command("import")(bring_in)


def bring_in(
    context: typer.Context,
    file: File,
    task: TaskName = None,
    arm: ArmName = None,
    split: Split = None,
    text: Annotated[str | None, typer.Option(help="Column of the text.")] = None,
    label: Annotated[str | None, typer.Option(help="Column of the label.")] = None,
    split_column: SplitColumn = None,
    where: Where = None,
    header: Header = None,
    question: Annotated[str, typer.Option(help="What a labeller of this task is asked.")] = "",
    rename: Annotated[list[str] | None, typer.Option(help="file-label=task-label, may be repeated.")] = None,
    fold: Annotated[bool, typer.Option("--fold", help="Treat labels that look alike as one label.")] = False,
    keep_labels: Annotated[
        bool, typer.Option("--keep-labels", help="Keep every label as it is written, also 'none'.")
    ] = False,
    drop_several: Annotated[bool, typer.Option("--drop-several", help="Leave texts with several labels out.")] = False,
    cut: Cut = None,
    check: Annotated[bool, typer.Option("--check", help="Show what would be imported, and store nothing.")] = False,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """Import a file of texts and labels into an arm; with `--arm real`, a new task gets its labels. Or a whole study of `export`."""
    if task is None and arm is None and (files.is_folder(Path(file)) or Path(file).suffix == ".zip"):
        _check_whole(context)
        return study_files.bring_in(Path(file), name=study, is_check=check, as_json=as_json)
    if task is None or arm is None:
        raise typer.BadParameter("--task and --arm are needed for a file of texts")
    with output.opened() as (settings, store):
        table = _table(settings, file, split=split, header=header)
        options = importing.Options(
            text=text,
            label=label,
            split=None if file.startswith(hub.PREFIX) and split != columns_in_files.DRAW else split,
            split_column=split_column,
            where=repeated.pairs(where or [], form="--where takes column=value"),
            rename=repeated.pairs(rename or [], form="--rename takes file-label=task-label"),
            choices=labels_in_files.Choices(fold, keep_labels, drop_several, tuple(cut or ())),
        )
        if check:
            with store() as session:
                return _tell(_look(session, table, options, study=study, task=task, arm=arm), as_json=as_json)
        with store.write() as session:
            found_task = _task_for_import(session, table, options, study=study, task=task, arm=arm, question=question)
            made = tasks.make_arm(session, task_id=found_task.id, name=arm)
            found = asdict(importing.bring_in(session, task=found_task, arm=made, table=table, options=options))
    if as_json:
        return output.emit(found)
    return _say(found, title=f"{file} into {task} · {arm}")


def _check_whole(context: typer.Context) -> None:
    """Refuse the options of a file of texts beside an exported study."""
    if others := output.typed(context, "file", "study", "check", "as_json"):
        raise typer.BadParameter(
            f"An exported study is read whole: leave {listed(others)} out. For a file of texts give --task and --arm."
        )


def _table(settings: Settings, file: str, *, split: str | None, header: bool | None) -> tables.Table:
    if file.startswith(hub.PREFIX):
        if header is False:
            raise StudyError(
                "A data set of the hub names its columns itself. Leave --no-header out: it is for CSV and TSV."
            )
        return hub.read(
            file,
            split=None if split == columns_in_files.DRAW else split,
            folder=settings.home / "hub",
            token=settings.hf_token,
        )
    return tables.read(Path(file), header=header)


def _say(result: dict[str, Any], *, title: str) -> None:
    """Print the result of an import for people."""
    row = [result["read"], result["kept"], output.listed(result["labels"]), output.listed(result["splits"])]
    output.table(title, ["read", "kept", "labels", "splits"], [row])
    if result["rejected"]:
        output.table("Not kept", ["reason", "rows"], [[reason, count] for reason, count in result["rejected"].items()])
    for note in result["notes"]:
        typer.echo(note)


def _look(
    session: Session, table: tables.Table, options: importing.Options, *, study: str | None, task: str, arm: str
) -> importing.Findings:
    """Return the findings about a file before its import into an arm; the task need not exist yet."""
    _, found_task = _place(session, study=study, task=task, arm=arm)
    names = [label.name for label in tasks.labels_of(session, found_task.id)] if found_task else []
    held = held_texts.read(session, task_id=found_task.id, arm=arm, sha256=table.sha256) if found_task else None
    return importing.look(table, options, known=names, real=tasks.kind_of(arm) == ArmKind.REAL, held=held)


def _tell(findings: importing.Findings, *, as_json: bool) -> None:
    if as_json:
        output.emit({"findings": asdict(findings)})
        return
    taken = ", ".join(f"{ours} from column {theirs!r}" for ours, theirs in findings.columns.items())
    kept = f"{sum(findings.splits.values())} to be kept ({output.listed(findings.splits) or 'none'})"
    typer.echo(f"{findings.file}: {findings.read} rows, {kept}; {taken}. Nothing is stored.")
    if findings.passed_over:
        typer.echo(f"Rows without the values of --where, not looked at: {findings.passed_over}.")
    output.table("Labels", ["label", "rows"], [[name, count] for name, count in findings.labels.items()])
    if findings.left_out:
        output.table(
            "Would be left out", ["reason", "rows"], [[why, count] for why, count in findings.left_out.items()]
        )
    for group in findings.alike:
        typer.echo(f"These labels look alike: {', '.join(map(repr, group))}. --fold takes them for one.")
    for note in findings.notes:
        typer.echo(note)
    if findings.refused:
        typer.echo(f"The import would be refused: {findings.refused}")


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
    home, found_task = _place(session, study=study, task=task, arm=arm)
    if found_task is not None:
        if question.strip():
            tasks.describe(session, found_task.id, question=question, descriptions={})
        return found_task
    labels = importing.real_labels(table, options)
    return tasks.make_task(
        session,
        study_id=tasks.study_named(session, home).id,
        name=task,
        question=question or f"Which label fits this text ({task})?",
        labels=labels,
    )


def _place(session: Session, *, study: str | None, task: str, arm: str) -> tuple[str, Task | None]:
    """The name of the study into which a file is imported, and its task; neither need exist yet if the arm is the real arm.

    Raises `StudyError` if several studies have the task and none is named, or if the task of another arm does not exist.
    """
    if tasks.kind_of(arm) != ArmKind.REAL:
        home = find.find_study(session, study, task)
        return home.name, tasks.get_task(session, home.id, task)
    if study is None:
        study = find.find_study(session, None, task).name if find.has_task(session, task) else find.DEFAULT_STUDY
    study_id = session.scalar(select(Study.id).where(Study.name == study))
    return study, None if study_id is None else tasks.task_called(session, study_id, task)
