"""Files of annotation tools: answers read from each form, rows left out with their reasons, and invalid files."""

import io
import json
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from core.errors import StudyError
from core.study.exchange import spreadsheets
from core.subjectivity.exchange import formats, long_form, potato, pseudonyms
from core.subjectivity.exchange.counted import Choices
from core.subjectivity.exchange.formats import Answers, Options
from core.subjectivity.exchange.long_form import Names

SETS = Choices(whole_sets=True)


def ratings(path: Path, content: str | bytes | list[Any] | dict[str, Any], **options: Any) -> Answers:
    """The ratings in a file with the given content."""
    return formats.ratings_in(formats.read(written(path, content)), Options(**options))


def comparisons(path: Path, content: str | list[Any], **options: Any) -> Answers:
    return formats.comparisons_in(formats.read(written(path, content)), Options(**options))


def written(path: Path, content: str | bytes | list[Any] | dict[str, Any]) -> Path:
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8", newline="")
    return path


def triples(answers: Answers) -> list[tuple[str, ...]]:
    return list(answers.frame[formats.RATINGS].itertuples(index=False, name=None))


def votes(answers: Answers) -> list[tuple[str, ...]]:
    return list(answers.frame[formats.COMPARISONS].itertuples(index=False, name=None))


# Plain tables


@pytest.mark.parametrize(
    "header",
    [
        "item_id,rater_id,label",
        "task,worker,label",
        "text_id,annotator,annotation",
        "Item ID,Worker-ID,Answer",
        "instance_id,user,label",
        "id,annotator_id,rating",
    ],
)
def test_usual_column_names_are_understood_and_told(tmp_path: Path, header: str) -> None:
    found = ratings(tmp_path / "r.csv", f"{header}\n1,ann,yes\n1,ben,no\n")

    assert triples(found) == [("1", "ann", "yes"), ("1", "ben", "no")]
    assert list(found.columns.items()) == list(zip(formats.RATINGS, header.split(","), strict=True))


def test_our_own_name_goes_before_others(tmp_path: Path) -> None:
    found = ratings(tmp_path / "r.csv", "item_id,task,rater_id,worker,label,rating\n1,x,ann,w,yes,5\n")

    assert triples(found) == [("1", "ann", "yes")]


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        (
            "item_id,annotator,user,label",
            "several columns that could say who rated: annotator, user. Name the right one",
        ),
        ("item_id,rater_id,answer,choice", "several columns that could say the label: answer, choice."),
        ("item_id,rater_id,colour", "has no column 'label' or another that says the label. Its columns are item_id,"),
        ("rater_id,label,note", "has no column 'item_id' or another that says which item was rated."),
    ],
)
def test_columns_that_cannot_be_told_are_one_sentence(tmp_path: Path, header: str, sentence: str) -> None:
    with pytest.raises(StudyError) as error:
        ratings(tmp_path / "r.csv", f"{header}\n{','.join('abcd'[: header.count(',') + 1])}\n")

    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_columns_can_be_named(tmp_path: Path) -> None:
    content = "item_id,annotator,user,colour\n1,ann,u1,red\n"

    found = ratings(tmp_path / "r.csv", content, names={"rater_id": "user"}, field="colour")

    assert triples(found) == [("1", "u1", "red")]


def test_a_named_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="has no column 'colours'. Its columns are item_id, rater_id, label."):
        ratings(tmp_path / "r.csv", "item_id,rater_id,label\n1,a,x\n", field="colours")


def test_every_row_left_out_has_a_reason(tmp_path: Path) -> None:
    content = f"item_id,rater_id,label\n1,a,x\n1,a,x\n,a,x\n1,,x\n1,a,\n1,b,nan\n1,b,{'y' * 201}\n1,b,x,too,many\n"

    found = ratings(tmp_path / "r.csv", content)

    assert triples(found) == [("1", "a", "x")]
    assert found.left_out == {
        "no label": 2, "too many columns": 1, "repeated row": 1, "no item": 1, "no rater": 1,
        "label over 200 characters": 1,
    }  # fmt: skip
    assert found.read == 8


def test_nothing_to_keep_is_one_sentence_with_the_reasons(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"r.csv holds no ratings that can be kept: no label 2, no rater 1\."):
        ratings(tmp_path / "r.csv", "item_id,rater_id,label\n1,a,\n2,a,\n2,,x\n")


@pytest.mark.parametrize("content", ["item_id;rater_id;label\n1;a;x, y\n", "item_id\trater_id\tlabel\n1\ta\tx, y\n"])
def test_another_separator_than_the_ending_says_is_seen(tmp_path: Path, content: str) -> None:
    found = ratings(tmp_path / "r.csv", content)

    assert triples(found) == [("1", "a", "x, y")]


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    found = ratings(tmp_path / "r.csv", b"\xef\xbb\xbfitem_id;rater_id;label\r\n1;a;x\r\n")

    assert triples(found) == [("1", "a", "x")]


