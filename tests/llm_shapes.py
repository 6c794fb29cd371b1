"""Odd shapes in which endpoints answer: the test server takes a model with one of these names for an endpoint of that kind.

A shape gives a status, headers and a body, or None where it answers as usual.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Reply = tuple[int, dict[str, str], Any]
Usage = Mapping[str, int]

USUAL: Usage = {"prompt_tokens": 40, "completion_tokens": 60, "total_tokens": 100}
THINKS = 600  # tokens that a thinking judge needs before it says a word
DRAFT = "They want texts.\n1. a first idea about trains, not meant to be read\n2. a second idea about soup, likewise"


@dataclass(frozen=True)
class Asked:
    """One request: its JSON, its idempotency key, the how manyth of its model it is, and the list a usual answer gives."""

    body: Mapping[str, Any]
    key: str
    number: int
    texts: list[str]

    @property
    def listed(self) -> str:
        return "\n".join(f"{n}. {text}" for n, text in enumerate(self.texts, start=1))

    def is_slot(self, slot: int) -> bool:
        """Whether it is asked for this slot of the label glad."""
        return self.key.endswith(f"/glad/{slot}")


def said(content: Any, *, finish: str = "stop", usage: Usage = USUAL, **message: Any) -> Reply:
    """A completion with this content."""
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **message}}
    return 200, {}, {"id": "odd", "object": "chat.completion", "choices": [choice], "usage": dict(usage)}


def refused(status: int, message: str, *, headers: dict[str, str] | None = None, **more: Any) -> Reply:
    """An error in the usual form."""
    return status, headers or {}, {"error": {"message": message, **more}}


def at_first(times: int, reply: Reply) -> Callable[[Asked], Reply | None]:
    """A shape that replies so to the first requests, and then as usual."""
    return lambda asked: reply if asked.number <= times else None


def always(reply: Reply) -> Callable[[Asked], Reply | None]:
    return lambda _asked: reply


def at_slot(slot: int, reply: Reply) -> Callable[[Asked], Reply | None]:
    """A shape that replies so to one slot of the label glad, however often it is asked."""
    return lambda asked: reply if asked.is_slot(slot) else None


def broken_second(reply: Reply) -> Callable[[Asked], Reply | None]:
    """A shape that replies so to every second request."""
    return lambda asked: reply if asked.number % 2 else None


def unfinished(finish: str) -> Callable[[Asked], Reply | None]:
    """A shape whose last text breaks off, and which says so in a word of its own."""
    return lambda asked: said(f"{asked.listed}\n{len(asked.texts) + 1}. The caretaker was on his w", finish=finish)


def thinking(form: str) -> Callable[[Asked], Reply | None]:
    """A shape that writes what it thinks before its texts; `form` has places for both."""
    return lambda asked: said(form.format(draft=DRAFT, texts=asked.listed))


def without_system(asked: Asked) -> Reply | None:
    roles = {message["role"] for message in asked.body["messages"]}
    return refused(400, "System role not supported") if "system" in roles else None


def without_temperature(message: str, *, but: float | None = None) -> Callable[[Asked], Reply | None]:
    """A shape that takes no temperature, or only the one of `but`."""
    return lambda asked: refused(400, message) if asked.body.get("temperature") not in (None, but) else None


def thinks_apart(asked: Asked) -> Reply:
    """Its thinking stands in the total alone, and is billed."""
    return said(asked.listed, usage={"prompt_tokens": 40, "completion_tokens": 60, "total_tokens": 900})


def judge_that_thinks(asked: Asked) -> Reply:
    limit = int(asked.body.get("max_tokens") or 10_000)
    usage = {"prompt_tokens": 50, "completion_tokens": min(limit, THINKS + 2)}
    usage["total_tokens"] = sum(usage.values())
    return said("", finish="length", usage=usage) if limit < THINKS else said("glad", usage=usage)


def prefixed(asked: Asked) -> Reply:
    label = "Glad" if "/glad/" in asked.key else "Sad"
    return said("\n".join(f"{n}. {label}: {text}" for n, text in enumerate(asked.texts, start=1)))


def chinese(asked: Asked) -> Reply:
    """A list with the marks of Chinese lists; each answer has texts of its own."""
    texts = [f"第{asked.number}家店的服务真是让人失望，等了{n}个小时" for n in "一二三四五六"]
    return said("好的，以下是评论：\n\n" + "\n".join(f"{n}、{text}" for n, text in enumerate(texts, start=1)))


QUOTA_OF_DAY: Reply = (
    429,
    {},
    [
        {
            "error": {
                "code": 429,
                "message": "You exceeded your current quota, please check your plan.",
                "status": "RESOURCE_EXHAUSTED",
                "details": [{"violations": [{"quotaId": "RequestsPerDayPerModel"}]}, {"retryDelay": "20s"}],
            }
        }
    ],
)
SHAPES: dict[str, Callable[[Asked], Reply | None]] = {
    "one-of-many": lambda asked: said(f"1. {asked.texts[0]}"),
    "two-of-many": lambda asked: said("\n".join(f"{n}. {text}" for n, text in enumerate(asked.texts[:2], start=1))),
    "too-long-once": at_slot(
        1, refused(400, "This model's maximum context length is 4096 tokens.", code="context_length_exceeded")
    ),
    "flagged-once": at_slot(1, refused(403, 'The model requires moderation. Your input was flagged for "hate".')),
    "filtered-once": at_slot(1, refused(400, "The response was filtered due to our content management policy.")),
    "error-in-200": broken_second((200, {}, {"error": {"message": "the host behind is rate-limited", "code": 429}})),
    "null-in-200": broken_second((200, {}, {"choices": None, "error": {"message": "overloaded", "code": 502}})),
    "half-in-200": broken_second(
        (
            200,
            {},
            {
                "choices": [
                    {
                        "finish_reason": "error",
                        "error": {"code": 502, "message": "idle timeout"},
                        "message": {"content": "1. The caretaker was on his w"},
                    }
                ]
            },
        )
    ),  # fmt: skip
    "half-billed-in-200": broken_second(
        (
            200,
            {},
            {
                "choices": [{"finish_reason": "error", "message": {"content": "1. The caretaker was on his w"}}],
                "usage": {"prompt_tokens": 40, "completion_tokens": 7, "total_tokens": 47},
            },
        )
    ),  # fmt: skip
    "key-limit-in-200": always((200, {}, {"error": {"message": "Key limit exceeded for this key", "code": 403}})),
    "ends-MAX_TOKENS": unfinished("MAX_TOKENS"),
    "ends-max_tokens": unfinished("max_tokens"),
    "ends-model_length": unfinished("model_length"),
    "ends-in-a-new-word": unfinished("ran_dry"),
    "thinks-in-brackets": thinking("[THINK]{draft}[/THINK]\n{texts}"),
    "thinks-in-channels": thinking(
        "<|channel|>analysis<|message|>{draft}<|end|><|start|>assistant<|channel|>final<|message|>{texts}<|return|>"
    ),
    "thinks-unopened": thinking("{draft}\n</think>\n\n{texts}<|im_end|>"),
    "wait-6ms": at_first(8, refused(429, "Try again in 6ms.", headers={"retry-after-ms": "6"})),
    "wait-nothing": at_first(8, refused(429, "Rate limit reached", headers={"retry-after": "0"})),
    "loading": at_first(8, refused(503, "Model is loading", headers={"retry-after": "0.1"})),
    "overloaded": at_first(8, refused(529, "Overloaded", type="overloaded_error")),
    "quota-of-day": always(QUOTA_OF_DAY),
    "no-quota": always(refused(429, "You exceeded your current quota.", type="insufficient_quota", code=None)),
    "unverified": always(refused(404, "Your organization must be verified to use this model.", code="model_not_found")),
    "data-policy": always(refused(404, "No endpoints found matching your data policy.")),
    "wrong-region": always(refused(403, "Country, region, or territory not supported", code="unsupported_country")),
    "no-access": always(refused(403, "Project `p` does not have access to this model", code="model_not_found")),
    "thinks-in-total": thinks_apart,
    "judge-that-thinks": judge_that_thinks,
    "no-system": without_system,
    "temperature-deprecated": without_temperature("`temperature` is deprecated for this model."),
    "temperature-one": without_temperature("invalid temperature: only 1 is allowed for this model", but=1),
    "label-first": prefixed,
    "chinese-list": chinese,
    "refuses-in-spanish": always(said("Lo siento, pero no puedo escribir ese tipo de textos.")),
}
