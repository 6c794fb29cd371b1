"""Coverage of the 95 % intervals of Krippendorff's alpha in simulated studies over a grid of designs.

    python -m benchmarks.coverage [--studies 1000] [--items 10,20,50,100,200] [--per-item 2,3,5] [--level nominal]
                                  [--processes 2] [--csv FILE] [--new-raters]

Coverage is the share of studies whose interval contains the true alpha. A rater either knows an item's label (with
probability clearness of the item x skill of the rater) or answers by a personal habit. The true alpha is that of 100,000
items of the same kind rated by the same pool of raters. With `--new-raters` every study has a new pool and the true
alpha is the mean over pools; the intervals do not claim to cover this value.
"""

import argparse
import itertools
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import pandas as pd

from core.subjectivity.statistics import intervals
from core.subjectivity.statistics.counts import Floats, Level, set_distances
from core.subjectivity.statistics.intervals import Coefficient

ITEMS_OF_TRUTH, POOLS_OF_TRUTH = 100_000, 200
CLEAR = {"low": (1.2, 1.2), "middle": (4.0, 1.2), "high": (12.0, 1.0)}  # beta distribution of an item's clearness
SETS = {2: ["a", "a + b"], 4: ["a", "b", "a + b", "c"]}
SKEWED = {2: [0.85, 0.15], 4: [0.7, 0.15, 0.1, 0.05]}


@dataclass(frozen=True)
class Design:
    """A design of simulated studies.

    `items`; `per_item`: ratings per item; `pool`: raters; `labels`: number of labels; `alpha`: a key of `CLEAR`;
    `prevalence`: even or skewed; `missing`: share of the ratings that are missing at random.
    """

    items: int
    per_item: int
    pool: int
    labels: int
    alpha: str
    prevalence: str
    missing: float


@dataclass(frozen=True)
class Covered:
    """Coverage in the studies of a design in which alpha is defined (`defined` studies).

    `truth`: the true alpha. `commonest`: share of the commonest label. `coverage`, `above`, `below`: shares of studies
    with the true alpha in, above or below the interval. `width`: mean width of the interval.
    """

    truth: float
    commonest: float
    defined: int
    coverage: float
    above: float
    below: float
    width: float


@dataclass(frozen=True)
class Pool:
    """A pool of raters. `prevalence`: of each label. `skill`: of each rater. `habit`: raters x labels."""

    prevalence: Floats
    skill: Floats
    habit: Floats


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--items", default="10,20,50,100,200")
    parser.add_argument("--per-item", default="2,3,5")
    parser.add_argument("--level", type=Level, default=Level.NOMINAL)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--csv")
    parser.add_argument("--new-raters", action="store_true")
    asked = parser.parse_args()
    began = time.perf_counter()
    designs = list(grid(_numbers(asked.items), _numbers(asked.per_item)))
    if asked.new_raters:
        designs = [one for one in designs if one.labels == 2 and one.prevalence == "even" and not one.missing]
    print(f"{os.cpu_count()} cores, {len(designs)} designs of {asked.studies} studies, 1,000 resamples each\n")
    rows = []
    with ProcessPoolExecutor(asked.processes) as workers:
        one = partial(measured, studies=asked.studies, new_raters=asked.new_raters, level=asked.level)
        work = workers.map(one, designs, chunksize=4)
        for design, covered in zip(designs, work, strict=True):
            rows.append(asdict(design) | asdict(covered))
            print(" ".join(f"{name} {shown(value)}" for name, value in rows[-1].items()), flush=True)
    table = pd.DataFrame(rows)
    if asked.csv:
        table.to_csv(asked.csv, index=False)
    print(f"\n{summarised(table).to_string(index=False)}\n\n{time.perf_counter() - began:.0f} s")


def grid(items: list[int], per_item: list[int]) -> Iterator[Design]:
    """Yield every design: with a small pool, with a larger pool, and with a large pool and 30 % missing ratings."""
    for n, each, labels, prevalence, alpha, (pool, missing) in itertools.product(
        items, per_item, [2, 4], ["even", "skewed"], CLEAR, [(5, 0.0), (20, 0.0), (50, 0.3)]
    ):
        yield Design(n, each, 2 if (each, pool) == (2, 5) else pool, labels, alpha, prevalence, missing)


