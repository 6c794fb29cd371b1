"""How far a long step has come, told while it works."""

from collections.abc import Callable, Mapping
from typing import Any

Report = Callable[[int, int, str, Mapping[str, Any]], None]  # done, total, a few words, more numbers


def silent(done: int, total: int, message: str, extra: Mapping[str, Any]) -> None:
    """A report that nobody reads."""
    del done, total, message, extra
