"""The command report: write the paper pack of a study."""

from pathlib import Path
from typing import Annotated

import typer

from core.analysis import findings
from core.analysis.points import Metric
from core.analysis.reports.pack import pack
from core.commands import output
from core.steps import find
from core.subjectivity import levels
from core.subjectivity.levels import Measure


def register(app: typer.Typer) -> None:
    """Add the command report to the program."""
    app.command("report")(report)


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder, or that of an earlier pack.")],
    study: Annotated[str | None, typer.Option("--study", help="The study; needed only when there are several.")] = None,
    metric: Annotated[Metric, typer.Option(help="The score that gaps are of.")] = Metric.MACRO_F1,
    measure: Annotated[
        Measure | None, typer.Option(help="What measures subjectivity; by default the first there is.")
    ] = None,
    as_json: output.Json = False,
) -> None:
    """Write the paper pack: report, tables, figures, methods, prompts, cards, and a study.yaml that redoes it."""
    with output.opened() as (settings, store), store() as session:
        home = find.only_study(session, study)
        levels.check_has(session, home, measure)
        found = findings.collect(session, home, metric=metric, measure=measure)
        made = pack.write(session, found, folder, settings=settings)
    if as_json:
        files = [str(folder / part.path) for part in made.parts]
        output.emit({"study": home.name, "files": files, "notes": list(made.notes)})
        return
    output.table(f"{home.name} in {folder}", ["file", "what it is"], [[part.path, part.what] for part in made.parts])
    for note in made.notes:
        typer.echo(note)
