"""Who has more of what was asked, from comparisons of two: Bradley-Terry strengths with intervals, which names can be
told apart, and the paper's majority graph beside them.

`comparisons` as in `tallies`: one row per answer, columns rater_id, left, right, winner (`left`, `right` or `tie`); the
winner has *more* of what was asked. A tie counts as half a win for each side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from core.subjectivity.statistics import majority, ranking_coverage, strengths, tallies
from core.subjectivity.statistics.strengths import Estimate
from core.subjectivity.statistics.tallies import Tally

Floats = npt.NDArray[np.float64]

DIFFERENCE_COLUMNS = ["a", "b", "difference", "low", "high", "told_apart"]
SIDE_BY_SIDE_COLUMNS = ["name", "strength", "low", "high", "bt_rank", "level", "wins", "losses", "ties", "n"]
LISTED, SPELLED = 3, 4  # groups in a sentence, names in a group


@dataclass(frozen=True)
class Strength:
    """Natural-log strength with its interval: exp(a - b) are the odds that a wins over b. `low` and `high` are nan
    without a finite estimate, and when all raters answered alike, so that their spread is unknown."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Ranking:
    """`order`: most first. `levels`: from 1, the least. `n`: comparisons, `ties` of them. `method`: where the intervals
    come from. `note`: what to know or do. `coverage`: how far the intervals miss their 95 %, empty when they do not, and with
    one rater, which was not simulated."""

    order: tuple[str, ...]
    strength: dict[str, Strength]
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
    """How alike the order by strength and the levels of the majority graph are, over n names: rank correlations from -1
    to 1 (levels have ties; Kendall's is tau-b). nan with fewer than two names or a single level."""

    spearman: float
    kendall: float
    n: int


def bradley_terry(comparisons: pd.DataFrame, *, confidence: float = 0.95) -> Ranking:
    """Strengths with mean 0, maximum likelihood under P(a over b) = 1 / (1 + exp(b - a)); levels as `majority.graph`.

    Intervals: value +- t (raters - 1) standard errors, robust to raters who differ (`strengths.covariance`). Their
    coverage is measured: `ranking_coverage.words`. With one rater, the spread is that between answers, with a note.

    The likelihood has a maximum only if every name beats every other directly or through others (`connected`). If not,
    values are those with one virtual tie per name, low and high are nan, and the note says what to collect.

    Raises `StudyError` as `tallies.tally`. Source: Bradley and Terry (1952); Ford (1957) for existence.
    """
    return _ranking(strengths.estimate(tallies.tally(comparisons), confidence=confidence))


def majority_graph(comparisons: pd.DataFrame) -> majority.MajorityGraph:
    """Who beats whom by a majority, cycles merged, and levels: `majority.graph`."""
    return majority.graph(comparisons)


