"""Find the texts in numbered lists, bullets and prose: where each begins, and the heading that names its label."""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from core.synthesis.parsing.label_names import TEXT_NOUN, TEXT_NOUNS, Names
from core.synthesis.parsing.pieces import FRAME, OUTSIDE, Leaf, RawList, outside

RULE_OR_HEADING = re.compile(r"^\s*(?:[-*_=]{3,}\s*$|#{1,6}\s)")
COUNTED = r"\d{1,4}|[①-⑳]|[一二三四五六七八九十]{1,3}(?=[、．.)）:：条條个個句])"
NUMBER = re.compile(
    rf"^(?P<indent>\s*)(?:\#{{1,6}}\s*)?(?P<bold>\*\*|__)?(?:(?:{TEXT_NOUNS})\s*\#?)?(?P<open>[(\[（【〔])?"
    rf"(?P<number>{COUNTED})"
    r"(?P<mark>\ufe0f?\u20e3|(?<=[①-⑳])[、.．:：]?|[条條个個句]?[.):\]](?=\D|$)|[条條个個句]?[、．：）】〕]|\s*[-–—](?=\s))"
    r"(?:\*\*|__)?\s*(?P<rest>.*)$",
    re.IGNORECASE,
)
HAN_DIGITS = "〇一二三四五六七八九"
MOST_TURNS = 100  # a single text may bear the number of its turn in a conversation; "1984. What a book" is a text
FARTHEST = (
    3  # the most by which the numbers of a list grow from item to item, but for a jump that the next items continue
)
DASH = re.compile(r"\s*[-–—]")
BULLET = re.compile(r"^(?P<indent>\s*)[-*+•‣·–—]\s+(?P<rest>.*)$")

PREAMBLE = re.compile(
    r"^(?:.*[:：]|(?:sure|certainly|of\ course|absolutely|okay|ok|here|below|the\ following)\b"
    rf".*\b(?:here|list|(?:{TEXT_NOUN})s)\b.*)$",
    re.IGNORECASE,
)
GREETING = re.compile(
    r"^\W*(?:sure(?:\ thing)?|certainly|of\ course|absolutely|okay|ok|here\ (?:you\ go|it\ is|they\ are)|gladly|klar|gerne|claro"
    r"|por\ supuesto|bien\ sûr|voici|certo|certamente|natürlich|конечно|好的|当然|もちろん|네)\W*$",
    re.IGNORECASE,
)
CUE = re.compile(
    rf"{TEXT_NOUNS}|\b(?:here|below|following|result|output|answer|response|draft|version|list|one|recension|anmeldelse|yorum|metin"
    r"|ulasan|teks|query|utterance|question|statement|email|document|title)\b|下|以下|評|评",
    re.IGNORECASE,
)
FOLLOWS = re.compile(
    rf"^(?:sure|certainly|of\ course|absolutely|okay|ok|here|below)\b.*\b(?:{TEXT_NOUN})s?\b[^.]*[!.:]?$", re.IGNORECASE
)
LONGEST_INTRODUCTION = 200
REMARK = re.compile(
    rf"""^\W*(?:let\ me\ know|i\ hope|hope\ (?:this|these|that)|feel\ free|is\ there\ anything|end\ of\ list
        |would\ you\ like|do\ you\ (?:want|need)\ (?:more|me)
        |if\ you(?:['’]d|\ would)?\ (?:like|want|need)\b.*\b(?:me|more|let|different|changes?)\b
        |(?:please\ )?note(?:\ that)?\b.*\b(?:{TEXT_NOUN})s\b|(?:these|all|each\ of\ these)\ (?:{TEXT_NOUN})s?\b)""",
    re.IGNORECASE | re.VERBOSE,
)


def find(lines: list[str], names: Names, *, expected: int | None, is_cut: bool) -> RawList | None:
    """The numbered list of an answer; None if there is none. `is_cut` says whether the answer was cut off."""
    return _listed(lines, _numbered_starts(lines, names, expected=expected), names, expected=expected, is_cut=is_cut)


def find_bullets(lines: list[str], names: Names, *, expected: int | None, is_cut: bool) -> RawList | None:
    """The bulleted list of an answer; None if there is none. `is_cut` says whether the answer was cut off."""
    return _listed(lines, _bullet_starts(lines), names, expected=expected, is_cut=is_cut)


def prose(lines: list[str], names: Names, *, expected: int | None, is_cut: bool) -> RawList:
    """An answer without a list: one text if one is `expected`, else a text in each line or paragraph.

    There is no text if lines are far fewer than the texts expected.
    """
    blocks, beside = _blocks(lines, names, is_one=expected == 1)
    head = blocks[0].text if blocks and len(blocks) <= 3 else ""
    if expected == 1:
        joined: dict[tuple[str, ...], list[str]] = {}
        for block in blocks:
            joined.setdefault(block.said, []).append(block.text)
        blocks = [Leaf(" ".join(parts), said=said) for said, parts in joined.items()]
    elif 2 * len(blocks) < (expected or 1):
        blocks = []
    return RawList(head, blocks, beside, is_cut, is_prose=True)


