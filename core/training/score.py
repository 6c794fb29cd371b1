"""Scores of predictions against human labels."""

from collections.abc import Sequence

import pandas as pd

from core.errors import StudyError


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


def _check(truth: Sequence[str], predicted: Sequence[str]) -> None:
    if len(truth) != len(predicted) or not len(truth):
        raise StudyError(f"Scoring needs one prediction per test sample; found {len(predicted)} for {len(truth)}.")


def _check_labels(truth: Sequence[str], predicted: Sequence[str], *, labels: Sequence[str]) -> None:
    unknown = sorted((set(truth) | set(predicted)) - set(labels))
    if unknown:
        raise StudyError(f"Scoring knows the labels {', '.join(labels)}; found {unknown[0]!r}.")
