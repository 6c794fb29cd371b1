"""The verdict on one task: the gap to expect from training on synthetic texts, the chance that it can be borne, and what to do.

It rests on the task's own runs where there are any, on the gaps of the study's other tasks and their subjectivity, and on a weak
assumption where neither says enough.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import special

from core.analysis.inference import new_task
from core.analysis.inference.gaps import Gap
from core.analysis.inference.new_task import LinePrior, Measured, Mixture
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
WITHIN_80 = 1.2815515655446004  # standard deviations that hold 80 % of a normal distribution
LIKELY, UNLIKELY = 0.8, 0.2
UNTRIED = {ArmKind.ZERO_SHOT, ArmKind.FEW_SHOT}  # kinds to speak of where a study has no synthetic arm
FEW_TASKS = 3
MARGIN = 0.05
NO_REACH = (math.nan, math.nan)


class Advice(StrEnum):
    """`generate` texts with the arm that is named; `mix` synthetic texts with real ones; `collect` real texts; `pilot`: train a
    small run of this task first, for what is known does not decide."""

    GENERATE = "generate"
    MIX = "mix"
    COLLECT = "collect"
    PILOT = "pilot"


@dataclass(frozen=True)
class ArmGap:
    """The gap of one synthetic arm of a task, for one encoder, as its runs measured it."""

    arm: str
    kind: ArmKind
    encoder: str
    gap: Gap


@dataclass(frozen=True)
class KnownTask:
    """What a study knows of one task. `subjectivity` is None without answers; `unlearned`: why a gap to its real arm means
    nothing, as a clause ("" where the real arm is shown to have learned, or has no runs). `kinds`: of its synthetic arms, trained
    or not."""

    name: str
    subjectivity: Interval | None
    gaps: tuple[ArmGap, ...] = ()
    unlearned: str = ""
    kinds: tuple[ArmKind, ...] = ()


@dataclass(frozen=True)
class ArmVerdict:
    """What to expect of one kind of arm: `gap` with its 80 % interval and `chance`, the probability to lose at most the margin.

    `own`: the gap that runs of this task measured (None without them, or where they have no interval). `n_tasks`: other tasks
    behind the expectation. `inside`: how many of them lay in the 80 % interval that the rest foretold. `unconverged` of the `n_runs` behind
    the arm's own gaps had not converged; `cut_tasks`: those of the `n_tasks` with such runs. `reach`: the lowest and the highest end of
    the 95 % intervals of its own gaps, nan without any.
    """

    arm: str
    kind: ArmKind
    gap: float
    low: float
    high: float
    chance: float
    own: Gap | None
    n_tasks: int
    inside: int
    tau: tuple[float, float, float]
    sd: float
    unconverged: int = 0
    n_runs: int = 0
    cut_tasks: int = 0
    reach: tuple[float, float] = NO_REACH

    @property
    def has_no_loss(self) -> bool:
        """Whether a gap that this task measured has 0 in its 95 % interval, or lies below, so that no loss is shown."""
        return self.reach[0] <= 0

    def is_open(self, margin: float) -> bool:
        """Whether the 95 % interval of the measured gap holds a gain and a loss, each above the margin."""
        return self.reach[0] < -margin and self.reach[1] > margin


@dataclass(frozen=True)
class Verdict:
    """The verdict on a task. `expected_gap`, `low`, `high` (80 %) and `chance_within_margin` are those of `arm`.

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
    place: float
    is_extrapolated: bool
    unlearned: tuple[str, ...]
    is_withheld: bool
    is_uncompared: bool = False
    why_unlearned: str = ""


def verdict(
    task: KnownTask, others: Sequence[KnownTask], *, measure: Measure | None, margin: float = MARGIN
) -> Verdict:
    """The verdict on `task` from its own runs and from the `others` of its study.

    `margin`: the largest gap that can be borne, in score units above 0. `measure`: what the subjectivities are measured by;
    None where no task has answers. Raises `StudyError` if the margin is not above 0.
    """
    if not margin > 0:
        raise StudyError(f"The gap that can be borne must be above 0, such as 0.05 for 5 points; it is {margin:g}.")
    is_uncompared = measure == Measure.COMPARISONS and task.subjectivity is None
    placed = [other for other in others if other.subjectivity is not None and not is_uncompared]
    usable = [other for other in placed if not other.unlearned]
    centre, unit = CENTRES[measure] if measure else (0.0, 1.0)
    z, extra = _place(task, placed, centre=centre, unit=unit)
    own = {} if task.unlearned else _by_kind(task)
    shown = sorted(
        {kind for other in usable for kind in _by_kind(other)} | set(own) or set(task.kinds) or UNTRIED,
        key=list(PRIORS).index,
    )
    arms = tuple(_expected(kind, own.get(kind), usable, (z, extra), (centre, unit), margin=margin) for kind in shown)
    advice, named = _advice(arms, has_runs=bool(own), margin=margin)
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
        place=z,
        is_extrapolated=_is_beyond(task, usable),
        unlearned=tuple(other.name for other in placed if other.unlearned),
        is_withheld=is_withheld,
        is_uncompared=is_uncompared and not task.unlearned,
        why_unlearned=task.unlearned,
    )


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
    """The standard error behind a 95 % interval; 0 where the interval is undefined."""
    if subjectivity is None or not subjectivity.is_defined:
        return 0.0
    return (subjectivity.high - subjectivity.low) / (2 * NORMAL_95)


