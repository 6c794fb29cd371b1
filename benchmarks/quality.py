"""Measure the speed of diversity on 30,000 embeddings and of near-duplicates on 50,000 texts, beside plain code.

    python -m benchmarks.quality [--texts 30000] [--short 50000]

Wall seconds depend on other processes, so CPU seconds and the load are printed too. Memory is the largest growth of a
process above the size of its data; every measure runs in a new process.
"""

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from core.quality import diversity, lexical
from core.quality.diversity import Distance
from core.study.splits import duplicates
from tests import memory

WIDTH = 384
NAIVE = 2_000
PAIRS_COMPARED = 300_000
LETTERS = list("abcdefghijklmnopqrstuvwxyz")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=30_000)
    parser.add_argument("--short", type=int, default=50_000)
    asked = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, numpy {np.__version__}\n")
    _diversity(asked.texts)
    _duplicates(asked.short)


def _diversity(n: int) -> None:
    print(f"remote clique and Chamfer distance, {n:,} x {WIDTH}")
    total = 0.0
    for name in ("remote clique cosine", "remote clique angular", "chamfer cosine", "chamfer angular", "all four"):
        wall, cpu, grown = _in_new_process(_one_measure, name, n)
        total += wall if name != "all four" else 0.0
        print(f"  {name:<24}{wall:7.2f} s wall {cpu:7.2f} s cpu {grown:6.0f} MB above the data")
    print(f"  {'the four one by one':<24}{total:7.2f} s wall")
    rows = _rows(NAIVE).astype(np.float64)
    began = time.perf_counter()
    naive = _by_definition(rows)
    naive_seconds = time.perf_counter() - began
    began = time.perf_counter()
    found = diversity.measure_all(rows)
    seconds = time.perf_counter() - began
    pairs = [(getattr(found[distance], name).value, naive[distance, name]) for distance, name in naive]
    print(f"  largest difference to the definition on {NAIVE:,}: {max(abs(a - b) for a, b in pairs):.1e}")
    print(f"  row by row in float64 takes {naive_seconds / seconds:.0f} times as long on {NAIVE:,}\n")


def _duplicates(n: int) -> None:
    texts, planted = _short_texts(n)
    began, cpu = time.perf_counter(), time.process_time()
    found = duplicates.near(texts)
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    group_of = {place: number for number, group in enumerate(found.groups) for place in group}
    hits = sum(group_of.get(a, -1) == group_of.get(b, -2) for a, b in planted)
    print(f"near-duplicates among {n:,} short texts: {wall:.1f} s wall, {cpu:.1f} s cpu")
    print(f"  planted {len(planted):,}, found {hits:,}; other groups {len(found.groups) - hits:,}")
    sets = [duplicates.shingles(text) for text in texts[:1000]]
    began = time.perf_counter()
    for k in range(PAIRS_COMPARED):
        a, b = sets[k % 1000], sets[(k * 7 + 1) % 1000]
        shared = len(a & b)
        _ = shared / (len(a) + len(b) - shared)
    each = (time.perf_counter() - began) / PAIRS_COMPARED
    print(f"  all pairs of sets compared in Python would take {each * n * (n - 1) / 2 / wall:,.0f} times as long\n")
    began = time.perf_counter()
    lexical.self_bleu(texts)
    print(f"self-BLEU on {lexical.SAMPLE} of them: {time.perf_counter() - began:.2f} s wall")


def _one_measure(name: str, n: int) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and megabytes of growth of a measure on `n` rows."""
    rows = _rows(n)
    measures: dict[str, Callable[[], Any]] = {
        "remote clique cosine": lambda: diversity.remote_clique(rows),
        "remote clique angular": lambda: diversity.remote_clique(rows, distance=Distance.ANGULAR),
        "chamfer cosine": lambda: diversity.chamfer_distance(rows),
        "chamfer angular": lambda: diversity.chamfer_distance(rows, distance=Distance.ANGULAR),
        "all four": lambda: diversity.measure_all(rows),
    }
    diversity.measure_all(rows[:3000])
    before, began, cpu = memory.peak_mb(), time.perf_counter(), time.process_time()
    measures[name]()
    return time.perf_counter() - began, time.process_time() - cpu, memory.peak_mb() - before


def _in_new_process(function: Callable[..., tuple[float, float, float]], *arguments: Any) -> tuple[float, float, float]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def _rows(n: int) -> np.ndarray:
    """`n` random vectors that lean one way, as an encoder's do; one vector in a hundred occurs twice."""
    rows = np.random.default_rng(0).standard_normal((n, WIDTH), dtype=np.float32)
    rows += 0.3
    rows[: n // 100] = rows[-(n // 100) :]
    return rows


def _by_definition(rows: np.ndarray) -> dict[tuple[Distance, str], float]:
    """The four diversity scores, computed row by row in float64."""
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    n, sums, least = len(unit), dict.fromkeys(Distance, 0.0), dict.fromkeys(Distance, 0.0)
    for place in range(n):
        gaps = np.linalg.norm(np.delete(unit, place, axis=0) - unit[place], axis=1)
        for distance, apart in ((Distance.COSINE, gaps**2 / 2), (Distance.ANGULAR, 2 * np.arcsin(gaps / 2))):
            sums[distance] += apart.sum() / (n - 1)
            least[distance] += apart.min()
    return {(d, "remote_clique"): sums[d] / n for d in Distance} | {
        (d, "chamfer_distance"): least[d] / n for d in Distance
    }


def _short_texts(n: int) -> tuple[list[str], list[tuple[int, int]]]:
    """Texts of 8 to 25 words with the word frequencies of a language, and the planted pairs of near-duplicates.

    The last 2 % of the texts are edited copies of the first texts; a pair holds the indices of a text and its copy.
    """
    rng = np.random.default_rng(0)
    vocabulary = ["".join(rng.choice(LETTERS, size=rng.integers(2, 10))) for _ in range(20_000)]
    share = 1 / np.arange(1, 20_001)
    drawn = rng.choice(20_000, size=(n, 25), p=share / share.sum())
    texts = [" ".join(vocabulary[k] for k in row[: rng.integers(8, 26)]) for row in drawn]
    copies = n // 50
    for place in range(copies):
        texts[n - copies + place] = _edited(texts[place], place % 6, rng)
    return texts, [(place, n - copies + place) for place in range(copies)]


def _edited(text: str, kind: int, rng: np.random.Generator) -> str:
    words = text.split()
    at = int(rng.integers(len(words) - 1))
    if kind == 0:
        return text.upper() + "!!"
    if kind == 1:
        words[at], words[at + 1] = words[at + 1], words[at]
    elif kind == 2:
        del words[at]
    elif kind == 3:
        words.insert(at, "really")
    else:
        for place in rng.choice(len(text), size=kind - 3, replace=False):
            text = text[:place] + LETTERS[rng.integers(26)] + text[place + 1 :]
        return text
    return " ".join(words)


if __name__ == "__main__":
    main()
