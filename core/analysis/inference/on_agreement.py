"""Does training on synthetic texts cost more on texts that people disagree about? One number per arm, over texts."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from statsmodels.regression.linear_model import OLS

from core.analysis.inference.clusters import dummies
from core.errors import StudyError
from core.wording import counted

LEAST_TEXTS = 20
CAVEAT = (
    "Disagreement also blurs the labels, which makes a gap look smaller on texts with little agreement: a gap that grows as "
    "agreement falls is cautious evidence, one that shrinks is no evidence."
)


@dataclass(frozen=True)
class Effect:
    """The change of the gap from no agreement to full agreement: below 0 where the gap is larger on texts with less agreement.

    `slope` in score units per unit of agreement. `low`, `high`, `p` are nan, and `note` says why, where texts are too few, all
    have the same agreement, or both arms answer all texts alike. Else `note` counts the texts that are left out, as the only one of a
    label: such a text says nothing on a slope within labels.
    """

    slope: float
    low: float
    high: float
    p: float
    n_texts: int
    note: str


def gap_over_agreement(
    real: npt.ArrayLike,
    synthetic: npt.ArrayLike,
    *,
    agreement: npt.ArrayLike,
    classes: npt.ArrayLike,
    confidence: float = 0.95,
) -> Effect:
    """The regression, over texts, of the gap of a text on the agreement of its raters, within classes.

    `real`, `synthetic` (texts): share of the trainings of an arm that answer the text rightly, in [0, 1]. `agreement` (texts):
    share of the raters who chose the majority label, in (0, 1]. `classes` (texts): the true label. HC3 errors, t distribution.
    Raises `StudyError` for unequal lengths.
    """
    gap = np.asarray(real, dtype=float) - np.asarray(synthetic, dtype=float)
    at, own = np.asarray(agreement, dtype=float), np.asarray(classes)
    if not len(gap) == len(at) == len(own):
        raise StudyError(f"Every text needs an agreement and a label; found {len(gap)}, {len(at)} and {len(own)}.")
    _, place, size = np.unique(own, return_inverse=True, return_counts=True)
    is_kept = size[place] > 1  # HC3 does not exist with a label's only text
    alone, gap, at, own = int((~is_kept).sum()), gap[is_kept], at[is_kept], own[is_kept]
    n = len(gap)
    if n < LEAST_TEXTS:
        return _undefined(
            n, f"{n} rated test texts are too few to compare gaps over agreement; {LEAST_TEXTS} are needed."
        )
    if np.ptp(at) == 0:
        return _undefined(n, f"All {n} texts have the same agreement.")
    if np.ptp(gap) == 0:
        return _undefined(n, f"Both arms answer all {n} texts alike.")
    indicators = dummies(own)
    within = np.column_stack([np.ones(n), indicators])
    if np.abs(at - within @ np.linalg.lstsq(within, at, rcond=None)[0]).max() < 1e-9:
        return _undefined(n, "Agreement is the same for all texts of a label, so it cannot be told from the label.")
    found = OLS(gap, np.column_stack([np.ones(n), at, indicators])).fit(cov_type="HC3", use_t=True)
    low, high = found.conf_int(alpha=1 - confidence)[1]
    note = f"{counted(alone, 'text')} left out as the only one of a label" if alone else ""
    return Effect(float(found.params[1]), float(low), float(high), float(found.pvalues[1]), n, note)


def effect_words(effect: Effect) -> str:
    """The effect in a sentence, without a verb where the interval holds 0."""
    if not math.isfinite(effect.slope):
        return effect.note
    beside = f"; {effect.note}" if effect.note else ""
    numbers = f"{effect.slope:+.2f} [{effect.low:.2f}, {effect.high:.2f}] from no to full agreement, {effect.n_texts} texts{beside}"
    if effect.high < 0:
        return f"the gap is larger on texts with less agreement ({numbers})"
    if effect.low > 0:
        return f"the gap is smaller on texts with less agreement, which blurred labels alone can do ({numbers})"
    return f"no change of the gap with agreement is shown ({numbers})"


def _undefined(n: int, note: str) -> Effect:
    return Effect(math.nan, math.nan, math.nan, math.nan, n, note)
