"""A study file and its data are checked whole before anything is stored, asked or paid."""

import json
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy

from core import catalogue
from core.steps import study_intake
from core.study import checks, tasks
from core.study.store import Store
from tests.command_line import CommandLine
from tests.llm_server import LlmServer

HEAD = "study: shop\nseeds: [0]\ntraining: {steps: 1, batch_size: 4, max_length: 16}\ntasks:\n"
TABLES = (
    "study",
    "task",
    "label",
    "arm",
    "import",
    "prompt",
    "sample",
    "completion",
    "run",
    "job",
    "campaign",
    "rating",
)


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def rows(name: str, *, n: int, split: str, label: str) -> list[str]:
    return [f"{name} number {k} came on day {k},{label},{split}" for k in range(n)]


def reviews(folder: Path, name: str = "reviews.csv", *, neutral: str = "") -> Path:
    """Texts of two labels in both splits; a third label stands in one split only."""
    made = [
        line
        for label, word in (("bad", "a broken lamp"), ("good", "a lovely lamp"))
        for split in ("train", "test")
        for line in rows(f"{word} of the {split}", n=6, split=split, label=label)
    ]
    made += rows("some lamp", n=6, split=neutral, label="neutral") if neutral else []
    return written(folder, name, "\n".join(["text,label,split", *made]))


def made(folder: Path, name: str = "made.csv", *, labels: tuple[str, ...] = ("bad", "good"), n: int = 6) -> Path:
    lines = [line for label in labels for line in rows(f"a {label} chair", n=n, split="train", label=label)]
    return written(folder, name, "\n".join(["text,label,split", *lines]))


def study(
    folder: Path, *, labels: str = "[bad, good]", arms: str = "{zero-shot: {file: made.csv}}", more: str = ""
) -> Path:
    task = (
        f"  tone:\n    question: How is it?\n    labels: {labels}\n    real: {{file: reviews.csv}}\n    arms: {arms}\n"
    )
    return written(folder, "study.yaml", HEAD + task + more)


def stored(folder: Path) -> dict[str, int]:
    """Table -> rows, for every table that has any."""
    with sqlite3.connect(folder / "home" / "litmus.db") as found:
        counts = {name: found.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in TABLES}
    return {name: count for name, count in counts.items() if count}


