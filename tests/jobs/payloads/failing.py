"""Fail in a given way: `python -m tests.jobs.payloads.failing study|bug|code|command`."""

import sys

from core.errors import StudyError


def fail(way: str) -> None:
    if way == "study":
        raise StudyError("Training needs 60 texts; this arm has 12. Import more.")
    if way == "bug":
        raise ZeroDivisionError("no rows\nin this frame")
    if way == "code":
        sys.exit(3)
    try:
        fail("study")
    except StudyError:
        sys.exit(1)


if __name__ == "__main__":
    fail(sys.argv[1])
