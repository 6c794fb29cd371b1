"""Shared options of commands that read a file of answers, and messages about how the file was read."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from core.commands import output
from core.commands.repeated import pairs
from core.subjectivity.exchange import counted, formats

File = Annotated[
    Path,
    typer.Argument(help="CSV, TSV, JSON, JSON lines or Parquet, also of Label Studio or Potato; or Potato's folder."),
]
Field = Annotated[str | None, typer.Option("--field", help="The question or column, when the file has several.")]
Wide = Annotated[bool, typer.Option("--wide", help="A row is an item, each other column a rater.")]
Raters = Annotated[
    list[str] | None, typer.Option("--rater-column", help="A column of a rater in a wide table; may be repeated.")
]
Order = Annotated[
    str | None,
    typer.Option("--order", help="The labels from least to most, separated by commas; the level is ordinal then."),
]
Rater = Annotated[str | None, typer.Option("--rater", help="The one rater of all answers, for a file without raters.")]
Columns = Annotated[
    list[str] | None, typer.Option("--column", help="our-name=file-column, e.g. item_id=doc. May be repeated.")
]
Fold = Annotated[bool, typer.Option("--fold", help="Treat labels that look alike or are equal numbers as one label.")]
Keep = Annotated[bool, typer.Option("--keep-labels", help="Keep every label as it is written, also 'none' or '-'.")]
Sets = Annotated[
    bool, typer.Option("--whole-sets", help="Treat several labels of one answer as one label of their own.")
]
Has = Annotated[
    str | None,
    typer.Option("--has", help="Of several labels of one answer, look only whether this label is among them."),
]
Rename = Annotated[list[str] | None, typer.Option("--rename", help="file-label=label, may be repeated.")]


def options(
    field: str | None,
    column: list[str] | None,
    *,
    wide: bool = False,
    rater: str | None = None,
    raters: list[str] | None = None,
    key: bytes | None = None,
    choices: counted.Choices | None = None,
) -> formats.Options:
    """Return the options for reading a file of answers, from options of a command."""
    return formats.Options(
        choices=choices or counted.Choices(),
        field=field,
        wide=wide or bool(raters),
        rater=rater,
        raters=tuple(raters or ()),
        names=pairs(column or [], form="--column takes our-name=file-column"),
        key=key,
    )


def choices(
    fold: bool, keep_labels: bool, whole_sets: bool, has: str | None, rename: list[str] | None
) -> counted.Choices:
    """Return how answers are turned into labels, from options of a command."""
    renamed = pairs(rename or [], form="--rename takes file-label=label")
    return counted.Choices(fold=fold, keep_labels=keep_labels, whole_sets=whole_sets, has=has, rename=renamed)


def read_as(answers: formats.Answers) -> dict[str, Any]:
    """Return how a file of answers was read, as fields of a command's JSON."""
    return {
        "left_out": answers.left_out,
        "columns": answers.columns,
        "pseudonyms": answers.pseudonyms,
        "findings": answers.findings,
    }


def tell(answers: formats.Answers) -> None:
    """Print on stderr how a file of answers was read."""
    say(answers.columns, answers.pseudonyms, answers.left_out)
    for note in answers.notes:
        print(note, file=sys.stderr)


def say(columns: dict[str, str], personal: int, left_out: dict[str, int]) -> None:
    """Print on stderr which columns were read, how many names were replaced, and what was left out, if anything."""
    taken = [f"{ours} from {theirs}" for ours, theirs in columns.items() if ours != theirs]
    if taken:
        print(f"Read {'; '.join(taken)}.", file=sys.stderr)
    if personal:
        print(f"Raters whose personal name was replaced by a pseudonym: {personal}.", file=sys.stderr)
    if left_out:
        print(f"Left out: {output.listed(left_out)}.", file=sys.stderr)
