"""Read ratings and comparisons from a file: decide which tool's format the file has, and which rows count.

Forms: our own columns, crowd-kit's, usual names for either, one column per rater, Label Studio (JSON, JSON_MIN, CSV),
Potato (1 and 2), Prodigy, Mechanical Turk, Google Forms and doccano. `long_form` writes such tables.
"""

import dataclasses
import functools
import json
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from core import files
from core.errors import StudyError
from core.study.exchange import spreadsheets, tables
from core.subjectivity.exchange import (
    columns,
    counted,
    distinct,
    items,
    label_studio,
    potato,
    pseudonyms,
    recognised,
    wide,
    winners,
)

LONGEST = 200
TEXT_KEY = "\x01text"  # a column of keys made from texts; no file has it
RATINGS = ["item_id", "rater_id", "label"]
COMPARISONS = ["rater_id", "left", "right", "winner"]
CALLED = {
    "item_id": "item",
    "rater_id": "rater",
    "label": "label",
    "left": "left",
    "right": "right",
    "winner": "winner",
}
NOTHING = {"nan", "NaN", "NAN", "<NA>", "null", "NULL"}
WHOLE, DECIMAL = re.compile(r"-?\d+"), re.compile(r"-?\d+\.0+")
ABOUT = ("annotation_id", "created_at", "updated_at", "lead_time", "agreement", "was_cancelled", "annotator_origin",
         "annotator_origin_detail")  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Options:
    """How to read a file of answers.

    - field: the question (control, schema or column) to read, if the file has several
    - wide: a row is an item and a column is a rater
    - rater: the name of the rater who gave all answers, for a file without raters
    - raters: the columns of raters in a wide table, if they cannot be guessed
    - choices: decisions about labels
    - known: the labels of the task; empty if any label is allowed
    - names: our column -> column of the file, for columns that cannot be guessed
    - key: the secret key that gives a person the same pseudonym in every file
    """

    field: str | None = None
    wide: bool = False
    rater: str | None = None
    raters: Sequence[str] = ()
    choices: counted.Choices = counted.Choices()
    known: Sequence[str] = ()
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    key: bytes | None = None


@dataclasses.dataclass(frozen=True)
class Answers:
    """The answers of a file that count, and what was left out.

    - cells: columns `RATINGS` (and text and kind, if the file has them) or `COMPARISONS`, the required ones with sorted
      categories
    - read: number of answers in the file: those in `cells` and those in `left_out` (reason -> number)
    - columns: our column -> column of the file
    - pseudonyms: number of raters whose personal name was replaced
    - alike: groups of labels that differ in case, blanks or Unicode form only
    - notes: sentences about what was done to the answers
    - several: number of answers with several labels
    """

    cells: pd.DataFrame
    read: int
    left_out: dict[str, int]
    columns: dict[str, str]
    pseudonyms: int
    alike: list[tuple[str, ...]] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    several: int = 0

    @functools.cached_property
    def frame(self) -> pd.DataFrame:
        """The same columns as `cells`, as text."""
        return self.cells.astype("str")

    @property
    def findings(self) -> dict[str, Any]:
        """Everything but the answers, the number of each label or winner, and the number of raters, for JSON."""
        column = "label" if "label" in self.cells.columns else "winner"
        counts = {str(name): int(n) for name, n in distinct.counts(self.cells[column]).items()}
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "cells"}
        return {**own, "kept": len(self.cells), f"{column}s": counts, "raters": int(self.cells["rater_id"].nunique())}


def with_known(options: Options, labels: Sequence[str]) -> Options:
    """The same options, with the labels of the task set."""
    return dataclasses.replace(options, known=labels)


def ordered(frame: pd.DataFrame, order: Sequence[str]) -> pd.DataFrame:
    """Ratings with labels as an ordered Categorical, from least to most. Raises `StudyError` if `order` lacks a label."""
    wanted = [label.strip() for label in order if label.strip()]
    if lacking := sorted(set(distinct.values(frame["label"])) - set(wanted)):
        raise StudyError(
            f"The order lacks the labels {', '.join(map(repr, lacking))}; it is {', '.join(map(repr, wanted))}."
        )
    return frame.assign(label=pd.Categorical(frame["label"].astype("str"), categories=wanted, ordered=True))


def read(path: Path) -> tables.Table:
    """Read the table in a file, or in an output folder of Potato. Raises `StudyError` if it cannot be read."""
    return potato.read_folder(path) if files.is_folder(path) else potato.with_user(tables.read(path), path)


