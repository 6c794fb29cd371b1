"""Damaged and swollen Parquet files in the export of a study: one sentence each, in bounded memory, and nothing stored."""

import hashlib
import json
import random
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet
from sqlalchemy import func, select

from core.errors import StudyError
from core.study.archive import formats, reading, writing
from core.study.archive.layout import Column
from core.study.rows.study import Study
from core.study.store import Store
from tests.fuzz.damage import damaged
from tests.study.archive import whole_study

TEXT = Column("text", "text", False, None, None, None, (), False)


@pytest.fixture
def folder(store: Store, tmp_path: Path) -> Path:
    """The export of a study with rows of every kind; the store is empty afterwards."""
    with store.write() as session:
        study = whole_study.fill(session)
        session.flush()
        writing.write(session, session.get_one(Study, study.id), tmp_path / "export", format="parquet")
        session.rollback()
    return tmp_path / "export"


@pytest.mark.slow
def test_no_damage_to_a_parquet_file_gets_past_the_refusal(store: Store, folder: Path) -> None:
    files = {path.name: path.read_bytes() for path in folder.glob("*.parquet")}
    said = json.loads((folder / "manifest.json").read_text())
    refused = 0
    for seed in range(150):
        rng = random.Random(seed)
        name = rng.choice(sorted(files))
        (folder / name).write_bytes(damaged(files[name], rng))
        said["files"][name]["sha256"] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        (folder / "manifest.json").write_text(json.dumps(said))
        try:
            with store.write() as session:
                reading.read(session, folder, name=f"damaged {seed}")
                session.rollback()
        except StudyError as error:
            refused += 1
            assert "\n" not in str(error) and len(str(error)) < 500
        (folder / name).write_bytes(files[name])
    assert refused > 75
    with store() as session:
        assert session.scalar(select(func.count()).select_from(Study)) == 0


def test_a_small_file_of_gigabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "samples.parquet"
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), pa.array(["x" * 1_000_000]))
    parquet.write_table(pa.table({"text": texts}), path, row_group_size=20_000)
    assert path.stat().st_size < 100_000

    with pytest.raises(StudyError) as refused:
        next(formats.read("parquet", path, [TEXT]))

    assert str(refused.value) == (
        "samples.parquet holds at least 4,768 MB in 5,000 rows when it is unpacked, and at most 512 MB are read. "
        "Export the study again as JSON lines."
    )


@pytest.mark.slow
def test_a_file_that_is_large_as_a_whole_is_read_in_groups(tmp_path: Path) -> None:
    path = tmp_path / "samples.parquet"
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 60_000, pa.int32()), pa.array(["x" * 10_000]))
    parquet.write_table(pa.table({"text": texts}), path, row_group_size=5000)

    n = sum(len(group) for group in formats.read("parquet", path, [TEXT]))

    assert n == 60_000  # 600 MB in all, 50 MB at a time
