"""The connection of a study to language models: models, endpoints and settings of calls; never a key."""

import dataclasses
import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.orm import Session

from core import settings as settings_module
from core.errors import StudyError
from core.llm import probe, providers
from core.llm.answers import Provider
from core.llm.endpoint.endpoint import OpenAIProvider
from core.llm.local import places
from core.llm.money import prices as prices_module
from core.llm.money.prices import Price
from core.llm.probe import Tested
from core.llm.settings import LONGEST_ANSWER_S, CallSettings
from core.study import tasks
from core.study.rows.study import Study

KEPT_AS = "connection"


class Connection(BaseModel):
    """The models of a study, their endpoints and the settings of calls. A connection without models is not usable yet.

    Several models are mixed in one arm, conversation by conversation. A model written `NAME@URL` is asked at that
    endpoint, which is sent the key only if the endpoint is OpenAI's or on the host of `base_url`. `rpm` is the most
    requests a minute over all callers of a model; `timeout` is in seconds for one answer, None is ten minutes;
    `recordings` is the path of a file, for the provider "recorded" only.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: Literal["openai", "local", "recorded"] = "openai"
    models: tuple[str, ...] = ()
    base_url: str | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int | None = Field(default=None, ge=1)
    concurrency: int = Field(default=8, ge=1, le=512)
    rpm: float | None = Field(default=None, gt=0)
    timeout: float | None = Field(default=None, gt=0)
    structured: bool = False
    recordings: str | None = None

    @property
    def calls(self) -> CallSettings:
        """The settings of calls to each model."""
        return CallSettings(
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            timeout_s=self.timeout or LONGEST_ANSWER_S,
            rpm=self.rpm,
            structured=self.structured,
        )


def made(**fields: Any) -> Connection:
    """Return a connection with these fields. Raises `StudyError` for the first field that cannot be used."""
    wanted = _valid(fields)
    if not wanted.models:
        raise StudyError("Which model? Give the name the endpoint knows it by, such as gpt-4o-mini.")
    if len(set(wanted.models)) < len(wanted.models):
        raise StudyError("A model is named twice; every model of a mix has the same share. Name each once.")
    if wanted.provider == "recorded" and not wanted.recordings:
        raise StudyError("Recorded answers are read from a file; none is named. Give the path of a JSONL file.")
    if wanted.provider != "recorded" and wanted.recordings:
        raise StudyError(
            f"Recordings go with the provider 'recorded'; it is {wanted.provider!r}. Leave one of them out."
        )
    _check_addresses(wanted)
    return wanted


def with_scheme(address: str) -> str:
    """An address as people type it with the scheme that was left out: http:// before localhost, an IP address or a host with a port,
    https:// before other hosts. What cannot be read stays as it is."""
    address = address.strip()
    if not address or "://" in address:
        return address
    try:
        parts = urlsplit(f"//{address}")
        is_plain = parts.port is not None or parts.hostname == "localhost" or _is_ip(parts.hostname or "")
    except ValueError:
        return address
    return f"{'http' if is_plain else 'https'}://{address}"


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def of(study: Study) -> Connection:
    """Return the connection kept with a study, `Connection()` if the study has none.

    Raises `StudyError` if the stored connection was edited into something invalid.
    """
    return _valid(study.config.get(KEPT_AS, {}))


def keep(session: Session, study_id: int, connection: Connection) -> None:
    """Store a connection with a study, in place of the earlier one. Raises `StudyError` for an address with a key."""
    _check_addresses(connection)
    study = session.get_one(Study, study_id)
    study.config = {**study.config, KEPT_AS: connection.model_dump(mode="json")}


def check_known(url: str, study: Study, settings: settings_module.Settings) -> None:
    """Raise `StudyError` for an address in the rows of an imported study that nobody has named here: the API key would go there."""
    if not study.config.get(tasks.IMPORTED):
        return
    own = of(study).base_url or settings.openai_base_url or providers.OPENAI_URL
    if urlsplit(url).netloc not in {urlsplit(known).netloc for known in (own, providers.OPENAI_URL)}:
        raise StudyError(
            f"This came with the study and would send your key to {url}. If you trust it, name it: --base-url {url}."
        )


def arguments(connection: Connection) -> list[str]:
    """Return a connection as options of the command generate."""
    fields = connection.model_dump(exclude={"models", "structured"}, exclude_none=True)
    options = [part for name, value in fields.items() for part in (f"--{name.replace('_', '-')}", f"{value}")]
    models = [part for model in connection.models for part in ("--model", model)]
    return [*options, *models, *(["--structured"] if connection.structured else [])]


def split(model: str) -> tuple[str, str | None]:
    """Return the name of a model and the URL after its "@", None if the model is written without a URL."""
    for scheme in ("@https://", "@http://"):
        name, found, rest = model.rpartition(scheme)
        if found:
            return name, f"{scheme[1:]}{rest}"
    return model, None


