"""Parsing under 2,000 made-up answers (20,000 in `make simulate`): no error, no invented word, and a reason for each dropped word.

Every word of an answer is used once, such as `слово17z`, so that each word can be looked for in the result of the parser.
"""

import json
import random
import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.llm import text as llm_text
from core.synthesis.parsing import texts
from tests.simulations.sizes import STUDIES

WORD = re.compile(r"[^\W\d_]+\d+z")
SCRIPTS = ("word", "слово", "言葉", "كلمة", "शब्द", "mot", "Wort", "λέξη", "말")
BETWEEN = (
    " ",
    " ",
    " ",
    " ",
    ", ",
    "! ",
    " … ",
    " 🙂 ",
    " \u200f",
    "\x07 ",
    "\x00 ",
    "\u00a0",
    " & ",
    " 'n ",
    " %s ",
    " #",
)
FRAMES = ("Sure, here are the texts:", "Of course! Below is the list", "Here you go:", "# Texts", "---", "Certainly.")
REMARKS = ("Let me know if you need more!", "I hope these texts help.", "Note that all texts are new.", "Enjoy!", "***")
REFUSALS = ("I'm sorry, but I can't help with that.", "I cannot write such texts.", "Sorry, no.", "As an AI model, no.")
KEYS = ("text", "tweet", "label", "id", "note", "texts", "items", "text1", "text2", "reason", "1", "2", "headline")
FENCES = (
    "```\n{}\n```",
    "```json\n{}\n```",
    "```text\n{}\n```",
    "```python\n{}\n```",
    "```json\n{}",
    "```{}```",
    "```json {}```",
)
FINISHES = ("stop", "length", "content_filter", "refusal", "?")

Answer = tuple[str, str, int | None, frozenset[str] | None]


