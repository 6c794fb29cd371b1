"""Commands on files of ratings and comparisons: agreement, aggregate, rank; and ratings, which brings them in and out."""

import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from core.commands import data, output
from core.errors import StudyError
from core.study import exporting, tasks
from core.study.records import Comparison, Study
from core.subjectivity.exchange import counted, formats, imported, pseudonyms
from core.subjectivity.sessions import answers, campaigns
from core.subjectivity.statistics import aggregation, agreement, ranking

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
    str | None, typer.Option("--order", help="The labels from least to most, separated by commas; with --level ordinal.")
]
Rater = Annotated[
    str | None, typer.Option("--rater", help="All answers are this rater's: for a file that does not say whose.")
]
Columns = Annotated[
    list[str] | None, typer.Option("--column", help="our-name=file-column, e.g. item_id=doc. May be repeated.")
]
Fold = Annotated[bool, typer.Option("--fold", help="Take labels that look alike for one.")]
Keep = Annotated[bool, typer.Option("--keep-labels", help="Take every label as it is written, also 'none' or '-'.")]
Sets = Annotated[bool, typer.Option("--whole-sets", help="Several labels given at once are one label of their own.")]
Has = Annotated[str | None, typer.Option("--has", help="Of several labels given at once, look only whether this is one.")]
Rename = Annotated[list[str] | None, typer.Option("--rename", help="file-label=label, may be repeated.")]


AS_SETS = (agreement.Level.NOMINAL, agreement.Level.SETS)
SETS_COUNT = (
    "Answers that hold several labels: {n:,}. Alpha weighs how much two sets share (MASI); for the other numbers only equal sets agree. "
    "--has LABEL looks at one label, --whole-sets takes each set for a label of its own."
)


def register(app: typer.Typer) -> None:
    app.command("agreement")(agree)
    app.command("aggregate")(aggregate)
    app.command("rank")(rank)
    app.command("ratings")(bring)


def agree(
    file: File,
    level: Annotated[
        agreement.Level, typer.Option(help="Level of measurement of the labels.")
    ] = agreement.Level.NOMINAL,
    items: Annotated[bool, typer.Option("--items", help="Also list every item.")] = False,
    field: Field = None,
    wide: Wide = False,
    rater: Rater = None,
    column: Columns = None,
    order: Order = None,
    rater_column: Raters = None,
    fold: Fold = False,
    keep_labels: Keep = False,
    whole_sets: Sets = False,
    has: Has = None,
    rename: Rename = None,
    as_json: output.Json = False,
) -> None:
    """How far raters agree: Krippendorff's alpha with its interval, from item_id, rater_id, label or usual names for them."""
    with output.answering():
        chosen = _choices(fold, keep_labels, whole_sets, has, rename)
        choices = replace(chosen, as_sets=level in AS_SETS and not (whole_sets or has))
        options = _options(field, column, wide=wide, rater=rater, raters=rater_column, choices=choices)
        given = formats.ratings_in(formats.read(file), options)
        level = agreement.Level.SETS if given.several and choices.as_sets else level
        ordered = given.frame if order is None else formats.ordered(given.frame, order.split(","))
        found = asdict(agreement.summary(ordered, level=level))
        by_item = agreement.by_item(given.frame)
    if level == agreement.Level.SETS:
        given.notes.append(SETS_COUNT.format(n=given.several))
    if items:
        found["items"] = by_item.to_dict("records")
    if as_json:
        output.emit(found | _read_as(given))
        return
    _tell(given)
    listed = found.pop("items", [])
    output.table(
        f"Agreement ({level})", ["what", "value"], [[name, output.shown(value)] for name, value in found.items()]
    )
    if listed:
        output.table("Items", list(by_item.columns), [list(row.values()) for row in listed])


