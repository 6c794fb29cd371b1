"""The command compare on a stored study: what it says, its JSON, and what it refuses."""

import json
from typing import Any

import pytest

from core.study import tasks
from core.study.store import Store
from tests.command_line import CommandLine
from tests.finished_study import add_runs, make_task

KEYS = {
    "task", "encoder", "n_train", "metric", "margin", "arms", "differences", "over_tasks", "classes", "sizes", "worth",
    "worth_reading", "costs", "measures", "measures_are_stale", "ranks", "stability", "cautions",
}  # fmt: skip


def fill(store: Store, *, seeds: int = 3, **right: float) -> None:
    with store.write() as session:
        study = tasks.study_named(session, "s")
        arms = [arm.replace("_", "-") for arm in right]
        for name in ("news", "irony"):
            task = make_task(session, study, name, arms=[arm for arm in arms if arm != "real"])
            add_runs(session, task, dict(zip(arms, right.values(), strict=True)), seeds=seeds)


@pytest.mark.slow
def test_arms_are_compared_in_words_and_as_json(store: Store, call: CommandLine) -> None:
    fill(store, real=0.92, zero_shot=0.7, few_shot=0.85)

    said, found = call("compare", "--task", "irony"), json.loads(call("compare", "--task", "irony", "--json").stdout)

    assert said.code == 0 and "zero-shot loses" in said.stdout and "nan" not in said.stdout.lower()
    assert set(found) == KEYS and len(found["differences"]) == 3 and len(found["over_tasks"]) == 3
    first = found["differences"][0]
    assert (first["arm"], first["base"]) == ("zero-shot", "real") and first["low"] < first["lost"] < first["high"]
    assert first["p"] <= first["p_adjusted"] and first["reading"].startswith("zero-shot loses")
    assert [one["label"] for one in found["classes"][0]["labels"]] == ["yes", "no"]


def test_only_some_arms_make_a_smaller_family(store: Store, call: CommandLine) -> None:
    fill(store, real=0.92, zero_shot=0.7, few_shot=0.85)

    found = json.loads(call("compare", "--task", "irony", "--arms", "zero-shot, few-shot", "--json").stdout)

    assert [(one["arm"], one["base"]) for one in found["differences"]] == [("few-shot", "zero-shot")]
    assert found["differences"][0]["p"] == found["differences"][0]["p_adjusted"] and len(found["over_tasks"]) == 1
    assert "The real arm is not among the chosen ones" in found["cautions"][0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"real": 0.9}, "Only real has finished runs here. Train a second arm"),
        ({"zero_shot": 0.9, "few_shot": 0.8}, "so arms are compared with one another only"),
        (
            {"real": 0.5, "zero_shot": 0.5},
            "The real arm is no better than chance, so a difference from it means nothing",
        ),
        ({"real": 0.9, "zero_shot": 0.7, "seeds": 1}, "One seed only: real, zero-shot. An interval needs 3."),
        ({"real": 0.9, "zero_shot": 0.7, "seeds": 1}, "McNemar's exact test of these two trainings alone"),
        ({"real": 1.0, "zero_shot": 1.0}, "so the interval is the rule of three"),
        ({"real": 0.9, "zero_shot": 0.7}, "needs the real arm trained on several numbers of texts"),
        ({"real": 0.9, "zero_shot": 0.7}, "Measure the arms on Inspect"),
    ],
)
def test_whatever_is_missing_is_said_in_a_sentence(
    store: Store, call: CommandLine, given: dict[str, Any], said: str
) -> None:
    fill(store, **given)

    answer = call("compare", "--task", "news")

    assert answer.code == 0, answer.stderr
    assert said in " ".join(answer.stdout.split()) and "nan" not in answer.stdout.lower()
    assert json.loads(call("compare", "--task", "news", "--json").stdout)["task"] == "news"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--task", "news", "--arms", "mixed"), "there are: real, zero-shot"),
        (("--task", "news", "--against", "mixed"), "no arm 'mixed' to compare with among real, zero-shot"),
        (("--task", "news", "--margin", "0"), "such as 0.02 for 2 points"),
        (("--task", "news", "--size", "7"), "there are runs on 100"),
        (("--task", "unknown"), "There is no task"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(
    store: Store, call: CommandLine, options: tuple[str, ...], said: str
) -> None:
    fill(store, real=0.9, zero_shot=0.8)

    code, _, stderr = call("compare", *options)

    assert code == 1 and said in stderr and "Traceback" not in stderr


def test_a_task_without_runs_says_what_to_train(store: Store, call: CommandLine) -> None:
    with store.write() as session:
        make_task(session, tasks.study_named(session, "s"), "new", arms=["zero-shot"])

    code, _, stderr = call("compare", "--task", "new")

    assert (code, stderr) == (1, "No run of task 'new' has finished. Train at least two of its arms.\n")


def test_an_arm_with_commas_in_its_name_is_found_in_a_list(store: Store, call: CommandLine) -> None:
    with store.write() as session:
        task = make_task(session, tasks.study_named(session, "s"), "irony", arms=["few,shot $1", "few", "zero-shot"])
        add_runs(session, task, {"real": 0.92, "few,shot $1": 0.85, "few": 0.6, "zero-shot": 0.7})

    said = call("compare", "--task", "irony", "--arms", "real,few,shot $1", "--json")

    assert said.code == 0, said.stderr
    assert {one["arm"] for one in json.loads(said.stdout)["arms"]} == {"real", "few,shot $1"}
    with store() as session:
        assert tasks.arm_names(session, task.id, " few, zero-shot,,new") == ("few", "zero-shot", "new")
