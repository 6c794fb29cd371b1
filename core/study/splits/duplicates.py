"""Find exact duplicates (by digest) and near-duplicates (by Jaccard similarity of letter triples) among texts."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from core.study.combining import JOINER, MARKS
from core.study.splits import equal_texts

THRESHOLD = 0.7
SHINGLE = 3  # letters
SHARED = 8  # rare shingles that a proposed pair must share
BLOCK = 250  # rows compared at once
PAIRS_AT_ONCE = 200_000
MOST_PAIRS = 1_000_000
MARGIN = 1e-9
NOT_WORD = re.compile(rf"(?:(?:_|[^\w{MARKS}])[{MARKS}]*)+")

Places = NDArray[np.int64]
Pairs = tuple[Places, Places, NDArray[np.float64]]


@dataclass(frozen=True)
class Groups:
    """Near-duplicates among texts; texts are named by their index in the list.

    `pairs`: columns first, second, similarity (Jaccard, in [threshold, 1]), most similar first. `groups`: connected
    components of at least two texts, in order. `complete` is False if `pairs` lists only some of the pairs; `groups` are
    always complete.
    """

    pairs: pd.DataFrame
    groups: list[list[int]]
    complete: bool

    @property
    def extra(self) -> list[int]:
        """All texts of the groups except the first of each group."""
        return sorted(place for group in self.groups for place in group[1:])


def exact(texts: Sequence[str]) -> list[list[int]]:
    """Groups of at least two texts that differ only in case, spaces or Unicode form, as indices, in order."""
    places: dict[str, list[int]] = {}
    for place, text in enumerate(texts):
        places.setdefault(equal_texts.text_hash(text), []).append(place)
    return [group for group in places.values() if len(group) > 1]


def near(texts: Sequence[str], *, threshold: float = THRESHOLD, shingle: int = SHINGLE) -> Groups:
    """All pairs of texts whose sets of `shingles` have a Jaccard similarity of at least `threshold`, and their groups.

    Case, punctuation, spaces and the order of words do not count. The search is exact: a prefix filter proposes pairs
    (Chaudhuri et al. 2006; Xiao et al. 2011), and every proposed pair is compared in full. Of several texts with the same
    set, each later text forms a pair with the first. A text without letters is compared by its other characters.
    """
    table, _ = _shingle_tables(texts, [], shingle)
    firsts, place_of = _distinct_rows(table)
    repeated = np.flatnonzero(firsts[place_of] != np.arange(len(texts)))
    found = [(firsts[place_of[repeated]], repeated, np.ones(len(repeated)))]
    n_pairs, roots = len(repeated), firsts[place_of]

    def is_open(left: Places, right: Places) -> NDArray[np.bool_]:
        """Whether a pair is still needed: the list has room, or the two texts are not connected yet."""
        new: NDArray[np.bool_] = (roots[firsts[left]] != roots[firsts[right]]) | (n_pairs < MOST_PAIRS)
        return new

    for first, second, similarity in _similar_pairs(
        table[firsts], table[firsts], threshold, within=True, is_open=is_open
    ):
        left, right = np.sort([firsts[first], firsts[second]], axis=0)
        roots = _connect(roots, left, right)
        room = max(0, MOST_PAIRS - n_pairs)
        found.append((left[:room].copy(), right[:room].copy(), similarity[:room].copy()))
        n_pairs += len(left)
    return Groups(pairs=_pairs(found), groups=_groups(roots), complete=n_pairs < MOST_PAIRS)


def between(
    texts: Sequence[str], others: Sequence[str], *, threshold: float = THRESHOLD, shingle: int = SHINGLE
) -> pd.DataFrame:
    """All pairs of a text in `texts` and a text in `others` that are near-duplicates, as in `near`.

    Columns text, other (indices in the two lists) and similarity, most similar first.
    """
    table, other_table = _shingle_tables(texts, others, shingle)
    found = list(_similar_pairs(table, other_table, threshold, within=False))
    return _pairs(found).set_axis(["text", "other", "similarity"], axis=1)


def shingles(text: str, n: int = SHINGLE) -> set[str]:
    """The letter n-grams of each word of a text, with a space before and after the word.

    A text without letters and digits has the n-grams of its other characters.
    """
    folded = re.sub(JOINER, "", unicodedata.normalize("NFKC", text).casefold())
    padded = [f" {word} " for word in NOT_WORD.sub(" ", folded).split() or folded.split()]
    return {word[start : start + n] for word in padded for start in range(max(1, len(word) - n + 1))}


def _shingle_tables(texts: Sequence[str], others: Sequence[str], n: int) -> tuple[sparse.csr_array, sparse.csr_array]:
    """0/1 tables of shingles for both lists, a row per text; columns are sorted from the rarest shingle to the commonest."""
    numbers: dict[str, int] = {}
    rows = [
        sorted({numbers.setdefault(gram, len(numbers)) for gram in shingles(text, n)}) for text in [*texts, *others]
    ]
    ends = np.cumsum([0, *map(len, rows)])
    columns = np.fromiter((number for row in rows for number in row), dtype=np.int64, count=ends[-1])
    counts = np.bincount(columns, minlength=len(numbers))
    rank = np.empty(len(numbers), dtype=np.int64)
    rank[np.argsort(counts, kind="stable")] = np.arange(len(numbers))
    ones = np.ones(len(columns), dtype=np.float32)
    table = sparse.csr_array((ones, rank[columns], ends), shape=(len(rows), len(numbers)))
    table.sort_indices()
    return table[: len(texts)], table[len(texts) :]


def _distinct_rows(table: sparse.csr_array) -> tuple[Places, Places]:
    """The first row with each different set, and for every row the index of its set among these first rows."""
    numbers: dict[bytes, int] = {}
    firsts: list[int] = []
    place_of = np.empty(table.shape[0], dtype=np.int64)
    for row in range(table.shape[0]):
        same = table.indices[table.indptr[row] : table.indptr[row + 1]].tobytes() or b"empty %d" % row
        if same not in numbers:
            numbers[same] = len(firsts)
            firsts.append(row)
        place_of[row] = numbers[same]
    return np.array(firsts, dtype=np.int64), place_of


def _similar_pairs(
    left: sparse.csr_array,
    right: sparse.csr_array,
    threshold: float,
    *,
    within: bool,
    is_open: Callable[[Places, Places], NDArray[np.bool_]] | None = None,
) -> Iterator[Pairs]:
    """Yield pairs of a left and a right row with a Jaccard similarity of at least `threshold`, with the similarity.

    `within`: left and right are the same table. Pairs for which `is_open` is False are left out.

    Two sets of similarity t share at least ceil(t |A|) members; so SHARED of these (or all, if fewer) are among the
    |A| - ceil(t |A|) + SHARED rarest members of both sets. Rows are sorted by size, as similar sets have similar sizes.
    """
    left_order, left_sizes = _by_size(left)
    right_order, right_sizes = (left_order, left_sizes) if within else _by_size(right)
    left, right = left[left_order], right[right_order]
    left_heads, right_heads = _prefixes(left, threshold), _prefixes(right, threshold)
    for start in range(int(np.searchsorted(left_sizes, 1)), left.shape[0], BLOCK):
        end = min(start + BLOCK, left.shape[0])
        low = start if within else int(np.searchsorted(right_sizes, left_sizes[start] * threshold - MARGIN))
        high = int(np.searchsorted(right_sizes, left_sizes[end - 1] / threshold + MARGIN, side="right"))
        common = (left_heads[start:end] @ right_heads[low:high].T).tocoo()
        rows, columns = start + common.coords[0].astype(np.int64), low + common.coords[1].astype(np.int64)
        larger = np.maximum(left_sizes[rows], right_sizes[columns])
        likely = common.data >= np.minimum(SHARED, np.ceil(threshold * larger - MARGIN))
        if within:
            likely &= columns > rows
        if is_open is not None:
            likely &= is_open(left_order[rows], right_order[columns])
        rows, columns, similarity = _with_similarity(left, right, rows[likely], columns[likely], threshold)
        yield left_order[rows], right_order[columns], similarity


def _by_size(table: sparse.csr_array) -> tuple[Places, Places]:
    sizes = np.diff(table.indptr)
    order = np.argsort(sizes, kind="stable")
    return order, sizes[order]


def _prefixes(table: sparse.csr_array, threshold: float) -> sparse.csr_array:
    """The table with each row A cut to its |A| - ceil(t |A|) + SHARED rarest members."""
    sizes = np.diff(table.indptr)
    kept = np.minimum(sizes, sizes - np.ceil(threshold * sizes - MARGIN).astype(np.int64) + SHARED)
    rank = np.arange(table.nnz) - np.repeat(table.indptr[:-1], sizes)
    is_kept = rank < np.repeat(kept, sizes)
    ends = np.concatenate([[0], np.cumsum(kept)])
    return sparse.csr_array((table.data[is_kept], table.indices[is_kept], ends), shape=table.shape)


def _with_similarity(
    left: sparse.csr_array, right: sparse.csr_array, rows: Places, columns: Places, threshold: float
) -> Pairs:
    similarity = np.empty(len(rows))
    left_sizes, right_sizes = np.diff(left.indptr), np.diff(right.indptr)
    for start in range(0, len(rows), PAIRS_AT_ONCE):
        i, j = rows[start : start + PAIRS_AT_ONCE], columns[start : start + PAIRS_AT_ONCE]
        shared = np.asarray(left[i].multiply(right[j]).sum(axis=1)).ravel()
        similarity[start : start + PAIRS_AT_ONCE] = shared / (left_sizes[i] + right_sizes[j] - shared)
    alike = similarity >= threshold - MARGIN
    return rows[alike], columns[alike], similarity[alike]


def _connect(roots: Places, left: Places, right: Places) -> Places:
    """For every index the first index that it is connected with, after these links are added to `roots`."""
    n = len(roots)
    ends = np.concatenate([left, np.arange(n)]), np.concatenate([right, roots])
    links = sparse.coo_array((np.ones(len(ends[0]), dtype=np.int8), ends), shape=(n, n))
    _, component = csgraph.connected_components(links, directed=False)
    _, first, number = np.unique(component, return_index=True, return_inverse=True)
    return first[number]


def _groups(roots: Places) -> list[list[int]]:
    groups: dict[int, list[int]] = {}
    for place, root in enumerate(roots.tolist()):
        groups.setdefault(root, []).append(place)
    return [group for group in groups.values() if len(group) > 1]


def _pairs(found: Sequence[Pairs]) -> pd.DataFrame:
    parts = [pd.DataFrame({"first": first, "second": second, "similarity": alike}) for first, second, alike in found]
    empty = pd.DataFrame({"first": np.empty(0, np.int64), "second": np.empty(0, np.int64), "similarity": np.empty(0)})
    frame = pd.concat(parts) if parts else empty
    return frame.sort_values(["similarity", "first", "second"], ascending=[False, True, True], ignore_index=True)
