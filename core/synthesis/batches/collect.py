"""Collecting a batch that has ended: every answer in its files is stored, and what is missing is counted by reason."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import select

from core.llm.answers import SlotKey
from core.llm.endpoint.endpoint import OpenAIProvider
from core.llm.endpoint.failures import Failure
from core.llm.money import prices
from core.study.rows.study import Batch, Completion, Label, Prompt
from core.study.store import Store
from core.synthesis.batches.lines import Reply
from core.synthesis.generation import intake, requests

AT_ONCE = 200
NO_REPLY = "no reply in the files of the batch"

Asked = Mapping[str, Any]


@dataclass(frozen=True)
class Collected:
    """What an ended batch brought. Counters are by label id; `unanswered` pairs a request with why, None if not said.

    `fruitful` counts answers with a text that could be kept, `rejected` what the answers held else, by reason.
    """

    answered: int
    fruitful: Counter[int] = field(default_factory=Counter)
    rejected: dict[int, Counter[str]] = field(default_factory=dict)
    unanswered: list[tuple[Asked, Failure | None]] = field(default_factory=list)

    @property
    def missing(self) -> dict[str, int]:
        """How many requests have no answer, by reason, the most frequent first."""
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
    price: prices.Price | None,
    per_label: int,
) -> Collected:
    """Store the answers to a batch at `price`, those stored by an earlier attempt left as they are."""
    waiting = {str(request["custom_id"]): request for request in batch.requests}
    answered: list[tuple[Asked, Mapping[str, Any]]] = []
    unanswered: list[tuple[Asked, Failure | None]] = []
    for reply in replies:
        request = waiting.pop(reply.custom_id, None)
        if request is None:
            continue
        if reply.body is None:
            unanswered.append((request, reply.failure))
        else:
            answered.append((request, reply.body))
    unanswered += [(request, None) for request in waiting.values()]
    found = Collected(len(answered), unanswered=unanswered)
    new = _new(store, batch, answered)
    maker = _Maker(store, plan, batch, provider=provider, price=price)
    taking = intake.Intake(store, arm_id=batch.arm_id, per_label=per_label)
    for start in range(0, len(new), AT_ONCE):
        kept = taking.keep([maker.row(request, body) for request, body in new[start : start + AT_ONCE]])
        for row, outcome in zip(kept, taking.parse(kept, now=time.time()), strict=True):
            found.fruitful[row.label_id] += outcome.is_fruitful
            found.rejected.setdefault(row.label_id, Counter()).update(outcome.rejected)
    return found


def _new(
    store: Store, batch: Batch, answered: Sequence[tuple[Asked, Mapping[str, Any]]]
) -> list[tuple[Asked, Mapping[str, Any]]]:
    """The answers whose slots have none in the store."""
    slots = select(Completion.label_id, Completion.slot).where(Completion.arm_id == batch.arm_id)
    with store() as session:
        stored = defaultdict(set)
        for label_id, slot in session.execute(slots):
            stored[label_id].add(slot)
    return [(request, body) for request, body in answered if request["slot"] not in stored[request["label_id"]]]


class _Maker:
    """Makes the rows of answers, each with the prompt that its request was written by."""

    def __init__(
        self, store: Store, plan: requests.Plan, batch: Batch, *, provider: OpenAIProvider, price: prices.Price | None
    ) -> None:
        self.plan, self.batch, self.provider, self.price = plan, batch, provider, price
        prompt_ids = {request["prompt_id"] for request in batch.requests}
        with store() as session:
            prompts = session.scalars(select(Prompt).where(Prompt.id.in_(prompt_ids)))
            self.plans = {prompt.id: replace(plan, prompt=prompt) for prompt in prompts}
            labels = session.scalars(select(Label).where(Label.task_id == plan.task.id))
            self.labels = {label.id: label for label in labels}

    def row(self, request: Asked, body: Mapping[str, Any]) -> Completion:
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
