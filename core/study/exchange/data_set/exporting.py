"""Export the texts of a task as files, one for each arm and split, with a card for people and a description for programs."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import browse
from core.study.chunks import chunks
from core.study.exchange import addresses, spreadsheets
from core.study.exchange.data_set import card, croissant
from core.study.rows.kinds import ArmKind, JudgementKind, SampleStatus, Split
from core.study.rows.study import Arm, Completion, Import, Label, Prompt, Sample, Task

Format = Literal["jsonl", "csv", "parquet"]

TEXT, NUMBER, SHARE, FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()
SCHEMA = pa.schema(
    {
        "id": NUMBER,
        "text": TEXT,
        "label": TEXT,
        "label_intended": TEXT,
        "label_judge": TEXT,
        "label_human": TEXT,
        "task": TEXT,
        "arm": TEXT,
        "kind": TEXT,
        "synthetic": FLAG,
        "split": TEXT,
        "weight": SHARE,
        "status": TEXT,
        "reject_reason": TEXT,
        "file": TEXT,
        "model": TEXT,
        "recorded": FLAG,
        "prompt_id": NUMBER,
        "prompt_version": NUMBER,
        "attributes": TEXT,
        "completion_id": NUMBER,
        "part": NUMBER,
        "tokens_in": NUMBER,
        "tokens_out": NUMBER,
        "cost_usd": SHARE,
        "created_at": TEXT,
    }
)


def write(
    session: Session,
    *,
    task_id: int,
    arms: Sequence[Arm],
    folder: Path,
    format: Format = "parquet",
    rejected: bool = False,
) -> list[Path]:
    """Write `README.md`, `croissant.json` and `data/ARM/SPLIT.FORMAT` for every arm and split; return the paths in this order.

    The files hold the rows of `rows`. Texts are written unchanged, so that the files can be imported again (for tables
    that people open in a spreadsheet, see `spreadsheets.safe_csv`). `rejected` includes rejected texts. Raises
    `StudyError` if the format is unknown or the arms hold no text.
    """
    if format not in get_args(Format):
        raise StudyError(f"There is no format {format!r}. Use one of {', '.join(get_args(Format))}.")
    task = session.get_one(Task, task_id)
    names = folder_names(arms)
    written: list[croissant.Written] = []
    for arm in arms:
        frame = rows(session, task=task, arm=arm, rejected=rejected)
        splits = [split for split in Split if (frame["split"] == split).any()]
        config = card.Config(arm, names[arm.id], {split: int((frame["split"] == split).sum()) for split in splits})
        for split in splits:
            path = folder / "data" / names[arm.id] / f"{split}.{format}"
            _write(frame[frame["split"] == split], path, format)
            written.append(croissant.Written(config, split, path))
    if not written:
        raise StudyError(
            f"The arms {', '.join(arm.name for arm in arms) or '(none)'} of {task.name!r} hold no text yet. Import or generate texts first."
        )
    configs = list({each.config.arm.id: each.config for each in written}.values())
    readme, described = folder / "README.md", folder / croissant.NAME
    readme.write_text(card.text(session, task, configs, format=format, columns=SCHEMA.names), encoding="utf-8")
    about = croissant.text(session, written, name=task.name, question=task.question, folder=folder, schema=SCHEMA)
    described.write_text(about, encoding="utf-8")
    return [readme, described, *(each.path for each in written)]


def rows(session: Session, *, task: Task, arm: Arm, rejected: bool = False) -> pd.DataFrame:
    """The texts of an arm, one row for each, with the columns of `SCHEMA`; unknown values are missing.

    `label` is the label of the sample, which equals `label_intended` for a synthetic text. `tokens_in`, `tokens_out` and
    `cost_usd` (US dollars) belong to the whole completion and are repeated on each of its texts. `created_at` is UTC.
    `model` is written without the keys that its address may hold.
    """
    found = pd.DataFrame(session.execute(_query(arm, rejected=rejected)).all(), columns=_COLUMNS)
    ids = [int(number) for number in found["id"]]
    found["task"], found["arm"], found["kind"] = task.name, arm.name, arm.kind
    found["synthetic"] = arm.kind != ArmKind.REAL
    found["label_intended"] = None if arm.kind == ArmKind.REAL else found["label"]
    found["label_judge"] = _newest_labels(session, ids, JudgementKind.JUDGE)
    found["label_human"] = _newest_labels(session, ids, JudgementKind.HUMAN)
    attributes = [json.dumps(drawn, ensure_ascii=False) if drawn else None for drawn in found["attributes"]]
    found["attributes"] = pd.Series(attributes, dtype="str", index=found.index)
    found["model"] = [addresses.without_key(model) if isinstance(model, str) else None for model in found["model"]]
    found["created_at"] = [datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds") for at in found["created_at"]]
    return found[list(SCHEMA.names)]


def folder_names(arms: Sequence[Arm]) -> dict[int, str]:
    """Arm id -> name of the folder of the arm: letters, digits, _, . and - only, different for each arm in any case."""
    names: dict[int, str] = {}
    for arm in arms:
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", arm.name).strip("-.") or "arm"
        used_names = {used.casefold() for used in names.values()}
        names[arm.id] = f"{name}-{arm.id}" if name.casefold() in used_names else name
    return names


_COLUMNS = [
    "id", "text", "label", "split", "status", "reject_reason", "file", "model", "recorded", "prompt_id",
    "prompt_version", "attributes", "completion_id", "part", "tokens_in", "tokens_out", "cost_usd", "created_at", "weight",
]  # fmt: skip


def _query(arm: Arm, *, rejected: bool) -> Select[*tuple[Any, ...]]:
    query = (
        select(
            Sample.id, Sample.text, Label.name, Sample.split, Sample.status, Sample.reject_reason, Import.file,
            Completion.model, Completion.is_recorded, Completion.prompt_id, Prompt.version, Completion.attributes,
            Sample.completion_id, Sample.part, Completion.tokens_in, Completion.tokens_out, Completion.cost_usd,
            Sample.created_at, Sample.weight,
        )
        .join(Label, Label.id == Sample.label_id)
        .outerjoin(Import, Import.id == Sample.import_id)
        .outerjoin(Completion, Completion.id == Sample.completion_id)
        .outerjoin(Prompt, Prompt.id == Completion.prompt_id)
        .where(Sample.arm_id == arm.id)
        .order_by(Sample.id)
    )  # fmt: skip
    return query if rejected else query.where(Sample.status == SampleStatus.KEPT)


def _newest_labels(session: Session, ids: Sequence[int], kind: JudgementKind) -> "pd.Series[str]":
    labels: dict[int, str] = {}
    for chunk in chunks(ids):
        labels |= browse.newest_labels(session, chunk, kind)
    named = {sample_id: name for sample_id, name in labels.items() if name != browse.NO_LABEL}
    return pd.Series([named.get(sample_id) for sample_id in ids], dtype="str")


def _write(frame: pd.DataFrame, path: Path, format: Format) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if format == "csv":
        path.write_text(spreadsheets.plain_csv(frame), encoding="utf-8", newline="")
        return
    table = pa.Table.from_pandas(frame, schema=SCHEMA, preserve_index=False)
    if format == "parquet":
        pq.write_table(table.replace_schema_metadata(None), path)
        return
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in table.to_pylist())
