"""Compare all pairs of unit vectors, in blocks on all cores: sums of angles and highest cosines."""

import functools
import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

BLOCK = 1024  # rows and columns of a block
CLOSE = 0.99  # cosine from which a pair is computed in float64
NOISE = 1e-5  # more than the error of a float32 cosine
FEW_PAIRS = 8192  # more close pairs in a block: the whole block in float64 is faster
MOST_THREADS = 8

Floats = NDArray[np.float64]
Block = tuple[slice, slice]


@dataclass(frozen=True)
class Nearest:
    """For every row its highest cosine to another row, the index of that row, and its second highest cosine; shape (n,) each.

    `second` is -inf if there is no third row.
    """

    best: Floats
    place: NDArray[np.intp]
    second: Floats


NO_NEAREST = Nearest(np.empty(0), np.empty(0, dtype=np.intp), np.empty(0))


def sweep(unit: Floats, *, angles: bool, nearest: bool) -> tuple[Floats, Nearest]:
    """Each row's sum of angles to the other rows (radians), shape (n,), and the cosines to its two nearest rows.

    `unit` has rows of length 1, shape (n, d), n >= 2. The sums are empty without `angles`, the cosines without
    `nearest`. Products are float32 (error about 1e-7) except near cosine 1, where angles need float64 (error about 2e-8).
    Each product uses a single thread: on a busy machine, several threads in one product wait for one another.
    """
    spans = [slice(start, min(start + BLOCK, len(unit))) for start in range(0, len(unit), BLOCK)]
    blocks = [(rows, columns) for place, rows in enumerate(spans) for columns in spans[place:]]
    threads = min(os.cpu_count() or 1, MOST_THREADS, len(blocks))
    single = unit.astype(np.float32)

    def work(thread: int) -> tuple[_Angles | None, _Closest | None]:
        summed, closest = _Angles(unit) if angles else None, _Closest(unit) if nearest else None
        _multiply(single, blocks[thread::threads], summed, closest)
        return summed, closest

    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(work, range(threads)))
    sums = np.sum([summed.sums for summed, _ in parts if summed], axis=0) if angles else np.empty(0)
    found = [closest.found for _, closest in parts if closest]
    return sums, functools.reduce(_nearer, found) if nearest else NO_NEAREST


def _multiply(
    single: NDArray[np.float32], blocks: Sequence[Block], summed: "_Angles | None", closest: "_Closest | None"
) -> None:
    """Add the cosines of these blocks of row pairs to the sums of angles and to the highest cosines."""
    memory = np.empty(BLOCK * BLOCK, dtype=np.float32)
    for rows, columns in blocks:
        shape = rows.stop - rows.start, columns.stop - columns.start
        block = np.matmul(single[rows], single[columns].T, out=memory[: math.prod(shape)].reshape(shape))
        np.clip(block, -1.0, 1.0, out=block)
        if summed:
            summed.add(rows, columns, block)
        if closest:
            closest.add(rows, columns, block)


class _Angles:
    """Each row's sum of angles to other rows; the angles of close pairs are computed in float64."""

    def __init__(self, unit: Floats) -> None:
        self.unit = unit
        self.sums = np.zeros(len(unit))
        self.memory = np.empty(BLOCK * BLOCK, dtype=np.float32)

    def add(self, rows: slice, columns: slice, block: NDArray[np.float32]) -> None:
        """Add the angles of a block of cosines between these rows and columns."""
        angles: NDArray[np.floating] = np.arccos(block, out=self.memory[: block.size].reshape(block.shape))
        close = np.divmod(np.flatnonzero(block.ravel() > CLOSE), block.shape[1])
        if len(close[0]) > FEW_PAIRS:
            angles = np.arccos(np.clip(self.unit[rows] @ self.unit[columns].T, -1.0, 1.0))
        else:
            cosines = np.einsum("pd,pd->p", self.unit[rows][close[0]], self.unit[columns][close[1]])
            angles[close] = np.arccos(np.clip(cosines, -1.0, 1.0))
        if rows == columns:
            np.fill_diagonal(angles, 0.0)
        else:
            self.sums[columns] += angles.sum(axis=0, dtype=np.float64)
        self.sums[rows] += angles.sum(axis=1, dtype=np.float64)


class _Closest:
    """Each row's two highest cosines to other rows; the cosines of close pairs are computed in float64."""

    def __init__(self, unit: Floats) -> None:
        n = len(unit)
        self.unit = unit
        self.found = Nearest(np.full(n, -np.inf), np.zeros(n, dtype=np.intp), np.full(n, -np.inf))

    def add(self, rows: slice, columns: slice, block: NDArray[np.float32]) -> None:
        """Compare the highest cosines with a block of cosines between these rows and columns."""
        if rows == columns:
            np.fill_diagonal(block, -np.inf)
        else:
            self._update(columns, rows, block.T)
        self._update(rows, columns, block)

    def _update(self, rows: slice, columns: slice, block: NDArray[np.float32]) -> None:
        before = Nearest(self.found.best[rows], self.found.place[rows], self.found.second[rows])
        own = _two_highest(block)
        close = np.flatnonzero(own.best > np.maximum(CLOSE, before.second - NOISE))
        if len(close):
            cosines = self.unit[rows][close] @ self.unit[columns].T
            if rows == columns:
                cosines[np.arange(len(close)), close] = -np.inf
            exact = _two_highest(cosines)
            own.best[close], own.place[close], own.second[close] = exact.best, exact.place, exact.second
        after = _nearer(before, Nearest(own.best, own.place + columns.start, own.second))
        self.found.best[rows], self.found.place[rows], self.found.second[rows] = after.best, after.place, after.second


def _two_highest(block: NDArray[np.floating]) -> Nearest:
    """The two highest cosines of each row of a block, and the column of the highest."""
    rows, place = np.arange(len(block)), block.argmax(axis=1)
    best = block[rows, place]
    block[rows, place] = -np.inf
    second = block.max(axis=1)
    block[rows, place] = best
    return Nearest(best.astype(np.float64), place, second.astype(np.float64))


def _nearer(one: Nearest, other: Nearest) -> Nearest:
    """The two highest cosines of each row in two searches of different columns."""
    is_other = other.best > one.best
    second = np.where(is_other, np.maximum(one.best, other.second), np.maximum(one.second, other.best))
    return Nearest(np.maximum(one.best, other.best), np.where(is_other, other.place, one.place), second)
