"""The providers of language models, opened by name: an endpoint, a local model, recorded answers."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from core import settings as settings_module
from core.errors import StudyError
from core.llm.answers import Answer, Message, Provider, SlotKey
from core.llm.endpoint.endpoint import OpenAIProvider
from core.llm.local import places
from core.llm.money.prices import Price
from core.llm.settings import USUAL, CallSettings

OPENAI_URL = "https://api.openai.com/v1"
NAMES = ("openai", "local", "recorded")
AZURE = (".openai.azure.com", ".cognitiveservices.azure.com")
SECRET = re.compile(r"key|token|secret|passw|sig|auth|cred", re.IGNORECASE)


class RecordedAnswer(BaseModel):
    """One line of a recordings file: the answer that an LLM once gave for a label of an arm."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    arm: str
    label: str
    content: str
    finish_reason: str = "stop"
    model: str | None = None


Recordings = Mapping[tuple[str, str], Sequence[RecordedAnswer]]


class RecordingsUsedUp(StudyError):
    """The label of a slot has no recording left, for this slot or a later slot."""


class RecordedProvider:
    """Answers call number i for a label of an arm with recording number i of that label and arm, at no cost."""

    name = "recorded"

    def __init__(self, answers: Recordings, *, model: str = "recorded") -> None:
        self.model = model
        self.price: Price | None = Price(model=model, input_usd_per_million=0, output_usd_per_million=0)
        self.max_tokens: int | None = None
        self._answers = answers

    async def complete(
        self, messages: Sequence[Message], *, slot_key: SlotKey, max_tokens: int | None = None
    ) -> Answer:
        """Return the recording of a slot as its answer. Raises `RecordingsUsedUp` if the label has fewer recordings."""
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
    """Return the recordings of a JSONL file by (arm, label), in the order of the file.

    The keys of a line are arm, label, content, and if known finish_reason and model. Raises `StudyError` with the number
    of a line that cannot be read.
    """
    if not path.is_file():
        raise StudyError(f"There is no recordings file {path}. Give the path of a JSONL file.")
    answers: dict[tuple[str, str], list[RecordedAnswer]] = defaultdict(list)
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
        answers[answer.arm, answer.label].append(answer)
    return dict(answers)


@dataclass(frozen=True)
class Address:
    """The URL of an endpoint, and apart from the URL the query (such as Azure's `api-version`) of every request."""

    url: str
    query: Mapping[str, str]

    @property
    def is_azure(self) -> bool:
        """Whether the host is an Azure endpoint, which takes the key in a header of its own."""
        return (urlsplit(self.url).hostname or "").endswith(AZURE)


def address(url: str) -> Address:
    """Return the parts of a base URL. Raises `StudyError` for an invalid URL and for a URL with a key or password."""
    try:
        parts = urlsplit(url.strip())
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        (parts.hostname or "").encode("idna")
    except ValueError:
        parts, is_whole = urlsplit(""), False
    if "@" in (parts.netloc if is_whole else url):
        raise StudyError("The address of an endpoint holds a user name or password. Leave it out: set OPENAI_API_KEY.")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if secret := next((name for name in query if SECRET.search(name)), None):
        raise StudyError(
            f"The address of an endpoint holds {secret!r}, which looks secret. Set OPENAI_API_KEY instead."
        )
    if not is_whole:
        found = re.split("[?#]", url)[0]  # what follows may be a key
        raise StudyError(f"The address of an endpoint begins with http:// or https:// and a host; found {found!r}.")
    if parts.fragment:
        raise StudyError(
            "The address of an endpoint holds a #, which no endpoint reads. Leave out the # and what follows."
        )
    return Address(parts._replace(query="", fragment="").geturl(), query)


def open_provider(
    name: str,
    *,
    model: str | None,
    base_url: str | None,
    settings: settings_module.Settings,
    calls: CallSettings = USUAL,
    price: Price | None = None,
    recordings: Recordings | None = None,
) -> Provider:
    """Return the provider of this name, ready for calls. `price` None looks the price up in the shipped table.

    An endpoint is not called yet; later calls carry the key of `settings`. A local model is loaded, so only workers
    may open a local model.
    Raises `StudyError` for an unknown name, and for a missing model, key or recordings.
    """
    if name == "recorded":
        if recordings is None:
            raise StudyError("The provider 'recorded' needs recordings; none were given. Name a recordings file.")
        return RecordedProvider(recordings, model=model or "recorded")
    if name not in NAMES:
        known = ", ".join(NAMES)
        raise StudyError(f"There is no provider {name!r}. Known are {known}; any OpenAI-compatible URL is 'openai'.")
    if not model:
        raise StudyError("No model is chosen. Name one, for example --model gpt-4o-mini.")
    if name == "local":
        return _open_local(model, settings, calls)
    place = address(base_url or settings.openai_base_url or OPENAI_URL)
    key = settings.openai_api_key
    _check_key(key, place)
    return OpenAIProvider(
        model,
        base_url=place.url,
        api_key=key,
        settings=calls,
        price=price,
        headers={"api-key": key} if key and place.is_azure else None,
        query=place.query,
    )


def _open_local(model: str, settings: settings_module.Settings, calls: CallSettings) -> Provider:
    """Load a local model; a GGUF file is unpacked first, which takes about a minute the first time."""
    from core.llm.local import local_model  # loads torch

    place = places.find(model, settings.home)
    source = place.path
    if source is not None and place.is_gguf:
        from core.llm.local import unpacking  # loads torch

        source = unpacking.folder(source, settings.home)
    return local_model.LocalProvider(
        model,
        source=source,
        temperature=calls.temperature,
        max_tokens=calls.max_tokens or local_model.MAX_TOKENS,
        token=settings.hf_token,
    )


def _check_key(key: str | None, place: Address) -> None:
    if key and not (key.isascii() and key.isprintable()):
        raise StudyError("OPENAI_API_KEY holds characters that no key has. Copy it again.")
    if not key and (place.url.rstrip("/") == OPENAI_URL or place.is_azure):
        raise StudyError(f"A key is needed for {place.url}. Set OPENAI_API_KEY, or give another base URL.")
