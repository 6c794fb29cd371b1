"""Import a table of texts into an arm: check every row, store the rows that can be kept, count the others by reason."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pandas as pd
from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import samples, tasks
from core.study.exchange import columns_in_files, held_texts, labels_in_files, tables
from core.study.rows.kinds import ArmKind, SampleStatus, Split
from core.study.rows.study import Arm, Import, Sample, Task
from core.study.splits import equal_texts
from core.wording import listed

EXAMPLES_KEPT = 200
AGAIN = "imported before with this file"


@dataclass(frozen=True)
class Options:
    """How the columns of a table become samples; a column that is None is found by its usual names.

    `text` and `label` name columns. `split` is the split of every row, or "draw": drawn, whatever the file says;
    `split_column` names the column with the split of each row. `where` maps columns to values and selects the rows with
    these values. `rename` maps a label in the file to a label of the task; `choices` says how labels are read.
    """

    text: str | None = None
    label: str | None = None
    split: str | None = None
    where: Mapping[str, str] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    choices: labels_in_files.Choices = labels_in_files.Choices()
    split_column: str | None = None


@dataclass(frozen=True)
class Findings:
    """What an import of a file would do; nothing is stored.

    `read` is the number of rows of the file, without the `passed_over` rows that `where` does not select. `columns` maps
    text, label and split to the columns used for them. `labels` and `splits` map a label or split to its number of rows,
    `in_test` a label to its number of rows in the test split, `left_out` a reason to the number of rows left out.
    `alike` lists groups of labels that differ in case, blanks or Unicode form only; `folded` maps a spelling to the label
    it is read as; `unknown` counts the labels that the task does not have, and `meant` maps some of these to the label
    that is probably meant. `already` counts rows whose texts the task holds, by what happens to them. `again` is True if
    the same file was imported with the same options before. `refused` says why the whole import would be refused, "" if
    it would not.
    """

    file: str
    read: int
    columns: dict[str, str]
    labels: dict[str, int]
    alike: list[tuple[str, ...]]
    folded: dict[str, str]
    unknown: dict[str, int]
    meant: dict[str, str]
    left_out: dict[str, int]
    splits: dict[str, int]
    in_test: dict[str, int]
    already: dict[str, int]
    passed_over: int
    again: bool
    refused: str
    notes: list[str]


@dataclass(frozen=True)
class Imported:
    """The result of an import: numbers of rows read and kept, rejected rows by reason, kept rows by label and by split.

    `moved` is the number of earlier training texts that were rejected because the file has them in its test split. `again`
    is True if the file was imported before with the same options and nothing was stored now. `id`: of the stored import.
    """

    read: int
    kept: int
    rejected: dict[str, int]
    labels: dict[str, int]
    splits: dict[str, int]
    moved: int
    again: bool
    notes: list[str] = field(default_factory=list)
    id: int = 0


def bring_in(session: Session, *, task: Task, arm: Arm, table: tables.Table, options: Options) -> Imported:
    """Import a table into an arm. A second import of the same file with the same options stores nothing.

    Raises `StudyError`, and stores nothing, if a column is missing or the rows cannot be imported as a whole.
    """
    chosen = _columns(table, options)
    session.get_one(Arm, arm.id, with_for_update=True)  # of two imports of one file at once, the second sees the first
    held = held_texts.read(session, task_id=task.id, arm=arm.name, sha256=table.sha256)
    if (earlier := _earlier(held, chosen)) is not None:
        return _report(session, earlier, moved=0, again=True)
    names = [label.name for label in tasks.labels_of(session, task.id)]
    is_real = arm.kind == ArmKind.REAL
    rows, found, weighed = _rows(table, chosen, options, real=is_real, known=names)
    held_texts.judge(rows, names, held, real=is_real)
    _check_rows(rows, found, table=table, options=options)
    counted = held_texts.already(rows, held)
    notes = [*_notes(table, chosen, found, weighed), *held_texts.sentences(rows, held, counted, real=is_real)]
    kept = rows[rows["reason"] == ""]
    record = _record(session, rows, table=table, chosen=chosen, arm=arm)
    moved = _set_aside(session, arm, kept, held)
    _store(session, kept, task=task, arm=arm, record=record)
    return replace(_report(session, record, moved=moved, again=False), notes=notes)


def look(
    table: tables.Table,
    options: Options,
    *,
    known: Sequence[str] = (),
    real: bool = True,
    held: held_texts.Held | None = None,
) -> Findings:
    """What `bring_in` would do with a table; nothing is stored.

    `known` are the labels of the task, empty for a new task; `held` are the texts of the task; `real` says that the arm is
    the real arm. Raises `StudyError` if a column is missing.
    """
    chosen = _columns(table, options)
    held = held or held_texts.Held()
    rows, found, weighed = _rows(table, chosen, options, real=real, known=known)
    held_texts.judge(rows, known, held, real=real)
    again = _earlier(held, chosen) is not None
    refused = "" if again else _refusal(rows, found, table=table, options=options, known=known)
    if again:
        rows.loc[rows["reason"] == "", "reason"] = AGAIN
    already = held_texts.already(rows, held)
    left_out = Counter(rows.loc[rows["reason"] != "", "reason"].tolist()) + Counter(table.unreadable)
    kept, split = rows[rows["reason"] == ""], _split_column(table, chosen)
    return Findings(
        file=table.file,
        read=len(rows) + len(table.unreadable),
        columns={"text": chosen["text"], "label": chosen["label"]} | ({"split": split} if split else {}),
        labels=found.counts,
        alike=found.alike,
        folded=found.folded,
        unknown=found.unknown,
        meant=found.meant,
        left_out=dict(left_out.most_common()),
        splits={str(split): int(n) for split, n in kept["split"].value_counts().items()},
        in_test={
            str(name): int(n) for name, n in kept.loc[kept["split"] == Split.TEST, "label"].value_counts().items()
        },
        already=already,
        passed_over=len(table.frame) - len(rows),
        again=again,
        refused=refused,
        notes=_notes(table, chosen, found, weighed)
        + (["This file was imported before with these options; nothing would be stored."] if again else [])
        + held_texts.sentences(rows, held, already, real=real),
    )


def real_labels(table: tables.Table, options: Options) -> dict[str, str]:
    """The labels that a file of real texts defines, with empty descriptions, in the order of their first rows.

    Raises `StudyError` if labels look alike, there are too many or fewer than two labels, or a text has several labels.
    """
    chosen = _columns(table, options)
    rows, found, _ = _rows(table, chosen, options, real=True, known=())
    _check_new(found, options, file=table.file, column=chosen["label"])
    return {label: "" for label in dict.fromkeys(rows["label"]) if label}


def _columns(table: tables.Table, options: Options) -> dict[str, Any]:
    """The options as stored with an import, with the columns that are used for text and label."""
    text = options.text or columns_in_files.likely(table.frame.columns, columns_in_files.TEXT_NAMES) or "text"
    label = options.label or columns_in_files.likely(table.frame.columns, columns_in_files.LABEL_NAMES) or "label"
    _check_columns(table, options, text=text, label=label)
    if text == label:
        raise StudyError(
            f"Column {text!r} of {table.file} cannot be both text and label. Name another column for one of them."
        )
    pinned = {"source": dict(table.source)} if table.source else {}
    decided = {name: value for name, value in asdict(options.choices).items() if value}
    if options.choices.cuts:
        decided["cuts"] = list(options.choices.cuts)  # a list, as the database returns it
    if options.split_column:
        decided["split_column"] = options.split_column
    return (
        {name: value for name, value in asdict(options).items() if name not in ("choices", "split_column")}
        | decided
        | {
            "text": text,
            "label": label,
            "where": dict(options.where),
            "rename": dict(options.rename),
            **pinned,
        }
    )


def _check_columns(table: tables.Table, options: Options, *, text: str, label: str) -> None:
    if table.doubt:
        raise StudyError(
            f"The first row of {table.file} may be a text with its label and not the header: {table.doubt}. Add "
            "--no-header if the first row is a text, or --header if it names the columns."
        )
    named = [options.split_column] if options.split_column else []
    try:
        tables.need_columns(table.frame, [text, label, *options.where, *named], file=table.file)
    except StudyError as error:
        no_header = ", or add --no-header if the first row is a text" if table.has_first_row else ""
        way_out = (
            f" Name the columns with --text and --label{no_header}." if not (options.text and options.label) else ""
        )
        raise StudyError(f"{error}{way_out}") from None
    if named and options.split is not None:
        raise StudyError(
            "Name the split of all rows (--split) or the column with the split of each row (--split-column), not both."
        )
    if options.split_column in (text, label):
        raise StudyError(
            f"Column {options.split_column!r} of {table.file} cannot hold the split and also the text or label. Name another column."
        )


def _earlier(held: held_texts.Held, chosen: Mapping[str, Any]) -> Import | None:
    """The earlier import of the same file with the same options; None if there is no such import."""
    return next((record for record in held.imports if record.options == chosen), None)


def _rows(
    table: tables.Table, chosen: dict[str, Any], options: Options, *, real: bool, known: Sequence[str]
) -> tuple[pd.DataFrame, labels_in_files.Read, str]:
    """The rows of the file that `where` selects, their labels as read, and a sentence about their weights.

    Columns row (number in the file), text, label, split, text_hash, reason (why the label cannot be used, else ""), weight (or None).
    """
    frame = table.frame
    for column, value in chosen["where"].items():
        frame = frame[frame[column] == value]
    found = labels_in_files.read(frame[chosen["label"]], known=known, rename=chosen["rename"], choices=options.choices)
    rows = pd.DataFrame(
        {"row": table.numbers(frame.index), "text": frame[chosen["text"]].str.strip(), "label": found.labels}
    )
    rows["text_hash"] = [equal_texts.text_hash(text) for text in rows["text"]]
    split = _split_column(table, chosen)
    rows["split"] = columns_in_files.splits(frame, rows["text_hash"], chosen["split"], split, real=real)
    rows["reason"] = found.reasons
    weights, weighed = columns_in_files.weights(frame, others=(chosen["text"], chosen["label"], split))
    return rows.assign(weight=pd.Series(weights, index=rows.index, dtype=object)), found, weighed


def _check_rows(rows: pd.DataFrame, found: labels_in_files.Read, *, table: tables.Table, options: Options) -> None:
    """Raise `StudyError` if there are no rows, rows with several labels, or no row that can be kept.

    `held_texts.judge` must have set the reasons of the rows.
    """
    if rows.empty:
        conditions = " and ".join(f"{column} is {value!r}" for column, value in options.where.items())
        raise StudyError(f"{table.file} has no row{' where ' if conditions else ''}{conditions}.")
    labels_in_files.check_several(found, options.choices, file=table.file)
    if not (rows["reason"] == "").any():
        reasons = [f"{reason[:80]} ({n:,})" for reason, n in Counter(rows["reason"]).items()]
        raise StudyError(
            f"No row of {table.file} can be kept: {listed(reasons, most=10, longest=100)}.{_ways_to_map(found)}"
        )


def _refusal(
    rows: pd.DataFrame, found: labels_in_files.Read, *, table: tables.Table, options: Options, known: Sequence[str]
) -> str:
    """Why the rows would be refused as a whole, in a sentence; "" if they would be imported."""
    try:
        if not known:
            _check_new(found, options, file=table.file, column=str(found.labels.name))
        _check_rows(rows, found, table=table, options=options)
    except StudyError as error:
        return str(error)
    return ""


def _check_new(found: labels_in_files.Read, options: Options, *, file: str, column: str) -> None:
    """Raise `StudyError` if the labels of a file cannot become the labels of a new task, or are fewer than two."""
    labels_in_files.check_new(found, options.choices, file=file, column=column)
    if len(found.counts) < 2:
        have = f"only {next(iter(found.counts))!r}" if found.counts else "no label"
        raise StudyError(
            f"A task needs at least two labels, and {file} has {have} in {column!r}. Choose another column."
        )


def _split_column(table: tables.Table, chosen: Mapping[str, Any]) -> str | None:
    """The column with the split of each row; None if there is no such column or all rows get one split by the options."""
    if chosen["split"] is not None:
        return None
    rest = table.frame.drop(columns=[chosen["text"], chosen["label"]])
    return chosen.get("split_column") or columns_in_files.split_column(rest)


def _notes(table: tables.Table, chosen: dict[str, Any], found: labels_in_files.Read, weighed: str) -> list[str]:
    """Sentences for people about how the columns and labels of a file were read."""
    notes = list(table.notes)
    column = _split_column(table, chosen)
    if column is not None and column != "split":
        notes.append(f"The splits are those of column {column!r}.")
    unused = columns_in_files.likely(table.frame.columns, columns_in_files.SPLIT_COLUMNS)
    if column is None and unused is not None and chosen["split"] is None:
        strange = ", ".join(repr(value) for value in columns_in_files.unknown_splits(table.frame[unused])[:3])
        notes.append(
            f"Column {unused!r} holds words that are not names of splits ({strange}), so the column was not used."
        )
    notes += filter(None, [weighed, *found.unmet, found.many])
    if found.unknown:
        seen = ", ".join(f"{name!r} {n}" for name, n in list(found.unknown.items())[:5])
        notes.append(f"Labels that the task does not have: {seen}.{_ways_to_map(found)}")
    if found.folded:
        notes.append(f"Taken for one label: {labels_in_files.pairs(found.folded)}.")
    return notes


def _ways_to_map(found: labels_in_files.Read) -> str:
    """Advice that ends an error: the options that map unknown labels to labels of the task; "" if no label is unknown."""
    if not found.unknown:
        return ""
    renames = " ".join(f"--rename {name!r}={label!r}" for name, label in found.meant.items())
    fold = ", or read labels that look alike as one label with --fold." if found.meant else "."
    return f" Map them with {renames or '--rename file-label=task-label'}{fold}"


def _record(session: Session, rows: pd.DataFrame, *, table: tables.Table, chosen: dict[str, Any], arm: Arm) -> Import:
    refused = rows[rows["reason"] != ""]
    reasons = Counter(refused["reason"])
    reasons.update(table.unreadable)
    record = Import(
        arm_id=arm.id,
        file=table.file,
        sha256=table.sha256,
        options=chosen,
        read=len(rows) + len(table.unreadable),
        kept=len(rows) - len(refused),
        rejected=dict(reasons.most_common()),
        examples=refused.head(EXAMPLES_KEPT)[["row", "reason", "label", "text"]].to_dict("records"),
    )
    session.add(record)
    session.flush()
    return record


def _set_aside(session: Session, arm: Arm, kept: pd.DataFrame, held: held_texts.Held) -> int:
    """Reject the kept texts of an arm that the imported file has in its test split, and return their number."""
    leaks = [digest for digest in kept.loc[kept["split"] == Split.TEST, "text_hash"] if digest in held.own]
    for digest in leaks:
        session.execute(
            update(Sample)
            .where(Sample.arm_id == arm.id, Sample.text_hash == digest, Sample.status == SampleStatus.KEPT)
            .values(status=SampleStatus.REJECTED, reject_reason=samples.MOVED)
        )
    return len(leaks)


def _store(session: Session, kept: pd.DataFrame, *, task: Task, arm: Arm, record: Import) -> None:
    ids = {label.name: label.id for label in tasks.labels_of(session, task.id)}
    rows = [
        {
            "arm_id": arm.id,
            "label_id": ids[row["label"]],
            "split": row["split"],
            "text": row["text"],
            "part": row["row"],
            "text_hash": row["text_hash"],
            "weight": row["weight"],
            "import_id": record.id,
            "status": SampleStatus.KEPT,
            "created_at": record.created_at,
        }
        for row in kept.to_dict("records")
    ]
    if rows:
        session.execute(insert(Sample), rows)


def _report(session: Session, record: Import, *, moved: int, again: bool) -> Imported:
    counted = samples.of_import(session, record.id)
    labels, splits = (
        {str(name): int(n) for name, n in counted.groupby(column)["n"].sum().items()} for column in ("label", "split")
    )
    return Imported(
        read=record.read,
        kept=record.kept,
        rejected=dict(record.rejected),
        moved=moved,
        again=again,
        id=record.id,
        labels=labels,
        splits=splits,
    )