def counted(number: str) -> int:
    """The value of a number written in any digits (2, ２, ②, 二)."""
    if number.isdecimal():
        return int(number)
    if number[0] not in HAN_DIGITS + "十":
        return int(unicodedata.numeric(number))
    tens, found, ones = number.partition("十")
    ten = 10 * (HAN_DIGITS.find(tens) if tens else 1) if found else 0
    return ten + max(0, HAN_DIGITS.find((ones if found else number)[:1] or "〇"))


def _numbered_starts(lines: list[str], names: Names, *, expected: int | None) -> list[int]:
    """The indices of the lines that begin an item of a numbered list; a numbered name of a label above bullets begins none.

    Their numbers grow by up to 3, repeat (`1. 1. 1.`), start again at 1, or jump further and then go on from there. Empty
    if the numbers are not those of a list. A single text may bear the number of its turn.
    """
    found = []
    for at, line in enumerate(lines):
        match = NUMBER.match(line)
        if match and not _heads_bullets(lines, at, names):
            found.append((at, counted(match["number"]), len(match["indent"])))
    if not found:
        return []
    (_, last, indent), jumps = found[0], _Jumps([number for _, number, depth in found if depth <= found[0][2] + 1])
    starts: list[int] = []
    for at, number, depth in found:
        if depth > indent + 1:
            continue
        goes_on = jumps.go_on(last)
        if not starts or number in (1, last) or last < number <= last + FARTHEST or (number > last and goes_on):
            starts.append(at)
            last = number
    first = NUMBER.match(lines[starts[0]])
    number = found[0][1]
    is_turn = expected == 1 and number <= MOST_TURNS and first is not None and not DASH.match(first["mark"])
    return starts if len(starts) > 1 or number == 1 or is_turn else []


