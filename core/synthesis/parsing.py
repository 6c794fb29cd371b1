"""Parsing: the texts in an LLM's answer, whatever shape it took. Never raises.

Read as a list are numbered lists, bullets, JSON (whole, fenced, or cut off) and plain lines or paragraphs; what stands
before and after a list is not a text. Whole answers that hold no text carry a `reason` instead.
"""

import re
from dataclasses import dataclass

from core.synthesis import json_shapes

EMPTY = "empty answer"
FILTERED = "content filter"
REFUSAL = "refusal"
NO_LIST = "no list found"
CUT = "cut by length"
TOO_SHORT = "too short"
TOO_LONG = "too long"

MAX_CHARACTERS = 4000
MIN_CHARACTERS = 8

THOUGHT = re.compile(r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
FENCE = re.compile(r"^[ \t]*```[\w-]*[ \t]*|[ \t]*```[ \t]*$", re.MULTILINE)
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
RULE_OR_HEADING = re.compile(r"^\s*(?:[-*_=]{3,}\s*$|#{1,6}\s)")

NOUN = r"text|tweet|example|sentence|review|headline|message|item|sample|comment|post|entry"
NUMBER = re.compile(
    rf"^(?P<indent>\s*)(?:\#{{1,6}}\s*)?(?P<bold>\*\*|__)?(?:(?:{NOUN})\s*\#?)?"
    r"(?P<open>[(\[])?(?P<number>\d{1,4})(?:[.):\]](?=\D|$)|\s*[-–—](?=\s))(?:\*\*|__)?\s*(?P<rest>.*)$",
    re.IGNORECASE,
)
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

THING = r"(?:that|this|these|those|such|any|your|the\s+request|content|texts?|tweets?|messages?|examples?|spam)"
REFUSING = re.compile(
    rf"""(?:\b(?:can(?:no|['’]|)t|can\ not|won['’]t|will\ not|unable\ to|not\ able\ to|not\ comfortable(?:\ with)?)\s+
            (?:\w+\s+){{0,2}}?
            (?:(?:help|assist)(?:ing)?(?:\s+you)?(?:\s+with\b|\s*[.!,]|$)
              |(?:comply|fulfil+|engag(?:e|ing)\s+(?:in|with))\b
              |(?:do|provid|creat|generat|writ|produc|continu|support|shar)(?:e|ing)?\s+(?:with\s+)?(?:\w+\s+){{0,3}}?{THING}\b)
        |\b(?:must|have\s+to)\s+(?:respectfully\s+)?(?:decline|refuse)\b
        |\bi\s+(?:respectfully\s+)?decline\s+to\b
        |\bas\ an?\s+(?:ai|artificial\s+intelligence|(?:large\s+)?language\s+model)\b
        |\bagainst\s+(?:my|our|openai['’]?s?|the)\s+(?:\w+\s+){{0,2}}(?:guidelines|polic(?:y|ies)|programming)\b
        |\bviolat(?:e|es|ing)\s+(?:\w+\s+){{0,3}}(?:guidelines|polic(?:y|ies))\b
        |^\s*(?:request\s+)?(?:refused|declined)\b)""",
    re.IGNORECASE | re.VERBOSE,
)
APOLOGY = re.compile(
    r"(?:i['’]m\s+|i\s+am\s+|my\s+)?(?:very\s+|so\s+)?(?:sorry|apolog\w+)\b.{0,20}?"
    r"\bi\s*(?:can(?:no|['’])t|won['’]t|will\s+not|['’]?\s*a?m\s+(?:unable|not\s+able|not\s+comfortable))\b",
    re.IGNORECASE,
)
PREAMBLE = re.compile(
    r"^(?:.*:|(?:sure|certainly|of\ course|absolutely|okay|ok|here|below|the\ following)\b"
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
    """What an answer held: usable texts, rejected ones as (text, reason), and why none could be read at all, if so."""

    texts: list[str]
    rejected: list[tuple[str, str]]
    reason: str | None


def parse(content: str, *, finish_reason: str, refusal: str | None = None, expected: int | None = None) -> Parsed:
    """The texts of an answer, each on one line, in the answer's order.

    `expected` is the number asked for: with 1, prose without a list is the one text; with more, too few lines of
    prose are no list. `finish_reason` "length" rejects the last, broken text. Texts of a single word under 8
    characters or of over 4,000 characters are rejected.
    """
    visible = FENCE.sub("", THOUGHT.sub("\n", UNSTORABLE.sub("", content))).strip()
    if refusal or finish_reason == "refusal":
        return Parsed([], [], REFUSAL)
    if not visible:
        return Parsed([], [], FILTERED if finish_reason == "content_filter" else EMPTY)
    head, items, is_cut = _found(visible, expected, is_cut=finish_reason == "length")
    if REFUSING.search(head[:300]):
        return Parsed([], [], REFUSAL)
    cleaned = [text for text in (_clean(item) for item in items) if text]
    if not cleaned:
        return Parsed([], [], REFUSAL if APOLOGY.match(visible) else NO_LIST)
    return _judged(cleaned, is_cut=is_cut)


def _found(visible: str, expected: int | None, *, is_cut: bool) -> tuple[str, list[str], bool]:
    """What stands before the texts (for a refusal to show), the raw texts, and whether the last of them is broken."""
    lines = visible.splitlines()
    numbered = _listed(lines, _numbered_starts(lines), expected)
    shaped = json_shapes.find(visible)
    if shaped and (numbered is None or len(shaped.head) < len(numbered[0])):
        return shaped.head, shaped.texts, shaped.is_cut
    listed = numbered or _listed(lines, _bullet_starts(lines), expected)
    if listed:
        return *listed, is_cut
    blocks = _blocks(visible)
    head = blocks[0] if blocks and len(blocks) <= 3 else ""
    if expected == 1:
        return head, [" ".join(blocks)], is_cut
    return head, blocks if 2 * len(blocks) >= (expected or 1) else [], is_cut


def _numbered_starts(lines: list[str]) -> list[int]:
    """The lines that begin an item: their numbers grow by little, repeat (`1. 1. 1.`), or start again at 1."""
    starts: list[int] = []
    last, indent = 0, 0
    for at, line in enumerate(lines):
        match = NUMBER.match(line)
        if match is None:
            continue
        number, depth = int(match["number"]), len(match["indent"])
        if not starts:
            last, indent = number, depth
        elif depth > indent + 1 or not (number in (1, last) or last < number <= last + 3):
            continue
        starts.append(at)
        last = number
    plausible = len(starts) > 1 or (starts and NUMBER.match(lines[starts[0]])["number"] == "1")  # type: ignore[index]
    return starts if plausible else []


def _bullet_starts(lines: list[str]) -> list[int]:
    found = [(at, len(match["indent"])) for at, line in enumerate(lines) if (match := BULLET.match(line))]
    least = min((depth for _, depth in found), default=0)
    return [at for at, depth in found if depth <= least + 1]


def _listed(lines: list[str], starts: list[int], expected: int | None) -> tuple[str, list[str]] | None:
    """The head and the items of a list whose items begin at `starts`; None when they are too few to be one."""
    if not starts or (len(starts) == 1 and (expected or 1) > 1 and not NUMBER.match(lines[starts[0]])):
        return None
    bodies = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        match = NUMBER.match(lines[start]) or BULLET.match(lines[start])
        first = match["rest"] if match else lines[start]
        bold = match.groupdict().get("bold") if match else None
        if bold and first.count(bold) == 1:
            first = first.removesuffix(bold)
        bodies.append(_paragraphs([first, *lines[start + 1 : end]]))
    if len(bodies) > 1 and all(len(body) <= 1 for body in bodies[:-1]):
        bodies[-1] = bodies[-1][:1]
    bodies[-1] = _without_remarks(bodies[-1])
    return "\n".join(lines[: starts[0]]), [" ".join(body) for body in bodies]


def _paragraphs(lines: list[str]) -> list[str]:
    """The paragraphs of an item, each on one line; a heading or a rule ends the item."""
    kept: list[str] = []
    for line in lines:
        if RULE_OR_HEADING.match(line):
            break
        kept.append(line)
    parts = re.split(r"\n\s*\n", "\n".join(kept).strip())
    return [" ".join(part.split()) for part in parts if part.strip()]


def _without_remarks(parts: list[str]) -> list[str]:
    while len(parts) > 1 and REMARK.match(parts[-1]):
        parts = parts[:-1]
    return parts


def _blocks(visible: str) -> list[str]:
    """Prose in pieces: paragraphs when one of them has several lines, else lines; without preamble and remarks."""
    lines = [line.strip() for line in visible.splitlines() if line.strip() and not RULE_OR_HEADING.match(line)]
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", visible) if part.strip()]
    blocks = paragraphs if 1 < len(paragraphs) < len(lines) else lines
    blocks = [block for block in blocks if not RULE_OR_HEADING.match(block)]
    if len(blocks) > 1 and PREAMBLE.match(blocks[0]):
        blocks = blocks[1:]
    return _without_remarks(blocks)


def _clean(item: str) -> str:
    """An item without what decorates it: lead-ins, bold, quotes."""
    text = " ".join(UNSTORABLE.sub("", item).split())
    for _ in range(4):
        before = text
        for lead in (BOLD_LEAD, NOUN_LEAD):
            text = lead.sub("", text)
        for shell in (*WRAPPED, *QUOTED):
            if match := shell.match(text):
                text = match[1].strip()
        if text == before:
            break
    return text


def _judged(cleaned: list[str], *, is_cut: bool) -> Parsed:
    texts: list[str] = []
    rejected: list[tuple[str, str]] = []
    for position, text in enumerate(cleaned):
        if is_cut and position == len(cleaned) - 1:
            rejected.append((text, CUT))
        elif len(text) > MAX_CHARACTERS:
            rejected.append((text, TOO_LONG))
        elif not any(sign.isalnum() for sign in text) or (len(text.split()) < 2 and len(text) < MIN_CHARACTERS):
            rejected.append((text, TOO_SHORT))
        else:
            texts.append(text)
    return Parsed(texts, rejected, None)
