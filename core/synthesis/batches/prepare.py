"""Preparing a batch: what an arm still needs becomes lines, as many as the budget and one file take."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import uuid4

from core.llm.answers import Message
from core.llm.endpoint.endpoint import OpenAIProvider
from core.llm.money import budget, committed, prices
from core.llm.money.committed import Account, Way
from core.study.rows.study import Batch
from core.study.store import Store
from core.synthesis.batches import lines as batch_lines
from core.synthesis.generation import requests as asking
from core.synthesis.generation.quota import Quota

MOST_BYTES = 190_000_000


def prepare(
    store: Store,
    plan: asking.Plan,
    quotas: Sequence[Quota],
    *,
    provider: OpenAIProvider,
    price: prices.Price | None,
    budget_usd: float | None,
    most_requests: int,
) -> Batch | None:
    """A batch, not stored yet, of what is missing, labels in turn; None when nothing is.

    Raises `BudgetReached` when the most that the first request can cost at `price` does not fit the budget, which
    bounds what the arm costs over all attempts.
    """
    wanted = [[(quota, slot) for slot in wanted_slots(quota)] for quota in quotas]
    in_turn = [pair for pairs in itertools.zip_longest(*wanted) for pair in pairs if pair]
    lines = (
        _line(store, plan, quota, slot, provider=provider, price=price if budget_usd is not None else None)
        for quota, slot in in_turn
    )
    spent = committed.for_budget(store, Account(Way.GENERATE, plan.arm.id), limit=budget_usd)
    requests = list(itertools.islice(_fitting(lines, spent=spent, limit=budget_usd), most_requests))
    if not requests:
        return None
    return Batch(
        arm_id=plan.arm.id,
        key=uuid4().hex,
        provider=provider.name,
        model=provider.model,
        base_url=provider.shown_url,
        requests=requests,
        counts={"requests": len(requests), "most_usd": sum(request["most_usd"] for request in requests)},
    )


def wanted_slots(quota: Quota) -> list[int]:
    """The slots of a label to ask for now, all at once: the next turn of as many conversations as are needed."""
    if quota.next_slot() is None:
        return []
    left = -(-quota.missing // quota.texts_per_call)
    found: list[int] = []
    busy: set[int] = set()
    slot = 0
    while left:
        if slot not in quota.asked:
            left -= 1
            conversation = slot // quota.turns
            if conversation not in busy:
                busy.add(conversation)
                found.append(slot)
        slot += 1
    return found


def _line(
    store: Store, plan: asking.Plan, quota: Quota, slot: int, *, provider: OpenAIProvider, price: prices.Price | None
) -> dict[str, Any]:
    """A request as it is kept: what is sent, what the stored answer will point to, and the most it can cost."""
    asked = asking.request(store, plan, label=quota.label, slot=slot)
    limit = _limit(plan, provider) if price else None
    body = provider.body(asked.messages, max_tokens=limit)
    return {
        "custom_id": str(asked.key),
        "label_id": quota.label.id,
        "slot": slot,
        "prompt_id": plan.prompt.id,
        "body": body,
        "example_ids": [sample.id for sample in asked.examples],
        "source_ids": [sample.id for sample in asked.sources],
        "attributes": asked.attributes,
        "most_usd": _most(body["messages"], price, limit),
    }


def _limit(plan: asking.Plan, provider: OpenAIProvider) -> int:
    """The tokens that an answer may have, so that its cost has a bound."""
    room = budget.answer_limit(texts_per_call=plan.prompt.texts_per_call, words=plan.prompt.words)
    return provider.max_tokens or room


def _most(messages: Sequence[Message], price: prices.Price | None, limit: int | None) -> float:
    return price.of(tokens_in=budget.most_tokens_in(messages), tokens_out=limit) if price and limit else 0.0


def _fitting(requests: Iterable[dict[str, Any]], *, spent: float, limit: float | None) -> Iterable[dict[str, Any]]:
    """The first requests whose most fits the limit and whose lines fit one file."""
    held, size = spent, 0
    for number, request in enumerate(requests):
        held += request["most_usd"]
        size += len(batch_lines.written(batch_lines.ids([request])))
        if limit is not None and held > limit:
            if number == 0:
                raise budget.BudgetReached(
                    f"The budget of ${limit:g} is reached: ${spent:.4f} is spent, or may have been, and the next request of a batch may "
                    f"cost up to ${request['most_usd']:.4f}. Raise the budget to go on.",
                    most=request["most_usd"],
                )
            return
        if size > MOST_BYTES:
            return
        yield request