class _Jumps:
    """Walks along the numbers at the indent of a list, and tells of each whether a jump to it goes on."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._numbers = numbers
        self._at = -1
        self._ends = [0] * len(numbers)  # for each number, the place of its round and of the next number 1
        end = len(numbers)
        for at in range(len(numbers) - 1, -1, -1):
            self._ends[at] = end
            if numbers[at] == 1:
                end = at
        self._last_place: dict[tuple[int, int], int] = {(self._ends[at], n): at for at, n in enumerate(numbers)}

    def go_on(self, last: int) -> bool:
        """Whether the number after the next one continues the next, and no later number of the round continues `last`."""
        self._at += 1
        at, after = self._at, self._at + 1
        number, end = self._numbers[at], self._ends[at]
        if after >= end or not number < self._numbers[after] <= number + FARTHEST:
            return False
        return all(self._last_place.get((end, last + step), -1) <= at for step in range(1, FARTHEST + 1))


def _heads_bullets(lines: list[str], at: int, names: Names) -> bool:
    """Whether a numbered line only names a label, and bullets stand below it."""
    if not _is_section(lines[at], names):
        return False
    below = next((line for line in lines[at + 1 : at + 3] if line.strip()), "")
    return BULLET.match(below) is not None


def _bullet_starts(lines: list[str]) -> list[int]:
    """The indices of the lines that begin an item of a bulleted list, nested bullets left out."""
    found = [(at, len(match["indent"])) for at, line in enumerate(lines) if (match := BULLET.match(line))]
    least = min((depth for _, depth in found), default=0)
    return [at for at, depth in found if depth <= least + 1]


def _listed(lines: list[str], starts: list[int], names: Names, *, expected: int | None, is_cut: bool) -> RawList | None:
    """The list whose items begin at the lines `starts`; None if these are too few for a list."""
    if not starts or (len(starts) == 1 and (expected or 1) > 1 and not NUMBER.match(lines[starts[0]])):
        return None
    if expected == 1 and _stands_in_a_text(lines, starts, names):
        return None
    head = "\n".join(lines[: starts[0]])
    beside = outside(head)
    section = _last_section(lines[: starts[0]], names)
    bodies: list[list[str]] = []
    sections: list[str | None] = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        body, after = _paragraphs([_first_line(lines[start]), *lines[start + 1 : end]], names)
        bodies.append(body)
        sections.append(section)
        beside += [(line, OUTSIDE) for line in after]
        section = _last_section(after, names) or section
    last = bodies[-1]
    if len(bodies) > 1 and all(len(body) <= 1 for body in bodies[:-1]):
        last = last[:1]
    last = _without_remarks(last)
    beside += [(part, OUTSIDE) for part in bodies[-1][len(last) :]]
    texts = [" ".join(body) for body in [*bodies[:-1], last]]
    items = [Leaf(text, said=(said,) if said else ()) for text, said in zip(texts, sections, strict=True)]
    return RawList(head, items, beside, is_cut)


def _stands_in_a_text(lines: list[str], starts: list[int], names: Names) -> bool:
    """Whether the list that begins at the lines `starts` is part of a single text, as the lines before it are of that text.

    They are not if each is a greeting or introduces texts. A list of nothing but number 1 is no part of a text, nor is a
    single bullet below lines that end no sentence.
    """
    before = [line.strip() for line in lines[: starts[0]] if line.strip() and not RULE_OR_HEADING.match(line)]
    number = NUMBER.match(lines[starts[0]]) if len(starts) == 1 else None
    if number and counted(number["number"]) == 1:
        return False
    is_alone = len(starts) == 1 and number is None
    return not all(
        _is_section(line, names) or introduces(line) or (is_alone and line[-1] not in ".!?。！？") for line in before
    )


def introduces(line: str) -> bool:
    """Whether a line by itself says that texts follow: a greeting ("Sure!"), or a word for a text and a colon."""
    if GREETING.match(line):
        return True
    is_short = len(line) <= LONGEST_INTRODUCTION
    return is_short and ((line[-1:] in (":", "：") and CUE.search(line) is not None) or FOLLOWS.match(line) is not None)


def _first_line(line: str) -> str:
    """The first line of an item without its number or bullet."""
    match = NUMBER.match(line) or BULLET.match(line)
    first = str(match["rest"]) if match else line
    bold = match.groupdict().get("bold") if match else None
    return first.removesuffix(bold) if bold and first.count(bold) == 1 else first


def _last_section(lines: Sequence[str], names: Names) -> str | None:
    """The name of a label in the last line that holds nothing else; None if there is no such line."""
    found = next((line for line in reversed(lines) if _is_section(line, names)), None)
    return _first_line(found) if found and NUMBER.match(found) else found


def _is_section(line: str, names: Names) -> bool:
    """Whether a line names a label for the items below it, with a number before the name or without."""
    match = NUMBER.match(line)
    return names.is_heading(match["rest"] if match else line)


def _paragraphs(lines: list[str], names: Names) -> tuple[list[str], list[str]]:
    """The paragraphs of an item, each on one line, and the lines from the first heading or rule on, which ends the item.

    A line that only names a label is a heading as well.
    """
    ends = (at for at, line in enumerate(lines) if RULE_OR_HEADING.match(line) or (at and _is_section(line, names)))
    end = next(ends, len(lines))
    parts = re.split(r"\n\s*\n", "\n".join(lines[:end]).strip())
    return [" ".join(part.split()) for part in parts if part.strip()], lines[end:]


def _without_remarks(parts: list[str]) -> list[str]:
    """The paragraphs without closing remarks to the reader; the first paragraph always stays."""
    while len(parts) > 1 and REMARK.match(parts[-1]):
        parts = parts[:-1]
    return parts


def _blocks(lines: list[str], names: Names, *, is_one: bool) -> tuple[list[Leaf], list[tuple[str, str]]]:
    """The lines or paragraphs of prose, and the pieces beside them: headings, preamble and remarks.

    Prose is split into paragraphs if there are several and one of them has several lines, else into lines.
    """
    beside = [(line, FRAME) for line in lines if RULE_OR_HEADING.match(line)]
    found: list[Leaf] = []
    for heading, part in _sections(lines, names):
        beside += [(heading, FRAME)] if heading and not RULE_OR_HEADING.match(heading) else []
        said = (heading,) if heading else ()
        written = [line.strip() for line in part if not RULE_OR_HEADING.match(line)]
        paragraphs = [" ".join(one.split()) for one in re.split(r"\n\s*\n", "\n".join(written)) if one.strip()]
        pieces = [line for line in written if line]
        found += [Leaf(one, said=said) for one in (paragraphs if 1 < len(paragraphs) < len(pieces) else pieces)]
    first = found[0].text if len(found) > 1 else ""
    if PREAMBLE.match(first) and not (is_one and _begins_a_text(first, found[1:])):
        beside.append((found[0].text, FRAME))
        found = found[1:]
    kept = _without_remarks([leaf.text for leaf in found])
    return found[: len(kept)], beside + [(leaf.text, FRAME) for leaf in found[len(kept) :]]


def _begins_a_text(first: str, others: Sequence[Leaf]) -> bool:
    """Whether the first line of a single text with a colon is a heading within it, such as "Pros:": a list or a like line follows."""
    if introduces(first):
        return False
    return any(BULLET.match(leaf.text) or leaf.text.endswith((":", "：")) for leaf in others)


def _sections(lines: Sequence[str], names: Names) -> Iterator[tuple[str | None, list[str]]]:
    """The lines below each line that only names a label, with this line; first the lines before any such line, with None.

    A name without a colon, brackets or emphasis counts in the first line only, as it may be a line of a poem.
    """
    heading: str | None = None
    part: list[str] = []
    for at, line in enumerate(lines):
        if names.is_heading(line, is_bare_enough=at == 0):
            yield heading, part
            heading, part = line, []
        else:
            part.append(line)
    yield heading, part
