"""What a study knows of a task for a verdict, and its measured gaps put together: by arm over encoders, by kind over arms.

The gaps g_1 ... g_k of a group become one number, their mean, with the standard error se, where se^2 is the mean of the s_i^2, and s_i
the standard error with which a normal distribution has the 80 % interval of gap i: gaps of a group share test texts, and arms of a kind
may share synthetic texts, so averaging does not shrink the errors. How much the true gaps of a group differ is

    between = max(0, variance of the g_i (divisor k - 1) - se^2), and 0 for one gap.

A verdict speaks of one arm with one encoder, not of a mean. So `between` of the encoders of an arm is added to the squared error of its
own gap, and `between` of other tasks, as far as their means have averaged it away, to what they foretell of an arm.
"""

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy import special

from core.analysis.inference.gaps import Gap
from core.interval import NORMAL_95, Interval
from core.study.rows.kinds import ArmKind

WITHIN_80 = 1.2815515655446004  # standard deviations that hold 80 % of a normal distribution

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class ArmGap:
    """The gap of one synthetic arm of a task, for one encoder, as its runs measured it."""

    arm: str
    kind: ArmKind
    encoder: str
    gap: Gap

    @property
    def has_interval(self) -> bool:
        """Whether the gap has a 95 % interval; one of arms that never disagree has limits, but no standard error."""
        return math.isfinite(self.gap.low) and math.isfinite(self.gap.high)


@dataclass(frozen=True)
class KnownTask:
    """What a study knows of one task.

    `subjectivity` is None without answers, and where the answers give no number (`is_rated`). `gaps`: of the encoders whose real arm is
    shown to have learned. `unlearned`: why a gap to its real arm means nothing, as a clause ("" where the real arm is shown to have
    learned with an encoder, or has no runs). `kinds`: of its synthetic arms, trained or not.
    """

    name: str
    subjectivity: Interval | None
    gaps: tuple[ArmGap, ...] = ()
    unlearned: str = ""
    kinds: tuple[ArmKind, ...] = ()
    is_rated: bool = False


@dataclass(frozen=True)
class Together:
    """Gaps of one task put together: their mean `value`, its standard error `se`, both in score units, and `between`, the variance of the
    true gaps; see the module."""

    gaps: tuple[ArmGap, ...]
    value: float
    se: float
    between: float

    @property
    def error_of_one(self) -> float:
        """The standard error of the mean as a guess at the gap of any one of the group."""
        return math.sqrt(self.se**2 + self.between)

    @property
    def averaged(self) -> float:
        """The part of `between` that the mean has averaged away."""
        return self.between * (1 - 1 / len(self.gaps))

    @property
    def unconverged(self) -> int:
        """How many of the runs behind the gaps had not converged."""
        return sum(one.gap.unconverged for one in self.gaps)


def by_arm(task: KnownTask) -> dict[tuple[ArmKind, str], Together]:
    """The gaps with an interval of each arm of a task, put together over encoders."""
    return _grouped(((one.kind, one.arm), one) for one in task.gaps if one.has_interval)


def by_kind(task: KnownTask) -> dict[ArmKind, Together]:
    """The gaps with an interval of each kind of arm of a task, put together over arms and encoders."""
    return _grouped((one.kind, one) for one in task.gaps if one.has_interval)


def _grouped(gaps: Iterable[tuple[Key, ArmGap]]) -> dict[Key, Together]:
    groups: dict[Key, list[ArmGap]] = {}
    for key, one in gaps:
        groups.setdefault(key, []).append(one)
    return {key: _together(own) for key, own in groups.items()}


def _together(gaps: list[ArmGap]) -> Together:
    values = [one.gap.value for one in gaps]
    error = float(np.mean([_normal_error(one.gap) ** 2 for one in gaps]))
    spread = float(np.var(values, ddof=1)) if len(values) > 1 else 0.0
    return Together(tuple(gaps), float(np.mean(values)), math.sqrt(error), max(0.0, spread - error))


def _normal_error(gap: Gap) -> float:
    """The standard error with which a normal distribution has the 80 % interval of the gap; for a gap with limits alone, theirs."""
    if not math.isfinite(gap.se):
        return (gap.high - gap.low) / (2 * NORMAL_95)
    return gap.se * float(special.stdtrit(gap.df, 0.9)) / WITHIN_80
