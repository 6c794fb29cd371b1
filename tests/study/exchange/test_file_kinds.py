"""Files under the name of another kind: each is named for what it is, and what only looks like it is read."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from core.errors import StudyError
from core.study.exchange import tables


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("book.csv", b"PK\x03\x04\x14\x00\x06\x00", "book.csv is an Excel workbook or another zip file, whatever its name says. Save"),
        ("old.tsv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old.tsv is an old Excel workbook"),
        ("made.csv", b"PAR1\x15\x04", "made.csv is a Parquet file, whatever its name says. Give it the ending .parquet."),
        ("paper.json", b"%PDF-1.7\n", "paper.json is a PDF file"),
        ("packed.parquet", b"\x1f\x8b\x08\x00", "packed.parquet is a gzip file, whatever its name says. Unpack it first."),
        ("list.csv", b'[{"text": "a", "label": "b"}]', "list.csv holds JSON, whatever its name says. Give it the ending .json."),
        ("lines.csv", b'{"text": "a"}\n{"text": "b"}\n', "Give it the ending .jsonl."),
        ("one.tsv", b'\xef\xbb\xbf {"a": 1}\n', "Give it the ending .json."),
        ("long.csv", b'[{"text": "' + b"x" * 100_000 + b'"}]', "Give it the ending .json."),
    ],
)  # fmt: skip
def test_a_file_of_another_kind_is_named(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(StudyError) as refused:
        tables.read(path)

    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    "content", ["[tag] text,label\na,b\n", '"{""a"": 1}",label\nx,y\n', "text,label\n[1],b\n", "{curly},label\na,b\n"]
)
def test_brackets_alone_make_no_json(tmp_path: Path, content: str) -> None:
    path = tmp_path / "texts.csv"
    path.write_text(content, encoding="utf-8")

    assert len(tables.read(path).frame) == 1


@pytest.mark.parametrize("damaged", [b"numpy_tyqe", b"pandas_tyqe"])
def test_a_damaged_description_of_parquet_columns_is_a_sentence(tmp_path: Path, damaged: bytes) -> None:
    path = tmp_path / "texts.parquet"
    pd.DataFrame({"text": ["a", "b"], "label": [1, 2]}).to_parquet(path)
    pq.write_table(
        pq.read_table(path).replace_schema_metadata(
            {b"pandas": pq.read_schema(path).metadata[b"pandas"].replace(damaged.replace(b"q", b"p"), damaged)}
        ),
        path,
    )

    with pytest.raises(StudyError, match=r"what it says of its own columns is damaged. Write it again"):
        tables.read(path)
