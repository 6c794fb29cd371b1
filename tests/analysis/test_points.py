"""Gaps compare only runs of the same task, encoder, seed and conditions."""

import math
from typing import Any

import pandas as pd
import pytest

from core.analysis import points
from core.analysis.points import Metric
from core.training import runs


def scored(arm: str, seed: int, value: float, **changes: Any) -> dict[str, Any]:
    kind = "real" if arm == "real" else "zero-shot"
    plain = {
        "task": "t", "arm": arm, "arm_kind": kind, "encoder": "minilm", "seed": seed, "n_train": 100, "conditions": "a",
        "macro_f1": value, "accuracy": value, "n_test": 50, "run_id": seed + 1,
    }  # fmt: skip
    return plain | changes


def gaps(*rows: dict[str, Any]) -> pd.DataFrame:
    return points.gaps(pd.DataFrame(rows, columns=runs.SCORE_COLUMNS), metric=Metric.MACRO_F1)


def test_a_gap_is_the_mean_difference_over_shared_seeds_with_an_interval_from_three_on() -> None:
    real = [scored("real", seed, 0.9) for seed in range(4)]
    made = [scored("zero-shot", seed, value) for seed, value in enumerate((0.7, 0.8, 0.75))]

    found = gaps(*real, *made).iloc[0]

    assert found["gap"] == pytest.approx(0.15, abs=1e-12)
    assert found["n_seeds"] == 3
    assert found["low"] == pytest.approx(0.15 - 4.302653 * 0.05 / math.sqrt(3), abs=1e-6)


def test_under_three_seeds_there_is_no_interval() -> None:
    found = gaps(scored("real", 0, 0.9), scored("zero-shot", 0, 0.7)).iloc[0]

    assert found["gap"] == pytest.approx(0.2)
    assert math.isnan(found["low"])
    assert math.isnan(found["high"])


@pytest.mark.parametrize("change", [{"conditions": "b"}, {"task": "other"}, {"seed": 1}, {"encoder": "other"}])
def test_runs_with_other_conditions_tasks_seeds_or_encoders_are_not_compared(change: dict[str, Any]) -> None:
    assert gaps(scored("real", 0, 0.9), scored("zero-shot", 0, 0.7) | change).empty


def test_seeds_trained_with_different_settings_are_not_pooled() -> None:
    rows = [scored(arm, seed, 0.9, conditions=f"steps {seed}") for seed in range(3) for arm in ("real", "zero-shot")]

    found = gaps(*rows)

    assert found["n_seeds"].tolist() == [1]