class Writer:
    """Draws parts of an answer; every word occurs once in all answers."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.words: list[str] = []

    def one(self, options: Any) -> Any:
        return self.rng.choice(options)

    def piece(self, most: int = 9) -> str:
        parts = []
        for _ in range(self.rng.randint(1, most)):
            self.words.append(f"{self.one(SCRIPTS)}{len(self.words)}z")
            parts += [self.words[-1], self.one(BETWEEN)]
        return "".join(parts).strip() + self.one(("", ".", "!", "?"))

    def pieces(self) -> list[str]:
        return [self.piece() for _ in range(self.rng.randint(0, 7))]

    def decorated(self, text: str) -> str:
        return self.one(("{}", "{}", "{}", '"{}"', "“{}”", "**{}**", "*{}*", "`{}`", "'{}'", "Text: {}")).format(text)

    def listed(self) -> str:
        shape = self.one(
            ("{}. ", "{}) ", "({}) ", "[{}] ", "**{}.** ", "- ", "* ", "• ", "### {}. ", "Tweet {}: ", "   {}. ")
        )
        lead = self.one(("", "", "", "**{}:** ", "**{}** - "))
        lines = []
        for number, text in enumerate(self.pieces(), start=self.one((1, 1, 1, 0, 7, 2024))):
            begin = lead.format(self.piece(2)) if lead else ""
            lines.append(shape.format(number) + begin + self.decorated(text))
            if self.rng.random() < 0.2:
                lines.append(self.one(("", "   ", "  - ", "\n", "# ", "> ")) + self.piece())
        return self.one(("\n", "\n", "\n\n", "\r\n", "\n \n")).join(lines)

    def prose(self) -> str:
        return self.one(("\n", "\n\n")).join(self.pieces())

    def table(self) -> str:
        columns = self.rng.randint(1, 4)
        header = [self.one(("text", "label", "#", "Tweet", self.piece(1))) for _ in range(columns)]
        rows = [[self.piece(4) for _ in range(columns + self.one((0, 0, 0, 1)))] for _ in range(self.rng.randint(0, 5))]
        lines = [header, [self.one(("---", ":--", ":-:")) for _ in header], *rows]
        return "\n".join(self.one(("| {} |", "{}")).format(" | ".join(line)) for line in lines)

    def value(self, depth: int = 0) -> str:
        kind = self.rng.random()
        if depth > 3 or kind < 0.45:
            return self.string(self.piece())
        if kind < 0.55:
            return self.one(("3", "-1.5e3", "true", "null", "[]", "{}", '""'))
        if kind < 0.8:
            return f"[{self.one((', ', ',')).join(self.value(depth + 1) for _ in range(self.rng.randint(0, 4)))}]"
        pairs = (f'"{self.one(KEYS)}": {self.value(depth + 1)}' for _ in range(self.rng.randint(0, 4)))
        return f"{{{', '.join(pairs)}}}"

    def string(self, text: str) -> str:
        return json.dumps(text, ensure_ascii=self.rng.random() < 0.3)

    def repeated(self) -> str:
        pairs = [f'"text": {self.string(self.piece())}' for _ in range(3)]
        return "{" + ", ".join(pairs) + "}"

    def as_json(self) -> str:
        whole = self.one(
            (
                lambda: self.value(),
                lambda: f"[{', '.join(self.value(1) for _ in range(self.rng.randint(1, 5)))}]",
                lambda: json.dumps(self.pieces(), ensure_ascii=False, indent=self.one((None, 2))),
                lambda: json.dumps({"texts": self.pieces(), "label": self.piece(2)}, ensure_ascii=False),
                lambda: "\n".join(f'{{"text": {self.string(self.piece())}}}' for _ in range(self.rng.randint(1, 5))),
                lambda: f"[{', '.join(self.string(self.piece()) for _ in range(3))},]",
                self.repeated,
            )
        )()
        return str(whole)

    def answer(self) -> str:
        make = self.one((self.listed, self.listed, self.prose, self.as_json, self.as_json, self.table))
        parts = [make() for _ in range(self.one((1, 1, 1, 1, 2)))]
        if self.rng.random() < 0.25:
            parts = [self.one(FENCES).format(part) for part in parts]
        if self.rng.random() < 0.3:
            parts.insert(0, self.one(FRAMES))
        if self.rng.random() < 0.3:
            parts.append(self.one(REMARKS))
        if self.rng.random() < 0.1:
            parts.insert(0, f"<think>{self.piece()}\n1. {self.piece()}{self.one(('</think>', ''))}")
        if self.rng.random() < 0.1:
            parts.insert(self.rng.randint(0, len(parts)), self.one(REFUSALS))
        if self.rng.random() < 0.1:
            parts.insert(self.rng.randint(0, len(parts)), self.piece())
        return self.one(("\n", "\n\n")).join(parts)


def made_up(rng: random.Random) -> Answer:
    """An answer, its finish reason, the number of texts asked for, and the words of the answer."""
    writer = Writer(rng)
    content = writer.answer()
    if rng.random() < 0.2:
        content = content[: rng.randint(0, len(content))]
    finish = "stop" if rng.random() < 0.7 else writer.one(FINISHES)
    return content, finish, writer.one((None, 1, 3, 5, 10)), frozenset(writer.words)


def check(answer: Answer) -> None:
    content, finish_reason, expected, written = answer

    parsed = texts.parse(content, finish_reason=finish_reason, expected=expected)

    pieces = [*parsed.texts, *(text for text, _ in [*parsed.rejected, *parsed.left_out])]
    found, held = [words_in(piece) for piece in pieces], words_in(content)
    counted = Counter(word for words in found for word in words)
    assert set(counted) <= written | set(held), "a word that the answer does not hold"
    assert max(counted.values(), default=1) == 1, "a word that is given twice"
    for words in found[: len(parsed.texts)]:
        assert words == [word for word in held if word in words], "words in another order than the answer's"
    assert all(text and text == " ".join(text.split()) for text in parsed.texts)
    assert all(reason for _, reason in [*parsed.rejected, *parsed.left_out])
    assert parsed.reason is None or not pieces
    if parsed.reason is None:
        assert set(held) - set(counted) == set(), "words that were dropped unsaid"


def words_in(content: str) -> list[str]:
    """The whole words of an answer, in order; complete escapes are undone."""
    plain = re.sub(r"\\u([0-9a-f]{4})", lambda match: chr(int(match[1], 16)), content)
    return WORD.findall(llm_text.UNSTORABLE.sub("", plain))


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(answer=st.randoms(use_true_random=False).map(made_up))
def test_made_up_answers_are_read_without_loss_or_invention(answer: Answer) -> None:
    check(answer)


@pytest.mark.slow
@pytest.mark.simulation
@settings(max_examples=20 * STUDIES, deadline=None, suppress_health_check=list(HealthCheck))
@given(answer=st.integers(0, 2**63).map(random.Random).map(made_up))
def test_thousands_of_made_up_answers_are_read_without_loss_or_invention(answer: Answer) -> None:
    check(answer)
