"""Describe an exported study for programs and people: its Croissant file, and where the texts of each arm come from."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.study.archive.layout import Column, File, Format, files
from core.study.archive.manifest import Manifest
from core.study.exchange.data_set import croissant
from core.study.rows.study import Arm, Study, Task
from core.wording import counted

NAME = croissant.NAME
TYPES = {"integer": "sc:Integer", "number": "sc:Float", "boolean": "sc:Boolean"}
# Tables whose texts a model wrote, beside the samples of synthetic arms.
BY_MODELS = ("completion", "reply", "continuation", "trial")


def origins(session: Session, study: Study) -> list[tuple[str, str]]:
    """Where the texts of each arm come from: the name of the task and a sentence, in the order of the study."""
    rows = session.execute(
        select(Task.name, Arm)
        .join(Arm, Arm.task_id == Task.id)
        .where(Task.study_id == study.id)
        .order_by(Task.id, Arm.id)
    )
    where = "the prompts are in the file of prompts"
    return [(name, croissant.origin(session, arm, prompts_are=where)) for name, arm in rows]


def text(said: Manifest, folder: Path, told: list[tuple[str, str]], synthetic: Mapping[str, int]) -> str:
    """The Croissant file as JSON: one file and one set of records for each table.

    `told`: the origins of the texts. `synthetic`: table -> its number of rows whose text a model wrote.
    """
    sentences = list(dict.fromkeys(f"Task {task}: {sentence}" for task, sentence in told))
    written = [(file, f"{file.stem}.{said.format}") for file in files()]
    described = {
        "@context": croissant.CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": croissant.CONFORMS_TO,
        "name": said.study,
        "description": f"A whole study of real and LLM-written training data (Litmus), one file for each kind of row. "
        f"{counted(synthetic.get('sample', 0), 'row')} of the samples hold texts that a model wrote (column synthetic).",
        "datePublished": said.made[:10],
        "rai:dataCollection": " ".join(sentences),
        "distribution": [
            _file(file, folder / name, said.files[name].sha256, synthetic.get(file.table.name, 0))
            for file, name in written
        ],
        "recordSet": [_records(file, said.rows[file.table.name], said.format) for file, _ in written],
    }
    return json.dumps(described, ensure_ascii=False, indent=2) + "\n"


def _file(file: File, path: Path, sha256: str, synthetic: int) -> dict[str, Any]:
    by_models = f"; a model wrote the texts of {counted(synthetic, 'row')}" if synthetic else ""
    return croissant.file_object(
        file.stem, path, path.parent, sha256=sha256, description=f"The rows of the kind {file.table.name}{by_models}.",
        is_synthetic=synthetic > 0,
    )  # fmt: skip


def _records(file: File, n: int, format: Format) -> dict[str, Any]:
    """The columns of a table that readers of Croissant can take.

    From JSON lines they take no objects or lists, and read numbers under a name that ends in _at as dates.
    """
    left = [column.name for column in file.written if format == "jsonl" and _is_hard(column)]
    also = f" The file also holds {', '.join(left)}." if left else ""
    columns = {column.name: TYPES.get(column.kind, "sc:Text") for column in file.written if column.name not in left}
    return croissant.record_set(
        file.stem, columns, description=f"{counted(n, 'row')} of the kind {file.table.name}.{also}"
    )


def _is_hard(column: Column) -> bool:
    return column.kind in ("object", "list") or column.name.endswith("_at")