def test_numbers_as_ids_are_the_same_item_with_and_without_a_decimal(tmp_path: Path) -> None:
    found = ratings(tmp_path / "r.csv", "item_id,rater_id,label\n1,a,x\n1.0,b,y\n007,a,x\n1.5,a,x\n")

    assert found.frame["item_id"].tolist() == ["1", "1", "007", "1.5"]


def test_whole_numbers_written_as_decimals_are_whole_numbers(tmp_path: Path) -> None:
    found = ratings(tmp_path / "r.csv", "item_id,rater_id,label\n1,a,1.0\n1,b,2.0\n")

    assert found.frame["label"].tolist() == ["1", "2"]


def test_line_breaks_in_labels_are_blanks_and_other_scripts_stay(tmp_path: Path) -> None:
    found = ratings(tmp_path / "r.csv", 'item_id,rater_id,label\n1,Ängström,"two\nlines"\n2,ნინო,"не ирония 🙂"\n')

    assert triples(found) == [("1", "Ängström", "two lines"), ("2", "ნინო", "не ирония 🙂")]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("r.csv", "", "holds no rows"),
        ("r.csv", "item_id,rater_id,label\n", "holds no ratings that can be kept: it has no rows"),
        ("r.csv", "item_id,rater_id,label,label\n1,a,x,y\n", "has two columns named 'label'"),
        ("r.csv", b"item_id,rater_id,label\n1,a,\xff\n", "is not UTF-8"),
        ("r.csv", 'item_id,rater_id,label\n1,a,"x\n', "Is a quote not closed?"),
        ("r.json", '"hello"', "holds neither a list of objects nor an object"),
        ("r.json", "[1, 2]", "holds no rows that can be read (not a JSON object 2)"),
        ("r.json", "[{", "cannot be read"),
        ("r.json", '[{"item_id": 1, "rater_id": "a"}]', "has no column 'label'"),
        ("r.json", '{"ratings": [{"item_id": 1}]}', "has no column 'rater_id'"),
        ("r.json", "[" * 100_000, "nested too deep"),
        ("r.jsonl", "not json\n", "holds no rows that can be read (not JSON 1)"),
        ("r.txt", "x", "expected .csv, .tsv, .json"),
    ],
)
def test_a_file_that_is_not_right_is_one_sentence(
    tmp_path: Path, name: str, content: str | bytes, sentence: str
) -> None:
    with pytest.raises(StudyError) as error:
        ratings(tmp_path / name, content)

    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_json_lines_and_a_list_of_objects_say_the_same(tmp_path: Path) -> None:
    rows = [{"item_id": 1, "rater_id": "a", "label": ["x", "y"]}, {"item_id": 2, "rater_id": None, "label": "x"}]

    listed = ratings(tmp_path / "r.json", rows, choices=SETS)
    lines = ratings(tmp_path / "r.jsonl", "\n".join(map(json.dumps, rows)), choices=SETS)

    assert triples(listed) == triples(lines) == [("1", "a", "x + y")]
    assert listed.left_out == {"no rater": 1}


def test_a_wide_table_is_read_when_asked(tmp_path: Path) -> None:
    content = "item_id,text,ann,ben\n1,Oh well,yes,no\n2,Fine,,yes\n"

    found = ratings(tmp_path / "r.csv", content, wide=True)

    assert sorted(triples(found)) == [("1", "ann", "yes"), ("1", "ben", "no"), ("2", "ben", "yes")]
    assert (found.read, found.left_out) == (4, {"an empty cell": 1})
    assert sorted(set(found.frame["text"])) == ["Fine", "Oh well"]


def test_what_does_not_count_in_our_export_is_left_out_by_reason(tmp_path: Path) -> None:
    content = (
        "task,worker,label,kind,role,excluded\n1,a,x,person,item,False\n1,b,x,person,item,True\n"
        "9,a,x,person,attention,False\n8,a,x,person,gold,False\n1,m,x,llm,item,False\n"
    )

    found = ratings(tmp_path / "r.csv", content)

    assert triples(found) == [("1", "a", "x")]
    assert found.left_out == {"an excluded rater": 1, "an attention check": 1, "a gold item": 1, "an LLM rater": 1}


def test_columns_named_like_ours_with_other_contents_change_nothing(tmp_path: Path) -> None:
    found = ratings(tmp_path / "r.csv", "task,worker,label,kind,role\n1,a,x,llm-ish,editor\n1,b,y,other,manager\n")

    assert len(found.frame) == 2 and not found.left_out


