"""A number with its confidence interval, how both are written, and the Wilson and exact intervals of a share."""

import math
from dataclasses import dataclass, field
from statistics import NormalDist

NORMAL_95 = NormalDist().inv_cdf(0.975)  # standard errors from the value to a limit of the normal 95 % interval


@dataclass(frozen=True)
class Interval:
    """A value from `n` observations with the limits of its interval, at 95 % unless the function that returns it says
    otherwise. `value` is nan if it is undefined; `low` and `high` are nan if the value has no interval.

    `error`: the standard error of the value, nan where it is not told. It is not the width of the interval over 2 x 1.96:
    limits from Student's t lie farther out, with 3 raters at 4.3 standard errors."""

    value: float
    low: float
    high: float
    n: int
    error: float = field(default=math.nan, compare=False)

    @property
    def is_defined(self) -> bool:
        """Whether both limits are finite."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def in_points(self) -> "Interval":
        """The interval of a score or a gap in points, 100 times the number."""
        return Interval(100 * self.value, 100 * self.low, 100 * self.high, self.n, 100 * self.error)

    def limits(self, *, digits: int = 2) -> str:
        """The limits as "[0.40, 0.61]", or "" if either is not finite."""
        return f"[{self.low:z.{digits}f}, {self.high:z.{digits}f}]" if self.is_defined else ""

    def text(self, *, digits: int = 2) -> str:
        """The value and the limits as "0.51 [0.40, 0.61]"; a value that is not finite is written as a dash."""
        value = f"{self.value:z.{digits}f}" if math.isfinite(self.value) else "–"
        return f"{value} {self.limits(digits=digits)}".strip()


def undefined(n: int = 0) -> Interval:
    """An interval whose value and limits are nan."""
    return Interval(math.nan, math.nan, math.nan, n)


def normal(value: float, standard_error: float, n: int) -> Interval:
    """A value with its normal 95 % interval; limits are nan if the standard error is."""
    margin = NORMAL_95 * standard_error
    return Interval(value, value - margin, value + margin, n, standard_error)


def wilson(k: float, n: int, *, confidence: float = 0.95) -> Interval:
    """The share k / n, in [0, 1], with its Wilson interval; value and limits are nan if `n` is 0.

    `k` may be a fraction, such as a mean count over seeds.
    Source: Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22.
    """
    if not n:
        return undefined()
    p, z = k / n, NormalDist().inv_cdf((1 + confidence) / 2)
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    margin = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return Interval(p, max(0.0, centre - margin), min(1.0, centre + margin), n)


def clopper_pearson(k: int, n: int, *, confidence: float = 0.95) -> Interval:
    """The share k / n, in [0, 1], with its exact interval, which never covers less than it says. nan if `n` is 0.

    Source: Clopper and Pearson (1934), Biometrika 26.
    """
    if not n:
        return undefined()
    from scipy import stats  # heavy: loaded only when a share is computed

    found = stats.binomtest(k, n).proportion_ci(confidence_level=confidence, method="exact")
    return Interval(k / n, float(found.low), float(found.high), n)
