"""How often the intervals of alpha held the truth in simulated studies, as data, and what to say where they miss.

From `benchmarks/coverage.py`: 1,000 studies a design, 1,000 resamples a study, nominal labels; designs differ in pool
(2 or 5, 20, 50 raters), labels (2, 4), alpha (about 0.25, 0.5, 0.8), and in whether 30 % of the ratings are missing.
The truth is alpha of 100,000 items rated by the same pool. Of the 468 designs, those from 50 items on lie between 0.909
and 1.000.
"""

import math
from dataclasses import dataclass

LOWEST, HIGHEST, WORST = 0.93, 0.97, 0.92  # WORST: a single design may miss by chance
SKEWED = 0.6  # share of the commonest label; 0.51 to 0.85 in the skewed designs, up to 0.56 in the even ones
FEWEST_ITEMS, FEW_RATERS = 10, 10
OTHER_RATERS = 0.907  # least coverage of alpha over all pools of 5 raters, 100 items (`--new-raters`)


@dataclass(frozen=True)
class Measured:
    """Coverage of 95 % intervals over all designs with so many items: mean and extremes. `pairs`: two ratings an
    item, else three or five."""

    items: int
    pairs: bool
    skewed: bool
    mean: float
    least: float
    most: float


MEASURED = (
    Measured(10, False, False, 0.971, 0.920, 0.999),
    Measured(10, False, True, 0.986, 0.971, 1.000),
    Measured(20, False, False, 0.969, 0.941, 0.997),
    Measured(20, False, True, 0.972, 0.936, 1.000),
    Measured(50, False, False, 0.959, 0.946, 0.973),
    Measured(50, False, True, 0.959, 0.909, 0.992),
    Measured(100, False, False, 0.951, 0.936, 0.968),
    Measured(100, False, True, 0.954, 0.929, 0.972),
    Measured(200, False, False, 0.948, 0.929, 0.963),
    Measured(200, False, True, 0.952, 0.933, 0.967),
    Measured(20, True, False, 0.984, 0.966, 1.000),
    Measured(20, True, True, 0.993, 0.967, 1.000),
    Measured(50, True, False, 0.960, 0.947, 0.986),
    Measured(50, True, True, 0.976, 0.953, 1.000),
    Measured(100, True, False, 0.951, 0.934, 0.963),
    Measured(100, True, True, 0.966, 0.951, 0.981),
)


def coverage_words(*, n_items: int, n_raters: int, commonest: float = 0.5, per_item: float | None = None) -> str:
    """By how much 95 % intervals of alpha miss in studies like this one; empty where 93 to 97 % held the truth.

    `n_items`: with two ratings or more. `commonest`: share of the commonest label. `per_item`: mean ratings per item,
    by default as many as there are raters.
    """
    if n_items < 2:
        return "One item is too little for an interval of alpha."
    if n_items < FEWEST_ITEMS:
        return (
            f"With {n_items} items the interval of alpha is a rough guess: studies of fewer than 10 were not simulated."
        )
    one = nearest(n_items, pairs=(n_raters if per_item is None else per_item) < 2.5, skewed=commonest >= SKEWED)
    if one.mean <= HIGHEST and one.least >= WORST:
        return ""
    like = f"about {one.items} items{' with one dominant label' if one.skewed else ''}"
    held = f"In simulated studies of {like} 95 % intervals of alpha held the truth in {100 * one.mean:.1f} %"
    if one.mean > HIGHEST:
        return f"{held} of cases ({100 * one.least:.1f} % to {100 * one.most:.1f} % by design): this one is rather too wide."
    return f"{held} of cases, but in {100 * one.least:.1f} % in the worst design: this one may be too narrow."


def raters_words(n_raters: int) -> str:
    """What the interval does not say where few raters gave all ratings; empty from 10 raters on, and where no rater is known."""
    if n_raters >= FEW_RATERS or not n_raters:
        return ""
    raters = "1 rater" if n_raters == 1 else f"{n_raters} raters"
    return (
        f"All ratings come from {raters}, and the interval speaks of these: for other raters it may be too narrow (with 5 "
        f"new raters a study it held the truth in as few as {100 * OTHER_RATERS:.1f} % of simulated studies)."
    )


def nearest(n_items: int, *, pairs: bool, skewed: bool) -> Measured:
    """The simulated studies most like this one: the nearest number of items on a log scale."""
    alike = [one for one in MEASURED if (one.pairs, one.skewed) == (pairs, skewed)]
    return min(alike, key=lambda one: abs(math.log(one.items / n_items)))