@pytest.mark.parametrize(
    ("head", "cells", "reason", "strange"),
    [
        ("kind", ["person", "llm", "expert"], "an LLM rater", "The column kind holds 'expert' (1): that"),
        ("Kind", ["Person", "LLM", ""], "an LLM rater", ""),
        ("role", ["item", "attention", "practice"], "an attention check", "holds 'practice' (1)"),
        ("Role", ["Item", "GOLD", "item"], "a gold item", ""),
        ("excluded", ["0.0", "1.0", "0.0"], "an excluded rater", ""),
        ("Excluded", ["no", "Y", "perhaps"], "an excluded rater", "holds 'perhaps' (1)"),
        ("was_cancelled", ["False", "1.0", "False"], "skipped by the rater", ""),
    ],
)
def test_a_cell_that_is_not_understood_does_not_make_the_others_count(
    tmp_path: Path, head: str, cells: list[str], reason: str, strange: str
) -> None:
    rows = "\n".join(f"1,{rater},x,{cell}" for rater, cell in zip("abc", cells, strict=True))

    found = ratings(tmp_path / "r.csv", f"item_id,rater_id,label,{head}\n{rows}\n")

    assert (found.frame["rater_id"].tolist(), found.left_out) == (["a", "c"], {reason: 1})
    assert bool(found.notes) == bool(strange) and (not strange or strange in found.notes[0])


def test_an_llm_s_comparison_is_left_out_however_its_kind_is_written(tmp_path: Path) -> None:
    found = comparisons(tmp_path / "c.csv", "rater_id,left,right,winner,kind\na,x,y,left,Expert\ngpt,x,y,left,LLM\n")

    assert found.frame["rater_id"].tolist() == ["a"] and found.left_out == {"an LLM rater": 1}
    assert "'expert' (1)" in found.notes[0]


def test_a_column_of_answers_called_kind_is_read_as_answers(tmp_path: Path) -> None:
    found = ratings(tmp_path / "r.csv", "item_id,rater_id,kind\n1,a,person\n1,b,llm\n", field="kind")

    assert found.frame["label"].tolist() == ["person", "llm"] and not found.notes


# Ids and texts of items


def test_a_number_for_each_row_is_no_item(tmp_path: Path) -> None:
    content = "id,text,annotator,label\n1,hello,ann,yes\n2,hello,ben,no\n3,bye,ann,yes\n4,Bye,ben,yes\n"

    found, kept = ratings(tmp_path / "r.csv", content), ratings(tmp_path / "r.csv", content, names={"item_id": "id"})

    assert triples(found) == [
        ("hello", "ann", "yes"),
        ("hello", "ben", "no"),
        ("bye", "ann", "yes"),
        ("bye", "ben", "yes"),
    ]
    assert found.columns["item_id"] == "text"
    assert found.notes == [
        "No id has two raters, and 2 texts have: each text counts as an item (--column item_id=id keeps the ids)."
    ]
    assert kept.frame["item_id"].nunique() == 4 and not kept.notes


def test_the_same_name_in_every_row_is_no_item(tmp_path: Path) -> None:
    rows = [
        f"sentiment,text {text},w{rater},{'yes' if (text + rater) % 2 else 'no'}"
        for text in range(5)
        for rater in (1, 2)
    ]

    found = ratings(tmp_path / "r.csv", "\n".join(["task,text,worker,label", *rows]))

    assert (len(found.frame), found.frame["item_id"].nunique(), found.left_out) == (10, 5, {})
    assert found.notes[0].startswith(
        "1 item id of the file stands beside several texts ('sentiment' beside 'text 0' and"
    )


def test_texts_under_the_same_id_are_different_items(tmp_path: Path) -> None:
    content = "item_id,text,rater_id,label\n1,easy text 1,ann,yes\n1,easy text 2,ben,no\n2,a text,ann,yes\n2,A  text,ben,yes\n"

    found = ratings(tmp_path / "r.csv", content)

    assert found.frame["item_id"].tolist() == ["easy text 1", "easy text 2", "2", "2"]
    assert "'1' beside 'easy text 1' and 'easy text 2'" in found.notes[0]


def test_several_questions_about_a_text_stay_apart(tmp_path: Path) -> None:
    rows = [f"{item},{question},{rater},yes" for item in (1, 2) for question in ("Rude?", "True?") for rater in "ab"]

    found = ratings(tmp_path / "r.csv", "\n".join(["item_id,question,rater_id,label", *rows]))

    assert set(found.frame["item_id"]) == {"1 · Rude?", "1 · True?", "2 · Rude?", "2 · True?"} and not found.left_out


def test_ids_with_several_raters_stay_though_a_text_recurs(tmp_path: Path) -> None:
    rows = [f"{item},{text},{rater},yes" for item, text in ((1, "Hi"), (2, "Hi"), (3, "Bye")) for rater in "ab"]

    found = ratings(tmp_path / "r.csv", "\n".join(["item_id,text,rater_id,label", *rows]))

    assert set(found.frame["item_id"]) == {"1", "2", "3"} and not found.left_out
    assert found.notes == [
        "1 text stands under several item ids, which count as different items (--column item_id=text takes each text for one item)."
    ]
    together = ratings(tmp_path / "r.csv", "\n".join(["item_id,text,rater_id,label", *rows]), names={"item_id": "text"})
    assert set(together.frame["item_id"]) == {"Hi", "Bye"} and together.columns["text"] == "text"