def ratings_in(table: tables.Table, options: Options | None = None) -> Answers:
    """Read the ratings of a table: one row per rating of an item by a rater.

    Left out are incomplete or repeated rows, skipped items, attention checks and gold items, excluded raters, LLM raters,
    and answers to other questions. Raises `StudyError`, with advice, if columns or the question cannot be recognised or no
    rating is left.
    """
    options = options or Options()
    notes: Sequence[str] = ()
    if label_studio.is_export(table.frame):
        found, named = _of_field(label_studio.ratings(table), table, options, label_studio.COLUMNS, ours="label")
    elif potato.is_export(table.frame):
        found, named = _of_field(potato.ratings(table), table, options, potato.COLUMNS, ours="label")
    elif options.wide and options.rater is not None:
        raise StudyError(
            "A table with a column for each rater (--wide) has no one rater of all answers (--rater). Leave one of the two out."
        )
    elif options.wide:
        found, named, notes = wide.ratings(table, names=options.names, raters=options.raters)
    elif (known := recognised.ratings(table)) is not None:
        notes = known.notes
        found, named = _of_field(known.frame, table, options, known.named, ours="label")
    else:
        found, named, notes = _long(table, options)
    table = dataclasses.replace(table, notes=(*table.notes, *notes))
    return _answers(found, named, RATINGS, table=table, options=options)


def comparisons_in(table: tables.Table, options: Options | None = None) -> Answers:
    """Read the comparisons of a table: one row per comparison; `winner` is left, right or tie.

    The file may write the winner as a side, as the winning name, or as the column of the winning name. Raises
    `StudyError` as `ratings_in`.
    """
    options = options or Options()
    if label_studio.is_export(table.frame):
        found, named = _of_field(
            label_studio.comparisons(table), table, options, {"rater_id": "completed_by"}, ours="winner"
        )
    else:
        table = winners.one_column(table)
        named = _matched(table, COMPARISONS, options, answer="winner")
        found, about_rows = _taken(table, named, options)
        table = dataclasses.replace(table, notes=(*table.notes, *about_rows))
    tidy = found.assign(**{name: distinct.mapped(found[name], _tidy) for name in COMPARISONS})
    tidy, personal = _pseudonymous(tidy, options)
    clean = _whole_numbers(tidy, ["left", "right", "winner"])
    clean, notes = winners.same_names(clean, fold=options.choices.fold)
    decided = winners.decided(clean, named, rename=options.choices.rename, file=table.file)
    item = options.names.get("item_id")
    about = [item] if item else columns.telling_apart(table.frame.columns, taken={*named.values(), *ABOUT})
    differing = table.frame[about] if len(table.frame) == len(decided) else None
    counted_once, notes_on_repeats = winners.without_repeats(decided, differing)
    answers = _answers(counted_once, named, COMPARISONS, table=table, options=options, personal=personal)
    return dataclasses.replace(answers, notes=[*answers.notes, *notes, *notes_on_repeats])


