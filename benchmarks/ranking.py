"""Time and memory of Bradley-Terry on 1,000,000 comparisons of 50 names by 1,000 raters, compared with other packages.

    python -m benchmarks.ranking [--comparisons 1000000] [--names 50] [--raters 1000]

Prints the best wall seconds of five runs, so that other load counts little, and the ratios to evalica on the same text
columns and to choix, if installed. Memory is the peak of the process minus its memory with the data, sampled every
millisecond in a new process.
"""

import argparse
import importlib.util
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import evalica
import numpy as np
import pandas as pd
import psutil

from core.subjectivity.statistics import ranking, strengths, tallies

REPEATS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--comparisons", type=int, default=1_000_000)
    parser.add_argument("--names", type=int, default=50)
    parser.add_argument("--raters", type=int, default=1_000)
    arguments = parser.parse_args()
    size = (arguments.comparisons, arguments.names, arguments.raters)
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, pandas {pd.__version__}, evalica {evalica.__version__}"
    )
    print(f"{size[0]:,} comparisons of {size[1]} names by {size[2]:,} raters\n")
    comparisons, truth = simulated(*size)
    whole = _best("strengths, levels, intervals", lambda: ranking.bradley_terry(comparisons))
    _best("  strengths alone", lambda: strengths.log_strengths(tallies.tally(comparisons).wins))
    objects = comparisons.astype(object)
    _best("  the same, object columns", lambda: ranking.bradley_terry(objects))
    _best("differences of all pairs", lambda: ranking.differences(comparisons))
    _best("both rankings side by side", lambda: ranking.side_by_side(comparisons))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(f"{'above the data':<34}{pool.apply(_grown, size):6.0f} MB\n")
    theirs = _best("evalica, string labels", lambda: _by_evalica(comparisons))
    print(f"  {theirs / whole:.1f} times as long, strengths only; largest difference {_apart(comparisons):.1e}")
    if importlib.util.find_spec("choix"):
        theirs = _best("choix, integer labels", lambda: _by_choix(comparisons))
        print(f"  {theirs / whole:.1f} times as long, strengths only")
    found = ranking.bradley_terry(comparisons)
    off = np.array([found.strength[name].value for name in sorted(found.order)]) - truth
    print(f"\nroot mean square error to the truth {np.sqrt((off**2).mean()):.4f}")


def simulated(n: int, names: int, raters: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Simulate comparisons by raters who share the same strengths; also return these strengths, sorted by name."""
    rng = np.random.default_rng(0)
    truth = np.linspace(-1.5, 1.5, names)
    left = rng.integers(names, size=n)
    right = (left + rng.integers(1, names, size=n)) % names
    won = rng.random(n) < 1 / (1 + np.exp(truth[right] - truth[left]))
    labels = np.array([f"task-{place:04d}" for place in range(names)])
    people = np.array([f"rater-{place:05d}" for place in range(raters)])
    columns = {"rater_id": people[rng.integers(raters, size=n)], "left": labels[left], "right": labels[right]}
    return pd.DataFrame(columns | {"winner": np.where(won, "left", "right")}), truth


def _best(name: str, function: Callable[[], Any]) -> float:
    """Print and return the best wall seconds of `REPEATS` calls."""
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - began)
    print(f"{name:<34}{min(seconds):6.2f} s (median {np.median(seconds):.2f})", flush=True)
    return min(seconds)


def _grown(n: int, names: int, raters: int) -> float:
    """Peak memory of a ranking above the data, in MB."""
    comparisons, _ = simulated(n, names, raters)
    ranking.bradley_terry(comparisons.head(1000))
    process, done = psutil.Process(), threading.Event()
    before = highest = process.memory_info().rss

    def watch() -> None:
        nonlocal highest
        while not done.wait(0.001):
            highest = max(highest, process.memory_info().rss)

    watching = threading.Thread(target=watch)
    watching.start()
    ranking.bradley_terry(comparisons)
    done.set()
    watching.join()
    return (highest - before) / 2**20


def _by_evalica(comparisons: pd.DataFrame) -> "pd.Series[float]":
    """Log strengths by evalica."""
    winners = {"left": evalica.Winner.X, "right": evalica.Winner.Y, "tie": evalica.Winner.Draw}
    found = evalica.bradley_terry(
        comparisons["left"], comparisons["right"], comparisons["winner"].map(winners), tolerance=1e-10, limit=100_000
    )
    return np.log(found.scores)


def _apart(comparisons: pd.DataFrame) -> float:
    """The largest absolute difference between our strengths and evalica's."""
    theirs = _by_evalica(comparisons)
    found = ranking.bradley_terry(comparisons)
    ours = pd.Series({name: strength.value for name, strength in found.strength.items()})
    return float((theirs - theirs.mean() - ours).abs().max())


def _by_choix(comparisons: pd.DataFrame) -> Any:
    """Strengths by choix."""
    import choix

    tally = tallies.tally(comparisons)
    first = tally.share > 0.5
    pairs = np.stack([np.where(first, tally.left, tally.right), np.where(first, tally.right, tally.left)], axis=1)
    return choix.ilsr_pairwise(len(tally.names), pairs.tolist())


if __name__ == "__main__":
    main()
