"""Report the progress of a long step while it works."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

Report = Callable[[int, int, str, Mapping[str, Any]], None]  # done, total, a few words, more numbers by name


def silent(done: int, total: int, message: str, extra: Mapping[str, Any]) -> None:
    """A report that does nothing."""
    del done, total, message, extra


@dataclass(frozen=True)
class Teller:
    """Where a step shows its progress: `bar` opens a report under a title, `say` shows a sentence."""

    bar: Callable[[str], AbstractContextManager[Report]]
    say: Callable[[str], None]
