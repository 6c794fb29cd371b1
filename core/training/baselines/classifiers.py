"""The plain classifiers: logistic regression on TF-IDF weights or on embeddings. Imported by worker processes only."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

ITERATIONS = 2_000


def tfidf(
    train: Sequence[str], labels: Sequence[str], test: Sequence[str], *, class_weights: str = "none"
) -> list[str]:
    """The labels of the texts `test` by logistic regression on the TF-IDF weights of words, as scikit-learn sets them by default.

    `class_weights` is "none" or "balanced", as in the training settings. Texts without any word of two letters get the commonest
    of `labels`.
    """
    vectoriser = TfidfVectorizer()
    try:
        vectors = vectoriser.fit_transform(train)
    except ValueError:  # no word in any text
        return [_commonest(labels)] * len(test)
    return _answers(vectors, labels, vectoriser.transform(test), class_weights=class_weights)


def on_vectors(
    train: npt.NDArray[np.float32], labels: Sequence[str], test: npt.NDArray[np.float32], *, class_weights: str = "none"
) -> list[str]:
    """The labels of the texts with the vectors `test` (m x d) by logistic regression on the vectors `train` (n x d)."""
    return _answers(train, labels, test, class_weights=class_weights)


def _answers(train: object, labels: Sequence[str], test: npt.NDArray[np.float32], *, class_weights: str) -> list[str]:
    if len(set(labels)) == 1:
        return [labels[0]] * test.shape[0]
    model = LogisticRegression(max_iter=ITERATIONS, class_weight="balanced" if class_weights == "balanced" else None)
    model.fit(train, labels)
    return [str(answer) for answer in model.predict(test)]


def _commonest(labels: Sequence[str]) -> str:
    return min(Counter(labels).items(), key=lambda item: (-item[1], item[0]))[0]
