"""Try a prompt: make a few calls with a draft, as a generation would make them, and say which texts would be kept."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.llm import received
from core.llm.answers import Message, Provider, SlotKey
from core.llm.money import budget
from core.llm.money.committed import Account, Way
from core.llm.money.spending import Spending, open_spending
from core.study import claim, samples, tasks
from core.study.rows.kinds import ArmKind, TrialKind
from core.study.rows.study import Arm, Label, Prompt, Study, Task, Trial
from core.study.splits import equal_texts
from core.study.store import Store
from core.synthesis.generation import requests, samples_from_answers
from core.synthesis.generation.obedience import Obedience
from core.synthesis.limits import TRY_WITHOUT_BUDGET, TryLimits
from core.synthesis.parsing import slips
from core.synthesis.parsing import texts as parsing
from core.synthesis.prompts import examples, versions
from core.synthesis.prompts.drafts import Draft


@dataclass(frozen=True)
class Tried:
    """One tried call: its label, the messages, the answer, and the texts of the answer that would be kept or rejected.

    `reason` says why the whole answer held no text. `error` says why there is no answer; the tokens are 0 then.
    `cost_usd` is None if the price is unknown. `asked` is the number of texts that the call of `model` asked for.
    """

    label: str
    messages: list[Message]
    content: str = ""
    texts: tuple[str, ...] = ()
    rejected: tuple[tuple[str, str], ...] = ()
    reason: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = None
    latency_s: float = 0.0
    error: str | None = None
    model: str = ""
    asked: int = 0


def try_prompt(
    store: Store,
    *,
    arm_id: int,
    draft: Draft,
    provider: Provider | Sequence[Provider],
    calls: int = 5,
    seed: int = 0,
    limits: TryLimits = TRY_WITHOUT_BUDGET,
) -> list[Tried]:
    """Make a number of calls with a draft, some side by side, for the labels in turn, and return what each call brought.

    Every answer is stored before it is read. Each call is the first turn of a conversation. Several providers take the labels
    of each round in turn, and a label's calls go round all providers. A call that fails, or that the budget has no room for,
    carries its error, and the other calls go on. Raises `StudyError` if the draft cannot be sent at all.
    """
    providers = list(provider) if isinstance(provider, Sequence) else [provider]
    plan = _plan(store, arm_id=arm_id, draft=draft, seed=seed)
    asked = list(_asked(store, plan, providers, calls=calls))
    room = budget.answer_limit(texts_per_call=draft.texts_per_call, words=draft.words)
    with few_calls(store, arm_id=arm_id, limits=limits, calls=calls) as spending:
        number = _tries(store, arm_id)
        turns = asyncio.Semaphore(limits.concurrency)

        async def call(request: requests.Request, provider: Provider) -> Tried:
            try_call = OneCall(
                request.messages,
                trial_key(request.key, number=number),
                {"arm_id": arm_id, "label_id": request.label.id, **of_draft(draft), "kind": TrialKind.TRY},
                room=room,
            )
            try:
                async with turns:
                    trial = await ask(store, provider, try_call, spending=spending)
            except StudyError as error:
                return Tried(request.label.name, request.messages, error=str(error))
            return as_tried(trial, task=plan.task, labels=plan.labels)

        async def together() -> list[Tried]:
            try:
                return await asyncio.gather(*(call(request, provider) for request, provider in asked))
            finally:
                await asyncio.gather(*(provider.close() for provider in providers))

        return asyncio.run(together())


def _tries(store: Store, arm_id: int) -> int:
    """The number of stored tries of an arm."""
    with store() as session:
        return session.scalar(select(func.count(Trial.id)).where(Trial.arm_id == arm_id)) or 0


def of(session: Session, *, arm_id: int, draft: Draft) -> list[Trial]:
    """The stored tries of an arm with an equal draft, newest first."""
    found = select(Trial).where(
        Trial.arm_id == arm_id, Trial.draft_hash == versions.digest(draft), Trial.kind == TrialKind.TRY
    )
    return list(session.scalars(found.order_by(Trial.id.desc())))


def as_tried(trial: Trial, *, task: Task, labels: Sequence[Label]) -> Tried:
    """A stored try with the texts of its answer that a generation for the `task` with these `labels` would keep or reject.

    A text that stands word for word in the messages is a copy of an example or of a text to rewrite; without such texts
    it repeats the prompt.
    """
    draft = Draft(**trial.draft)
    asked = versions.asked(draft, task, labels, label_id=trial.label_id)
    parsed = parsing.parse(trial.content, finish_reason=trial.finish_reason, expected=draft.texts_per_call, asked=asked)
    copied = samples_from_answers.COPY if draft.examples or draft.sources else slips.ECHO
    sent = " ".join(" ".join(message["content"].split()) for message in trial.request["messages"])
    texts: list[str] = []
    rejected = list(parsed.rejected)
    seen: set[str] = set()
    for text in parsed.texts:
        hashed = equal_texts.text_hash(text)
        reason = copied if text in sent else samples.DUPLICATE if hashed in seen else None
        seen.add(hashed)
        if reason:
            rejected.append((text, reason))
        else:
            texts.append(text)
    return Tried(
        label=asked.label,
        messages=trial.request["messages"],
        content=trial.content,
        texts=tuple(texts),
        rejected=tuple(rejected),
        reason=parsed.reason,
        tokens_in=trial.tokens_in,
        tokens_out=trial.tokens_out,
        cost_usd=trial.cost_usd,
        latency_s=trial.latency_s,
        model=trial.model,
        asked=draft.texts_per_call,
    )


def obedience_of(tried: Sequence[Tried]) -> list[Obedience]:
    """How far each model followed the prompt in tried calls, in the order of the models; calls without an answer are left out."""
    answered = [call for call in tried if call.error is None]
    found = []
    for model in dict.fromkeys(call.model for call in answered):
        calls = [call for call in answered if call.model == model]
        reasons = Counter(reason for call in calls for _, reason in call.rejected if reason != parsing.OUTSIDE)
        texts = [(text, call.label) for call in calls for text in call.texts]
        found.append(
            Obedience(
                model, len(calls), sum(call.asked for call in calls), len(texts) + sum(reasons.values()),
                reasons[slips.ECHO], reasons[slips.SPEAKS_OF_LABEL],
                len(texts), sum(slips.names_label(text, label) for text, label in texts),
            )
        )  # fmt: skip
    return found


@dataclass(frozen=True)
class OneCall:
    """A call that fills no slot.

    `row` holds the fields of its `Trial`. `room` is the most tokens of its answer under a budget.
    """

    messages: Sequence[Message]
    key: SlotKey
    row: Mapping[str, Any]
    room: int


@contextmanager
def few_calls(store: Store, *, arm_id: int, limits: TryLimits, calls: int) -> Iterator[Spending]:
    """Open the spending of a number of calls of an arm; other tries and lists of kinds of the arm wait until the block ends.

    If the block fails by another error than `StudyError`, answers may be paid and not stored, and count as lost.
    """
    with claim.one_at_a_time(store, claim.Claim(claim.Kind.TRY, arm_id), waiting=lambda: None):
        at_once = min(calls, limits.concurrency)
        spending = open_spending(store, Account(Way.TRY, arm_id), limit=limits.budget_usd, concurrency=at_once)
        try:
            yield spending
        except StudyError:
            spending.settle()
            raise
        spending.settle()


async def ask(store: Store, provider: Provider, call: OneCall, *, spending: Spending) -> Trial:
    """Make a call and store its answer as a `Trial`. Raises `StudyError` if no answer comes in the time of the provider's settings."""
    answer = await spending.complete(provider, call.messages, slot_key=call.key, room=call.room)
    trial = Trial(
        **call.row,
        **vars(received.received(provider, call.messages, answer)),
        **received.origin(provider, answer),
    )
    with store.write() as session:
        session.add(trial)
    return trial


