"""Clients of a test endpoint, with the settings of calls given as keywords."""

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import fields
from typing import Any

from core.llm.answers import Answer, Provider
from core.llm.endpoint.endpoint import OpenAIProvider
from core.llm.settings import CallSettings

SETTINGS = {field.name for field in fields(CallSettings)}


def client(model: str, *, base_url: str, api_key: str | None = None, **more: Any) -> OpenAIProvider:
    """A provider of a model at `base_url`; `more` are fields of `CallSettings` and further arguments of the provider."""
    settings = CallSettings(**{name: value for name, value in more.items() if name in SETTINGS})
    others = {name: value for name, value in more.items() if name not in SETTINGS}
    return OpenAIProvider(model, base_url=base_url, api_key=api_key, settings=settings, **others)


async def answers(provider: Provider, calls: Iterable[Coroutine[Any, Any, Answer]]) -> list[Answer]:
    """The answers to calls side by side, after which the provider is closed. The first error ends the other calls."""
    running = [asyncio.ensure_future(call) for call in calls]
    try:
        return await asyncio.gather(*running)
    finally:
        for call in running:
            call.cancel()
        await asyncio.wait(running)  # a provider that is closed while calls are under way leaves their sockets open
        await provider.close()
