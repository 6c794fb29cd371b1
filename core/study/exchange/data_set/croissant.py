"""Describe exported files for programs: a Croissant file (JSON-LD), which says of every file whether a model wrote its texts.

Source: MLCommons, Croissant format specification 1.1; `synthetic` files carry schema.org's `digitalSourceType`, whose
values are the IPTC's.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import files
from core.study.exchange import addresses
from core.study.exchange.data_set.card import Config
from core.study.rows.kinds import ArmKind, Split
from core.study.rows.study import Arm, Completion, Prompt, Sample
from core.wording import counted

NAME = "croissant.json"
CONFORMS_TO = "http://mlcommons.org/croissant/1.1"
SYNTHETIC = "https://schema.org/TrainedAlgorithmicMediaDigitalSource"
ENCODING = {"jsonl": "application/jsonlines", "csv": "text/csv", "parquet": "application/x-parquet"}
TYPES = {pa.string(): "sc:Text", pa.int64(): "sc:Integer", pa.float64(): "sc:Float", pa.bool_(): "sc:Boolean"}
TIME = "sc:DateTime"
IN_CROISSANT = (
    "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field", "fileObject", "fileProperty", "fileSet",
    "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex",
    "repeated", "replace", "samplingRate", "separator", "source", "subField", "transform",
)  # fmt: skip
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "digitalSourceType": {"@id": "sc:digitalSourceType", "@type": "@id"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    **{name: f"cr:{name}" for name in IN_CROISSANT},
}


@dataclass(frozen=True)
class Written:
    """A file of the exported data set: the texts of one split of one arm."""

    config: Config
    split: Split
    path: Path

    @property
    def id(self) -> str:
        return f"{self.config.name}/{self.split}"


def text(
    session: Session, written: Sequence[Written], *, name: str, question: str, folder: Path, schema: "pa.Schema"
) -> str:
    """The description as JSON: one file and one set of records for each split of each arm.

    `written` must be below `folder`, where the description will lie; `schema` has the columns of every file. No licence is
    given: that of real texts is their source's, which is not known here, so readers that want one will warn.
    """
    origins = {each.config.arm.id: origin(session, each.config.arm) for each in written}
    is_synthetic = [each.config.arm.kind != ArmKind.REAL for each in written]
    distribution = [
        file_object(
            each.id, each.path, folder, sha256=files.digest(each.path), description=origins[each.config.arm.id],
            is_synthetic=is_marked,
        )
        for each, is_marked in zip(written, is_synthetic, strict=True)
    ]  # fmt: skip
    described = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": name,
        "description": f"Texts for one classification task. Question: {question} {sum(is_synthetic)} of {counted(len(written), 'file')} "
        "hold texts that a model wrote (column synthetic).",
        "datePublished": datetime.now(UTC).date().isoformat(),
        "rai:dataCollection": " ".join(dict.fromkeys(origins.values())),
        "distribution": distribution,
        "recordSet": [_records(each, schema) for each in written],
    }
    return json.dumps(described, ensure_ascii=False, indent=2) + "\n"


def file_object(
    id: str, path: Path, folder: Path, *, sha256: str, description: str, is_synthetic: bool
) -> dict[str, Any]:
    """The description of a file below `folder`; `is_synthetic`: a model wrote texts of the file."""
    return {
        "@type": "cr:FileObject",
        "@id": f"file/{id}",
        "name": f"file/{id}",
        "description": description,
        "contentUrl": path.relative_to(folder).as_posix(),
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": ENCODING[path.suffix.removeprefix(".")],
        "sha256": sha256,
        **({"digitalSourceType": SYNTHETIC} if is_synthetic else {}),
    }


def record_set(id: str, columns: Mapping[str, str], *, description: str) -> dict[str, Any]:
    """The description of the rows of the file `id`, which have a column id; `columns`: name -> type."""
    return {
        "@type": "cr:RecordSet",
        "@id": id,
        "name": id,
        "description": description,
        "key": {"@id": f"{id}/id"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{id}/{name}",
                "name": name,
                "dataType": type,
                "source": {"fileObject": {"@id": f"file/{id}"}, "extract": {"column": name}},
            }
            for name, type in columns.items()
        ],
    }


def _records(each: Written, schema: "pa.Schema") -> dict[str, Any]:
    said = f"{counted(each.config.rows[each.split], 'text')} of the arm {each.config.arm.name}, split {each.split}."
    columns = {column.name: TIME if column.name == "created_at" else TYPES[column.type] for column in schema}
    return record_set(each.id, columns, description=said)


def origin(session: Session, arm: Arm, *, prompts_are: str = "the card in README.md holds the prompts") -> str:
    """Where the texts of an arm come from, in a sentence: real, or written by which models, when, from which prompt versions.

    `prompts_are`: says where a reader finds the prompts.
    """
    if arm.kind == ArmKind.REAL:
        return f"The texts of the arm {arm.name} are real texts from imported files (column file)."
    of_arm = (Completion.arm_id == arm.id, select(Sample.id).where(Sample.completion_id == Completion.id).exists())
    models = session.scalars(select(Completion.model).where(*of_arm).distinct().order_by(Completion.model)).all()
    if not models:
        return f"The texts of the arm {arm.name} are synthetic: a model wrote them elsewhere, and they were imported (column file)."
    named = ", ".join(dict.fromkeys(addresses.without_key(model) for model in models))
    first, last = session.execute(
        select(func.min(Completion.created_at), func.max(Completion.created_at)).where(*of_arm)
    ).one()
    versions = session.scalars(
        select(Prompt.version).join(Completion, Completion.prompt_id == Prompt.id).where(*of_arm).distinct()
    )
    prompts = ", ".join(str(version) for version in sorted(versions))
    return (
        f"The texts of the arm {arm.name} are synthetic: {named} wrote them from {_day(first)} to {_day(last)}, from prompt "
        f"versions {prompts or 'that are not known'}; {prompts_are}."
    )


def _day(at: float) -> date:
    return datetime.fromtimestamp(at, UTC).date()