def trial_key(key: SlotKey, *, number: int) -> SlotKey:
    """The key that a try is sent under: it differs from the key of every slot and of every earlier try."""
    return SlotKey(study=f"{key.study} (trial {number})", task=key.task, arm=key.arm, label=key.label, index=key.index)


def of_draft(draft: Draft) -> dict[str, Any]:
    """The fields of a `Trial` that hold its draft."""
    return {"draft": asdict(draft), "draft_hash": versions.digest(draft)}


def _asked(
    store: Store, plan: requests.Plan, providers: Sequence[Provider], *, calls: int
) -> Iterator[tuple[requests.Request, Provider]]:
    """The first calls for the labels in turn, each with its provider: of every round of labels, and of every label's calls, in turn."""
    for number in range(calls):
        conversation, at = divmod(number, len(plan.labels))
        request = requests.request(store, plan, label=plan.labels[at], slot=conversation * plan.prompt.turns)
        yield request, providers[(conversation + at) % len(providers)]


def _plan(store: Store, *, arm_id: int, draft: Draft, seed: int) -> requests.Plan:
    """The plan of a generation as if the draft were the arm's latest prompt version; the draft is not stored."""
    with store() as session:
        arm = session.get(Arm, arm_id)
        if arm is None or arm.kind == ArmKind.REAL:
            raise StudyError("A prompt is tried for a synthetic arm. Name one, such as zero-shot.")
        task = session.get_one(Task, arm.task_id)
        labels = tasks.labels_of(session, task.id)
        versions.check(draft, labels=[label.name for label in labels])
        pool = examples.pool(
            session, task=task, labels=labels, per_call=draft.examples, sources=draft.sources, seed=seed
        )
        prompt = Prompt(arm_id=arm_id, version=0, **asdict(draft))
        return requests.Plan(session.get_one(Study, task.study_id), task, arm, labels, prompt, pool, seed)
