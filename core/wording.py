"""Numbers with their nouns, as sentences on a page, in a terminal and in files say them"""


def counted(n: int, noun: str) -> str:
    """A number with its noun in the singular or with an s, such as "1 text" or "1,200 texts"."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def shown(name: str) -> str:
    """The name of a task or a label as people read it: with spaces for underscores, which names in files and commands have."""
    return name.replace("_", " ").strip() or name