def _of_field(
    found: pd.DataFrame, table: tables.Table, options: Options, named: dict[str, str], *, ours: str
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Select the answers to the wanted question, or to the only question; answers to other questions get a reason.

    `ours`: our column that holds the answers. Raises `StudyError` if the question is missing or not chosen.
    """
    fields = sorted(set(found.loc[(found["reason"] == ""), "field"]))
    if options.field is not None and options.field not in fields:
        raise StudyError(
            f"{table.file} has no question {options.field!r}. Its questions: {', '.join(fields) or 'none'}."
        )
    if options.field is None and len(fields) > 1:
        raise StudyError(f"{table.file} asks several questions: {', '.join(fields)}. Say which with --field.")
    wanted = options.field if options.field is not None else next(iter(fields), "")
    other = (found["reason"] == "") & (found["field"] != wanted)
    found = found.assign(reason=found["reason"].mask(other, "an answer to another question"))
    return _with_rater(found, options), named | {ours: wanted}


def _long(table: tables.Table, options: Options) -> tuple[pd.DataFrame, dict[str, str], list[str]]:
    """Ratings of a table with a row per rating, our column -> column of the file, and notes on rows left out."""
    names = list(table.frame.columns)
    text = columns.text_of(names)
    others = [name for name in names if name != text]
    is_item = options.names.get("item_id") == text or not columns.has("item_id", others, options.names)
    if text is not None and is_item:
        table = dataclasses.replace(table, frame=table.frame.assign(**{TEXT_KEY: items.keys(table.frame[text])}))
        options = dataclasses.replace(options, names={**options.names, "item_id": TEXT_KEY})
    named = _matched(table, RATINGS, options, answer="label")
    text = columns.text_of([name for name in table.frame.columns if name not in named.values()])
    named |= {"text": text} if text else {}
    taken, notes = _taken(table, named, options)
    return _choices_only(taken), named | ({"item_id": text or ""} if named["item_id"] == TEXT_KEY else {}), notes


def _matched(table: tables.Table, wanted: Sequence[str], options: Options, *, answer: str) -> dict[str, str]:
    """Our column -> column of the file. In an export of a tool, the only column without a known meaning is the answer."""
    names = list(table.frame.columns)
    given = {**options.names, **({answer: options.field} if options.field else {})}
    if options.rater is not None:
        wanted = [name for name in wanted if name != "rater_id"]
    others = [name for name in wanted if name != answer]
    named = columns.matched(names, others, given=given, file=table.file)
    taken = {*named.values(), *ABOUT, columns.text_of(names)}
    left = [name for name in names if name not in taken]
    if answer not in (*named, *names) and {"annotation_id", "instance_id"} & set(names):
        left = _not_texts(table.frame, left, key=named.get("item_id")) or left
        if len(left) != 1:
            raise StudyError(
                f"{table.file} asks several questions, or none: {', '.join(left) or 'no column is left'}. "
                "Say which column with --field."
            )
        named[answer] = left[0]
    return named | columns.matched(names, [answer], given=named, file=table.file)


def _not_texts(frame: pd.DataFrame, names: Sequence[str], *, key: str | None) -> list[str]:
    """The columns that are no texts of items: a text is the same in all rows of an item and differs between items."""
    if key is None or key not in frame.columns:
        return list(names)
    items = frame[key].nunique()
    pairs = {name: len(frame[[key, name]].drop_duplicates()) for name in names}
    return [name for name in names if not (pairs[name] == items == frame[name].nunique() and len(frame) > items)]


def _taken(table: tables.Table, named: dict[str, str], options: Options) -> tuple[pd.DataFrame, list[str]]:
    """The columns of the file under our names, categorical, with the reason why a row does not count ("" if it does).

    Also returns notes on cells that may say that a row does not count and are not understood.
    """
    cells = {ours: distinct.categorical(table.frame[theirs]) for ours, theirs in named.items()}
    standing = counted.standing(table.frame, taken=named.values())
    frame = pd.DataFrame(cells, index=table.frame.index).assign(**standing.columns, reason=standing.reason)
    return _with_rater(frame, options), standing.notes


def _with_rater(found: pd.DataFrame, options: Options) -> pd.DataFrame:
    return found if options.rater is None else found.assign(rater_id=options.rater)


def _choices_only(found: pd.DataFrame) -> pd.DataFrame:
    """Replace Label Studio's objects in the column label by the JSON list of the chosen labels."""
    nested = {cell: tables.nested(cell) for cell in distinct.values(found["label"]) if cell.startswith(("[", "{"))}
    chosen = {
        cell: json.dumps(labels, ensure_ascii=False) for cell, value in nested.items() if (labels := _labels(value))
    }
    return found.assign(label=distinct.mapped(found["label"], chosen)) if chosen else found


def _labels(value: object) -> list[str]:
    """The labels in Label Studio's objects; empty for a plain list of labels or a value without labels."""
    if isinstance(value, list):
        return [label for one in value if isinstance(one, dict) for label in label_studio.labels_of(one)[0]]
    return label_studio.labels_of(value)[0] if isinstance(value, dict) else []


def _answers(
    found: pd.DataFrame,
    named: dict[str, str],
    needed: list[str],
    *,
    table: tables.Table,
    options: Options,
    personal: Collection[str] = (),
) -> Answers:
    """Tidy the cells, decide which rows count, and replace personal names. Raises `StudyError` if no row is left.

    `found`: our columns and reason. `named`: our column -> column of the file. `needed`: `RATINGS` or `COMPARISONS`.
    `personal`: pseudonyms that stand for personal names already.
    """
    clean = found.assign(**{name: distinct.mapped(found[name], _tidy) for name in _kept(found, needed)})
    alike: list[tuple[str, ...]] = []
    notes, several = list(table.notes), 0
    if needed == RATINGS:
        clean, named, about_items = _about_items(clean, named, options)
        clean, personal = _pseudonymous(clean, options)
        done = counted.decide(clean, options.choices, known=options.known, file=table.file)
        clean, alike, several = done.frame, done.alike, done.several
        notes += [*about_items, *done.notes]
    reason, kept = _reasons(clean, needed), _kept(clean, needed)
    counts = reason == ""
    frame = (clean[kept] if counts.all() else clean.loc[counts, kept]).reset_index(drop=True)
    left_out = Counter(table.unreadable) + Counter(reason[~counts].tolist())
    if frame.empty:
        what = "ratings" if needed == RATINGS else "comparisons"
        because = ", ".join(f"{why} {n}" for why, n in left_out.most_common()) or "it has no rows"
        advice = (
            " Say whose answers they are with --rater NAME." if "no rater" in left_out and len(left_out) == 1 else ""
        )
        raise StudyError(f"{table.file} holds no {what} that can be kept: {because}.{advice}")
    for name in kept:
        frame[name] = distinct.sorted_categories(frame[name]) if name in needed else frame[name].astype("str")
    n, replaced = len(frame) + left_out.total(), len(set(personal) & set(frame["rater_id"].cat.categories))
    return Answers(frame, n, dict(left_out.most_common()), named, replaced, alike, notes, several)


def _kept(found: pd.DataFrame, needed: Sequence[str]) -> list[str]:
    """The needed columns, and text and kind if the table has them."""
    return [*needed, *(name for name in ("text", "kind") if name in found.columns)]


def _about_items(
    clean: pd.DataFrame, named: dict[str, str], options: Options
) -> tuple[pd.DataFrame, dict[str, str], list[str]]:
    """Tidy the ids of items and raters, and compare the ids of items with their texts unless a person named the ids."""
    clean = _whole_numbers(_whole_numbers(clean, ["item_id"]), ["rater_id"])
    clean = clean.assign(reason=_reasons(clean, ["item_id", "rater_id"]))
    asked = options.names.get("item_id")
    if "text" in clean.columns and asked is not None and asked == named.get("text") != named["item_id"]:
        return clean.assign(item_id=distinct.mapped(clean["text"], items.keys)), {**named, "item_id": asked}, []
    if "text" not in clean.columns or asked is not None:
        return clean, named, []
    return items.told_apart(clean, named)


def _pseudonymous(frame: pd.DataFrame, options: Options) -> tuple[pd.DataFrame, Collection[str]]:
    """Replace personal names before repeated answers are looked for: two spellings of an address are one rater.

    Also returns the pseudonyms. Overlong names get a reason first and stay out.
    """
    names, pseudonyms_used = pseudonyms.replaced(frame["rater_id"], key=options.key)
    return frame.assign(reason=_reasons(frame, ["rater_id"]), rater_id=names), pseudonyms_used


def _reasons(clean: pd.DataFrame, needed: list[str]) -> "pd.Series[str]":
    """The reason of each row, with a reason for empty and for overlong cells of the needed columns."""
    reason = clean["reason"]
    empty = {f"no {CALLED[name]}": distinct.holds(clean[name], lambda cells: cells == "") for name in needed}
    long = {
        f"{CALLED[name]} over {LONGEST} characters": distinct.holds(
            clean[name], lambda cells: cells.str.len() > LONGEST
        )
        for name in needed
    }
    for because, rows in (empty | long).items():
        if rows.any():
            reason = reason.mask((reason == "") & rows, because)
    return reason


def _tidy(cells: "pd.Series[str]") -> "pd.Series[str]":
    """Strip the cells and remove the quote that keeps a spreadsheet from running a cell; "" for a missing value."""
    cells = cells.astype("str").str.strip()
    escaped = cells.str.startswith(tuple(f"'{sign}" for sign in spreadsheets.FORMULA))
    cells = cells.mask(escaped, cells.str.slice(1).str.strip())
    return cells.mask(cells.isin(NOTHING), "")


def _whole_numbers(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Write 1.0 as 1 in columns with both forms; spreadsheets and missing cells turn whole numbers into decimals."""
    values = {value for name in names for value in distinct.values(frame[name])}
    decimals = {value: value.partition(".")[0] for value in values if value.endswith("0") and DECIMAL.fullmatch(value)}
    if not decimals or not any(WHOLE.fullmatch(value) for value in values):
        return frame
    return frame.assign(**{name: distinct.mapped(frame[name], decimals) for name in names})
