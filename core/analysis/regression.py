"""Regress one outcome on one predictor for few points: HC3, permutation test, leave-one-out."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.tools import add_constant

from core.analysis.inference.clusters import FLAT
from core.errors import StudyError
from core.interval import Interval

Floats = npt.NDArray[np.float64]

EXACT_UP_TO = 7  # points; with more, a permutation test samples orders in place of all 7! = 5,040
ROUNDING = 1e-9


@dataclass(frozen=True)
class Influence:
    """The influence of a point on the fit: Cook's distance, and the slope without the point.

    `row` is the point's row in the frame, from 0. `cooks_d` is nan if the fit has no residuals or the point has leverage
    1; `slope_without` is nan if the predictor is constant without the point.
    """

    row: int
    cooks_d: float
    slope_without: float
    name: str = ""


@dataclass(frozen=True)
class Fit:
    """Ordinary least squares of y on x with HC3 covariance.

    `low`, `high`, `p`: of the slope, t distribution with n - 2 degrees; nan when one point alone decides the slope
    (leverage 1), where HC3 does not exist. `r2`, `spearman`: nan for a constant y. `spearman_p`, `permutation_p` (of
    the slope): two-sided, over all orders up to 7 points; beyond, the t approximation and a sample of orders.
    `leave_one_out`: smallest and largest slope without one point. `dropped`: rows without x or y.
    `df`: degrees of freedom of the interval. `n_groups`: independent groups behind it (`core.analysis.slope`), or
    all points. `covariance`: HC3, of (intercept, slope).
    """

    slope: float
    intercept: float
    r2: float
    p: float
    low: float
    high: float
    spearman: float
    spearman_p: float
    df: float
    n: int
    n_groups: int
    dropped: int
    permutation_p: float
    leave_one_out: tuple[float, float]
    influence: tuple[Influence, ...]
    confidence: float
    covariance: tuple[tuple[float, float], tuple[float, float]]
    note: str

    @property
    def interval(self) -> Interval:
        """The slope with its limits and the number of points."""
        return Interval(self.slope, self.low, self.high, self.n)


def fit(points: pd.DataFrame, *, x: str, y: str, confidence: float = 0.95, seed: int = 0, resamples: int = 5000) -> Fit:
    """The regression of column `y` on column `x` of `points`; rows without a finite x and y are dropped.

    `resamples` is the number of orders in the permutation test if there are more than 7 points. Raises `StudyError` for a
    missing column, fewer than 3 complete rows, a constant x, or numbers too large or too small.
    Source: MacKinnon and White (1985) for HC3; Cook (1977) for influence.
    """
    rows, xs, ys = _complete(points, x=x, y=y)
    n = len(rows)
    leverage = 1 / n + (xs - xs.mean()) ** 2 / ((xs - xs.mean()) ** 2).sum()
    slope, intercept = _line(xs, ys)
    is_known = leverage.max() < 1 - ROUNDING and not _is_flat(ys)
    covariance = _hc3(xs, ys) if is_known else np.full((2, 2), np.nan)
    p, margin = _test(slope, math.sqrt(covariance[1, 1]), degrees=n - 2, confidence=confidence)
    influence = _influence(rows, xs, ys, leverage)
    without = [point.slope_without for point in influence if math.isfinite(point.slope_without)]
    rho, rho_p = _spearman(xs, ys)
    return Fit(
        slope=slope,
        intercept=intercept,
        r2=_r2(xs, ys),
        p=p,
        low=slope - margin,
        high=slope + margin,
        spearman=rho,
        spearman_p=rho_p,
        df=float(n - 2),
        n=n,
        n_groups=n,
        dropped=len(points) - n,
        permutation_p=_permutation_p(xs, ys, resamples=resamples, rng=np.random.default_rng(seed)),
        leave_one_out=(min(without), max(without)),
        influence=influence,
        confidence=confidence,
        covariance=(
            (float(covariance[0, 0]), float(covariance[0, 1])),
            (float(covariance[1, 0]), float(covariance[1, 1])),
        ),
        note=_note(leverage, p),
    )


def band(fit: Fit, xs: npt.ArrayLike) -> pd.DataFrame:
    """The line of a fit with its pointwise interval: columns x, mean, low, high (nan if the slope has no interval)."""
    at = np.asarray(xs, dtype=float)
    design = np.column_stack([np.ones_like(at), at])
    mean = design @ [fit.intercept, fit.slope]
    variance = np.einsum("ij,jk,ik->i", design, np.array(fit.covariance), design)
    margin = stats.t.ppf((1 + fit.confidence) / 2, fit.df) * np.sqrt(np.maximum(variance, 0))
    return pd.DataFrame({"x": at, "mean": mean, "low": mean - margin, "high": mean + margin})


def p_words(p: float) -> str:
    """A p-value in words: "p = 0.034", "p < 0.001", or "no p" if `p` is nan."""
    if not math.isfinite(p):
        return "no p"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def need_columns(points: pd.DataFrame, names: Sequence[str]) -> None:
    """Raise `StudyError` if the table lacks one of the columns."""
    missing = [name for name in names if name not in points.columns]
    if missing:
        raise StudyError(f"Regression needs a column {missing[0]!r}; found {', '.join(map(str, points.columns))}.")


def _complete(points: pd.DataFrame, *, x: str, y: str) -> tuple[npt.NDArray[np.intp], Floats, Floats]:
    """Places of the rows with a finite x and y, and these."""
    need_columns(points, [x, y])
    xs, ys = points[x].to_numpy(dtype=float), points[y].to_numpy(dtype=float)
    rows = np.flatnonzero(np.isfinite(xs) & np.isfinite(ys))
    if len(rows) < 3:
        raise StudyError(f"Regression needs at least 3 points with {x} and {y}; found {len(rows)}.")
    if np.ptp(xs[rows]) <= 1e-12 * np.abs(xs[rows]).max():
        raise StudyError(f"Regression needs {x} to vary; all {len(rows)} points have {xs[rows][0]:g}.")
    with np.errstate(over="ignore", under="ignore"):
        spreads = [float(((values - values.mean()) ** 2).sum()) for values in (xs[rows], ys[rows])]
    if not (0 < spreads[0] < np.inf and spreads[1] < np.inf):
        raise StudyError(f"The numbers in {x} or {y} are too large or too small for a regression; use other units.")
    return rows, xs[rows], ys[rows]


def _line(xs: Floats, ys: Floats) -> tuple[float, float]:
    """The least-squares slope and intercept; nan if x is constant."""
    deviation = xs - xs.mean()
    spread = float((deviation**2).sum())
    if np.ptp(xs) == 0:
        return math.nan, math.nan
    slope = 0.0 if _is_flat(ys) else float((deviation * (ys - ys.mean())).sum() / spread)
    return slope, float(ys.mean() - slope * xs.mean())


def _is_flat(ys: Floats) -> bool:
    """Whether all values are equal, rounding aside."""
    return bool(np.ptp(ys) <= FLAT * np.abs(ys).max())


def _hc3(xs: Floats, ys: Floats) -> Floats:
    """The HC3 covariance of (intercept, slope), shape (2, 2)."""
    return np.asarray(OLS(ys, add_constant(xs)).fit(cov_type="HC3", use_t=True).cov_params())


def _test(slope: float, error: float, *, degrees: int, confidence: float) -> tuple[float, float]:
    """Two-sided p of the slope being 0, and half the width of its interval; both nan for a line without residuals, which tell
    how far the slope could be off."""
    if error <= ROUNDING * abs(slope) or error == 0:
        return math.nan, math.nan
    return float(2 * stats.t.sf(abs(slope) / error, degrees)), float(stats.t.ppf((1 + confidence) / 2, degrees) * error)


def _note(leverage: Floats, p: float) -> str:
    if math.isfinite(p):
        return ""
    if leverage.max() >= 1 - ROUNDING:
        return "One point alone decides the slope, so it has no interval. Add points at other values of x."
    return "The points lie on the line exactly, so nothing tells how far the slope could be off."


def _r2(xs: Floats, ys: Floats) -> float:
    return math.nan if _is_flat(ys) else float(np.corrcoef(xs, ys)[0, 1] ** 2)


def _spearman(xs: Floats, ys: Floats) -> tuple[float, float]:
    """Spearman's rho and its two-sided p; both nan for a constant y."""
    if _is_flat(ys):
        return math.nan, math.nan
    rank_x, rank_y = stats.rankdata(xs), stats.rankdata(ys)
    rho = float(np.corrcoef(rank_x, rank_y)[0, 1])
    if len(xs) <= EXACT_UP_TO:
        return rho, _share_as_far(rank_x, rank_y, _all_orders(len(xs)))
    return rho, float(stats.spearmanr(xs, ys).pvalue)


