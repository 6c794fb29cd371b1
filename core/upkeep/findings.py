"""A finding of the doctor: what is wrong with a home, and how to mend it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A sentence that says what is wrong, and a sentence that says how to mend it."""

    what: str
    how_to_mend: str


def counted(names: list[str], noun: str) -> str:
    """The number of some things with their noun and the first three names: "2 files (a, b)"."""
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"{len(names)} {noun}{'' if len(names) == 1 else 's'} ({shown})"