def problems(call: CommandLine, path: Path, *options: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(call("run", path, *options, "--json")[1])["problems"]
    return found


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("options", [[], ["--check"]])
def test_a_label_in_one_split_only_is_refused_before_any_call_is_made(
    call: CommandLine, tmp_path: Path, split: str, options: list[str]
) -> None:
    reviews(tmp_path, neutral=split)
    arms = "{zero-shot: {generate: {per_label: 4, model: m}}, few-shot: {generate: {per_label: 4, model: m}}}"
    path = study(tmp_path, labels="[bad, good, neutral]", arms=arms)
    with LlmServer(models=["m"]) as llm:
        code, stdout, stderr = call("run", path, *options, OPENAI_BASE_URL=llm.url, OPENAI_API_KEY="k")

        assert llm.counts()["requests"] == 0
    assert code == 1
    assert "1 problem; nothing was stored, asked or paid for" in stderr
    assert "tasks.tone.real: " in stdout + stderr and "text labelled 'neutral'" in stdout + stderr
    assert stored(tmp_path) == {}


def test_of_very_many_problems_the_first_are_listed_and_the_others_counted() -> None:
    warnings = [checks.Problem(f"arm {n}", "is small.", is_fatal=False) for n in range(10)]
    refused = study_intake.Refused([*warnings, *(checks.Problem(f"task {n}", "has no texts.") for n in range(20))])

    first, *lines, last = str(refused).splitlines()

    assert first.startswith("20 problems; ") and len(refused.problems) == 30
    assert lines == [f"  task {n}: has no texts." for n in range(15)]
    assert last == "  and 15 more, which are listed once these are mended"


def test_every_problem_of_the_file_and_its_data_is_in_one_list(call: CommandLine, tmp_path: Path) -> None:
    reviews(tmp_path, neutral="test")
    made(tmp_path)
    written(tmp_path, "other.csv", "words,mark\na,b\n")
    written(tmp_path, "votes.csv", "rater_id,left,right,winner\nr,tone,tune,left\n")
    written(tmp_path, "ratings.csv", "item_id,rater_id,label\n1,a,bad\n1,b,yes\n")
    arms = (
        "{zero-shot: {file: made.csv}, few-shot: {file: other.csv}, mixed: {file: gone.csv},"
        " llm: {generate: {per_label: 4, provider: zz}}}"
    )
    path = study(
        tmp_path,
        labels="[bad, good, neutral]",
        arms=arms,
        more="    ratings: {file: ratings.csv}\n    train_sise: 4\ncomparisons: {file: votes.csv}\n",
    )
    path.write_text(path.read_text().replace("steps: 1,", "steps: 0, stepps: 1,"))

    code, _, stderr = call("run", path)

    assert (code, "Traceback" in stderr) == (1, False)
    for sentence in (
        "unknown key 'tasks.tone.train_sise'; did you mean 'train_size'?",
        "training.steps: Input should be greater than or equal to 1",
        "training.stepps: unknown key",
        "tasks.tone.real: Arm 'real' of task 'tone' has no training text labelled 'neutral'",
        "tasks.tone.arms.zero-shot: Arm 'zero-shot' of task 'tone' has no training text labelled 'neutral'",
        "tasks.tone.arms.few-shot: other.csv has no column 'text', 'label'",
        "tasks.tone.arms.mixed: There is no file",
        "tasks.tone.arms.llm: There is no provider 'zz'",
        "tasks.tone.ratings: answers are left out: the task has no label 'yes' (1)",
        "comparisons: compares tasks that the study does not have: 'tune'",
    ):
        assert sentence in " ".join(stderr.split()), sentence
    assert stored(tmp_path) == {}


def test_the_data_of_a_task_is_looked_at_though_the_task_has_problems_of_its_own(
    call: CommandLine, tmp_path: Path
) -> None:
    written(tmp_path, "reviews.csv", "words,mark\na,b\n")
    path = study(tmp_path, labels="[0, 1]")
    path.write_text(path.read_text().replace("    question: How is it?\n", ""))

    found = [str(one["where"]) + ": " + str(one["what"]) for one in problems(call, path, "--check")]

    assert len(found) == 4, found
    for sentence in (
        "tasks.tone.question: is missing.",
        "tasks.tone.labels: the label 0 was read as int",
        "tasks.tone.real: reviews.csv has no column 'text', 'label'.",
        "tasks.tone.arms.zero-shot: There is no file",
    ):
        assert any(one.startswith(sentence) for one in found), found


def test_rows_that_will_be_left_out_are_told_by_the_check(call: CommandLine, tmp_path: Path) -> None:
    reviews(tmp_path)
    path = made(tmp_path)
    path.write_text(path.read_text() + "\n,bad,train\na bad chair number 0 came on day 0,bad,train\n")

    found = problems(call, study(tmp_path), "--check")

    assert [one["is_fatal"] for one in found] == [False]
    assert found[0]["what"] == "2 of 14 rows of made.csv will be left out: empty text (1), duplicate text (1)."


def test_a_good_study_has_no_problem_and_checking_it_stores_nothing(call: CommandLine, tmp_path: Path) -> None:
    reviews(tmp_path)
    made(tmp_path)
    path = study(tmp_path)

    code, stdout, stderr = call("run", "--check", path)

    assert (code, stdout.strip(), stderr) == (0, "no problem found", "")
    assert problems(call, path, "--check") == []
    assert stored(tmp_path) == {}


@pytest.mark.slow
def test_a_refused_study_leaves_nothing_in_postgresql_either(
    call: CommandLine, tmp_path: Path, migrated_postgresql_url: str
) -> None:
    reviews(tmp_path, neutral="test")
    made(tmp_path)
    path = study(tmp_path, labels="[bad, good, neutral]")

    code, _, stderr = call("run", path, LITMUS_DATABASE=migrated_postgresql_url)
    checked, stdout, _ = call("run", "--check", study(tmp_path), LITMUS_DATABASE=migrated_postgresql_url)

    assert (code, checked) == (1, 0), stderr
    assert stdout.startswith("no problem found")
    url = sqlalchemy.make_url(migrated_postgresql_url).set(drivername="postgresql+psycopg")
    with sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool).connect() as found:
        counts = [found.execute(sqlalchemy.text(f'SELECT count(*) FROM "{name}"')).scalar() for name in TABLES]
    assert counts == [0] * len(TABLES)


