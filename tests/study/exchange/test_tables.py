"""Reading tables from files: JSON, separators, and cells that hold lists or objects."""

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import StudyError
from core.study.exchange import tables


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


def test_bytes_in_parquet_are_read_as_the_text_that_they_encode(tmp_path: Path) -> None:
    texts = ["héllo", "日本", None]
    held = pa.array([text and text.encode() for text in texts], pa.binary())
    pictures = pa.array([b"\x89PNG\xff", b"\xff\xd8", None], pa.large_binary())
    nested = pa.array([[b"h\xc3\xa9"], [], None], pa.list_(pa.binary()))
    pq.write_table(
        pa.table({"text": held, "code": held.dictionary_encode(), "picture": pictures, "list": nested}),
        tmp_path / "t.parquet",
    )

    table = tables.read(tmp_path / "t.parquet")

    assert table.frame["text"].tolist() == table.frame["code"].tolist() == ["héllo", "日本", ""]
    assert table.frame["list"].tolist() == ['["hé"]', "[]", ""]
    assert "picture" not in table.frame and table.notes == ("Bytes that are no UTF-8 text were left out: picture.",)


@pytest.mark.parametrize("cell", ["", "plain", "[not json", "{", "1", '"x"'])
def test_a_cell_without_a_list_or_object_holds_none(cell: str) -> None:
    assert tables.nested(cell) is None


def test_a_separator_within_quotes_of_one_column_does_not_split_it(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('a,"b;c"\n1,2\n')

    assert list(tables.read(tmp_path / "t.csv").frame) == ["a", "b;c"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("3", "neither a list of objects nor an object"),
        ("[" * 100_000, "nested too deep"),
        ('[{"a": 1}', "cannot be read"),
    ],
)
def test_json_that_is_no_table_is_one_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "t.json").write_text(content)

    with pytest.raises(StudyError, match=sentence):
        tables.read(tmp_path / "t.json")


def test_a_quote_inside_an_unquoted_line_merges_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text('text\tlabel\n"Fine" is what she said\tbad\nA 5" screen\tbad\nLovely\tgood\n"Best\tgood\n')

    found = tables.read(path)

    assert found.frame["text"].tolist() == ['"Fine" is what she said', 'A 5" screen', "Lovely", '"Best']
    assert found.frame["label"].tolist() == ["bad", "bad", "good", "good"]
    assert "Quotes in this file are parts of the texts" in found.notes[0]


def test_quotes_written_with_a_backslash_are_read_and_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('text,label\n"She said \\"never\\" and left",bad\n"Two lines\nin one",good\n')

    found = tables.read(path)

    assert found.frame["text"].tolist() == ['She said "never" and left', "Two lines\nin one"]
    assert "\\" in found.notes[0]


def test_rows_that_a_quote_swallowed_are_refused_with_the_place(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        'text,label\none,good\n"two,bad\nthree,good\nfour,bad\n"five,good\nsix",bad\nseven,good\neight,bad\n'
    )

    with pytest.raises(StudyError, match="Is a quote not closed"):
        tables.read(path)


