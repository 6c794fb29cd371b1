"""Place embedded texts on a two-dimensional map (t-SNE), and draw a balanced subset. The map takes seconds."""

from collections.abc import Hashable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.errors import StudyError

MOST_POINTS = 3_000
FEWEST_FOR_TSNE = 30
COMPONENTS = 50


def map_2d(
    embeddings: npt.NDArray[Any], *, seed: int = 0, method: Literal["auto", "pca", "tsne"] = "auto"
) -> npt.NDArray[np.float32]:
    """Map coordinates, shape (n, 2), without unit, of the rows of `embeddings`, shape (n, d).

    t-SNE (van der Maaten & Hinton 2008) of the first 50 principal components, started from the first two components;
    below 30 rows, and with method `pca`, the first two components. Neighbours on the map are neighbours in the embedding;
    distances between far groups, and sizes of groups, mean nothing. The same rows and seed give the same map on one
    machine. Raises `StudyError` if `embeddings` is not a table of finite numbers.
    """
    rows = np.asarray(embeddings, dtype=np.float32)
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise StudyError("A map needs a table of finite numbers, one row per text.")
    if len(rows) < 2 or rows.shape[1] < 2 or (rows == rows[0]).all():
        return np.zeros((len(rows), 2), dtype=np.float32)
    from sklearn.decomposition import PCA  # heavy: only jobs load it
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    is_small = method == "auto" and len(rows) < FEWEST_FOR_TSNE
    with threadpool_limits(
        1
    ):  # threads waiting for busy cores made it up to five times slower, never three times faster
        reduced = PCA(min(COMPONENTS, *rows.shape), svd_solver="full").fit_transform(rows)
        if method == "pca" or is_small:
            return np.asarray(reduced[:, :2], dtype=np.float32)
        perplexity = min(30.0, (len(rows) - 1) / 3)
        placed = TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(reduced)
    return np.asarray(placed, dtype=np.float32)


def balanced_subset(groups: Sequence[Hashable], *, most: int, seed: int = 0) -> npt.NDArray[np.intp]:
    """The indices, ascending, of at most `most` elements, drawn at random and as evenly over groups as possible.

    `groups` holds the group of every element. A group smaller than its share is drawn whole, and other groups fill up.
    """
    if len(groups) <= most:
        return np.arange(len(groups))
    order = np.random.default_rng(seed).permutation(len(groups))
    codes = pd.Series(pd.factorize(pd.Series(list(groups), dtype=object))[0][order])
    turn = codes.groupby(codes).cumcount().to_numpy()
    return np.sort(order[np.argsort(turn, kind="stable")[:most]])