def _permutation_p(xs: Floats, ys: Floats, *, resamples: int, rng: np.random.Generator) -> float:
    """The share of orders of y with a slope at least as far from 0 as the observed slope.

    A sample of orders counts the observed order too (Phipson and Smyth 2010).
    """
    if _is_flat(ys):
        return 1.0
    if len(xs) <= EXACT_UP_TO:
        return _share_as_far(xs, ys, _all_orders(len(xs)))
    orders = rng.permuted(np.tile(np.arange(len(xs)), (resamples, 1)), axis=1)
    return (_share_as_far(xs, ys, orders) * resamples + 1) / (resamples + 1)


def _share_as_far(xs: Floats, ys: Floats, orders: npt.NDArray[np.intp]) -> float:
    """The share of `orders` of y, shape (orders, n), with a slope at least as far from 0 as the given order."""
    across = np.abs(ys[orders] @ (xs - xs.mean()))
    observed = abs(float(ys @ (xs - xs.mean())))
    return float((across >= observed * (1 - ROUNDING)).mean())


def _all_orders(n: int) -> npt.NDArray[np.intp]:
    return np.array(list(itertools.permutations(range(n))), dtype=np.intp)


def _influence(rows: npt.NDArray[np.intp], xs: Floats, ys: Floats, leverage: Floats) -> tuple[Influence, ...]:
    """The influence of every point."""
    slope, intercept = _line(xs, ys)
    residual = ys - intercept - slope * xs
    variance = float((residual**2).sum() / (len(xs) - 2))
    exact = variance <= max(ROUNDING * float(np.ptp(ys)), FLAT * float(np.abs(ys).max())) ** 2
    cooks = np.full(len(xs), np.nan)
    if not exact:
        np.divide(residual**2 * leverage, 2 * variance * (1 - leverage) ** 2, out=cooks, where=leverage < 1 - ROUNDING)
    return tuple(
        Influence(int(row), float(cooks[place]), _line(np.delete(xs, place), np.delete(ys, place))[0])
        for place, row in enumerate(rows)
    )
