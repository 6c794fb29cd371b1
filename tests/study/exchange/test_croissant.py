"""The Croissant file of an exported data set: valid, readable by the format's own library, and honest about synthetic texts."""

import json
from pathlib import Path
from typing import Any

import mlcroissant
import pandas as pd
import pytest

from core.study.exchange.data_set import croissant, exporting
from core.study.store import Store
from tests.study.conftest import Letters

pytestmark = pytest.mark.filterwarnings("ignore::Warning")  # those of the library and of what it is built on


def described(store: Store, letters: Letters, folder: Path, format: exporting.Format) -> Path:
    with store() as session:
        exporting.write(
            session, task_id=letters.task.id, arms=[letters.real, letters.made], folder=folder, format=format
        )
    return folder / croissant.NAME


@pytest.mark.parametrize("format", ["parquet", "jsonl", "csv"])
def test_the_library_of_the_format_finds_no_error_and_reads_the_rows(
    store: Store, letters: Letters, tmp_path: Path, format: exporting.Format
) -> None:
    data = mlcroissant.Dataset(jsonld=described(store, letters, tmp_path, format))

    records = [
        {name.rpartition("/")[2]: value for name, value in record.items()} for record in data.records("few-shot/train")
    ]

    assert data.metadata.ctx.issues.errors == set()
    assert data.metadata.ctx.conforms_to.value == croissant.CONFORMS_TO
    assert [plain(record["label"]) for record in records] == ["glad", "glad", "sad"]
    assert [plain(record["model"]) for record in records] == ["model-a", "model-a", "model-b"]
    assert all(record["synthetic"] for record in records)


def test_a_changed_file_is_refused_by_its_checksum(store: Store, letters: Letters, tmp_path: Path) -> None:
    path = described(store, letters, tmp_path, "jsonl")
    (tmp_path / "data/real/train.jsonl").write_text("{}\n")

    with pytest.raises(Exception, match="real/train") as refused:
        list(mlcroissant.Dataset(jsonld=path).records("real/train"))
    assert "Hash of downloaded file" in str(refused.value.__cause__)


def test_files_of_synthetic_texts_are_marked_with_models_dates_and_prompts_and_real_ones_are_not(
    store: Store, letters: Letters, tmp_path: Path
) -> None:
    read = json.loads(described(store, letters, tmp_path, "parquet").read_text(encoding="utf-8"))

    marks = {each["@id"]: each.get("digitalSourceType") for each in read["distribution"]}
    assert marks["file/few-shot/train"] == croissant.SYNTHETIC
    assert {mark for id, mark in marks.items() if "real" in id} == {None}
    said = next(each["description"] for each in read["distribution"] if each["@id"] == "file/few-shot/train")
    assert "model-a, model-b wrote them from" in said and "prompt versions 1" in said
    assert list(pd.read_parquet(tmp_path / "data/real/train.parquet")["synthetic"].unique()) == [False]


def plain(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
