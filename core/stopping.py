"""How the work of a job ends when a person pauses it: at once, or at the next point at which nothing of it is lost.

The thread that watches the job asks; the work that wants to reach such a point first says so with `at_points`.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_asked, _reaches_points = threading.Event(), threading.Event()
STOPPED = 143  # the exit code of a process that SIGTERM ended


class Stopped(SystemExit):
    """Raised where work stops because it was asked to; a SystemExit, since libraries and event loops do not catch this class."""

    def __init__(self) -> None:
        super().__init__(STOPPED)


def ask_to_pause() -> bool:
    """Ask the work of this process to stop; returns whether it will at its next point, so that nothing need interrupt it."""
    _asked.set()
    return _reaches_points.is_set()


@contextmanager
def at_points() -> Iterator[threading.Event]:
    """Work inside is not interrupted by a pause: it looks at the event after each of its steps, and raises `Stopped` when it is set."""
    _reaches_points.set()
    try:
        yield _asked
    finally:
        _reaches_points.clear()
