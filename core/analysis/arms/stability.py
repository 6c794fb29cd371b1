"""How far an arm's answers depend on the seed of the training: agreement over seeds, and test texts whose answer changes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.analysis.arms.trained import TrainedArm
from core.interval import Interval, undefined, wilson
from core.subjectivity.statistics import agreement
from core.wording import percent_within

COLUMNS = [
    "arm",
    "alpha",
    "alpha_low",
    "alpha_high",
    "changed",
    "changed_low",
    "changed_high",
    "n_seeds",
    "n_test",
    "note",
]


@dataclass(frozen=True)
class Stability:
    """The stability of an arm over its seeds.

    `alpha`: Krippendorff's nominal alpha with the seeds as raters and the test texts as items, with a 95 % interval over texts;
    nan for one seed, and where all seeds answer the same label to all texts. `changed`: share of test texts on which two seeds
    differ, with Wilson's 95 % interval; it grows with the number of seeds. `note` says why a value is nan.
    """

    arm: str
    alpha: Interval
    changed: Interval
    n_seeds: int
    note: str


def of_arm(arm: TrainedArm) -> Stability:
    """The stability of one arm. Source: Krippendorff (2011) for alpha; Wilson (1927) for the share."""
    n_seeds, n = arm.predicted.shape
    if n_seeds < 2:
        return Stability(
            arm.arm, undefined(n), undefined(n), 1, "One seed says nothing about other seeds; train two more."
        )
    seeds, texts = (grid.ravel() for grid in np.indices(arm.predicted.shape))
    answers = pd.DataFrame({"item_id": texts, "rater_id": seeds, "label": arm.predicted.ravel()})
    alpha = agreement.alpha_interval(answers)
    changed = wilson(int((np.ptp(arm.predicted, axis=0) > 0).sum()), n)
    same = "All seeds answer the same label to every text, so alpha is undefined." if math.isnan(alpha.value) else ""
    return Stability(arm.arm, alpha, changed, n_seeds, same)


def table(found: Sequence[Stability]) -> pd.DataFrame:
    """The stability of arms as a table: `COLUMNS`."""
    rows = [
        (
            one.arm, one.alpha.value, one.alpha.low, one.alpha.high, one.changed.value, one.changed.low, one.changed.high,
            one.n_seeds, one.changed.n, one.note,
        )
        for one in found
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def sentence(found: Stability) -> str:
    """The stability of an arm in words."""
    if math.isnan(found.changed.value):
        return f"{found.arm}: {found.note}"
    share, alpha = found.changed, f"alpha over seeds {found.alpha.text()}" if not found.note else found.note
    return (
        f"{found.arm}: the answer to {percent_within(share.value, share.low, share.high)} of {share.n:,} test texts changes with "
        f"the seed ({found.n_seeds} seeds); {alpha}"
    ).rstrip(".") + "."
