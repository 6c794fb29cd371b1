"""Asking: what a call for a slot says, apart from how and where it is sent."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from core.errors import StudyError
from core.llm import answers
from core.llm.answers import Answer, Message, Provider, SlotKey
from core.llm.money.spending import cost_of
from core.study import tasks
from core.study.rows.kinds import ArmKind, BatchState
from core.study.rows.study import Arm, Batch, Completion, Label, Prompt, Sample, Study, Task
from core.study.store import Store
from core.synthesis.generation import intake
from core.synthesis.generation.quota import Quota
from core.synthesis.parsing.texts import UNSTORABLE
from core.synthesis.prompts import examples, versions


@dataclass(frozen=True)
class Plan:
    """What an arm is filled with: the prompt of this generation and the real texts it may show."""

    study: Study
    task: Task
    arm: Arm
    labels: list[Label]
    prompt: Prompt
    pool: examples.Pool
    seed: int


@dataclass(frozen=True)
class Request:
    """One call for a slot: its messages, and the examples, sources and attributes that were drawn for it."""

    key: SlotKey
    label: Label
    slot: int
    messages: list[Message]
    examples: list[Sample]
    sources: list[Sample]
    attributes: dict[str, str]


def plan(store: Store, *, arm_id: int, seed: int = 0) -> Plan:
    """What is asked and with which prompt: the arm's latest, or a default one that is stored with it.

    Raises `StudyError` when there is no such arm, when it is the real one, and when texts to show are missing.
    """
    with store.write() as session:
        arm = session.get(Arm, arm_id)
        if arm is None:
            raise StudyError(f"There is no arm with the id {arm_id}. Make it before generating into it.")
        if arm.kind == ArmKind.REAL:
            raise StudyError(f"Arm {arm.name!r} holds real texts; none are generated into it. Name a synthetic arm.")
        task = session.get_one(Task, arm.task_id)
        labels = tasks.labels_of(session, task.id)
        prompt = versions.latest(session, arm_id)
        if prompt is None:
            prompt = versions.save(session, arm_id=arm_id, draft=versions.default(task, labels, kind=ArmKind(arm.kind)))
        pool = examples.pool(
            session, task=task, labels=labels, per_call=prompt.examples, sources=prompt.sources, seed=seed
        )
        return Plan(session.get_one(Study, task.study_id), task, arm, labels, prompt, pool, seed)


def quotas(store: Store, plan: Plan, *, per_label: int, but_batch: int | None = None) -> list[Quota]:
    """Where each label stands, after texts that are paid for and not yet kept have been taken in.

    Slots of a batch that is under way count as asked; those of the batch with the id `but_batch` do not.
    """
    with store() as session:
        left = intake.unparsed(session, plan.arm.id)
    for completion in left:
        intake.parse_stored(store, completion, per_label=per_label, now=time.time())
    held = _held(store, plan.arm.id, but_batch=but_batch)
    return [_quota(store, plan, label, per_label=per_label, held=held.get(label.id, set())) for label in plan.labels]


def request(store: Store, plan: Plan, *, label: Label, slot: int) -> Request:
    """The call for a slot: the same whenever it is made again, as long as prompt, seed and earlier turns are."""
    prompt = plan.prompt
    key = SlotKey(study=plan.study.name, task=plan.task.name, arm=plan.arm.name, label=label.name, index=slot)
    shown, sources = plan.pool.draw(label.id, key), plan.pool.draw_sources(label.id, key)
    attributes = versions.draw(prompt, label=label, slot=slot, seed=plan.seed)
    messages = versions.render(
        prompt,
        task=plan.task,
        label=label,
        labels=plan.labels,
        examples=[sample.text for sample in shown],
        previous=_previous(store, plan, label_id=label.id, slot=slot),
        attributes=attributes,
        sources=[sample.text for sample in sources],
    )
    return Request(key, label, slot, messages, shown, sources, attributes)


def completion(
    plan: Plan, request: Request, answer: Answer, *, provider: Provider, batch_id: int | None = None
) -> Completion:
    """The row of an answer. A refusal that came outside the content is kept as the content."""
    return Completion(
        arm_id=plan.arm.id,
        label_id=request.label.id,
        slot=request.slot,
        prompt_id=plan.prompt.id,
        provider=provider.name,
        model=answer.model[:200],
        request={"model": provider.model, "messages": answer.messages or request.messages, **answer.parameters},
        content=UNSTORABLE.sub("", answer.content or answer.refusal or ""),
        finish_reason=answers.ending(answer),
        tokens_in=answer.tokens_in,
        tokens_out=answer.tokens_out,
        latency_s=answer.latency_s,
        cost_usd=cost_of(provider, answer),
        request_id=answer.request_id[:200] if answer.request_id else None,
        example_ids=[sample.id for sample in request.examples],
        source_ids=[sample.id for sample in request.sources],
        attributes=request.attributes,
        batch_id=batch_id,
        is_recorded=answer.is_recorded,
    )


def _held(store: Store, arm_id: int, *, but_batch: int | None) -> dict[int, set[int]]:
    """The slots of each label, by its id, that batches under way hold."""
    under_way = select(Batch.id, Batch.requests).where(
        Batch.arm_id == arm_id, Batch.state.in_((BatchState.PREPARING, BatchState.SUBMITTED))
    )
    found: dict[int, set[int]] = {}
    with store() as session:
        for batch_id, requests in session.execute(under_way):
            for line in requests if batch_id != but_batch else ():
                found.setdefault(line["label_id"], set()).add(line["slot"])
    return found


def _quota(store: Store, plan: Plan, label: Label, *, per_label: int, held: set[int]) -> Quota:
    kept = intake.restore_surplus(store, arm_id=plan.arm.id, label_id=label.id, per_label=per_label)
    answered = select(Completion.slot, Completion.prompt_id).where(
        Completion.arm_id == plan.arm.id, Completion.label_id == label.id
    )
    with store() as session:
        rows = session.execute(answered).all()
        rejected = intake.rejected(session, plan.arm.id, label_id=label.id, prompt_id=plan.prompt.id)
    return Quota(
        label=label,
        wanted=per_label,
        texts_per_call=plan.prompt.texts_per_call,
        turns=plan.prompt.turns,
        kept=kept,
        asked={slot for slot, _ in rows} | held,
        asked_by_prompt=sum(by == plan.prompt.id for _, by in rows),
        rejected=rejected,
    )


def _previous(store: Store, plan: Plan, *, label_id: int, slot: int) -> Sequence[str]:
    """The usable answers to the same prompt in the earlier turns of a slot's conversation."""
    first = slot - slot % plan.prompt.turns
    if first == slot:
        return ()
    earlier = select(Completion.content).where(
        Completion.arm_id == plan.arm.id,
        Completion.label_id == label_id,
        Completion.slot >= first,
        Completion.slot < slot,
        Completion.prompt_id == plan.prompt.id,
        Completion.reject_reason.is_(None),
    )
    with store() as session:
        return list(session.scalars(earlier.order_by(Completion.slot)))
