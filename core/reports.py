"""Functions by which a long step reports its progress to its caller."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

Report = Callable[
    [int, int, str, Mapping[str, Any]], None
]  # steps done, steps in total, a short message, further numbers by name


def silent(done: int, total: int, message: str, extra: Mapping[str, Any]) -> None:
    """A report that is discarded."""
    del done, total, message, extra


def shifted(report: Report, *, done: int, total: int) -> Report:
    """A report of the steps of a part, as steps after `done` earlier ones out of `total`."""
    return lambda step, _steps, message, extra: report(done + step, total, message, extra)


@dataclass(frozen=True)
class Teller:
    """Two ways to report progress: `bar` opens a progress bar with a title, `say` shows one sentence."""

    bar: Callable[[str], AbstractContextManager[Report]]
    say: Callable[[str], None]