@pytest.mark.slow
def test_the_advice_can_be_followed_in_the_same_study(call: CommandLine, tmp_path: Path) -> None:
    reviews(tmp_path, neutral="test")
    made(tmp_path)

    refused, _, advice = call("run", study(tmp_path, labels="[bad, good, neutral]"))
    done, stdout, stderr = call("run", study(tmp_path), "--json")

    assert (refused, done) == (1, 0), stderr
    assert "leave the label out of the task" in advice
    found = json.loads(stdout)
    assert len(found["scores"]) == 2
    assert [(one["is_fatal"], "'neutral'" in one["what"]) for one in found["problems"]] == [(False, True)]


def test_what_would_train_on_less_than_an_arm_has_is_told_by_the_check(call: CommandLine, tmp_path: Path) -> None:
    reviews(tmp_path)
    made(tmp_path, n=1)

    code, stdout, _ = call("run", "--check", study(tmp_path))

    assert code == 0
    assert "Arm real trains on 2 of its 12 texts" in " ".join(stdout.split())


def test_labels_that_look_like_those_of_the_task_are_refused_until_it_is_said_that_they_are_the_same(
    call: CommandLine, tmp_path: Path
) -> None:
    reviews(tmp_path)
    lines = [*rows("a bad chair", n=6, split="train", label="bad"), *rows("a chair", n=5, split="train", label="good")]
    written(tmp_path, "made.csv", "\n".join(["text,label,split", *lines, "a chair without a number,Good,train"]))

    found = problems(call, study(tmp_path))
    arms = ("fold: true", 'rename: {"Good": good}')
    folded, renamed = (
        problems(call, study(tmp_path, arms=f"{{zero-shot: {{file: made.csv, {arm}}}}}"), "--check") for arm in arms
    )

    assert [one["where"] for one in found if one["is_fatal"]] == ["tasks.tone.arms.zero-shot"]
    assert "'Good' looks like 'good'" in str(found[0]["what"])
    assert found[0]["way_out"] == 'Write fold: true beside the file, or rename: {"Good": good}.'
    assert [(one["what"], one["is_fatal"]) for one in folded] == [("Taken for one label: 'Good' as 'good'.", False)]
    assert renamed == []


def test_options_of_the_command_import_are_told_as_keys_of_the_study_file(call: CommandLine, tmp_path: Path) -> None:
    reviews(tmp_path)
    written(tmp_path, "made.csv", 'text,label\na chair,"[""bad"", ""good""]"\na bad chair,bad\na good chair,good\n')

    found = problems(call, study(tmp_path))
    dropped = problems(call, study(tmp_path, arms="{zero-shot: {file: made.csv, drop_several: true}}"), "--check")

    assert [one["where"] for one in found if one["is_fatal"]] == ["tasks.tone.arms.zero-shot"]
    assert "(drop_several: true)" in f"{found[0]['what']} {found[0]['way_out']}"
    assert not [one for one in dropped if one["is_fatal"]]


