"""Bring real or synthetic texts into an arm: rows are checked one by one, refused ones are counted with their reason."""

import difflib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import samples, tables, tasks
from core.study.records import Arm, ArmKind, Import, Label, Sample, SampleStatus, Split, Task

TEXT_NAMES = ("text", "sentence", "content", "tweet", "review", "headline", "message")
LABEL_NAMES = ("label", "labels", "intended_label", "class", "category", "sentiment")
SPLIT_NAMES = {
    "train": Split.TRAIN,
    "training": Split.TRAIN,
    "validation": Split.VALIDATION,
    "valid": Split.VALIDATION,
    "val": Split.VALIDATION,
    "dev": Split.VALIDATION,
    "test": Split.TEST,
    "pool": Split.POOL,
}
EMPTY, NO_LABEL, LEAK = "empty text", "no label", samples.LEAK
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


def bring_in(session: Session, *, task: Task, arm: Arm, table: tables.Table, options: Options) -> Imported:
    """Import a table into an arm. The same file with the same options is brought in once.

    Raises `StudyError` when a column is missing or no row can be kept; nothing is stored then.
    """
    chosen = _columns(table, options)
    earlier = session.scalar(
        select(Import).where(Import.arm_id == arm.id, Import.sha256 == table.sha256).order_by(Import.id.desc())
    )
    if earlier is not None and earlier.options == chosen:
        return _report(session, earlier, moved=0, again=True)
    rows = _rows(table, chosen, real=arm.kind == ArmKind.REAL)
    if rows.empty:
        matching = f" where {_listed_where(options.where)}" if options.where else ""
        raise StudyError(f"{table.file} has no row{matching}.")
    _judge(session, rows, task=task, arm=arm)
    kept = rows[rows["reason"] == ""]
    if kept.empty:
        raise StudyError(f"No row of {table.file} can be kept: {_listed(Counter(rows['reason']))}.")
    record = _record(session, rows, table=table, chosen=chosen, arm=arm)
    moved = _set_aside(session, arm, kept)
    _store(session, kept, task=task, arm=arm, record=record)
    return _report(session, record, moved=moved, again=False)


def real_labels(table: tables.Table, options: Options) -> dict[str, str]:
    """The labels a file of real data defines, in the order of their first row, without descriptions."""
    chosen = _columns(table, options)
    rows = _rows(table, chosen, real=True)
    return {label: "" for label in dict.fromkeys(rows["label"]) if label}


def _columns(table: tables.Table, options: Options) -> dict[str, Any]:
    names = list(table.frame.columns)
    text = options.text or next((name for name in TEXT_NAMES if name in names), "text")
    label = options.label or next((name for name in LABEL_NAMES if name in names), "label")
    tables.need_columns(table.frame, [text, label, *options.where], file=table.file)
    pinned = {"source": dict(table.source)} if table.source else {}
    return asdict(options) | {
        "text": text,
        "label": label,
        "where": dict(options.where),
        "rename": dict(options.rename),
        **pinned,
    }


def _rows(table: tables.Table, chosen: dict[str, Any], *, real: bool) -> pd.DataFrame:
    """Columns row, text, label, split, text_hash, reason: one row per row of the file that `where` selects."""
    frame = table.frame
    for column, value in chosen["where"].items():
        frame = frame[frame[column] == value]
    rows = pd.DataFrame(
        {
            "row": frame.index + 2,
            "text": frame[chosen["text"]].str.strip(),
            "label": frame[chosen["label"]].str.strip().replace(chosen["rename"]),
        }
    )
    rows["text_hash"] = [samples.text_hash(text) for text in rows["text"]]
    rows["split"] = _splits(frame, rows["text_hash"], chosen["split"], real=real)
    rows["reason"] = ""
    return rows


def _splits(frame: pd.DataFrame, hashes: "pd.Series[str]", forced: str | None, *, real: bool) -> list[str]:
    if forced is not None:
        if forced.strip().lower() not in SPLIT_NAMES:
            raise StudyError(f"There is no split {forced!r}; use one of {', '.join(SPLIT_NAMES)}.")
        return [SPLIT_NAMES[forced.strip().lower()]] * len(frame)
    if "split" in frame.columns:
        return [SPLIT_NAMES.get(name.strip().lower(), f"?{name}") for name in frame["split"]]
    return [_drawn(digest) for digest in hashes] if real else [Split.TRAIN] * len(frame)


def _drawn(digest: str) -> Split:
    """70 % train, 5 % validation, 25 % test, drawn by the text itself so that it comes out the same each time."""
    share = int(digest[:8], 16) / 0x1_0000_0000
    return next(split for limit, split in SHARES if share < limit)


def _judge(session: Session, rows: pd.DataFrame, *, task: Task, arm: Arm) -> None:
    """Fill `reason` for every row that cannot be kept."""
    names = [label.name for label in tasks.labels_of(session, task.id)]
    known = _held(session, arm)
    tested = _tested(session, task) if arm.kind != ArmKind.REAL else set()
    in_file = set(rows.loc[rows["split"] == Split.TEST, "text_hash"]) if arm.kind == ArmKind.REAL else set()
    seen: dict[str, str] = {}
    reasons = []
    for text, label, split, digest in zip(rows["text"], rows["label"], rows["split"], rows["text_hash"], strict=True):
        reason = _unusable(text, label, split, names)
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


def _unusable(text: str, label: str, split: str, names: list[str]) -> str:
    if not text:
        return EMPTY
    if not label:
        return NO_LABEL
    if label not in names:
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
