"""Find the texts in an LLM's answer, whatever shape the answer has. Never raises.

Lists are numbered lists, bullets, JSON (whole, fenced, or cut off), tables, and plain lines or paragraphs; a line before
or after a list is not a text. An answer without any text has a `reason`. Every piece of an answer that is not a text is
listed with the reason.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from core.llm import text as llm_text
from core.synthesis.parsing import json_shapes, label_marks, lists, markdown_tables, pieces, slips
from core.synthesis.parsing.label_names import TEXT_NOUN, Names
from core.synthesis.parsing.pieces import RawList

NO_LIST = "no list found"
TOO_SHORT = "too short"
TOO_LONG = "too long"
OUTSIDE, FRAME, UNCLEAR = pieces.OUTSIDE, pieces.FRAME, pieces.UNCLEAR
LEAD = "lead-in"
THINKING = "thinking"
OTHER_LABEL = "marked with another label"
CUT_EARLY = "cut by length before any text"
WITHOUT_TEXT = {
    llm_text.PROMPT_TOO_LONG: llm_text.PROMPT_TOO_LONG,
    llm_text.PROMPT_REFUSED: llm_text.FILTERED,
}

MAX_CHARACTERS = 4000
CHARACTERS_PER_WORD = 12  # twice those of a word of English with its space: a text may be longer than was asked for
MIN_CHARACTERS = 8
MIN_UNSPACED = 4
UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")

BOLD_LEAD = re.compile(r"^(?:\*\*|__)[^*_\n]{1,60}?(?:[:：](?:\*\*|__)|(?:\*\*|__)\s*(?:[:：]|[-–—]\s))\s*(?=\S)")
NOUN_LEAD = re.compile(rf"^(?:{TEXT_NOUN})\s*\#?\d*\s*:\s+(?=\S)", re.IGNORECASE)
WRAPPED = [re.compile(p, re.DOTALL) for p in (r"^\*\*([^*]+)\*\*$", r"^__([^_]+)__$", r"^\*([^*]+)\*$", r"^`([^`]+)`$")]
QUOTED = [
    re.compile(p, re.DOTALL)
    for p in (
        r'^"([^"]+)",?$',
        r"^“([^“”]+)”,?$",
        r"^«([^«»]+)»,?$",
        r"^'([^']+)',?$",
        r"^‘([^‘]+)’,?$",
        r"^„([^„“”]+)[“”],?$",
    )
]


@dataclass(frozen=True)
class Parsed:
    """The content of an answer: usable texts, rejected texts as (text, reason), and why the whole answer held no text.

    `left_out` lists, as (text, reason), the pieces that were never meant as texts: thinking, preamble and remarks,
    headings, lead-ins, other fields of JSON or of a table. Other pieces outside the list are among the rejected.
    """

    texts: list[str]
    rejected: list[tuple[str, str]]
    reason: str | None
    left_out: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Asked:
    """What a call asked for beyond a number of texts: texts of a `label`, not of the `others` of the task.

    `instructions` is the wording of its prompt; None if unknown. `words` is the length of a text that it asked for, 0 if
    unknown.
    """

    label: str = ""
    others: Sequence[str] = ()
    instructions: slips.Instructions | None = None
    words: int = 0

    @property
    def most_characters(self) -> int:
        """The length of the longest text that is kept: 4,000 characters, or 12 for each word that was asked for."""
        return max(MAX_CHARACTERS, CHARACTERS_PER_WORD * self.words)


ANYTHING = Asked()


def parse(
    content: str,
    *,
    finish_reason: str,
    refusal: str | None = None,
    expected: int | None = None,
    asked: Asked = ANYTHING,
) -> Parsed:
    """The texts of an answer, each on one line, in the order of the answer.

    The name of the label that was asked for is cut if it marks a text, before or behind it. A text is rejected if a mark,
    a field beside it, the key of its list or the heading above it names another label. `expected` is the number of texts
    asked for: if 1, prose without a list is one text; if more, prose with too few lines is not a list. A `finish_reason`
    such as "length" rejects the last, broken text. Texts of a single word under 8 characters, texts of over 4,000
    characters (or 12 for each word asked for), texts that repeat the instructions, and texts that speak of a label are rejected.
    """
    spoken = llm_text.spoken(content)
    visible = llm_text.FENCE.sub("", spoken.text).strip()
    if finish_reason in (llm_text.PROMPT_TOO_LONG, llm_text.PROMPT_REFUSED):  # the content is the endpoint's sentence
        return Parsed([], [], WITHOUT_TEXT[finish_reason])
    if refusal or finish_reason == "refusal":
        return Parsed([], [], llm_text.REFUSAL)
    if not visible:
        return Parsed([], [], _why_empty(finish_reason))
    names = Names(asked.label, asked.others)
    found = _raw_list(visible, names, expected=expected, is_cut=llm_text.is_cut(finish_reason))
    if (llm_text.declines if found.is_prose else llm_text.is_refusal)(found.head):
        return Parsed([], [], llm_text.REFUSAL)
    if found.reason:
        return Parsed([], [], found.reason)
    cleaned = [one for item in found.items if (one := _clean(item)).text]
    if not cleaned:
        return Parsed([], [], llm_text.REFUSAL if llm_text.APOLOGY.match(visible) else NO_LIST)
    marks = label_marks.Marks([one.text for one in cleaned], label=asked.label, others=asked.others)
    checked = _checked(cleaned, marks, names, is_cut=found.is_cut, longest=asked.most_characters)
    parsed = _without_slips(checked, asked.instructions, labels=names.shown)
    beside = [(thought, THINKING) for thought in spoken.thoughts]
    beside += [(fence["tag"], FRAME) for fence in llm_text.FENCE.finditer(spoken.text) if fence["tag"]]
    beside += [(one.lead, LEAD) for one in cleaned if one.lead]
    beside += [(mark, LEAD) for mark in marks.cut]
    beside += _reasoned([*found.beside, *pieces.outside(spoken.after)])
    parsed.rejected.extend(piece for piece in beside if piece[1] == OUTSIDE)
    parsed.left_out.extend(piece for piece in beside if piece[1] != OUTSIDE)
    return parsed


def _reasoned(pieces: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The pieces that hold a letter or digit, each on one line; pieces that introduce or close a list count as its frame."""
    found = []
    for raw, reason in pieces:
        text = " ".join(llm_text.storable(raw).split())
        if reason == OUTSIDE and _frames(text):
            reason = FRAME
        if any(sign.isalnum() for sign in text):
            found.append((text, reason))
    return found


