"""Collect a batch that has ended: store every answer in its files, and count the missing answers by reason."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import select

from core.llm.answers import SlotKey
from core.llm.endpoint.endpoint import OpenAIProvider
from core.llm.endpoint.failures import Failure
from core.llm.money.prices import Price
from core.study.chunks import chunks
from core.study.rows.study import Batch, Completion, Label, Prompt
from core.study.store import Store
from core.synthesis.batches.jsonl import Reply
from core.synthesis.generation import requests, samples_from_answers, standing

AT_ONCE = 200
NO_REPLY = "no reply in the files of the batch"

StoredRequest = Mapping[str, Any]  # as `prepare` made it


@dataclass(frozen=True)
class Collected:
    """What an ended batch brought.

    `fruitful` counts answers with a text that could be kept, `fruitless` answers without such a text, by label id; `rejected`
    counts the other texts of each label id, by reason. All three count the answers that an earlier attempt stored, too.
    `unanswered` pairs each request without an answer with its failure, None if the files do not mention it.
    """

    answered: int
    fruitful: Counter[int] = field(default_factory=Counter)
    fruitless: Counter[int] = field(default_factory=Counter)
    rejected: dict[int, Counter[str]] = field(default_factory=dict)
    unanswered: list[tuple[StoredRequest, Failure | None]] = field(default_factory=list)

    @property
    def missing(self) -> dict[str, int]:
        """The number of requests without an answer, by reason, the most frequent first."""
        return dict(Counter(reason(failure) for _, failure in self.unanswered).most_common())


def reason(failure: Failure | None) -> str:
    """Why a request has no answer, in a few words."""
    if failure is None:
        return NO_REPLY
    return failure.code.replace("_", " ") or (f"status {failure.status}" if failure.status else failure.said[:80])


def collect(
    store: Store,
    plan: requests.Plan,
    batch: Batch,
    replies: Iterable[Reply],
    *,
    provider: OpenAIProvider,
    price: Price | None,
    per_label: int,
) -> Collected:
    """Store the answers to a batch at `price`; answers that an earlier attempt stored are left as they are."""
    waiting = {str(request["custom_id"]): request for request in batch.requests}
    answered: list[tuple[StoredRequest, Mapping[str, Any]]] = []
    unanswered: list[tuple[StoredRequest, Failure | None]] = []
    for reply in replies:
        request = waiting.pop(reply.custom_id, None)
        if request is None:
            continue
        if reply.body is None:
            unanswered.append((request, reply.failure))
        else:
            answered.append((request, reply.body))
    unanswered += [(request, None) for request in waiting.values()]
    samples_from_answers.parse_left_over(store, batch.arm_id, per_label=per_label)  # of an attempt that was killed
    new = _not_stored(store, batch, answered)
    rows = CompletionMaker(store, plan, batch, provider=provider, price=price)
    writer = samples_from_answers.SampleWriter(store, arm_id=batch.arm_id, per_label=per_label)
    for chunk in chunks(new, AT_ONCE):
        stored = writer.store_answers([rows.make(request, body) for request, body in chunk])
        writer.store_texts(stored, now=time.time())
    with store() as session:
        fruitful, fruitless = samples_from_answers.fruits(session, batch_id=batch.id)
        rejected = standing.rejected_by_label(session, batch.arm_id, batch_id=batch.id)
    return Collected(len(answered), fruitful, fruitless, rejected, unanswered)


def _not_stored(
    store: Store, batch: Batch, answered: Sequence[tuple[StoredRequest, Mapping[str, Any]]]
) -> list[tuple[StoredRequest, Mapping[str, Any]]]:
    """The answers whose slots have no stored answer."""
    with store() as session:
        stored = standing.slots(session, batch.arm_id).answered
    return [(request, body) for request, body in answered if request["slot"] not in stored.get(request["label_id"], {})]


class CompletionMaker:
    """Makes the rows of answers, each with the prompt version that wrote its request."""

    def __init__(
        self, store: Store, plan: requests.Plan, batch: Batch, *, provider: OpenAIProvider, price: Price | None
    ) -> None:
        self.batch, self.provider, self.price = batch, provider, price
        prompt_ids = {request["prompt_id"] for request in batch.requests}
        with store() as session:
            prompts = session.scalars(select(Prompt).where(Prompt.id.in_(prompt_ids)))
            self.plans = {prompt.id: replace(plan, prompt=prompt) for prompt in prompts}
            labels = session.scalars(select(Label).where(Label.task_id == plan.task.id))
            self.labels = {label.id: label for label in labels}

    def make(self, request: StoredRequest, body: Mapping[str, Any]) -> Completion:
        """The row of an answer, given its request as stored in the batch and the JSON of its chat completion."""
        sent = request["body"]
        answer = self.provider.answer(body, sent=sent)
        plan, label = self.plans[request["prompt_id"]], self.labels[request["label_id"]]
        key = SlotKey(plan.study.name, plan.task.name, plan.arm.name, label.name, request["slot"])
        asked = requests.Request(key, label, request["slot"], sent["messages"], [], [], request["attributes"])
        row = requests.completion(plan, asked, answer, provider=self.provider, batch_id=self.batch.id)
        row.request = dict(sent)
        row.example_ids, row.source_ids = request["example_ids"], request["source_ids"]
        row.cost_usd = self.price.of(tokens_in=answer.tokens_in, tokens_out=answer.tokens_out) if self.price else None
        return row