def test_a_file_without_names_of_columns_is_told_with_the_keys_that_read_it(call: CommandLine, tmp_path: Path) -> None:
    reviews(tmp_path)
    written(
        tmp_path,
        "made.csv",
        "".join(f"a {label} chair {k},{label},train\n" for label in ("bad", "good") for k in range(6)),
    )
    keys = "file: made.csv, header: false, text: column 1, label: column 2, split_column: column 3"

    found = problems(call, study(tmp_path))
    mended = problems(call, study(tmp_path, arms=f"{{zero-shot: {{{keys}}}}}"), "--check")

    assert (
        "header: false if the first row is a text, or header: true if it names the columns"
        in f"{found[0]['what']} {found[0]['way_out']}"
    )
    assert not [one for one in mended if one["is_fatal"]]


def test_a_generated_arm_that_cannot_reach_the_training_size_is_refused_before_it_is_paid(
    call: CommandLine, tmp_path: Path
) -> None:
    reviews(tmp_path)
    arms = "{zero-shot: {generate: {per_label: 2, model: m, base_url: 'http://127.0.0.1:9/v1'}}}"

    found = problems(call, study(tmp_path, arms=arms, more="    train_size: 10\n"))

    assert [one["where"] for one in found] == ["tasks.tone.arms.zero-shot"]
    assert "has 4 training texts; the task's train_size asks for 10" in str(found[0]["what"])


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("shop", "s" * 201, "name of the study may have at most 200 characters"),
        ("  tone:", f"  {'t' * 201}:", "name of the task may have at most 200 characters"),
        ("zero-shot", "z" * 201, "name of the arm may have at most 200 characters"),
        ("[bad, good]", f"[bad, good, {'l' * 201}]", "name of the label may have at most 200 characters"),
        ("[bad, good]", "[bad]", "needs at least two labels"),
        ("max_length: 16", "max_length: 4000", "reads at most 512 tokens"),
        ("seeds: [0]", "seeds: [0]\nencoders: [MiniLM]", "Did you mean 'minilm'?"),
        ("seeds: [0]", "seeds: [0]\nencoders: [./no/such/model]", "/no/such/model. Give the folder of a model"),
    ],
)
def test_a_name_or_setting_that_cannot_be_is_told_once_and_first(
    call: CommandLine, tmp_path: Path, old: str, new: str, sentence: str
) -> None:
    reviews(tmp_path)
    made(tmp_path)
    path = study(tmp_path)
    path.write_text(path.read_text().replace(old, new))

    found = problems(call, path)

    told = [f"{one['what']} {one['way_out']}" for one in found if one["is_fatal"]]
    assert [sentence in one for one in told].count(True) == 1, found
    assert stored(tmp_path) == {}


def test_a_training_size_taken_out_of_the_file_holds_no_longer(call: CommandLine, tmp_path: Path, store: Store) -> None:
    reviews(tmp_path)
    made(tmp_path)
    with store.write() as session:
        shop = tasks.study_named(session, "shop")
        labels = {"bad": "", "good": ""}
        tasks.make_task(session, study_id=shop.id, name="tone", question="?", labels=labels, train_size=500)

    assert problems(call, study(tmp_path), "--check") == []
    assert "asks for 400" in str(problems(call, study(tmp_path, more="    train_size: 400\n"), "--check")[0]["what"])


def test_comparisons_of_tasks_left_out_on_purpose_are_only_mentioned(call: CommandLine, tmp_path: Path) -> None:
    reviews(tmp_path)
    made(tmp_path)
    votes = ["r,tone,mood,left", "r,mood,weather,left"]
    written(tmp_path, "votes.csv", "\n".join(["rater_id,left,right,winner", *votes]))
    path = study(tmp_path)
    task = path.read_text().split("tasks:\n")[1]
    path.write_text(path.read_text() + task.replace("  tone:", "  mood:") + "comparisons: {file: votes.csv}\n")

    found = problems(call, path, "--check")

    assert [(one["where"], one["is_fatal"]) for one in found] == [("comparisons", False)]
    assert "'weather'" in str(found[0]["what"])


