"""One label's quota of texts: texts kept and wanted, the slot to ask next, and when the label is given up.

A slot is a call that is paid once. Slots `c * turns` to `c * turns + turns - 1` are the turns of conversation c. The turns
of a conversation are asked one after the other, while conversations run side by side.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.llm import text
from core.study import samples
from core.study.rows.study import Label
from core.synthesis.parsing import slips
from core.synthesis.parsing import texts as parsing

MOST_FRUITLESS = 5
MOST_REASONS = 3
ADVICE = {
    samples.DUPLICATE: "Ask for more variety: attributes, a higher temperature, or another prompt.",
    text.REFUSAL: "The model declines to write such texts: say what they are for in the prompt, or use another model.",
    text.FILTERED: "The endpoint's content filter holds such texts back: reword the prompt, or use another model.",
    text.PROMPT_TOO_LONG: "The prompt is too long for the model: show fewer or shorter examples, or use another model.",
    text.CUT: "The answers are cut off: raise the limit on their length, or ask for fewer texts a call.",
    slips.ECHO: "The model repeats its instructions: use a shorter prompt, or a larger model.",
    slips.SPEAKS_OF_LABEL: "The model writes about the label instead of a text: reword the prompt, or use a larger model.",
    parsing.NO_LIST: "The answers hold no list: ask for one more plainly, or for structured output.",
    parsing.UNCLEAR: "The answers are JSON or tables in which several fields could be the text: ask for a plain numbered list.",
    parsing.OTHER_LABEL: "The model writes for other labels as well: ask for one label more plainly, or use a larger model.",
    parsing.TOO_LONG: "The texts are longer than asked for: ask for fewer words, or for one text a call.",
    parsing.CUT_EARLY: "The answers end before any text: raise the limit on their length.",
    text.EMPTY: "The answers are empty: raise the limit on their length, or use another model.",
}


@dataclass
class Quota:
    """The quota of one label: `kept` of `wanted` texts.

    `asked` holds the slots that have an answer or wait for one in a batch; `asked_by_prompt` counts the answers to the
    present prompt version, `rejected` its rejected texts and answers by reason. `stopped` says why the label is given up
    short of its quota: 5 answers in a row without a new text, or 3 k + 5 answers to one prompt version where k calls
    could have brought all texts.
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
    _busy: set[int] = field(default_factory=set)  # conversations with a slot in flight
    _left: set[int] = field(default_factory=set)  # conversations that are asked no more now
    _fruitless: int = 0
    _first_free: int = 0

    @property
    def missing(self) -> int:
        """The number of texts still to be kept."""
        return max(0, self.wanted - self.kept)

    def next_slot(self) -> int | None:
        """The lowest slot that can be asked now; None if no slot can.

        Considered are as many free slots as the missing texts take. A slot has to wait while an earlier turn of its
        conversation is in flight.
        """
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
        """Count a slot as in flight."""
        self.in_flight.add(slot)
        self._busy.add(slot // self.turns)

    def finish(self, slot: int, *, kept: int, is_fruitful: bool, rejected: Mapping[str, int] | None = None) -> None:
        """Count a stored answer, after which the label keeps `kept` texts; `rejected` counts its other texts by reason."""
        self.abandon(slot)
        self.asked.add(slot)
        self.asked_by_prompt += 1
        self.kept = kept
        self.rejected.update(rejected or {})
        self._fruitless = 0 if is_fruitful else self._fruitless + 1
        if self._fruitless >= MOST_FRUITLESS and self.missing and not self.stopped:
            self.stopped = f"gave up: {self._fruitless} answers in a row without a new text, {self._so_far}"

    def begin_version(self, *, texts_per_call: int) -> None:
        """Go on with a new prompt version: earlier answers no longer count towards giving the label up."""
        self.texts_per_call = texts_per_call
        self.asked_by_prompt = self._fruitless = 0
        self.rejected.clear()
        self.stopped = None

    def abandon(self, slot: int) -> None:
        """Give back a slot that got no answer."""
        self.in_flight.discard(slot)
        self._busy.discard(slot // self.turns)

    def leave(self, slot: int) -> None:
        """Ask the conversation of a slot no more in this process; other conversations take its place."""
        self._left.add(slot // self.turns)

    @property
    def _allowance(self) -> int:
        """The most answers that one prompt version may take."""
        return 3 * math.ceil(self.wanted / self.texts_per_call) + 5

    @property
    def _so_far(self) -> str:
        """How many texts are kept, and the most frequent reasons why others are not, with advice on the first."""
        reasons = [f"{reason} ({n})" for reason, n in self.rejected.most_common(MOST_REASONS)]
        kept = f"{self.kept} of {self.wanted} texts kept"
        if not reasons:
            return kept
        advice = ADVICE.get(self.rejected.most_common(1)[0][0], "")
        return f"{kept}; most were: {', '.join(reasons)}. {advice}".strip()
