"""The slope of an outcome over groups of points, such as tasks with several arms and encoders: groups count, points do not."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.analysis import regression
from core.analysis.inference import clusters
from core.analysis.regression import Fit
from core.errors import StudyError

Floats = npt.NDArray[np.float64]

LEAST_GROUPS = 4  # below, an interval of the slope would rest on one or two degrees of freedom
SPEAKING_DF = 2.0  # below, the interval is shown and no verb is used
EXACT_LINE = "The points lie on the line exactly, so nothing tells how far the slope could be off."
CORRECTED_FROM = 0.5  # reliability of x; below, dividing the slope by it would mostly divide noise


@dataclasses.dataclass(frozen=True)
class Exact:
    """The slope if the predictor were known without error: slope and limits divided by `reliability`.

    `reliability`: share of the variance of the predictor that is not error of measurement, in [0, 1]; nan where the predictor
    has no standard errors. The slope and its limits are nan where the reliability is unknown or below 0.5.
    """

    reliability: float
    slope: float
    low: float
    high: float


def over_groups(
    points: pd.DataFrame,
    *,
    x: str,
    y: str,
    group: str,
    alike: Sequence[str] = (),
    confidence: float = 0.95,
    seed: int = 0,
) -> Fit:
    """The regression of column y on column x and on indicators of the columns `alike` (arm, encoder), where the rows of one value
    of `group` hang together.

    `slope`, `low`, `high`, `p`, `df`: CR2 covariance by group, Satterthwaite degrees. `r2`, `spearman`, `permutation_p`,
    `leave_one_out` and `influence` are of one point per group: the mean of y without the part of `alike`. Under 4 groups there is
    no interval and no p. Raises `StudyError` as `regression.fit` does, for fewer than 3 groups, and for an x that `alike` determine.
    """
    regression.need_columns(points, [x, y, group, *alike])
    known = points[np.isfinite(points[[x, y]].to_numpy(dtype=float)).all(axis=1) & points[group].notna().to_numpy()]
    n_groups = known[group].nunique()
    if n_groups < 3:
        raise StudyError(f"Regression needs at least 3 values of {group} with {x} and {y}; found {n_groups}.")
    beside = np.column_stack([np.empty((len(known), 0)), *(clusters.dummies(known[name]) for name in alike)])
    beside -= beside.mean(axis=0)
    at = known[x].to_numpy(dtype=float)
    design = np.column_stack([np.ones(len(known)), at - at.mean(), beside])
    found = clusters.fit(design, known[y].to_numpy(dtype=float), known[group].astype(str).to_numpy())
    slope = found.coefficient(1, confidence=confidence)
    level = known[y].to_numpy(dtype=float) - beside @ found.values[2:]
    means = pd.DataFrame({"x": at, "y": level}).groupby(known[group].astype(str).to_numpy(), sort=False).mean()
    plain = regression.fit(means, x="x", y="y", confidence=confidence, seed=seed)
    fit = dataclasses.replace(
        plain,
        slope=slope.value,
        intercept=float(found.values[0] - slope.value * at.mean()),
        low=slope.low,
        high=slope.high,
        p=slope.p,
        df=slope.df,
        n=len(known),
        n_groups=n_groups,
        dropped=len(points) - len(known),
        influence=tuple(
            dataclasses.replace(point, name=str(name)) for point, name in zip(plain.influence, means.index, strict=True)
        ),
        covariance=_uncentred(found.covariance[:2, :2], at.mean()),
        note="" if math.isfinite(slope.p) else EXACT_LINE,
    )
    return fit if n_groups >= LEAST_GROUPS else _without_interval(fit, group)


def exact(fit: Fit, table: pd.DataFrame, *, value: str, error: str, is_centred: bool = False) -> Exact:
    """The slope corrected for the error of the predictor, from its values and standard errors per group (one row each).

    With x the values of n groups and e their standard errors,

        reliability = 1 - c mean(e^2) / var(x)

    where c is 1 for errors that are independent, and n / (n - 1) where the values are shifted to mean 0 (`is_centred`), as the
    strengths of comparisons are: their errors sum to 0, too. Source: Fuller (1987), Measurement Error Models, section 1.2,
    with the reliability taken as known.
    """
    known = table.dropna(subset=[value, error])
    variance = float(known[value].var(ddof=1)) if len(known) > 1 else 0.0
    if not variance:
        return Exact(math.nan, math.nan, math.nan, math.nan)
    reliability = max(0.0, 1 - error_variance(known[error], is_centred=is_centred) / variance)
    if reliability < CORRECTED_FROM:
        return Exact(reliability, math.nan, math.nan, math.nan)
    return Exact(reliability, fit.slope / reliability, fit.low / reliability, fit.high / reliability)


def error_variance(errors: "pd.Series[float]", *, is_centred: bool) -> float:
    """What errors of measurement add to the variance of the values of at least two groups, from the standard errors (`exact`)."""
    n = len(errors)
    return float((errors**2).mean()) * (n / (n - 1) if is_centred else 1.0)


def _without_interval(fit: Fit, group: str) -> Fit:
    """The fit without limits and p-values, and a note that says how many groups an interval needs."""
    note = f"An interval of the slope needs {LEAST_GROUPS} values of {group}; there are {fit.n_groups}."
    nan = math.nan
    return dataclasses.replace(fit, low=nan, high=nan, p=nan, df=nan, spearman_p=nan, permutation_p=nan, note=note)


def _uncentred(covariance: Floats, mean: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """The covariance of (intercept, slope), from that of (value at the mean of x, slope)."""
    back = np.array([[1.0, -mean], [0.0, 1.0]])
    (a, b), (c, d) = (back @ covariance @ back.T).tolist()
    return (a, b), (c, d)
