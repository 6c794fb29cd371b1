"""How far a long step has come, told while it works."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

Report = Callable[[int, int, str, Mapping[str, Any]], None]  # done, total, a few words, more numbers


def silent(done: int, total: int, message: str, extra: Mapping[str, Any]) -> None:
    """A report that nobody reads."""
    del done, total, message, extra


@dataclass(frozen=True)
class Teller:
    """Where a step tells what it does: `bar` opens a report under a title, `say` takes one sentence."""

    bar: Callable[[str], AbstractContextManager[Report]]
    say: Callable[[str], None]
