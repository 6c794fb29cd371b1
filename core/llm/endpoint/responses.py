"""Responses: the text and the counts in a chat completion's JSON, whatever shape an endpoint gives them."""

import json
from collections.abc import Mapping
from typing import Any

from core.llm import text as llm_text

MOST_TOKENS = 2**31 - 1


def mapping(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}


def storable(found: Any) -> str:
    """A value as text that every database takes; empty when there is none."""
    return llm_text.storable(str(found or ""))


def text(content: Any) -> str:
    """The text of an answer, which some endpoints give in parts."""
    parts = content if isinstance(content, list) else [content]
    texts = [mapping(part).get("text") if isinstance(part, Mapping) else part for part in parts]
    return storable("".join(part for part in texts if isinstance(part, str)))


def count(found: Any) -> int | None:
    """A number of tokens; None when it can be none."""
    is_count = isinstance(found, int) and not isinstance(found, bool) and 0 <= found <= MOST_TOKENS
    return found if is_count else None


def tokens_out(usage: Mapping[str, Any]) -> int | None:
    """Tokens that are billed as written: some endpoints count thinking in the total alone."""
    written, total, read = (count(usage.get(f"{name}_tokens")) for name in ("completion", "total", "prompt"))
    beside = None if total is None or read is None else total - read
    return max((found for found in (written, beside) if found is not None), default=None)


def streamed(raw: bytes) -> dict[str, Any] | None:
    """The completion in a stream of events, which some endpoints send unasked; None when it is none."""
    if not raw.lstrip().startswith(b"data:"):
        return None
    lines = [line[5:].strip() for line in raw.decode(errors="replace").splitlines() if line.startswith("data:")]
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