def test_remarks_of_raters_are_no_texts_of_items(tmp_path: Path) -> None:
    content = "item_id,rater_id,label,comment\n1,ann,yes,clear\n1,ben,no,not so clear\n2,ann,yes,\n2,ben,no,hm\n"

    found = ratings(tmp_path / "r.csv", content)

    assert found.frame["item_id"].tolist() == ["1", "1", "2", "2"] and "text" not in found.frame.columns
    assert "differs between the raters of an item" in found.notes[0] and "text" not in found.columns


def test_most_answers_given_again_ask_for_the_item(tmp_path: Path) -> None:
    found = ratings(
        tmp_path / "r.csv", "task,worker,label\n" + "".join(f"mood,a,l{n}\nmood,b,l{n}\n" for n in range(5))
    )

    assert "say which item was rated" in found.notes[0].replace("says", "say") and len(found.frame) == 2


# People under two spellings


def test_two_spellings_of_an_address_are_one_rater(tmp_path: Path) -> None:
    content = "item_id,rater_id,label\n1,Ann@x.org,yes\n1,ann@x.org,{}\n1,ben@x.org,no\n"

    same, changed = (ratings(tmp_path / "r.csv", content.format(label), key=b"k") for label in ("yes", "no"))

    assert (len(same.frame), same.left_out, same.pseudonyms) == (2, {"repeated row": 1}, 2)
    assert (len(changed.frame), changed.left_out) == (2, {"answered again later": 1})
    assert changed.frame["label"].tolist() == ["no", "no"]


def test_two_spellings_of_an_address_compare_once(tmp_path: Path) -> None:
    content = "rater_id,left,right,winner\nAnn@x.org,easy,hard,left\n ann@x.org,easy,hard,right\n"

    found = comparisons(tmp_path / "c.csv", content, key=b"k")

    assert (found.frame["winner"].tolist(), found.left_out) == (["right"], {"answered again later": 1})
    assert found.pseudonyms == 1


def test_a_plain_table_with_a_dotted_column_is_plain(tmp_path: Path) -> None:
    found = ratings(tmp_path / "r.csv", "instance_id,user_id,label,tool.version\n1,a,x,2\n")

    assert triples(found) == [("1", "a", "x")]


@pytest.mark.slow
@pytest.mark.timeout(120)  # 1 to 2 s on a quiet core
def test_two_hundred_thousand_rows_are_read_whole(tmp_path: Path) -> None:
    rows = "\n".join(f"{n // 5},worker{n % 400},{'yes' if n % 3 else 'no'},text {n // 5}" for n in range(200_000))
    path = written(tmp_path / "r.csv", f"task,worker,label,text\n{rows}\n")

    found = formats.ratings_in(formats.read(path))

    assert len(found.frame) == 200_000


# Names that say who somebody is


@pytest.mark.parametrize(
    ("name", "personal"),
    [
        ("ann@example.org", True),
        ("Ann <ann@example.org>", True),
        ("5a9d64f5f6dfdd0001eaa73d", True),
        ("5a9d64f5f6dfdd0001eaa73d&691be0db64008e2a6240dc3d", True),
        ("A1B2C3D4E5F6G7", True),
        ("ANNOTATORTHREE", False),
        ("ann", False),
        ("w000", False),
        ("rater-0123456789ab", False),
        ("12345678901234567890123456", False),
    ],
)
def test_personal_names_are_seen(name: str, personal: bool) -> None:
    assert pseudonyms.is_personal(name) == personal


def test_personal_names_get_the_same_pseudonym_in_every_file_of_one_key(tmp_path: Path) -> None:
    content = "item_id,rater_id,label\n1,ann@example.org,x\n2,Ann@Example.org,x\n1,ben,x\n"

    first = ratings(tmp_path / "one.csv", content, key=b"k")
    again = ratings(tmp_path / "two.csv", content, key=b"k")
    other = ratings(tmp_path / "two.csv", content, key=b"other")

    names = first.frame["rater_id"].tolist()
    assert (first.pseudonyms, names[2], names[0] == names[1]) == (1, "ben", True)
    assert names == again.frame["rater_id"].tolist()
    assert names[0] != other.frame["rater_id"].tolist()[0]
    assert "example" not in first.frame.to_csv()


def test_the_key_of_a_home_is_made_once_and_read_by_its_owner_only(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(pseudonyms.key_in, [tmp_path] * 16))

    assert keys == {pseudonyms.key_in(tmp_path)}
    assert [path.name for path in tmp_path.iterdir()] == [pseudonyms.KEY_FILE]
    assert (tmp_path / pseudonyms.KEY_FILE).stat().st_mode & 0o777 == 0o600


# Comparisons