def _frames(line: str) -> bool:
    """Whether a line is a rule or a heading, introduces a list, or closes it with a remark to the reader."""
    return any(pattern.match(line) for pattern in (lists.RULE_OR_HEADING, lists.PREAMBLE, lists.REMARK))


def _raw_list(visible: str, names: Names, *, expected: int | None, is_cut: bool) -> RawList:
    """The list in an answer: whichever of numbered list and JSON begins first, else a table, bullets, or prose."""
    lines = visible.splitlines()
    numbered = lists.find(lines, names, expected=expected, is_cut=is_cut)
    shaped = json_shapes.find(visible, names)
    if shaped and (numbered is None or (len(shaped.head) < len(numbered.head) and shaped.items)):
        return replace(shaped, beside=[*pieces.outside(shaped.head), *shaped.beside])
    table = None if numbered else markdown_tables.find(lines, names, is_cut=is_cut)
    if table:
        return replace(table, beside=[*pieces.outside(table.head), *table.beside])
    listed = numbered or lists.find_bullets(lines, names, expected=expected, is_cut=is_cut)
    return listed or lists.prose(lines, names, expected=expected, is_cut=is_cut)


def _why_empty(finish_reason: str) -> str:
    """The reason why an answer is empty, by how it ended."""
    if llm_text.is_filtered(finish_reason):
        return llm_text.FILTERED
    return CUT_EARLY if llm_text.is_cut(finish_reason) else llm_text.EMPTY


@dataclass(frozen=True)
class _Cleaned:
    """A text without its lead-ins (`lead`), and what `said` beside it may name its label, the lead-ins included."""

    text: str
    lead: str
    said: tuple[str, ...]


def _clean(item: pieces.Leaf) -> _Cleaned:
    """A raw text without lead-ins, bold marks and quotes."""
    text = " ".join(llm_text.storable(item.text).split())
    leads = []
    for _ in range(4):
        before = text
        for lead in (BOLD_LEAD, NOUN_LEAD):
            if match := lead.match(text):
                leads.append(match[0].strip())
                text = text[match.end() :]
        for shell in (*WRAPPED, *QUOTED):
            if match := shell.match(text):
                text = match[1].strip()
        if text == before:
            break
    return _Cleaned(text, " ".join(leads), (*item.said, *leads))


def _checked(cleaned: list[_Cleaned], marks: label_marks.Marks, names: Names, *, is_cut: bool, longest: int) -> Parsed:
    """The usable texts without the marks of their label, and the rejected texts with their reasons."""
    texts: list[str] = []
    rejected: list[tuple[str, str]] = []
    for position, one in enumerate(cleaned):
        is_too_long = len(one.text) > longest
        unmarked, is_marked = (one.text, False) if is_too_long else marks.without(one.text)
        text = one.text if unmarked == one.text else _clean(pieces.Leaf(unmarked)).text
        if is_cut and position == len(cleaned) - 1:
            rejected.append((text, llm_text.CUT))
        elif is_too_long:
            rejected.append((text, TOO_LONG))
        elif is_marked or names.is_other(one.said):
            rejected.append((text, OTHER_LABEL))
        elif not any(sign.isalnum() for sign in text) or (len(text.split()) < 2 and len(text) < _least(text)):
            rejected.append((text, TOO_SHORT))
        else:
            texts.append(text)
    return Parsed(texts, rejected, None)


def _without_slips(parsed: Parsed, instructions: slips.Instructions | None, *, labels: Sequence[str]) -> Parsed:
    """The same content with the texts that repeat the prompt or speak of a label among the rejected texts."""
    texts, rejected = [], list(parsed.rejected)
    for text in parsed.texts:
        if instructions is not None and instructions.are_echoed(text):
            rejected.append((text, slips.ECHO))
        elif slips.speaks_of_label(text, labels):
            rejected.append((text, slips.SPEAKS_OF_LABEL))
        else:
            texts.append(text)
    return replace(parsed, texts=texts, rejected=rejected)


def _least(text: str) -> int:
    """The fewest characters of a text of one word: 4 in scripts that are written without spaces, else 8."""
    return MIN_UNSPACED if UNSPACED.search(text) else MIN_CHARACTERS
