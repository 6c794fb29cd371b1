"""Bring real or synthetic texts into an arm: rows are checked one by one, refused ones are counted with their reason."""

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pandas as pd
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import labels_in_files, samples, tables, tasks
from core.study.records import Arm, ArmKind, Import, Label, Sample, SampleStatus, Split, Task

TEXT_NAMES = (
    "text", "sentence", "content", "tweet", "review", "headline", "message", "body", "document", "comment", "post",
    "utterance", "question", "sms", "title", "text_a",
)  # fmt: skip
LABEL_NAMES = (
    "label", "labels", "intended_label", "class", "category", "sentiment", "verdict", "gold", "gold_label", "target",
    "label_text", "answer", "y",
)  # fmt: skip
SPLIT_COLUMNS = ("split", "set", "subset", "partition", "part", "fold", "data_split", "dataset_split")
SPLIT_NAMES = {
    "train": Split.TRAIN,
    "training": Split.TRAIN,
    "trn": Split.TRAIN,
    "validation": Split.VALIDATION,
    "valid": Split.VALIDATION,
    "val": Split.VALIDATION,
    "dev": Split.VALIDATION,
    "development": Split.VALIDATION,
    "test": Split.TEST,
    "testing": Split.TEST,
    "tst": Split.TEST,
    "eval": Split.TEST,
    "evaluation": Split.TEST,
    "holdout": Split.TEST,
    "pool": Split.POOL,
}
EMPTY, LEAK = "empty text", samples.LEAK
SHARES = ((0.70, Split.TRAIN), (0.75, Split.VALIDATION), (1.0, Split.TEST))
EXAMPLES_KEPT = 200


@dataclass(frozen=True)
class Options:
    """How columns become samples. `split` applies to every row; `rename` maps a label in the file to one of the task."""

    text: str | None = None
    label: str | None = None
    split: str | None = None
    where: Mapping[str, str] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    choices: labels_in_files.Choices = labels_in_files.Choices()


