"""The command agreement: Krippendorff's alpha of the ratings in a file."""

from dataclasses import asdict, replace
from typing import Annotated

import typer

from core.commands import output
from core.commands.files import answer_files
from core.errors import StudyError
from core.subjectivity.exchange import formats
from core.subjectivity.statistics import agreement
from core.subjectivity.statistics.counts import Level

AS_SETS = (Level.NOMINAL, Level.SETS)
SETS_COUNT = (
    "Answers that hold several labels: {n:,}. Alpha weighs how much two sets share (MASI); for the other numbers only equal sets agree. "
    "--has LABEL looks at one label, --whole-sets takes each set for a label of its own."
)


def register(app: typer.Typer) -> None:
    """Add the command agreement to the program."""
    app.command("agreement")(agree)


def agree(
    file: answer_files.File,
    level: Annotated[
        Level | None,
        typer.Option(
            help="Level of measurement of the labels: ordinal with --order, nominal without it.", show_default=False
        ),
    ] = None,
    items: Annotated[bool, typer.Option("--items", help="Also list every item.")] = False,
    field: answer_files.Field = None,
    wide: answer_files.Wide = False,
    rater: answer_files.Rater = None,
    column: answer_files.Columns = None,
    order: answer_files.Order = None,
    rater_column: answer_files.Raters = None,
    fold: answer_files.Fold = False,
    keep_labels: answer_files.Keep = False,
    whole_sets: answer_files.Sets = False,
    has: answer_files.Has = None,
    rename: answer_files.Rename = None,
    as_json: output.Json = False,
) -> None:
    """Compute Krippendorff's alpha with its interval. Columns: item_id, rater_id, label, or usual names for these."""
    with output.answering():
        level = _level(level, order)
        chosen = answer_files.choices(fold, keep_labels, whole_sets, has, rename)
        choices = replace(chosen, as_sets=level in AS_SETS and not (whole_sets or has))
        options = answer_files.options(field, column, wide=wide, rater=rater, raters=rater_column, choices=choices)
        answers = formats.ratings_in(formats.read(file), options)
        level = Level.SETS if answers.several and choices.as_sets else level
        ordered = answers.cells if order is None else formats.ordered(answers.cells, order.split(","))
        summary = asdict(agreement.summary(ordered, level=level))
        listed = agreement.by_item(answers.cells).to_dict("records") if items else []
    if level == Level.SETS:
        answers.notes.append(SETS_COUNT.format(n=answers.several))
    if as_json:
        output.emit(summary | ({"items": listed} if items else {}) | answer_files.read_as(answers))
        return
    answer_files.tell(answers)
    output.table(
        f"Agreement ({level})", ["what", "value"], [[name, output.shown(value)] for name, value in summary.items()]
    )
    if listed:
        output.table("Items", [str(name) for name in listed[0]], [list(row.values()) for row in listed])


def _level(wanted: Level | None, order: str | None) -> Level:
    """The level of measurement; an order of the labels means the ordinal level. Raises `StudyError` for another level."""
    if order is None:
        return wanted or Level.NOMINAL
    if wanted not in (None, Level.ORDINAL):
        raise StudyError(
            f"--order gives the labels an order, which --level {wanted} does not use. Leave one of the two out."
        )
    return Level.ORDINAL
