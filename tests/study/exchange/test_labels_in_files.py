"""Reading labels of files: lists, numbers, spellings that look alike, missing and unknown labels."""

from pathlib import Path

import pandas as pd
import pytest

from core.errors import StudyError
from core.study.exchange import importing, labels_in_files, tables
from core.study.exchange.labels_in_files import Choices


def read(cells: list[str], *, known: list[str] | None = None, **choices: object) -> labels_in_files.Read:
    chosen = Choices(**choices)  # type: ignore[arg-type]
    return labels_in_files.read(
        pd.Series(cells, dtype="str", name="label"), known=known or [], rename={}, choices=chosen
    )


def check(cells: list[str], **choices: object) -> labels_in_files.Read:
    found = read(cells, **choices)
    labels_in_files.check_new(found, Choices(**choices), file="f.csv", column="label")  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize("word", ["nan", "None", "N/A", "-", "null", "#N/A", "<NA>", "?"])
def test_a_label_that_looks_missing_is_left_out_by_name(word: str) -> None:
    found = read(["good", word, "bad", ""])

    assert found.labels.tolist() == ["good", "", "bad", ""]
    assert found.reasons.tolist() == ["", f"label looks missing: '{word}'", "", "no label"]


def test_none_is_a_label_where_the_task_has_it_or_a_person_says_so() -> None:
    assert read(["none", "favor"], known=["none", "favor"]).labels.tolist() == ["none", "favor"]
    assert read(["none", "favor", ""], keep_labels=True).labels.tolist() == ["none", "favor", ""]


@pytest.mark.parametrize(
    "pair",
    [("Positive", "positive"), ("gr\u00fcn", "gru\u0308n"), ("not sarcastic", "not-sarcastic"), ("a  b", "a b")],
)
def test_labels_that_look_alike_are_refused_until_someone_decides(pair: tuple[str, str]) -> None:
    cells = [pair[0], pair[1], pair[1], *["other"] * 9]

    with pytest.raises(StudyError, match="look alike.*--fold.*--keep-labels"):
        check(cells)

    assert check(cells, fold=True).counts == {"other": 9, pair[1]: 3}
    assert check(cells, keep_labels=True).counts == {"other": 9, pair[1]: 2, pair[0]: 1}


def test_whole_numbers_lose_their_decimals_unless_the_task_writes_them_so() -> None:
    assert read(["1.0", "0.0", "1"]).labels.tolist() == ["1", "0", "1"]
    assert read(["1.0", "0.5"]).labels.tolist() == ["1", "0.5"]
    assert read(["1.0", "2"], known=["1.0", "2"]).labels.tolist() == ["1.0", "2"]
    assert read(["1.0", "0.0"], known=["0", "1"]).labels.tolist() == ["1", "0"]


def test_a_list_of_one_is_that_label_and_a_list_of_several_is_refused_with_the_count() -> None:
    cells = ['["good"]', '["good", "service"]', '["bad"]', "[]", '["bad", "bad"]']

    with pytest.raises(StudyError, match="1 rows .*several labels.*--drop-several"):
        check(cells)

    found = check(cells, drop_several=True)
    assert found.labels.tolist() == ["good", "", "bad", "", "bad"]
    assert found.reasons.tolist() == ["", "several labels", "", "no label", ""]


def test_scores_are_asked_about_and_can_be_cut() -> None:
    scores = [f"{0.2 + 0.01 * n:.3f}" for n in range(16)]

    with pytest.raises(StudyError, match="16 different labels.*hold numbers.*--cut"):
        check(scores)

    assert check(scores, cuts=(0.25, 0.3)).counts == {"0.3 or more": 6, "below 0.25": 5, "0.25 to 0.3": 5}
    assert len(check(scores, keep_labels=True).counts) == 16


def test_many_labels_with_some_rows_each_are_labels_and_are_told() -> None:
    intents = [f"intent {n % 77}" for n in range(800)]

    found = check(intents)

    assert len(found.counts) == 77
    assert found.many == "'label' holds 77 different labels, each in 10 to 11 rows."
    assert check(intents[:77] * 10).many == "'label' holds 77 different labels, each in 10 rows."
    assert check(intents[:50] * 10).many == ""
    assert read(intents, known=[f"intent {n}" for n in range(77)]).many == ""  # the task says how many labels it has


