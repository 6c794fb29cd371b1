"""The majority graph of comparisons and the level of each name in it (Li et al. 2023, section 4.2)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.subjectivity.statistics import strengths, tallies
from core.subjectivity.statistics.tallies import Tally


@dataclass(frozen=True)
class Edge:
    """A pair of names of which `winner` won more comparisons than it lost. `wins` and `losses` do not count ties."""

    winner: str
    loser: str
    wins: int
    losses: int


@dataclass(frozen=True)
class MajorityGraph:
    """The majority graph of `n` comparisons. An edge goes from the winner of a majority to the loser.

    `edges`: one per pair with a majority. `components`: strongly connected components (groups of names), lowest level
    first; every name is in exactly one component. `levels`: the level of each name; 1 is the least. `even`: compared
    pairs with as many wins as losses, which have no edge.
    """

    names: tuple[str, ...]
    edges: tuple[Edge, ...]
    components: tuple[tuple[str, ...], ...]
    levels: dict[str, int]
    even: tuple[tuple[str, str], ...]
    n: int

    @property
    def cycles(self) -> tuple[tuple[str, ...], ...]:
        """The components with several names: names that beat each other in a circle and therefore share a level."""
        return tuple(component for component in self.components if len(component) > 1)


def graph(comparisons: pd.DataFrame) -> MajorityGraph:
    """Compute the majority graph of comparisons (columns as in `tallies`).

    Names on a cycle form a strongly connected component and share a level. The level of a component is 1 plus the
    highest level of the components that it beats, or 1 if it beats no component. Raises as `tallies.tally`. Source: Li
    et al. (2023), section 4.2.
    """
    return of_tally(tallies.tally(comparisons))


def of_tally(tally: Tally) -> MajorityGraph:
    """Compute the majority graph from a tally of comparisons."""
    names, wins = tally.names, tally.wins
    component, level = _levels(tally)
    levels = _by_name(tally, component, level)
    members = (np.flatnonzero(component == number) for number in range(len(level)))
    groups = sorted((tuple(names[i] for i in group) for group in members), key=lambda g: (levels[g[0]], g))
    compared = np.triu(wins + wins.T > 0, k=1)
    return MajorityGraph(
        names=names,
        edges=_edges(tally),
        components=tuple(groups),
        levels=levels,
        even=tuple((names[i], names[j]) for i, j in np.argwhere(compared & (wins == wins.T))),
        n=len(tally.share),
    )


def levels_of(tally: Tally) -> dict[str, int]:
    """Compute the level of each name, as `MajorityGraph.levels`."""
    return _by_name(tally, *_levels(tally))


def _levels(tally: Tally) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int_]]:
    """The strongly connected component of each name, from 0, and the level of each component."""
    beats = tally.wins > tally.wins.T
    component = strengths.components(beats)
    return component, _component_levels(beats, component)


def _by_name(tally: Tally, component: npt.NDArray[np.int32], level: npt.NDArray[np.int_]) -> dict[str, int]:
    return {name: int(level[number]) for name, number in zip(tally.names, component, strict=True)}


def _edges(tally: Tally) -> tuple[Edge, ...]:
    names, outright = tally.names, tally.wins - tally.ties / 2
    return tuple(
        Edge(names[i], names[j], round(float(outright[i, j])), round(float(outright[j, i])))
        for i, j in np.argwhere(tally.wins > tally.wins.T)
    )


def _component_levels(beats: npt.NDArray[np.bool_], component: npt.NDArray[np.int32]) -> npt.NDArray[np.int_]:
    """The level of every component: 1 plus the highest level of the components that it beats, else 1.

    `beats` (names x names): whether the row beats the column. `component`: the component of each name, from 0.
    """
    edges = np.zeros((component.max() + 1,) * 2, dtype=bool)
    winner, loser = np.nonzero(beats)
    edges[component[winner], component[loser]] = True
    np.fill_diagonal(edges, False)
    levels = np.ones(len(edges), dtype=int)
    for _ in range(len(edges)):
        raised = 1 + np.where(edges, levels, 0).max(axis=1)
        if (raised == levels).all():
            break
        levels = raised
    return levels
