"""Scores of predictions against human labels."""

from collections.abc import Sequence

import pandas as pd

from core.errors import StudyError


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


def _check(truth: Sequence[str], predicted: Sequence[str]) -> None:
    if len(truth) != len(predicted) or not len(truth):
        raise StudyError(f"Scoring needs one prediction per test sample; found {len(predicted)} for {len(truth)}.")


def _check_labels(truth: Sequence[str], predicted: Sequence[str], *, labels: Sequence[str]) -> None:
    unknown = sorted((set(truth) | set(predicted)) - set(labels))
    if unknown:
        raise StudyError(f"The labels are {', '.join(labels)}; found {unknown[0]!r}.")
