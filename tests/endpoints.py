"""Clients of a test endpoint, with the settings of calls given as keywords."""

from dataclasses import fields
from typing import Any

from core.llm.endpoint.endpoint import OpenAIProvider
from core.llm.settings import CallSettings

SETTINGS = {field.name for field in fields(CallSettings)}


def client(model: str, *, base_url: str, api_key: str | None = None, **more: Any) -> OpenAIProvider:
    """A provider of a model at `base_url`; `more` are fields of `CallSettings` and further arguments of the provider."""
    settings = CallSettings(**{name: value for name, value in more.items() if name in SETTINGS})
    others = {name: value for name, value in more.items() if name not in SETTINGS}
    return OpenAIProvider(model, base_url=base_url, api_key=api_key, settings=settings, **others)
