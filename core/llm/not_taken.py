"""What models did not take: parts of a call that an endpoint refused, so that calls went on without them, and who is told."""

from collections.abc import Sequence

from core.llm.answers import Provider
from core.llm.endpoint.endpoint import OpenAIProvider
from core.study.rows.study import Arm
from core.study.store import ONE_AT_A_TIME, Store


def of(providers: Sequence[Provider]) -> dict[str, list[str]]:
    """The parts of a call that each model did not take since it was opened; empty where all was taken."""
    asked = [provider for provider in providers if isinstance(provider, OpenAIProvider)]
    return {provider.model: list(provider.not_taken) for provider in asked if provider.not_taken}


def counted(providers: Sequence[Provider]) -> dict[str, int]:
    """The same as counts by name, the form in which a job's progress keeps facts."""
    return {f"{part} ({model})": 1 for model, parts in of(providers).items() for part in parts}


def note(store: Store, arm_id: int, providers: Sequence[Provider]) -> None:
    """Keep with an arm what the models that write its texts did not take."""
    found = of(providers)
    if not found:
        return
    with store.write() as session:
        arm = session.get_one(Arm, arm_id, with_for_update=ONE_AT_A_TIME, populate_existing=True)
        known = {model: [*arm.not_taken.get(model, []), *parts] for model, parts in found.items()}
        arm.not_taken = arm.not_taken | {model: list(dict.fromkeys(parts)) for model, parts in known.items()}


def sentence(model: str, parts: Sequence[str]) -> str:
    """What is told to people."""
    return f"{model} does not take {', '.join(parts)}: its calls went without."
