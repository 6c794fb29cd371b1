"""Batches of texts of similar length, and the learning rate at each step."""

from collections.abc import Iterator, Sequence

import numpy as np

from core.training.settings import TrainingSettings

POOL_BATCHES = 16  # batches whose texts are sorted by length together


def batches(lengths: Sequence[int], size: int, *, rng: np.random.Generator) -> Iterator[list[int]]:
    """Yield batches of `size` indices of texts of similar length, without end.

    Every text is used once before any text is used again. Texts are shuffled and divided into pools of up to sixteen
    batches (never more than all texts); each pool is sorted by length and cut into batches, and the batches are shuffled.
    So every batch is full, whatever the number of texts.
    """
    pool = size * max(1, min(POOL_BATCHES, len(lengths) // size))
    waiting: list[int] = []
    while True:
        while len(waiting) < pool:
            waiting += rng.permutation(len(lengths)).tolist()
        pooled, waiting = sorted(waiting[:pool], key=lengths.__getitem__), waiting[pool:]
        for start in rng.permutation(np.arange(0, pool, size)).tolist():
            yield pooled[start : start + size]


def rate(step: int, settings: TrainingSettings) -> float:
    """The learning rate at a step (from 0) as a share of the highest rate: linear rise in the warm-up, then linear decay."""
    warmup = settings.warmup
    return min((step + 1) / warmup, (settings.length - step) / (settings.length - warmup + 1))