@dataclass(frozen=True)
class Findings:
    """What a file holds, read as it would be imported, before anything is stored.

    `columns` says what was taken for what. `labels` counts rows per label. `alike` are groups of labels that differ in case,
    blanks or Unicode form only; `folded` maps spellings to the label they were taken for; `unknown` counts labels that the
    task does not have, and `meant` offers what each may be. `left_out` counts rows by reason, `in_test` test rows by label.
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
    notes: list[str]


@dataclass(frozen=True)
class Imported:
    """What an import did. `moved` counts training texts set aside because the file has them in its test split."""

    read: int
    kept: int
    rejected: dict[str, int]
    labels: dict[str, int]
    splits: dict[str, int]
    moved: int
    again: bool
    notes: list[str] = field(default_factory=list)


def bring_in(session: Session, *, task: Task, arm: Arm, table: tables.Table, options: Options) -> Imported:
    """Import a table into an arm. The same file with the same options is brought in once.

    Raises `StudyError` when a column is missing or no row can be kept; nothing is stored then.
    """
    chosen = _columns(table, options)
    earlier = session.scalar(
        select(Import)
        .where(Import.arm_id == arm.id, Import.sha256 == table.sha256, Import.undone_at.is_(None))
        .order_by(Import.id.desc())
    )
    if earlier is not None and earlier.options == chosen:
        return _report(session, earlier, moved=0, again=True)
    names = [label.name for label in tasks.labels_of(session, task.id)]
    rows, found = _rows(table, chosen, options, real=arm.kind == ArmKind.REAL, known=names)
    _check_rows(rows, found, table=table, options=options)
    _judge(session, rows, names, task=task, arm=arm)
    kept = rows[rows["reason"] == ""]
    if kept.empty:
        raise StudyError(f"No row of {table.file} can be kept: {_listed(Counter(rows['reason']))}.{_offer(found)}")
    record = _record(session, rows, table=table, chosen=chosen, arm=arm)
    moved = _set_aside(session, arm, kept)
    _store(session, kept, task=task, arm=arm, record=record)
    return replace(_report(session, record, moved=moved, again=False), notes=_notes(table, chosen, found))


def look(table: tables.Table, options: Options, *, known: Sequence[str] = (), real: bool = True) -> Findings:
    """What a table would bring, without storing anything. `known` are the task's labels, empty for a new task.

    Raises `StudyError` when a column is missing.
    """
    chosen = _columns(table, options)
    rows, found = _rows(table, chosen, options, real=real, known=known)
    cells = zip(rows["text"], rows["label"], rows["split"], rows["reason"], strict=True)
    rows["reason"] = [(EMPTY if not text else why) or _unusable(text, label, split, known) for text, label, split, why in cells]
    twice = (rows["reason"] == "") & rows.duplicated("text_hash")
    rows.loc[twice, "reason"] = samples.DUPLICATE
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
        in_test={str(name): int(n) for name, n in kept.loc[kept["split"] == Split.TEST, "label"].value_counts().items()},
        notes=_notes(table, chosen, found),
    )


def real_labels(table: tables.Table, options: Options) -> dict[str, str]:
    """The labels a file of real data defines, in the order of their first row, without descriptions.

    Raises `StudyError`, with the way out, where they look alike, are too many, or a text has several.
    """
    chosen = _columns(table, options)
    rows, found = _rows(table, chosen, options, real=True, known=())
    labels_in_files.check_new(found, options.choices, file=table.file, column=chosen["label"])
    return {label: "" for label in dict.fromkeys(rows["label"]) if label}


def _columns(table: tables.Table, options: Options) -> dict[str, Any]:
    text = options.text or likely(table.frame.columns, TEXT_NAMES) or "text"
    label = options.label or likely(table.frame.columns, LABEL_NAMES) or "label"
    tables.need_columns(table.frame, [text, label, *options.where], file=table.file)
    if text == label:
        raise StudyError(f"Column {text!r} of {table.file} cannot be both text and label. Name another column for one of them.")
    pinned = {"source": dict(table.source)} if table.source else {}
    decided = {name: value for name, value in asdict(options.choices).items() if value}
    return {name: value for name, value in asdict(options).items() if name != "choices"} | decided | {
        "text": text,
        "label": label,
        "where": dict(options.where),
        "rename": dict(options.rename),
        **pinned,
    }


def likely(columns: Iterable[str], names: Sequence[str]) -> str | None:
    """The first column that has one of these names, in any case; None without one."""
    by_name = {column.casefold(): column for column in reversed(list(columns))}
    return next((by_name[name] for name in names if name in by_name), None)


def _rows(
    table: tables.Table, chosen: dict[str, Any], options: Options, *, real: bool, known: Sequence[str]
) -> tuple[pd.DataFrame, labels_in_files.Read]:
    """Columns row, text, label, split, text_hash, reason: one row per row of the file that `where` selects."""
    frame = table.frame
    for column, value in chosen["where"].items():
        frame = frame[frame[column] == value]
    found = labels_in_files.read(frame[chosen["label"]], known=known, rename=chosen["rename"], choices=options.choices)
    rows = pd.DataFrame({"row": frame.index + 2, "text": frame[chosen["text"]].str.strip(), "label": found.labels})
    rows["text_hash"] = [samples.text_hash(text) for text in rows["text"]]
    rows["split"] = _splits(frame, rows["text_hash"], chosen["split"], _split_column(table, chosen), real=real)
    rows["reason"] = found.reasons
    return rows, found


def _check_rows(rows: pd.DataFrame, found: labels_in_files.Read, *, table: tables.Table, options: Options) -> None:
    if rows.empty:
        matching = f" where {_listed_where(options.where)}" if options.where else ""
        raise StudyError(f"{table.file} has no row{matching}.")
    several = int((found.reasons == labels_in_files.SEVERAL).sum())
    if several and not options.choices.drop_several:
        raise StudyError(
            f"{several} rows of {table.file} hold several labels, and a text has one label here. Leave those rows out "
            "(--drop-several), or make a file, and a task, for each label."
        )


def _split_column(table: tables.Table, chosen: dict[str, Any]) -> str | None:
    """The column that names each row's split; None without one, and where it holds anything else."""
    if chosen["split"] is not None:
        return None
    if "split" in table.frame.columns:
        return "split"
    column = likely(table.frame.columns, SPLIT_COLUMNS)
    return column if column is not None and not _strange_splits(table.frame[column]) else None


def _strange_splits(cells: "pd.Series[str]") -> list[str]:
    return [value for value in cells.unique().tolist() if value.strip().lower() not in SPLIT_NAMES]


def _notes(table: tables.Table, chosen: dict[str, Any], found: labels_in_files.Read) -> list[str]:
    """What was decided about a file, in sentences."""
    notes = list(table.notes)
    column = _split_column(table, chosen)
    if column is not None and column != "split":
        notes.append(f"The splits are those of column {column!r}.")
    unused = likely(table.frame.columns, SPLIT_COLUMNS)
    if column is None and unused is not None and chosen["split"] is None:
        strange = ", ".join(repr(value) for value in _strange_splits(table.frame[unused])[:3])
        notes.append(f"Column {unused!r} names no splits that are known ({strange}), so it was not used.")
    if found.unknown:
        seen = ", ".join(f"{name!r} {n}" for name, n in list(found.unknown.items())[:5])
        notes.append(f"Labels that the task does not have: {seen}.{_offer(found)}")
    if found.folded:
        folded = ", ".join(f"{one!r} as {label!r}" for one, label in found.folded.items())
        notes.append(f"Taken for one label: {folded}.")
    return notes


