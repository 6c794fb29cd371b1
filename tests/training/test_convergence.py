"""Whether a run had converged follows from its losses: fallen early, still falling, never begun, or not known."""

import math
from typing import Any

import pytest

from core.training import convergence

GUESS = math.log(3)


def facts(
    curve: list[float], *, validation: list[float] | None = None, n: int = 128, classes: int = 3
) -> dict[str, Any]:
    """Facts of a run with a loss at every step, and validation losses at the start and after each quarter of the steps."""
    steps = len(curve)
    marks = [round(place * steps / 4) for place in range(5)]
    losses = [] if validation is None else [[mark, loss] for mark, loss in zip(marks, validation, strict=True)]
    return {
        "loss": [[step, loss] for step, loss in enumerate(curve, start=1)],
        "validation": {"n": n if losses else 0, "loss": losses},
        "guess": math.log(classes),
    }


def falling(rate: float, *, steps: int = 200, floor: float = 0.05) -> list[float]:
    return [floor + (GUESS - floor) * math.exp(-rate * step / steps) for step in range(1, steps + 1)]


def test_a_loss_that_fell_early_has_converged() -> None:
    found = convergence.judge(facts(falling(12)))

    assert found.is_converged and found.late_share < 0.05
    assert found.sentence.startswith("Converged: in the second half of its 200 steps the loss in training went from")


@pytest.mark.parametrize("rate", [1, 2, 3])
def test_a_loss_that_still_falls_has_not_converged_and_the_sentence_says_by_how_much(rate: float) -> None:
    found = convergence.judge(facts(falling(rate)))

    assert found.is_converged is False and found.late_share > convergence.LATE
    assert f"{found.late_share:.0%} of its whole fall" in found.sentence and found.sentence.endswith("Train longer.")


def test_texts_kept_out_of_training_decide_where_there_are_enough() -> None:
    still_falling, flat = falling(2), [GUESS, 0.7, 0.6, 0.6, 0.6]

    assert convergence.judge(facts(still_falling, validation=flat)).is_converged
    few = convergence.judge(facts(still_falling, validation=flat, n=convergence.LEAST_VALIDATION - 1))
    assert few.is_converged is False and "in training" in few.sentence


def test_a_validation_loss_that_rises_again_has_converged() -> None:
    found = convergence.judge(facts(falling(12), validation=[GUESS, 0.7, 0.6, 0.65, 0.7]))

    assert found.is_converged and found.late_share < 0


def test_a_task_that_cannot_be_learnt_has_converged_once_its_training_loss_has_fallen() -> None:
    """Noise is learnt by heart: the loss falls in training, and never below that of a guess on other texts."""
    found = convergence.judge(facts(falling(12), validation=[GUESS, 1.12, 1.3, 1.5, 1.6]))

    assert found.is_converged and found.late_share == 0


def test_a_hair_of_improvement_at_the_edge_of_a_guess_is_not_called_unfinished() -> None:
    found = convergence.judge(facts(falling(12), validation=[GUESS, 1.09, GUESS - 0.005, 1.085, GUESS - 0.015]))

    assert found.late_share > 0.5 and found.is_converged


def test_a_run_that_has_hardly_begun_to_learn_is_told_apart() -> None:
    found = convergence.judge(facts([GUESS] * 200))

    assert found.is_converged is False and math.isnan(found.late_share)
    assert "a guess has 1.10" in found.sentence and "hardly begun" in found.sentence


@pytest.mark.parametrize("unknown", [{}, {"loss": []}, facts([0.5]), facts([0.5] * 9, classes=1)])
def test_runs_without_losses_are_not_judged(unknown: dict[str, Any]) -> None:
    found = convergence.judge(unknown)

    assert found.is_converged is None and math.isnan(found.late_share) and "too few losses" in found.sentence


@pytest.mark.parametrize("steps", [2, 3, 7, 20, 333])
def test_runs_of_all_lengths_are_judged(steps: int) -> None:
    assert convergence.judge(facts(falling(12, steps=steps))).is_converged is not None


def test_a_run_that_early_stopping_ended_has_converged_though_its_loss_in_training_still_fell() -> None:
    told = facts(falling(1)) | {
        "stopped_early": True,
        "validation": {"n": 60, "loss": [[0, 1.1], [20, 0.71], [40, 0.8]]},
    }

    found = convergence.judge(told)

    assert found.is_converged and "no longer fell below 0.71" in found.sentence


@pytest.mark.parametrize(
    ("targets", "loss"), [([0, 1], math.log(2)), ([0] * 19 + [1], 0.19852), ([2, 2, 2], 0), ([0, 1, 2], GUESS)]
)
def test_the_loss_of_a_guess_is_the_entropy_of_the_labels(targets: list[int], loss: float) -> None:
    assert convergence.loss_of_a_guess(targets) == pytest.approx(loss, abs=1e-5)