def aggregate(
    file: File,
    method: Annotated[
        aggregation.Method, typer.Option(help="How answers become one label.")
    ] = aggregation.Method.MAJORITY,
    field: Field = None,
    wide: Wide = False,
    rater: Rater = None,
    column: Columns = None,
    rater_column: Raters = None,
    fold: Fold = False,
    keep_labels: Keep = False,
    whole_sets: Sets = False,
    has: Has = None,
    rename: Rename = None,
    as_json: output.Json = False,
) -> None:
    """One label per item, from item_id, rater_id, label or usual names for them."""
    with output.answering():
        choices = _choices(fold, keep_labels, whole_sets, has, rename)
        options = _options(field, column, wide=wide, rater=rater, raters=rater_column, choices=choices)
        given = formats.ratings_in(formats.read(file), options)
        labels = aggregation.aggregate(given.frame, method=method)
        caution = aggregation.caution(given.frame, method=method)
    found = {str(item): label for item, label in labels.items()}
    if as_json:
        cautions = [caution] if caution else []
        output.emit({"method": method, "labels": found, "cautions": cautions} | _read_as(given))
        return
    _tell(given)
    if caution:
        print(caution, file=sys.stderr)
    output.table(f"Labels by {method}", ["item", "label"], [[item, label] for item, label in found.items()])


def rank(
    file: File,
    field: Field = None,
    rater: Rater = None,
    column: Columns = None,
    fold: Fold = False,
    rename: Rename = None,
    as_json: output.Json = False,
) -> None:
    """Order by Bradley-Terry and by the majority graph, from rater_id, left, right, winner (the winner has more)."""
    with output.answering():
        options = _options(field, column, rater=rater, choices=_choices(fold, False, False, None, rename))
        given = formats.comparisons_in(formats.read(file), options)
        found = ranking.bradley_terry(given.frame)
    if as_json:
        output.emit(asdict(found) | _read_as(given))
        return
    _tell(given)
    rows = [[name, s.value, s.low, s.high, found.levels[name]] for name in found.order for s in [found.strength[name]]]
    output.table(f"Most first ({found.n} comparisons)", ["name", "strength", "low", "high", "level"], rows)
    for said in (found.note, found.coverage):
        if said:
            typer.echo(said)


def bring(
    file: Annotated[Path, typer.Argument(help="The file to read, or with --export the CSV file to write.")],
    task: Annotated[str | None, typer.Option("--task", help="The task that the ratings are about.")] = None,
    comparisons: Annotated[bool, typer.Option("--comparisons", help="Comparisons between tasks of a study.")] = False,
    export: Annotated[
        str | None, typer.Option("--export", help="Write the answers of this campaign (name or id).")
    ] = None,
    names: Annotated[
        formats.Names, typer.Option("--names", help="Whose column names an export has.")
    ] = formats.Names.CROWD_KIT,
    field: Field = None,
    wide: Wide = False,
    rater: Rater = None,
    column: Columns = None,
    rater_column: Raters = None,
    fold: Fold = False,
    keep_labels: Keep = False,
    whole_sets: Sets = False,
    has: Has = None,
    rename: Rename = None,
    study: output.StudyName = None,
    as_json: output.Json = False,
) -> None:
    """Bring ratings of a task, or comparisons between tasks, into a study; or write a campaign's answers to a CSV file."""
    if sum((task is not None, comparisons, export is not None)) != 1:
        raise typer.BadParameter("Say one of --task T, --comparisons and --export CAMPAIGN.")
    if export is not None:
        _write(file, export, names, study=study, as_json=as_json)
        return
    with output.opened() as (settings, store):
        table = formats.read(file)
        chosen = _choices(fold, keep_labels, whole_sets, has, rename)
        key = pseudonyms.key_in(settings.home)
        options = _options(field, column, wide=wide, rater=rater, raters=rater_column, key=key, choices=chosen)
        with store.write() as session:
            if task is not None:
                home = data.find_study(session, study, task)
                found = imported.import_ratings(
                    session, task=tasks.get_task(session, home.id, task), table=table, options=options
                )
            else:
                home = _only_study(session, study)
                found = imported.import_comparisons(session, study_id=home.id, table=table, options=options)
    _brought(found, title=f"{file.name} into {task or home.name}", as_json=as_json)


