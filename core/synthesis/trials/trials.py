"""Trials: a draft is sent a few times before it is used, exactly as generation would send it."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.llm import answers
from core.llm.answers import Answer, Message, Provider, SlotKey
from core.llm.money import budget
from core.llm.money.committed import Account, Way
from core.llm.money.spending import Spending, cost_of, open_spending
from core.study import claim, samples, tasks
from core.study.rows.kinds import ArmKind, TrialKind
from core.study.rows.study import Arm, Prompt, Study, Task, Trial
from core.study.store import Store
from core.synthesis.generation import intake
from core.synthesis.generation import requests as asking
from core.synthesis.parsing import texts as parsing
from core.synthesis.prompts import examples, versions
from core.synthesis.prompts.versions import Draft

LONGEST_S = 600.0


@dataclass(frozen=True)
class Limits:
    """What a few calls may take: seconds for each, and US dollars for all tries and lists of an arm over all attempts."""

    seconds: float = LONGEST_S
    budget_usd: float | None = None


NO_LIMITS = Limits()


@dataclass(frozen=True)
class Tried:
    """One tried call: what was sent for which label, what came, and what would be kept of it.

    `reason` says why the whole answer held no text, `error` why there is no answer at all; tokens are 0 then.
    `cost_usd` is None when the price is unknown.
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