@pytest.mark.parametrize(
    ("content", "winners"),
    [
        ("rater_id,left,right,winner\na,x,y,left\nb,x,y,Right\nc,x,y,tie\n", ["left", "right", "tie"]),
        ("worker,left,right,label\na,x,y,x\nb,x,y,y\nc,x,y,tie\n", ["left", "right", "tie"]),
        ("annotator,a,b,choice\na,x,y,A\nb,x,y,b\nc,x,y,x\n", ["left", "right", "left"]),
        ("user,model_a,model_b,preference\na,x,y,model_b\nb,x,y,same\n", ["right", "tie"]),
        ("worker,left,right,label\na,right,left,right\n", ["left"]),
        ("rater_id,left,right,winner\na,right,left,right\n", ["right"]),
        ("worker,left,right,label\na,1,2,1.0\n", ["left"]),
    ],
)
def test_winners_are_read_however_they_are_written(tmp_path: Path, content: str, winners: list[str]) -> None:
    found = comparisons(tmp_path / "c.csv", content)

    assert found.frame["winner"].tolist() == winners


def test_comparisons_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    content = "worker,left,right,label\na,x,y,z\na,x,x,x\na,x,y,\n,x,y,x\na,x,y,x\na,x,y,x\n"

    found = comparisons(tmp_path / "c.csv", content)

    assert len(found.frame) == 1
    assert found.left_out == {
        "repeated row": 1, "unknown winner 'z'": 1, "something compared with itself": 1, "no winner": 1, "no rater": 1,
    }  # fmt: skip


# Label Studio


def studio_task(task: int, *annotations: dict[str, Any], **data: str) -> dict[str, Any]:
    return {"id": task, "data": data or {"text": f"Text {task}"}, "annotations": list(annotations), "predictions": []}


def annotation(rater: object, *results: dict[str, Any], **more: object) -> dict[str, Any]:
    return {
        "id": 1,
        "completed_by": rater,
        "result": list(results),
        "was_cancelled": False,
        "ground_truth": False,
    } | more