@pytest.mark.parametrize("first", ["sep=;\n", "\ufeffsep=;\r\n", '"sep=;"\n', "SEP=;\n"])
def test_a_line_that_names_the_separator_is_no_row(tmp_path: Path, first: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(f"{first}text;label\nfine, really;good\n".encode())

    found = tables.read(path)

    assert found.frame.to_dict("records") == [{"text": "fine, really", "label": "good"}]


def test_empty_columns_at_the_end_are_left_out_and_a_filled_one_gets_a_name(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(",text,label,,\n0,one,good,,\n1,two,bad,,\n")

    found = tables.read(path)

    assert list(found.frame.columns) == ["column 1", "text", "label"]
    assert len(found.notes) == 2


FORMS = [
    {"text": {"0": "one", "1": "two"}, "label": {"0": "good", "1": "bad"}},
    {"columns": ["text", "label"], "index": [0, 1], "data": [["one", "good"], ["two", "bad"]]},
    {"text": ["one", "two"], "label": ["good", "bad"]},
    {"rows": [{"text": "one", "label": "good"}, {"text": "two", "label": "bad"}]},
]


@pytest.mark.parametrize("form", FORMS)
def test_tables_that_pandas_and_others_write_as_json_are_read(tmp_path: Path, form: object) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps(form))

    assert tables.read(path).frame.to_dict("records") == [
        {"text": "one", "label": "good"},
        {"text": "two", "label": "bad"},
    ]


def test_class_numbers_in_parquet_get_the_names_that_the_file_gives_them(tmp_path: Path) -> None:
    features = {
        "label": {"names": ["bad", "good"], "_type": "ClassLabel"},
        "text": {"dtype": "string", "_type": "Value"},
    }
    noted = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    table = pa.table({"text": ["one", "two", "three"], "label": [1, 0, -1]}).replace_schema_metadata(noted)
    pq.write_table(table, tmp_path / "t.parquet")

    assert tables.read(tmp_path / "t.parquet").frame["label"].tolist() == ["good", "bad", ""]


@pytest.mark.parametrize(
    "content",
    [
        'text,label\nliked it,pos\n"so bad,neg\nend of it",neg\ngood,pos\ndull,neg\n',
        'label,text\npos,liked it\nneg,"so bad\npos,fine"\nneg,dull\npos,good\n',
        'id,label,text\n1,pos,liked it\n2,neg,"so bad\n3,pos,fine"\n4,neg,dull\n5,pos,good\n',
    ],
    ids=["label last, one row", "label first", "label in the middle"],
)
def test_a_row_inside_a_cell_is_found_wherever_the_label_stands(tmp_path: Path, content: str) -> None:
    path = tmp_path / "swallowed.csv"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(StudyError, match="looks like a whole row"):
        tables.read(path)


def test_texts_of_several_lines_with_commas_are_texts(tmp_path: Path) -> None:
    path = tmp_path / "lines.csv"
    path.write_text(
        'text,label\n"Dear all, hello\nyours, Ann",pos\nfine,pos\nbad,neg\n"no,\nnever",neg\n', encoding="utf-8"
    )

    table = tables.read(path)

    assert table.frame["text"].tolist() == ["Dear all, hello\nyours, Ann", "fine", "bad", "no,\nnever"]


@pytest.mark.parametrize(
    ("separator", "encoding"), [("\t", "utf-16"), (",", "utf-16"), ("|", "utf-8"), ("|", "utf-8-sig")]
)
def test_unicode_text_of_spreadsheets_and_bars_between_cells_are_read(
    tmp_path: Path, separator: str, encoding: str
) -> None:
    path = tmp_path / "saved.csv"
    path.write_text(f'text{separator}label\n"café, good"{separator}pos\nbad{separator}neg\n', encoding=encoding)

    table = tables.read(path)

    assert table.frame.to_dict("records") == [{"text": "café, good", "label": "pos"}, {"text": "bad", "label": "neg"}]


def test_half_a_character_of_utf_16_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "cut.csv"
    path.write_bytes("text,label\nfine,pos\n".encode("utf-16")[:-1])

    with pytest.raises(StudyError, match="Save it as UTF-8"):
        tables.read(path)


@pytest.mark.parametrize(
    "form",
    [
        {"train": [{"text": "one", "label": "a"}], "test": [{"text": "two", "label": "b"}]},
        {"train": [{"text": "one", "label": "a", "split": "train"}], "test": [{"text": "two", "label": "b"}]},
        {"train": {"text": ["one"], "label": ["a"]}, "test": {"text": ["two"], "label": ["b"]}},
        {"train": {"text": {"0": "one"}, "label": {"0": "a"}}, "test": [{"text": "two", "label": "b"}]},
    ],
)
def test_an_object_with_a_table_for_each_split_is_read_as_splits(tmp_path: Path, form: object) -> None:
    path = tmp_path / "splits.json"
    path.write_text(json.dumps(form))

    table = tables.read(path)

    assert table.frame[["text", "label", "split"]].values.tolist() == [["one", "a", "train"], ["two", "b", "test"]]
    assert table.notes == ("The file holds a table for each split: train 1, test 1.",)


def test_a_split_of_another_name_beside_known_ones_is_read_too_and_a_contradiction_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "splits.json"
    path.write_text(json.dumps({"Train": [{"text": "one"}], "unsupervised": [{"text": "two"}, 3], "test": []}))

    table = tables.read(path)

    assert table.frame["split"].tolist() == ["Train", "unsupervised"] and table.unreadable == ["not a JSON object"]
    path.write_text(json.dumps({"train": [{"text": "one", "split": "test"}]}))
    with pytest.raises(StudyError, match="have another split in their key"):
        tables.read(path)


@pytest.mark.parametrize("form", [{"test": 1, "train": "x"}, {"train": ["a", "b"], "label": ["c", "d"]}])
def test_columns_that_are_named_like_splits_are_columns(tmp_path: Path, form: object) -> None:
    path = tmp_path / "columns.json"
    path.write_text(json.dumps(form))

    assert "split" not in tables.read(path).frame.columns


ODD_ROWS = [("",), ("text", "label", "x"), ("", "", ""), ("a", "b", "c", "d")]
CELL = st.text(st.characters(exclude_characters='"\r\n', exclude_categories=["Cs"]), max_size=5)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.one_of(st.tuples(CELL, CELL, CELL), st.sampled_from(ODD_ROWS))),
    mark=st.sampled_from([",", ";", "\t"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_lines_without_quotes_are_read_by_columns_as_they_are_read_with_care(
    tmp_path: Path, rows: list[tuple[str, ...]], mark: str, end: str
) -> None:
    body = end.join(mark.join(cell.replace(mark, " ") for cell in row) for row in rows)
    path = tmp_path / "f.csv"
    found = []
    for first in ("text", '"text"'):  # a quote anywhere, and the file is read row by row
        path.write_bytes(f"{first}{mark}label{mark}x{end}{body}".encode())
        try:
            table = tables.read(path)
            numbers = table.numbers(table.frame.index)
            found.append((table.frame.to_dict("list"), sorted(table.unreadable), table.doubt, numbers))
        except StudyError as error:
            found.append(str(error))

    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("name", "content", "numbers"),
    [
        ("f.csv", "text,label\none,a\ntwo,b\n", [2, 3]),
        ("f.csv", "text,label\n\none,a\n\ntwo,b\n", [3, 5]),
        ("f.csv", 'text,label\n"one",a\n\ntoo,many,cells\n"two\nlines",b\nthree,a\n', [2, 5, 6]),
        ("f.csv", '\n"text",label\none,a\n,\ntwo,b\n', [3, 5]),
        ("f.tsv", 'text\tlabel\n\na "big" one\ta\n', [3]),
        ("f.jsonl", '{"text": "one"}\n{no json\n\n[1]\n{"text": "two"}\n', [1, 5]),
        ("f.json", '[{"text": "one"}, 7, {"text": "two"}]', [1, 3]),
    ],
)
def test_rows_keep_their_number_in_the_file_whatever_is_left_out_before_them(
    tmp_path: Path, name: str, content: str, numbers: list[int]
) -> None:
    (tmp_path / name).write_text(content)

    table = tables.read(tmp_path / name)

    assert table.numbers(table.frame.index) == numbers


def test_rows_of_parquet_are_counted_from_one(tmp_path: Path) -> None:
    pd.DataFrame({"text": ["one", "two"]}).to_parquet(tmp_path / "f.parquet")

    table = tables.read(tmp_path / "f.parquet")

    assert table.numbers(table.frame.index[1:]) == [2]