def try_prompt(
    store: Store,
    *,
    arm_id: int,
    draft: Draft,
    provider: Provider | Sequence[Provider],
    calls: int = 5,
    seed: int = 0,
    limits: Limits = NO_LIMITS,
) -> list[Tried]:
    """Send a draft so many times at once, to the labels in turn, and store every answer before it is read.

    Each call is the first turn of a conversation, and conversation c goes to provider c, counted around. A call that
    fails, or that the budget has no room for, carries its error; the others go on. Raises `StudyError` when the draft
    cannot be sent at all.
    """
    providers = list(provider) if isinstance(provider, Sequence) else [provider]
    plan = _plan(store, arm_id=arm_id, draft=draft, seed=seed)
    turns = [divmod(number, len(plan.labels)) for number in range(calls)]
    requests = [
        asking.request(store, plan, label=plan.labels[at], slot=conversation * draft.turns)
        for conversation, at in turns
    ]
    room = budget.answer_limit(texts_per_call=draft.texts_per_call, words=draft.words)
    with few_calls(store, arm_id=arm_id, limits=limits, calls=calls) as mine:
        with store() as session:
            number = session.scalar(select(func.count(Trial.id)).where(Trial.arm_id == arm_id)) or 0

        async def call(request: asking.Request) -> Tried:
            one = OneCall(
                request.messages,
                trial_key(request.key, number=number),
                {"arm_id": arm_id, "label_id": request.label.id, **of_draft(draft), "kind": TrialKind.TRY},
                room=room,
                seconds=limits.seconds,
            )
            try:
                trial = await ask(store, providers[request.slot // draft.turns % len(providers)], one, spending=mine)
            except StudyError as error:
                return Tried(request.label.name, request.messages, error=str(error))
            return as_tried(trial, label=request.label.name)

        async def together() -> list[Tried]:
            try:
                return await asyncio.gather(*(call(request) for request in requests))
            finally:
                await asyncio.gather(*(one.close() for one in providers))

        return asyncio.run(together())


def of(session: Session, *, arm_id: int, draft: Draft) -> list[Trial]:
    """The stored tries of a draft that says the same, the newest first."""
    found = select(Trial).where(
        Trial.arm_id == arm_id, Trial.draft_hash == versions.digest(draft), Trial.kind == TrialKind.TRY
    )
    return list(session.scalars(found.order_by(Trial.id.desc())))


def as_tried(trial: Trial, *, label: str) -> Tried:
    """A stored try, read again: its texts, and those that would be rejected.

    A text that stands word for word in what was sent is a copy of an example or of a text to rewrite.
    """
    expected = int(trial.draft.get("texts_per_call", 1))
    parsed = parsing.parse(trial.content, finish_reason=trial.finish_reason, expected=expected, label=label)
    sent = " ".join(" ".join(message["content"].split()) for message in trial.request["messages"])
    texts: list[str] = []
    rejected = list(parsed.rejected)
    seen: set[str] = set()
    for text in parsed.texts:
        hashed = samples.text_hash(text)
        reason = intake.COPY if text in sent else samples.DUPLICATE if hashed in seen else None
        seen.add(hashed)
        if reason:
            rejected.append((text, reason))
        else:
            texts.append(text)
    return Tried(
        label=label,
        messages=trial.request["messages"],
        content=trial.content,
        texts=tuple(texts),
        rejected=tuple(rejected),
        reason=parsed.reason,
        tokens_in=trial.tokens_in,
        tokens_out=trial.tokens_out,
        cost_usd=trial.cost_usd,
        latency_s=trial.latency_s,
    )


@dataclass(frozen=True)
class OneCall:
    """A call outside any slot. `row` holds the fields of its `Trial`, `room` the tokens of its answer under a budget."""

    messages: Sequence[Message]
    key: SlotKey
    row: Mapping[str, Any]
    room: int
    seconds: float = LONGEST_S


@contextmanager
def few_calls(store: Store, *, arm_id: int, limits: Limits, calls: int) -> Iterator[Spending]:
    """The spending of so many calls for an arm; other tries and lists of it wait until they have ended.

    Should the block fail otherwise than by a `StudyError`, answers may be paid and not stored, and count as lost.
    """
    with claim.one_at_a_time(store, claim.Claim(claim.Kind.TRY, arm_id), waiting=lambda: None):
        mine = open_spending(store, Account(Way.TRY, arm_id), limit=limits.budget_usd, concurrency=calls)
        try:
            yield mine
        except StudyError:
            mine.settle()
            raise
        mine.settle()


async def ask(store: Store, provider: Provider, call: OneCall, *, spending: Spending) -> Trial:
    """Make a call and store its answer as a `Trial`. Raises `StudyError` without an answer."""
    paid = spending.complete(provider, call.messages, slot_key=call.key, room=call.room)
    try:
        answer = await asyncio.wait_for(paid, call.seconds)
    except TimeoutError:
        raise StudyError(f"{provider.model} gave no answer within {call.seconds:g} seconds. Try again later.") from None
    trial = _row(answer, provider, call)
    with store.write() as session:
        session.add(trial)
    return trial


def trial_key(key: SlotKey, *, number: int) -> SlotKey:
    """The key that a try is sent under: unlike any slot's, and new for every try."""
    return SlotKey(study=f"{key.study} (trial {number})", task=key.task, arm=key.arm, label=key.label, index=key.index)


def of_draft(draft: Draft) -> dict[str, Any]:
    """The fields of a `Trial` that say what was tried."""
    return {"draft": asdict(draft), "draft_hash": versions.digest(draft)}


def _plan(store: Store, *, arm_id: int, draft: Draft, seed: int) -> asking.Plan:
    """What generation would go by if the draft were the arm's latest prompt; the draft is not stored."""
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
        return asking.Plan(session.get_one(Study, task.study_id), task, arm, labels, prompt, pool, seed)


def _row(answer: Answer, provider: Provider, call: OneCall) -> Trial:
    return Trial(
        **call.row,
        provider=provider.name,
        model=answer.model[:200],
        request={"model": provider.model, "messages": list(answer.messages or call.messages), **answer.parameters},
        content=(answer.content or answer.refusal or "").replace("\x00", ""),
        finish_reason=answers.ending(answer),
        tokens_in=answer.tokens_in,
        tokens_out=answer.tokens_out,
        cost_usd=cost_of(provider, answer),
        latency_s=answer.latency_s,
        request_id=answer.request_id[:200] if answer.request_id else None,
    )
