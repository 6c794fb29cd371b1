"""Measure how close synthetic texts are to real texts: mean of the highest cosines, and copies."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.errors import StudyError
from core.quality import diversity
from core.study.splits import duplicates, equal_texts

K = 5
BLOCK = 1024


def nearest_real(synthetic_embeddings: NDArray[Any], real_embeddings: NDArray[Any], k: int = K) -> float:
    """The mean over *real* texts of the mean of their `k` highest cosines to synthetic texts, in [-1, 1].

    Higher = the synthetic texts cover the real texts better (Li et al. 2023, appendix). The score rises as synthetic texts
    are added, so compare arms of equal size. Embeddings have shape (n, d). nan if there are no real texts or fewer than
    `k` synthetic texts. Raises `StudyError` if the two embeddings have different widths.
    """
    synthetic, real = _units(synthetic_embeddings, real_embeddings)
    if len(synthetic) < k or not len(real):
        return math.nan
    means = [
        np.partition(block, -k, axis=1)[:, -k:].mean(axis=1, dtype=np.float64) for block in _blocks(real, synthetic)
    ]
    return float(np.concatenate(means).mean())


def copies(
    synthetic_texts: Sequence[str], shown_texts: Sequence[str], *, threshold: float = duplicates.THRESHOLD
) -> pd.DataFrame:
    """The synthetic texts that are exact or near copies of a text in `shown_texts`.

    Columns text and shown (indices in the two lists; `shown` is the most similar text), similarity, exact; exact copies
    come first. An exact copy differs only in case, spaces or Unicode form; near copies are as in `duplicates.near`.
    """
    pairs = duplicates.between(synthetic_texts, shown_texts, threshold=threshold)
    pairs = pairs.rename(columns={"other": "shown"})
    digests, shown = _digests(synthetic_texts), _digests(shown_texts)
    pairs["exact"] = [digests[i] == shown[j] for i, j in zip(pairs["text"], pairs["shown"], strict=True)]
    order = ["exact", "similarity", "text", "shown"]
    pairs = pairs.sort_values(order, ascending=[False, False, True, True], ignore_index=True)
    return pairs.drop_duplicates("text", ignore_index=True)


def _digests(texts: Sequence[str]) -> list[str]:
    return [equal_texts.text_hash(text) for text in texts]


def _units(*embeddings: NDArray[Any]) -> tuple[NDArray[np.float32], ...]:
    widths = [np.shape(rows)[-1] for rows in embeddings]
    if len(set(widths)) > 1:
        raise StudyError(
            f"Synthetic and real embeddings have {widths[0]} and {widths[1]} columns. Make both with the same encoder."
        )
    return tuple(diversity.unit_rows(rows).astype(np.float32) for rows in embeddings)


def _blocks(rows: NDArray[np.float32], others: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK] @ others.T
        yield np.clip(block, -1.0, 1.0, out=block)
