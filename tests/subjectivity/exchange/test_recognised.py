"""Files of Prodigy, Mechanical Turk, Google Forms and doccano, and tables written by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import StudyError
from core.subjectivity.exchange import formats
from core.subjectivity.exchange.formats import Answers, Options


def ratings(path: Path, content: str, **options: Any) -> Answers:
    path.write_text(content, encoding="utf-8")
    return formats.ratings_in(formats.read(path), Options(**options))


def comparisons(path: Path, content: str, **options: Any) -> Answers:
    path.write_text(content, encoding="utf-8")
    return formats.comparisons_in(formats.read(path), Options(**options))


def triples(found: Answers) -> list[tuple[str, ...]]:
    return list(found.frame[formats.RATINGS].itertuples(index=False, name=None))


def prodigy(item: int, rater: str, accept: list[str], answer: str = "accept") -> str:
    return json.dumps(
        {"text": f"text {item}", "_input_hash": item, "accept": accept, "answer": answer, "_annotator_id": rater}
    )


def test_prodigy_counts_what_was_accepted_and_says_what_was_not(tmp_path: Path) -> None:
    lines = [
        prodigy(1, "a", ["x"]),
        prodigy(1, "b", ["y"]),
        prodigy(2, "a", ["x"], "reject"),
        prodigy(2, "b", [], "ignore"),
    ]

    found = ratings(tmp_path / "p.jsonl", "\n".join(lines))

    assert triples(found) == [("1", "a", "x"), ("1", "b", "y")]
    assert found.left_out == {"rejected by the rater": 1, "ignored by the rater": 1}


def test_a_binary_question_of_prodigy_is_answered_by_accepting_or_rejecting(tmp_path: Path) -> None:
    lines = [
        json.dumps({"text": "t", "_input_hash": 1, "label": "rude", "answer": answer, "_session_id": rater})
        for rater, answer in (("a", "accept"), ("b", "reject"))
    ]

    assert triples(ratings(tmp_path / "p.jsonl", "\n".join(lines))) == [("1", "a", "rude"), ("1", "b", "not rude")]


MTURK = "HITId,WorkerId,AssignmentStatus,Input.item,Input.text"


def test_mechanical_turk_leaves_rejected_work_out(tmp_path: Path) -> None:
    content = f"{MTURK},Answer.tone.label,Reject\nH,W1,Approved,n1,A note,good,\nH,W2,Rejected,n1,A note,bad,spam\n"

    found = ratings(tmp_path / "m.csv", content)

    assert triples(found) == [("n1", "W1", "good")] and found.left_out == {"rejected by the requester": 1}
    assert found.frame["text"].tolist() == ["A note"]


def test_an_input_that_several_texts_share_is_no_item_of_mechanical_turk(tmp_path: Path) -> None:
    rows = [
        f"H{text},W{worker},Approved,{'sport' if text < 3 else 'news'},text {text},good"
        for text in range(5)
        for worker in "ab"
    ]
    head = "HITId,WorkerId,AssignmentStatus,Input.topic,Input.text,Answer.tone.label"

    found = ratings(tmp_path / "m.csv", "\n".join([head, *rows]))

    assert set(found.frame["item_id"]) == {f"text {text}" for text in range(5)}
    assert len(found.frame) == 10 and not found.left_out


def test_the_item_of_mechanical_turk_is_all_that_workers_were_shown(tmp_path: Path) -> None:
    head = "HITId,WorkerId,AssignmentStatus,Input.question,Input.reply,Answer.tone.label"
    shown = [("H1", "Why?", "So."), ("H2", "Why?", "No."), ("H3", "Why?", "So.")]

    found = ratings(
        tmp_path / "m.csv",
        "\n".join([head, *(f"{hit},W{n},Approved,{q},{a},good" for n, (hit, q, a) in enumerate(shown))]),
    )

    assert found.frame["item_id"].tolist() == ["So.", "No.", "So."]


def test_radio_buttons_of_mechanical_turk_are_one_answer(tmp_path: Path) -> None:
    content = (
        f"{MTURK},Answer.tone.good,Answer.tone.bad\nH,W1,Submitted,n1,A,true,false\nH,W2,Submitted,n1,A,false,true\n"
    )

    assert triples(ratings(tmp_path / "m.csv", content)) == [("n1", "W1", "good"), ("n1", "W2", "bad")]


def test_a_form_with_a_row_for_each_person_stores_no_address(tmp_path: Path) -> None:
    content = (
        "Timestamp,Email Address,Tone? [A note],Tone? [Another]\n1,ann@example.org,good,bad\n2,ben@example.org,good,\n"
    )

    found = ratings(tmp_path / "f.csv", content, key=b"k")

    assert sorted(found.frame["item_id"]) == ["A note", "A note", "Another"] and found.pseudonyms == 2
    assert not found.frame.map(lambda cell: "@" in cell).to_numpy().any()
    assert found.left_out == {"no label": 1}


def test_doccano_with_the_users_inside_is_read(tmp_path: Path) -> None:
    made = [{"label": 1, "user": 1}, {"label": 2, "user": 2}]
    lines = [{"id": 4, "text": "t", "annotations": made}, {"id": 5, "text": "u", "annotations": []}]

    found = ratings(tmp_path / "d.jsonl", "\n".join(map(json.dumps, lines)))

    assert triples(found) == [("4", "1", "1"), ("4", "2", "2")] and found.left_out == {"a text without annotations": 1}


def test_spans_of_doccano_are_no_labels_of_the_text(tmp_path: Path) -> None:
    span = {"label": 3, "start_offset": 0, "end_offset": 2, "user": 1}
    lines = [
        {"id": 4, "text": "t", "annotations": [span, {"label": 1, "user": 1}]},
        {"id": 5, "text": "u", "annotations": [span]},
    ]

    found = ratings(tmp_path / "d.jsonl", "\n".join(map(json.dumps, lines)))

    assert triples(found) == [("4", "1", "1")] and found.left_out == {"about a part of the item": 2}
    with pytest.raises(StudyError, match="holds no ratings that can be kept: about a part of the item 1"):
        ratings(tmp_path / "e.jsonl", json.dumps(lines[1]))


def test_the_texts_of_a_tool_s_file_are_the_items_on_request(tmp_path: Path) -> None:
    lines = [prodigy(1, "a", ["x"]), prodigy(1, "b", ["y"]), prodigy(2, "a", ["x"]).replace("text 2", "text 1")]

    found = ratings(tmp_path / "p.jsonl", "\n".join(lines), names={"item_id": "text"})

    assert set(found.frame["item_id"]) == {"text 1"}


@pytest.mark.parametrize("header", ["itemId,annotatorId,labelName", "taskId,workerId,label", "ItemID,RaterID,Label"])
def test_names_in_camel_case_are_understood(tmp_path: Path, header: str) -> None:
    assert triples(ratings(tmp_path / "c.csv", f"{header}\n1,a,yes\n")) == [("1", "a", "yes")]


def test_texts_are_the_items_where_nothing_else_names_them(tmp_path: Path) -> None:
    long = "word " * 100
    content = f"text,annotator,label\n{long},a,x\n{long},b,y\nshort,a,x\n"

    found = ratings(tmp_path / "t.csv", content)

    assert found.frame["item_id"].nunique() == 2 and found.frame["item_id"].str.len().max() < 120
    assert found.columns["item_id"] == "text" and found.frame["text"][0] == long.strip()


def test_remarks_and_links_beside_raters_are_no_raters(tmp_path: Path) -> None:
    content = "item,text,ann,ben,remarks,link\n1,A,yes,yes,nice,\n2,B,no,-,,http://x.org\n3,C,no,no,check,\n"

    found = ratings(tmp_path / "w.csv", content, wide=True)

    assert set(found.frame["rater_id"]) == {"ann", "ben"} and found.columns["not a rater"] == "remarks, link"
    assert set(ratings(tmp_path / "w.csv", content, wide=True, raters=("ann",)).frame["rater_id"]) == {"ann"}


def test_columns_that_sum_the_answers_up_are_no_raters(tmp_path: Path) -> None:
    rows = [f"{item},{1 + item % 5},{1 + 3 * item % 5},2,{(2 + item % 5 + 3 * item % 5) / 2:g},4" for item in range(12)]

    found = ratings(tmp_path / "w.csv", "\n".join(["item_id,r1,r2,n_raters,mean,Majority Vote", *rows]), wide=True)

    assert set(found.frame["rater_id"]) == {"r1", "r2"}
    assert found.columns["not a rater"] == "n_raters, mean, Majority Vote"
    assert found.notes == [
        "The columns taken for raters: r1, r2. Where others are meant: --rater-column NAME for each."
    ]


def test_a_rater_with_one_answer_is_a_rater_and_is_said(tmp_path: Path) -> None:
    content = "item_id,m,n\n1,1,1\n2,0,1\n3,1,1\n"

    found = ratings(tmp_path / "w.csv", content, wide=True)

    assert set(found.frame["rater_id"]) == {"m", "n"} and "n (always '1')" in found.notes[0]
    assert not ratings(tmp_path / "w.csv", content, wide=True, raters=("m", "n")).notes


@pytest.mark.parametrize("name", ["label", "rater_id", "why"])
def test_a_column_of_a_wide_table_may_be_called_as_ours_are(tmp_path: Path, name: str) -> None:
    content = f"item_id,{name},ann,ben\n1,red,x,y\n2,blue,x,x\n3,green,y,y\n"

    found = ratings(tmp_path / "w.csv", content, wide=True, raters=("ann", "ben"))

    assert set(found.frame["rater_id"]) == {"ann", "ben"} and len(found.frame) == 6


@pytest.mark.parametrize(("first", "second", "tie"), [("A", "B", "tie"), ("1", "2", "0"), ("a", "b", "draw")])
def test_winners_written_short_are_sides(tmp_path: Path, first: str, second: str, tie: str) -> None:
    content = f"rater_id,left,right,winner\nj,ag,imdb,{first}\nj,imdb,sms,{second}\nj,sms,ag,{tie}\n"

    assert comparisons(tmp_path / "c.csv", content).frame["winner"].tolist() == ["left", "right", "tie"]


def test_a_winner_in_columns_of_0_and_1_is_read(tmp_path: Path) -> None:
    head = "judge,model_a,model_b,winner_model_a,winner_model_b,winner_tie"
    content = f"{head}\nj,ag,imdb,1,0,0\nj,imdb,sms,0,1,0\nj,sms,ag,0,0,1\n"

    assert comparisons(tmp_path / "c.csv", content).frame["winner"].tolist() == ["left", "right", "tie"]


def test_names_that_look_alike_are_said_and_folded_on_request(tmp_path: Path) -> None:
    from core.subjectivity.exchange.counted import Choices

    content = "rater_id,left,right,winner\nj,AG News,imdb,left\nk,ag news,IMDB,right\nk,ag news,imdb,left\n"

    apart, folded = (
        comparisons(tmp_path / "c.csv", content),
        comparisons(tmp_path / "c.csv", content, choices=Choices(fold=True)),
    )

    assert len(apart.notes) == 2 and "look alike" in apart.notes[0]
    assert set(folded.frame["left"]) == {"ag news"} and set(folded.frame["right"]) == {"imdb"}


def test_words_with_an_order_are_ordered_and_a_word_that_is_missing_there_is_named(tmp_path: Path) -> None:
    found = ratings(tmp_path / "l.csv", "item_id,rater_id,label\n1,a,low\n1,b,high\n")

    assert formats.ordered(found.frame, ["low", "mid", "high"])["label"].cat.ordered
    with pytest.raises(StudyError, match="lacks the labels 'high'"):
        formats.ordered(found.frame, ["low", "mid"])


def test_a_text_beside_the_answer_is_no_question(tmp_path: Path) -> None:
    head = "annotation_id,annotator,id,note,tone"
    content = f"{head}\n1,1,5,A long note,good\n2,2,5,A long note,bad\n3,1,6,Another,good\n4,2,6,Another,good\n"

    assert ratings(tmp_path / "s.csv", content).frame["label"].tolist() == ["good", "bad", "good", "good"]


@pytest.mark.parametrize(
    "answers",
    [
        '[{"tone":{"label":"good"}}]',
        '[{"tone":{"good":true,"bad":false}}]',
        '[{"tone":"good"}]',
        '[{"tone":{"good":{"on":true}}}]',
    ],
)
def test_mechanical_turk_s_answers_in_one_cell_are_read(tmp_path: Path, answers: str) -> None:
    cell = answers.replace('"', '""')

    found = ratings(
        tmp_path / "m.csv", f'{MTURK},Answer.taskAnswers\nH,W1,Approved,n1,A note,"{cell}"\nH,W2,Approved,n2,B,\n'
    )

    assert triples(found) == [("n1", "W1", "good")] and found.left_out == {"no label": 1}


def test_mechanical_turk_s_boxes_without_a_value_are_flags(tmp_path: Path) -> None:
    content = f"{MTURK},Answer.tone.good.on,Answer.tone.bad.on\nH,W1,Approved,n1,A note,true,false\nH,W2,Approved,n1,A note,false,true\n"

    assert triples(ratings(tmp_path / "m.csv", content)) == [("n1", "W1", "good"), ("n1", "W2", "bad")]


def test_a_form_s_rows_without_an_address_are_said(tmp_path: Path) -> None:
    content = "Timestamp,Email Address,Tone? [One],Tone? [Two]\n1,a@example.org,good,bad\n2,,good,good\n3,,bad,\n"

    found = ratings(tmp_path / "f.csv", content)

    assert found.frame["rater_id"].nunique() == 3 and found.left_out == {"no label": 1}
    assert "2 rows say no address" in found.notes[0]
