"""Read text and token counts from the JSON of a chat completion, in the shapes that endpoints give them."""

import json
import re
from collections.abc import Mapping
from typing import Any

from core.llm import text as llm_text

MOST_TOKENS = 2**31 - 1
EVENT = re.compile(
    rb"\s*(?:data|event|id|retry)?:"
)  # the first line of a stream; a comment has no name before its colon
OF_MODEL = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\Z|[\[{\"]|null\s*\Z|(?:data|event|id|retry)?:)")


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a JSON object unchanged, and an empty object for any other JSON value."""
    return value if isinstance(value, Mapping) else {}


def storable(value: Any) -> str:
    """Return a JSON value as text without characters that a database refuses; empty for a missing value."""
    return llm_text.storable(str(value or ""))


def text(content: Any) -> str:
    """Return the text of an answer's content, which some endpoints give as a list of parts."""
    parts = content if isinstance(content, list) else [content]
    texts = [mapping(part).get("text") if isinstance(part, Mapping) else part for part in parts]
    return storable("".join(part for part in texts if isinstance(part, str)))


def count(value: Any) -> int | None:
    """Return a JSON value as a number of tokens; None if the value is no whole number from 0 to 2,147,483,647."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS
    return value if is_count else None


def tokens_out(usage: Mapping[str, Any]) -> int | None:
    """Return the tokens billed as output, None if unknown: the larger of completion tokens and total minus prompt.

    Some endpoints count thinking only in the total.
    """
    written, total, read = (count(usage.get(f"{name}_tokens")) for name in ("completion", "total", "prompt"))
    beside = None if total is None or read is None else total - read
    return max((found for found in (written, beside) if found is not None), default=None)


def read(raw: bytes) -> Any:
    """Return the JSON of a response, put together if it came as a stream; None for a body that cannot be read."""
    try:
        return streamed(raw) or json.loads(raw)
    except (ValueError, TypeError, RecursionError):
        return None


def is_completion(response: Any) -> bool:
    """Whether the JSON of a response is a chat completion."""
    return isinstance(response, Mapping) and isinstance(response.get("choices"), list)


def is_of_model(raw: bytes) -> bool:
    """Whether a body is blank, or begins as JSON or a stream does: an answer that may be billed, and no page of a gateway."""
    return OF_MODEL.match(raw) is not None


def streamed(raw: bytes) -> dict[str, Any] | None:
    """Return the chat completion in a stream of events, which some endpoints send unasked; None for other bodies.

    Lines end with a line feed alone, since the JSON in a line may hold other separators of lines.
    """
    if not EVENT.match(raw):
        return None
    events = raw.decode(errors="replace").lstrip().split("\n")
    lines = [line[5:].strip() for line in events if line.startswith("data:")]
    if not lines:
        return None
    chunks = [mapping(json.loads(line)) for line in lines if line and line != "[DONE]"]
    if failed := next((chunk for chunk in chunks if chunk.get("error")), None):
        return dict(failed)
    choices = [mapping(choice) for chunk in chunks for choice in chunk.get("choices") or []]
    content = "".join(text(mapping(choice.get("delta")).get("content")) for choice in choices)
    finish = next((choice["finish_reason"] for choice in reversed(choices) if choice.get("finish_reason")), None)
    is_whole = lines[-1:] == ["[DONE]"]
    whole = {"finish_reason": finish or ("stop" if is_whole else "incomplete"), "message": {"content": content}}
    usage: Mapping[str, Any] = next((chunk["usage"] for chunk in reversed(chunks) if chunk.get("usage")), {})
    return {**(chunks[0] if chunks else {}), "choices": [whole], "usage": usage}
