"""A number with its interval as one class, and the Wilson interval of a share."""

import math
from dataclasses import dataclass
from statistics import NormalDist

NORMAL_95 = NormalDist().inv_cdf(0.975)  # half the width of a normal 95 % interval, in standard errors


@dataclass(frozen=True)
class Interval:
    """A value from `n` observations with the limits of its interval (95 % unless the function that returns it says otherwise).

    `value` is nan if the value is undefined; `low` and `high` are nan if the interval is undefined.
    """

    value: float
    low: float
    high: float
    n: int

    @property
    def is_defined(self) -> bool:
        """Whether both limits are numbers."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def limits(self, *, digits: int = 2) -> str:
        """The limits as "[0.40, 0.61]"; "" if the interval is undefined."""
        return f"[{self.low:.{digits}f}, {self.high:.{digits}f}]" if self.is_defined else ""

    def text(self, *, digits: int = 2) -> str:
        """The value and the limits as "0.51 [0.40, 0.61]"; an undefined value is a dash."""
        value = f"{self.value:.{digits}f}" if math.isfinite(self.value) else "–"
        return f"{value} {self.limits(digits=digits)}".strip()


def wilson(k: int, n: int, *, confidence: float = 0.95) -> Interval:
    """The share k / n, in [0, 1], with its Wilson interval. Value and limits are nan if `n` is 0.

    Source: Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22.
    """
    if not n:
        return Interval(math.nan, math.nan, math.nan, 0)
    from scipy import stats  # heavy: loaded only when a share is computed

    found = stats.binomtest(k, n).proportion_ci(confidence_level=confidence, method="wilson")
    return Interval(k / n, float(found.low), float(found.high), n)
