"""Parsing: the texts in an LLM's answer, whatever shape it took. Never raises.

Read as a list are numbered lists, bullets, JSON (whole, fenced, or cut off) and plain lines or paragraphs; what stands
before and after a list is not a text. Whole answers that hold no text carry a `reason` instead. Nothing is dropped
unsaid: what is no text is listed with why.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.llm import text as llm_text
from core.llm.text import APOLOGY as APOLOGY
from core.llm.text import CUT as CUT
from core.llm.text import EMPTY as EMPTY
from core.llm.text import FENCE as FENCE
from core.llm.text import FILTERED as FILTERED
from core.llm.text import REFUSAL as REFUSAL
from core.llm.text import UNSTORABLE as UNSTORABLE
from core.synthesis.parsing import json_shapes, label_marks, markdown_tables

NO_LIST = "no list found"
TOO_SHORT = "too short"
TOO_LONG = "too long"
OUTSIDE = json_shapes.OUTSIDE
FRAME = "around the list"
LEAD = "lead-in"
THINKING = "thinking"
OTHER_LABEL = "marked with another label"
CUT_EARLY = "cut by length before any text"
WITHOUT_TEXT = {
    llm_text.PROMPT_TOO_LONG: llm_text.PROMPT_TOO_LONG,
    llm_text.PROMPT_REFUSED: FILTERED,
}

MAX_CHARACTERS = 4000
MIN_CHARACTERS = 8
MIN_UNSPACED = 4
UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")

RULE_OR_HEADING = re.compile(r"^\s*(?:[-*_=]{3,}\s*$|#{1,6}\s)")

NOUN = r"text|tweet|example|sentence|review|headline|message|item|sample|comment|post|entry"
NOUNS = (
    rf"{NOUN}|texto|ejemplo|reseña|mensaje|oración|frase|exemplo|mensagem|avaliação|texte|exemple|phrase|avis|beispiel|satz"
    r"|rezension|bewertung|nachricht|testo|esempio|recensione|messaggio|voorbeeld|zin|tekst|przykład|пример|текст|отзыв|第"
    r"|文本|例|例子|示例|评论|評論|句子|例文|レビュー|テキスト|예시|문장|리뷰"
)
COUNTED = r"\d{1,4}|[①-⑳]|[一二三四五六七八九十]{1,3}(?=[、．.)）:：条條个個句])"
NUMBER = re.compile(
    rf"^(?P<indent>\s*)(?:\#{{1,6}}\s*)?(?P<bold>\*\*|__)?(?:(?:{NOUNS})\s*\#?)?(?P<open>[(\[（【〔])?(?P<number>{COUNTED})"
    r"(?:\ufe0f?\u20e3|(?<=[①-⑳])[、.．:：]?|[条條个個句]?[.):\]](?=\D|$)|[条條个個句]?[、．：）】〕]|\s*[-–—](?=\s))"
    r"(?:\*\*|__)?\s*(?P<rest>.*)$",
    re.IGNORECASE,
)
HAN_DIGITS = "〇一二三四五六七八九"
BULLET = re.compile(r"^(?P<indent>\s*)[-*+•‣·–—]\s+(?P<rest>.*)$")

BOLD_LEAD = re.compile(r"^(?:\*\*|__)[^*_\n]{1,60}?(?:[:：](?:\*\*|__)|(?:\*\*|__)\s*(?:[:：]|[-–—]\s))\s*(?=\S)")
NOUN_LEAD = re.compile(rf"^(?:{NOUN})\s*\#?\d*\s*:\s+(?=\S)", re.IGNORECASE)
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

PREAMBLE = re.compile(
    r"^(?:.*[:：]|(?:sure|certainly|of\ course|absolutely|okay|ok|here|below|the\ following)\b"
    rf".*\b(?:here|list|(?:{NOUN})s)\b.*)$",
    re.IGNORECASE,
)
REMARK = re.compile(
    rf"""^\W*(?:let\ me\ know|i\ hope|hope\ (?:this|these|that)|feel\ free|is\ there\ anything|end\ of\ list
        |would\ you\ like|do\ you\ (?:want|need)\ (?:more|me)
        |if\ you(?:['’]d|\ would)?\ (?:like|want|need)\b.*\b(?:me|more|let|different|changes?)\b
        |(?:please\ )?note(?:\ that)?\b.*\b(?:{NOUN})s\b|(?:these|all|each\ of\ these)\ (?:{NOUN})s?\b)""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True)
class Parsed:
    """What an answer held: usable texts, rejected ones as (text, reason), and why none could be read at all, if so.

    `left_out` lists, as (text, reason), what was never meant as a text: thinking, preamble and remarks, headings, other
    fields of JSON or a table, lead-ins. What stood outside the list without such a sign is among the rejected.
    """

    texts: list[str]
    rejected: list[tuple[str, str]]
    reason: str | None
    left_out: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class _Found:
    """What begins the answer (for a refusal to show), the raw texts, and all that is none of them, with the reason.

    `is_cut` says whether the last of the texts is broken.
    """

    head: str
    items: list[str]
    beside: list[tuple[str, str]]
    is_cut: bool


def parse(
    content: str,
    *,
    finish_reason: str,
    refusal: str | None = None,
    expected: int | None = None,
    label: str = "",
    others: Sequence[str] = (),
) -> Parsed:
    """The texts of an answer, each on one line, in the answer's order.

    The name of the `label` that was asked for is cut where it stands as a mark in front of a text or behind it; a text
    that is marked with one of the `others` is rejected.

    `expected` is the number asked for: with 1, prose without a list is the one text; with more, too few lines of
    prose are no list. `finish_reason` "length" rejects the last, broken text. Texts of a single word under 8
    characters or of over 4,000 characters are rejected.
    """
    storable = UNSTORABLE.sub("", content)
    unthought, thoughts = llm_text.spoken(storable)
    visible = FENCE.sub("", unthought).strip()
    if finish_reason in (llm_text.PROMPT_TOO_LONG, llm_text.PROMPT_REFUSED):  # the content is the endpoint's sentence
        return Parsed([], [], WITHOUT_TEXT[finish_reason])
    if refusal or finish_reason == "refusal":
        return Parsed([], [], REFUSAL)
    if not visible:
        return Parsed([], [], _why_empty(finish_reason))
    found = _found(visible, expected, is_cut=llm_text.is_cut(finish_reason))
    if llm_text.is_refusal(found.head):
        return Parsed([], [], REFUSAL)
    cleaned = [(text, lead) for text, lead in map(_clean, found.items) if text]
    if not cleaned:
        return Parsed([], [], REFUSAL if APOLOGY.match(visible) else NO_LIST)
    texts = [text for text, _ in cleaned]
    marks = label_marks.Marks(texts, label=label, others=others)
    parsed = _judged(texts, marks, is_cut=found.is_cut)
    beside = [(thought, THINKING) for thought in thoughts]
    beside += [(fence["tag"], FRAME) for fence in FENCE.finditer(unthought) if fence["tag"]]
    beside += [(lead, LEAD) for _, lead in cleaned if lead]
    beside += [(mark, LEAD) for mark in marks.cut]
    beside += _reasoned(found.beside)
    parsed.rejected.extend(piece for piece in beside if piece[1] == OUTSIDE)
    parsed.left_out.extend(piece for piece in beside if piece[1] != OUTSIDE)
    return parsed


def _reasoned(pieces: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Pieces without empty ones, on one line each; those that introduce, close or structure a list are its frame."""
    found = []
    for raw, reason in pieces:
        text = " ".join(UNSTORABLE.sub("", raw).split())
        if reason == OUTSIDE and (RULE_OR_HEADING.match(text) or PREAMBLE.match(text) or REMARK.match(text)):
            reason = FRAME
        if any(sign.isalnum() for sign in text):
            found.append((text, reason))
    return found


def _found(visible: str, expected: int | None, *, is_cut: bool) -> _Found:
    lines = visible.splitlines()
    numbered = _listed(lines, _numbered_starts(lines), expected, is_cut=is_cut)
    shaped = json_shapes.find(visible)
    if shaped and (numbered is None or len(shaped.head) < len(numbered.head)):
        return _Found(shaped.head, shaped.texts, [*_outside(shaped.head), *shaped.beside], shaped.is_cut)
    table = None if numbered else markdown_tables.find(lines)
    if table:
        return _Found(table.head, table.texts, [*_outside(table.head), *table.beside], is_cut and table.is_last)
    listed = numbered or _listed(lines, _bullet_starts(lines), expected, is_cut=is_cut)
    if listed:
        return listed
    blocks, beside = _blocks(lines)
    head = blocks[0] if blocks and len(blocks) <= 3 else ""
    if expected == 1:
        return _Found(head, [" ".join(blocks)], beside, is_cut)
    return _Found(head, blocks if 2 * len(blocks) >= (expected or 1) else [], beside, is_cut)


def _outside(text: str) -> list[tuple[str, str]]:
    return [(line, OUTSIDE) for line in text.splitlines()]


def _numbered_starts(lines: list[str]) -> list[int]:
    """The lines that begin an item: their numbers grow by little, repeat (`1. 1. 1.`), or start again at 1."""
    starts: list[int] = []
    last, indent = 0, 0
    for at, line in enumerate(lines):
        match = NUMBER.match(line)
        if match is None:
            continue
        number, depth = _counted(match["number"]), len(match["indent"])
        if not starts:
            last, indent = number, depth
        elif depth > indent + 1 or not (number in (1, last) or last < number <= last + 3):
            continue
        starts.append(at)
        last = number
    first = NUMBER.match(lines[starts[0]]) if starts else None
    plausible = len(starts) > 1 or (first is not None and _counted(first["number"]) == 1)
    return starts if plausible else []


def _counted(number: str) -> int:
    """The value of a number in any digits (2, ２, ②, 二)."""
    if number.isdecimal():
        return int(number)
    if number[0] not in HAN_DIGITS + "十":
        return int(unicodedata.numeric(number))
    tens, found, ones = number.partition("十")
    ten = 10 * (HAN_DIGITS.find(tens) if tens else 1) if found else 0
    return ten + max(0, HAN_DIGITS.find((ones if found else number)[:1] or "〇"))


def _bullet_starts(lines: list[str]) -> list[int]:
    found = [(at, len(match["indent"])) for at, line in enumerate(lines) if (match := BULLET.match(line))]
    least = min((depth for _, depth in found), default=0)
    return [at for at, depth in found if depth <= least + 1]


def _listed(lines: list[str], starts: list[int], expected: int | None, *, is_cut: bool) -> _Found | None:
    """The list whose items begin at `starts`; None when they are too few to be one."""
    if not starts or (len(starts) == 1 and (expected or 1) > 1 and not NUMBER.match(lines[starts[0]])):
        return None
    head = "\n".join(lines[: starts[0]])
    bodies, beside = [], _outside(head)
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        match = NUMBER.match(lines[start]) or BULLET.match(lines[start])
        first = match["rest"] if match else lines[start]
        bold = match.groupdict().get("bold") if match else None
        if bold and first.count(bold) == 1:
            first = first.removesuffix(bold)
        body, after = _paragraphs([first, *lines[start + 1 : end]])
        bodies.append(body)
        beside += [(line, OUTSIDE) for line in after]
    last = bodies[-1]
    if len(bodies) > 1 and all(len(body) <= 1 for body in bodies[:-1]):
        last = last[:1]
    last = _without_remarks(last)
    beside += [(part, OUTSIDE) for part in bodies[-1][len(last) :]]
    return _Found(head, [" ".join(body) for body in [*bodies[:-1], last]], beside, is_cut)


def _paragraphs(lines: list[str]) -> tuple[list[str], list[str]]:
    """The paragraphs of an item, each on one line, and the lines after a heading or a rule, which ends the item."""
    end = next((at for at, line in enumerate(lines) if RULE_OR_HEADING.match(line)), len(lines))
    parts = re.split(r"\n\s*\n", "\n".join(lines[:end]).strip())
    return [" ".join(part.split()) for part in parts if part.strip()], lines[end:]


def _without_remarks(parts: list[str]) -> list[str]:
    while len(parts) > 1 and REMARK.match(parts[-1]):
        parts = parts[:-1]
    return parts


def _why_empty(finish_reason: str) -> str:
    if llm_text.is_filtered(finish_reason):
        return FILTERED
    return CUT_EARLY if llm_text.is_cut(finish_reason) else EMPTY


def _blocks(lines: list[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Prose in pieces, and what is none of them: headings, preamble, remarks.

    The pieces are paragraphs when one of them has several lines, else lines.
    """
    beside = [(line, FRAME) for line in lines if RULE_OR_HEADING.match(line)]
    prose = [line.strip() for line in lines if not RULE_OR_HEADING.match(line)]
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", "\n".join(prose)) if part.strip()]
    pieces = [line for line in prose if line]
    blocks = paragraphs if 1 < len(paragraphs) < len(pieces) else pieces
    if len(blocks) > 1 and PREAMBLE.match(blocks[0]):
        beside.append((blocks[0], FRAME))
        blocks = blocks[1:]
    kept = _without_remarks(blocks)
    return kept, beside + [(remark, FRAME) for remark in blocks[len(kept) :]]


def _clean(item: str) -> tuple[str, str]:
    """An item without what decorates it (lead-ins, bold, quotes), and its lead-ins."""
    text = " ".join(UNSTORABLE.sub("", item).split())
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
    return text, " ".join(leads)


def _judged(cleaned: list[str], marks: label_marks.Marks, *, is_cut: bool) -> Parsed:
    texts: list[str] = []
    rejected: list[tuple[str, str]] = []
    for position, marked in enumerate(cleaned):
        unmarked, is_other = marks.without(marked)
        text = marked if unmarked == marked else _clean(unmarked)[0]
        if is_cut and position == len(cleaned) - 1:
            rejected.append((text, CUT))
        elif is_other:
            rejected.append((text, OTHER_LABEL))
        elif len(text) > MAX_CHARACTERS:
            rejected.append((text, TOO_LONG))
        elif not any(sign.isalnum() for sign in text) or (len(text.split()) < 2 and len(text) < _least(text)):
            rejected.append((text, TOO_SHORT))
        else:
            texts.append(text)
    return Parsed(texts, rejected, None)


def _least(text: str) -> int:
    """The fewest characters that a text of a single piece has; languages without blanks say more with a character."""
    return MIN_UNSPACED if UNSPACED.search(text) else MIN_CHARACTERS
