"""Which answers of a file count: sets of labels, repeats, missing labels, names that look alike, winners of comparisons."""

from pathlib import Path
from typing import Any

import pytest

from core.errors import StudyError
from core.subjectivity.exchange import formats
from core.subjectivity.exchange.counted import Choices
from core.subjectivity.exchange.formats import Answers, Options

LONG = "item_id,rater_id,label"
PAIRS = "rater_id,left,right,winner"


def ratings(path: Path, content: str, **options: Any) -> Answers:
    path.write_text(content, encoding="utf-8")
    return formats.ratings_in(formats.read(path), Options(**options))


def comparisons(path: Path, content: str, **options: Any) -> Answers:
    path.write_text(content, encoding="utf-8")
    return formats.comparisons_in(formats.read(path), Options(**options))


def labels(found: Answers) -> list[str]:
    return [str(label) for label in found.frame["label"]]


@pytest.mark.parametrize(
    "cells",
    [
        ("joy, hope", "hope, joy", "joy, fear"),  # another order
        ("joy|hope", "joy", "hope"),  # the parts stand alone
        ("joy/hope", "hope/joy", "fear"),
        ("['joy', 'hope']", "['hope', 'joy']", "['fear']"),  # as Python writes lists
        ("{'joy', 'hope'}", "('hope', 'joy')", "fear"),
    ],
)
def test_a_set_is_one_answer_in_whatever_order(tmp_path: Path, cells: tuple[str, ...]) -> None:
    content = f'{LONG}\n1,a,"{cells[0]}"\n1,b,"{cells[1]}"\n2,a,"{cells[2]}"\n'

    with pytest.raises(StudyError, match="answers of r.csv hold several labels"):
        ratings(tmp_path / "r.csv", content)
    whole = ratings(tmp_path / "r.csv", content, choices=Choices(whole_sets=True))

    if cells[1] not in ("joy",):
        assert labels(whole)[0] == labels(whole)[1] == "hope + joy"
    assert labels(ratings(tmp_path / "r.csv", content, choices=Choices(has="joy")))[0] == "joy"


def test_a_mark_that_may_be_part_of_a_label_is_said_and_a_person_decides(tmp_path: Path) -> None:
    content = f'{LONG}\n1,a,"joy, hope"\n1,b,"joy, fear"\n2,a,anger\n'

    plain = ratings(tmp_path / "r.csv", content)
    told = ratings(tmp_path / "r.csv", content, choices=Choices(whole_sets=True))

    assert labels(plain) == ["joy, hope", "joy, fear", "anger"] and "count as one label each" in plain.notes[0]
    assert labels(told) == ["hope + joy", "fear + joy", "anger"]


def test_a_label_of_the_task_that_holds_a_mark_is_one_label(tmp_path: Path) -> None:
    content = f'{LONG}\n1,a,"yes, no"\n1,b,yes\n2,a,no\n'

    assert labels(ratings(tmp_path / "r.csv", content, known=["yes, no", "yes", "no"])) == ["yes, no", "yes", "no"]


def test_a_label_that_nobody_gave_cannot_be_looked_for(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="No answer holds 'hop'; the labels given are 'hope', 'joy'"):
        ratings(tmp_path / "r.csv", f"{LONG}\n1,a,joy\n1,b,hope\n", choices=Choices(has="hop"))


@pytest.mark.parametrize("word", ["(blank)", "No answer", "not answered", "n. a.", "#VALUE!"])
def test_words_that_say_there_is_no_answer_are_none(tmp_path: Path, word: str) -> None:
    content = f"{LONG}\n1,a,yes\n1,b,{word}\n2,a,no\n"

    found = ratings(tmp_path / "r.csv", content)

    assert labels(found) == ["yes", "no"] and found.left_out == {f"label looks missing: '{word}'": 1}
    assert labels(ratings(tmp_path / "r.csv", content, choices=Choices(keep_labels=True))) == ["yes", word, "no"]
    assert labels(ratings(tmp_path / "r.csv", content, known=["yes", "no", word])) == ["yes", word, "no"]


def test_raters_that_look_alike_are_said_and_folded_on_request_and_no_address_is_told(tmp_path: Path) -> None:
    content = f"{LONG}\n1,Anna,yes\n1,anna,no\n2,anna,yes\n2,Bo@example.org,no\n1,bo@example.org,no\n"

    apart, folded = (
        ratings(tmp_path / "r.csv", content),
        ratings(tmp_path / "r.csv", content, choices=Choices(fold=True)),
    )

    assert [note for note in apart.notes if "raters look alike" in note] == [
        "These raters look alike and count as different: 'Anna', 'anna' (--fold takes them for one)."
    ]
    assert folded.left_out == {"answered again later": 1} and folded.frame["rater_id"].nunique() == 2
    assert not any("example.org" in note for note in [*apart.notes, *folded.notes])


def test_raters_that_are_whole_numbers_are_the_same_with_a_decimal(tmp_path: Path) -> None:
    found = ratings(tmp_path / "r.csv", f"{LONG}\n1,7,yes\n1,8,no\n2,7.0,yes\n2,8.0,no\n")

    assert sorted(set(found.frame["rater_id"])) == ["7", "8"]


