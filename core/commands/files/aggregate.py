"""The command aggregate: one label per item from a file of ratings."""

import sys
from typing import Annotated

import typer

from core.commands import output
from core.commands.files import answer_files
from core.subjectivity.exchange import formats
from core.subjectivity.statistics import aggregation


def register(app: typer.Typer) -> None:
    """Add the command aggregate to the program."""
    app.command("aggregate")(aggregate)


def aggregate(
    file: answer_files.File,
    method: Annotated[
        aggregation.Method, typer.Option(help="How answers become one label.")
    ] = aggregation.Method.MAJORITY,
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
    as_json: output.Json = False,
) -> None:
    """Aggregate ratings to one label per item. Columns: item_id, rater_id, label, or usual names for these."""
    with output.answering():
        choices = answer_files.choices(fold, keep_labels, whole_sets, has, rename)
        options = answer_files.options(field, column, wide=wide, rater=rater, raters=rater_column, choices=choices)
        answers = formats.ratings_in(formats.read(file), options)
        labels = aggregation.aggregate(answers.cells, method=method)
        caution = aggregation.caution(answers.cells, method=method)
    by_item = {str(item): label for item, label in labels.items()}
    if as_json:
        cautions = [caution] if caution else []
        output.emit({"method": method, "labels": by_item, "cautions": cautions} | answer_files.read_as(answers))
        return
    answer_files.tell(answers)
    if caution:
        print(caution, file=sys.stderr)
    output.table(f"Labels by {method}", ["item", "label"], [[item, label] for item, label in by_item.items()])
