"""Find the texts in an LLM's answer, whatever shape the answer has. Never raises.

Lists are numbered lists, bullets, JSON (whole, fenced, or cut off), tables, and plain lines or paragraphs; a line before
or after a list is not a text. An answer without any text has a `reason`. Every piece of an answer that is not a text is
listed with the reason.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.llm import text as llm_text
from core.synthesis.parsing import json_shapes, label_marks, markdown_tables, slips

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
    llm_text.PROMPT_REFUSED: llm_text.FILTERED,
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
    """The content of an answer: usable texts, rejected texts as (text, reason), and why the whole answer held no text.

    `left_out` lists, as (text, reason), the pieces that were never meant as texts: thinking, preamble and remarks,
    headings, lead-ins, other fields of JSON or of a table. Other pieces outside the list are among the rejected.
    """

    texts: list[str]
    rejected: list[tuple[str, str]]
    reason: str | None
    left_out: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class _RawList:
    """The raw texts of an answer, the `head` before them (where a refusal would stand), and all pieces `beside` them.

    Pieces beside the texts are pairs (piece, reason). `is_cut` says whether the last raw text is broken off.
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
    instructions: slips.Instructions | None = None,
) -> Parsed:
    """The texts of an answer, each on one line, in the order of the answer.

    The name of the `label` that was asked for is cut if it marks a text, before or behind it; a text that is marked with
    the name of one of the `others` is rejected. `expected` is the number of texts asked for: if 1, prose without a list is
    one text; if more, prose with too few lines is not a list. A `finish_reason` such as "length" rejects the last, broken
    text. Texts of a single word under 8 characters, texts of over 4,000 characters, texts that repeat the `instructions`, and
    texts that speak of a label are rejected.
    """
    unthought, thoughts = llm_text.spoken(content)
    visible = llm_text.FENCE.sub("", unthought).strip()
    if finish_reason in (llm_text.PROMPT_TOO_LONG, llm_text.PROMPT_REFUSED):  # the content is the endpoint's sentence
        return Parsed([], [], WITHOUT_TEXT[finish_reason])
    if refusal or finish_reason == "refusal":
        return Parsed([], [], llm_text.REFUSAL)
    if not visible:
        return Parsed([], [], _why_empty(finish_reason))
    found = _raw_list(visible, expected, is_cut=llm_text.is_cut(finish_reason))
    if llm_text.is_refusal(found.head):
        return Parsed([], [], llm_text.REFUSAL)
    cleaned = [(text, lead) for text, lead in map(_clean, found.items) if text]
    if not cleaned:
        return Parsed([], [], llm_text.REFUSAL if llm_text.APOLOGY.match(visible) else NO_LIST)
    texts = [text for text, _ in cleaned]
    marks = label_marks.Marks(texts, label=label, others=others)
    parsed = _checked(texts, marks, is_cut=found.is_cut)
    _reject_slips(parsed, instructions, labels=[label, *others])
    beside = [(thought, THINKING) for thought in thoughts]
    beside += [(fence["tag"], FRAME) for fence in llm_text.FENCE.finditer(unthought) if fence["tag"]]
    beside += [(lead, LEAD) for _, lead in cleaned if lead]
    beside += [(mark, LEAD) for mark in marks.cut]
    beside += _reasoned(found.beside)
    parsed.rejected.extend(piece for piece in beside if piece[1] == OUTSIDE)
    parsed.left_out.extend(piece for piece in beside if piece[1] != OUTSIDE)
    return parsed


