"""Batches hold texts of similar length, every text in turn, and the learning rate rises and falls."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.training.fitting import batches
from core.training.settings import TrainingSettings


@given(lengths=st.lists(st.integers(1, 50), min_size=1, max_size=90), size=st.integers(1, 16), seed=st.integers(0, 99))
def test_every_text_is_seen_once_before_any_is_seen_again(lengths: list[int], size: int, seed: int) -> None:
    pool = size * max(1, min(batches.POOL_BATCHES, len(lengths) // size))
    pools = 4

    stream = list(islice(batches.batches(lengths, size, rng=np.random.default_rng(seed)), pools * pool // size))

    seen = Counter(place for batch in stream for place in batch)
    assert all(len(batch) == size for batch in stream)
    assert max(seen.values()) - min(seen[place] for place in range(len(lengths))) <= 1


def test_texts_of_a_batch_have_similar_lengths() -> None:
    lengths = np.random.default_rng(0).integers(5, 100, size=256).tolist()

    stream = list(islice(batches.batches(lengths, 32, rng=np.random.default_rng(0)), 8))

    spread = [max(lengths[place] for place in batch) - min(lengths[place] for place in batch) for batch in stream]
    assert np.mean(spread) < 15


def test_the_learning_rate_rises_to_one_and_falls_to_almost_nothing() -> None:
    settings = TrainingSettings(steps=100)

    shares = [batches.rate(step, settings) for step in range(100)]

    assert shares[0] == pytest.approx(0.1)
    assert max(shares) == shares[9] == pytest.approx(1)
    assert 0 < shares[-1] < 0.02
    assert shares[9:] == sorted(shares[9:], reverse=True)
