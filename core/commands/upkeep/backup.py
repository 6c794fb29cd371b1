"""The commands backup and restore: a verified copy of the whole home in one file, and the way back."""

import time
from pathlib import Path
from typing import Annotated

import typer

from core import settings as settings_module
from core.commands import output
from core.upkeep import backup as writing
from core.upkeep import restore as restoring


def register(app: typer.Typer) -> None:
    """Add the commands backup and restore to the program."""
    app.command("backup")(backup)
    app.command("restore")(restore)


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The new file, such as litmus-backup.zip.")],
    as_json: output.Json = False,
) -> None:
    """Write a verified copy of the whole home into one file, while it is in use; `restore` reads it back."""
    with output.answering():
        made = writing.write(settings_module.load(), file.absolute())
    if as_json:
        output.emit(
            {
                "file": made.file,
                "files": made.files,
                "checksum": made.checksum,
                "bytes": made.size,
                "left_out": made.left_out,
                "keys": made.secrets,
            }
        )
        return
    typer.echo(f"{made.file}: {len(made.files)} files, {made.size:,} bytes, every file read again and compared.")
    typer.echo(f"SHA-256 {made.checksum}")
    for reason, n in made.left_out.items():
        typer.echo(f"Left out: {n} {reason}.")
    keys = ", ".join(Path(name).name for name in made.secrets)
    held = f"the keys of this home ({keys}) and " if keys else ""
    typer.echo(
        f"The file holds {held}the texts, answers and campaign links of the database: keep the file as safe as the home."
    )


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `backup` wrote.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Move an existing home and its database aside; nothing is deleted.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Only check the file; nothing is restored.")] = False,
    as_json: output.Json = False,
) -> None:
    """Restore a home from the file of `backup`, after every checksum in it was compared; LITMUS_HOME must be empty."""
    with output.answering():
        settings = settings_module.load()
        if check:
            _say_checked(file, as_json=as_json)
            return
        found = restoring.restore(settings, file.absolute(), replace=replace)
    if as_json:
        output.emit(
            {
                "files": found.files,
                "checksum": found.checksum,
                "moved_aside": found.moved_aside,
                "paused_jobs": found.paused_jobs,
                "shut_links": found.shut_links,
            }
        )
        return
    typer.echo(f"{settings.home}: {len(found.files)} files restored, as they were on {_date(found.made)}.")
    for place in found.moved_aside:
        typer.echo(f"Moved aside: {place}. Delete it when the restored home is as it should be.")
    if found.shut_links:
        typer.echo(f"Read-only links that were ended after the backup stay ended: {found.shut_links}.")
    if found.paused_jobs:
        typer.echo(
            f"{found.paused_jobs} jobs that were under way are paused, since another copy of the home may be at work on them. "
            "Continue a job with `litmus jobs resume NUMBER`."
        )


def _say_checked(file: Path, *, as_json: bool) -> None:
    manifest = restoring.check(file)
    if as_json:
        output.emit({"files": list(manifest.members), "made": manifest.made, "left_out": manifest.left_out})
    else:
        typer.echo(f"{file} is whole: {len(manifest.members)} files, made on {_date(manifest.made)}.")


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
