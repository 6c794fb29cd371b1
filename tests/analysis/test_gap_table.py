"""Gaps of a study: only runs that may be compared are compared, and the real arm must have learned something."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.analysis import gap_table
from core.analysis.arms import trained
from core.analysis.gap_table import GapTable
from core.analysis.points import Metric

TRUTH = np.tile([1, 2], 40)


class Runs:
    """Runs of one study with their answers; every run is right on a share of 80 texts, drawn by its number."""

    def __init__(self) -> None:
        self.scores: list[dict[str, Any]] = []
        self.answers: list[pd.DataFrame] = []

    def add(self, arm: str, *, seeds: int = 3, right: float = 0.9, **changes: Any) -> "Runs":
        for seed in range(seeds):
            number = len(self.scores) + 1
            plain = {
                "task": "t", "arm": arm, "arm_kind": arm, "encoder": "minilm", "seed": seed, "n_train": 100,
                "settings": "steps 10", "conditions": "steps 10, 100 texts", "macro_f1": 0.0, "accuracy": 0.0, "n_test": 80,
                "run_id": number, "notes": (), "converged": True,
            }  # fmt: skip
            self.scores.append(plain | changes)
            hit = np.random.default_rng(number).random(80) < right
            columns = {"run_id": number, "sample_id": np.arange(80), "label_id": TRUTH}
            self.answers.append(pd.DataFrame(columns | {"predicted_id": np.where(hit, TRUTH, 3 - TRUTH)}))
        return self

    def table(self, *, metric: Metric = Metric.ACCURACY) -> GapTable:
        return gap_table.of_runs(pd.DataFrame(self.scores), pd.concat(self.answers), metric=metric)

    def accuracy(self, arm: str) -> float:
        both = zip(self.scores, self.answers, strict=True)
        return float(
            np.mean([(own["label_id"] == own["predicted_id"]).mean() for run, own in both if run["arm"] == arm])
        )


def test_a_gap_is_the_difference_of_mean_scores_with_an_interval_over_texts_and_seeds() -> None:
    runs = Runs().add("real", seeds=4).add("zero-shot", right=0.7)

    found = runs.table().table.iloc[0]

    assert found["gap"] == pytest.approx(runs.accuracy("real") - runs.accuracy("zero-shot"), abs=1e-12)
    assert found["low"] < found["gap"] < found["high"]
    assert (found["n_seeds"], found["n_test"], found["note"]) == (3, 80, "")


def test_under_three_seeds_there_is_no_interval_and_the_row_says_so() -> None:
    found = Runs().add("real", seeds=1).add("zero-shot", seeds=1).table().table.iloc[0]

    assert math.isnan(found["low"]) and found["note"] == "An interval needs 3 seeds in each arm; there are 1 and 1."


@pytest.mark.parametrize("change", [{"conditions": "steps 20, 100 texts"}, {"encoder": "other"}, {"task": "u"}])
def test_runs_of_other_conditions_encoders_or_tasks_are_not_compared(change: dict[str, Any]) -> None:
    assert Runs().add("real").add("zero-shot", **change).table().table.empty


def test_a_new_set_of_runs_never_makes_the_gap_of_the_old_one_vanish() -> None:
    runs = Runs().add("real").add("zero-shot", right=0.6)
    before = runs.table().table.iloc[0]

    for seeds in (1, 2):
        runs.add("zero-shot", seeds=seeds, right=0.99, settings="steps 300", conditions="steps 300, 100 texts")
        after = runs.table().table.iloc[0]
        assert (after["gap"], after["n_seeds"]) == (before["gap"], 3)


def test_figures_hold_runs_of_one_setting_and_say_what_is_left_out() -> None:
    runs = (
        Runs()
        .add("real")
        .add("zero-shot")
        .add("zero-shot", seeds=5, settings="steps 300", conditions="steps 300, 100 texts")
    )

    kept, said = gap_table.of_one_setting(pd.DataFrame(runs.scores))

    assert set(kept["settings"]) == {"steps 10"}
    assert said == "5 runs were trained with other settings and stand in no figure (these have steps 10)."
    assert gap_table.of_one_setting(kept)[1] == ""


def test_a_real_arm_that_answers_at_random_has_learned_nothing() -> None:
    dull = Runs().add("real", right=0.5).add("zero-shot", right=0.5).table()
    sharp = Runs().add("real").add("zero-shot", right=0.5).table(metric=Metric.MACRO_F1)

    assert dull.unlearned == {("t", "minilm")} and sharp.unlearned == frozenset()
    assert sharp.baselines.to_dict("records") == [
        {"task": "t", "name": "majority", "macro_f1": pytest.approx(1 / 3), "accuracy": 0.5}
    ]


def test_a_real_arm_not_shown_to_beat_the_commonest_label_has_not_learned_either() -> None:
    truth = np.tile([1, 2, 2, 2, 2, 2, 2, 2], 10)
    scores, answers = [], []
    for number, arm in enumerate(["real"] * 3 + ["zero-shot"] * 3):
        one = Runs().add(arm, seeds=1)
        scores.append(one.scores[0] | {"run_id": number, "seed": number % 3})
        hit = np.random.default_rng(number).random(80) < 0.85
        columns = {"run_id": number, "sample_id": np.arange(80), "label_id": truth}
        answers.append(pd.DataFrame(columns | {"predicted_id": np.where(hit, truth, 3 - truth)}))

    found = gap_table.of_runs(pd.DataFrame(scores), pd.concat(answers), metric=Metric.ACCURACY)

    assert found.unlearned == found.unbeaten == {("t", "minilm")}
    assert found.why_unlearned("t") == "the real arm is not shown to beat always the commonest label"


@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_a_real_arm_below_the_commonest_label_has_not_learned_with_any_number_of_seeds(seeds: int) -> None:
    truth = np.tile([1, 2, 2, 2, 2], 16)
    scores, answers = [], []
    for number, arm in enumerate(["real"] * seeds + ["zero-shot"] * seeds):
        scores.append(Runs().add(arm, seeds=1).scores[0] | {"run_id": number, "seed": number % seeds})
        hit = np.random.default_rng(number).random(80) < 0.75
        columns = {"run_id": number, "sample_id": np.arange(80), "label_id": truth}
        answers.append(pd.DataFrame(columns | {"predicted_id": np.where(hit, truth, 3 - truth)}))

    found = gap_table.of_runs(pd.DataFrame(scores), pd.concat(answers), metric=Metric.ACCURACY)

    assert found.unlearned == {("t", "minilm")} and found.why_unlearned("t")


def test_one_seed_that_beats_the_commonest_label_by_its_test_texts_has_learned() -> None:
    found = Runs().add("real", seeds=1).add("zero-shot", seeds=1).table()

    assert found.learned == {("t", "minilm")} and found.why_unlearned("t") == ""


def test_a_real_arm_is_judged_without_a_synthetic_one_and_with_each_encoder_alone() -> None:
    alone = Runs().add("real", right=0.5).table()
    both = (
        Runs()
        .add("real", right=0.5)
        .add("zero-shot")
        .add("real", encoder="bert")
        .add("zero-shot", encoder="bert")
        .table()
    )

    assert alone.table.empty and alone.why_unlearned("t") == gap_table.NO_BETTER
    assert (both.unlearned, both.learned) == ({("t", "minilm")}, {("t", "bert")})
    assert both.why_unlearned("t") == ""
    assert both.unlearned_clauses() == [("t", "with minilm the real arm is no better than chance")]


def test_a_study_without_runs_has_an_empty_table() -> None:
    empty = pd.DataFrame(Runs().add("real").scores).iloc[:0]
    answers = pd.DataFrame(columns=["run_id", "sample_id", "label_id", "predicted_id"], dtype=np.int64)

    found = gap_table.of_runs(empty, answers, metric=Metric.ACCURACY)

    assert found.table.empty and list(found.table.columns) == gap_table.COLUMNS and found.baselines.empty
    assert gap_table.of_one_setting(empty) == (empty, "") or gap_table.of_one_setting(empty)[1] == ""


def test_arms_trained_on_different_devices_have_no_gap_and_it_is_said() -> None:
    runs = (
        Runs().add("real", device="CPU, float32", conditions="a").add("few-shot", device="CPU, float32", conditions="a")
    )
    runs.add("zero-shot", device="GPU, bfloat16", conditions="b")

    said = gap_table.other_devices(pd.DataFrame(runs.scores))

    assert list(runs.table().table["arm"]) == ["few-shot"]
    assert said == [
        "t: the runs of zero-shot with minilm (GPU, bfloat16) and of the real arm (CPU, float32) were trained on different "
        "devices, so they are not compared. Train both on the same kind of device."
    ]


def test_arms_that_were_paired_under_different_test_splits_each_have_a_gap() -> None:
    more = np.arange(120)
    runs = Runs().add("real").add("zero-shot", right=0.7)
    first = len(runs.scores)
    runs.add("real", conditions="120 test texts", n_test=120).add(
        "few-shot", right=0.7, conditions="120 test texts", n_test=120
    )
    for number in range(first, len(runs.scores)):
        truth = np.tile([1, 2], 60)
        wrong = more % (10 if runs.scores[number]["arm"] == "real" else 3) == number % 3
        columns = {"run_id": number + 1, "sample_id": more, "label_id": truth}
        runs.answers[number] = pd.DataFrame(columns | {"predicted_id": np.where(wrong, 3 - truth, truth)})

    found = runs.table()

    assert dict(zip(found.table["arm"], found.table["n_test"], strict=True)) == {"zero-shot": 80, "few-shot": 120}
    assert found.learned == {("t", "minilm")} and not found.unlearned


def test_the_spread_over_seeds_is_that_of_every_arm_also_of_a_task_with_real_texts_only() -> None:
    runs = Runs()
    for task in ("t", "u"):
        runs.add("real", task=task).add("zero-shot", task=task, right=0.7)
    alone = runs.table().spread
    for task in ("v", "w"):
        runs.add("real", task=task)
    scores, answers = pd.DataFrame(runs.scores), pd.concat(runs.answers)

    found = gap_table.of_runs(scores, answers, metric=Metric.ACCURACY).spread

    assert alone.df == 0 and found.df > 0
    assert trained.shared_spread(trained.of_runs(scores, answers), Metric.ACCURACY) == found
