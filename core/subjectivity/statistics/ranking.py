"""Rank names by pairwise comparisons: Bradley-Terry strengths with intervals, significant differences, and levels.

`comparisons` as in `tallies`: one row per comparison, columns rater_id, left, right, winner (`left`, `right` or `tie`);
the winner has *more* of the quality asked about. A tie counts as half a win for each side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.interval import Interval
from core.subjectivity.statistics import majority, ranking_coverage, strengths, tallies
from core.subjectivity.statistics.counts import Floats
from core.subjectivity.statistics.strengths import Estimate
from core.subjectivity.statistics.tallies import Tally
from core.wording import shown

DIFFERENCE_COLUMNS = ["a", "b", "difference", "low", "high", "told_apart"]
LISTED, SPELLED = 3, 4  # groups in a sentence, names in a group


@dataclass(frozen=True)
class Ranking:
    """Bradley-Terry strengths of names, from `n` comparisons of which `ties` are ties.

    `order`: names, the highest strength first. `strength`: natural-log strength with its interval, standard error and the number of
    comparisons of the name; exp(a - b) are the odds that a wins over b; the limits are nan without a finite estimate
    and if all raters answered alike. `levels`: from 1, the least, by the majority graph. `method`: the source of the
    intervals. `note`: a warning, else "". `coverage`: a warning if simulated coverage is off (not simulated for one
    rater), else "".
    """

    order: tuple[str, ...]
    strength: dict[str, Interval]
    levels: dict[str, int]
    connected: bool
    n: int
    n_raters: int
    ties: int
    method: str
    note: str
    coverage: str


@dataclass(frozen=True)
class Correlation:
    """Rank correlations, from -1 to 1, of the strengths and the levels of n names; Kendall's is tau-b.

    Both are nan with fewer than two names, or if all names have the same level or the same strength.
    """

    spearman: float
    kendall: float
    n: int


def bradley_terry(comparisons: pd.DataFrame, *, confidence: float = 0.95) -> Ranking:
    """Rank the compared tasks or texts by strengths that maximise the likelihood of P(a over b) = 1 / (1 + exp(b - a)), shifted to mean 0.

    Intervals: value +- t (raters - 1 degrees of freedom) x standard error, robust to dependence within raters
    (`strengths.covariance`); simulated coverage in `ranking_coverage`. With one rater the standard error comes from the
    spread of single comparisons, and `note` says so.

    A finite maximum exists only if every name beats every other name directly or through further names (`connected`).
    Without it the strengths are computed with one virtual tie per name, limits are nan, and `note` asks for more
    comparisons.

    Raises `StudyError` as `tallies.tally`. Source: Bradley and Terry (1952); Ford (1957) for existence.
    """
    return _ranking(strengths.estimate(tallies.tally(comparisons), confidence=confidence))


def differences(comparisons: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Compute the difference of strengths of every pair: columns a, b, difference, low, high, told_apart.

    `a` is the stronger of the pair; `difference` (natural log, >= 0) has its own interval, from the covariance of the
    strengths. `told_apart`: the interval excludes 0; about 5 % of truly equal pairs are told apart by chance. Limits are
    nan as in `Ranking.strength`, and the pair is then not told apart. Rows are sorted as `Ranking.order`.
    """
    estimate = strengths.estimate(tallies.tally(comparisons), confidence=confidence)
    order = _order(estimate)
    first, second = np.triu_indices(len(order), k=1)
    a, b = order[first], order[second]
    difference = estimate.value[a] - estimate.value[b]
    margin = estimate.margins_of_differences[a, b]
    names = np.array(estimate.tally.names, dtype=object)
    low = difference - margin
    columns = [names[a], names[b], difference, low, difference + margin, low > 0]
    return pd.DataFrame(dict(zip(DIFFERENCE_COLUMNS, columns, strict=True))).astype({"a": "str", "b": "str"})


