"""The verdict on one task: the gap to expect from training on synthetic texts, the chance that it can be borne, and what to do.

It rests on the task's own runs where there are any, on the gaps of the study's other tasks and their subjectivity, and on a weak
assumption where neither says enough.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from core.analysis.inference import new_task
from core.analysis.inference.new_task import LinePrior, Measured, Mixture
from core.analysis.verdicts import measured
from core.analysis.verdicts.measured import WITHIN_80, ArmGap, KnownTask, Together
from core.errors import StudyError
from core.interval import NORMAL_95, Interval
from core.study.rows.kinds import ArmKind
from core.subjectivity.levels import Measure

# Centres from figures recalled of Li et al. (2023) and not checked against the paper, so the spreads are wide on purpose.
PRIORS = {
    ArmKind.ZERO_SHOT: LinePrior(0.15, 0.20, 0.08, 0.12),
    ArmKind.FEW_SHOT: LinePrior(0.07, 0.15, 0.04, 0.12),
    ArmKind.MIXED: LinePrior(0.02, 0.10, 0.02, 0.08),
    ArmKind.OTHER: LinePrior(0.10, 0.20, 0.05, 0.12),
}
CENTRES = {Measure.RATINGS: (0.75, 0.25), Measure.SCALE: (3.0, 1.0), Measure.COMPARISONS: (0.0, 1.5)}
LIKELY, UNLIKELY = 0.8, 0.2
UNTRIED = {ArmKind.ZERO_SHOT, ArmKind.FEW_SHOT}  # kinds to speak of where a study has no synthetic arm
FEW_TASKS = 3
MARGIN = 0.05


class Advice(StrEnum):
    """`generate` texts with the arm that is named; `mix` synthetic texts with real ones; `collect` real texts; `pilot`: train a
    small run of this task first, for what is known does not decide."""

    GENERATE = "generate"
    MIX = "mix"
    COLLECT = "collect"
    PILOT = "pilot"


@dataclass(frozen=True)
class ArmVerdict:
    """What to expect of an arm with own runs, or of one kind of arm without: `gap` with its 80 % interval, in score units, and `chance`,
    the probability to lose at most the margin.

    `own`: the gaps that runs of this task measured with an interval, one for each encoder; empty without. `n_tasks`: other tasks
    behind the expectation. `inside`: how many of them lay in the 80 % interval that the rest foretold; None where too few say so.
    `tau`: how much tasks differ beyond their subjectivity, as median, 16 % and 84 % quantile, and `sd`, the standard deviation of the
    expectation, in score units. `cut_tasks`: those of the `n_tasks` with runs that had not converged.
    """

    arm: str
    kind: ArmKind
    gap: float
    low: float
    high: float
    chance: float
    own: tuple[ArmGap, ...]
    n_tasks: int
    inside: int | None
    tau: tuple[float, float, float]
    sd: float
    cut_tasks: int = 0

    @property
    def unconverged(self) -> int:
        """How many of the runs behind the own gaps had not converged."""
        return sum(one.gap.unconverged for one in self.own)

    @property
    def n_runs(self) -> int:
        """How many runs are behind the own gaps."""
        return sum(sum(one.gap.n_seeds) for one in self.own)

    @property
    def is_known(self) -> bool:
        """Whether more than an assumption speaks of the arm: own runs, or more than a few other tasks."""
        return bool(self.own) or self.n_tasks > FEW_TASKS

    @property
    def has_no_loss(self) -> bool:
        """Whether a measured gap has 0 in its 95 % interval, or lies below, so that no loss is shown."""
        return any(one.gap.low <= 0 for one in self.own)

    def is_open(self, margin: float) -> bool:
        """Whether the 95 % interval of a measured gap holds a gain and a loss, each above the margin."""
        return any(one.gap.low < -margin and one.gap.high > margin for one in self.own)

    def is_undecided(self, margin: float) -> bool:
        """Whether the 95 % interval of a measured gap holds a loss within the margin, or none, and a loss above it."""
        return any(one.gap.low <= margin < one.gap.high for one in self.own)


@dataclass(frozen=True)
class Verdict:
    """The verdict on a task. `expected_gap`, `low`, `high` (80 %) and `chance_within_margin` are those of `arm`.

    `is_rated`: whether people rated the task although its subjectivity is None. `is_extrapolated`: the task lies outside the
    subjectivities of the tasks behind the expectation. `unlearned` and `unplaced`: other tasks with runs that say nothing here, for their
    real arm is not shown to have learned, or nobody said how subjective they are.
    `is_withheld`: there is no verdict, because the real arm is not shown to have learned (`why_unlearned`), or because the task is in
    no comparison and has no runs. `is_uncompared`: tasks are placed by comparisons and this task is in none, so that the other tasks say
    nothing about it.
    """

    task: str
    margin: float
    arm: str
    expected_gap: float
    low: float
    high: float
    chance_within_margin: float
    advice: Advice
    arms: tuple[ArmVerdict, ...]
    subjectivity: Interval | None
    is_rated: bool
    is_extrapolated: bool
    unlearned: tuple[str, ...]
    unplaced: tuple[str, ...]
    is_withheld: bool
    is_uncompared: bool = False
    why_unlearned: str = ""


def verdict(
    task: KnownTask, others: Sequence[KnownTask], *, measure: Measure | None, margin: float = MARGIN
) -> Verdict:
    """The verdict on `task` from its own runs and from the `others` of its study.

    `margin`: the largest gap that can be borne, in score units above 0. `measure`: what the subjectivities are measured by;
    None where no task has answers. Raises `StudyError` if the margin is not between 0 and 1.
    """
    check_margin(margin)
    is_uncompared = measure == Measure.COMPARISONS and task.subjectivity is None
    placed = [other for other in others if other.subjectivity is not None and not is_uncompared]
    usable = [other for other in placed if not other.unlearned]
    centre, unit = CENTRES[measure] if measure else (0.0, 1.0)
    z, extra = _place(task, placed, centre=centre, unit=unit)
    own = {} if task.unlearned else measured.by_arm(task)
    arms = tuple(
        _expected(kind, name, own.get((kind, name)), usable, (z, extra), (centre, unit), margin=margin)
        for kind, name in _to_speak_of(task, own, usable)
    )
    advice, named = _advice(arms, margin=margin)
    is_withheld = bool(task.unlearned) or (is_uncompared and not own)
    advice = Advice.PILOT if is_withheld else advice
    return Verdict(
        task=task.name,
        margin=margin,
        arm=named.arm,
        expected_gap=named.gap,
        low=named.low,
        high=named.high,
        chance_within_margin=named.chance,
        advice=advice,
        arms=arms,
        subjectivity=task.subjectivity,
        is_rated=task.is_rated,
        is_extrapolated=_is_beyond(task, [other for other in usable if named.kind in measured.by_kind(other)]),
        unlearned=tuple(other.name for other in placed if other.unlearned),
        unplaced=tuple(other.name for other in others if other.gaps and other.subjectivity is None),
        is_withheld=is_withheld,
        is_uncompared=is_uncompared and not task.unlearned,
        why_unlearned=task.unlearned,
    )


def check_margin(margin: float) -> None:
    """Raise `StudyError` unless a margin in score units lies between 0 and 1."""
    if not 0 < margin < 1:
        raise StudyError(
            f"The gap that can be borne must be above 0 and below 1, such as 0.05 for 5 points; it is {margin:g}."
        )


def _to_speak_of(
    task: KnownTask, own: Iterable[tuple[ArmKind, str]], usable: Sequence[KnownTask]
) -> list[tuple[ArmKind, str]]:
    """Kind and name of what the verdict speaks of, the cheaper kinds first: the arms with own runs, and by the name of the kind each
    other kind that the task has, or that another task was trained with."""
    trained = list(own)
    kinds = (
        {kind for other in usable for kind in measured.by_kind(other)} | {kind for kind, _ in trained} | set(task.kinds)
    )
    order = list(PRIORS)
    return [
        (kind, name)
        for kind in sorted(kinds or UNTRIED, key=order.index)
        for name in ([arm for of, arm in trained if of == kind] or [str(kind)])
    ]


def _place(task: KnownTask, placed: Sequence[KnownTask], *, centre: float, unit: float) -> tuple[float, float]:
    """Where the task stands on the scale of the model, and the variance of this place beyond that of the other tasks."""
    places = [(other.subjectivity.value - centre) / unit for other in placed if other.subjectivity]
    if task.subjectivity is None:
        spread = float(np.var(places, ddof=1)) if len(places) > 1 else 1.0
        return (float(np.mean(places)) if places else 0.0), spread
    usual = float(np.mean([_error(other.subjectivity) ** 2 for other in placed])) if placed else 0.0
    extra = max(0.0, _error(task.subjectivity) ** 2 - usual) / unit**2
    return (task.subjectivity.value - centre) / unit, extra


def _error(subjectivity: Interval | None) -> float:
    """The standard error of a subjectivity, of one with limits alone that of a normal interval; 0 where it has no interval."""
    if subjectivity is None or not subjectivity.is_defined:
        return 0.0
    if math.isfinite(subjectivity.error):
        return subjectivity.error
    return (subjectivity.high - subjectivity.low) / (2 * NORMAL_95)


def _expected(
    kind: ArmKind,
    name: str,
    own: Together | None,
    others: Sequence[KnownTask],
    at: tuple[float, float],
    scale: tuple[float, float],
    *,
    margin: float,
) -> ArmVerdict:
    """What to expect of an arm, or of a kind of arm, at a place (z, extra variance) on a scale (centre, unit)."""
    known_of = [(other.subjectivity, found) for other in others if (found := measured.by_kind(other).get(kind))]
    rest = [(place, found) for place, found in known_of if place]
    told = [Measured((place.value - scale[0]) / scale[1], found.value, found.se) for place, found in rest]
    known = new_task.posterior(told, PRIORS[kind])
    arms_differ = float(np.mean([found.averaged for _, found in rest])) if rest else 0.0
    expected: Mixture = known.at(at[0], extra=at[1]).spread(arms_differ)
    if own:
        expected = expected.measured(own.value, own.error_of_one)
    scores = new_task.leave_one_out(told, PRIORS[kind]) if len(told) >= FEW_TASKS else None
    return ArmVerdict(
        arm=name,
        kind=kind,
        gap=expected.expected,
        low=expected.quantile(0.1),
        high=expected.quantile(0.9),
        chance=expected.below(margin),
        own=own.gaps if own else (),
        n_tasks=len(told),
        inside=None if scores is None else int((np.abs(scores) <= WITHIN_80).sum()),
        tau=known.tau_range,
        sd=expected.sd,
        cut_tasks=sum(bool(found.unconverged) for _, found in rest),
    )


def _advice(arms: Sequence[ArmVerdict], *, margin: float) -> tuple[Advice, ArmVerdict]:
    """What to do, and the arm that the advice speaks of; the cheaper arms come first in `arms`.

    Nothing is advised of an arm of which only an assumption speaks. A measured gap that is open, or that shows no loss, never ends in the
    advice to collect, nor does an arm that was not tried and may well do.
    """
    best = max(arms, key=lambda arm: arm.chance)
    for arm in arms:
        if arm.is_known and arm.chance >= LIKELY and not arm.is_open(margin):
            return (Advice.MIX if arm.kind == ArmKind.MIXED else Advice.GENERATE), arm
    if best.chance > UNLIKELY or not any(arm.is_known for arm in arms) or any(arm.has_no_loss for arm in arms):
        return Advice.PILOT, best
    return Advice.COLLECT, best


def _is_beyond(task: KnownTask, others: Sequence[KnownTask]) -> bool:
    """Whether the task lies outside the others' subjectivities by more than a quarter of their range."""
    if task.subjectivity is None or len(others) < 2:
        return False
    values = [other.subjectivity.value for other in others if other.subjectivity]
    room = 0.25 * (max(values) - min(values))
    return not min(values) - room <= task.subjectivity.value <= max(values) + room
