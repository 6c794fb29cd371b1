"""Quota: one label's way to the number of texts it should have, slot by slot.

A slot is a call that is paid once. Slots `c * turns` to `c * turns + turns - 1` are the turns of conversation c: they
are asked one after the other, while conversations run side by side.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.llm import text
from core.study import samples
from core.study.rows.study import Label
from core.synthesis.parsing import texts as parsing

MOST_FRUITLESS = 5
MOST_REASONS = 3
ADVICE = {
    samples.DUPLICATE: "Ask for more variety: attributes, a higher temperature, or another prompt.",
    parsing.REFUSAL: "The model declines to write such texts: say what they are for in the prompt, or use another model.",
    parsing.FILTERED: "The endpoint's content filter holds such texts back: reword the prompt, or use another model.",
    text.PROMPT_TOO_LONG: "The prompt is too long for the model: show fewer or shorter examples, or use another model.",
    parsing.CUT: "The answers are cut off: raise the limit on their length, or ask for fewer texts a call.",
    parsing.NO_LIST: "The answers hold no list: ask for one more plainly, or for structured output.",
    parsing.CUT_EARLY: "The answers end before any text: raise the limit on their length.",
    parsing.EMPTY: "The answers are empty: raise the limit on their length, or use another model.",
}


@dataclass
class Quota:
    """What a label keeps and wants, which slots have an answer (`asked`) and how many of them the present prompt asked.

    `rejected` counts by reason what the present prompt brought in vain. `stopped` says why a label is given up short
    of what it wants: 5 fruitless answers in a row, or more than three times the calls that were needed, and 5, by one
    version of the prompt.
    """

    label: Label
    wanted: int
    texts_per_call: int
    turns: int
    kept: int
    asked: set[int]
    asked_by_prompt: int
    in_flight: set[int] = field(default_factory=set)
    rejected: Counter[str] = field(default_factory=Counter)
    stopped: str | None = None
    _busy: set[int] = field(default_factory=set)
    _left: set[int] = field(default_factory=set)
    _fruitless: int = 0
    _first_free: int = 0

    @property
    def missing(self) -> int:
        return max(0, self.wanted - self.kept)

    def next_slot(self) -> int | None:
        """The lowest slot to ask now, of as many as the missing texts take, whose conversation is not waiting."""
        if self.stopped or not self.missing:
            return None
        if self.asked_by_prompt + len(self.in_flight) >= self._allowance:
            if not self.in_flight:
                self.stopped = f"gave up: {self.asked_by_prompt} answers to this prompt, {self._so_far}"
            return None
        while self._first_free in self.asked:
            self._first_free += 1
        slot, left = self._first_free, math.ceil(self.missing / self.texts_per_call)
        while left:
            if slot not in self.asked and slot // self.turns not in self._left:
                left -= 1
                if slot // self.turns not in self._busy:
                    return slot
            slot += 1
        return None

    def start(self, slot: int) -> None:
        self.in_flight.add(slot)
        self._busy.add(slot // self.turns)

    def finish(self, slot: int, *, kept: int, is_fruitful: bool, rejected: Mapping[str, int] | None = None) -> None:
        """Count an answer that is stored, after which the label keeps `kept` texts; `rejected` is what it held else."""
        self.abandon(slot)
        self.asked.add(slot)
        self.asked_by_prompt += 1
        self.kept = kept
        self.rejected.update(rejected or {})
        self._fruitless = 0 if is_fruitful else self._fruitless + 1
        if self._fruitless >= MOST_FRUITLESS and self.missing and not self.stopped:
            self.stopped = f"gave up: {self._fruitless} answers in a row without a new text, {self._so_far}"

    def abandon(self, slot: int) -> None:
        """Give back a slot that got no answer."""
        self.in_flight.discard(slot)
        self._busy.discard(slot // self.turns)

    def leave(self, slot: int) -> None:
        """Ask no more of a slot's conversation now; other conversations take its place."""
        self._left.add(slot // self.turns)

    @property
    def _allowance(self) -> int:
        return 3 * math.ceil(self.wanted / self.texts_per_call) + 5

    @property
    def _so_far(self) -> str:
        """How far the label came and what stood in its way, the most frequent first."""
        known = [f"{reason} ({n})" for reason, n in self.rejected.most_common(MOST_REASONS)]
        kept = f"{self.kept} of {self.wanted} texts kept"
        if not known:
            return kept
        advice = ADVICE.get(self.rejected.most_common(1)[0][0], "")
        return f"{kept}; most were: {', '.join(known)}. {advice}".strip()
