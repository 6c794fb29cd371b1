"""Read a whole study, as `export` wrote it, into this home: the command import, given a folder or a zip."""

import tempfile
from pathlib import Path

import typer

from core import files
from core.commands import output
from core.errors import StudyError
from core.study.archive import reading, zipped


def bring_in(path: Path, *, name: str | None, is_check: bool, as_json: bool) -> None:
    """Import the study of a folder or zip, under another name if one is given, and print what was imported; a check stores nothing."""
    with output.opened() as (_, store), tempfile.TemporaryDirectory() as spare:
        try:
            folder = path if files.is_folder(path) else zipped.unpack_study(path, Path(spare))
            with store.write() as session:
                study, said = reading.read(session, folder, name=name)
                known_as = study.name
                if is_check:
                    session.rollback()
        except StudyError as error:
            raise StudyError(f"{error} Nothing was imported.") from error
    if as_json:
        output.emit({"study": known_as, "files": list(said.files), "rows": said.rows, "stored": not is_check})
        return
    output.table(
        f"{known_as}, exported {said.made}", ["kind of row", "rows"], [[table, n] for table, n in said.rows.items()]
    )
    if is_check:
        typer.echo("The files are whole and can be imported. Nothing is stored.")
        return
    typer.echo(
        "All of it is stored. The links of its campaigns are new; a connection to a language model is not taken over: make your own."
    )
