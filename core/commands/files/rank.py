"""The command rank: rank things by a file of comparisons."""

from dataclasses import asdict

import typer

from core.commands import output
from core.commands.files import answer_files
from core.subjectivity.exchange import formats
from core.subjectivity.statistics import ranking


def register(app: typer.Typer) -> None:
    """Add the command rank to the program."""
    app.command("rank")(rank)


def rank(
    file: answer_files.File,
    field: answer_files.Field = None,
    rater: answer_files.Rater = None,
    column: answer_files.Columns = None,
    fold: answer_files.Fold = False,
    rename: answer_files.Rename = None,
    as_json: output.Json = False,
) -> None:
    """Rank compared things by Bradley-Terry and by the majority graph. Columns: rater_id, left, right, winner (who has more)."""
    with output.answering():
        options = answer_files.options(
            field, column, rater=rater, choices=answer_files.choices(fold, False, False, None, rename)
        )
        answers = formats.comparisons_in(formats.read(file), options)
        ranked = ranking.bradley_terry(answers.cells)
    if as_json:
        strength = {name: {"value": s.value, "low": s.low, "high": s.high} for name, s in ranked.strength.items()}
        output.emit(asdict(ranked) | {"strength": strength} | answer_files.read_as(answers))
        return
    answer_files.tell(answers)
    rows = [
        [name, s.value, s.low, s.high, ranked.levels[name]] for name in ranked.order for s in [ranked.strength[name]]
    ]
    output.table(f"Most first ({ranked.n} comparisons)", ["name", "strength", "low", "high", "level"], rows)
    for said in (ranked.note, ranked.coverage):
        if said:
            typer.echo(said)
