"""Prepare a batch: the requests that an arm still needs, the most that each may cost, and as many as budget and file allow."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from core.llm.endpoint.endpoint import OpenAIProvider
from core.llm.money import budget, committed
from core.llm.money.committed import Account, Way
from core.llm.money.prices import Price
from core.study.rows.study import Batch
from core.study.store import Store
from core.synthesis.batches import jsonl
from core.synthesis.generation import requests
from core.synthesis.generation.quota import Quota
from core.synthesis.limits import BatchLimits

MOST_BYTES = 190_000_000


def prepare(
    store: Store,
    plan: requests.Plan,
    quotas: Sequence[Quota],
    *,
    provider: OpenAIProvider,
    price: Price | None,
    limits: BatchLimits,
) -> Batch | None:
    """A batch of the missing requests, labels in turn, not stored yet; None if nothing is missing.

    Raises `BudgetReached` if the first request could cost more at `price` than the budget has left. The budget bounds
    what the arm costs over all attempts.
    """
    limit = limits.budget_usd
    wanted = [[(quota, slot) for slot in wanted_slots(quota)] for quota in quotas]
    in_turn = [pair for pairs in itertools.zip_longest(*wanted) for pair in pairs if pair]
    rows = (
        _row(store, plan, quota, slot, provider=provider, price=price, is_limited=limit is not None)
        for quota, slot in in_turn
    )
    spent = committed.for_budget(store, Account(Way.GENERATE, plan.arm.id), limit=limit)
    fitting = list(itertools.islice(_fitting(rows, spent=spent, limit=limit), limits.most_requests))
    if not fitting:
        return None
    return Batch(
        arm_id=plan.arm.id,
        key=uuid4().hex,
        provider=provider.name,
        model=provider.model,
        base_url=provider.shown_url,
        requests=fitting,
        counts={
            "requests": len(fitting),
            "most_usd": sum(row["most_usd"] for row in fitting) if limit is not None else 0.0,
        },
    )


def wanted_slots(quota: Quota) -> list[int]:
    """The slots of a label to ask now, all at once: the next turn of as many conversations as the missing texts take."""
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


def stored(
    plan: requests.Plan, request: requests.Request, body: Mapping[str, Any], *, custom_id: str
) -> dict[str, Any]:
    """A request with the body to send as a batch stores it, with the ids that its answer will point to."""
    return {
        "custom_id": custom_id,
        "label_id": request.label.id,
        "label": request.label.name,
        "slot": request.slot,
        "prompt_id": plan.prompt.id,
        "body": body,
        "example_ids": [sample.id for sample in request.examples],
        "source_ids": [sample.id for sample in request.sources],
        "attributes": request.attributes,
    }


def _row(
    store: Store,
    plan: requests.Plan,
    quota: Quota,
    slot: int,
    *,
    provider: OpenAIProvider,
    price: Price | None,
    is_limited: bool,
) -> dict[str, Any]:
    """A request as the batch stores it: its body, the ids that its answer will point to, and the most it can cost.

    If the answer is not limited, the most is that of an answer as long as a budget would allow. Without a `price` it is 0.
    """
    request = requests.request(store, plan, label=quota.label, slot=slot)
    limit = _answer_limit(plan, provider)
    body = provider.body(request.messages, max_tokens=limit if price and is_limited else None)
    row = stored(plan, request, body, custom_id=str(request.key))
    most = price.of(tokens_in=budget.most_tokens_in(body["messages"]), tokens_out=limit) if price else 0.0
    return row | {"most_usd": most}


def _answer_limit(plan: requests.Plan, provider: OpenAIProvider) -> int:
    """The most tokens of an answer, so that its cost has a bound."""
    room = budget.answer_limit(texts_per_call=plan.prompt.texts_per_call, words=plan.prompt.words)
    return provider.max_tokens or room


def _fitting(rows: Iterable[dict[str, Any]], *, spent: float, limit: float | None) -> Iterable[dict[str, Any]]:
    """The first requests that fit the limit in US dollars together, beside `spent`, and whose lines fit one file."""
    held, size = spent, 0
    for number, row in enumerate(rows):
        held += row["most_usd"]
        size += len(jsonl.written(jsonl.ids_and_bodies([row])))
        if limit is not None and held > limit:
            if number == 0:
                raise budget.BudgetReached(
                    f"The budget of ${limit:g} is reached: ${spent:.4f} is spent, or may have been, and the next request "
                    f"of a batch may cost up to ${row['most_usd']:.4f}. Raise the budget to go on.",
                    most=row["most_usd"],
                )
            return
        if size > MOST_BYTES:
            return
        yield row
