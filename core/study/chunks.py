"""Cut a long list into chunks that fit into one SQL statement (`IN` takes at most 32,766 values on SQLite)."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

SIZE = 5000


def chunks(values: Sequence[T], size: int = SIZE) -> Iterator[Sequence[T]]:
    """Consecutive slices of `values`, in order, of `size` values each; the last one may be shorter."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
