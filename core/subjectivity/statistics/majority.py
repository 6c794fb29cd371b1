"""The paper's majority graph: who beats whom by a majority, cycles merged, names on levels (Li et al. 2023, section 4.2)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.subjectivity.statistics import strengths, tallies
from core.subjectivity.statistics.tallies import Tally


@dataclass(frozen=True)
class Edge:
    """A pair that `winner` won more often than it lost. Ties are in neither count."""

    winner: str
    loser: str
    wins: int
    losses: int


@dataclass(frozen=True)
class MajorityGraph:
    """`edges`: one per pair with a majority. `components`: every name once, names on a cycle together, lowest level
    first. `levels`: from 1, the least. `even`: pairs compared with as many wins as losses, so without an edge. `n`:
    comparisons."""

    names: tuple[str, ...]
    edges: tuple[Edge, ...]
    components: tuple[tuple[str, ...], ...]
    levels: dict[str, int]
    even: tuple[tuple[str, str], ...]
    n: int

    @property
    def cycles(self) -> tuple[tuple[str, ...], ...]:
        """Names that beat each other in a circle and therefore share a level."""
        return tuple(component for component in self.components if len(component) > 1)


def graph(comparisons: pd.DataFrame) -> MajorityGraph:
    """The majority graph of comparisons. An edge goes from the one of a pair with more wins over the other; as many wins
    make no edge. Names on a cycle are one strongly connected component and share a level. A component is one level above
    the highest it beats; one that beats nobody, or was compared with nobody else by a majority, is on level 1.

    Raises as `tallies.tally`. Source: Li et al. (2023), section 4.2.
    """
    return of_tally(tallies.tally(comparisons))


def of_tally(tally: Tally) -> MajorityGraph:
    """The majority graph of comparisons that are counted already."""
    names, wins = tally.names, tally.wins
    component = strengths.components(wins > wins.T)
    heights = _heights(wins > wins.T, component)
    levels = {name: int(heights[place]) for name, place in zip(names, component, strict=True)}
    grouped = (np.flatnonzero(component == place) for place in range(len(heights)))
    merged = sorted((tuple(names[place] for place in group) for group in grouped), key=lambda g: (levels[g[0]], g))
    met = np.triu(wins + wins.T > 0, k=1)
    return MajorityGraph(
        names=names,
        edges=_edges(tally),
        components=tuple(merged),
        levels=levels,
        even=tuple((names[i], names[j]) for i, j in np.argwhere(met & (wins == wins.T))),
        n=len(tally.share),
    )


def _edges(tally: Tally) -> tuple[Edge, ...]:
    names, outright = tally.names, tally.wins - tally.ties / 2
    return tuple(
        Edge(names[i], names[j], round(float(outright[i, j])), round(float(outright[j, i])))
        for i, j in np.argwhere(tally.wins > tally.wins.T)
    )


def _heights(over: npt.NDArray[np.bool_], component: npt.NDArray[np.int32]) -> npt.NDArray[np.int_]:
    """The level of every component: one more than the highest it beats."""
    merged = np.zeros((component.max() + 1,) * 2, dtype=bool)
    above, below = np.nonzero(over)
    merged[component[above], component[below]] = True
    np.fill_diagonal(merged, False)
    heights = np.ones(len(merged), dtype=int)
    for _ in range(len(merged)):
        raised = 1 + np.where(merged, heights, 0).max(axis=1)
        if (raised == heights).all():
            break
        heights = raised
    return heights
