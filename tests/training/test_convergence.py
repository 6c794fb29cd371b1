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
    assert f"{100 * found.late_share:.0f} % of its whole fall" in found.sentence and found.sentence.endswith(
        "Train longer."
    )


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
    ("losses", "guess"),
    [
        ([0.693, 0.695, 0.697, 0.70, 0.71], math.log(2)),  # never below the untrained model
        ([1.3, 1.09, 1.2, 1.3, 1.4], GUESS),  # at the loss of a guess
        ([0.70, 0.32, 0.33, 0.34, 0.36], 0.325),  # below the untrained model, and not below the shares of the labels
    ],
)
def test_a_run_that_early_stopping_ended_before_it_learned_anything_has_not_converged(
    losses: list[float], guess: float
) -> None:
    points = [[20 * place, loss] for place, loss in enumerate(losses)]
    told = facts(falling(12)) | {"stopped_early": True, "validation": {"n": 60, "loss": points, "guess": guess}}

    found = convergence.judge(told)

    assert found.is_converged is False and "learned nothing" in found.sentence


def test_a_hard_task_that_early_stopping_ended_has_converged_a_little_below_a_guess() -> None:
    """An answer that is right 65 times in 100, and knows it, has 0.93 of the loss of a guess between two labels."""
    told = facts(falling(12)) | {
        "stopped_early": True,
        "validation": {"n": 60, "loss": [[0, 0.70], [20, 0.647], [40, 0.66]], "guess": math.log(2)},
    }

    assert convergence.judge(told).is_converged


@pytest.mark.parametrize(
    ("targets", "loss"), [([0, 1], math.log(2)), ([0] * 19 + [1], 0.19852), ([2, 2, 2], 0), ([0, 1, 2], GUESS)]
)
def test_the_loss_of_a_guess_is_the_entropy_of_the_labels(targets: list[int], loss: float) -> None:
    found = convergence.guess_of(targets, classes=3)

    assert found.loss == pytest.approx(loss, abs=1e-5) and found.least == pytest.approx(0)


def test_a_perfect_fit_of_soft_targets_has_converged() -> None:
    """Shares of 60 to 40 for either label cannot be answered with a loss below 0.673."""
    guess = convergence.guess_of([0, 1], classes=2, shares=[[0.6, 0.4], [0.4, 0.6]])
    told = {"guess": guess.loss, "least": guess.least, "validation": {"n": 0, "loss": []}}
    fall = [0.693 - 0.02 * min(1, step / 80) for step in range(1, 201)]

    found = convergence.judge(told | {"loss": [[step, loss] for step, loss in enumerate(fall, start=1)]})
    unlearnt = convergence.judge(told | {"loss": [[step, 0.693] for step in range(1, 201)]})

    assert (guess.loss, guess.least) == (pytest.approx(0.6931, abs=1e-4), pytest.approx(0.6730, abs=1e-4))
    assert found.is_converged and "a guess: 0.69, the least possible is 0.67" in found.sentence
    assert unlearnt.is_converged is False and "hardly begun" in unlearnt.sentence


def test_targets_that_are_all_alike_say_nothing_of_convergence() -> None:
    guess = convergence.guess_of([0, 0], classes=2, shares=[[0.6, 0.4], [0.6, 0.4]])
    told = facts([0.673] * 200) | {"guess": guess.loss, "least": guess.least}

    assert convergence.judge(told).is_converged is None


def test_balanced_classes_are_judged_by_the_loss_that_they_were_trained_with() -> None:
    guess = convergence.guess_of([0] * 9 + [1], classes=2, weights=[1 / 9] * 9 + [1])
    told = facts([0.31 + 0.38 * math.exp(-step / 20) for step in range(1, 201)]) | {"guess": guess.loss, "least": 0.0}

    assert guess.loss == pytest.approx(math.log(2)) == guess.loss_on([0, 1, 1])
    assert convergence.judge(told, {"class_weights": "balanced"}).is_converged


@pytest.mark.parametrize("training", [{"class_weights": "balanced"}, {"targets": "soft"}])
def test_runs_from_before_their_loss_had_its_own_guess_are_not_judged(training: dict[str, str]) -> None:
    found = convergence.judge(facts([0.5] * 200), training)

    assert found.is_converged is None and "is from before" in found.sentence


def test_a_guess_on_other_texts_answers_with_the_shares_of_the_training_texts() -> None:
    found = convergence.guess_of([0, 0, 0, 1], classes=3)

    assert found.loss_on([0, 1]) == pytest.approx(-(math.log(0.75) + math.log(0.25)) / 2)
    assert found.loss_on([2]) == pytest.approx(-math.log(0.5 / 4))
    assert math.isnan(found.loss_on([]))
