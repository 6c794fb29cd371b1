"""Whether a run had converged when it ended, from its losses.

With L0 the loss of a guess (the entropy of the labels of the training texts), Lh the loss after half of the steps and L1 the loss at
the end, the late share of a loss's fall is

    late share = (Lh - L1) / (L0 - L1)

A run that falls in a straight line has 0.5, a run that was done half-way has 0. The loss is that on the validation texts
where the run has at least `LEAST_VALIDATION` of them, else the loss in training.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MARKS = (0.25, 0.5, 0.75, 1.0)  # shares of the steps after which the validation loss is measured
LEAST_VALIDATION = 48
WINDOW = 0.1  # share of the steps over which a loss in training is averaged
LATE = 0.10  # late share above which a run still improves, if
MATTERS = 0.02  # the fall in the second half is also above this share of a guess's loss
LEARNT = 0.90  # loss in training at the end over that of a guess, above which a run has hardly begun to learn


@dataclass(frozen=True)
class Convergence:
    """Whether a run had converged; None if its losses do not say. `late_share` is nan where it is not defined.

    `sentence` says what was seen, in plain words.
    """

    is_converged: bool | None
    late_share: float
    sentence: str


def judge(facts: Mapping[str, Any]) -> Convergence:
    """Whether a finished run had converged, from its facts (`Run.facts`).

    A run has not converged if its loss in training ended above `LEARNT` of that of a guess, or if its loss fell by more
    than `MATTERS` of that of a guess in the second half of the steps and the late share is above `LATE`. A run that early
    stopping ended has converged: its best weights count, and training on did not better them.
    """
    curve, guess = facts.get("loss") or [], facts.get("guess", 0.0)
    if len(curve) < 2 or guess <= 0:
        return Convergence(None, math.nan, "This run kept too few losses to say whether it had converged.")
    steps = int(curve[-1][0])
    if facts.get("stopped_early"):
        best = min(loss for _, loss in facts["validation"]["loss"])
        return Convergence(
            True,
            math.nan,
            f"Converged: early stopping ended it after {steps:,} steps, since the loss on {facts['validation']['n']} texts kept out of "
            f"training no longer fell below {best:.2f} (a guess: {guess:.2f}).",
        )
    half, end = _window(curve, steps // 2), _window(curve, steps)
    if end > LEARNT * guess:
        return Convergence(
            False,
            math.nan,
            f"Not converged: after {steps:,} steps its loss in training is {end:.2f}, where a guess has {guess:.2f}; it has "
            "hardly begun to learn. Train longer, or look at the texts and labels.",
        )
    validation = facts.get("validation") or {}
    losses = {int(step): float(loss) for step, loss in validation.get("loss", [])}
    marked = [step for step in losses if abs(step - steps / 2) <= 1]
    where, measured = "in training", (half, end)
    if validation.get("n", 0) >= LEAST_VALIDATION and marked and steps in losses:
        where, measured = f"on {validation['n']} texts kept out of training", (losses[marked[0]], losses[steps])
    late = late_share(guess, *measured)
    seen = (
        f"in the second half of its {steps:,} steps the loss {where} went from {measured[0]:.2f} to {measured[1]:.2f} "
        f"(a guess: {guess:.2f})"
    )
    if late > LATE and measured[0] - measured[1] > MATTERS * guess:
        return Convergence(False, late, f"Not converged: {seen}, {late:.0%} of its whole fall. Train longer.")
    return Convergence(True, late, f"Converged: {seen}.")


def loss_of_a_guess(targets: Sequence[int], weights: Sequence[float] = ()) -> float:
    """The entropy of labels in nats: the lowest mean loss of an answer that does not look at the text. 0 for one label.

    `weights`: what each text counts for; empty if all count alike.
    """
    counts: defaultdict[int, float] = defaultdict(float)
    for target, weight in zip(targets, weights or [1.0] * len(targets), strict=True):
        counts[target] += weight
    n = sum(counts.values())
    return -sum(count / n * math.log(count / n) for count in counts.values())


def late_share(guess: float, half: float, end: float) -> float:
    """The share of the fall of a loss that came in the second half of the steps, at most 1; below 0 if the loss rose again.

    0 if the loss never fell below that of a guess: then it no longer falls, whatever it does.
    """
    if end >= guess:
        return 0.0
    return min(1.0, (half - end) / (guess - end))


def _window(curve: Sequence[Sequence[float]], step: int) -> float:
    """The mean of a loss curve over the `WINDOW` of all steps that ends at a step."""
    width = max(1.0, WINDOW * curve[-1][0])
    inside = [loss for at, loss in curve if step - width < at <= step]
    return sum(inside) / len(inside) if inside else float("nan")