def _reasoned(pieces: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The pieces that hold a letter or digit, each on one line; pieces that introduce or close a list count as its frame."""
    found = []
    for raw, reason in pieces:
        text = " ".join(llm_text.storable(raw).split())
        if reason == OUTSIDE and (RULE_OR_HEADING.match(text) or PREAMBLE.match(text) or REMARK.match(text)):
            reason = FRAME
        if any(sign.isalnum() for sign in text):
            found.append((text, reason))
    return found


def _raw_list(visible: str, expected: int | None, *, is_cut: bool) -> _RawList:
    """The list in an answer: whichever of numbered list and JSON begins first, else a table, bullets, or prose."""
    lines = visible.splitlines()
    numbered = _listed(lines, _numbered_starts(lines), expected, is_cut=is_cut)
    shaped = json_shapes.find(visible)
    if shaped and (numbered is None or len(shaped.head) < len(numbered.head)):
        return _RawList(shaped.head, shaped.texts, [*_outside(shaped.head), *shaped.beside], shaped.is_cut)
    table = None if numbered else markdown_tables.find(lines)
    if table:
        return _RawList(table.head, table.texts, [*_outside(table.head), *table.beside], is_cut and table.is_last)
    listed = numbered or _listed(lines, _bullet_starts(lines), expected, is_cut=is_cut)
    if listed:
        return listed
    blocks, beside = _blocks(lines)
    head = blocks[0] if blocks and len(blocks) <= 3 else ""
    if expected == 1:
        return _RawList(head, [" ".join(blocks)], beside, is_cut)
    return _RawList(head, blocks if 2 * len(blocks) >= (expected or 1) else [], beside, is_cut)


def _outside(text: str) -> list[tuple[str, str]]:
    """The lines of a text as pieces outside the list."""
    return [(line, OUTSIDE) for line in text.splitlines()]


def _numbered_starts(lines: list[str]) -> list[int]:
    """The indices of the lines that begin an item of a numbered list.

    Their numbers grow by up to 3, repeat (`1. 1. 1.`), or start again at 1. Empty if the numbers are not those of a list.
    """
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
    """The value of a number written in any digits (2, ２, ②, 二)."""
    if number.isdecimal():
        return int(number)
    if number[0] not in HAN_DIGITS + "十":
        return int(unicodedata.numeric(number))
    tens, found, ones = number.partition("十")
    ten = 10 * (HAN_DIGITS.find(tens) if tens else 1) if found else 0
    return ten + max(0, HAN_DIGITS.find((ones if found else number)[:1] or "〇"))


def _bullet_starts(lines: list[str]) -> list[int]:
    """The indices of the lines that begin an item of a bulleted list, nested bullets left out."""
    found = [(at, len(match["indent"])) for at, line in enumerate(lines) if (match := BULLET.match(line))]
    least = min((depth for _, depth in found), default=0)
    return [at for at, depth in found if depth <= least + 1]


def _listed(lines: list[str], starts: list[int], expected: int | None, *, is_cut: bool) -> _RawList | None:
    """The list whose items begin at the lines `starts`; None if these are too few for a list."""
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
    return _RawList(head, [" ".join(body) for body in [*bodies[:-1], last]], beside, is_cut)


def _paragraphs(lines: list[str]) -> tuple[list[str], list[str]]:
    """The paragraphs of an item, each on one line, and the lines from the first heading or rule on, which ends the item."""
    end = next((at for at, line in enumerate(lines) if RULE_OR_HEADING.match(line)), len(lines))
    parts = re.split(r"\n\s*\n", "\n".join(lines[:end]).strip())
    return [" ".join(part.split()) for part in parts if part.strip()], lines[end:]


def _without_remarks(parts: list[str]) -> list[str]:
    """The paragraphs without closing remarks to the reader; the first paragraph always stays."""
    while len(parts) > 1 and REMARK.match(parts[-1]):
        parts = parts[:-1]
    return parts


def _why_empty(finish_reason: str) -> str:
    """The reason why an answer is empty, by how it ended."""
    if llm_text.is_filtered(finish_reason):
        return llm_text.FILTERED
    return CUT_EARLY if llm_text.is_cut(finish_reason) else llm_text.EMPTY


def _blocks(lines: list[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """The lines or paragraphs of prose, and the pieces beside them: headings, preamble and remarks.

    Prose is split into paragraphs if there are several and one of them has several lines, else into lines.
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
    """An item without lead-ins, bold marks and quotes, and its lead-ins."""
    text = " ".join(llm_text.storable(item).split())
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


def _checked(cleaned: list[str], marks: label_marks.Marks, *, is_cut: bool) -> Parsed:
    """The usable texts without the marks of their label, and the rejected texts with their reasons."""
    texts: list[str] = []
    rejected: list[tuple[str, str]] = []
    for position, marked in enumerate(cleaned):
        unmarked, is_other = marks.without(marked)
        text = marked if unmarked == marked else _clean(unmarked)[0]
        if is_cut and position == len(cleaned) - 1:
            rejected.append((text, llm_text.CUT))
        elif is_other:
            rejected.append((text, OTHER_LABEL))
        elif len(text) > MAX_CHARACTERS:
            rejected.append((text, TOO_LONG))
        elif not any(sign.isalnum() for sign in text) or (len(text.split()) < 2 and len(text) < _least(text)):
            rejected.append((text, TOO_SHORT))
        else:
            texts.append(text)
    return Parsed(texts, rejected, None)


def _reject_slips(parsed: Parsed, instructions: slips.Instructions | None, *, labels: Sequence[str]) -> None:
    """Move the texts that repeat the prompt or speak of a label from the usable to the rejected texts."""
    for text in list(parsed.texts):
        is_echo = instructions is not None and instructions.are_echoed(text)
        if is_echo or slips.speaks_of_label(text, labels):
            parsed.texts.remove(text)
            parsed.rejected.append((text, slips.ECHO if is_echo else slips.SPEAKS_OF_LABEL))


def _least(text: str) -> int:
    """The fewest characters of a text of one word: 4 in scripts that are written without spaces, else 8."""
    return MIN_UNSPACED if UNSPACED.search(text) else MIN_CHARACTERS
