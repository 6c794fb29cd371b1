"""Cut label marks that a model puts beside its texts ("Positive: ...", "[positive] ...", "... (label: positive)")."""

import re
from collections.abc import Sequence

from core.synthesis.parsing.label_names import NOUN, SHORTEST, any_of

OPEN, CLOSE = r"[\[(<{*_\"'“【（「]*", r"[\])>}*_\"'”】）」]*"
TEXT_NOUN = r"(?:(?:text|texto|texte|testo|sentence|review|example|文本)\s*[:：]\s*)?"


class Marks:
    """The marks of the label of some texts, and of other labels; `cut` lists the marks that were cut.

    A name before a dash and a name in round brackets may belong to a text ("No - I can't come"), so these count as marks
    only if at least two texts, and at least half of the texts, bear one.
    """

    def __init__(self, texts: Sequence[str], *, label: str, others: Sequence[str]) -> None:
        self.cut: list[str] = []
        self._own = _patterns([label])
        self._other = _patterns(others)
        habits = _habits([label])
        self._own += [habit for habit in habits if 2 <= sum(map(bool, map(habit.search, texts))) >= len(texts) / 2]

    def without(self, text: str) -> tuple[str, bool]:
        """The text with the marks of its own label cut, and whether it bears a mark of another label but none of its own.

        A text with the mark of another label comes back uncut.
        """
        if any(pattern.search(text) for pattern in self._other):
            return text, not any(pattern.search(text) for pattern in self._own)
        for pattern in self._own:
            if (match := pattern.search(text)) and (rest := (text[: match.start()] + text[match.end() :]).strip()):
                self.cut.append(match[0].strip())
                text = rest
        return text, False


def _patterns(labels: Sequence[str]) -> list[re.Pattern[str]]:
    """Patterns of a mark of one of the labels that a single text may bear."""
    name = any_of(labels)
    bare = any_of([label for label in labels if len(label.strip()) >= SHORTEST or not label.isascii()])
    return [
        re.compile(pattern, re.IGNORECASE)
        for pattern in (
            rf"^{OPEN}(?:{NOUN}){CLOSE}\s*[:：=]\s*{OPEN}{name}{CLOSE}(?:\s*[:：|,;.–—-]\s*|\s+){TEXT_NOUN}",
            rf"[\s,;|–—-]*[\[(【（]?(?:{NOUN})\s*[:：=]\s*{OPEN}{name}{CLOSE}\W?$",
            rf"^[\[【]{name}[\]】]{CLOSE}\s*[:：|–—-]?\s*",
            rf"\s*[\[【]{name}[\]】]\W?$",
            rf"^{OPEN}{bare}{CLOSE}\s*[:：]\s*{TEXT_NOUN}",
        )
    ]


def _habits(labels: Sequence[str]) -> list[re.Pattern[str]]:
    """Patterns of a mark of one of the labels that only several texts of a list prove."""
    name = any_of(labels)
    return [
        re.compile(pattern, re.IGNORECASE)
        for pattern in (
            rf"^{OPEN}{name}{CLOSE}\s*(?:[|–—-]|=>|->|→)\s+{TEXT_NOUN}",
            rf"^[(（]{name}[)）]\s*[:：|–—-]?\s*",
            rf"\s*[(（]{name}[)）]\.?$|\s+(?:[|–—-]|->|→|=>)\s*{name}\.?$",
        )
    ]
