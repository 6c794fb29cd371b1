"""The comparison of arms in words: what each difference shows, and what would settle it where nothing is shown."""

import math

from core.analysis.arms.differences import Difference, OverTasks
from core.analysis.inference.comparisons import MOST_TEXTS, SEEDS_ON_OFFER, Equivalence
from core.analysis.regression import p_words
from core.analysis.verdicts.verdict_words import between, between_gains, counted_points, margin_points, points


def difference(found: Difference) -> str:
    """What one difference shows: its size with the 95 % interval, the claim about the margin, and what would settle it."""
    if found.withheld:
        return f"{found.arm} against {found.base}: {found.withheld}"
    gap = found.gap
    if not math.isfinite(gap.low):
        single = f" {_single(found)}" if math.isfinite(found.mcnemar_p) else ""
        size = counted_points(abs(gap.value))
        return f"{found.arm} against {found.base}: {size} {_way(gap.value)}, without an interval. {gap.note}{single}"
    sizes = f"{gap.n_texts:,} test texts, {_seeds(gap.n_seeds)}"
    said = [f"{_lost(found.arm, found.base, gap.value, gap.low, gap.high)} ({sizes}{_adjusted(found)})."]
    said.append(_claim(found.equivalence, found.base, is_at_95=math.isnan(gap.se)))
    if not found.is_settled:
        said.append(_what_settles(found))
    said += [gap.note] if gap.note else []
    said += [_single(found)] if math.isfinite(found.mcnemar_p) else []
    return " ".join(said)


def over_tasks(found: OverTasks) -> str:
    """What one pair of arms shows over tasks: the mean difference, the claim about the margin, and how much tasks differ."""
    pooled = found.pooled
    left = f" Left out, without a usable difference: {', '.join(found.left_out)}." if found.left_out else ""
    if not math.isfinite(pooled.low):
        return (
            f"Over {pooled.n_tasks} tasks: {found.arm} against {found.base} {counted_points(abs(pooled.value))} {_way(pooled.value)}, the "
            f"same on every task, so there is no interval.{left}"
        )
    p = f", {p_words(found.p_adjusted)} after Holm" if math.isfinite(found.p_adjusted) else ""
    claim = _claim(found.equivalence, found.base, is_at_95=False)
    return (
        f"Over {pooled.n_tasks} tasks: {_lost(found.arm, found.base, pooled.value, pooled.low, pooled.high)}"
        f" (mean of tasks like these{p}). {_spread(pooled.tau)} {claim}{left}"
    )


def _lost(arm: str, base: str, value: float, low: float, high: float) -> str:
    is_gain = value < 0 and points(value) != "0"
    limits = between_gains(low, high) if is_gain else between(low, high)
    return f"{arm} {'gains' if is_gain else 'loses'} {counted_points(abs(value))} {limits} against {base}"


def _way(value: float) -> str:
    return "gained" if value < 0 and points(value) != "0" else "lost"


def _spread(tau: float) -> str:
    if points(tau) == "0":
        return "Tasks are not seen to differ beyond the errors of measurement."
    return f"The true differences of tasks spread by {counted_points(tau)} (SD)."


def _adjusted(found: Difference) -> str:
    return f", {p_words(found.p_adjusted)} after Holm" if math.isfinite(found.p_adjusted) else ""


def _claim(shown: Equivalence, base: str, *, is_at_95: bool) -> str:
    """The strongest statement about the margin that the 90 % interval supports; never that there is no difference."""
    margin, interval = margin_points(shown.margin), f"{95 if is_at_95 else 90} % interval"
    limits = f"{interval} of the loss {between(shown.low, shown.high)}"
    if not math.isfinite(shown.low):
        return f"Whether at most {margin} are lost cannot be said without an interval."
    if shown.is_equivalent:
        return f"As good as {base} within {margin} ({limits})."
    if shown.high < -shown.margin:
        return f"Better than {base} by more than {margin} ({interval} {between(-shown.high, -shown.low)})."
    if shown.is_as_good:
        return f"At most {margin} are lost ({limits})."
    if shown.low > shown.margin:
        return f"Worse than {base} by more than {margin} ({limits})."
    return f"Not shown that at most {margin} are lost: the {interval} reaches {points(shown.high)}."


def _what_settles(found: Difference) -> str:
    sizes = found.settled_by
    if sizes is None:
        return (
            f"To settle so small a distance from the margin would take more than {SEEDS_ON_OFFER[-1]} seeds or {MOST_TEXTS:,} test "
            "texts."
        )
    now = found.gap
    if (sizes.texts, sizes.seeds) == (now.n_texts, min(now.n_seeds)):
        return "The sizes of this study would about settle it; once more with new seeds may do."
    return f"If the difference stays as it is, about {_round(sizes.texts):,} test texts and {sizes.seeds} seeds would settle it."


def _single(found: Difference) -> str:
    return (
        f"McNemar's exact test of these two trainings alone: {p_words(found.mcnemar_p)} after Holm; it speaks of new texts, not of "
        "new trainings."
    )


def _seeds(n_seeds: tuple[int, ...]) -> str:
    return f"{n_seeds[0]} seeds each" if len(set(n_seeds)) == 1 else f"{n_seeds[0]} and {n_seeds[1]} seeds"


def _round(texts: int) -> int:
    """Two leading digits, rounded up: a proposal is no measurement."""
    step = int(10 ** max(0, len(str(texts)) - 2))
    return -(-texts // step) * step
