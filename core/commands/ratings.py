"""The command ratings: import ratings or comparisons into a study, or export a campaign's answers."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from core.commands import output
from core.commands.files import answer_files
from core.errors import StudyError
from core.steps import find
from core.study import tasks
from core.study.exchange import spreadsheets, tables
from core.study.rows.sessions import Comparison
from core.subjectivity.exchange import formats, imported, long_form, pseudonyms
from core.subjectivity.sessions import answers, campaigns

Replace = Annotated[
    bool, typer.Option("--replace", help="Replace every earlier file of this name, whoever its raters are.")
]


def register(app: typer.Typer) -> None:
    """Add the command ratings to the program."""
    app.command("ratings")(import_or_export)


def import_or_export(
    file: Annotated[Path, typer.Argument(help="The file to read, or with --export the CSV file to write.")],
    task: Annotated[str | None, typer.Option("--task", help="The task that the ratings are about.")] = None,
    comparisons: Annotated[bool, typer.Option("--comparisons", help="Comparisons between tasks of a study.")] = False,
    export: Annotated[
        str | None, typer.Option("--export", help="Write the answers of this campaign (name or id).")
    ] = None,
    names: Annotated[
        long_form.Names, typer.Option("--names", help="Whose column names an export has.")
    ] = long_form.Names.CROWD_KIT,
    field: answer_files.Field = None,
    wide: answer_files.Wide = False,
    rater: answer_files.Rater = None,
    column: answer_files.Columns = None,
    rater_column: answer_files.Raters = None,
    fold: answer_files.Fold = False,
    keep_labels: answer_files.Keep = False,
    whole_sets: answer_files.Sets = False,
    has: answer_files.Has = None,
    rename: answer_files.Rename = None,
    replace: Replace = False,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """Import ratings of a task, or comparisons between tasks, into a study; or export a campaign's answers to a CSV file."""
    if sum((task is not None, comparisons, export is not None)) != 1:
        raise typer.BadParameter("Say one of --task T, --comparisons and --export CAMPAIGN.")
    of_ratings = {"--wide": wide, "--rater-column": rater_column, "--keep-labels": keep_labels, "--has": has}
    if comparisons:
        _refuse([name for name, given in {**of_ratings, "--whole-sets": whole_sets}.items() if given])
    if export is not None:
        _write(file, export, names, study=study, as_json=as_json)
        return
    with output.opened() as (settings, store):
        table = formats.read(file)
        chosen = answer_files.choices(fold, keep_labels, whole_sets, has, rename)
        key = pseudonyms.key_in(settings.home)
        options = answer_files.options(
            field, column, wide=wide, rater=rater, raters=rater_column, key=key, choices=chosen
        )
        with store.write() as session:
            result, into = _bring_in(session, table, options, study=study, task=task, replaces_all=replace)
    _show_import(result, title=f"{file.name} into {into}", as_json=as_json)


def _bring_in(
    session: Session,
    table: tables.Table,
    options: formats.Options,
    *,
    study: str | None,
    task: str | None,
    replaces_all: bool,
) -> tuple[imported.Imported, str]:
    """Import ratings of a task, or comparisons without a task; also return the name of the task or the study."""
    if task is None:
        home = find.only_study(session, study)
        compared = imported.import_comparisons(
            session, study_id=home.id, table=table, options=options, replaces_all=replaces_all
        )
        return compared, home.name
    about = tasks.get_task(session, find.find_study(session, study, task).id, task)
    return imported.import_ratings(session, task=about, table=table, options=options, replaces_all=replaces_all), task


def _refuse(of_ratings: list[str]) -> None:
    """Refuse options that only ratings have."""
    if of_ratings:
        raise typer.BadParameter(
            f"Comparisons have no {' or '.join(of_ratings)}: these options are about ratings. Leave them out."
        )


def _show_import(result: imported.Imported, *, title: str, as_json: bool) -> None:
    if as_json:
        output.emit(asdict(result))
        return
    answer_files.say(result.columns, result.pseudonyms, result.rejected)
    for note in result.notes:
        print(note, file=sys.stderr)
    output.table(
        title,
        ["read", "kept", "items", "raters", "items with a sample"],
        [[result.read, result.kept, result.items, result.raters, result.matched]],
    )


def _write(out: Path, wanted: str, names: long_form.Names, *, study: str | None, as_json: bool) -> None:
    with output.opened() as (_, store):
        if out.suffix.lower() != ".csv":
            raise StudyError(f"Answers are written as CSV; {out.name} does not end in .csv.")
        if out.exists():
            raise StudyError(f"There is a file {out} already. Name another.")
        with store() as session:
            home = find.only_study(session, study).id if study is not None else None
            campaign = campaigns.named(session, wanted, study_id=home)
            frame = answers.of_campaign(session, campaign)
        long = long_form.comparisons if campaigns.answers_of(campaign) is Comparison else long_form.labels
        written = long(frame, names=names)
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(spreadsheets.safe_csv(written), encoding="utf-8", newline="")
        except OSError as error:
            raise StudyError(f"{out} cannot be written: {error.strerror}. Name another file.") from error
    ties = int((frame["winner"] == "tie").sum()) if "winner" in frame.columns else 0
    if ties and names == long_form.Names.CROWD_KIT:
        print(f"crowd-kit's models know no ties; drop the rows with a tie first: {ties} rows.", file=sys.stderr)
    if as_json:
        output.emit(
            {"campaign": campaign.name, "file": str(out), "rows": len(written), "columns": list(written.columns)}
        )
        return
    typer.echo(f"{len(written)} answers of {campaign.name} in {out}.")
