"""Parts of a call that an endpoint refused, so that later calls leave them out: collect, store and show them."""

from collections.abc import Sequence

from core.llm.answers import Provider
from core.llm.endpoint.endpoint import OpenAIProvider
from core.study.rows.study import Arm
from core.study.store import ONE_AT_A_TIME, Store


def of(providers: Sequence[Provider]) -> dict[str, list[str]]:
    """Return the refused parts of calls by model, since the providers were opened; models without refused parts are left out."""
    endpoints = [provider for provider in providers if isinstance(provider, OpenAIProvider)]
    return {provider.model: list(provider.not_taken) for provider in endpoints if provider.not_taken}


def counted(providers: Sequence[Provider]) -> dict[str, int]:
    """Return the refused parts, each with its model, as counts of 1: a job's progress holds counts by name."""
    return {f"{part} ({model})": 1 for model, parts in of(providers).items() for part in parts}


def note(store: Store, arm_id: int, providers: Sequence[Provider]) -> None:
    """Store the refused parts of calls with an arm, in addition to the parts stored before."""
    refused = of(providers)
    if not refused:
        return
    with store.write() as session:
        arm = session.get_one(Arm, arm_id, with_for_update=ONE_AT_A_TIME, populate_existing=True)
        merged = {model: [*arm.not_taken.get(model, []), *parts] for model, parts in refused.items()}
        arm.not_taken = arm.not_taken | {model: list(dict.fromkeys(parts)) for model, parts in merged.items()}


def sentence(model: str, parts: Sequence[str]) -> str:
    """Return the sentence for people about the refused parts of a model's calls."""
    return f"{model} does not take {', '.join(parts)}: its calls went without."
