"""Coverage of the 95 % intervals of alpha in simulated studies, as a table, and warnings where the coverage is off.

Coverage is the share of simulated studies whose interval contains the true alpha (alpha of 100,000 items rated by the
same pool of raters). Measured by `benchmarks/coverage.py`: 468 designs, 1,000 studies per design, 1,000 resamples per
study, nominal labels. Designs differ in the pool (2 or 5, 20, 50 raters), the number of labels (2, 4), alpha (about
0.25, 0.5, 0.8), and missing ratings (0 or 30 %). Designs with 50 items or more have coverages from 0.909 to 1.000.
"""

import math
from dataclasses import dataclass

HIGHEST, WORST = 0.97, 0.92  # mean coverage above HIGHEST, or of some design below WORST: warn
SKEWED = 0.6  # share of the commonest label: 0.51 to 0.85 in the skewed designs, at most 0.56 in the even designs
FEWEST_ITEMS, FEW_RATERS = 10, 10
OTHER_RATERS = 0.907  # least coverage over all pools if each of 5 raters is drawn anew, 100 items (`--new-raters`)


@dataclass(frozen=True)
class Measured:
    """Coverage of the 95 % interval over all designs with `items` items: the mean, the least and the most, in [0, 1].

    `pairs`: two ratings per item, else three or five. `skewed`: the commonest label has `SKEWED` of the ratings or more.
    """

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
    """A warning if the simulated coverage of the 95 % interval of alpha is off in studies of this size, else "".

    Off means a mean coverage above 97 %, or below 92 % in some design. `n_items`: items with two ratings or more.
    `commonest`: share of the commonest label. `per_item`: mean number of ratings per item, by default the number of
    raters.
    """
    if n_items < 2:
        return "One item is too little for an interval of alpha."
    if n_items < FEWEST_ITEMS:
        return (
            f"With {n_items} items the interval of alpha is a rough guess: studies of fewer than 10 were not simulated."
        )
    similar = nearest(n_items, pairs=(n_raters if per_item is None else per_item) < 2.5, skewed=commonest >= SKEWED)
    if similar.mean <= HIGHEST and similar.least >= WORST:
        return ""
    studies = f"about {similar.items} items{' with one dominant label' if similar.skewed else ''}"
    share = f"In simulated studies of {studies} 95 % intervals of alpha held the truth in {100 * similar.mean:.1f} %"
    least, most = f"{100 * similar.least:.1f} %", f"{100 * similar.most:.1f} %"
    if similar.mean > HIGHEST:
        return f"{share} of cases ({least} to {most} by design): this one is rather too wide."
    return f"{share} of cases, but in {least} in the worst design: this one may be too narrow."


def raters_words(n_raters: int) -> str:
    """A warning that the interval is about these raters only if 1 to 9 raters gave all ratings, else ""."""
    if n_raters >= FEW_RATERS or not n_raters:
        return ""
    raters = "1 rater" if n_raters == 1 else f"{n_raters} raters"
    return (
        f"All ratings come from {raters}, and the interval speaks of these: for other raters it may be too narrow (with 5 "
        f"new raters a study it held the truth in as few as {100 * OTHER_RATERS:.1f} % of simulated studies)."
    )


def nearest(n_items: int, *, pairs: bool, skewed: bool) -> Measured:
    """The measured designs with the number of items nearest to `n_items` on a log scale."""
    candidates = [measured for measured in MEASURED if (measured.pairs, measured.skewed) == (pairs, skewed)]
    return min(candidates, key=lambda measured: abs(math.log(measured.items / n_items)))
