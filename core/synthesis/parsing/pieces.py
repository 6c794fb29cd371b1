"""The pieces of an answer before they are cleaned: raw texts with what stands beside them, and everything else."""

from dataclasses import dataclass, field

OUTSIDE = "outside the list"
FIELD = "another field"
FRAME = "around the list"
TEXT = "text"
UNCLEAR = "unclear which field holds the text"


@dataclass
class Leaf:
    """A string of an answer and its role: `TEXT`, `FIELD` (another field) or `OUTSIDE` (outside the list).

    `said` holds what may name the label of a text: a field beside it, the key of its list, the heading above it.
    """

    text: str
    role: str = OUTSIDE
    said: tuple[str, ...] = ()


@dataclass
class RawList:
    """The raw texts of an answer, the `head` before them (where a refusal would stand), and all pieces `beside` them.

    Pieces beside the texts are pairs (piece, reason). `is_cut` says whether the last raw text is broken off. `reason` says
    why no text can be told from the other pieces, else it is None. `is_prose` says that no mark of a list was found, so
    that the head is the first text itself.
    """

    head: str
    items: list[Leaf]
    beside: list[tuple[str, str]] = field(default_factory=list)
    is_cut: bool = False
    reason: str | None = None
    is_prose: bool = False


def outside(text: str) -> list[tuple[str, str]]:
    """The lines of a text as pieces outside the list."""
    return [(line, OUTSIDE) for line in text.splitlines()]