def choice(*labels: str, name: str = "sentiment") -> dict[str, Any]:
    return {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": list(labels)}}


def test_a_choice_of_several_labels_in_label_studio_is_one_answer(tmp_path: Path) -> None:
    tasks = [
        studio_task(7, annotation(3, choice("pos")), annotation({"id": 4, "email": "ann@example.org"}, choice("neg"))),
        studio_task(8, annotation(3, choice("pos", "neg"))),
    ]

    found = ratings(tmp_path / "ls.json", tasks, choices=SETS)

    frame = found.frame
    assert frame["item_id"].tolist() == ["7", "7", "8"]
    assert frame["label"].tolist() == ["pos", "neg", "neg + pos"]
    assert frame["text"].tolist() == ["Text 7", "Text 7", "Text 8"]
    assert (frame["rater_id"][0], frame["rater_id"][1][:6], found.pseudonyms) == ("3", "rater-", 1)
    assert found.columns == {"item_id": "id", "rater_id": "completed_by", "text": "data", "label": "sentiment"}


def test_what_label_studio_holds_beside_answers_is_counted(tmp_path: Path) -> None:
    tasks = [
        studio_task(
            1,
            annotation(1, choice("pos")),
            annotation(2, choice("pos"), was_cancelled=True),
            annotation(3, choice("pos"), ground_truth=True),
            annotation(4),
            annotation(None, choice("pos")),
            annotation(5, {"from_name": "why", "type": "textarea", "value": {"text": ["because"]}}, choice("neg")),
            annotation(6, {"from_name": "part", "type": "choices", "value": {"start": 0, "end": 2, "choices": ["x"]}}),
        ),
        studio_task(2),
    ]

    found = ratings(tmp_path / "ls.json", tasks)

    assert triples(found) == [("1", "1", "pos"), ("1", "5", "neg")]
    assert found.left_out == {
        "skipped by the rater": 1, "ground truth, not a rater's answer": 1, "an annotation without an answer": 1,
        "no rater": 1, "an answer of another kind (textarea)": 1, "about a part of the item": 1,
        "a task without annotations": 1,
    }  # fmt: skip


def test_several_questions_ask_which(tmp_path: Path) -> None:
    stars = {"from_name": "stars", "type": "rating", "value": {"rating": 4}}
    tasks = [studio_task(1, annotation(1, choice("pos"), stars))]

    with pytest.raises(StudyError, match="asks several questions: sentiment, stars. Say which with --field"):
        ratings(tmp_path / "ls.json", tasks)
    with pytest.raises(StudyError, match="has no question 'mood'. Its questions: sentiment, stars"):
        ratings(tmp_path / "ls.json", tasks, field="mood")
    found = ratings(tmp_path / "ls.json", tasks, field="stars")

    assert triples(found) == [("1", "1", "4")]
    assert found.left_out == {"an answer to another question": 1}


def test_a_taxonomy_is_the_whole_path(tmp_path: Path) -> None:
    path = {"from_name": "kind", "type": "taxonomy", "value": {"taxonomy": [["Animal", "Bird"], ["Plant"]]}}

    found = ratings(tmp_path / "ls.json", [studio_task(1, annotation(1, path))], choices=SETS)

    assert found.frame["label"].tolist() == ["Animal > Bird + Plant"]


@pytest.mark.parametrize(
    "task",
    [
        {"id": 1, "data": {"text": "x"}, "predictions": [{"result": [choice("pos")]}]},
        {"id": 1, "data": {"text": "x"}, "annotations": [], "predictions": [{"result": [choice("pos")]}]},
    ],
)
def test_predictions_alone_are_no_ratings(tmp_path: Path, task: dict[str, Any]) -> None:
    with pytest.raises(StudyError, match="nobody has rated these tasks yet|a task without annotations 1"):
        ratings(tmp_path / "ls.json", [task])


def test_a_pairwise_control_is_a_comparison(tmp_path: Path) -> None:
    pick = {"from_name": "pw", "to_name": "one,two", "type": "pairwise", "value": {"selected": "right"}}

    found = comparisons(tmp_path / "ls.json", [studio_task(1, annotation(1, pick), one="tea", two="coffee")])

    assert votes(found) == [("1", "tea", "coffee", "right")]


def test_the_short_exports_of_label_studio_are_read(tmp_path: Path) -> None:
    short = [
        {"text": "Oh", "id": 1, "mood": "pos", "annotator": 1, "annotation_id": 5, "lead_time": 2.1},
        {
            "text": "Oh",
            "id": 1,
            "mood": {"choices": ["pos", "neg"]},
            "annotator": 2,
            "annotation_id": 6,
            "lead_time": 2,
        },
    ]
    table = (
        '"annotation_id","annotator","created_at","id","lead_time","mood","text","was_cancelled"\n'
        '5,"ann@example.org","2026-01-01",1,2.1,"pos","Oh","False"\n'
        '6,"ben@example.org","2026-01-01",1,2.1,"{""choices"":[""pos"",""neg""]}","Oh","False"\n'
        '7,"eve@example.org","2026-01-01",1,2.1,"","Oh","True"\n'
    )

    as_json = ratings(tmp_path / "ls.json", short, choices=SETS)
    as_csv = ratings(tmp_path / "ls.csv", table, choices=SETS)

    assert as_json.frame["label"].tolist() == as_csv.frame["label"].tolist() == ["pos", "neg + pos"]
    assert as_json.columns["label"] == as_csv.columns["label"] == "mood"
    assert (as_csv.pseudonyms, as_csv.left_out) == (2, {"skipped by the rater": 1})


def test_a_short_export_with_several_questions_asks_which(tmp_path: Path) -> None:
    row = {"text": "Oh", "id": 1, "mood": "pos", "stars": [{"rating": 4}], "annotator": 1, "annotation_id": 5}

    with pytest.raises(StudyError, match="several questions, or none: mood, stars. Say which column with --field"):
        ratings(tmp_path / "ls.json", [row])

    assert triples(ratings(tmp_path / "ls.json", [row], field="stars")) == [("1", "1", "4")]


# Potato


def test_potato_one_tables_are_read(tmp_path: Path) -> None:
    content = (
        "user\tinstance_id\tdisplayed_text\tmood:::positive\tmood:::neutral\n"
        "ann\titem_2\tAliquam\t\ttrue\nben\titem_1\tModi\ttrue\t\neve\titem_1\tModi\t\t\n"
    )

    found = ratings(tmp_path / "annotated_instances.tsv", content)

    assert triples(found) == [("item_2", "ann", "neutral"), ("item_1", "ben", "positive")]
    assert found.frame["text"].tolist() == ["Aliquam", "Modi"]
    assert found.left_out == {"an item without an answer": 1}


def test_potato_two_tables_leave_machines_out(tmp_path: Path) -> None:
    content = (
        "instance_id,user_id,annotator_origin,annotator_origin_detail,mood.good,mood.bad\n"
        'i1,ann,human,,true,\ni1,tool,tool,"{""id"": ""tool""}",,true\n'
    )

    found = ratings(tmp_path / "annotations.csv", content)

    assert triples(found) == [("i1", "ann", "good")]
    assert found.left_out == {"not a person (a machine annotator)": 1}


def test_a_potato_user_s_own_lines_are_that_user_s(tmp_path: Path) -> None:
    folder = tmp_path / "ann"
    folder.mkdir()
    lines = [
        {"id": "i1", "displayed_text": "One", "label_annotations": {"mood": {"good": "true"}}, "span_annotations": {}},
        {"id": "i2", "displayed_text": "Two", "label_annotations": {"mood": {"bad": "2"}}, "span_annotations": {}},
        {"id": "i3", "displayed_text": "Three", "label_annotations": {"mood": {"text_box": "dunno"}}},
    ]

    found = ratings(folder / "annotated_instances.jsonl", "\n".join(map(json.dumps, lines)))

    assert triples(found) == [("i1", "ann", "good"), ("i2", "ann", "bad")]
    assert found.left_out == {"a text, not a choice": 1}


def test_a_potato_folder_is_all_its_users(tmp_path: Path) -> None:
    for user, answers in {
        "ann": {"i1": [[{"schema": "mood", "name": "good"}, True]], "i2": [[{"schema": "mood", "name": "bad"}, "bad"]]},
        "ben": {"i1": {"mood": {"labels": {"bad": True, "good": False}}}},
    }.items():
        (tmp_path / "out" / user).mkdir(parents=True)
        state = {"user_id": user, "instance_id_ordering": ["i1"], "instance_id_to_label_to_value": answers}
        written(tmp_path / "out" / user / "user_state.json", state)

    found = formats.ratings_in(formats.read(tmp_path / "out"))

    assert triples(found) == [("i1", "ann", "good"), ("i2", "ann", "bad"), ("i1", "ben", "bad")]


def test_a_folder_without_answers_says_so(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="holds no user_state.json or annotated_instances.jsonl of Potato"):
        formats.read(tmp_path)


@pytest.mark.parametrize(
    ("answers", "labels"),
    [
        ({"size": {"select-one": "large"}}, ["large"]),
        ({"size": {"scale_4": "4"}}, ["4"]),
        ({"size": {"4": "4"}}, ["4"]),
        ({"size": {"a": "true", "b": "1", "c": "false", "d": ""}}, ["a + b"]),
        ({"size": {"Urgency": "Low", "a": True}}, ["a"]),
    ],
)
def test_potato_values_are_read_as_labels(tmp_path: Path, answers: dict[str, Any], labels: list[str]) -> None:
    line = {"instance_id": "i1", "user_id": "ann", "label_annotations": answers}

    assert ratings(tmp_path / "all.jsonl", json.dumps(line), choices=SETS).frame["label"].tolist() == labels


# What counts


def test_of_two_answers_of_a_rater_about_an_item_the_last_counts_and_it_is_said(tmp_path: Path) -> None:
    found = ratings(tmp_path / "r.csv", "item_id,rater_id,label\n1,a,yes\n1,b,yes\n1,b,no\n2,a,no\n2,a,no\n2,b,yes\n")

    assert triples(found) == [("1", "a", "yes"), ("1", "b", "no"), ("2", "a", "no"), ("2", "b", "yes")]
    assert found.left_out == {"answered again later": 1, "repeated row": 1}
    assert "1 answers were given again" in found.notes[0]


@pytest.mark.parametrize("word", ["N/A", "-", "None", "nan", "null", "?", "[]"])
def test_an_answer_that_is_none_is_left_out_by_reason(tmp_path: Path, word: str) -> None:
    found = ratings(tmp_path / "r.csv", f"item_id,rater_id,label\n1,a,yes\n1,b,{word}\n2,a,no\n2,b,no\n")

    assert len(found.frame) == 3 and sum(found.left_out.values()) == 1
    assert ratings(
        tmp_path / "r.csv", "item_id,rater_id,label\n1,a,-\n1,b,+\n", choices=Choices(keep_labels=True)
    ).frame["label"].tolist() == ["-", "+"]


@pytest.mark.parametrize(
    "cells",
    [
        ("joy, hope", "hope, joy", "anger"),
        ("joy;hope", "hope;joy", "anger"),
        (["joy", "hope"], ["hope", "joy"], ["anger"]),
    ],
)
def test_a_set_of_labels_is_one_answer_and_asks_how_to_be_taken(tmp_path: Path, cells: tuple[Any, ...]) -> None:
    rows = [{"item_id": n // 2, "rater_id": "ab"[n % 2], "label": cells[min(n, 2)]} for n in range(4)]
    file = tmp_path / "r.jsonl"
    content = "\n".join(map(json.dumps, rows))

    with pytest.raises(StudyError, match="2 answers .*--has 'hope'.*--whole-sets"):
        ratings(file, content)

    assert ratings(file, content, choices=SETS).frame["label"].tolist() == [
        "hope + joy",
        "hope + joy",
        "anger",
        "anger",
    ]
    held = ratings(file, content, choices=Choices(has="joy")).frame["label"].tolist()
    assert held == ["joy", "joy", "not joy", "not joy"]


def test_a_comma_inside_a_label_makes_no_set(tmp_path: Path) -> None:
    content = 'item_id,rater_id,label\n1,a,"yes, mostly"\n1,b,no\n2,a,"no, never"\n2,b,"yes, mostly"\n'

    assert len(ratings(tmp_path / "r.csv", content).frame) == 4


def test_labels_that_look_alike_are_said_and_folded_on_request(tmp_path: Path) -> None:
    content = "item_id,rater_id,label\n1,a,Yes\n1,b,yes\n2,a,gr\u00fcn\n2,b,gru\u0308n\n3,a,yes\n3,b,no\n"

    apart, folded = (
        ratings(tmp_path / "r.csv", content),
        ratings(tmp_path / "r.csv", content, choices=Choices(fold=True)),
    )

    assert len(apart.alike) == 2 and sum("look alike" in note for note in apart.notes) == 2
    assert folded.frame["label"].nunique() == 3 and not folded.alike


def test_label_studio_texts_are_those_of_the_longest_field(tmp_path: Path) -> None:
    tasks = [
        studio_task(n, annotation(1, choice("pos"))) | {"data": {"ticket": f"T-{n}", "note": f"A long note {n}"}}
        for n in (1, 2)
    ]

    assert ratings(tmp_path / "ls.json", tasks).frame["text"].tolist() == ["A long note 1", "A long note 2"]


# To other tools


def raw() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "item_id": [1, 1, 2],
            "sample_id": [7, 7, 8],
            "text": ["=SUM(A1)", "=SUM(A1)", "fine\nthanks"],
            "label": ["-1", "yes", "@no"],
            "role": ["item"] * 3,
            "rater_id": ["a", "b", "a"],
            "kind": ["person"] * 3,
            "place": [1, 1, 2],
            "duration_ms": [1200, 900, None],
            "excluded": [False, False, False],
        }
    )


def pairs() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "rater_id": ["a", "b", "c"],
            "left": ["x", "x", "y"],
            "right": ["y", "y", "x"],
            "winner": ["left", "right", "tie"],
        }
    )


