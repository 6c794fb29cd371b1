"""What a study is connected to: which models, where, and how they are asked; kept with the study, without a key."""

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
from core.llm.money import prices as prices_module
from core.llm.probe import Found as Found
from core.llm.probe import Tested as Tested
from core.llm.probe import detect as detect
from core.study.rows.study import Study

KEPT_AS = "connection"


class Connection(BaseModel):
    """Which models write the texts, and how they are asked. Without models, nothing is connected yet.

    Several models are mixed in one arm, conversation by conversation. `NAME@URL` asks a model at another endpoint,
    which is sent the key only when it is OpenAI's or on the host of `base_url`. `rpm` is requests a minute over all
    callers of a model; `timeout` is seconds for one answer, None means ten minutes; `recordings` is a file, for the
    provider "recorded".
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


def made(**fields: Any) -> Connection:
    """A connection that can be asked. Raises `StudyError` for the first field that cannot be so."""
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


def of(study: Study) -> Connection:
    """What a study is connected to; `Connection()` when nothing was kept. Raises `StudyError` if it was edited badly."""
    return _valid(study.config.get(KEPT_AS, {}))


def keep(session: Session, study_id: int, connection: Connection) -> None:
    """Keep a connection with its study, in place of an earlier one. Raises `StudyError` for a key in an address."""
    _check_addresses(connection)
    study = session.get_one(Study, study_id)
    study.config = {**study.config, KEPT_AS: connection.model_dump(mode="json")}


def arguments(connection: Connection) -> list[str]:
    """The same as options of the command generate."""
    given = connection.model_dump(exclude={"models", "structured"}, exclude_none=True)
    options = [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", f"{value}")]
    models = [part for model in connection.models for part in ("--model", model)]
    return [*options, *models, *(["--structured"] if connection.structured else [])]


def split(model: str) -> tuple[str, str | None]:
    """The name of a model and the URL after its @, if it has one."""
    for scheme in ("@https://", "@http://"):
        name, found, rest = model.rpartition(scheme)
        if found:
            return name, f"{scheme[1:]}{rest}"
    return model, None


def check(connection: Connection, settings: settings_module.Settings) -> None:
    """Raise `StudyError` when a connection cannot be opened, as far as that shows without calling or loading anything."""
    made(**connection.model_dump())
    if connection.provider == "local":
        for model in connection.models:
            probe.local_model(model)
        return
    open_all(connection, settings)


def open_all(
    connection: Connection,
    settings: settings_module.Settings,
    *,
    prices: Mapping[str, prices_module.Price] | None = None,
    timeout: float | None = None,
    tries: int | None = None,
) -> list[Provider]:
    """A provider for each model, in their order. `prices` by the model's name go before those of `prices.find`.

    Raises `StudyError`. A local model is loaded, which is for workers.
    """
    recorded = providers.recordings(Path(connection.recordings)) if connection.recordings else None
    opened = []
    for model in connection.models:
        name, elsewhere = split(model) if connection.provider == "openai" else (model, None)
        opened.append(
            providers.open_provider(
                connection.provider,
                model=name,
                base_url=elsewhere or connection.base_url,
                settings=settings,
                recordings=recorded,
                temperature=connection.temperature,
                max_tokens=connection.max_tokens,
                price=(prices or {}).get(name) or prices_module.find(settings.home, name),
                rpm=connection.rpm,
                structured=connection.structured,
                is_keyed=elsewhere is None or _may_have_key(elsewhere, connection.base_url, settings),
                timeout=connection.timeout if timeout is None else timeout,
                tries=tries,
            )
        )
    return opened


def test(connection: Connection, settings: settings_module.Settings, *, timeout_s: float = 15.0) -> list[Tested]:
    """A small real call to each model and what it shows in words, all at once, within about `timeout_s` + 5 seconds.

    A local model is only looked for, since loading it is for workers. Raises `StudyError` when none can be called.
    """
    made(**connection.model_dump())
    if connection.provider == "local":
        return [_tested_local(model) for model in connection.models]
    if connection.provider == "recorded":
        return [_tested_recordings(model, str(connection.recordings)) for model in connection.models]
    refused: dict[str, Tested] = {}
    opened: list[tuple[str, OpenAIProvider]] = []
    for model in connection.models:
        one = connection.model_copy(update={"models": (model,), "max_tokens": connection.max_tokens or probe.ROOM})
        try:
            client = open_all(one, settings, timeout=timeout_s, tries=1)[0]
        except StudyError as error:
            refused[model] = Tested(model, False, str(error))
            continue
        if isinstance(client, OpenAIProvider):
            opened.append((model, client))
    wanted = connection.model_dump(include={"temperature", "max_tokens", "structured"})
    tested = {one.model: one for one in probe.probe(opened, wanted=wanted, timeout_s=timeout_s)} | refused
    return [tested[model] for model in connection.models]


def offered(connection: Connection, settings: settings_module.Settings) -> list[str]:
    """The names of the models that the endpoint of a connection lists, whichever it names; empty when it lists none."""
    if connection.provider != "openai":
        return []
    client = open_all(connection.model_copy(update={"models": ("any",)}), settings, tries=1)[0]
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
    """Whether the key may go to a model's own endpoint: to the host it was set for, and to OpenAI."""
    main = base_url or settings.openai_base_url or providers.OPENAI_URL
    return urlsplit(url).netloc in {urlsplit(main).netloc, urlsplit(providers.OPENAI_URL).netloc}


def _tested_local(model: str) -> Tested:
    try:
        where = probe.local_model(model)
    except StudyError as error:
        return Tested(model, False, str(error))
    return Tested(model, True, f"{model} {where}. It is loaded by the worker when texts are generated.")


def _tested_recordings(model: str, path: str) -> Tested:
    try:
        found = providers.recordings(Path(path))
    except StudyError as error:
        return Tested(model, False, str(error))
    n = sum(map(len, found.values()))
    arms = ", ".join(sorted({arm for arm, _ in found}))
    return Tested(model, n > 0, f"{Path(path).name} holds {n} recorded answers, for {arms or 'no arm'}.")
