"""Time and memory of agreement on 1,000,000 ratings, compared with a loop over items and with evalica.

    python -m benchmarks.agreement [--items 100000]

The ratings: 100,000 items x 10 of 500 raters, 5 labels. Wall seconds depend on the load of the machine, so processor
seconds and the load are printed too, and the ratio to the other programs in the same run. Memory is the peak of the
process minus its memory with the data (Linux); every measurement runs in a new process.
"""

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from core.subjectivity.statistics import agreement, consistency, planning
from core.subjectivity.statistics.counts import Level
from tests import memory

PER_ITEM, RATERS = 10, 500
LABELS = np.array(["anger", "fear", "joy", "neutral", "sadness"])
KINDS = ("text", "categorical", "integers")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=100_000)
    items = parser.parse_args().items
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, pandas {pd.__version__}\n")
    print(f"{items * PER_ITEM:,} ratings")
    alpha = {kind: _line(f"alpha, {kind}", agreement.krippendorff_alpha, items, kind) for kind in KINDS}
    _line("agreement per item", agreement.by_item, items)
    _line("summary with intervals", agreement.summary, items)
    _line("raters' consistency", consistency.by_rater, items)
    for name, other in (("loop over items", by_items), ("evalica (pivot included)", by_evalica)):
        seconds = _line(name, other, items)
        print(
            f"    {seconds / alpha['text']:.0f} times the processor time of alpha on text; values differ by {_difference(other):.1e}"
        )
    print("\n20,000 ratings (2,000 items x 10 of 100)")
    small = rated(2_000, "text", raters=100)
    for level in Level:
        _timed(f"interval, 1,000 resamples, {level}", agreement.alpha_interval, small, level)
        _timed(f"all coefficients, {level}", agreement.summary, small, level)
    _timed("raters' consistency", consistency.by_rater, small, Level.NOMINAL)
    began = time.perf_counter()
    planning.more_ratings(small, width=0.01)
    print(f"  {'plan for a narrower interval':<40}{time.perf_counter() - began:7.2f} s wall")


def rated(items: int, kind: str, *, raters: int = RATERS) -> pd.DataFrame:
    """Simulated ratings in random order: as text, as categorical text, or as integers; labels are 0 to 4 or words."""
    rng = np.random.default_rng(0)
    true = rng.choice(5, items)
    right = rng.random((items, PER_ITEM)) < rng.beta(3, 2, items)[:, None]
    label = np.where(right, true[:, None], rng.choice(5, (items, PER_ITEM))).ravel()
    rater = (rng.integers(0, raters, (items, 1)) + np.arange(PER_ITEM) * 7) % raters
    frame = pd.DataFrame({"item_id": np.repeat(np.arange(items), PER_ITEM), "rater_id": rater.ravel(), "label": label})
    frame = frame.sample(frac=1, random_state=0, ignore_index=True)
    if kind == "text":
        return frame.astype(str)
    if kind == "categorical":
        return frame.assign(label=LABELS[frame["label"]]).astype(str).astype("category")
    return frame


def by_items(ratings: pd.DataFrame) -> float:
    """Krippendorff's nominal alpha, computed in a loop over items by the textbook formula."""
    observed, total, shares = 0.0, 0, dict.fromkeys(ratings["label"].unique(), 0)
    for _, labels in ratings.groupby("item_id")["label"]:
        table = labels.value_counts()
        m = len(labels)
        if m < 2:
            continue
        observed += sum(n * (m - n) for n in table) / (m - 1)
        total += m
        for label, n in table.items():
            shares[label] += n
    expected = sum(n * (total - n) for n in shares.values()) / (total - 1)
    return 1 - observed / expected


def by_evalica(ratings: pd.DataFrame) -> float:
    """Krippendorff's alpha, computed by evalica."""
    import evalica

    wide = ratings.assign(label=ratings["label"].astype(float)).pivot(
        index="rater_id", columns="item_id", values="label"
    )
    return float(evalica.alpha(wide).alpha)


def _difference(other: Callable[[pd.DataFrame], float]) -> float:
    """The absolute difference of our alpha and that of another function."""
    ratings = rated(2_000, "text", raters=100)
    return abs(other(ratings) - agreement.krippendorff_alpha(ratings))


def _line(name: str, function: Callable[[pd.DataFrame], Any], items: int, kind: str = "text") -> float:
    """Measure a function in a new process, print the line, and return the processor seconds."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        wall, cpu, grown = pool.apply(_measured, (function, items, kind))
    print(f"  {name:<40}{wall:7.2f} s wall {cpu:7.2f} s cpu {grown:6.0f} MB above the data", flush=True)
    return cpu


def _measured(function: Callable[[pd.DataFrame], Any], items: int, kind: str) -> tuple[float, float, float]:
    """Wall seconds, processor seconds, and peak memory above the data in MB."""
    ratings = rated(items, kind)
    function(rated(20, kind, raters=20))
    memory.forgetmemory.peak_mb()
    before, began, cpu = memory.peak_mb(), time.perf_counter(), time.process_time()
    function(ratings)
    return time.perf_counter() - began, time.process_time() - cpu, memory.peak_mb() - before


def _timed(name: str, function: Callable[..., Any], ratings: pd.DataFrame, level: Level) -> None:
    """Print the wall and processor seconds of a function of ratings."""
    began, cpu = time.perf_counter(), time.process_time()
    function(ratings, level=level)
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(f"  {name:<40}{wall:7.2f} s wall {cpu:7.2f} s cpu")


if __name__ == "__main__":
    main()