def tied_groups(table: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Group the names of which no two are told apart, in order of strength; `table` as `differences` returns it.

    Two names share a group exactly if they are not told apart. A name can be in several groups (a may be like b, and b
    like c, while a and c differ); a name that is told apart from all other names is in no group.
    """
    order = list(dict.fromkeys([*table["a"], *table["b"]]))
    like: dict[str, set[str]] = {name: set() for name in order}
    for a, b in table.loc[~table["told_apart"], ["a", "b"]].itertuples(index=False):
        like[a].add(b)
        like[b].add(a)
    groups: list[tuple[str, ...]] = []
    for a, b in table.loc[~table["told_apart"], ["a", "b"]].itertuples(index=False):
        if not any(a in group and b in group for group in groups):
            group = [a, b]
            group += [name for name in order if name not in group and like[name].issuperset(group)]
            groups.append(tuple(sorted(_clique(group, like), key=order.index)))
    return tuple(groups)


def told_apart_words(table: pd.DataFrame, *, quality: str = "subjective") -> str:
    """Say in a sentence which names can be told apart; `table` as `differences` returns it.

    Example: "ag news is less subjective than all others; sms spam and imdb cannot be told apart."
    """
    table = table.assign(a=table["a"].map(shown), b=table["b"].map(shown))
    if table["low"].isna().all():
        return "No difference has an interval yet, so no two can be told apart."
    groups = tied_groups(table)
    order = list(dict.fromkeys([*table["a"], *table["b"]]))
    if not groups:
        return (
            f"{order[0]} is more {quality} than {order[1]}." if len(order) == 2 else f"All {len(order)} are told apart."
        )
    if len(groups[0]) == len(order) > 2:
        return f"None of the {len(order)} can be told apart."
    tied = {name for group in groups for name in group}
    clauses = [f"{order[0]} is more {quality} than all others"] * (order[0] not in tied)
    clauses += [f"{order[-1]} is less {quality} than all others"] * (order[-1] not in tied)
    clauses += [f"{_listed(group)} cannot be told apart" for group in groups[:LISTED]]
    if len(groups) > LISTED:
        clauses.append(f"in all {int((~table['told_apart']).sum())} of {len(table)} pairs cannot be told apart")
    return "; ".join(clauses) + "."


def side_by_side(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Rank names by strength and by level: a row per name, the highest strength first.

    Columns name, strength, low, high, bt_rank (1 = most; names of equal strength share their mean rank), level (1 =
    least), wins, losses, ties, n (comparisons of the name).
    """
    estimate = strengths.estimate(tallies.tally(comparisons))
    tally, order = estimate.tally, _order(estimate)
    margin = estimate.margins
    levels = majority.of_tally(tally).levels
    outright, ties = tally.wins - tally.ties / 2, tally.ties.sum(axis=1)
    wins, losses = outright.sum(axis=1), outright.sum(axis=0)
    table = pd.DataFrame(
        {
            "name": pd.array(list(tally.names), dtype="str"),
            "strength": estimate.value,
            "low": estimate.value - margin,
            "high": estimate.value + margin,
            "bt_rank": pd.Series(-_rounded(estimate.value)).rank().to_numpy(),
            "level": [levels[name] for name in tally.names],
            **{
                name: np.rint(count).astype(int) for name, count in (("wins", wins), ("losses", losses), ("ties", ties))
            },
            "n": np.rint(wins + losses + ties).astype(int),
        }
    )
    return table.iloc[order].reset_index(drop=True)


def correlation(table: pd.DataFrame) -> Correlation:
    """Compute the rank correlations of strength and level; `table` as `side_by_side` returns it."""
    from scipy import stats  # 0.7 s: loaded only for correlations

    strength, level = -table["bt_rank"], table["level"]
    if len(table) < 2 or level.nunique() < 2 or strength.nunique() < 2:
        return Correlation(float("nan"), float("nan"), len(table))
    return Correlation(
        spearman=float(stats.spearmanr(strength, level).statistic),
        kendall=float(stats.kendalltau(strength, level).statistic),
        n=len(table),
    )


def _ranking(estimate: Estimate) -> Ranking:
    """The ranking that an estimate of strengths gives."""
    tally, margin, names = estimate.tally, estimate.margins, estimate.tally.names
    order = _order(estimate)
    n_of_name = np.rint((tally.wins + tally.wins.T).sum(axis=1)).astype(int)
    can_warn = tally.n_raters > 1 and bool(np.isfinite(margin).any())
    return Ranking(
        order=tuple(names[i] for i in order),
        strength={names[i]: _strength(estimate.value[i], margin[i], n_of_name[i], estimate.errors[i]) for i in order},
        levels=majority.levels_of(tally),
        connected=estimate.connected,
        n=len(tally.share),
        n_raters=tally.n_raters,
        ties=round(float(tally.ties.sum() / 2)),
        method=_method(estimate),
        note=_note(estimate),
        coverage=ranking_coverage.words(n_names=len(names), n_raters=tally.n_raters, n=len(tally.share))
        if can_warn
        else "",
    )


def _strength(value: float, margin: float, n: int, error: float) -> Interval:
    return Interval(float(value), float(value - margin), float(value + margin), int(n), float(error))


def _order(estimate: Estimate) -> npt.NDArray[np.intp]:
    """Indices of the names, the highest strength first; names of equal strength in alphabetical order."""
    return np.argsort(-_rounded(estimate.value), kind="stable")


def _rounded(value: Floats) -> Floats:
    """Strengths to nine digits, so that rounding errors do not order equal strengths."""
    return np.round(value, 9)


def _clique(group: list[str], like: dict[str, set[str]]) -> list[str]:
    """A subset of `group` with no two names told apart: each name in turn is kept if it is like all kept names."""
    kept: list[str] = []
    for name in group:
        if like[name].issuperset(kept):
            kept.append(name)
    return kept


def _listed(group: Sequence[str]) -> str:
    """Names as "a, b and c"; of more than `SPELLED` names the rest is counted."""
    if len(group) > SPELLED:
        return f"{', '.join(group[: SPELLED - 1])} and {len(group) - SPELLED + 1} more"
    return f"{', '.join(group[:-1])} and {group[-1]}"


def _method(estimate: Estimate) -> str:
    """The source of the intervals, in words."""
    if not estimate.connected:
        return "none"
    return "robust over raters" if estimate.tally.n_raters > 1 else "robust over answers"


def _note(estimate: Estimate) -> str:
    """The warning of a ranking; "" without a warning."""
    if not estimate.connected:
        return (
            f"Not every name beats every other, directly or through others ({_gap(estimate.tally)}), so strengths have no "
            "finite estimate: shown are values with one virtual tie per name, without intervals. Collect more answers."
        )
    if estimate.tally.n_raters == 1:
        return (
            "With one rater, intervals come from the spread of that rater's answers and say nothing about other raters."
        )
    if np.isnan(estimate.margins).all():
        return "All raters answered alike, so how far they differ is unknown and there are no intervals."
    return ""


def _gap(tally: Tally) -> str:
    """Say which names never lost to the other names or were never compared with them, for the first such component."""
    names, wins = tally.names, tally.wins
    component = strengths.components(wins > 0)
    groups = [np.flatnonzero(component == number) for number in range(component.max() + 1)]
    for group in groups:
        others = np.setdiff1d(np.arange(len(names)), group)
        listed = ", ".join(names[i] for i in group)
        if not wins[np.ix_(others, group)].any():
            alone = not wins[np.ix_(group, others)].any()
            was = "was" if len(group) == 1 else "were"
            return f"{listed} {was} never compared with the rest" if alone else f"{listed} never lost to the rest"
    raise AssertionError("a graph that is not strongly connected has a component without edges into it")
