"""Commands on answers of raters: every form of file, what they say about it, and the way into and out of a study."""

import json
from pathlib import Path

import pytest

from tests.command_line import CommandLine

RATINGS = "task,worker,label\n1,ann@example.org,yes\n1,b,no\n2,ann@example.org,yes\n2,b,yes\n2,b,yes\n3,,no\n"
TEXTS = "text,label,split\nOne,yes,train\nTwo,no,train\nThree,yes,test\nFour,no,test\n"


def written(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


@pytest.fixture
def studied(call: CommandLine, tmp_path: Path) -> CommandLine:
    """A study with the tasks mood and tone."""
    for task in ("mood", "tone"):
        code, _, stderr = call("import", written(tmp_path / f"{task}.csv", TEXTS), "--task", task, "--arm", "real")
        assert code == 0, stderr
    return call


def test_agreement_says_what_it_read_and_left_out(call: CommandLine, tmp_path: Path) -> None:
    path = written(tmp_path / "r.csv", RATINGS)

    code, stdout, stderr = call("agreement", path, "--json")
    found = json.loads(stdout)
    said = call("agreement", path).stderr

    assert code == 0, stderr
    assert {"alpha", "low", "high", "mean_majority_agreement", "n_items", "n_raters", "n_ratings"} <= set(found)
    assert (found["n_ratings"], found["left_out"], found["pseudonyms"]) == (4, {"repeated row": 1, "no rater": 1}, 1)
    assert found["columns"] == {"item_id": "task", "rater_id": "worker", "label": "label"}
    assert "Read item_id from task; rater_id from worker." in said
    assert "Left out: repeated row 1, no rater 1." in said


def test_an_order_of_the_labels_means_the_ordinal_level(call: CommandLine, tmp_path: Path) -> None:
    path = written(
        tmp_path / "r.csv", "item_id,rater_id,label\n1,a,low\n1,b,mid\n2,a,mid\n2,b,high\n3,a,low\n3,b,low\n"
    )
    order = ("--order", "low,mid,high", "--json")

    ordered, said = (call("agreement", path, *more, *order) for more in ((), ("--level", "ordinal")))
    refused = call("agreement", path, "--level", "nominal", *order)

    assert ordered.code == 0, ordered.stderr
    assert json.loads(ordered.stdout) == json.loads(said.stdout)
    assert json.loads(ordered.stdout)["alpha"] != json.loads(call("agreement", path, "--json").stdout)["alpha"]
    assert refused.code == 1 and "which --level nominal does not use" in refused.stderr


def test_aggregate_reads_a_wide_table(call: CommandLine, tmp_path: Path) -> None:
    path = written(tmp_path / "r.csv", "item_id,ann,ben,eve\n1,x,x,y\n2,y,,y\n")

    code, stdout, stderr = call("aggregate", path, "--wide", "--json")

    assert code == 0, stderr
    assert json.loads(stdout)["labels"] == {"1": "x", "2": "y"}


def test_rank_reads_crowd_kit_s_comparisons(call: CommandLine, tmp_path: Path) -> None:
    path = written(tmp_path / "c.csv", "worker,left,right,label\na,x,y,x\nb,y,x,y\nc,x,y,x\na,x,y,q\n")

    code, stdout, stderr = call("rank", path, "--json")
    found = json.loads(stdout)

    assert code == 0, stderr
    assert (found["order"], found["connected"]) == (["x", "y"], True)
    assert found["left_out"] == {"unknown winner 'q'": 1}


def test_columns_are_named_on_the_command_line(call: CommandLine, tmp_path: Path) -> None:
    path = written(tmp_path / "r.csv", "doc,annotator,user,mood\n1,a,u,x\n1,b,v,x\n")

    unclear = call("agreement", path)
    code, stdout, stderr = call(
        "agreement", path, "--column", "item_id=doc", "--column", "rater_id=user", "--field", "mood", "--json"
    )
    wrong = call("agreement", path, "--column", "item_id")

    assert (unclear.code, unclear.stderr.count("\n")) == (1, 1)
    assert code == 0, stderr
    assert json.loads(stdout)["columns"] == {"item_id": "doc", "rater_id": "user", "label": "mood"}
    assert wrong.stderr.strip() == "--column takes our-name=file-column; found 'item_id'."


def test_ratings_come_into_a_study_once(studied: CommandLine, tmp_path: Path) -> None:
    path = written(tmp_path / "r.csv", RATINGS)

    first = studied("ratings", path, "--task", "mood", "--json")
    again = studied("ratings", path, "--task", "mood", "--json")

    assert first.code == 0, first.stderr
    found = json.loads(first.stdout)
    assert {name: found[name] for name in ("read", "kept", "items", "raters", "matched")} == {
        "read": 6, "kept": 4, "items": 2, "raters": 2, "matched": 0,
    }  # fmt: skip
    assert found["rejected"] == {"repeated row": 1, "no rater": 1}
    assert json.loads(again.stdout)["again"]


def test_a_file_with_renamed_raters_replaces_the_earlier_one_where_it_is_told_to(
    studied: CommandLine, tmp_path: Path
) -> None:
    path = written(tmp_path / "r.csv", "item_id,rater_id,label\n1,ann,yes\n1,ben,no\n")
    studied("ratings", path, "--task", "mood")
    path.write_text("item_id,rater_id,label\n1,p1,yes\n1,p2,no\n")

    beside = studied("ratings", path, "--task", "mood")
    mended = json.loads(studied("ratings", path, "--task", "mood", "--replace", "--json").stdout)

    assert "If this file corrects them, import it with ratings --replace" in beside.stderr
    assert (mended["again"], mended["replaced"]) == (True, 2)


def test_answers_read_with_other_options_replace_the_earlier_ones_and_it_is_said(
    studied: CommandLine, tmp_path: Path
) -> None:
    path = written(tmp_path / "r.csv", "task,worker,label\n1,a,Ja\n1,b,Nein\n")
    options = ("--task", "mood", "--rename", "Ja=no", "--rename", "Nein=yes")

    studied("ratings", path, *options)
    said = studied("ratings", path, "--task", "mood", "--rename", "Ja=yes", "--rename", "Nein=no").stderr
    back = json.loads(studied("ratings", path, *options, "--json").stdout)

    assert "These took the place of 2 answers that came from an earlier r.csv." in said
    assert (back["replaced"], back["kept"], back["again"]) == (2, 2, False)


def test_options_that_do_not_apply_are_refused(studied: CommandLine, tmp_path: Path) -> None:
    path = written(tmp_path / "r.csv", "item_id,ann,ben\n1,yes,no\n2,yes,yes\n")

    wide = studied("agreement", path, "--wide", "--rater", "zoe")
    compared = studied("ratings", path, "--comparisons", "--wide", "--has", "yes")

    assert wide.code == 1 and "(--wide) has no one rater of all answers (--rater)" in wide.stderr
    assert compared.code == 2 and "Comparisons have no --wide or --has" in " ".join(
        compared.stderr.replace("│", " ").split()
    )


def test_comparisons_come_in_and_go_out_again(studied: CommandLine, tmp_path: Path) -> None:
    path = written(tmp_path / "c.csv", "rater_id,left,right,winner\na,mood,tone,left\nb,mood,tone,tie\nc,x,tone,left\n")

    brought = studied("ratings", path, "--comparisons", "--json")
    code, stdout, stderr = studied("ratings", "--export", "Imported: c.csv", tmp_path / "out.csv", "--json")
    ours = studied("ratings", "--export", "1", tmp_path / "ours.csv", "--names", "litmus")

    assert json.loads(brought.stdout)["rejected"] == {"unknown task 'x'": 1}
    assert code == 0, stderr
    assert json.loads(stdout)["rows"] == 2
    assert "drop the rows with a tie first: 1 rows." in stderr
    assert [line.split(",")[:4] for line in (tmp_path / "out.csv").read_text().splitlines()] == [
        ["worker", "left", "right", "label"], ["a", "mood", "tone", "mood"], ["b", "mood", "tone", "tie"],
    ]  # fmt: skip
    assert ours.code == 0, ours.stderr
    assert (tmp_path / "ours.csv").read_text().startswith("rater_id,left,right,winner")


def test_an_export_holds_no_personal_name(studied: CommandLine, tmp_path: Path) -> None:
    studied("ratings", written(tmp_path / "r.csv", RATINGS), "--task", "mood")

    studied("ratings", "--export", "Imported: r.csv", tmp_path / "out.csv")
    back = studied("agreement", tmp_path / "out.csv", "--json")

    assert "@" not in (tmp_path / "out.csv").read_text()
    assert json.loads(back.stdout)["n_ratings"] == 4


def test_the_same_person_has_one_pseudonym_in_two_files(studied: CommandLine, tmp_path: Path) -> None:
    for name in ("one", "two"):
        studied("ratings", written(tmp_path / f"{name}.csv", RATINGS), "--task", "mood")
        studied("ratings", "--export", f"Imported: {name}.csv", tmp_path / f"{name}.out.csv")

    names = [
        {line.split(",")[1] for line in (tmp_path / f"{name}.out.csv").read_text().splitlines()}
        for name in ("one", "two")
    ]
    assert names[0] == names[1]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["ratings", "{r}"], 2, "Say one of --task T, --comparisons and --export CAMPAIGN."),
        (["ratings", "{r}", "--task", "mood", "--comparisons"], 2, "Say one of"),
        (["ratings", "{r}", "--task", "gone"], 1, "There is no task 'gone'."),
        (["ratings", "{r}", "--comparisons", "--study", "gone"], 1, "There is no study 'gone'. Studies: my-study."),
        (["ratings", "{r}", "--comparisons"], 1, "has no column 'left'"),
        (["ratings", "{r}", "--export", "gone"], 1, "There is a file"),
        (["ratings", "out.txt", "--export", "gone"], 1, "out.txt does not end in .csv."),
        (["ratings", "out.csv", "--export", "gone"], 1, "There is no campaign 'gone'. There are: none yet."),
        (["ratings", "missing.csv", "--task", "mood"], 1, "There is no file missing.csv."),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    studied: CommandLine, tmp_path: Path, arguments: list[str], code: int, sentence: str
) -> None:
    path = written(tmp_path / "r.csv", RATINGS)

    said = studied(*(argument.format(r=path) for argument in arguments))

    assert said.code == code
    assert sentence in " ".join(said.stderr.replace("│", " ").split())
    assert "Traceback" not in said.stderr


def test_an_export_that_cannot_be_written_is_one_sentence(studied: CommandLine, tmp_path: Path) -> None:
    path = written(tmp_path / "r.csv", RATINGS)
    studied("ratings", str(path), "--task", "mood")

    said = studied("ratings", str(path / "out.csv"), "--export", "Imported: r.csv")

    assert said.code == 1
    assert "cannot be written: " in " ".join(said.stderr.split())
    assert "Traceback" not in said.stderr