def _brought(found: imported.Imported, *, title: str, as_json: bool) -> None:
    if as_json:
        output.emit(asdict(found))
        return
    _say(found.columns, found.pseudonyms, found.rejected)
    for note in found.notes:
        print(note, file=sys.stderr)
    output.table(
        title,
        ["read", "kept", "items", "raters", "items with a sample"],
        [[found.read, found.kept, found.items, found.raters, found.matched]],
    )


def _write(out: Path, wanted: str, names: formats.Names, *, study: str | None, as_json: bool) -> None:
    with output.opened() as (_, store):
        if out.suffix.lower() != ".csv":
            raise StudyError(f"Answers are written as CSV; {out.name} does not end in .csv.")
        if out.exists():
            raise StudyError(f"There is a file {out} already. Name another.")
        with store() as session:
            home = _only_study(session, study).id if study is not None else None
            campaign = campaigns.named(session, wanted, study_id=home)
            frame = answers.of_campaign(session, campaign)
        long = formats.long_comparisons if campaigns.answers_of(campaign) is Comparison else formats.long_labels
        written = long(frame, names=names)
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(exporting.safe_csv(written), encoding="utf-8", newline="")
        except OSError as error:
            raise StudyError(f"{out} cannot be written: {error.strerror}. Name another file.") from error
    ties = int((frame["winner"] == "tie").sum()) if "winner" in frame.columns else 0
    if ties and names == formats.Names.CROWD_KIT:
        print(f"Ties that crowd-kit knows nothing of, to be dropped before its models: {ties} rows.", file=sys.stderr)
    if as_json:
        output.emit(
            {"campaign": campaign.name, "file": str(out), "rows": len(written), "columns": list(written.columns)}
        )
        return
    typer.echo(f"{len(written)} answers of {campaign.name} in {out}.")


def _only_study(session: Session, name: str | None) -> Study:
    """The study of this name, or the only one there is."""
    if name is not None:
        return data.study_called(session, name)
    known = tasks.studies(session)
    if len(known) == 1:
        return known[0]
    raise StudyError(f"Say which study with --study. Studies: {', '.join(one.name for one in known) or 'none yet'}.")


def _options(
    field: str | None,
    column: list[str] | None,
    *,
    wide: bool = False,
    rater: str | None = None,
    raters: list[str] | None = None,
    key: bytes | None = None,
    choices: counted.Choices | None = None,
) -> formats.Options:
    return formats.Options(
        choices=choices or counted.Choices(),
        field=field,
        wide=wide or bool(raters),
        rater=rater,
        raters=tuple(raters or ()),
        names=data.pairs(column or [], form="--column takes our-name=file-column"),
        key=key,
    )


def _choices(
    fold: bool, keep_labels: bool, whole_sets: bool, has: str | None, rename: list[str] | None
) -> counted.Choices:
    renamed = data.pairs(rename or [], form="--rename takes file-label=label")
    return counted.Choices(fold=fold, keep_labels=keep_labels, whole_sets=whole_sets, has=has, rename=renamed)


def _read_as(given: formats.Answers) -> dict[str, Any]:
    return {"left_out": given.left_out, "columns": given.columns, "pseudonyms": given.pseudonyms, "findings": given.findings}


def _tell(given: formats.Answers) -> None:
    _say(given.columns, given.pseudonyms, given.left_out)
    for note in given.notes:
        print(note, file=sys.stderr)


def _say(columns: dict[str, str], personal: int, left_out: dict[str, int]) -> None:
    """On stderr, what was taken for what and what was left out; nothing when there is nothing to say."""
    taken = [f"{ours} from {theirs}" for ours, theirs in columns.items() if ours != theirs]
    if taken:
        print(f"Read {'; '.join(taken)}.", file=sys.stderr)
    if personal:
        print(f"Raters whose personal name was replaced by a pseudonym: {personal}.", file=sys.stderr)
    if left_out:
        print(f"Left out: {data.listed(left_out)}.", file=sys.stderr)
