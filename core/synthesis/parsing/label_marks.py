"""Cut label marks that a model puts beside its texts ("Positive: ...", "[positive] ...", "... (label: positive)")."""

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.synthesis.parsing.label_names import KEPT, NOUN, SHORTEST, any_of, one_order

OPEN, CLOSE = r"[\[(<{*_\"'“【（「]*", r"[\])>}*_\"'”】）」]*"
TEXT_NOUN = r"(?:(?:text|texto|texte|testo|sentence|review|example|文本)\s*[:：]\s*)?"

ROOM = 200  # characters of a text, beyond the name of the label, in which a mark is looked for


class Marks:
    """The marks of the label of some texts, and of other labels; `cut` lists the marks that were cut.

    A name before a dash and a name in round brackets may belong to a text ("No - I can't come"), so these count as marks
    only if at least two texts, and at least half of the texts, bear one; for another label all texts have to.
    """

    def __init__(self, texts: Sequence[str], *, label: str, others: Sequence[str]) -> None:
        self.cut: list[str] = []
        self._own_names, self._other_names = (label,), tuple(others)
        self._all = _patterns(names := one_order([label, *others]))
        self._own_habits, self._other_habits = list[_Mark](), list[_Mark]()
        if any(_borne(habit, texts) >= 2 for habit in _habits(names)):
            half = max(2.0, len(texts) / 2)
            self._own_habits = [habit for habit in _habits(self._own_names) if _borne(habit, texts) >= half]
            self._other_habits = [
                habit for habit in _habits(self._other_names) if 2 <= _borne(habit, texts) == len(texts)
            ]
        self._all_habits = [*self._own_habits, *self._other_habits]

    def without(self, text: str) -> tuple[str, bool]:
        """The text with the marks of its own label cut, and whether it bears a mark of another label but none of its own.

        A text with the mark of another label comes back uncut.
        """
        if not any(pattern.search(text) for pattern in (*self._all, *self._all_habits)):
            return text, False  # most texts: the patterns of each label and of all but it are not even made
        own = [*_patterns(self._own_names), *self._own_habits]
        if any(pattern.search(text) for pattern in (*_patterns(self._other_names), *self._other_habits)):
            return text, not any(pattern.search(text) for pattern in own)
        for pattern in own:
            if (found := pattern.search(text)) and (rest := (text[: found[0]] + text[found[1] :]).strip()):
                self.cut.append(text[found[0] : found[1]].strip())
                text = rest
        return text, False


@dataclass(frozen=True)
class _Mark:
    """A pattern of a mark before a text or behind it; only the first or last `room` characters of a text are looked at.

    `sign` matches a character that every mark behind a text holds: most texts hold none, which is found out sooner.
    """

    pattern: re.Pattern[str]
    sign: re.Pattern[str] | None
    room: int

    def search(self, text: str) -> tuple[int, int] | None:
        """Where the mark begins and ends in a text, None if the text does not bear it."""
        if self.sign is None:
            found = self.pattern.match(text[: self.room])
            return found.span() if found else None
        skipped = max(0, len(text) - self.room)
        end = text[skipped:]
        found = self.pattern.search(end) if self.sign.search(end) else None
        return (skipped + found.start(), skipped + found.end()) if found else None


def _borne(mark: _Mark, texts: Sequence[str]) -> int:
    return sum(mark.search(text) is not None for text in texts)


@functools.lru_cache(KEPT)
def _patterns(labels: tuple[str, ...]) -> list[_Mark]:
    """Marks of one of the labels that a single text may bear."""
    name = any_of(labels)
    bare = any_of([label for label in labels if len(label.strip()) >= SHORTEST or not label.isascii()])
    before = (
        rf"{OPEN}(?:{NOUN}){CLOSE}\s*[:：=]\s*{OPEN}{name}{CLOSE}(?:\s*[:：|,;.–—-]\s*|\s+){TEXT_NOUN}",
        rf"[\[【]{name}[\]】]{CLOSE}\s*[:：|–—-]?\s*",
        rf"{OPEN}{bare}{CLOSE}\s*[:：]\s*{TEXT_NOUN}",
    )
    behind = {
        r"[:：=]": rf"(?<![\s,;|–—-])[\s,;|–—-]*[\[(【（]?(?:{NOUN})\s*[:：=]\s*{OPEN}{name}{CLOSE}\W?$",
        r"[\[【]": rf"(?<!\s)\s*[\[【]{name}[\]】]\W?$",
    }
    return _marks(labels, before, behind)


@functools.lru_cache(KEPT)
def _habits(labels: tuple[str, ...]) -> list[_Mark]:
    """Marks of one of the labels that only several texts of a list prove."""
    name = any_of(labels)
    before = (
        rf"{OPEN}{name}{CLOSE}\s*(?:[|–—-]|=>|->|→)\s+{TEXT_NOUN}",
        rf"[(（]{name}[)）]\s*[:：|–—-]?\s*",
    )
    behind = {r"[(（|–—→=-]": rf"(?<!\s)\s*[(（]{name}[)）]\.?$|(?<!\s)\s+(?:[|–—-]|->|→|=>)\s*{name}\.?$"}
    return _marks(labels, before, behind)


def _marks(labels: Sequence[str], before: Sequence[str], behind: Mapping[str, str]) -> list[_Mark]:
    room = ROOM + max(map(len, labels), default=0)
    made = [_Mark(re.compile(pattern, re.IGNORECASE), None, room) for pattern in before]
    return made + [_Mark(re.compile(behind[sign], re.IGNORECASE), re.compile(sign), room) for sign in behind]
