"""Differences between the arms of a task, and of two arms over tasks: intervals, equivalence, and p-values of the family."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import pandas as pd

from core.analysis import gap_table
from core.analysis.arms import trained
from core.analysis.arms.trained import StudyArms, TaskArms, TrainedArm
from core.analysis.inference import comparisons, gaps
from core.analysis.inference.comparisons import Equivalence, Pooled, Sizes
from core.analysis.inference.gaps import Gap, SeedSpread
from core.analysis.points import Metric
from core.errors import StudyError
from core.study.rows.kinds import ArmKind

MARGIN = 0.02  # score units: the difference up to which two arms are called as good as one another
COLUMNS = [
    "arm", "base", "lost", "low", "high", "low_90", "high_90", "p", "p_adjusted", "mcnemar_p", "n_seeds", "n_test",
    "unconverged", "note",
]  # fmt: skip
TASK_COLUMNS = [
    "arm",
    "base",
    "lost",
    "low",
    "high",
    "low_90",
    "high_90",
    "p",
    "p_adjusted",
    "tau",
    "n_tasks",
    "unconverged",
    "note",
]


@dataclass(frozen=True)
class Difference:
    """What `arm` loses against `base`: score of the base minus score of the arm, so that a gain is negative.

    `gap`: the difference with its 95 % interval. `equivalence`: its 90 % interval beside the margin. `p`: of no difference;
    `p_adjusted`: after Holm over all differences computed together. `mcnemar_p`: the exact test of two single trainings, nan
    if an arm has several seeds; after Holm as well. `settled_by`: sizes at which the margin would about be settled, None if
    it is settled or no feasible size would do. `withheld`: why the difference means nothing, or "".
    """

    arm: str
    base: str
    gap: Gap
    equivalence: Equivalence
    p: float
    p_adjusted: float
    mcnemar_p: float
    settled_by: Sizes | None
    withheld: str

    @property
    def is_settled(self) -> bool:
        """Whether the 90 % interval lies on one side of the margin, or the 95 % interval of arms that never disagree."""
        low, high, margin = self.equivalence.low, self.equivalence.high, self.equivalence.margin
        return high < margin or low > margin


@dataclass(frozen=True)
class OverTasks:
    """What `arm` loses against `base` in the mean over the tasks in which both were trained.

    `pooled`: with a 95 % interval; `equivalence`: the 90 % interval beside the margin, without p-values. `p_adjusted`: after
    Holm over all rows computed together. `left_out`: tasks whose difference has no standard error or means nothing. `unconverged`: runs
    of the tasks that count which had not converged.
    """

    arm: str
    base: str
    pooled: Pooled
    equivalence: Equivalence
    p_adjusted: float
    left_out: tuple[str, ...]
    unconverged: int = 0


def between(
    chosen: TaskArms, *, metric: Metric, margin: float = MARGIN, spread: SeedSpread = gaps.ALONE, base: str = ""
) -> list[Difference]:
    """The differences of all arms from the arm `base`; with "" those of every pair, the pairs with the real arm first.

    Without `base` the base of a pair is the real arm, or else the arm that was made first. Raises `StudyError` if the margin
    is not in (0, 1) or there is no arm `base`.
    """
    _check(margin)
    scored = {arm.arm: arm.scored(metric) for arm in chosen.arms}
    found = []
    for own, arm in _pairs(chosen, base):
        gap = gaps.gap(scored[own.arm], scored[arm.arm], spread=spread)
        gap = replace(gap, unconverged=own.unconverged + arm.unconverged)
        withheld = why_withheld(own, arm) or _unbeaten(own, arm, metric=metric, spread=spread)
        shown = comparisons.equivalence(gap, margin=margin)
        p, mcnemar = (math.nan, math.nan) if withheld else (comparisons.difference_p(gap), _single(own, arm))
        one = Difference(arm.arm, own.arm, gap, shown, p, math.nan, mcnemar, None, withheld)
        is_open = not (withheld or one.is_settled)
        found.append(replace(one, settled_by=comparisons.sizes_to_settle(gap, margin=margin) if is_open else None))
    p_adjusted = comparisons.adjusted([one.p for one in found])
    mcnemar_p = comparisons.adjusted([one.mcnemar_p for one in found])
    return [
        replace(one, p_adjusted=p, mcnemar_p=exact) for one, p, exact in zip(found, p_adjusted, mcnemar_p, strict=True)
    ]


def over_tasks(
    study: StudyArms, *, encoder: str, metric: Metric, margin: float = MARGIN, names: Sequence[str] = (), base: str = ""
) -> list[OverTasks]:
    """The differences of each pair of arms that at least two tasks have, in the mean over tasks; pairs with real first.

    Each pair has one row, in whatever order a task made its arms: the base is that of the first task with both.
    `names`: only pairs of these arms; empty for all. `base`: as for `between`. Raises `StudyError` if the margin is not in (0, 1).
    """
    _check(margin)
    spread = trained.shared_spread(study, metric)
    by_pair: dict[tuple[str, str], list[_InTask]] = {}
    for task in dict.fromkeys(arm.task for arm in study.arms if arm.encoder == encoder):
        chosen = trained.comparable(study, task, encoder=encoder)
        if base and base not in {arm.arm for arm in chosen.arms}:
            continue
        for one in between(chosen, metric=metric, margin=margin, spread=spread, base=base):
            if not names or {one.arm, one.base} <= set(names):
                is_reversed = (one.base, one.arm) in by_pair
                key = (one.base, one.arm) if is_reversed else (one.arm, one.base)
                by_pair.setdefault(key, []).append(_InTask(task, one, -1 if is_reversed else 1))
    found = [row for key, rows in by_pair.items() if (row := _pooled(key, rows, margin=margin)) is not None]
    p_adjusted = comparisons.adjusted([row.pooled.p for row in found])
    adjusted = [replace(row, p_adjusted=p) for row, p in zip(found, p_adjusted, strict=True)]
    return sorted(adjusted, key=lambda row: row.base != ArmKind.REAL)


def table(found: Sequence[Difference]) -> pd.DataFrame:
    """The differences as a table: `COLUMNS`. `low_90`, `high_90`: the 90 % interval; `n_seeds`: the smaller number of seeds."""
    rows = [
        (
            one.arm, one.base, one.gap.value, one.gap.low, one.gap.high, one.equivalence.low, one.equivalence.high, one.p,
            one.p_adjusted, one.mcnemar_p, min(one.gap.n_seeds), one.gap.n_texts, one.gap.unconverged, one.withheld or one.gap.note,
        )
        for one in found
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def task_table(found: Sequence[OverTasks]) -> pd.DataFrame:
    """The differences over tasks as a table: `TASK_COLUMNS`; `tau`: how much tasks differ beyond the errors of measurement."""
    rows = [
        (
            one.arm, one.base, one.pooled.value, one.pooled.low, one.pooled.high, one.equivalence.low, one.equivalence.high,
            one.pooled.p, one.p_adjusted, one.pooled.tau, one.pooled.n_tasks, one.unconverged,
            f"Left out: {', '.join(one.left_out)}." if one.left_out else "",
        )
        for one in found
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=TASK_COLUMNS)


def why_withheld(base: TrainedArm, arm: TrainedArm) -> str:
    """Why a difference means nothing: the real arm, or both synthetic arms, learned nothing; "" if it has a meaning."""
    if any(one.kind == ArmKind.REAL and not one.has_learned for one in (base, arm)):
        return "The real arm is no better than chance, so a difference from it means nothing."
    if not base.has_learned and not arm.has_learned:
        return "Neither arm is better than chance, so their difference means nothing."
    return ""


def _unbeaten(base: TrainedArm, arm: TrainedArm, *, metric: Metric, spread: SeedSpread) -> str:
    """Why a difference from the real arm means nothing: it is not shown to beat always the commonest label; else ""."""
    real = next((one for one in (base, arm) if one.kind == ArmKind.REAL), None)
    if real is None or gap_table.beats_commonest(real.truth, real.scored(metric), metric=metric, spread=spread):
        return ""
    return f"{gap_table.UNBEATEN[0].upper()}{gap_table.UNBEATEN[1:]}, so a difference from it means nothing."


def _pairs(chosen: TaskArms, base: str) -> list[tuple[TrainedArm, TrainedArm]]:
    """Pairs of a base and an arm: every pair, or those with the arm named `base`."""
    if not base:
        return list(combinations(chosen.arms, 2))
    own = next((arm for arm in chosen.arms if arm.arm == base), None)
    if own is None:
        there = ", ".join(arm.arm for arm in chosen.arms)
        raise StudyError(f"There is no arm {base!r} to compare with among {there}.")
    return [(own, arm) for arm in chosen.arms if arm is not own]


@dataclass(frozen=True)
class _InTask:
    """A difference of a pair of arms in one task; `sign` is -1 where the task has the arm as base and the base as arm."""

    task: str
    difference: Difference
    sign: int


def _pooled(key: tuple[str, str], rows: Sequence[_InTask], *, margin: float) -> OverTasks | None:
    """The mean over the tasks whose difference has a standard error and a meaning; None if fewer than two are left."""
    used = [row for row in rows if not row.difference.withheld and math.isfinite(row.difference.gap.se)]
    if len(used) < 2:
        return None
    effects, errors = [row.sign * row.difference.gap.value for row in used], [row.difference.gap.se for row in used]
    left_out = tuple(row.task for row in rows if row not in used)
    return OverTasks(
        *key, comparisons.pooled(effects, errors), comparisons.pooled_equivalence(effects, errors, margin=margin),
        math.nan, left_out, sum(row.difference.gap.unconverged for row in used),
    )  # fmt: skip


def _single(base: TrainedArm, arm: TrainedArm) -> float:
    """McNemar's exact p of two arms with one training each; nan if an arm has several seeds, since texts would be repeated."""
    if len(base.seeds) > 1 or len(arm.seeds) > 1:
        return math.nan
    return comparisons.single_texts(base.predicted[0] == base.truth, arm.predicted[0] == arm.truth)


def _check(margin: float) -> None:
    if not 0 < margin < 1:
        raise StudyError(
            f"The margin is a difference of scores between 0 and 1, such as 0.02 for 2 points; it is {margin:g}."
        )