def test_a_file_name_that_no_file_can_have_is_a_problem_like_others(call: CommandLine, tmp_path: Path) -> None:
    reviews(tmp_path)
    made(tmp_path)
    path = study(
        tmp_path, arms=f"{{zero-shot: {{file: {'b' * 300}.csv}}}}", more=f"comparisons: {{file: {'a' * 300}}}\n"
    )

    found = problems(call, path, "--check")

    assert [one["where"] for one in found] == ["tasks.tone.arms.zero-shot", "comparisons"]
    assert str(found[1]["what"]).startswith("There is no file ")


@pytest.mark.slow
def test_ratings_with_other_labels_than_the_task_are_told_with_the_key_to_write(
    call: CommandLine, tmp_path: Path
) -> None:
    reviews(tmp_path)
    made(tmp_path)
    written(tmp_path, "other.csv", "item_id,rater_id,label\n1,a,mild\n1,b,harsh\n")
    written(tmp_path, "alike.csv", "item_id,rater_id,label\n1,a,Bad\n1,b,good\n2,a,bad\n")
    written(tmp_path, "sets.csv", 'item_id,rater_id,label\n1,a,"[""bad"", ""good""]"\n1,b,bad\n')

    def told(ratings: str) -> list[tuple[bool, str]]:
        found = problems(call, study(tmp_path, more=f"    ratings: {{file: {ratings}}}\n"), "--check")
        assert {one["where"] for one in found} <= {"tasks.tone.ratings"}
        return [(bool(one["is_fatal"]), f"{one['what']} {one['way_out']}") for one in found]

    (is_fatal, sentence), *more = told("other.csv")
    assert is_fatal and not more and "(keep_labels: true)" in sentence and "--" not in sentence
    assert told("other.csv, keep_labels: true") == []
    assert (True, "'Bad'") in [
        (fatal, "'Bad'") for fatal, said in told("alike.csv") if "writes otherwise: 'Bad'" in said
    ]
    assert not [one for one in told("alike.csv, fold: true") if one[0]]
    assert "(has: 'bad')" in told("sets.csv")[0][1] and "(whole_sets: true)" in told("sets.csv")[0][1]
    assert not [one for one in told("sets.csv, has: bad") if one[0]]


def test_an_edit_of_how_ratings_are_read_replaces_them_and_is_told(call: CommandLine, tmp_path: Path) -> None:
    reviews(tmp_path)
    made(tmp_path)
    path = written(tmp_path, "alike.csv", "item_id,rater_id,label\n1,a,Bad\n1,b,good\n2,a,bad\n")
    code, _, stderr = call("import", tmp_path / "reviews.csv", "--study", "shop", "--task", "tone", "--arm", "real")
    assert code == 0, stderr
    code, _, stderr = call("ratings", path, "--study", "shop", "--task", "tone")
    assert code == 0, stderr

    found = problems(call, study(tmp_path, more="    ratings: {file: alike.csv, fold: true}\n"), "--check")

    assert any(str(one["what"]).startswith("These took the place of 2 answers") for one in found if not one["is_fatal"])


def test_ratings_whose_ids_are_no_items_are_told_without_an_option_of_a_command(
    call: CommandLine, tmp_path: Path
) -> None:
    reviews(tmp_path)
    made(tmp_path)
    rows = [f"tone,text {n},{rater},bad" for n in range(3) for rater in "ab"]
    written(tmp_path, "r.csv", "\n".join(["task,text,worker,label", *rows]))

    found = problems(call, study(tmp_path, more="    ratings: {file: r.csv}\n"), "--check")

    told = [str(one["what"]) for one in found if one["where"] == "tasks.tone.ratings"]
    assert len(told) == 1 and "each of these texts counts as an item" in told[0] and "--" not in told[0]


@pytest.mark.slow
def test_an_arm_cut_to_a_few_texts_says_so_in_the_terminal_the_json_and_the_report(
    call: CommandLine, tmp_path: Path
) -> None:
    reviews(tmp_path)
    made(tmp_path, n=1)
    path = study(tmp_path)
    sentence = "Arm real trains on 2 of its 12 texts: every arm of a task gets as many as the smallest one, zero-shot."

    found = json.loads(call("run", path, "--json")[1])
    code, stdout, _ = call("run", path)

    assert code == 0
    assert f"Mind: tone: {sentence}" in stdout
    assert f"tone: {sentence}" in found["cautions"]
    assert sentence in Path(found["report"]).read_text(encoding="utf-8")


