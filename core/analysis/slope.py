"""The slope of an outcome over groups of points, such as tasks with several arms and encoders: groups count, points do not."""

import dataclasses
import itertools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from core.analysis import regression
from core.analysis.inference import clusters
from core.analysis.regression import Fit
from core.errors import StudyError
from core.wording import counted

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

LEAST_GROUPS = 4  # below, an interval of the slope would rest on one or two degrees of freedom
SPEAKING_DF = 2.0  # below, the interval is shown and no verb is used
EXACT_LINE = "The points lie on the line exactly, so nothing tells how far the slope could be off."
FEWEST_ORDERS = 24  # of four groups that are alike; with fewer, a permutation test could hardly reject anything
RESAMPLES = 5000  # orders in place of all where there are more
DIGITS = 9  # of a value beside the spread; what differs less is equal, and has the same rank
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

    Rows whose arm or encoder stands at one x only are left out, and the note counts them: their indicator takes all that they say.
    `slope`, `low`, `high`, `p`, `df`: CR2 covariance by group, Satterthwaite degrees. `r2`, `spearman`, `leave_one_out` and `influence` are
    of one point per group: the means of x and y after the regression of each on the indicators. `permutation_p` and `spearman_p` reorder
    x among groups with the same arms and encoders, with the indicators fitted anew; nan where that leaves under 24 orders. Under 4
    groups there is no interval and no p. Raises `StudyError` as `regression.fit` does, for fewer than 3 groups, and for an x that `alike`
    determine.
    """
    regression.need_columns(points, [x, y, group, *alike])
    complete = points[np.isfinite(points[[x, y]].to_numpy(dtype=float)).all(axis=1) & points[group].notna().to_numpy()]
    known = _informative(complete, x=x, alike=alike)
    n_groups = _enough_groups(known, x=x, y=y, group=group, alike=alike)
    names, outcome = known[group].astype(str).to_numpy(), known[y].to_numpy(dtype=float)
    design, at = _design(known, x=x, alike=alike), known[x].to_numpy(dtype=float)
    found = clusters.fit(design, outcome, names)
    slope = found.coefficient(1, confidence=confidence)
    basis = np.linalg.svd(np.delete(design, 1, axis=1), full_matrices=False)[0]
    rows = _Rows(at, outcome, group=pd.factorize(names)[0], cell=_cells(known, alike), basis=basis)
    plain = _one_point_each(rows, confidence=confidence, seed=seed)
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
            dataclasses.replace(point, name=str(name))
            for point, name in zip(plain.influence, dict.fromkeys(names), strict=True)
        ),
        covariance=_uncentred(found.covariance[:2, :2], at.mean()),
        note=_note(found, slope.p, group, x=x, alike=alike, n_left=len(complete) - len(known)),
    )
    return fit if n_groups >= LEAST_GROUPS else _without_interval(fit, group)


def exact(fit: Fit, table: pd.DataFrame, *, value: str, error: str, n_compared: int = 0) -> Exact:
    """The slope corrected for the error of the predictor, from its values and standard errors per group (one row each).

    With x the values of n groups and e their standard errors,

        reliability = 1 - c mean(e^2) / var(x)

    where c is 1 for errors that are independent, and N / (N - 1) where the values of N groups (`n_compared`) were shifted to mean 0, as the
    strengths of comparisons are: the errors of all N sum to 0, too, whichever of the N are in the table.
    Source: Fuller (1987), Measurement Error Models, section 1.2,
    with the reliability taken as known.
    """
    known = table.dropna(subset=[value, error])
    variance = float(known[value].var(ddof=1)) if len(known) > 1 else 0.0
    if not variance:
        return Exact(math.nan, math.nan, math.nan, math.nan)
    reliability = max(0.0, 1 - error_variance(known[error], n_compared=n_compared) / variance)
    if reliability < CORRECTED_FROM:
        return Exact(reliability, math.nan, math.nan, math.nan)
    return Exact(reliability, fit.slope / reliability, fit.low / reliability, fit.high / reliability)


def error_variance(errors: "pd.Series[float]", *, n_compared: int = 0) -> float:
    """What errors of measurement add to the variance of the values of at least two groups, from the standard errors (`exact`)."""
    return float((errors**2).mean()) * (n_compared / (n_compared - 1) if n_compared > 1 else 1.0)


@dataclasses.dataclass(frozen=True)
class _Rows:
    """The points of a regression: `x` and `y`, `group` and `cell` (arm and encoder) as codes from 0, and an orthonormal `basis` (rows x
    columns) of the constant and the indicators."""

    x: Floats
    y: Floats
    group: Codes
    cell: Codes
    basis: Floats

    def beyond(self, values: Floats) -> Floats:
        """What the constant and the indicators leave of values (... x rows)."""
        return np.asarray(values - (values @ self.basis) @ self.basis.T)

    def means(self, values: Floats) -> Floats:
        """The mean of the values (... x rows) of each group, rounded so that equal ones stay equal."""
        members = np.eye(self.group.max() + 1)[self.group]
        of_groups = values @ (members / members.sum(axis=0))
        scale = max(float(np.ptp(of_groups)), np.finfo(float).tiny)
        return np.asarray(np.round(of_groups / scale, DIGITS) * scale)

    def alike(self) -> list[Codes]:
        """The groups that have the same cells, as arrays of their codes."""
        cells = [frozenset(self.cell[self.group == own].tolist()) for own in range(self.group.max() + 1)]
        return [np.flatnonzero([own == one for own in cells]) for one in dict.fromkeys(cells)]


def _informative(known: pd.DataFrame, *, x: str, alike: Sequence[str]) -> pd.DataFrame:
    """The rows whose values of `alike` each stand at more than one x; columns with one value are not looked at."""
    names = [name for name in alike if known[name].nunique() > 1]
    while len(known):
        is_kept = np.ones(len(known), dtype=bool)
        for name in names:
            is_kept &= (known.groupby(name)[x].transform("nunique") > 1).to_numpy()
        if is_kept.all():
            break
        known = known[is_kept]
    return known


def _enough_groups(known: pd.DataFrame, *, x: str, y: str, group: str, alike: Sequence[str]) -> int:
    """The number of groups; raises `StudyError` for fewer than 3."""
    n_groups = int(known[group].nunique())
    if n_groups < 3:
        beside = f" that share {' and '.join(alike)} with another one" if alike else ""
        raise StudyError(f"Regression needs at least 3 values of {group} with {x} and {y}{beside}; found {n_groups}.")
    return n_groups


def _design(known: pd.DataFrame, *, x: str, alike: Sequence[str]) -> Floats:
    """The columns of the regression: a constant, x, and the indicators of `alike`, all but the constant with mean 0."""
    indicators = np.column_stack([np.empty((len(known), 0)), *(clusters.dummies(known[name]) for name in alike)])
    columns = np.column_stack([known[x].to_numpy(dtype=float), indicators])
    return np.column_stack([np.ones(len(known)), columns - columns.mean(axis=0)])


def _cells(known: pd.DataFrame, alike: Sequence[str]) -> Codes:
    """The combination of the values of `alike` in each row, as a code from 0."""
    if not alike:
        return np.zeros(len(known), dtype=np.intp)
    return np.asarray(known.groupby(list(alike), sort=False, dropna=False).ngroup().to_numpy(), dtype=np.intp)


def _one_point_each(rows: _Rows, *, confidence: float, seed: int) -> Fit:
    """The regression of one point per group, with permutation tests among the groups that are alike."""
    at, level = rows.beyond(rows.x), rows.beyond(rows.y)
    if np.abs(level).max() <= clusters.FLAT * np.abs(rows.y).max():
        level = np.zeros_like(level)
    means = pd.DataFrame({"x": rows.means(at), "y": rows.means(level)})
    plain = regression.fit(means, x="x", y="y", confidence=confidence, seed=seed)
    same = rows.alike()
    if len(same) == 1:
        return plain
    nan = math.nan
    if math.prod(math.factorial(len(own)) for own in same) < FEWEST_ORDERS:
        return dataclasses.replace(plain, spearman_p=nan, permutation_p=nan)
    orders = _orders(same, rng=np.random.default_rng(seed))
    x_of_group = np.array([rows.x[rows.group == own].mean() for own in range(len(means))])
    moved = rows.beyond(x_of_group[orders][:, rows.group])  # orders x rows
    size = np.linalg.norm(moved, axis=1)
    along = np.divide(np.abs(moved @ level), size, out=np.zeros(len(orders)), where=size > size[0] * 10.0**-DIGITS)
    ranks, of_y = stats.rankdata(rows.means(moved), axis=1), stats.rankdata(means["y"])
    across = np.abs((ranks - ranks.mean(axis=1, keepdims=True)) @ of_y) / np.maximum(ranks.std(axis=1), 1e-12)
    return dataclasses.replace(
        plain, spearman_p=_share(across) if math.isfinite(plain.r2) else nan, permutation_p=_share(along)
    )


def _orders(same: Sequence[Codes], *, rng: np.random.Generator) -> Codes:
    """Orders of the groups (orders x groups), the given one first, that move a group only to the place of one that is alike: all of
    them, or a sample."""
    n = sum(map(len, same))
    if math.prod(math.factorial(len(own)) for own in same) <= RESAMPLES:
        moves = [list(itertools.permutations(own.tolist())) for own in same]
        places = np.concatenate(list(same))
        found = np.array([list(itertools.chain(*one)) for one in itertools.product(*moves)], dtype=np.intp)
        return np.asarray(found[:, np.argsort(places)])
    found = np.tile(np.arange(n), (RESAMPLES + 1, 1))
    for own in same:
        found[1:, own] = rng.permuted(found[1:, own], axis=1)
    return found


def _share(across: Floats) -> float:
    """The share of orders whose value is at least that of the given order, the first one."""
    return float((across >= across[0] * (1 - 10.0**-DIGITS)).mean())


def _note(found: clusters.Fit, p: float, group: str, *, x: str, alike: Sequence[str], n_left: int) -> str:
    """Why a slope has no interval, and how many rows it does not count."""
    said = []
    if not math.isfinite(p):
        said.append(
            EXACT_LINE if found.is_exact else f"Without one {group} the slope is unknown, so it has no interval."
        )
    if n_left:
        said.append(f"Not counted: {counted(n_left, 'point')} whose {' or '.join(alike)} stands at one {x} only.")
    return " ".join(said)


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
