"""Trained arms with drawn answers, for tests without a store."""

from typing import Any

import numpy as np

from core.analysis.arms.trained import StudyArms, TrainedArm
from core.study import tasks

LABELS = {1: "yes", 2: "no"}


def trained_arm(arm: str, *, right: float = 0.9, seeds: int = 3, texts: int = 200, **changes: Any) -> TrainedArm:
    """An arm whose runs are right on this share of the test texts; half of the texts have each of two labels."""
    truth = np.tile([1, 2], texts // 2)
    rng = np.random.default_rng([len(arm), int(1000 * right), seeds, changes.get("n_train", 100)])
    hit = rng.random((seeds, texts)) < right
    plain = {
        "task": "t", "arm": arm, "kind": tasks.kind_of(arm), "encoder": "minilm", "n_train": 100, "conditions": "a",
        "seeds": tuple(range(seeds)), "newest": 1, "texts": np.arange(texts), "truth": truth,
        "predicted": np.where(hit, truth, 3 - truth),
    }  # fmt: skip
    return TrainedArm(**(plain | changes))


def study_of(*arms: TrainedArm) -> StudyArms:
    return StudyArms(arms, ())
