"""Whether a run had converged when it ended, from its losses.

With L0 the loss of a guess (the lowest mean loss of an answer that does not look at the text), Lm the least possible loss, Lh the loss
after half of the steps and L1 the loss at the end, the late share of a loss's fall is

    late share = (Lh - L1) / (L0 - L1)

A run that falls in a straight line has 0.5, a run that was done half-way has 0. The loss is that on the validation texts
where the run has at least `LEAST_VALIDATION` of them, else the loss in training. With w the weights of the training texts in the
loss (of classes, of texts, or both), scaled to a sum of 1, t their targets (one-hot, or the shares of raters) and H the entropy in
nats, the guess answers p = sum of w t, so that in training L0 = H(p) and Lm = sum of w H(t), which is 0 for hard targets. On validation
texts, whose labels are hard and count alike, L0 is the mean of -log p at their labels, and Lm is 0.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.wording import percent

MARKS = (0.25, 0.5, 0.75, 1.0)  # shares of the steps after which the validation loss is measured
LEAST_VALIDATION = 48
WINDOW = 0.1  # share of the steps over which a loss in training is averaged
LATE = 0.10  # late share above which a run still improves, if
MATTERS = 0.02  # the fall in the second half is also above this share of a guess's loss
LEARNT = 0.90  # (L1 - Lm) / (L0 - Lm) in training, above which a run has hardly begun to learn
ROOM = 1e-3  # nats between a guess and the least possible loss, below which there is nothing to learn


@dataclass(frozen=True)
class Convergence:
    """Whether a run had converged; None if its losses do not say. `late_share` is nan where it is not defined.

    `sentence` says what was seen, in plain words.
    """

    is_converged: bool | None
    late_share: float
    sentence: str


@dataclass(frozen=True)
class Guess:
    """The best answer to training texts that does not look at them.

    `shares`: of each label, 1 in all. `loss`: its mean loss in nats. `least`: the mean loss of an answer that knows every
    target, in nats; 0 for hard targets. `n`: the number of training texts.
    """

    shares: npt.NDArray[np.float64]
    loss: float
    least: float
    n: int

    def loss_on(self, targets: Sequence[int]) -> float:
        """The mean loss of the answer on other texts, in nats; nan without texts. A label that no training text has counts as
        half a text."""
        shares = np.maximum(self.shares, 0.5 / self.n)
        return float(-np.log(shares[list(targets)]).mean()) if targets else math.nan


def judge(facts: Mapping[str, Any], training: Mapping[str, Any] | None = None) -> Convergence:
    """Whether a finished run had converged, from its facts (`Run.facts`) and its training settings.

    A run has not converged if its loss in training ended above Lm + `LEARNT` (L0 - Lm), or if its loss fell by more than
    `MATTERS` of L0 - Lm in the second half of the steps and the late share is above `LATE`. A run that early stopping ended has
    converged, since its best weights count and training on did not better them; unless the lowest loss on the
    texts kept out is that of the untrained model, or less than `MATTERS` below that of a guess: then the run has learned
    nothing. Runs from before the guess was that of soft targets and balanced classes are not judged where they had these.
    """
    curve, guess, least = facts.get("loss") or [], facts.get("guess", 0.0), facts.get("least", 0.0)
    if len(curve) < 2 or guess <= 0:
        return _unknown("This run kept too few losses to say whether it had converged.")
    asked = training or {}
    if "least" not in facts and (asked.get("targets") == "soft" or asked.get("class_weights") == "balanced"):
        return _unknown(
            "This run is from before soft targets and class weights were judged: its losses do not say whether it had converged."
        )
    if guess - least < ROOM:
        return _unknown(
            "The targets of its training texts hardly differ, so its losses do not say whether it had converged."
        )
    steps = int(curve[-1][0])
    if facts.get("stopped_early"):
        return _stopped(facts["validation"], steps, guess=facts["validation"].get("guess", guess))
    return _made_all_steps(facts, steps, guess=guess, least=least)


def guess_of(
    targets: Sequence[int], *, classes: int, shares: Sequence[Sequence[float]] = (), weights: Sequence[float] = ()
) -> Guess:
    """The guess on training texts with these labels, or with these `shares` of each label where targets are soft.

    `weights`: what each text counts for in the loss; empty if all count alike. Raises `ValueError` without texts.
    """
    if not len(targets):
        raise ValueError("there is no guess without texts")
    rows = np.asarray(shares, dtype=float) if len(shares) else np.eye(classes)[list(targets)]
    counts = np.asarray(weights, dtype=float) if len(weights) else np.ones(len(rows))
    counts = counts / counts.sum()
    answer = counts @ rows
    return Guess(answer, float(_entropy(answer)), float(counts @ _entropy(rows)), len(rows))


def late_share(guess: float, half: float, end: float) -> float:
    """The share of the fall of a loss that came in the second half of the steps, at most 1; below 0 if the loss rose again.

    0 if the loss never fell below that of a guess: then it no longer falls, whatever it does.
    """
    if end >= guess:
        return 0.0
    return min(1.0, (half - end) / (guess - end))


def _made_all_steps(facts: Mapping[str, Any], steps: int, *, guess: float, least: float) -> Convergence:
    """Whether a run had converged that made all its steps; `guess` and `least`: the losses L0 and Lm in training."""
    curve = facts["loss"]
    half, end = _window(curve, steps // 2), _window(curve, steps)
    if end - least > LEARNT * (guess - least):
        return Convergence(
            False,
            math.nan,
            f"Not converged: after {steps:,} steps its loss in training is {end:.2f}, where a guess has {guess:.2f}{_least(least)}; it has "
            "hardly begun to learn. Train longer, or look at the texts and labels.",
        )
    validation = facts.get("validation") or {}
    losses = {int(step): float(loss) for step, loss in validation.get("loss", [])}
    marked = [step for step in losses if abs(step - steps / 2) <= 1]
    where, measured = "in training", (half, end)
    if validation.get("n", 0) >= LEAST_VALIDATION and marked and steps in losses:
        where, measured = f"on {validation['n']} texts kept out of training", (losses[marked[0]], losses[steps])
        guess, least = validation.get("guess", guess), 0.0
    late = late_share(guess, *measured)
    seen = (
        f"in the second half of its {steps:,} steps the loss {where} went from {measured[0]:.2f} to {measured[1]:.2f} "
        f"(a guess: {guess:.2f}{_least(least)})"
    )
    if late > LATE and measured[0] - measured[1] > MATTERS * (guess - least):
        return Convergence(False, late, f"Not converged: {seen}, {percent(late)} of its whole fall. Train longer.")
    return Convergence(True, late, f"Converged: {seen}.")


def _stopped(validation: Mapping[str, Any], steps: int, *, guess: float) -> Convergence:
    """Whether a run had converged that early stopping ended; `guess`: the loss of a guess on its validation texts."""
    step, best = min(validation["loss"], key=lambda point: (point[1], point[0]))
    ended = f"early stopping ended it after {steps:,} steps"
    if step == 0 or best > (1 - MATTERS) * guess:
        return Convergence(
            False,
            math.nan,
            f"Not converged: {ended}, and on {validation['n']} texts kept out of training its loss was never below {best:.2f} (a "
            f"guess: {guess:.2f}); it has learned nothing that holds there. Lower the learning rate, train with all steps, or look at "
            "the texts and labels.",
        )
    return Convergence(
        True,
        math.nan,
        f"Converged: {ended}, since the loss on {validation['n']} texts kept out of training no longer fell below {best:.2f} (a guess: "
        f"{guess:.2f}).",
    )


def _unknown(sentence: str) -> Convergence:
    return Convergence(None, math.nan, sentence)


def _least(least: float) -> str:
    """The least possible loss in words, where it is not 0."""
    return f", the least possible is {least:.2f}" if least >= 0.005 else ""


def _entropy(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The entropy in nats over the last axis."""
    return np.asarray(-(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(axis=-1), dtype=float)


def _window(curve: Sequence[Sequence[float]], step: int) -> float:
    """The mean of a loss curve over the `WINDOW` of all steps that ends at a step."""
    width = max(1.0, WINDOW * curve[-1][0])
    inside = [loss for at, loss in curve if step - width < at <= step]
    return sum(inside) / len(inside) if inside else float("nan")