@pytest.mark.parametrize("cells", [[f"user {n % 77}" for n in range(769)], [str(n % 77) for n in range(7700)]])
def test_many_labels_that_are_rare_or_numbers_are_asked_about(cells: list[str]) -> None:
    with pytest.raises(StudyError, match="77 different labels in"):
        check(cells)

    assert len(check(cells, keep_labels=True).counts) == 77


def test_labels_that_are_not_the_tasks_are_counted_and_what_they_may_mean_is_offered() -> None:
    found = read(["Good", "good", "fine"], known=["good", "bad"])

    assert (found.unknown, found.meant) == ({"Good": 1, "fine": 1}, {"Good": "good"})
    assert read(["Good", "fine"], known=["good", "bad"], fold=True).labels.tolist() == ["good", "fine"]


def test_the_authors_split_is_found_under_its_usual_names(tmp_path: Path) -> None:
    for name, values in (("Split", ("train", "test")), ("set", ("trn", "eval")), ("partition", ("Training", "Dev"))):
        path = tmp_path / f"{name}.csv"
        path.write_text(f"text,label,{name}\none,good,{values[0]}\ntwo,bad,{values[1]}\n")

        found = importing.look(tables.read(path), importing.Options())

        assert found.columns["split"] == name and sum(found.splits.values()) == 2
        assert any(name in note for note in found.notes)


def test_a_column_that_is_named_like_a_split_and_is_none_is_not_used_and_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("text,label,set\none,good,blue\ntwo,bad,green\n")

    found = importing.look(tables.read(path), importing.Options())

    assert "split" not in found.columns and "'blue'" in found.notes[0]


def test_one_column_is_never_text_and_label_at_once(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("text,label\none,good\ntwo,bad\n")

    with pytest.raises(StudyError, match="cannot be both text and label"):
        importing.look(tables.read(path), importing.Options(text="text", label="text"))


@pytest.mark.parametrize("cell", ["['bad', 'slow']", "['bad' 'slow']", "{'bad', 'slow'}", "('bad', 'slow')"])
def test_several_labels_as_python_writes_them_are_no_label(cell: str) -> None:
    found = read(["good", cell])

    assert found.labels.tolist() == ["good", ""]
    assert found.reasons.tolist() == ["", labels_in_files.SEVERAL]


def test_one_label_in_a_list_of_python_is_that_label_and_words_in_brackets_stay() -> None:
    assert read(["[\"['bad']\"]", '["[\\"bad\\", \\"slow\\"]"]']).labels.tolist() == ["bad", ""]
    assert read(["['bad']", "('bad',)", "[]", "(other)", "{'a': 1}"]).labels.tolist() == [
        "bad",
        "bad",
        "",
        "(other)",
        "",
    ]


def test_findings_count_the_texts_of_each_label_that_go_into_the_test_split(tmp_path: Path) -> None:
    path = tmp_path / "splits.csv"
    path.write_text("text,label,split\none,good,test\ntwo,bad,train\nthree,good,train\nfour,bad,test\nfive,good,test\n")

    found = importing.look(tables.read(path), importing.Options())

    assert found.in_test == {"good": 2, "bad": 1}


@pytest.mark.parametrize("cell", ["[b'a']", "[{1}]", "[...]", "[('a', 'b')]", "[1j]"])
def test_a_list_of_python_with_other_things_than_labels_is_left_out(cell: str) -> None:
    assert read([cell]).reasons.tolist() == [labels_in_files.AN_OBJECT]


def test_a_rename_meets_whole_numbers_with_decimals_and_says_which_names_it_did_not_meet() -> None:
    def renamed(cells: list[str], rename: dict[str, str], known: list[str]) -> labels_in_files.Read:
        return labels_in_files.read(pd.Series(cells, dtype="str"), known=known, rename=rename, choices=Choices())

    found = renamed(["1.0", "0.0", "", "1"], {"1": "pos", "0": "neg", "Pos": "pos"}, [])

    assert found.labels.tolist() == ["pos", "neg", "", "pos"]
    assert found.unmet == ["No row has a label that is to be renamed: 'Pos'."]
    assert renamed(["1.0", "2"], {"1": "one", "1.0": "one point"}, []).labels.tolist() == ["one point", "2"]
    assert renamed(["1.0", "2"], {"1": "one"}, ["1.0", "2"]).labels.tolist() == ["1.0", "2"], "the task writes it so"