@dataclass(frozen=True)
class _KindGap:
    """The mean gap over the arms and encoders of one kind; `gap` is that of the single arm, or None for several. `unconverged` of its
    `n_runs` had not converged. `reach`: the outer ends of the 95 % intervals."""

    names: tuple[str, ...]
    value: float
    se: float
    gap: Gap | None
    unconverged: int
    n_runs: int
    reach: tuple[float, float]


def _by_kind(task: KnownTask) -> dict[ArmKind, _KindGap]:
    """The mean gap of each kind of arm that has a standard error. Arms of a kind share their texts, so averaging does not shrink
    the error."""
    found = {}
    for kind in dict.fromkeys(own.kind for own in task.gaps):
        own = [arm for arm in task.gaps if arm.kind == kind and math.isfinite(arm.gap.se)]
        if own:
            value = float(np.mean([arm.gap.value for arm in own]))
            se = math.sqrt(float(np.mean([_widened(arm.gap) ** 2 for arm in own])))
            names = tuple(dict.fromkeys(arm.arm for arm in own))
            cut, total = sum(arm.gap.unconverged for arm in own), sum(sum(arm.gap.n_seeds) for arm in own)
            reach = (min(arm.gap.low for arm in own), max(arm.gap.high for arm in own))
            found[kind] = _KindGap(names, value, se, own[0].gap if len(own) == 1 else None, cut, total, reach)
    return found


def _widened(gap: Gap) -> float:
    """The standard error with which a normal distribution has the 80 % interval of the gap's t distribution."""
    return gap.se * float(special.stdtrit(gap.df, 0.9)) / WITHIN_80


def _expected(
    kind: ArmKind,
    own: _KindGap | None,
    others: Sequence[KnownTask],
    at: tuple[float, float],
    scale: tuple[float, float],
    *,
    margin: float,
) -> ArmVerdict:
    """What to expect of one kind of arm at a place (z, extra variance) on a scale (centre, unit)."""
    known_of = [(other.subjectivity, found) for other in others if (found := _by_kind(other).get(kind))]
    rest = [(place, found) for place, found in known_of if place]
    measured = [Measured((place.value - scale[0]) / scale[1], found.value, found.se) for place, found in rest]
    known = new_task.posterior(measured, PRIORS[kind])
    expected: Mixture = known.at(at[0], extra=at[1])
    if own:
        expected = expected.measured(own.value, own.se)
    scores = new_task.leave_one_out(measured, PRIORS[kind]) if len(measured) >= FEW_TASKS else np.zeros(0)
    name = own.names[0] if own and len(own.names) == 1 else str(kind)
    return ArmVerdict(
        arm=name,
        kind=kind,
        gap=expected.expected,
        low=expected.quantile(0.1),
        high=expected.quantile(0.9),
        chance=expected.below(margin),
        own=own.gap if own else None,
        n_tasks=len(measured),
        inside=int((np.abs(scores) <= WITHIN_80).sum()),
        tau=known.tau_range,
        sd=expected.sd,
        unconverged=own.unconverged if own else 0,
        n_runs=own.n_runs if own else 0,
        cut_tasks=sum(bool(found.unconverged) for _, found in rest),
        reach=own.reach if own else NO_REACH,
    )


def _advice(arms: Sequence[ArmVerdict], *, has_runs: bool, margin: float) -> tuple[Advice, ArmVerdict]:
    """What to do, and the arm that the advice speaks of; the cheaper arms come first in `arms`. A measured gap that is open, or that
    shows no loss, never ends in the advice to collect."""
    best = max(arms, key=lambda arm: arm.chance)
    if not has_runs and max(arm.n_tasks for arm in arms) <= FEW_TASKS:
        return Advice.PILOT, best
    for arm in arms:
        if arm.chance >= LIKELY and not arm.is_open(margin):
            return (Advice.MIX if arm.kind == ArmKind.MIXED else Advice.GENERATE), arm
    if best.chance > UNLIKELY or any(arm.has_no_loss for arm in arms):
        return Advice.PILOT, best
    return Advice.COLLECT, best


def _is_beyond(task: KnownTask, others: Sequence[KnownTask]) -> bool:
    """Whether the task lies outside the others' subjectivities by more than a quarter of their range."""
    if task.subjectivity is None or len(others) < 2:
        return False
    values = [other.subjectivity.value for other in others if other.subjectivity]
    room = 0.25 * (max(values) - min(values))
    return not min(values) - room <= task.subjectivity.value <= max(values) + room
