"""Baselines in words: what stands beside a gap, and which baselines the arms are not shown to beat"""

import math

from core.analysis.arms.trained import TaskArms, TrainedArm
from core.analysis.baselines.results import MAJORITY, POOL, STUDENT, Result, TaskBaselines
from core.analysis.inference import gaps
from core.analysis.inference.gaps import Gap, SeedSpread
from core.analysis.points import METRIC_NAMES, Metric
from core.analysis.verdicts.verdict_words import between, counted_points
from core.study.rows.kinds import ArmKind

BETTER = "a gap to it understates what real texts are worth"
PLAINER = "a gap to it may be a gap to a model no better than a plainer one"
NOTHING_LEARNED = (
    "in this score it may have learned nothing from the real texts, so a small gap is no praise of synthetic ones"
)
NOTHING_ADDED = "generating texts may have added nothing to the real texts of the pool"


def beside_gap(found: TaskBaselines, *, metric: Metric) -> str:
    """The scores of the baselines that need no synthetic text, in one sentence; "" without any baseline."""
    shown = [one for one in found.results if one.arm in ("", ArmKind.REAL, POOL)]
    parts = [f"{one.words} {gaps.mean_score(one.scored(metric)).text()}" for one in shown]
    n = len(shown[0].truth) if shown else 0
    return f"In {_named(metric)}, {'; '.join(parts)} (n {n:,} test texts)." if parts else ""


def not_beaten(
    found: TaskBaselines, chosen: TaskArms | None, *, metric: Metric, spread: SeedSpread = gaps.ALONE
) -> list[str]:
    """A sentence for each baseline that an arm is not shown to beat, paired by test text; none without runs.

    The real arm beside the commonest label, the classifiers on its own texts, and LLMs; every synthetic arm beside the seed
    student with the same encoder. Where the difference has no interval, nothing is said.
    """
    if chosen is None:
        return []
    said = []
    for arm, one in _pairs(found, chosen):
        gap = gaps.gap(arm.scored(metric), one.scored(metric), spread=spread)
        if math.isfinite(gap.low) and gap.low <= 0:
            said.append(_sentence(arm, one, gap, metric=metric))
    return said


def _pairs(found: TaskBaselines, chosen: TaskArms) -> list[tuple[TrainedArm, Result]]:
    """The arms and the baselines that each of them should beat."""
    real = [] if chosen.real is None else [chosen.real]
    pairs = [(arm, one) for one in found.results if one.arm in ("", ArmKind.REAL) for arm in real]
    students = [one for one in found.results if one.name == f"{STUDENT}{chosen.encoder}"]
    return pairs + [(arm, one) for one in students for arm in chosen.arms if arm.kind != ArmKind.REAL]


def _sentence(arm: TrainedArm, one: Result, gap: Gap, *, metric: Metric) -> str:
    """That an arm does not beat a baseline, the difference with its interval, and what follows for the gap."""
    if one.name.startswith(STUDENT):
        so = NOTHING_ADDED
    elif gap.high < 0:
        so = BETTER
    else:
        so = NOTHING_LEARNED if one.name == MAJORITY else PLAINER
    return (
        f"The {arm.arm} arm with {arm.encoder} {'is worse than' if gap.high < 0 else 'is not shown to beat'} {one.words}: "
        f"{counted_points(gap.value)} of {_named(metric)} {between(gap.low, gap.high)}, n {gap.n_texts:,} test texts; {so}."
    )


def _named(metric: Metric) -> str:
    return METRIC_NAMES[metric].lower().replace("f1", "F1")
