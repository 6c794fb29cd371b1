"""The types of a call to a language model: message, slot key, answer, and the protocol of a provider."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote

from core.errors import ProviderError
from core.llm.money.prices import Price
from core.llm.text import OF_PROMPT

Message = dict[str, str]  # the keys role and content


@dataclass(frozen=True)
class SlotKey:
    """The name of a call that is paid for once: call number `index` for a label of an arm.

    `str` of a slot key is ASCII and can be sent in a header.
    """

    study: str
    task: str
    arm: str
    label: str
    index: int

    def __str__(self) -> str:
        return "/".join(quote(str(part), safe="") for part in (self.study, self.task, self.arm, self.label, self.index))


@dataclass(frozen=True)
class Answer:
    """The answer to one call. Tokens are estimated at 4 characters each if the provider does not count them.

    `parameters` are the parameters sent beside model and messages, without the parameters that the endpoint refused.
    `messages` are the messages sent, None if they are the messages of the call unchanged. `refusal` is the endpoint's
    or the model's sentence in place of an answer. `latency_s` is in seconds.
    """

    content: str
    finish_reason: str
    tokens_in: int
    tokens_out: int
    request_id: str | None
    model: str
    latency_s: float
    is_recorded: bool = False
    refusal: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    messages: Sequence[Message] | None = None


def ending(answer: Answer) -> str:
    """Return the `finish_reason` to store: "refusal" for an answer with a refusal, unless the prompt itself was refused."""
    return "refusal" if answer.refusal and answer.finish_reason not in OF_PROMPT else answer.finish_reason[:50]


def to_refused_prompt(
    why: str, *, said: str, model: str, messages: Sequence[Message], parameters: Mapping[str, Any] | None = None
) -> Answer:
    """Return the refusal of one prompt as the answer to the prompt, with 0 tokens.

    `why` is the `finish_reason` to store, `said` the sentence of the endpoint or of the model's provider.
    """
    return Answer(
        content="",
        finish_reason=why,
        tokens_in=0,
        tokens_out=0,
        request_id=None,
        model=model,
        latency_s=0.0,
        refusal=said or why,
        parameters=parameters or {},
        messages=messages,
    )


def without_system(messages: Sequence[Message]) -> list[Message]:
    """Return the messages with the system text at the start of the first other message, for models without that role."""
    system = "\n\n".join(part["content"] for part in messages if part["role"] == "system")
    others = [part for part in messages if part["role"] != "system"]
    if not system or not others:
        return list(messages)
    return [{**others[0], "content": f"{system}\n\n{others[0]['content']}"}, *others[1:]]


class AnswerLost(ProviderError):
    """The answer to a call did not arrive, and the call may be billed; the provider does not repeat the call."""


class Provider(Protocol):
    """A model that completes messages. `price` is None if unknown; `max_tokens` limits every answer, None is no limit."""

    name: str
    model: str
    price: Price | None
    max_tokens: int | None

    async def complete(
        self, messages: Sequence[Message], *, slot_key: SlotKey, max_tokens: int | None = None
    ) -> Answer:
        """Return the answer to the messages; `slot_key` lets an endpoint recognise a repeated call.

        A `max_tokens` given here is needed to keep a budget: `ProviderRefused` is raised if the endpoint takes no
        limit. Raises `AnswerLost` if the answer did not arrive and the call may be billed, and `ProviderError`,
        `ProviderPaused` or `ProviderRefused` for other failures.
        """
        ...

    async def close(self) -> None:
        """Close the provider's connections; the provider can be used again afterwards."""
        ...
