"""Scores of predictions against human labels, and the gap between two arms."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from core.errors import StudyError


@dataclass(frozen=True)
class Gap:
    """Real minus synthetic score: positive = synthetic training data costs. `n`: seeds both arms have.
    `low` and `high` are nan under 3 of them."""

    value: float
    low: float
    high: float
    n: int


def macro_f1(truth: Sequence[str], predicted: Sequence[str], *, labels: Sequence[str]) -> float:
    """Unweighted mean over `labels` of F1, in [0, 1].

    F1 of a label that is neither in `truth` nor predicted counts as 0 (scikit-learn with zero_division=0), so `labels`
    should be those that occur in the test split. Raises `StudyError` as `accuracy` does, and for labels outside
    `labels`.
    """
    _check(truth, predicted)
    _check_labels(truth, predicted, labels=labels)
    from sklearn import metrics  # heavy: pages are up before it is needed

    return float(metrics.f1_score(truth, predicted, labels=list(labels), average="macro", zero_division=0))


def accuracy(truth: Sequence[str], predicted: Sequence[str]) -> float:
    """Share of predictions equal to the truth, in [0, 1]. Raises `StudyError` for no predictions or unequal lengths."""
    _check(truth, predicted)
    return sum(one == other for one, other in zip(truth, predicted, strict=True)) / len(truth)


def per_class(truth: Sequence[str], predicted: Sequence[str], *, labels: Sequence[str]) -> pd.DataFrame:
    """One row per label, in the order given: columns label, precision, recall, f1 (in [0, 1]), n (test samples of the
    label).

    0 where nothing was predicted (precision) or nothing is there to find (recall, n = 0), as in `macro_f1`.
    """
    _check(truth, predicted)
    _check_labels(truth, predicted, labels=labels)
    from sklearn import metrics  # heavy: pages are up before it is needed

    precision, recall, f1, n = metrics.precision_recall_fscore_support(
        truth, predicted, labels=list(labels), zero_division=0
    )
    return pd.DataFrame({"label": list(labels), "precision": precision, "recall": recall, "f1": f1, "n": n})


def gap(real_scores: Mapping[Any, float], synthetic_scores: Mapping[Any, float], *, confidence: float = 0.95) -> Gap:
    """Mean difference of the two arms' scores (seed -> score) over the seeds both have, with its paired t interval.

    Raises `StudyError` when no seed is shared.
    """
    seeds = sorted(set(real_scores) & set(synthetic_scores))
    if not seeds:
        raise StudyError(
            f"A gap needs a seed both arms have; real has {sorted(real_scores)}, synthetic {sorted(synthetic_scores)}."
        )
    differences = np.array([real_scores[seed] - synthetic_scores[seed] for seed in seeds])
    value, n = float(differences.mean()), len(seeds)
    if n < 3:
        return Gap(value, float("nan"), float("nan"), n)
    margin = float(stats.t.ppf((1 + confidence) / 2, n - 1) * differences.std(ddof=1) / math.sqrt(n))
    return Gap(value, value - margin, value + margin, n)


def _check(truth: Sequence[str], predicted: Sequence[str]) -> None:
    if len(truth) != len(predicted) or not len(truth):
        raise StudyError(f"Scoring needs one prediction per test sample; found {len(predicted)} for {len(truth)}.")


def _check_labels(truth: Sequence[str], predicted: Sequence[str], *, labels: Sequence[str]) -> None:
    unknown = sorted((set(truth) | set(predicted)) - set(labels))
    if unknown:
        raise StudyError(f"Scoring knows the labels {', '.join(labels)}; found {unknown[0]!r}.")
