"""Commands on files of ratings and comparisons: agreement, aggregate, rank."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from core.commands import output
from core.study import tables
from core.subjectivity import aggregation, agreement, ranking, ratings


def register(app: typer.Typer) -> None:
    app.command("agreement")(agree)
    app.command("aggregate")(aggregate)
    app.command("rank")(rank)


def agree(
    file: Path,
    level: Annotated[
        agreement.Level, typer.Option(help="Level of measurement of the labels.")
    ] = agreement.Level.NOMINAL,
    items: Annotated[bool, typer.Option("--items", help="Also list every item.")] = False,
    as_json: output.Json = False,
) -> None:
    """How far raters agree: Krippendorff's alpha with its interval, from item_id, rater_id, label."""
    with output.answering():
        frame = ratings.read_ratings(tables.read(file))
        found = asdict(agreement.summary(frame, level=level))
        by_item = agreement.by_item(frame)
    if items:
        found["items"] = by_item.to_dict("records")
    if as_json:
        output.emit(found)
        return
    listed = found.pop("items", [])
    output.table(
        f"Agreement ({level})", ["what", "value"], [[name, output.shown(value)] for name, value in found.items()]
    )
    if listed:
        output.table("Items", list(by_item.columns), [list(row.values()) for row in listed])


def aggregate(
    file: Path,
    method: Annotated[
        aggregation.Method, typer.Option(help="How answers become one label.")
    ] = aggregation.Method.MAJORITY,
    as_json: output.Json = False,
) -> None:
    """One label per item, from item_id, rater_id, label."""
    with output.answering():
        labels = aggregation.aggregate(ratings.read_ratings(tables.read(file)), method=method)
    found = {str(item): label for item, label in labels.items()}
    if as_json:
        output.emit({"method": method, "labels": found})
        return
    output.table(f"Labels by {method}", ["item", "label"], [[item, label] for item, label in found.items()])


def rank(file: Path, as_json: output.Json = False) -> None:
    """Order by Bradley-Terry and by the majority graph, from rater_id, left, right, winner (the winner has more)."""
    with output.answering():
        found = ranking.bradley_terry(ratings.read_comparisons(tables.read(file)))
    if as_json:
        output.emit(asdict(found))
        return
    rows = [[name, s.value, s.low, s.high, found.levels[name]] for name in found.order for s in [found.strength[name]]]
    output.table(f"Most first ({found.n} comparisons)", ["name", "strength", "low", "high", "level"], rows)
    if found.note:
        typer.echo(found.note)
