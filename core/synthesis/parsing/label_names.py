"""Tell whether a line, a JSON key or a field is nothing but the name of a label, and whether it is another label's."""

import functools
import re
from collections.abc import Iterable, Sequence

NOUN = r"label|class|category|sentiment|answer|emotion|intent|topic|tone|etiqueta|categoría|catégorie|kategorie|标签|标注|情感|ラベル"
TEXT_NOUN = r"text|tweet|example|sentence|review|headline|message|item|sample|comment|post|entry"
TEXT_NOUNS = (
    rf"{TEXT_NOUN}|texto|ejemplo|reseña|mensaje|oración|frase|exemplo|mensagem|avaliação|texte|exemple|phrase|avis|beispiel|satz"
    r"|rezension|bewertung|nachricht|testo|esempio|recensione|messaggio|voorbeeld|zin|tekst|przykład|пример|текст|отзыв|第"
    r"|文本|例|例子|示例|评论|評論|句子|例文|レビュー|テキスト|예시|문장|리뷰"
)
SHORTEST = 3  # characters; a shorter name alone on a line or in a text may be a word of the text
ROOM = 60  # characters that may stand around a name: brackets, emphasis, a noun such as "label"
KEPT = 512  # sets of labels whose patterns are kept: answers with marks need two for each label of a task
MARKED = re.compile(r"^\s*(?:#{1,6}\s|[*_\[【<(]).*|.*[:：][*_\s]*$")


class Names:
    """The names of the label that was asked for and of the other labels of a task; all may be empty."""

    def __init__(self, label: str = "", others: Sequence[str] = ()) -> None:
        self._own, self._other = (label,), tuple(others)
        self._all = one_order([label, *others])
        self._longest = max(map(len, [label, *others])) + ROOM
        self.shown = [name for name in (label, *others) if name.strip()]

    def is_name(self, said: str) -> bool:
        """Whether a string is the name of a label and nothing more ("Positive:", "**positive reviews**", "Label: positive")."""
        return self._names(self._all, said)

    def is_heading(self, line: str, *, is_bare_enough: bool = True) -> bool:
        """Whether a line names a label for the texts below it.

        A name without a colon, brackets or emphasis counts only if it has 3 characters or more and `is_bare_enough`.
        """
        if not self.is_name(line):
            return False
        return MARKED.match(line) is not None or (is_bare_enough and len(line.strip()) >= SHORTEST)

    def is_other(self, said: Iterable[str]) -> bool:
        """Whether one of the strings that stand beside a text is the name of another label, and none is that of its own."""
        strings = [one for one in said if self._names(self._all, one)]
        if any(self._names(self._own, one) for one in strings):
            return False
        return any(self._names(self._other, one) for one in strings)

    def _names(self, names: tuple[str, ...], said: str) -> bool:
        return len(said) <= self._longest and _alone(names).match(said) is not None


def one_order(labels: Iterable[str]) -> tuple[str, ...]:
    """The names in an order that does not depend on the label that was asked for, so that all answers share a pattern."""
    return tuple(sorted(set(labels)))


def any_of(labels: Sequence[str]) -> str:
    """A pattern of any of the names, whatever joins their words; it matches nothing if there are no names."""
    parts = [re.split(r"[\s_-]+", label.strip()) for label in labels if label.strip()]
    names = [r"[\s_-]+".join(map(re.escape, filter(None, words))) for words in parts]
    return f"(?:{'|'.join(filter(None, names)) or '(?!)'})"


@functools.lru_cache(KEPT)
def _alone(labels: tuple[str, ...]) -> re.Pattern[str]:
    """A pattern of a string that holds the name of one of the labels, and a noun such as "label" or "reviews" at most."""
    around = r"[^\w]*"
    return re.compile(
        rf"^{around}(?:(?:{NOUN})\s*[:：=]\s*)?{around}{any_of(labels)}[\W_]*(?:(?:{NOUN}|(?:{TEXT_NOUNS})s?)[\W_]*)?$",
        re.IGNORECASE,
    )
