"""The command doctor: what is wrong with a home, and how to mend it."""

import time
from dataclasses import asdict

import typer

from core import settings as settings_module
from core.commands import output
from core.upkeep import doctor as examination


def register(app: typer.Typer) -> None:
    """Add the command doctor to the program."""
    app.command("doctor")(doctor)


def doctor(as_json: output.Json = False) -> None:
    """Say what is wrong with a home and how to mend it; exit code 1 if something is wrong. Nothing is changed."""
    with output.answering():
        settings = settings_module.load()
        found = examination.examine(settings, now=time.time())
    if as_json:
        output.emit({"findings": [asdict(finding) for finding in found]})
    elif found:
        for place, finding in enumerate(found, start=1):
            typer.echo(f"{place}. {finding.what}\n   {finding.how_to_mend}")
    else:
        typer.echo(f"Nothing wrong was found in {settings.home}.")
    raise typer.Exit(1 if found else 0)
