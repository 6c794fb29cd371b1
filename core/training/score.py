"""Compute accuracy, macro-F1 and F1 per label of predictions, and the score gap between two arms."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from core.errors import StudyError
from core.interval import Interval


def macro_f1(truth: Sequence[str], predicted: Sequence[str], *, labels: Sequence[str]) -> float:
    """The unweighted mean of the F1 of every label in `labels`, in [0, 1].

    The F1 of a label that is neither in `truth` nor in `predicted` counts as 0 (scikit-learn with zero_division=0), so
    pass only labels that occur in the test split. Raises `StudyError` if there are no predictions, if the lengths
    differ, or if a label is missing from `labels`.
    """
    _check(truth, predicted)
    _check_labels(truth, predicted, labels=labels)
    from sklearn import metrics  # heavy: loaded only when a score is computed

    return float(metrics.f1_score(truth, predicted, labels=list(labels), average="macro", zero_division=0))


def accuracy(truth: Sequence[str], predicted: Sequence[str]) -> float:
    """The share of predictions equal to the truth, in [0, 1].

    Raises `StudyError` if there are no predictions or if the lengths differ.
    """
    _check(truth, predicted)
    return sum(label == answer for label, answer in zip(truth, predicted, strict=True)) / len(truth)


def per_class(truth: Sequence[str], predicted: Sequence[str], *, labels: Sequence[str]) -> pd.DataFrame:
    """Precision, recall and F1 of every label, in the order of `labels`.

    Columns label, precision, recall, f1 (each in [0, 1]), n (test samples of the label). Precision is 0 for a label
    that is never predicted, recall is 0 for a label without test samples. Raises `StudyError` as `macro_f1` does.
    """
    _check(truth, predicted)
    _check_labels(truth, predicted, labels=labels)
    from sklearn import metrics  # heavy: loaded only when a score is computed

    precision, recall, f1, n = metrics.precision_recall_fscore_support(
        truth, predicted, labels=list(labels), zero_division=0
    )
    return pd.DataFrame({"label": list(labels), "precision": precision, "recall": recall, "f1": f1, "n": n})


def gap(
    real_scores: Mapping[Any, float], synthetic_scores: Mapping[Any, float], *, confidence: float = 0.95
) -> Interval:
    """The mean over seeds of real minus synthetic score, with its paired t interval; above 0, synthetic data costs.

    Both arguments map a seed to a score. `n` of the result counts the seeds that both arms have; its limits are nan if
    `n` is below 3. Raises `StudyError` if the arms have no seed in common.
    """
    seeds = sorted(set(real_scores) & set(synthetic_scores))
    if not seeds:
        raise StudyError(
            f"A gap needs a seed that both arms have; real has {sorted(real_scores)}, synthetic {sorted(synthetic_scores)}."
        )
    differences = np.array([real_scores[seed] - synthetic_scores[seed] for seed in seeds])
    value, n = float(differences.mean()), len(seeds)
    if n < 3:
        return Interval(value, math.nan, math.nan, n)
    margin = float(stats.t.ppf((1 + confidence) / 2, n - 1) * differences.std(ddof=1) / math.sqrt(n))
    return Interval(value, value - margin, value + margin, n)


def _check(truth: Sequence[str], predicted: Sequence[str]) -> None:
    if len(truth) != len(predicted) or not len(truth):
        raise StudyError(f"Scoring needs one prediction per test sample; found {len(predicted)} for {len(truth)}.")


def _check_labels(truth: Sequence[str], predicted: Sequence[str], *, labels: Sequence[str]) -> None:
    unknown = sorted((set(truth) | set(predicted)) - set(labels))
    if unknown:
        raise StudyError(f"The labels are {', '.join(labels)}; found {unknown[0]!r}.")