def _offer(found: labels_in_files.Read) -> str:
    """The way out where a file's labels are not the task's."""
    if not found.unknown:
        return ""
    known = " ".join(f"--rename {one!r}={label!r}" for one, label in found.meant.items())
    fold = ", or fold what looks alike with --fold." if found.meant else "."
    return f" Say which is which with {known or '--rename file-label=task-label'}{fold}"


def _splits(
    frame: pd.DataFrame, hashes: "pd.Series[str]", forced: str | None, column: str | None, *, real: bool
) -> list[str]:
    if forced is not None:
        if forced.strip().lower() not in SPLIT_NAMES:
            raise StudyError(f"There is no split {forced!r}; use one of {', '.join(SPLIT_NAMES)}.")
        return [SPLIT_NAMES[forced.strip().lower()]] * len(frame)
    if column is not None:
        return [SPLIT_NAMES.get(name.strip().lower(), f"?{name}") for name in frame[column]]
    return [_drawn(digest) for digest in hashes] if real else [Split.TRAIN] * len(frame)


def _drawn(digest: str) -> Split:
    """70 % train, 5 % validation, 25 % test, drawn by the text itself so that it comes out the same each time."""
    share = int(digest[:8], 16) / 0x1_0000_0000
    return next(split for limit, split in SHARES if share < limit)


def _judge(session: Session, rows: pd.DataFrame, names: Sequence[str], *, task: Task, arm: Arm) -> None:
    """Fill `reason` for every row that cannot be kept."""
    known = _held(session, arm)
    tested = _tested(session, task) if arm.kind != ArmKind.REAL else set()
    in_file = set(rows.loc[rows["split"] == Split.TEST, "text_hash"]) if arm.kind == ArmKind.REAL else set()
    seen: dict[str, str] = {}
    reasons = []
    columns = (rows[name] for name in ("text", "label", "split", "text_hash", "reason"))
    for text, label, split, digest, known_reason in zip(*columns, strict=True):
        reason = (EMPTY if not text else known_reason) or _unusable(text, label, split, names)
        if not reason and split != Split.TEST and (digest in tested or digest in in_file):
            reason = LEAK
        held_split, held_label = known.get(digest, ("", ""))
        if not reason and held_label and not (split == Split.TEST and held_split != Split.TEST):
            reason = _duplicate(held_label, label)
        if not reason and digest in seen:
            reason = _duplicate(seen[digest], label)
        if not reason:
            seen[digest] = label
        reasons.append(reason)
    rows["reason"] = reasons


def _duplicate(first: str, label: str) -> str:
    return samples.DUPLICATE if first == label else f"{samples.DUPLICATE} with another label"


def _unusable(text: str, label: str, split: str, names: Sequence[str]) -> str:
    if not text:
        return EMPTY
    if not label:
        return labels_in_files.NO_LABEL
    if names and label not in names:
        near = difflib.get_close_matches(label, names, n=1, cutoff=0.7)
        return f"unknown label {label!r}" + (f" (near {near[0]!r})" if near else "")
    return f"unknown split {split[1:]!r}" if split.startswith("?") else ""


def _held(session: Session, arm: Arm) -> dict[str, tuple[str, str]]:
    """Digest -> split and label of the texts an arm keeps."""
    kept = (
        select(Sample.text_hash, Sample.split, Label.name)
        .join(Label, Label.id == Sample.label_id)
        .where(Sample.arm_id == arm.id, Sample.status == SampleStatus.KEPT)
    )
    return {row.text_hash: (row.split, row.name) for row in session.execute(kept)}


def _tested(session: Session, task: Task) -> set[str]:
    real = next((arm for arm in tasks.arms(session, task.id) if arm.kind == ArmKind.REAL), None)
    return {digest for digest, (split, _) in _held(session, real).items() if split == Split.TEST} if real else set()


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


def _set_aside(session: Session, arm: Arm, kept: pd.DataFrame) -> int:
    """A text the arm keeps for training that the file now has in its test split leaves training."""
    known = _held(session, arm)
    leaks = [digest for digest in kept.loc[kept["split"] == Split.TEST, "text_hash"] if digest in known]
    for digest in leaks:
        session.execute(
            update(Sample)
            .where(Sample.arm_id == arm.id, Sample.text_hash == digest, Sample.status == SampleStatus.KEPT)
            .values(status=SampleStatus.REJECTED, reject_reason=LEAK)
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
    return Imported(
        read=record.read,
        kept=record.kept,
        rejected=dict(record.rejected),
        moved=moved,
        again=again,
        labels=_sums(counted, "label"),
        splits=_sums(counted, "split"),
    )


def _listed_where(where: Mapping[str, str]) -> str:
    return " and ".join(f"{column} is {value!r}" for column, value in where.items())


def _sums(counted: pd.DataFrame, column: str) -> dict[str, int]:
    return {str(name): int(n) for name, n in counted.groupby(column)["n"].sum().items()}


def _listed(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} ({count})" for reason, count in reasons.items())
