"""Baselines in words: what stands beside a gap, and which baselines the real arm is not shown to beat"""

import math

from core.analysis.arms.trained import TaskArms
from core.analysis.baselines.results import MAJORITY, Result, TaskBaselines
from core.analysis.inference import gaps
from core.analysis.inference.gaps import Gap, SeedSpread
from core.analysis.points import METRIC_NAMES, Metric
from core.analysis.verdicts.verdict_words import between, counted_points
from core.study.rows.kinds import ArmKind


def beside_gap(found: TaskBaselines, *, metric: Metric) -> str:
    """The scores of the baselines that need no synthetic text, in one sentence; "" without any baseline."""
    shown = [one for one in found.results if one.arm in ("", ArmKind.REAL)]
    parts = [f"{one.words} {gaps.mean_score(one.scored(metric)).text()}" for one in shown]
    n = len(shown[0].truth) if shown else 0
    return f"In {_named(metric)}, {'; '.join(parts)} (n {n:,} test texts)." if parts else ""


def not_beaten(
    found: TaskBaselines, chosen: TaskArms | None, *, metric: Metric, spread: SeedSpread = gaps.ALONE
) -> list[str]:
    """A sentence for each baseline that the real arm is not shown to beat, paired by test text; none without runs of the real arm.

    Baselines: the commonest label, classifiers on the real texts of the runs, and LLMs. Without an interval nothing is said.
    """
    real = chosen.real if chosen is not None else None
    if real is None or chosen is None:
        return []
    said = []
    for one in found.results:
        if one.arm not in ("", ArmKind.REAL):
            continue
        gap = gaps.gap(real.scored(metric), one.scored(metric), spread=spread)
        if math.isfinite(gap.low) and gap.low <= 0:
            said.append(_sentence(one, gap, encoder=chosen.encoder, metric=metric))
    return said


def _sentence(one: Result, gap: Gap, *, encoder: str, metric: Metric) -> str:
    """Why a gap under the real arm says little: the real arm itself is not shown to beat a baseline."""
    lead = "is worse than" if gap.high < 0 else "is not shown to beat"
    so = (
        "in this score it may have learned nothing from the real texts, so a small gap is no praise of synthetic ones"
        if one.name == MAJORITY
        else "a gap to it may be a gap to a model no better than a plainer one"
    )
    if gap.high < 0:
        so = "a gap to it understates what real texts are worth"
    return (
        f"The real arm with {encoder} {lead} {one.words}: {counted_points(gap.value)} of {_named(metric)} "
        f"{between(gap.low, gap.high)}, n {gap.n_texts:,} test texts; {so}."
    )


def _named(metric: Metric) -> str:
    return METRIC_NAMES[metric].lower().replace("f1", "F1")