@pytest.mark.slow
def test_neither_the_order_of_labels_nor_of_rows_moves_a_score(call: CommandLine, tmp_path: Path) -> None:
    scores = []
    for name, labels, turned in (("a", "[bad, good]", 1), ("b", "[good, bad]", 1), ("c", "[good, bad]", -1)):
        folder = tmp_path / name
        folder.mkdir()
        for path in (reviews(folder), made(folder)):
            head, *lines = path.read_text().splitlines()
            path.write_text("\n".join([head, *lines[::turned]]))
        file = study(folder, labels=labels)
        file.write_text(file.read_text().replace("study: shop", f"study: {name}").replace("steps: 1", "steps: 4"))
        found = json.loads(call("run", file, "--json")[1])
        scores.append([(one["arm"], one["macro_f1"], one["accuracy"]) for one in found["scores"]])

    assert scores[0] == scores[1] == scores[2]
    with sqlite3.connect(tmp_path / "home" / "litmus.db") as stored_runs:
        by_study = """
            SELECT study.name, arm.name, sample.text, label.name, prediction.probability FROM prediction
            JOIN sample ON sample.id = sample_id JOIN label ON label.id = prediction.label_id
            JOIN run ON run.id = run_id JOIN arm ON arm.id = run.arm_id
            JOIN task ON task.id = arm.task_id JOIN study ON study.id = task.study_id
        """
        rows_of = sorted(stored_runs.execute(by_study).fetchall())
        prints = stored_runs.execute("SELECT count(DISTINCT fingerprint), count(*) FROM run").fetchone()
    answers = [[row[1:] for row in rows_of if row[0] == name] for name in "abc"]
    assert answers[0] == answers[1] == answers[2] and len(answers[0]) == 24
    assert prints == (2, 6)


def with_training(folder: Path, training: str, *, head: str = "") -> Path:
    path = study(folder)
    shown = path.read_text().replace("training: {steps: 1, batch_size: 4, max_length: 16}", f"training: {training}")
    path.write_text(shown.replace("seeds: [0]\n", head))
    return path


@pytest.mark.slow
def test_a_preset_is_written_out_in_the_check_and_what_the_file_says_itself_stays(
    call: CommandLine, tmp_path: Path
) -> None:
    reviews(tmp_path)
    made(tmp_path)

    [paper] = problems(call, with_training(tmp_path, "paper"), "--check")[:1]
    changed = problems(call, with_training(tmp_path, "{preset: paper, steps: 5}", head="seeds: [7]\n"), "--check")
    code, stdout, _ = call("run", with_training(tmp_path, "quick"), "--check")
    [unknown] = problems(call, with_training(tmp_path, "papper"), "--check")

    for part in (
        "bert-base-uncased, roberta-base",
        "3 seeds",
        "3,000 training texts",
        "batches of 64",
        "5e-05",
        "unverified",
    ):
        assert part in str(paper["what"])
    assert not paper["is_fatal"] and "The file has its own" not in str(paper["what"])
    assert "The file has its own seeds, steps." in str(changed[0]["what"])
    short = "Every arm trains on 12 texts, the size of the smallest one, real; 3,000 a label were asked for."
    assert short in [one["what"] for one in changed]
    assert code == 0 and "mind: training: The preset quick stands for minilm; 3 seeds; batches of 32" in stdout
    assert (
        unknown["is_fatal"] and unknown["where"] == "training.preset" and "'paper' or 'quick'" in str(unknown["what"])
    )


