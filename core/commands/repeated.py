"""What an option says that may be repeated: pairs such as `--rename a=b`."""

from core.errors import StudyError


def pairs(given: list[str], *, form: str) -> dict[str, str]:
    """`a=b` as a -> b. Raises `StudyError`, which says the form, when one is not so."""
    wrong = [pair for pair in given if not all(pair.partition("="))]
    if wrong:
        raise StudyError(f"{form}; found {wrong[0]!r}.")
    return dict(pair.split("=", 1) for pair in given)
