"""Tables from files: JSON, separators, and cells that hold lists or objects."""

import json
from pathlib import Path

import pandas as pd
import pytest

from core.errors import StudyError
from core.study import tables


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.json", '[{"a": 1, "b": null}, {"a": "x", "b": true}]'),
        ("t.jsonl", '{"a": 1, "b": null}\n\n{"a": "x", "b": true}\n'),
        ("lines.json", '{"a": 1, "b": null}\n{"a": "x", "b": true}\n'),
        ("t.csv", "a,b\n1,\nx,True\n"),
        ("t.csv", "a;b\n1;\nx;True\n"),
        ("t.tsv", "a\tb\n1\t\nx\tTrue\n"),
        ("t.tsv", "a,b\n1,\nx,True\n"),
    ],
)
def test_every_form_gives_the_same_table(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")

    table = tables.read(tmp_path / name)

    assert table.frame.to_dict("list") == {"a": ["1", "x"], "b": ["", "True"]}
    assert table.unreadable == []


def test_one_object_is_one_row(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text('{"a": 1}')

    assert tables.read(tmp_path / "t.json").frame.to_dict("list") == {"a": ["1"]}


def test_lists_and_objects_stay_as_json(tmp_path: Path) -> None:
    value = {"labels": ["é", 1, None], "of": {"x": 0.5}}
    (tmp_path / "t.jsonl").write_text(json.dumps({"a": value, "b": ["x"]}))

    cell = tables.read(tmp_path / "t.jsonl").frame.iloc[0]

    assert cell["a"] == '{"labels": ["é", 1, null], "of": {"x": 0.5}}'
    assert (tables.nested(cell["a"]), tables.nested(cell["b"])) == (value, ["x"])


def test_lists_in_parquet_stay_as_json(tmp_path: Path) -> None:
    pd.DataFrame({"a": [["x", "y"], None]}).to_parquet(tmp_path / "t.parquet")

    assert tables.read(tmp_path / "t.parquet").frame["a"].tolist() == ['["x", "y"]', ""]


@pytest.mark.parametrize("cell", ["", "plain", "[not json", "{", "1", '"x"'])
def test_a_cell_without_a_list_or_object_holds_none(cell: str) -> None:
    assert tables.nested(cell) is None


def test_a_separator_within_quotes_of_one_column_does_not_split_it(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('a,"b;c"\n1,2\n')

    assert list(tables.read(tmp_path / "t.csv").frame) == ["a", "b;c"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("3", "neither a list of objects nor one object"),
        ("[" * 100_000, "nested too deep"),
        ('[{"a": 1}', "cannot be read"),
    ],
)
def test_json_that_is_no_table_is_one_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "t.json").write_text(content)

    with pytest.raises(StudyError, match=sentence):
        tables.read(tmp_path / "t.json")
