"""Slips of a model that follows its prompt badly: texts that repeat the prompt, and texts that name their own label."""

import functools
import re
from collections.abc import Iterable

from core.synthesis.parsing.label_names import KEPT, SHORTEST, one_order

ECHO = "repeats the prompt"
SPEAKS_OF_LABEL = "speaks of its label"

RUN = 6  # words in a row that a text shares with the prompt; shorter runs are common to any two texts of a subject
WORD = re.compile(r"\w+")
PLACEHOLDER = re.compile(r"\{\w*\}")


class Instructions:
    """The wording of a prompt without the texts that it shows: whatever a text repeats of it was not written anew."""

    def __init__(self, parts: Iterable[str]) -> None:
        self._runs: set[tuple[str, ...]] = set()
        for part in parts:
            for line in PLACEHOLDER.sub("\n", part).splitlines():
                self._runs.update(_runs(_words(line)))

    def are_echoed(self, text: str) -> bool:
        """Whether at least half of the words of a text stand in runs of six words that stand in the prompt as well."""
        words = _words(text)
        covered = [False] * len(words)
        for at, run in enumerate(_runs(words)):
            if run in self._runs:
                covered[at : at + RUN] = [True] * RUN
        return bool(words) and 2 * sum(covered) >= len(words)


def names_label(text: str, label: str) -> bool:
    """Whether the name of a label stands in a text, word for word; never for names under three characters."""
    name = _words(label)
    if not name or len("".join(name)) < SHORTEST:
        return False
    words = _words(text)
    return any(words[at : at + len(name)] == name for at in range(len(words) - len(name) + 1))


def speaks_of_label(text: str, labels: Iterable[str]) -> bool:
    """Whether a text says which label it has ("its label is irony"), as no text of the subject itself would."""
    pattern = _speaking(one_order(labels))
    return pattern is not None and pattern.search(text) is not None


@functools.lru_cache(KEPT)
def _speaking(labels: tuple[str, ...]) -> re.Pattern[str] | None:
    names = [r"[\W_]+".join(map(re.escape, _words(label))) for label in labels if len(label.strip()) >= SHORTEST]
    if not any(names):
        return None
    any_name = "|".join(filter(None, names))
    return re.compile(rf"\blabels?\b\W*(?:(?:is|are|of|was)\b\W*)?\b(?:{any_name})\b", re.IGNORECASE)


def _words(text: str) -> list[str]:
    return WORD.findall(text.lower().replace("_", " "))


def _runs(words: list[str]) -> list[tuple[str, ...]]:
    """Every run of six words; all words as one run if there are three to five."""
    if RUN > len(words) >= 3:
        return [tuple(words)]
    return [tuple(words[at : at + RUN]) for at in range(len(words) - RUN + 1)]
