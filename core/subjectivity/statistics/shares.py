"""A share with its interval."""

import math
from dataclasses import dataclass

from scipy import stats


@dataclass(frozen=True)
class Share:
    """`k` of `n` as a number in [0, 1] with Wilson's 95 % interval; all nan when n is 0."""

    value: float
    low: float
    high: float
    k: int
    n: int


def of(k: int, n: int) -> Share:
    """The share k / n. Source: Wilson (1927)."""
    if not n:
        return Share(math.nan, math.nan, math.nan, 0, 0)
    found = stats.binomtest(k, n).proportion_ci(method="wilson")
    return Share(k / n, float(found.low), float(found.high), k, n)
