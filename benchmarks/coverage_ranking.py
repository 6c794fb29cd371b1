"""Coverage of the 95 % intervals of Bradley-Terry strengths in simulated studies of many sizes.

    python -m benchmarks.coverage_ranking [--studies 1000]

Raters answer by Davidson's (1970) model: P(tie) grows as two strengths come close, with `nu` set for the wanted share of
ties. Raters have the same strengths ("alike"), or individual strengths, normal around the common strengths ("apart");
the true strengths are then those of infinitely many raters. Every rater answers all pairs, or those with the fewest
answers first, as campaigns assign them. Studies without a finite estimate have no interval; their share is printed.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import special

from core.subjectivity.statistics import strengths
from core.subjectivity.statistics.counts import Floats
from core.subjectivity.statistics.tallies import Tally

OWN = 0.7  # standard deviation of individual strengths
TIES = 0.2  # share of ties
RATERS = (2, 3, 5, 12, 30)
EACH = {3: 2, 4: 3, 10: 10}  # number of names -> pairs that a rater answers, if not all
MANY = ((30, 30, 10), (30, 100, 10))  # names, raters, pairs that a rater answers
ENOUGH = 50  # least number of studies with an interval for which coverage is reported


@dataclass(frozen=True)
class Design:
    """A design of simulated studies.

    `each`: pairs that a rater answers. `own`: standard deviation of individual strengths. `ties`: share of ties.
    """

    names: int
    raters: int
    each: int
    own: float
    ties: float


@dataclass(frozen=True)
class Coverage:
    """Coverage over the `studies` studies with intervals: share of strengths and of differences covered.

    `without`: share of studies without intervals.
    """

    strengths: float
    differences: float
    without: float
    studies: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=1000)
    studies = parser.parse_args().studies
    began = time.perf_counter()
    print(f"{studies:,} studies a line; raters alike or apart (sd {OWN}), without and with {TIES:.0%} ties")
    print("percent covered: strengths / differences (studies without an interval)\n")
    print(
        f"{'names':>5} {'raters':>6} {'n':>5}  {'alike':<21}{'alike, ties':<21}{'apart':<21}{'apart, ties':<21}", end=""
    )
    print("strengths from to")
    for names, raters, each in sizes():
        found = [measure(design, studies=studies) for design in designs(names, raters, each)]
        cells = [f"{100 * c.strengths:.1f} / {100 * c.differences:.1f} ({100 * c.without:.0f})" for c in found]
        reported = [100 * c.strengths for c in found if c.studies >= ENOUGH]
        span = f"{min(reported):.1f} {max(reported):.1f}" if reported else "too few"
        print(
            f"{names:>5} {raters:>6} {raters * each:>5}  {''.join(f'{cell:<21}' for cell in cells)}{span}", flush=True
        )
    print(f"\n{time.perf_counter() - began:.0f} s")


def sizes() -> Iterator[tuple[int, int, int]]:
    """Yield the sizes: number of names, number of raters, and pairs that a rater answers."""
    for names in (2, *EACH):
        pairs = names * (names - 1) // 2
        for each in (pairs, EACH[names]) if names in EACH else (pairs,):
            yield from ((names, raters, each) for raters in RATERS)
    yield from MANY


def designs(names: int, raters: int, each: int) -> list[Design]:
    """The designs of a size for the four kinds of raters."""
    return [Design(names, raters, each, own, ties) for own in (0.0, OWN) for ties in (0.0, TIES)]


def measure(design: Design, *, studies: int, seed: int = 0) -> Coverage:
    """Measure coverage over `studies` simulated studies; nan if no study has an interval."""
    common = spread(design.names)
    nu = _nu(common, design)
    truth = _truth(common, own=design.own, nu=nu)[0]
    rng = np.random.default_rng(seed)
    above = np.triu_indices(design.names, k=1)
    strength, difference = [], []
    for _ in range(studies):
        found = strengths.estimate(simulate(common, design, nu=nu, rng=rng))
        if not found.connected:
            continue
        off = found.value - truth
        strength.append(_share(np.abs(off), found.margins))
        difference.append(_share(np.abs(off[:, None] - off[None, :])[above], found.margins_of_differences[above]))
    return Coverage(
        strengths=float(np.nanmean(strength)) if strength else float("nan"),
        differences=float(np.nanmean(difference)) if difference else float("nan"),
        without=1 - len(strength) / studies,
        studies=len(strength),
    )


def spread(names: int) -> Floats:
    """The true common strengths: evenly spaced from -1 to 1, or from -1.5 to 1.5 with five names or more."""
    end = 1.0 if names < 5 else 1.5
    return np.linspace(-end, end, names)


def simulate(common: Floats, design: Design, *, nu: float, rng: np.random.Generator) -> Tally:
    """Simulate a study: every rater answers `each` pairs, those with the fewest answers first."""
    first, second = np.triu_indices(design.names, k=1)
    load = np.zeros(len(first))
    rows = []
    for rater in range(design.raters):
        picked = np.lexsort((rng.random(len(first)), load))[: design.each]
        load[picked] += 1
        felt = common + design.own * rng.standard_normal(design.names)
        i, j = first[picked], second[picked]
        won, tied = _chances(felt[i] - felt[j], nu)
        u = rng.random(len(picked))
        rows.append((np.full(len(picked), rater), i, j, np.where(u < won, 1.0, np.where(u < won + tied, 0.5, 0.0))))
    raters, left, right, share = (np.concatenate(column) for column in zip(*rows, strict=True))
    names = tuple(f"task-{place}" for place in range(design.names))
    return Tally(names, raters, left, right, share, design.raters)


def _share(off: Floats, margin: Floats) -> float:
    """The share of values whose error `off` is within the margin, among values with a margin; nan without a margin."""
    known = np.isfinite(margin)
    return float((off <= margin)[known].mean()) if known.any() else float("nan")


def _chances(difference: Floats, nu: float) -> tuple[Floats, Floats]:
    """P(win) and P(tie) in Davidson's model, with odds e^(d/2) : nu : e^(-d/2)."""
    up, down = np.exp(difference / 2), np.exp(-difference / 2)
    return up / (up + down + nu), nu / (up + down + nu)


def _truth(common: Floats, *, own: float, nu: float) -> tuple[Floats, float]:
    """The strengths from infinitely many answers, a tie counting half a win each, and the share of ties."""
    nodes, weights = special.roots_hermitenorm(60)
    weights = weights / weights.sum()
    difference = (common[:, None] - common[None, :])[..., None] + np.sqrt(2) * own * nodes
    won, tied = _chances(difference, nu)
    wins = ((won + tied / 2) * weights).sum(axis=-1)
    np.fill_diagonal(wins, 0)
    apart = ~np.eye(len(common), dtype=bool)
    return strengths.log_strengths(wins), float((tied * weights).sum(axis=-1)[apart].mean())


def _nu(common: Floats, design: Design) -> float:
    """The `nu` that gives the wanted share of ties, found by bisection."""
    low, high = 0.0, 10.0
    for _ in range(50 if design.ties else 0):
        middle = (low + high) / 2
        low, high = (middle, high) if _truth(common, own=design.own, nu=middle)[1] < design.ties else (low, middle)
    return low


if __name__ == "__main__":
    main()
