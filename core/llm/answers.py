"""What is asked of a provider and what it gives: the names that endpoints and recordings share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote

from core.errors import ProviderError
from core.llm.money.prices import Price
from core.llm.text import PROMPT_REFUSED, PROMPT_TOO_LONG

Message = dict[str, str]  # the keys role and content


@dataclass(frozen=True)
class SlotKey:
    """The one call that is paid once: call number `index` for a label of an arm. As text it is safe in a header."""

    study: str
    task: str
    arm: str
    label: str
    index: int

    def __str__(self) -> str:
        return "/".join(quote(str(part), safe="") for part in (self.study, self.task, self.arm, self.label, self.index))


@dataclass(frozen=True)
class Answer:
    """What came back for one call. Tokens are counted at 4 characters each when the provider does not count them.

    `parameters` are those that were sent beside model and messages, after what the endpoint refused was left out;
    `messages` is None when those given were sent as they are.
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
    """How an answer ended, as it is stored: a refusal in place of an answer counts as one, however the call ended."""
    kept = (PROMPT_TOO_LONG, PROMPT_REFUSED)
    return "refusal" if answer.refusal and answer.finish_reason not in kept else answer.finish_reason[:50]


class AnswerLost(ProviderError):
    """No answer came in time to a call that may be billed all the same, while its cost must be kept to a budget."""


class Provider(Protocol):
    """Something that completes messages. `price` is None when unknown; `max_tokens` limits an answer when it is set."""

    name: str
    model: str
    price: Price | None
    max_tokens: int | None

    async def complete(
        self, messages: Sequence[Message], *, slot_key: SlotKey, max_tokens: int | None = None
    ) -> Answer:
        """The answer to the messages. A `max_tokens` given here must hold, or `ProviderRefused` is raised.

        It is given when a budget must be kept: `AnswerLost` then says that a call may be billed without an answer.
        """
        ...

    async def close(self) -> None:
        """Let connections go; the provider may be used again afterwards."""
        ...