def check(connection: Connection, settings: settings_module.Settings) -> None:
    """Raise `StudyError` if a connection cannot be opened, as far as that is known without a call or a loaded model."""
    made(**connection.model_dump())
    if connection.provider == "local":
        for model in connection.models:
            places.find(model, settings.home)
        return
    open_all(connection, settings)


def open_all(
    connection: Connection,
    settings: settings_module.Settings,
    *,
    prices: Mapping[str, Price] | None = None,
    calls: CallSettings | None = None,
) -> list[Provider]:
    """Return a provider for each model of the connection, in the order of the models.

    `prices`, by model name, go before the prices of the tables; `calls` goes before the connection's own settings of
    calls. A local model is loaded, so only workers may open a local model. Raises `StudyError` if a provider cannot be opened.
    """
    recorded = providers.recordings(Path(connection.recordings)) if connection.recordings else None
    without_key = dataclasses.replace(settings, openai_api_key=None)
    opened = []
    for model in connection.models:
        name, own_url = split(model) if connection.provider == "openai" else (model, None)
        may_have_key = own_url is None or _may_have_key(own_url, connection.base_url, settings)
        opened.append(
            providers.open_provider(
                connection.provider,
                model=name,
                base_url=own_url or connection.base_url,
                settings=settings if may_have_key else without_key,
                calls=calls or connection.calls,
                price=(prices or {}).get(name) or prices_module.find(settings.home, name),
                recordings=recorded,
            )
        )
    return opened


def test(connection: Connection, settings: settings_module.Settings, *, timeout_s: float = 15.0) -> list[Tested]:
    """Make a small real call to each model, all at once, and return the results in the order of the models.

    Takes at most about `timeout_s` + 5 seconds. A local model is only looked for on this machine, since workers load
    models. Raises `StudyError` if the connection is invalid.
    """
    made(**connection.model_dump())
    if connection.provider == "local":
        return [_tested_local(model, settings.home) for model in connection.models]
    if connection.provider == "recorded":
        return [_tested_recordings(model, str(connection.recordings)) for model in connection.models]
    calls = dataclasses.replace(
        connection.calls, max_tokens=connection.max_tokens or probe.ROOM, timeout_s=timeout_s, tries=1
    )
    results: dict[str, Tested] = {}
    opened: list[tuple[str, OpenAIProvider]] = []
    for model in connection.models:
        try:
            (client,) = open_all(connection.model_copy(update={"models": (model,)}), settings, calls=calls)
        except StudyError as error:
            results[model] = Tested(model, False, str(error))
            continue
        if isinstance(client, OpenAIProvider):
            opened.append((model, client))
    results |= {tested.model: tested for tested in probe.probe(opened, wanted=connection.calls, timeout_s=timeout_s)}
    return [results[model] for model in connection.models]


def offered(connection: Connection, settings: settings_module.Settings) -> list[str]:
    """Return the models that the endpoint at the connection's `base_url` lists; empty if the endpoint lists no model."""
    if connection.provider != "openai":
        return []
    any_model = connection.model_copy(update={"models": ("any",)})
    client = open_all(any_model, settings, calls=dataclasses.replace(connection.calls, tries=1))[0]
    return probe.offered(client) if isinstance(client, OpenAIProvider) else []


def _check_addresses(connection: Connection) -> None:
    for url in [connection.base_url, *(place for _, place in map(split, connection.models))]:
        if url:
            providers.address(url)


def _valid(fields: Mapping[str, Any]) -> Connection:
    try:
        return Connection.model_validate(dict(fields))
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "connection"
        said = first["msg"].replace("Input should be", "is to be")
        raise StudyError(f"The connection cannot be used: {name} {said}; found {first['input']!r}.") from error


def _may_have_key(url: str, base_url: str | None, settings: settings_module.Settings) -> bool:
    """Whether the key may be sent to `url`: to the host that the key was set for, and to OpenAI's host."""
    main = base_url or settings.openai_base_url or providers.OPENAI_URL
    return urlsplit(url).netloc in {urlsplit(main).netloc, urlsplit(providers.OPENAI_URL).netloc}


def _tested_local(model: str, home: Path) -> Tested:
    try:
        where = places.find(model, home).words
    except StudyError as error:
        return Tested(model, False, str(error))
    return Tested(model, True, f"{model} {where}. It is loaded by the worker when texts are generated.")


def _tested_recordings(model: str, path: str) -> Tested:
    try:
        recorded = providers.recordings(Path(path))
    except StudyError as error:
        return Tested(model, False, str(error))
    n = sum(map(len, recorded.values()))
    arms = ", ".join(sorted({arm for arm, _ in recorded}))
    return Tested(model, n > 0, f"{Path(path).name} holds {n} recorded answers, for {arms or 'no arm'}.")
