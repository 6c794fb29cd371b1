"""Providers by name: an LLM endpoint, or answers recorded earlier."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from core import settings as settings_module
from core.errors import StudyError
from core.synthesis import budget
from core.synthesis.answers import Answer, Provider, SlotKey
from core.synthesis.endpoint import OpenAIProvider
from core.synthesis.prompts import Message

OPENAI_URL = "https://api.openai.com/v1"
NAMES = ("openai", "recorded")


class RecordedAnswer(BaseModel):
    """One line of a recordings file: what an LLM once answered for a label of an arm."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    arm: str
    label: str
    content: str
    finish_reason: str = "stop"
    model: str | None = None


Recordings = Mapping[tuple[str, str], Sequence[RecordedAnswer]]


class RecordingsUsedUp(StudyError):
    """There is no recording for this slot, and none for any later one of its label."""


class RecordedProvider:
    """Answers call number i for a label of an arm with its recording number i, at no cost."""

    name = "recorded"

    def __init__(self, answers: Recordings, *, model: str = "recorded") -> None:
        self.model = model
        self.price: budget.Price | None = budget.Price(model=model, input_usd_per_million=0, output_usd_per_million=0)
        self.max_tokens: int | None = None
        self._answers = answers

    async def complete(
        self, messages: Sequence[Message], *, slot_key: SlotKey, max_tokens: int | None = None
    ) -> Answer:
        """The recording of this slot. Raises `RecordingsUsedUp` when there are fewer."""
        recorded = self._answers.get((slot_key.arm, slot_key.label), [])
        if slot_key.index >= len(recorded):
            raise RecordingsUsedUp(
                f"The recordings hold {len(recorded)} answers for label {slot_key.label!r} of arm {slot_key.arm!r} and "
                "all are used. Ask for fewer texts per label, or choose a provider that writes new ones."
            )
        answer = recorded[slot_key.index]
        return Answer(
            content=answer.content,
            finish_reason=answer.finish_reason,
            tokens_in=0,
            tokens_out=0,
            request_id=None,
            model=answer.model or self.model,
            latency_s=0.0,
            is_recorded=True,
        )

    async def close(self) -> None:
        return None


def recordings(path: Path) -> Recordings:
    """The recordings of a JSONL file by (arm, label), in the file's order.

    Keys of a line: arm, label, content, and if known finish_reason and model.

    Raises `StudyError` naming the line that cannot be read.
    """
    if not path.is_file():
        raise StudyError(f"There is no recordings file {path}. Give the path of a JSONL file.")
    found: dict[tuple[str, str], list[RecordedAnswer]] = defaultdict(list)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise StudyError(f"{path.name} cannot be read as UTF-8: {error}.") from error
    for number, line in enumerate(text.split("\n"), start=1):  # other line breaks may stand inside a text
        if not line.strip():
            continue
        try:
            answer = RecordedAnswer.model_validate_json(line)
        except ValidationError as error:
            reason = f"{'.'.join(map(str, error.errors()[0]['loc']))}: {error.errors()[0]['msg']}".removeprefix(": ")
            message = f"Line {number} of {path.name} is no recording: {reason}. Correct or remove it."
            raise StudyError(message) from error
        found[answer.arm, answer.label].append(answer)
    return dict(found)


def open_provider(
    name: str,
    *,
    model: str | None,
    base_url: str | None,
    settings: settings_module.Settings,
    recordings: Recordings | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    price: budget.Price | None = None,
) -> Provider:
    """The provider of this name; `price` overrides the price table. Raises `StudyError` for what is missing."""
    if name == "recorded":
        if recordings is None:
            raise StudyError("The provider 'recorded' needs recordings; none were given. Name a recordings file.")
        return RecordedProvider(recordings, model=model or "recorded")
    if name != "openai":
        known = ", ".join(NAMES)
        raise StudyError(f"There is no provider {name!r}. Known are {known}; any OpenAI-compatible URL is 'openai'.")
    if not model:
        raise StudyError("No model is chosen. Name one, for example --model gpt-4o-mini.")
    url = base_url or settings.openai_base_url or OPENAI_URL
    if not url.startswith(("http://", "https://")):
        raise StudyError(f"The address of an endpoint begins with http:// or https://; found {url!r}.")
    key = settings.openai_api_key or ""
    if not (key.isascii() and (key.isprintable() or not key)):
        raise StudyError("OPENAI_API_KEY holds characters that no key has. Copy it again.")
    if url.rstrip("/") == OPENAI_URL and not settings.openai_api_key:
        raise StudyError(f"A key is needed for {OPENAI_URL}. Set OPENAI_API_KEY, or give another base URL.")
    return OpenAIProvider(
        model,
        base_url=url,
        api_key=settings.openai_api_key,
        temperature=temperature,
        max_tokens=max_tokens,
        price=price,
    )
