"""The command verdict on a stored study: what it says in the terminal, as JSON and as a comment, and how it exits."""

import json
from pathlib import Path

import pytest

from core.study import tasks
from core.study.store import Store
from tests.command_line import CommandLine
from tests.finished_study import add_runs, make_task

LOSSES = {"news": 0.02, "tone": 0.08, "mood": 0.14, "irony": 0.25, "humour": 0.3}


@pytest.fixture
def studied(store: Store, call: CommandLine, tmp_path: Path) -> CommandLine:
    """Five tasks with runs of both arms and ratings; the less raters agree, the more zero-shot loses. And one task without runs."""
    with store.write() as session:
        study = tasks.study_named(session, "s")
        for name, loss in LOSSES.items():
            task = make_task(session, study, name, arms=["zero-shot"])
            add_runs(session, task, {"real": 0.92, "zero-shot": 0.92 - loss})
        make_task(session, study, "new")
    for name, noise in (*((name, 5 * loss) for name, loss in LOSSES.items()), ("new", 0.5)):
        path = tmp_path / f"{name}.csv"
        path.write_text(ratings(name, noise), encoding="utf-8")
        code, _, stderr = call("ratings", path, "--task", name)
        assert code == 0, stderr
    return call


def ratings(task: str, noise: float) -> str:
    """Three raters label 40 texts; on this share of them the third one disagrees."""
    rows = ["item_id,rater_id,label,text"]
    for number in range(40):
        label, other = ("yes", "no") if number % 2 == 0 else ("no", "yes")
        third = other if number % 20 < 20 * noise else label
        rows += [
            f"{number},{rater},{given},{task} text {number}"
            for rater, given in (("a", label), ("b", label), ("c", third))
        ]
    return "\n".join(rows) + "\n"


@pytest.mark.slow
def test_a_task_without_runs_is_judged_by_the_others(studied: CommandLine) -> None:
    code, stdout, stderr = studied("verdict", "--task", "new", "--json")
    found = json.loads(stdout)

    assert code == 0, stderr
    assert found["low"] < found["expected_gap"] < found["high"]
    assert 0.02 < found["expected_gap"] < 0.4 and 0 <= found["chance_within_margin"] <= 1
    assert found["advice"] in {"generate", "mix", "collect", "pilot"}
    assert found["arms"][0]["tasks"] == 5 and found["arms"][0]["measured"] is None
    assert any("A pilot with 300 labelled test texts" in reason for reason in found["reasons"])


@pytest.mark.slow
def test_a_measure_that_the_study_does_not_have_is_refused_and_the_one_in_use_is_named(
    studied: CommandLine, tmp_path: Path
) -> None:
    refused = studied("verdict", "--task", "new", "--measure", "scale")
    pack = studied("report", tmp_path / "pack", "--measure", "comparisons")
    found = json.loads(studied("verdict", "--task", "new", "--json").stdout)

    for said in (refused, pack):
        assert said.code == 1 and "It has: ratings." in said.stderr and said.stderr.count("\n") == 1
    assert found["measure"] == "ratings"


@pytest.mark.slow
def test_own_runs_speak_first_and_plainly(studied: CommandLine) -> None:
    said = studied("verdict", "--task", "humour", "--margin", "0.05")

    assert said.code == 0, said.stderr
    assert said.stdout.startswith("zero-shot: ") and "points lost (95 % interval [" in said.stdout.splitlines()[0]
    assert "Collect real texts" in said.stdout.splitlines()[0] + said.stdout.splitlines()[1]
    assert "It speaks of new test texts and new trainings, not of another set of generated texts." in " ".join(
        said.stdout.split()
    )


@pytest.mark.slow
def test_a_pipeline_fails_where_too_much_is_lost_and_reads_a_comment(studied: CommandLine) -> None:
    assert studied("verdict", "--task", "humour", "--fail-over", "0.05").code == 3
    assert studied("verdict", "--task", "humour", "--fail-over", "0.9").code == 0

    said = studied("verdict", "--task", "humour", "--markdown").stdout

    assert said.startswith("### humour: collect") and "| zero-shot |" in said


def test_a_real_arm_that_learned_nothing_gives_no_verdict(store: Store, call: CommandLine) -> None:
    with store.write() as session:
        task = make_task(session, tasks.study_named(session, "s"), "dull", arms=["zero-shot"])
        add_runs(session, task, {"real": 0.5, "zero-shot": 0.5})

    said = call("verdict", "--task", "dull", "--fail-over", "0.01", "--json")

    assert said.code == 0 and json.loads(said.stdout)["withheld"]
    assert json.loads(said.stdout)["headline"].startswith("No verdict yet: the real arm is no better than chance")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seeds", "said"), [(0, "From a weak assumption alone"), (1, "From a weak assumption alone"), (3, "zero-shot: ")]
)
def test_one_task_alone_has_an_answer(store: Store, call: CommandLine, seeds: int, said: str) -> None:
    with store.write() as session:
        task = make_task(session, tasks.study_named(session, "s"), "only", arms=["zero-shot"])
        add_runs(session, task, {"real": 0.9, "zero-shot": 0.8}, seeds=seeds)

    found = call("verdict", "--task", "only", "--json")

    assert found.code == 0 and json.loads(found.stdout)["headline"].startswith(said) or said in found.stdout
    assert "nan" not in found.stdout.lower()


@pytest.mark.slow
@pytest.mark.parametrize("option", [("--margin", "0"), ("--fail-over", "2")])
def test_margins_outside_the_scale_are_refused(studied: CommandLine, option: tuple[str, str]) -> None:
    code, _, stderr = studied("verdict", "--task", "new", *option)

    assert code == 1 and "0.05 for 5 points" in stderr
