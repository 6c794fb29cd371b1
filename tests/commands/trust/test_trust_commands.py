"""The commands freeze, near-duplicates and contamination, and the checks that the command verdict lists."""

import json
from pathlib import Path

import pytest

from core.study import tasks
from core.study.store import Store
from tests.command_line import CommandLine
from tests.finished_study import add_runs, make_task
from tests.llm_server import LlmServer

SAME = "The ferry left the harbour at dawn and came back full of salt and rope"


@pytest.fixture
def letters(call: CommandLine, tmp_path: Path) -> CommandLine:
    """A task with a test text that stands in training too, but for a comma, and texts that are like no other."""
    words = (
        "anchor",
        "button",
        "candle",
        "dragon",
        "engine",
        "forest",
        "guitar",
        "hammer",
        "island",
        "jacket",
        "kettle",
        "ladder",
    )
    rows = [f"{SAME},glad,test", f'"{SAME.lower()},",glad,train']
    rows += [
        f"{' '.join([word, word[::-1], word.upper()[1:4]] * 5)},{'glad' if n % 2 else 'sad'},{'test' if n % 3 else 'train'}"
        for n, word in enumerate(words)
    ]
    path = tmp_path / "real.csv"
    path.write_text("\n".join(["text,label,split", *rows]))
    code, _, stderr = call("import", path, "--task", "mood", "--arm", "real")
    assert code == 0, stderr
    return call


def test_a_plan_is_frozen_shown_and_never_changed(letters: CommandLine) -> None:
    assert letters("freeze").code == 1
    code, stdout, stderr = letters(
        "freeze", "--question", "Does it cost more?", "--seeds", "5", "--margin", "0.03", "--json"
    )
    first = json.loads(stdout)
    letters("freeze", "--question", "Does it cost less?", "--headline", "as-good")
    shown = letters("freeze")

    assert code == 0, stderr
    assert (first["version"], first["plan"]["seeds"], first["plan"]["margin"]) == (1, [0, 1, 2, 3, 4], 0.03)
    assert len(first["sha256"]) == 64 and first["deviations"] == ["mood: no run has finished yet."]
    assert shown.stdout.startswith("Plan 2 was frozen on ") and "Does it cost less?" in shown.stdout


def test_near_duplicates_are_found_moved_and_moved_back(letters: CommandLine) -> None:
    found = json.loads(letters("near-duplicates", "--task", "mood", "--json").stdout)
    moved = letters("near-duplicates", "--task", "mood", "--move-to", "train")
    back = letters("near-duplicates", "--task", "mood", "--undo")

    assert (found["near"], found["test_texts"], found["moves"]) == (1, 9, [])
    assert moved.code == 0 and "Near-duplicates moved into train: 1 from test." in moved.stdout
    assert "No near-duplicate of 8 test texts" in " ".join(moved.stdout.split())
    assert "1 text moved back" in back.stdout and "1 of 9 test texts" in " ".join(back.stdout.split())
    assert letters("near-duplicates", "--task", "mood", "--undo").code == 1
    assert letters("near-duplicates", "--task", "mood", "--undo", "--move-to", "test").code == 2


@pytest.mark.slow
def test_a_model_that_knows_nothing_is_said_to_know_nothing(letters: CommandLine) -> None:
    with LlmServer(models=["m"]) as llm:
        tested = letters(
            "contamination", "--task", "mood", "--model", "m", "--base-url", llm.url, "--texts", "5", "--json"
        )
        queued = letters("contamination", "--task", "mood", "--model", "m", "--base-url", llm.url, "--detach", "--json")

    found = json.loads(tested.stdout)
    assert tested.code == 0, tested.stderr
    assert (found["wanted"], found["n"], found["guided"]["value"]) == (5, 5, 0.0)
    assert "completed none of 5 real test texts" in found["reading"]
    assert json.loads(queued.stdout)["job"]
    said = json.loads(letters("verdict", "--task", "mood", "--json").stdout)["trust"]
    assert said[1].startswith("Contamination: m completed none of 5 real test texts")


@pytest.mark.slow
def test_the_verdict_lists_what_was_checked_and_what_was_not(store: Store, call: CommandLine) -> None:
    with store.write() as session:
        task = make_task(session, tasks.study_named(session, "s"), "t", arms=["zero-shot"])
        add_runs(session, task, {"real": 0.9, "zero-shot": 0.8})
    call("freeze", "--question", "Does it cost more?")

    found = json.loads(call("verdict", "--task", "t", "--margin", "0.1", "--json").stdout)
    told = " ".join(call("verdict", "--task", "t").stdout.split())

    assert [line.partition(":")[0] for line in found["trust"]] == [
        "Baselines", "Contamination", "Near-duplicates", "Calibration", "Labels", "Frozen plan",
    ]  # fmt: skip
    assert "The margin is 10 points; planned were 5." in found["deviations"]
    assert "- Contamination: not tested" in told and "6 runs were finished before the plan was frozen." in told


@pytest.mark.slow
def test_baselines_are_fitted_once_and_an_llm_answers_the_test_texts_alone(letters: CommandLine) -> None:
    first = letters("baselines", "--task", "mood", "--json")
    again = letters("baselines", "--task", "mood", "--json")
    with LlmServer(models=["judge"]) as server:
        options = ("--task", "mood", "--model", "judge", "--base-url", server.url, "--test-texts")
        assert letters("judge", *options, "--arm", "real").code == 1
        code, _, stderr = letters("judge", *options)
    shown = json.loads(letters("baselines", "--task", "mood", "--json").stdout)

    assert (first.code, code) == (0, 0), stderr
    found = json.loads(first.stdout)
    assert found["fitted"] > 0 and json.loads(again.stdout)["fitted"] == 0
    assert {row["name"] for row in found["baselines"]} == {"majority", "tfidf", "embeddings"}
    assert [row["n"] for row in shown["baselines"] if row["name"] == "llm:judge"] == [found["baselines"][0]["n"]]
    assert letters("baselines", "--task", "mood", "--students").code == 1
