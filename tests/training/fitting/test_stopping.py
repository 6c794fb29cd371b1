"""Early stopping: which step is the best one, and when patience begins."""

import pytest

from core.training.checkpoints.state import Validation
from core.training.fitting.batches import rate
from core.training.settings import TrainingSettings


def test_patience_counts_from_the_end_of_the_warm_up_and_the_untrained_model_is_never_the_best() -> None:
    rising = Validation([[0, 0.5], [5, 0.9], [10, 0.8], [15, 0.81], [20, 0.82]])

    assert (rising.best_step, rising.waited(10), rising.waited(20)) == (10, 2, 0)
    assert (Validation([[0, 0.5]]).best_step, Validation().waited(10)) == (0, 0)


@pytest.mark.parametrize(("share", "steps", "warmup"), [(0.1, 100, 10), (0.0, 100, 1), (0.5, 7, 4)])
def test_the_learning_rate_is_highest_at_the_end_of_the_warm_up(share: float, steps: int, warmup: int) -> None:
    settings = TrainingSettings(steps=steps, warmup_share=share)
    rates = [rate(step, settings) for step in range(steps)]

    assert settings.warmup == warmup and rates.index(max(rates)) == warmup - 1
