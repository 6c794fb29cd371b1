"""Clean the text of an LLM's answer: remove thinking and wrapping; recognise refusals, filters and cut answers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.study import refusals

EMPTY = "empty answer"
FILTERED = "content filter"
REFUSAL = "refusal"
CUT = "cut by length"
PROMPT_TOO_LONG = "prompt too long"  # also a finish_reason; the content is then the endpoint's sentence
PROMPT_REFUSED = "prompt refused"  # also a finish_reason, for a prompt that an endpoint's filter refused
OF_PROMPT = (PROMPT_TOO_LONG, PROMPT_REFUSED)  # the call was not answered and costs nothing

THINK = (
    r"(?:think|thinking|thought|thoughts|thinking_process|reason|reasoning|reflection|reflections|rationale|scratchpad|analysis"
    r"|inner_thoughts?|inner_monologue|monologue|deliberation|planning|plan|chain_of_thought|cot|seed:think"
    r"|(?:seed:)?cot_budget_reflect)"
)
THINK_TOKEN = r"(?:thought|thinking|think|reasoning)"
OPENED = re.compile(
    rf"<{THINK}(?:\s[^<>]*)?>|<details\s[^<>]{{0,200}}?reasoning[^<>]{{0,200}}>|\[(?:BEGIN[ _])?(?:THINK|THINKING|REASONING)\]|◁think▷"
    rf"|<\|(?:(?:begin|start)_(?:of_)?)?{THINK_TOKEN}(?:_(?:begin|start))?\|>|<unused94>",
    re.IGNORECASE,
)
CLOSED = re.compile(
    rf"</{THINK}\s*>|</details>|\[(?:/|END[ _])(?:THINK|THINKING|REASONING)\]|◁/think▷"
    rf"|<\|(?:end_(?:of_)?|/){THINK_TOKEN}\|>|<\|{THINK_TOKEN}_end\|>|<unused95>|^\.\.\.done thinking\.$",
    re.IGNORECASE | re.MULTILINE,
)
BARE_HARMONY = re.compile(
    r"^\s*analysis.*assistant\s*final", re.DOTALL
)  # where the tokens around the words were dropped
WRAPPER = re.compile(r"</?(?:answer|final_answer|final|response|output|result|solution)>", re.IGNORECASE)
HARMONY = re.compile(r"<\|channel\|>(?P<channel>\w+)[^<]*<\|message\|>")
SPOKEN_CHANNEL = "final"
END_OF_TURN = re.compile(
    r"<\|(?:im_end|eot_id|eot|end_response|end_of_solution|eom_id|end|endoftext|end_of_text|end_of_turn|return|eos|user|END_OF_TURN_TOKEN)\|>"
    r"|<(?:end_of_turn|eos|/s|EOD)>|<[|｜]end[▁_]of[▁_]sentence[|｜]>",
    re.IGNORECASE,
)
MARK = re.compile(r"<\|[\w▁/-]{1,40}\|>|<[|｜][\w▁/-]{1,40}[|｜]>|<start_of_turn>(?:model|user)?|<s>|<bos>|\[/?INST\]")
FINISHED = frozenset(
    ["", "stop", "end_turn", "eos", "eos_token", "stop_sequence", "complete", "completed", "finished", "finish", "done"]
    + ["end", "normal", "unknown", "recorded"]
)
FILTER_ENDS = re.compile(
    r"content_?filter|safety|prohibited|blocklist|blocked|recitation|spii|sensitive|guardrail|moderation|policy|language$",
    re.IGNORECASE,
)
FENCE = re.compile(
    r"^[ \t]*```(?:(?:json|jsonl|text|txt|plaintext|markdown|md|csv|yaml)\b[ \t]*|(?P<tag>[\w-]*)[ \t]*$)?"
    r"|(?<![ \t])[ \t]*```[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
STRUCK_OUT = re.compile(r"<s>[^<\n]{1,200}</s>", re.IGNORECASE)  # struck-out words of HTML, no marks of a template
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

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
OPENER = re.compile(
    r"""\W*(?:(?:hi|hello|well|oh|okay|ok|however|but|and|so|therefore|unfortunately|regretfully|sadly|thank\ you|thanks)\b
        |(?:i['’]?m|i\ am|we['’]re|we\ are)\ (?:very\ |so\ |truly\ |really\ )?sorry\b|sorry\b|(?:my|i|we)\ (?:sincere(?:ly)?\ )?apolog\w+
        |apologies\b|i\ (?:understand|appreciate|see|know)\b[^.!?]{0,120}?(?:[.!]\s|,?\ but\b)
        |as\ an?\ (?:\w+\ ){0,3}?(?:ai|assistant|model|language\ model)\b(?=\s*,))[\s,.;:!—–-]*""",
    re.IGNORECASE | re.VERBOSE,
)
REQUESTED = (
    r"(?:contents?|texts?|tweets?|messages?|examples?|reviews?|posts?|comments?|sentences?|headlines?|samples?|requests?|prompts?"
    r"|items|materials?|spam|articles?|statements?|e?mails?|jokes?|responses?|writing|speech|news|propaganda|misinformation)"
)
AT_END = r"(?=\s*(?:[.!,;:]|$)|\s+(?:as|because|since|for\s+(?:you|ethical|safety)|due)\b)"
LIMITED = r"(?!\s+(?:\w+\s+){0,2}?(?:without|anymore|again|enough|before|now|today|tonight|yet|because\s+i\s+(?:never|have|had)))"
DECLINING = re.compile(
    rf"""(?:i|we)(?:\s+(?:simply|just|really|also|respectfully|therefore|sadly|unfortunately))?
        (?:\s*['’]?m|\s+am|\s*['’]re|\s+are)?\s+
        (?:(?:can(?:no|['’]|)t|can\ not|won['’]t|will\ not|(?:simply\ )?(?:unable|not\ able|not\ allowed|not\ permitted|not\ willing)\ to
                |(?:not|don['’]t\ feel|do\ not\ feel)\ comfortable(?:\ with)?)\s+(?:\w+ly\s+|in\s+good\s+conscience\s+)?
            (?:(?:help|assist)(?:ing)?(?:\s+you)?(?:\s*(?:[.!]|,(?!\s*(?:said|she|he|they)\b)|$)|\s+(?:with|in)\s+(?:your|such|(?:the|that|this|these|those)\s+(?:\w+\s+)?
                        (?:{REQUESTED}|kinds?|types?|sorts?|tasks?|topics?)|(?:writ|creat|generat|produc|provid|mak)ing)\b
                    |\s+with\s+(?:that|this|it|those|these){AT_END})
              |comply{AT_END}|comply\s+with\s+(?:that|this|your|the|such)\b
              |(?:fulfil+|continue\s+with|engag(?:e|ing)\s+(?:in|with)|support|respond\s+to|proceed\s+with)\s+(?:that|this|these|your|the|such)\s+
                    (?:\w+\s+)?(?:{REQUESTED}|kinds?|types?|sorts?|tasks?|behaviou?r)\b
              |(?:do|doing|writ(?:e|ing)|creat(?:e|ing)|generat(?:e|ing)|produc(?:e|ing)|provid(?:e|ing)|share)\s+
                    (?:that|this|those|these|it|such){AT_END}
              |(?:writ(?:e|ing)|creat(?:e|ing)|generat(?:e|ing)|produc(?:e|ing)|compos(?:e|ing)|provid(?:e|ing)|offer(?:ing)?|mak(?:e|ing))
                    \s+(?:\w+[\s,]+){{0,5}}?{REQUESTED}\b{LIMITED}
              |(?:share|discuss|give\s+you)\s+(?:that|this|those|these|such|any)\s+(?:\w+\s+)?(?:kinds?|types?|sorts?|contents?|information)\b)
          |(?:must|have\s+to|need\s+to)\s+(?:\w+ly\s+)?(?:decline|refuse)(?:\s+(?:to\b|that\b|this\b|your\b|(?:the|such)\s+(?:request|prompt|task))|\s*[.!,]|$)
          |(?:decline|refuse)\s+to\s+(?:writ|creat|generat|produc|provid|help|assist|answer|respond|engage)\w*)""",
    re.IGNORECASE | re.VERBOSE,
)
SAYS_NO = re.compile(
    r"""\W*(?:as\s+an?\s+(?:artificial\s+intelligence|(?:\w+\s+)?language\s+model|ai(?:\s+(?:language\s+)?(?:model|assistant|system|chatbot))?)\b
            (?=\s*,|\s+(?:i|my|developed|trained|created|language|without)\b)
        |(?:request\s+)?(?:refused|declined)\W*$|request\s+(?:refused|declined)\b
        |(?:this|that|it|(?:this|that|the|your)\s+(?:request|prompt|task|content)|(?:writing|creating|generating|producing|providing)\b[^.!?]{0,60}?)\s+
            (?:\w+\s+){0,2}?(?:against|violat(?:e|es|ing))\s+(?:my|our|openai['’]?s?|the\s+(?:usage|content|safety|community))\s+
            (?:\w+\s+){0,2}?(?:guidelines|polic(?:y|ies)|programming))""",
    re.IGNORECASE | re.VERBOSE,
)
CLAUSE = re.compile(r"[.!?]\s+(?=\w)|,?\s(?:but|so|and|therefore),?\s+(?=(?:i|we)\b)", re.IGNORECASE)
MOST_CLAUSES = 4
APOLOGY = re.compile(
    r"(?:i['’]m\s+|i\s+am\s+|my\s+)?(?:very\s+|so\s+)?(?:sorry|apolog\w+)\b.{0,20}?"
    r"\bi\s*(?:can(?:no|['’])t|won['’]t|will\s+not|['’]?\s*a?m\s+(?:unable|not\s+able|not\s+comfortable))\b",
    re.IGNORECASE,
)


def storable(content: str) -> str:
    """A text without the characters that no database takes: NUL and lone halves of surrogate pairs."""
    return UNSTORABLE.sub("", content)


def visible(content: str) -> str:
    """Return an answer without its thinking, without code fences and without characters that no database takes."""
    return FENCE.sub("", spoken(content).text).strip()


@dataclass(frozen=True)
class Spoken:
    """An answer without its thinking and the marks of a chat template, the pieces of the thinking, and what follows the turn."""

    text: str
    thoughts: list[str]
    after: str


def spoken(content: str) -> Spoken:
    """Return what an answer says, apart from its thinking and from what stands behind the mark of the end of its turn.

    Thinking is everything before the last closing mark of thinking, with or without an opening mark, and everything
    after an opening mark that is never closed. Words struck out by `<s>` and `</s>` stay as they are.
    """
    text = storable(content)
    thoughts: list[str] = []
    channels = list(HARMONY.finditer(text))
    if channels:
        last = channels[-1]
        is_spoken = last["channel"].lower() == SPOKEN_CHANNEL
        thoughts.append(text[: last.end()] if is_spoken else text)
        text = text[last.end() :] if is_spoken else ""
    if bare := BARE_HARMONY.match(text):
        thoughts.append(bare[0])
        text = text[bare.end() :]
    closed = list(CLOSED.finditer(text))
    if closed:
        thoughts.append(text[: closed[-1].end()])
        text = text[closed[-1].end() :]
    if opened := OPENED.search(text):
        thoughts.append(text[opened.start() :])
        text = text[: opened.start()]
    start = MARK.match(text.lstrip())
    text = text.lstrip()[start.end() :] if start and not END_OF_TURN.match(text.lstrip()) else text
    ended = _end_of_turn(text)
    after = text[ended.end() :] if ended else ""
    said, after = (_without_marks(part) for part in (text[: ended.start()] if ended else text, after))
    return Spoken(said, [thought for thought in thoughts if thought.strip()], END_OF_TURN.sub(" ", after))


def had_no_room(content: str, request: Mapping[str, Any], *, room: int | None) -> bool:
    """Whether an answer is empty and its `request` limited it to fewer than `room` tokens; `room` None means no limit."""
    limit = next((request[name] for name in ("max_tokens", "max_completion_tokens") if name in request), None)
    return not visible(content) and limit is not None and (room is None or limit < room)


def is_refusal(head: str) -> bool:
    """Whether an answer that begins with `head` declines the request, in one of the known languages.

    For words before a list, or beside a choice; a text may hold such words itself (see `declines`).
    """
    return REFUSING.search(head[:300]) is not None or refusals.is_refusal(head)


def declines(prose: str) -> bool:
    """Whether an answer of nothing but prose declines the request, instead of being the text that was asked for.

    In English, one of its first sentences has to say "I" or "we", that the writer cannot or will not, and the thing that
    was asked for: "They told me they can't help with my refund" and "I can't support this film" are texts.
    """
    start = " ".join(prose[:1000].split())[:300]
    if refusals.is_refusal(start):
        return True
    for clause in [0, *(found.end() for found in CLAUSE.finditer(start))][:MOST_CLAUSES]:
        at = clause
        while not (SAYS_NO.match(start, at) or DECLINING.match(start, at)):
            opener = OPENER.match(start, at)
            if opener is None:
                break
            at = opener.end()
        else:
            return True
    return False


def is_filtered(finish_reason: str) -> bool:
    """Whether a `finish_reason`, in the words of any endpoint, means that a filter held the answer back."""
    return FILTER_ENDS.search(finish_reason.replace("-", "_")) is not None


def is_cut(finish_reason: str) -> bool:
    """Whether an answer was cut off: every `finish_reason` that is not a known word for a usual end means a cut."""
    return finish_reason.strip().lower() not in FINISHED


def _end_of_turn(text: str) -> re.Match[str] | None:
    """The first mark that ends the turn of an answer, the end of struck-out words aside."""
    struck = [found.span() for found in STRUCK_OUT.finditer(text)]
    at = 0
    for mark in END_OF_TURN.finditer(text):
        while at < len(struck) and struck[at][1] <= mark.start():
            at += 1
        if at == len(struck) or not struck[at][0] <= mark.start() < struck[at][1]:
            return mark
    return None


def _without_marks(text: str) -> str:
    """A text without the marks of a chat template; words struck out by `<s>` and `</s>` stay as they are."""
    parts, at = [], 0
    for struck in STRUCK_OUT.finditer(text):
        parts += [MARK.sub("", text[at : struck.start()]), struck[0]]
        at = struck.end()
    return WRAPPER.sub("", "".join([*parts, MARK.sub("", text[at:])]))
