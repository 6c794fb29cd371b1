"""The measures of an arm beside the real arm, at equal size, as one value"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.interval import Interval, undefined
from core.quality.beside_real import likeness, variety

MEASURES = ("frechet_distance", "vendi_score", "recall", "mmd", "compression_ratio", "separability")


@dataclass(frozen=True)
class BesideReal:
    """The measures of `n` texts of an arm beside `n` real texts, as the functions of `likeness` and `variety` of these names.

    For the real arm itself, only `vendi_score` and `compression_ratio` are defined. nan: too few texts, no real texts, or
    an encoder that does not know the language (all measures but `compression_ratio`).
    """

    n: int
    frechet_distance: float
    vendi_score: float
    recall: float
    mmd: float
    compression_ratio: float
    separability: Interval


def compare(
    texts: Sequence[str], embeddings: NDArray[Any] | None, real: NDArray[Any] | None, *, seed: int = 0
) -> BesideReal:
    """The measures of texts and of their embeddings, shape (n, d), beside the embeddings of as many real texts.

    `embeddings` is None if the encoder does not know the language; `real` is None without real texts, or for the real arm.
    The texts are compressed in a random order, as neighbours may come from the same answer of an LLM.
    """
    shuffled = [texts[place] for place in np.random.default_rng(seed).permutation(len(texts))]
    nan = math.nan
    vendi_score = nan if embeddings is None else variety.vendi_score(embeddings)
    compression_ratio = variety.compression_ratio(shuffled)
    if embeddings is None or real is None:
        return BesideReal(len(texts), nan, vendi_score, nan, nan, compression_ratio, undefined())
    return BesideReal(
        n=len(texts),
        frechet_distance=likeness.frechet_distance(embeddings, real),
        vendi_score=vendi_score,
        recall=likeness.recall(embeddings, real),
        mmd=likeness.mmd(embeddings, real),
        compression_ratio=compression_ratio,
        separability=likeness.separability(embeddings, real, seed=seed),
    )