@pytest.mark.slow
def test_a_study_with_a_preset_trains_with_its_choices_and_those_of_the_file(call: CommandLine, tmp_path: Path) -> None:
    reviews(tmp_path)
    made(tmp_path)
    path = with_training(tmp_path, "{preset: quick, steps: 2, max_length: 16}", head="seeds: [3]\n")

    found = json.loads(call("run", path, "--json")[1])

    assert {(one["encoder"], one["seed"]) for one in found["scores"]} == {("minilm", 3)}
    with sqlite3.connect(tmp_path / "home" / "litmus.db") as stored_runs:
        [(training,)] = set(stored_runs.execute("SELECT config -> 'training' FROM run").fetchall())
    own = json.loads(training)
    assert (own["steps"], own["batch_size"], own["max_length"]) == (2, 32, 16)


@pytest.mark.slow
def test_a_curve_of_a_study_file_is_checked_for_its_arms_sizes_and_words(call: CommandLine, tmp_path: Path) -> None:
    reviews(tmp_path)
    made(tmp_path)

    def told(curve: str) -> str:
        [found] = problems(call, study(tmp_path, more=f"    curve: {curve}\n"), "--check")
        return f"{found['where']}: {found['what']} {found['way_out']}"

    assert "tasks.tone.curve: The task has no synthetic arm 'few-shot' for its curve." in told(
        "{sizes: [4], with: [few-shot]}"
    )
    assert "0, or 2 to 12 real texts (its labels, and its real training texts); found 13." in told("{sizes: [0, 13]}")
    assert "found 50. Ask for other sizes." in told("{with: [zero-shot]}")
    assert "a size is a whole number of real texts or all; found 'most'" in told("{sizes: [most]}")
    assert "did you mean 'with'?" in told("{sizes: [4], wih: [zero-shot]}")
    assert problems(call, study(tmp_path, more="curve: {sizes: [0, 4, all], with: [zero-shot]}\n"), "--check") == []


@pytest.mark.slow
def test_a_run_trains_the_curve_of_its_file_after_the_comparison_and_the_command_finds_it_done(
    call: CommandLine, tmp_path: Path
) -> None:
    reviews(tmp_path)
    made(tmp_path)
    path = study(tmp_path, more="    curve: {sizes: [0, 4, all], with: [zero-shot], synthetic: 6, seeds: [1]}\n")

    found = json.loads(call("run", path, "--json")[1])
    code, stdout, _ = call("run", path)
    options = ("--sizes", "0,4,all", "--with", "zero-shot", "--synthetic", 6, "--seeds", 1)
    alone = json.loads(call("curve", "--task", "tone", *options, "--json")[1])

    [curve] = found["curves"]
    points = {(row["arm"], row["n_train"]) for row in curve["curve"]}
    assert curve["task"] == "tone" and {("real", 4), ("real", 12)} <= points
    assert {("zero-shot", 6), ("real + zero-shot", 10)} & points
    assert {one["n_train"] for one in found["scores"]} == {12}
    assert code == 0 and "tone: macro-F1 by training texts" in stdout
    assert alone["curve"] == curve["curve"] and alone["reading"] == curve["reading"]
    with sqlite3.connect(tmp_path / "home" / "litmus.db") as stored_runs:
        assert stored_runs.execute("SELECT purpose, count(*) FROM run GROUP BY 1 ORDER BY 1").fetchall() == [
            ("comparison", 2), ("learning-curve", 5),
        ]  # fmt: skip


def test_an_option_of_run_goes_before_the_training_settings_of_the_file() -> None:
    reading = checks.read(catalogue.SAMPLE_STUDY)

    asked = study_intake.request_of(
        reading, seeds=None, training={"sample_weights": "column", "class_weights": "balanced"}
    )
    clash = study_intake.request_of(reading, seeds=None, training={"targets": "soft", "class_weights": "balanced"})

    assert (asked.training.sample_weights, asked.training.class_weights) == ("column", "balanced")
    assert asked.training.batch_size == study_intake.request_of(reading, seeds=None).training.batch_size
    assert any("class_weights balanced needs hard targets" in problem.what for problem in clash.problems)
