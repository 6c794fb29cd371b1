"""The command export: write a whole study as open files."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from core.commands import output
from core.steps import find
from core.study.archive import writing, zipped
from core.study.archive.layout import Format


def register(app: typer.Typer) -> None:
    """Add the command export to the program."""
    app.command("export")(export)


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder, or the name of a .zip file.")],
    study: Annotated[str | None, typer.Option("--study", help="The study; needed only when there are several.")] = None,
    format: Annotated[Format, typer.Option("--format", help="The form of the files.")] = "jsonl",
    panel_ids: Annotated[
        bool,
        typer.Option("--panel-ids", help="Also write the ids that raters have at a panel: they say who a person is."),
    ] = False,
    spreadsheet: Annotated[
        bool, typer.Option("--spreadsheet", help="In CSV, put an apostrophe before cells that a spreadsheet would run.")
    ] = False,
    as_json: output.Json = False,
) -> None:
    """Write a whole study as open files, one for each kind of row, with a manifest; `import DIR` reads them back."""
    with output.opened() as (_, store):
        with store() as session:
            home = find.only_study(session, study)
        with store() as session, tempfile.TemporaryDirectory() as spare:
            is_zip = folder.suffix == ".zip"
            target = Path(spare) if is_zip else folder
            found, paths = writing.write(
                writing.snapshot(session), home, target, format=format, panel_ids=panel_ids, escaped=spreadsheet
            )
            if is_zip:
                paths = [zipped.pack(paths, target, folder)]
    if as_json:
        output.emit(
            {
                "study": found.study,
                "files": [str(path) for path in paths],
                "rows": found.rows,
                "left_out": found.left_out,
            }
        )
        return
    output.table(
        f"{found.study} in {folder}", ["file", "rows"], [[name, entry.rows] for name, entry in found.files.items()]
    )
    for table, n in found.left_out.items():
        typer.echo(f"Left out: {n} rows of {table}, which belong to a task in the trash.")
