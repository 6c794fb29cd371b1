"""How close synthetic texts are to real ones: the mean of the nearest cosines, the nearest text, and copies."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.errors import StudyError
from core.quality import diversity, duplicates
from core.study import samples

K = 5
BLOCK = 1024


def nearest_real(synthetic_embeddings: NDArray[Any], real_embeddings: NDArray[Any], k: int = K) -> float:
    """How well the synthetic texts cover the real ones, in [-1, 1], higher is closer (Li et al. 2023, appendix).

    For each *real* text the mean of its k highest cosines to synthetic texts, averaged over the real texts. It rises
    as synthetic texts are added, so compare arms of equal size. nan without real texts or with fewer than k synthetic.
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
    """Synthetic texts that copy one of the texts an LLM was shown (or any real text).

    Columns text, shown (places), similarity, exact: for each copy the text it is most like, exact ones first. Exact
    means the same but for case, spaces and Unicode form; otherwise `duplicates.near` says what counts.
    """
    pairs = duplicates.between(synthetic_texts, shown_texts, threshold=threshold)
    pairs = pairs.rename(columns={"other": "shown"})
    digests, shown = _digests(synthetic_texts), _digests(shown_texts)
    pairs["exact"] = [digests[i] == shown[j] for i, j in zip(pairs["text"], pairs["shown"], strict=True)]
    order = ["exact", "similarity", "text", "shown"]
    pairs = pairs.sort_values(order, ascending=[False, False, True, True], ignore_index=True)
    return pairs.drop_duplicates("text", ignore_index=True)


def _digests(texts: Sequence[str]) -> list[str]:
    return [samples.text_hash(text) for text in texts]


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