def test_of_two_comparisons_of_the_same_two_by_a_rater_the_last_counts_whichever_side(tmp_path: Path) -> None:
    content = f"{PAIRS}\na,x,y,x\na,y,x,y\nb,x,y,x\nb,y,x,x\nc,x,z,tie\nc,z,x,z\n"

    found = comparisons(tmp_path / "c.csv", content)

    assert found.left_out == {"answered again later": 2, "repeated row": 1}
    assert list(found.frame[formats.COMPARISONS].itertuples(index=False, name=None)) == [
        ("a", "y", "x", "left"), ("b", "y", "x", "right"), ("c", "z", "x", "left"),
    ]  # fmt: skip
    assert "3 comparisons were made again" in found.notes[-1]


def test_comparisons_of_the_same_two_about_different_texts_all_count_and_it_is_said(tmp_path: Path) -> None:
    content = "judge,model_a,model_b,winner,question,seconds\nj,x,y,x,1,3\nj,x,y,y,2,4\nj,x,y,x,2,5\n"

    found = comparisons(tmp_path / "c.csv", content)

    assert len(found.frame) == 2 and found.left_out == {"answered again later": 1}
    assert any("differ in other columns (question)" in note for note in found.notes)


@pytest.mark.parametrize("winners", [("0", "1"), ("1", "1"), ("0", "0")])
def test_winners_of_zero_and_one_are_asked_about(tmp_path: Path, winners: tuple[str, str]) -> None:
    content = f"{PAIRS}\na,x,y,{winners[0]}\nb,x,y,{winners[1]}\n"

    with pytest.raises(StudyError, match="do not say which side.*--rename 0=left"):
        comparisons(tmp_path / "c.csv", content)
    found = comparisons(tmp_path / "c.csv", content, choices=Choices(rename={"0": "right", "1": "left"}))

    assert found.frame["winner"].tolist() == [{"0": "right", "1": "left"}[one] for one in winners]


@pytest.mark.parametrize("word", ["both", "Neither", "tie (bothbad)", "No preference"])
def test_ways_to_say_tie(tmp_path: Path, word: str) -> None:
    assert comparisons(tmp_path / "c.csv", f"{PAIRS}\na,x,y,x\nb,x,y,{word}\n").frame["winner"].tolist() == [
        "left",
        "tie",
    ]


def test_one_rater_s_file_says_how_to_name_the_rater(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="--rater NAME"):
        ratings(tmp_path / "r.csv", "id,text,label\n1,Fine,good\n2,Meh,bad\n")


def test_a_rater_who_alone_says_no_is_a_rater_and_a_column_of_remarks_is_none(tmp_path: Path) -> None:
    rows = [f"{n},yes,{'no' if n % 3 else 'yes'},yes,{'fine' if n == 1 else f'see {n}'}" for n in range(12)]

    found = ratings(tmp_path / "r.csv", "\n".join(["item,anna,ben,cleo,why", *rows]), wide=True)

    assert found.columns["rater_id"] == "anna, ben, cleo" and found.columns["not a rater"] == "why"
    assert found.frame["label"].value_counts().to_dict() == {"yes": 28, "no": 8}


def test_a_column_of_raters_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no column 'cleo'"):
        ratings(tmp_path / "r.csv", "item,anna,ben\n1,yes,no\n2,no,no\n", wide=True, raters=("anna", "cleo"))


@pytest.mark.parametrize("header", ["itemId,labelerId,annotationLabel", "Item ID,Rated by,Annotation label"])
def test_more_usual_names(tmp_path: Path, header: str) -> None:
    assert labels(ratings(tmp_path / "r.csv", f"{header}\n1,a,yes\n1,b,no\n")) == ["yes", "no"]


def test_findings_hold_everything_but_the_answers(tmp_path: Path) -> None:
    found = ratings(tmp_path / "r.csv", f"{LONG}\n1,a,yes\n1,b,no\n2,a,\n2,b,no\n").findings

    assert (found["read"], found["kept"], found["raters"], found["labels"]) == (4, 3, 2, {"no": 2, "yes": 1})
    assert found["left_out"] == {"no label": 1}


def test_labels_that_are_equal_numbers_are_counted_and_folded_on_request(tmp_path: Path) -> None:
    content = "item_id,rater_id,label\n1,a,0\n1,b,00\n2,a,0\n2,b,1\n3,a,1.0\n3,b,1.50\n4,a,1.5\n4,b,-0\n"

    apart = ratings(tmp_path / "r.csv", content)
    folded = ratings(tmp_path / "r.csv", content, choices=Choices(fold=True))

    assert apart.alike == [("-0", "0", "00"), ("1.5", "1.50")]
    assert apart.notes == [
        "Taken for one label: '1.0' (1 answer) as '1'.",
        "These labels look alike and count as different: '-0' (1 answer), '0' (2 answers), '00' (1 answer) (--fold takes them for one).",
        "These labels look alike and count as different: '1.5' (1 answer), '1.50' (1 answer) (--fold takes them for one).",
    ]
    assert sorted(folded.frame["label"].unique()) in (["0", "1", "1.5"], ["0", "1", "1.50"])
    assert not folded.alike


def test_numbers_are_compared_as_decimals_and_codes_stay_apart(tmp_path: Path) -> None:
    content = "item_id,rater_id,label\n1,a,1e2\n1,b,100\n2,a,0.1\n2,b,0.10000000000000001\n3,a,1_0\n3,b,10\n"

    assert ratings(tmp_path / "r.csv", content).alike == []
