"""The command plan: what it says without a study and with one, what is out of reach, and how it refuses."""

import json

import pytest

from core.study import tasks
from core.study.store import Store
from tests.command_line import CommandLine
from tests.finished_study import add_runs, make_task

QUESTIONS = [("slope",), ("gap",), ("equivalence",), ("arms",), ("arms", "--over-tasks")]


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_every_question_has_a_plan_that_names_its_assumptions(call: CommandLine, question: tuple[str, ...]) -> None:
    code, stdout, stderr = call("plan", *question, "--json")
    found = json.loads(stdout)

    assert code == 0, stderr
    assert found["reached"] and 0.8 <= found["power"] <= 1
    assert found["tasks"] >= 1 and found["seeds"] >= 3 and found["test_texts"] >= 30 and found["minutes"] > 0
    assert (found["ratings"] > 0) == (question[0] == "slope")
    assert found["cost_usd"] is None and {row["from"] for row in found["assumptions"]} == {"assumption"}


def test_what_is_out_of_reach_has_no_sizes_but_the_best_power(call: CommandLine) -> None:
    found = json.loads(call("plan", "equivalence", "--margin", "0.01", "--json").stdout)
    said = call("plan", "equivalence", "--margin", "0.01")

    assert not found["reached"] and found["seeds"] is None and found["minutes"] is None
    assert found["power"] == found["largest"]["power"] < 0.8 and found["largest"]["test_texts"] == 5000
    assert said.code == 0 and "is out of reach" in said.stdout and "nan" not in said.stdout.lower()


def test_a_price_and_fixed_sizes_count(call: CommandLine) -> None:
    found = json.loads(call("plan", "slope", "--tasks", "30", "--usd-per-text", "0.001", "--json").stdout)

    assert found["tasks"] == 30
    assert found["cost_usd"] == pytest.approx(30 * 600 * 0.001)


def test_a_study_lends_its_own_numbers(store: Store, call: CommandLine) -> None:
    with store.write() as session:
        task = make_task(session, tasks.study_named(session, "s"), "mood", arms=["zero-shot"])
        add_runs(session, task, {"real": 0.9, "zero-shot": 0.8})

    found = json.loads(call("plan", "gap", "--task", "mood", "--json").stdout)

    numbers = {row["name"]: row for row in found["assumptions"]}
    assert numbers["text_variance"]["from"] == "study" and numbers["tau"]["from"] == "assumption"
    assert numbers["texts_there"]["value"] == 120 and found["test_texts"] >= 120
    assert "Numbers from the study s" in found["basis"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("gap", "--effect", "5"), "0.05 for 5 points"),
        (("equivalence", "--effect", "0.1"), "must lie below the margin"),
        (("slope", "--tasks", "3"), "needs at least 4 tasks"),
        (("gap", "--seeds", "2"), "needs at least 3 seeds"),
        (("gap", "--tasks", "3"), "is about one task"),
        (("gap", "--power", "80"), "between 0 and 1"),
        (("gap", "--over-tasks"), "belongs to the question arms"),
        (("gap", "--margin", "0.02"), "belongs to the question equivalence"),
        (("gap", "--ratings", "40"), "belong to the question slope"),
        (("gap", "--study", "none"), "There is no study 'none'"),
        (("gap", "--tau", "-1"), "tau must be a number of 0 or more"),
    ],
)
def test_wrong_numbers_are_refused_with_one_sentence(call: CommandLine, given: tuple[str, ...], said: str) -> None:
    code, stdout, stderr = call("plan", *given)

    assert code == 1 and said in stderr and not stdout and len(stderr.strip().splitlines()) == 1


def test_an_unknown_question_is_wrong_usage(call: CommandLine) -> None:
    assert call("plan", "everything").code == 2
