"""Commands as they are called: exit codes, one sentence on stderr, one JSON object on stdout."""

import importlib
import json
import sqlite3
from pathlib import Path

import pytest
import typer

from core.__main__ import COMMANDS
from core.commands import output
from tests.command_line import CommandLine
from tests.llm_server import LlmServer

ENDPOINT = ["--model", "m", "--base-url", "http://127.0.0.1:9/v1"]


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def letters(folder: Path, n: int = 40) -> Path:
    rows = [
        f"a {'bright' if k % 2 else 'gloomy'} letter {k},{'glad' if k % 2 else 'sad'},{'test' if k % 4 > 1 else 'train'}"
        for k in range(n)
    ]
    return written(folder, "letters.csv", "\n".join(["text,label,split", *rows]))


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["agreement", "missing.csv"], 1, "There is no file missing.csv."),
        (["regress", "README.md", "--x", "a", "--y", "b"], 1, "README.md cannot be read: expected"),
        (["import", "x.csv", "--task", "t", "--arm", "zero-shot"], 1, "There is no file x.csv."),
        (["generate", "--task", "t", "--arm", "zero-shot", "--per-label", "5", *ENDPOINT], 1, "There is no task 't'."),
        (["run", "missing.yaml"], 1, "There is no study file missing.yaml."),
        (["jobs", "cancel"], 1, "needs a job's number"),
        (["jobs", "retry", "77"], 1, "77"),
        (["verdict", "--task", "t"], 1, "There is no task 't'."),
        (["import", "hf:owner//name", "--task", "t", "--arm", "real"], 1, "names no data set of the hub"),
        (["agreement"], 2, "Missing argument"),
        (["regress", "x.csv"], 2, "Missing option"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_without_a_traceback(
    call: CommandLine, arguments: list[str], code: int, sentence: str
) -> None:
    found, stdout, stderr = call(*arguments)

    assert found == code
    assert sentence in " ".join(stderr.split())
    assert "Traceback" not in stderr + stdout


@pytest.mark.slow
def test_a_command_of_its_own_process_ends_with_its_exit_code_and_prints_where_it_should(
    call: CommandLine, tmp_path: Path
) -> None:
    started = [
        call.start("agreement", "missing.csv"),
        call.start("agreement"),
        call.start("import", letters(tmp_path), "--task", "mood", "--arm", "real", "--json"),
    ]

    cannot, wrong, done = (process.communicate(timeout=120) for process in started)

    assert [process.returncode for process in started] == [1, 2, 0]
    assert cannot == ("", "There is no file missing.csv.\n")
    assert "Missing argument" in wrong[1]
    assert (json.loads(done[0])["kept"], done[1]) == (40, "")


def test_import_prints_one_json_object_and_a_second_task_file_keeps_to_the_labels(
    call: CommandLine, tmp_path: Path
) -> None:
    code, stdout, _ = call("import", letters(tmp_path), "--task", "mood", "--arm", "real", "--json")
    made = written(tmp_path, "made.csv", "text,label\nnew glad text,glad\nnew odd text,cross\n")
    _, second, _ = call("import", made, "--task", "mood", "--arm", "zero-shot", "--json")

    assert code == 0
    assert json.loads(stdout) | {"again": None} == {
        "read": 40, "kept": 40, "rejected": {}, "labels": {"glad": 20, "sad": 20},
        "splits": {"train": 20, "test": 20}, "moved": 0, "again": None, "notes": [], "id": 1,
    }  # fmt: skip
    assert json.loads(second)["rejected"] == {"unknown label 'cross'": 1}


@pytest.mark.slow
def test_generate_reaches_its_quota_and_asks_nothing_the_second_time(call: CommandLine, tmp_path: Path) -> None:
    call("import", letters(tmp_path), "--task", "mood", "--arm", "real")
    with LlmServer(rate_429=0.05, rate_malformed=0.05, retry_after=0.2, seed=3, models=["m"]) as llm:
        arguments = ["generate", "--task", "mood", "--arm", "zero-shot", "--per-label", "30", "--model", "m", "--json"]
        code, stdout, stderr = call(*arguments, OPENAI_BASE_URL=llm.url, OPENAI_API_KEY="k-secret")
        asked = llm.counts()["requests"]
        _, again, _ = call(*arguments, OPENAI_BASE_URL=llm.url, OPENAI_API_KEY="k-secret")
        assert llm.counts()["requests"] == asked

    assert code == 0, stderr
    found = json.loads(stdout)
    assert found["kept"] == 60
    assert found["cost_usd"] is None
    assert json.loads(again) | {"seconds": 0} == found | {"seconds": 0}
    assert b"k-secret" not in (tmp_path / "home" / "litmus.db").read_bytes()


def test_a_study_file_with_a_wrong_key_changes_nothing(call: CommandLine, tmp_path: Path) -> None:
    letters(tmp_path)
    path = written(
        tmp_path,
        "study.yaml",
        "study: s\ntraining: {stepps: 3}\ntasks:\n  mood:\n    question: '?'\n    labels: {glad: '', sad: ''}\n"
        "    real: {file: letters.csv}\n",
    )

    code, _, stderr = call("run", path)

    assert code == 1
    assert "stepps" in stderr
    assert "steps" in stderr
    assert call("jobs", "--json")[1].strip().endswith("}")
    assert json.loads(call("jobs", "--json")[1]) == {"jobs": []}


@pytest.mark.slow
def test_a_whole_small_study_runs_and_running_it_again_trains_nothing(call: CommandLine, tmp_path: Path) -> None:
    letters(tmp_path, 60)
    made = [f"letter {'so bright' if k % 2 else 'so grey'} {k},{'glad' if k % 2 else 'sad'}" for k in range(40)]
    written(tmp_path, "made.csv", "\n".join(["text,label", *made]))
    names = ["a", "b", "c"]
    task = "    question: '?'"
    task += "\n    labels: {glad: '', sad: ''}\n    real: {file: letters.csv}\n    arms:\n      zero-shot: {file: made.csv}\n"
    votes = [
        f"r{k},{left},{right},{'right' if k else 'left'}"
        for k in range(4)
        for left, right in (("a", "b"), ("b", "c"), ("a", "c"))
    ]
    written(tmp_path, "votes.csv", "\n".join(["rater_id,left,right,winner", *votes]))
    path = written(
        tmp_path,
        "study.yaml",
        "study: small\nseeds: [0]\ntraining: {steps: 3, batch_size: 4, max_length: 16}\ntasks:\n"
        + "".join(f"  {name}:\n{task}" for name in names)
        + "comparisons: {file: votes.csv}\n",
    )

    code, stdout, stderr = call("run", path, "--json", LITMUS_SLOTS="2")
    _, again, _ = call("run", path, "--json", LITMUS_SLOTS="2")

    assert code == 0, stderr
    found = json.loads(stdout)
    assert (len(found["scores"]), len(found["gaps"]), len(found["subjectivity"])) == (6, 3, 3)
    assert [row["task"] for row in found["subjectivity"]] == names
    assert set(found["regression"]) >= {"slope", "intercept", "r2", "p", "low", "high", "spearman", "spearman_p", "n"}
    assert all(gap["low"] is None for gap in found["gaps"]), "no interval under three seeds"
    assert Path(found["report"]).read_text(encoding="utf-8").startswith("<!doctype html>")
    assert json.loads(again) == found
    assert len(json.loads(call("jobs", "--json")[1])["jobs"]) == 2


def test_a_study_with_a_bad_answers_file_or_provider_leaves_nothing_behind(call: CommandLine, tmp_path: Path) -> None:
    letters(tmp_path)
    task = (
        "study: s\ntasks:\n  mood:\n    question: '?'\n    labels: {glad: '', sad: ''}\n    real: {file: letters.csv}\n"
    )
    written(tmp_path, "votes.csv", "rater_id,left,right,winner\nr,nope,mood,left\n")
    bad_answers = written(tmp_path, "one.yaml", task + "comparisons: {file: votes.csv}\n")
    bad_provider = written(
        tmp_path, "two.yaml", task + "    arms: {zero-shot: {generate: {per_label: 2, provider: zz}}}\n"
    )

    for path, sentence in ((bad_answers, "unknown task 'nope'"), (bad_provider, "no provider 'zz'")):
        code, _, stderr = call("run", path)
        assert (code, "Traceback" in stderr) == (1, False)
        assert sentence in stderr

    with sqlite3.connect(tmp_path / "home" / "litmus.db") as found:
        assert found.execute("SELECT count(*) FROM study").fetchone() == (0,)


def test_brackets_in_data_are_shown_and_break_no_table(call: CommandLine, tmp_path: Path) -> None:
    path = written(tmp_path, "m.csv", "item_id,rater_id,label\n1,a,[/foo]\n1,b,[red]\n")

    code, stdout, stderr = call("aggregate", path)

    assert code == 0, stderr
    assert "[/foo]" in stdout


@pytest.mark.parametrize(
    "rows",
    [
        "a;-1,20;0,010\nb;-0,35;0,042\nc;0,10;0,081\nd;0,62;0,120",
        "a;\u22121.2;1%\nb;\u22120.35;4.2%\nc;0.1;8.1%\nd;0.62;12%",
    ],
)
def test_numbers_as_people_write_them_are_read(call: CommandLine, tmp_path: Path, rows: str) -> None:
    points = written(tmp_path, "points.csv", f"task;x;gap\n{rows}\n")

    code, stdout, _ = call("regress", points, "--x", "x", "--y", "gap", "--json")

    assert code == 0 and json.loads(stdout)["slope"] == pytest.approx(0.06, abs=0.002)


def test_a_check_of_a_file_stores_nothing_and_says_what_would_be_imported(call: CommandLine, tmp_path: Path) -> None:
    rows = [f"text number {n},{('good', 'Good', 'bad', 'nan')[n % 4]}" for n in range(20)]
    file = written(tmp_path, "f.csv", "\n".join(["text,label", *rows]))

    code, stdout, _ = call("import", file, "--task", "t", "--arm", "real", "--check", "--json")
    refused, _, stderr = call("import", file, "--task", "t", "--arm", "real")
    folded, _, _ = call("import", file, "--task", "t", "--arm", "real", "--fold")

    findings = json.loads(stdout)["findings"]
    assert code == 0 and findings["read"] == 20 and findings["alike"] == [["Good", "good"]]
    assert findings["left_out"] == {"label looks missing: 'nan'": 5}
    assert refused == 1 and "--fold" in stderr and folded == 0


def test_the_list_of_commands_says_what_each_says_of_itself() -> None:
    for name, (module, sentence) in COMMANDS.items():
        app = typer.Typer()
        app.callback()(lambda: None)
        importlib.import_module(f"core.commands.{module}").register(app)
        command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
        own = " ".join((command.help or "").split("\n\n")[0].split())
        assert sentence == ("" if command.hidden else own), name


def test_a_check_tells_what_the_task_holds_already_and_the_import_does_the_same(
    call: CommandLine, tmp_path: Path
) -> None:
    call("import", letters(tmp_path), "--task", "mood", "--arm", "real")
    rows = ["a gloomy letter 0,sad", "a bright letter 1,sad", "a gloomy letter 2,sad", "new,sad"]
    file = written(tmp_path, "more.csv", "\n".join(["text,label,split", *(f"{row},train" for row in rows)]))

    _, told, _ = call("import", file, "--task", "mood", "--arm", "real", "--check", "--json")
    code, shown, _ = call("import", file, "--task", "mood", "--arm", "real", "--check")
    _, done, _ = call("import", file, "--task", "mood", "--arm", "real", "--json")
    _, known, _ = call("import", file, "--task", "mood", "--arm", "real", "--check", "--json")

    findings = json.loads(told)["findings"]
    assert sorted(findings["already"].values()) == [1, 1, 1] and len(findings["already"]) == 3
    assert findings["left_out"] == json.loads(done)["rejected"] and findings["splits"] == json.loads(done)["splits"]
    assert code == 0 and "Already in the arm with another label: 1 row" in " ".join(shown.split())
    assert json.loads(known)["findings"]["again"]


def test_a_check_says_that_an_import_would_be_refused(call: CommandLine, tmp_path: Path) -> None:
    file = written(tmp_path, "f.csv", "text,label\none,good\ntwo,good\n")

    _, shown, _ = call("import", file, "--task", "t", "--arm", "real", "--check")
    refused, _, stderr = call("import", file, "--task", "t", "--arm", "real")

    assert refused == 1 and " ".join(stderr.split()).removeprefix("Error: ") in " ".join(shown.split())


def test_rows_splits_and_a_first_row_are_named_on_the_command_line(call: CommandLine, tmp_path: Path) -> None:
    headless = written(
        tmp_path, "f.csv", "so dull,bad,en,train\nfine,good,en,test\nnaja,bad,de,train\nbad,bad,en,train\n"
    )
    options = ["--text", "column 1", "--label", "column 2", "--split-column", "column 4", "--where", "column 3=en"]

    refused, _, stderr = call("import", headless, "--task", "t", "--arm", "real")
    code, done, _ = call("import", headless, "--task", "t", "--arm", "real", "--no-header", *options, "--json")

    assert refused == 1 and "--no-header" in stderr
    found = json.loads(done)
    assert code == 0 and (found["read"], found["kept"], found["splits"]) == (3, 3, {"test": 1, "train": 2})


def test_a_bar_leaves_no_empty_line_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with output.progress("Work") as report:
        report(1, 2, "half", {})

    assert capsys.readouterr().err == ""


def test_real_texts_of_a_task_whose_study_is_in_the_trash_make_a_new_task(call: CommandLine, tmp_path: Path) -> None:
    brought = ("import", letters(tmp_path), "--task", "mood", "--arm", "real")
    assert call(*brought, "--study", "A").code == 0
    assert call("trash", "put", "--study", "A").code == 0

    looked, done = call(*brought, "--check", "--json"), call(*brought, "--json")

    assert json.loads(looked.stdout)["findings"]["splits"] == json.loads(done.stdout)["splits"]


def test_a_check_takes_the_name_of_a_new_study_as_the_import_does(call: CommandLine, tmp_path: Path) -> None:
    brought = ("import", letters(tmp_path), "--task", "mood", "--arm", "real")
    assert call(*brought, "--study", "A").code == 0

    looked = call(*brought, "--study", "B", "--check", "--json")

    assert json.loads(looked.stdout)["findings"]["refused"] == "" and not looked.stderr
    assert call(*brought, "--study", "B").code == 0


def test_a_task_is_met_as_pages_write_it_and_gets_the_question_that_is_given(call: CommandLine, tmp_path: Path) -> None:
    assert call("import", letters(tmp_path), "--task", "letter_mood", "--arm", "real").code == 0
    more = written(tmp_path, "more.csv", "text,label\nnew glad text,glad\nnew sad text,sad\n")

    done = call("import", more, "--task", "letter mood", "--arm", "real", "--question", "Is it a glad letter?")

    assert done.code == 0
    with sqlite3.connect(tmp_path / "home" / "litmus.db") as connection:
        assert connection.execute("SELECT name, question FROM task").fetchall() == [
            ("letter_mood", "Is it a glad letter?")
        ]
