"""What answers of LLMs have in common: what is thinking or wrapping in them, how a refusal reads, and why one is empty."""

import re

EMPTY = "empty answer"
FILTERED = "content filter"
REFUSAL = "refusal"
CUT = "cut by length"

THOUGHT = re.compile(r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
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


def visible(content: str) -> str:
    """What an answer shows: without thinking, code fences and characters that no database takes."""
    return FENCE.sub("", THOUGHT.sub("\n", UNSTORABLE.sub("", content))).strip()