def differences(comparisons: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Every pair of names, the stronger as `a`: columns a, b, difference (natural log, >= 0), low, high, told_apart.

    Each interval is that of its own pair, from the covariance of the strengths: narrower than two intervals of strengths
    put side by side. `told_apart` when it leaves 0 out; of pairs that are equal in truth, about 5 % are told apart by
    chance. low and high are nan as in `Strength`, and then the pair is not told apart. Sorted as `Ranking.order`.
    """
    found = strengths.estimate(tallies.tally(comparisons), confidence=confidence)
    order = _order(found)
    first, second = np.triu_indices(len(order), k=1)
    a, b = order[first], order[second]
    difference = found.value[a] - found.value[b]
    margin = found.margins_of_differences[a, b]
    names = np.array(found.tally.names, dtype=object)
    low = difference - margin
    columns = [names[a], names[b], difference, low, difference + margin, low > 0]
    return pd.DataFrame(dict(zip(DIFFERENCE_COLUMNS, columns, strict=True))).astype({"a": "str", "b": "str"})


def tied_groups(table: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Groups of names of which no two are told apart, in order; `table` as `differences` gives it.

    A name can be in several groups, as not being told apart does not carry over from pair to pair; a name told apart
    from all others is in none. Two names share a group exactly when they are not told apart.
    """
    order = list(dict.fromkeys([*table["a"], *table["b"]]))
    near: dict[str, set[str]] = {name: set() for name in order}
    for a, b in table.loc[~table["told_apart"], ["a", "b"]].itertuples(index=False):
        near[a].add(b)
        near[b].add(a)
    groups: list[tuple[str, ...]] = []
    for a, b in table.loc[~table["told_apart"], ["a", "b"]].itertuples(index=False):
        if not any(a in group and b in group for group in groups):
            group = [a, b]
            group += [name for name in order if name not in group and near[name].issuperset(group)]
            groups.append(tuple(sorted(_clique(group, near), key=order.index)))
    return tuple(groups)


def told_apart_words(table: pd.DataFrame, *, quality: str = "subjective") -> str:
    """Which names can be told apart, as one sentence: "ag_news is less subjective than all others; sms_spam and imdb
    cannot be told apart." `table` as `differences` gives it."""
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
    said = [f"{order[0]} is more {quality} than all others"] * (order[0] not in tied)
    said += [f"{order[-1]} is less {quality} than all others"] * (order[-1] not in tied)
    said += [f"{_listed(group)} cannot be told apart" for group in groups[:LISTED]]
    if len(groups) > LISTED:
        said.append(f"in all {int((~table['told_apart']).sum())} of {len(table)} pairs cannot be told apart")
    return "; ".join(said) + "."


def side_by_side(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Both rankings, most first: columns name, strength, low, high, bt_rank (1 = most), level (1 = least), wins, losses,
    ties, n (answers about the name). Names of equal strength share the mean rank."""
    found = strengths.estimate(tallies.tally(comparisons))
    tally, order = found.tally, _order(found)
    margin = found.margins
    levels = majority.of_tally(tally).levels
    outright, ties = tally.wins - tally.ties / 2, tally.ties.sum(axis=1)
    wins, losses = outright.sum(axis=1), outright.sum(axis=0)
    table = pd.DataFrame(
        {
            "name": pd.array(list(tally.names), dtype="str"),
            "strength": found.value,
            "low": found.value - margin,
            "high": found.value + margin,
            "bt_rank": stats.rankdata(-_rounded(found.value)),
            "level": [levels[name] for name in tally.names],
            **{
                name: np.rint(count).astype(int) for name, count in (("wins", wins), ("losses", losses), ("ties", ties))
            },
            "n": np.rint(wins + losses + ties).astype(int),
        }
    )
    return table.iloc[order].reset_index(drop=True)


def correlation(table: pd.DataFrame) -> Correlation:
    """Rank correlations of strength and level; `table` as `side_by_side` gives it."""
    strength, level = -table["bt_rank"], table["level"]
    if len(table) < 2 or level.nunique() < 2 or strength.nunique() < 2:
        return Correlation(float("nan"), float("nan"), len(table))
    return Correlation(
        spearman=float(stats.spearmanr(strength, level).statistic),
        kendall=float(stats.kendalltau(strength, level).statistic),
        n=len(table),
    )


def coverage_words(*, n_names: int, n_raters: int, n: int) -> str:
    """How far 95 % intervals of strengths miss in studies of about this size, empty when they do not: `ranking_coverage.words`."""
    return ranking_coverage.words(n_names=n_names, n_raters=n_raters, n=n)


def _ranking(found: Estimate) -> Ranking:
    tally, value = found.tally, found.value
    margin = found.margins
    order = _order(found)
    names = tally.names
    return Ranking(
        order=tuple(names[place] for place in order),
        strength={names[place]: _strength(float(value[place]), float(margin[place])) for place in order},
        levels=majority.of_tally(tally).levels,
        connected=found.connected,
        n=len(tally.share),
        n_raters=tally.n_raters,
        ties=round(float(tally.ties.sum() / 2)),
        method=_method(found),
        note=_note(found),
        coverage=coverage_words(n_names=len(names), n_raters=tally.n_raters, n=len(tally.share))
        if tally.n_raters > 1 and np.isfinite(margin).any()
        else "",
    )


def _strength(value: float, margin: float) -> Strength:
    return Strength(value, value - margin, value + margin)


def _order(found: Estimate) -> npt.NDArray[np.intp]:
    """Places of the names, most first; equal strengths by name."""
    return np.argsort(-_rounded(found.value), kind="stable")


def _rounded(value: Floats) -> Floats:
    return np.round(value, 9)


def _clique(group: list[str], near: dict[str, set[str]]) -> list[str]:
    """The first of `group` that are all near each other, one by one."""
    kept: list[str] = []
    for name in group:
        if near[name].issuperset(kept):
            kept.append(name)
    return kept


def _listed(group: Sequence[str]) -> str:
    if len(group) > SPELLED:
        return f"{', '.join(group[: SPELLED - 1])} and {len(group) - SPELLED + 1} more"
    return f"{', '.join(group[:-1])} and {group[-1]}"


def _method(found: Estimate) -> str:
    if not found.connected:
        return "none"
    return "robust over raters" if found.tally.n_raters > 1 else "robust over answers"


def _note(found: Estimate) -> str:
    if not found.connected:
        return (
            f"Not every name beats every other, directly or through others ({_gap(found.tally)}), so strengths have no "
            "finite estimate: shown are values with one virtual tie per name, without intervals. Collect more answers."
        )
    if found.tally.n_raters == 1:
        return (
            "With one rater, intervals come from the spread of that rater's answers and say nothing about other raters."
        )
    if np.isnan(found.margins).all():
        return "All raters answered alike, so how far they differ is unknown and there are no intervals."
    return ""


def _gap(tally: Tally) -> str:
    """The first component that no other one beats, or that is apart from the rest, in words."""
    names, wins = tally.names, tally.wins
    component = strengths.components(wins > 0)
    groups = [np.flatnonzero(component == place) for place in range(component.max() + 1)]
    for group in groups:
        others = np.setdiff1d(np.arange(len(names)), group)
        listed = ", ".join(names[place] for place in group)
        if not wins[np.ix_(others, group)].any():
            alone = not wins[np.ix_(group, others)].any()
            was = "was" if len(group) == 1 else "were"
            return f"{listed} {was} never compared with the rest" if alone else f"{listed} never lost to the rest"
    raise AssertionError("a graph that is not strongly connected has a component without edges into it")
