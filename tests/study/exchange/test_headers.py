"""The first row of a file: a header, or a row of data that must not be lost."""

from pathlib import Path

import pytest

from core.errors import StudyError
from core.study.exchange import headers, importing, tables
from core.study.exchange.importing import Options

HEADLESS = [
    "I loved every minute of it,pos\nso dull,neg\nfine,pos\n",
    "so dull,0\nfine,1\nbetter,1\n",
    "I waited for two hours and nobody came to tell me what was going on there,neg\nfine,pos\ngood,pos\n",
    "\ufeffpos,I loved it\nneg,so dull\npos,fine\n",
    "how are you,question\nfine,answer\nand you,question\nwho is it,question\n",
]
HEADED = [
    "text,label\ntext,pos\nso dull,neg\n",
    "0,1\nso dull,1\nfine,0\n",
    "Letter,Mood\nso dull,bad\nfine,good\n",
    "What do you think of the new opening hours of our library in the town?,label\nso dull,bad\nfine,good\n",
    "Town,1960,1970\nhere,5,6\nthere,7,8\n",
    "id,note,mood\n1,so dull,bad\n2,fine,good\n",
]


def table(folder: Path, content: str, *, header: bool | None = None, name: str = "f.csv") -> tables.Table:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return tables.read(path, header=header)


@pytest.mark.parametrize("content", HEADLESS)
def test_a_first_row_that_looks_like_a_text_is_asked_about_and_never_lost(tmp_path: Path, content: str) -> None:
    columns = list(table(tmp_path, content).frame.columns)

    with pytest.raises(StudyError, match="--no-header .*--header"):
        importing.look(table(tmp_path, content), Options(text=columns[0], label=columns[1]))

    found = table(tmp_path, content, header=False)
    assert len(found.frame) == content.count("\n") and list(found.frame.columns) == ["column 1", "column 2"]
    assert importing.look(found, Options(text="column 1", label="column 2")).read == content.count("\n")
    assert len(table(tmp_path, content, header=True).frame) == content.count("\n") - 1


@pytest.mark.parametrize("content", HEADED)
def test_a_first_row_that_names_the_columns_is_no_doubt(tmp_path: Path, content: str) -> None:
    assert table(tmp_path, content).doubt == ""


def test_without_usual_names_the_way_out_names_the_options(tmp_path: Path) -> None:
    with pytest.raises(
        StudyError, match="Its columns are a, b. Name the columns with --text and --label, or add --no-header"
    ):
        importing.look(table(tmp_path, "a,b\nfine,good\n"), Options())


def test_names_of_columns_in_the_middle_of_joined_files_are_no_text(tmp_path: Path) -> None:
    found = importing.look(table(tmp_path, "text,label\none,good\ntext,label\ntwo,bad\n"), Options())

    assert found.labels == {"good": 1, "bad": 1}
    assert (found.read, found.left_out) == (3, {headers.AGAIN: 1})


def test_rows_without_a_header_are_counted_from_the_first_line(tmp_path: Path) -> None:
    assert (table(tmp_path, HEADLESS[0]).first_row, table(tmp_path, HEADLESS[0], header=False).first_row) == (2, 1)


def test_other_kinds_of_file_have_names_of_their_own(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="Leave --no-header out"):
        table(tmp_path, '{"text": "one", "label": "good"}', header=False, name="f.jsonl")
