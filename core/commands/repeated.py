"""Read repeated options that hold pairs, such as `--rename a=b`."""

from core.errors import StudyError


def pairs(values: list[str], *, form: str) -> dict[str, str]:
    """Return the values `a=b` as a mapping from a to b. Raises `StudyError` with `form` for a value that is no pair."""
    wrong = [pair for pair in values if not all(pair.partition("="))]
    if wrong:
        raise StudyError(f"{form}; found {wrong[0]!r}.")
    return dict(pair.split("=", 1) for pair in values)
