"""Test a model with a small call and say the result in words; find local servers and the models of an endpoint."""

import asyncio
import difflib
import json
import math
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import truststore
from yarl import URL

from core import settings as settings_module
from core.errors import ProviderError
from core.llm.answers import Answer, Message, SlotKey
from core.llm.endpoint import proxies
from core.llm.endpoint.endpoint import OpenAIProvider
from core.llm.endpoint.failures import Cause, Failure
from core.llm.settings import CallSettings
from core.wording import listed

OPENAI_URL = "https://api.openai.com/v1"
SERVERS = {"Ollama": 11434, "LM Studio": 1234, "vLLM": 8000, "llama.cpp": 8080}
MESSAGES: list[Message] = [
    {"role": "user", "content": "Write 1 short sentence about the weather, as a list with one number."}
]
ROOM = 500
MOST_NAMED = 5
GRACE_S = 3.0


@dataclass(frozen=True)
class Tested:
    """The result of a small call to a model: `ok` and a `sentence` for people. `latency_s` is nan if no answer came.

    `models_there` are the model names that the endpoint offers, the most similar to `model` first; empty if the
    endpoint lists no model. `is_structured` says whether the answer is JSON by the schema, None if JSON was not asked
    for. `tokens` counts prompt and answer.
    """

    model: str
    ok: bool
    sentence: str
    models_there: list[str] = field(default_factory=list)
    latency_s: float = math.nan
    tokens: int = 0
    is_structured: bool | None = None


@dataclass(frozen=True)
class Found:
    """An endpoint that could be used. `models` are the models that the endpoint lists; empty if the endpoint was not asked.

    `is_here` says that the endpoint is a server that answered on this machine.
    """

    name: str
    base_url: str
    models: tuple[str, ...] = ()
    is_here: bool = False


def detect(
    settings: settings_module.Settings, *, servers: Mapping[str, int] | None = None, timeout_s: float = 0.3
) -> list[Found]:
    """Return the endpoint that the environment names by a key or an address, then the local servers that answer.

    Only ports of this machine are asked, all at once, for `timeout_s` seconds in all. `servers` maps a server's name to
    its port; None takes those of the settings, else the usual ports.
    """
    endpoints = []
    if settings.openai_base_url:
        endpoints.append(Found("OPENAI_BASE_URL", settings.openai_base_url))
    elif settings.openai_api_key:
        endpoints.append(Found("OpenAI", OPENAI_URL))
    if servers is None:
        servers = SERVERS if settings.local_servers is None else settings.local_servers
    return endpoints + asyncio.run(_local(servers, timeout_s))


def probe(providers: Sequence[tuple[str, OpenAIProvider]], *, wanted: CallSettings, timeout_s: float) -> list[Tested]:
    """Call each (model, provider) once, all at once, and return the results; `wanted` are the settings people chose."""

    async def all_of_them() -> list[Tested]:
        calls = (_probe(model, provider, wanted, timeout_s) for model, provider in providers)
        return list(await asyncio.gather(*calls))

    return asyncio.run(all_of_them())


def offered(provider: OpenAIProvider, *, timeout_s: float = 5.0) -> list[str]:
    """Return the models that a provider's endpoint lists; empty if the endpoint lists no model."""

    async def ask() -> list[str]:
        try:
            return await _offered(provider.client_options(), timeout_s=timeout_s)
        finally:
            await provider.close()

    return asyncio.run(ask())


async def _local(servers: Mapping[str, int], timeout_s: float) -> list[Found]:
    async with aiohttp.ClientSession() as client:

        async def ask(name: str, port: int) -> Found | None:
            url = f"http://127.0.0.1:{port}/v1"
            models = await _listed(client, URL(url), timeout_s=timeout_s)
            return None if models is None else Found(name, url, tuple(models), is_here=True)

        asked = await asyncio.gather(*(ask(name, port) for name, port in servers.items()))
    return [place for place in asked if place is not None]


async def _probe(model: str, provider: OpenAIProvider, wanted: CallSettings, timeout_s: float) -> Tested:
    listing = asyncio.create_task(_offered(provider.client_options(), timeout_s=min(5.0, timeout_s)))
    key = SlotKey(study="connection", task="test", arm="test", label="test", index=time.time_ns())
    try:
        async with asyncio.timeout(timeout_s + GRACE_S):
            answer = await provider.complete(MESSAGES, slot_key=key)
    except ProviderError as error:
        offered = _nearest(provider.model, await listing)
        return Tested(model, False, await _explanation(error, provider, offered), offered)
    except TimeoutError:
        sentence = (
            f"{provider.shown_url} gave no answer within {timeout_s:g} seconds: it is slow, or has too many calls."
        )
        return Tested(model, False, f"{sentence} Try again in a minute.", await listing)
    finally:
        await provider.close()
    is_structured = _is_structured(answer) if wanted.structured else None
    ok, sentence = _assessed(model, answer, wanted, is_structured=is_structured, is_priced=provider.price is not None)
    tokens = answer.tokens_in + answer.tokens_out
    return Tested(model, ok, sentence, await listing, answer.latency_s, tokens, is_structured)