def measured(
    design: Design, studies: int, *, new_raters: bool = False, level: Level = Level.NOMINAL, seed: int = 0
) -> Covered:
    """Coverage in `studies` simulated studies; the same seed gives the same studies."""
    rng = np.random.default_rng([seed, *map(ord, repr(design))])
    pool = drawn_pool(rng, design)
    if new_raters:
        pools = [drawn_pool(rng, design) for _ in range(POOLS_OF_TRUTH)]
        many = [answers(rng, design, one, items=ITEMS_OF_TRUTH // POOLS_OF_TRUTH) for one in pools]
        truth = float(np.mean([alpha_of(one, level=level) for one in many]))
    else:
        many = [answers(rng, design, pool, items=ITEMS_OF_TRUTH)]
        truth = alpha_of(many[0], level=level)
    found = []
    for number in range(studies):
        counts = answers(rng, design, drawn_pool(rng, design) if new_raters else pool, items=design.items)
        one = intervals.estimates(
            counts, values_of(design.labels, level), level=level, wanted=(Coefficient.ALPHA,), seed=number
        )[Coefficient.ALPHA]
        if np.isfinite(one.low):
            found.append((one.low, one.high))
    low, high = np.array(found).T
    shares = sum(counts.sum(axis=0) for counts in many)
    return Covered(
        truth=truth,
        commonest=float(shares.max() / shares.sum()),
        defined=len(found),
        coverage=float(((low <= truth) & (truth <= high)).mean()),
        above=float((truth > high).mean()),
        below=float((truth < low).mean()),
        width=float((high - low).mean()),
    )


def drawn_pool(rng: np.random.Generator, design: Design) -> Pool:
    """Draw a pool of raters."""
    prevalence = np.array(SKEWED[design.labels] if design.prevalence == "skewed" else [1.0] * design.labels)
    prevalence /= prevalence.sum()
    worst = 0.92 if design.alpha == "high" else 0.8
    guesses = 6 * (0.5 * prevalence + 0.5 / design.labels)
    return Pool(prevalence, rng.uniform(worst, 1, design.pool), rng.dirichlet(guesses, design.pool))


def answers(rng: np.random.Generator, design: Design, pool: Pool, *, items: int) -> Floats:
    """Simulate a study; returns counts (items with two ratings or more x labels)."""
    true = rng.choice(design.labels, items, p=pool.prevalence)
    clear = rng.beta(*CLEAR[design.alpha], size=items)
    rater = rng.random((items, design.pool)).argsort(axis=1)[:, : design.per_item]
    knows = rng.random(rater.shape) < clear[:, None] * pool.skill[rater]
    guess = (rng.random((*rater.shape, 1)) > pool.habit.cumsum(axis=1)[rater]).sum(axis=2).clip(0, design.labels - 1)
    label = np.where(knows, true[:, None], guess)
    given = rng.random(rater.shape) >= design.missing
    counts = np.stack([((label == one) & given).sum(axis=1) for one in range(design.labels)], axis=1).astype(float)
    return np.asarray(counts[counts.sum(axis=1) >= 2])


def alpha_of(counts: Floats, *, level: Level) -> float:
    """Krippendorff's alpha of counts."""
    return intervals.value(Coefficient.ALPHA, counts, values_of(counts.shape[1], level), level=level)


def values_of(labels: int, level: Level) -> Floats:
    """The values of the labels: their ranks, or the distances of sets."""
    return set_distances(SETS[labels]) if level == Level.SETS else np.arange(labels, dtype=float)


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def summarised(table: pd.DataFrame) -> pd.DataFrame:
    """Summarise coverage by number of items and prevalence: mean, least and most over the designs."""
    return table.groupby(["items", "prevalence"], sort=False, as_index=False).agg(
        designs=("coverage", "size"),
        commonest=("commonest", "mean"),
        coverage=("coverage", "mean"),
        least=("coverage", "min"),
        most=("coverage", "max"),
        above=("above", "mean"),
        below=("below", "mean"),
        inside_93_97=("coverage", lambda shares: shares.between(0.93, 0.97).mean()),
    )


def shown(value: object) -> str:
    """A number with three decimals; other values as text."""
    return f"{value:.3f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