def test_the_long_form_has_crowd_kit_s_names_or_ours() -> None:
    theirs, ours = long_form.labels(raw()), long_form.labels(raw(), names=Names.LITMUS)

    assert list(theirs)[:4] == ["task", "worker", "label", "text"]
    assert list(ours)[:4] == ["item_id", "rater_id", "label", "text"]
    assert {"kind", "role", "excluded", "place", "duration_ms"} <= set(theirs)


def test_a_winner_is_named_in_crowd_kit_s_form_and_a_side_in_ours() -> None:
    assert long_form.comparisons(pairs())["label"].tolist() == ["x", "y", "tie"]
    assert long_form.comparisons(pairs(), names=Names.LITMUS)["winner"].tolist() == ["left", "right", "tie"]


@pytest.mark.parametrize("names", list(Names))
def test_ratings_come_back_as_they_went_out(tmp_path: Path, names: Names) -> None:
    out = spreadsheets.safe_csv(long_form.labels(raw(), names=names))
    found = ratings(tmp_path / "out.csv", out)

    assert "\n1,a,-1,'=SUM(A1)," in out
    assert triples(found) == [("1", "a", "-1"), ("1", "b", "yes"), ("2", "a", "@no")]
    assert found.frame["text"].tolist() == ["=SUM(A1)", "=SUM(A1)", "fine\nthanks"]
    assert found.left_out == {}