def _assessed(
    model: str, answer: Answer, wanted: CallSettings, *, is_structured: bool | None, is_priced: bool
) -> tuple[bool, str]:
    """Return whether an answer can be used, and the sentence about the answer for people."""
    said = f"{model} answered in {answer.latency_s:.1f} s with {answer.tokens_out} tokens."
    limit = wanted.max_tokens
    if answer.refusal:
        return False, f"{said} But it refused a harmless request: {answer.refusal[:200]}"
    if answer.finish_reason == "content_filter":
        return False, f"{said} But a content filter held a harmless answer back. Loosen it where the model is served."
    if answer.finish_reason == "length" and limit:
        return False, f"{said} But the answer was cut: {limit} tokens are too few for it. Allow more tokens an answer."
    if not answer.content.strip():
        return False, f"{said} But the answer is empty. Try another model."
    if wanted.temperature is not None and "temperature" not in answer.parameters:
        said += " It takes no temperature, so it is asked without one."
    if limit and not {"max_tokens", "max_completion_tokens"} & set(answer.parameters):
        said += " It takes no limit on the length of an answer, so it is asked without one."
    if is_structured is False:
        said += " It does not offer JSON by a schema, so lists are read from plain text."
    if not is_priced:
        said += " Its price is unknown, so a budget cannot be kept."
    return True, said


def _is_structured(answer: Answer) -> bool:
    if "response_format" not in answer.parameters:
        return False
    try:
        parsed = json.loads(answer.content)
    except (ValueError, RecursionError):
        return False
    lists = [value for value in parsed.values() if isinstance(value, list)] if isinstance(parsed, dict) else []
    return any(isinstance(text, str) and text.strip() for value in lists for text in value)


async def _explanation(error: ProviderError, provider: OpenAIProvider, offered: Sequence[str]) -> str:
    """Return the sentence about a failed test: the error, or the better explanation that a second look gives."""
    url, failure = provider.shown_url, _failure_behind(error)
    if failure and failure.cause == Cause.NO_TRUST:
        return _insecure(url, failure.said)
    if failure and failure.is_timeout:
        return f"{error} A local server may still be loading the model: then a second test is quick."
    if offered and provider.model not in offered:
        return f"{url} does not know the model {provider.model!r}. It offers {listed(offered, most=MOST_NAMED)}."
    if "base URL" in str(error) and not offered and (better := await _better_url(provider)):
        return f"{url} is not the base URL of an endpoint, but {better} is one. Use that."
    return str(error)


def _insecure(url: str, said: str) -> str:
    if "WRONG_VERSION_NUMBER" in said or "record layer" in said.lower():
        return f"The server at {url} does not speak https. Write http:// if that is meant."
    reason = said.partition("]")[2].partition("(_ssl")[0].strip() or said
    return f"The connection to {url} cannot be trusted: {reason}. Check the address and the server's certificate."


def _failure_behind(error: BaseException) -> Failure | None:
    """Return the failed call in the chain of causes of an error; None if no call failed."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, Failure):
        cause = cause.__cause__ or cause.__context__
    return cause


async def _better_url(provider: OpenAIProvider) -> str | None:
    """Return a base URL close to the provider's own that lists models; None if no URL tried lists models."""
    options = provider.client_options()
    url = provider.shown_url.rstrip("/")
    parts = urlsplit(url)
    root = parts._replace(path="", query="", fragment="").geturl()
    for candidate in dict.fromkeys([url.removesuffix("/chat/completions"), f"{url}/v1", f"{root}/v1"]):
        if candidate != url and await _offered(options | {"base_url": candidate}, timeout_s=1.5):
            return candidate
    return None


async def _offered(options: Mapping[str, Any], *, timeout_s: float) -> list[str]:
    """Return the models that an endpoint lists; empty if the endpoint lists no model or does not answer."""
    headers = {"Authorization": f"Bearer {options['api_key']}", **options["default_headers"]}
    url = URL(options["base_url"]).update_query(options["default_query"])
    trust = aiohttp.TCPConnector(ssl=truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    async with aiohttp.ClientSession(headers=headers, connector=trust, proxy=_proxy(url)) as client:
        return await _listed(client, url, timeout_s=timeout_s) or []


def _proxy(url: URL) -> str | None:
    try:
        return proxies.proxy_for(url)
    except ProviderError:
        return None


async def _listed(client: aiohttp.ClientSession, url: URL, *, timeout_s: float) -> list[str] | None:
    """Return the models that a base URL lists; None if no endpoint answers at the URL."""
    address = (url / "models").update_query(url.query)
    try:
        limit = aiohttp.ClientTimeout(total=timeout_s)
        async with client.get(address, timeout=limit, allow_redirects=False) as response:
            listing = await response.json(content_type=None)
        return [str(model["id"]) for model in listing["data"]]
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _nearest(model: str, offered: Sequence[str]) -> list[str]:
    """Return the offered model names, the most similar to `model` first."""

    def likeness(name: str) -> float:
        return difflib.SequenceMatcher(None, model.lower(), name.lower()).ratio()

    return sorted(offered, key=likeness, reverse=True)
