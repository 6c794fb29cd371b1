"""Measure how varied texts are without a reference: Vendi score of their embeddings, compression ratio of their characters."""

import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.quality import diversity

LEVEL = 9  # of zlib: the smallest output


def vendi_score(embeddings: NDArray[Any]) -> float:
    """The effective number of different texts, from 1 (all alike) to n (nothing in common); higher = more varied.

    exp(-sum_i l_i log l_i) with the eigenvalues l_i of K / n, where K holds the cosines of all pairs of texts (Friedman and
    Dieng 2023, definition 3.1). It rises with the number of texts: compare arms of equal size. `embeddings` has shape
    (n, d), so that no score is above d. nan without texts.
    """
    unit = diversity.unit_rows(embeddings)
    if not len(unit):
        return math.nan
    small = unit.T @ unit if len(unit) > unit.shape[1] else unit @ unit.T  # the same eigenvalues, apart from zeros
    shares = np.linalg.eigvalsh(small) / len(unit)
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))


def compression_ratio(texts: Sequence[str]) -> float:
    """Bytes of the texts, joined by line breaks in UTF-8, over their bytes after zlib; higher = more repetition, at least about 1.

    Shaib et al. (2024). zlib sees repetitions within 32 kilobytes, so that the order of texts counts; texts of very
    different length, or in different scripts, cannot be compared. nan if there is no character.
    """
    joined = "\n".join(texts).encode()
    return len(joined) / len(zlib.compress(joined, LEVEL)) if "".join(texts) else math.nan
