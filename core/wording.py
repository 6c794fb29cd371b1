"""Numbers with their nouns, and names, as sentences on a page, in a terminal and in files say them"""

import re
from collections.abc import Iterable


def counted(n: int, noun: str) -> str:
    """A number with its noun in the singular or with an s, such as "1 text" or "1,200 texts"."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def percent(share: float, digits: int = 0) -> str:
    """A share from 0 to 1 in percent, such as "88 %"; "nan %" where it is undefined."""
    return f"{100 * share:.{digits}f} %"


def percent_within(share: float, low: float, high: float, digits: int = 0) -> str:
    """A share with its interval in percent, such as "88 % [80, 93]"."""
    return f"{percent(share, digits)} [{100 * low:.{digits}f}, {100 * high:.{digits}f}]"


def shown(name: str) -> str:
    """The name of a task or a label as people read it: with spaces for underscores, which names in files and commands have."""
    return name.replace("_", " ").strip() or name


def listed(names: Iterable[object], *, most: int = 20, longest: int = 60) -> str:
    """Names with commas, each cut to `longest` letters; after `most` of them the number of the others."""
    everything = [str(name) for name in names]
    shown_names = [name if len(name) <= longest else f"{name[: longest - 1]}…" for name in everything[:most]]
    more = f" and {len(everything) - most:,} more" if len(everything) > most else ""
    return ", ".join(shown_names) + more


def markdown_text(words: str) -> str:
    """Words on one line, escaped so that Markdown shows them unchanged."""
    return re.sub(r"([\\`*_\[\]<>|#!~])", r"\\\1", " ".join(words.split()))
