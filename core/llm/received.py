"""A model's answer as it is stored: the columns that completions, tries, judgements and replies share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.llm import answers, text
from core.llm.answers import Answer, Message, Provider
from core.llm.money.spending import cost_of

LONGEST_NAME = 200  # characters of the columns `model` and `request_id`


@dataclass(frozen=True)
class Received:
    """An answer as every table stores it: a field for each column that the tables share.

    `request` holds the model, messages and parameters sent. `content` holds only characters that every database takes.
    `cost_usd` is None if the price is unknown, `latency_s` is in seconds.
    """

    request: dict[str, Any]
    content: str
    finish_reason: str
    tokens_in: int
    tokens_out: int
    cost_usd: float | None
    latency_s: float


def received(provider: Provider, messages: Sequence[Message], answer: Answer) -> Received:
    """Return the columns of a provider's answer to some messages; a refusal beside an empty content becomes the content."""
    return Received(
        request={"model": provider.model, "messages": list(answer.messages or messages), **answer.parameters},
        content=text.storable(answer.content or answer.refusal or ""),
        finish_reason=answers.ending(answer),
        tokens_in=answer.tokens_in,
        tokens_out=answer.tokens_out,
        cost_usd=cost_of(provider, answer),
        latency_s=answer.latency_s,
    )


def origin(provider: Provider, answer: Answer) -> dict[str, Any]:
    """Return the columns of an answer's origin, for completions and tries: provider, model and request id."""
    return {
        "provider": provider.name,
        "model": answer.model[:LONGEST_NAME],
        "request_id": answer.request_id[:LONGEST_NAME] if answer.request_id else None,
    }
