"""Clean the text of an LLM's answer: remove thinking and wrapping; recognise refusals, filters and cut answers."""

import re
from collections.abc import Mapping
from typing import Any

from core.study import refusals

EMPTY = "empty answer"
FILTERED = "content filter"
REFUSAL = "refusal"
CUT = "cut by length"
PROMPT_TOO_LONG = "prompt too long"  # also a finish_reason; the content is then the endpoint's sentence
PROMPT_REFUSED = "prompt refused"  # also a finish_reason, for a prompt that an endpoint's filter refused

THINK = (
    r"(?:think|thinking|thought|thoughts|thinking_process|reason|reasoning|reflection|reflections|rationale|scratchpad|analysis"
    r"|inner_thoughts?|inner_monologue|monologue|deliberation|planning|plan|chain_of_thought|cot|seed:think"
    r"|(?:seed:)?cot_budget_reflect)"
)
THINK_TOKEN = r"(?:thought|thinking|think|reasoning)"
OPENED = re.compile(
    rf"<{THINK}(?:\s[^<>]*)?>|<details\s[^<>]*reasoning[^<>]*>|\[(?:BEGIN[ _])?(?:THINK|THINKING|REASONING)\]|◁think▷"
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
    r"^[ \t]*```(?:(?:json|jsonl|text|txt|plaintext|markdown|md|csv|yaml)\b[ \t]*|(?P<tag>[\w-]*)[ \t]*$)?|[ \t]*```[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
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
    return FENCE.sub("", spoken(content)[0]).strip()


def spoken(content: str) -> tuple[str, list[str]]:
    """Return an answer without its thinking and the marks of a chat template, and the pieces of the thinking.

    Thinking is everything before the last closing mark of thinking, with or without an opening mark, and everything
    after an opening mark that is never closed. Text after the end of the turn is dropped.
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
    if ended := END_OF_TURN.search(text):
        text = text[: ended.start()]
    return WRAPPER.sub("", MARK.sub("", text)), [thought for thought in thoughts if thought.strip()]


def had_no_room(content: str, request: Mapping[str, Any], *, room: int | None) -> bool:
    """Whether an answer is empty and its `request` limited it to fewer than `room` tokens; `room` None means no limit."""
    limit = next((request[name] for name in ("max_tokens", "max_completion_tokens") if name in request), None)
    return not visible(content) and limit is not None and (room is None or limit < room)


def is_refusal(head: str) -> bool:
    """Whether an answer that begins with `head` declines the request, in one of the known languages."""
    return REFUSING.search(head[:300]) is not None or refusals.is_refusal(head)


def is_filtered(finish_reason: str) -> bool:
    """Whether a `finish_reason`, in the words of any endpoint, means that a filter held the answer back."""
    return FILTER_ENDS.search(finish_reason.replace("-", "_")) is not None


def is_cut(finish_reason: str) -> bool:
    """Whether an answer was cut off: every `finish_reason` that is not a known word for a usual end means a cut."""
    return finish_reason.strip().lower() not in FINISHED