@pytest.mark.parametrize("names", list(Names))
def test_comparisons_come_back_as_they_went_out(tmp_path: Path, names: Names) -> None:
    found = comparisons(tmp_path / "out.csv", spreadsheets.safe_csv(long_form.comparisons(pairs(), names=names)))

    assert votes(found) == [("a", "x", "y", "left"), ("b", "x", "y", "right"), ("c", "y", "x", "tie")]


@pytest.mark.slow
@pytest.mark.timeout(120)  # three times what pandas alone takes
def test_a_hundred_thousand_answers_are_written_whole() -> None:
    many = long_form.labels(raw().sample(100_000, replace=True, random_state=0))

    assert len(pd.read_csv(io.StringIO(spreadsheets.safe_csv(many)))) == 100_000


@pytest.mark.parametrize("name", ["face_sentiment", "multipico_irony_en", "varierr_nli"])
def test_real_ratings_lose_nothing_on_the_way_out_and_back(real_data: Path, tmp_path: Path, name: str) -> None:
    before = formats.ratings_in(formats.read(real_data / f"{name}.ratings.csv"), Options(choices=SETS))

    out = spreadsheets.safe_csv(long_form.labels(before.frame))
    after = ratings(tmp_path / "out.csv", out, choices=SETS)

    assert before.left_out == {} and before.several == (75 if name == "varierr_nli" else 0)
    pd.testing.assert_frame_equal(after.frame, before.frame)


def test_crowd_kit_takes_the_exports_without_their_ties(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from crowdkit.aggregation import BradleyTerry, MajorityVote
    labels = written(tmp_path / "r.csv", spreadsheets.safe_csv(long_form.labels(raw())))
    won = written(tmp_path / "c.csv", spreadsheets.safe_csv(long_form.comparisons(pairs())))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        majority = MajorityVote().fit_predict(pd.read_csv(labels))
        scores = BradleyTerry(n_iter=100).fit_predict(pd.read_csv(won).query("label != 'tie'"))

    assert majority[2] == "'@no"
    assert scores["x"] == pytest.approx(scores["y"])


def test_a_folder_with_far_too_many_files_is_not_searched_for_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(potato, "MOST_FILES", 50)
    for number in range(60):
        (tmp_path / f"{number}.txt").touch()

    with pytest.raises(StudyError, match="holds more than 50 files, so it is no output folder of Potato"):
        formats.read(tmp_path)
