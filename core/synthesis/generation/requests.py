"""What the call for a slot says: its messages with the drawn examples and attributes, and the row of its answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.llm import received
from core.llm.answers import Answer, Message, Provider, SlotKey
from core.study import tasks
from core.study.rows.kinds import ArmKind
from core.study.rows.study import Arm, Completion, Label, Prompt, Sample, Study, Task
from core.study.store import Store
from core.synthesis.generation import samples_from_answers, standing
from core.synthesis.generation.quota import Quota
from core.synthesis.prompts import drafts, examples, versions


@dataclass(frozen=True)
class Plan:
    """What an arm is filled with: its prompt version, its labels, and the real texts that a call may show."""

    study: Study
    task: Task
    arm: Arm
    labels: list[Label]
    prompt: Prompt
    pool: examples.Pool
    seed: int


@dataclass(frozen=True)
class Request:
    """The call for a slot: its messages, and the examples, sources and attribute values that were drawn for it."""

    key: SlotKey
    label: Label
    slot: int
    messages: list[Message]
    examples: list[Sample]
    sources: list[Sample]
    attributes: dict[str, str]


def plan(store: Store, *, arm_id: int, seed: int = 0) -> Plan:
    """The plan of an arm, with its latest prompt version; an arm without a prompt first gets the default of its kind.

    Raises `StudyError` if there is no such arm, if it is the real arm, or if there are too few real texts to show.
    """
    with store.write() as session:
        arm = session.get(Arm, arm_id)
        if arm is None:
            raise StudyError(f"There is no arm with the id {arm_id}. Make it before generating into it.")
        if arm.kind == ArmKind.REAL:
            raise StudyError(
                f"Arm {arm.name!r} holds real texts; no texts are generated into it. Name a synthetic arm."
            )
        task = session.get_one(Task, arm.task_id)
        labels = tasks.labels_of(session, task.id)
        prompt = versions.latest(session, arm_id)
        if prompt is None:
            prompt = versions.save(session, arm_id=arm_id, draft=drafts.default(task, labels, kind=arm.kind))
        pool = examples.pool(
            session, task=task, labels=labels, per_call=prompt.examples, sources=prompt.sources, seed=seed
        )
        return Plan(session.get_one(Study, task.study_id), task, arm, labels, prompt, pool, seed)


def with_prompt(session: Session, plan: Plan, prompt: Prompt) -> Plan:
    """The plan with another prompt version of the arm and the real texts that this version shows, as after a restart."""
    pool = examples.pool(
        session, task=plan.task, labels=plan.labels, per_call=prompt.examples, sources=prompt.sources, seed=plan.seed
    )
    return replace(plan, prompt=prompt, pool=pool)


def quotas(store: Store, plan: Plan, *, per_label: int) -> list[Quota]:
    """The quota of each label, after texts that are paid for and could be kept have been kept.

    Slots that batches under way hold count as asked.
    """
    arm_id = plan.arm.id
    samples_from_answers.parse_left_over(store, arm_id, per_label=per_label)
    kept = {
        label.id: samples_from_answers.restore_surplus(store, arm_id=arm_id, label_id=label.id, per_label=per_label)
        for label in plan.labels
    }
    with store() as session:
        slots = standing.slots(session, arm_id)
        rejected = standing.rejected_by_label(session, arm_id, prompt_id=plan.prompt.id)
    found = []
    for label in plan.labels:
        answered = slots.answered.get(label.id, {})
        quota = Quota(
            label=label,
            wanted=per_label,
            texts_per_call=plan.prompt.texts_per_call,
            turns=plan.prompt.turns,
            kept=kept[label.id],
            asked=set(answered) | slots.held.get(label.id, set()),
            asked_by_prompt=sum(prompt_id == plan.prompt.id for prompt_id in answered.values()),
        )
        quota.rejected.update(rejected.get(label.id, {}))
        found.append(quota)
    return found


def request(store: Store, plan: Plan, *, label: Label, slot: int) -> Request:
    """The call for a slot. It is the same every time while prompt version, seed and the answers of earlier turns are."""
    prompt = plan.prompt
    key = SlotKey(study=plan.study.name, task=plan.task.name, arm=plan.arm.name, label=label.name, index=slot)
    shown, sources = plan.pool.draw(label.id, key), plan.pool.draw_sources(label.id, key)
    attributes = versions.draw(prompt, label=label, slot=slot, seed=plan.seed)
    messages = versions.render(
        prompt,
        task=plan.task,
        label=label,
        labels=plan.labels,
        drawn=versions.Drawn([sample.text for sample in shown], [sample.text for sample in sources], attributes),
        previous=_previous(store, plan, label_id=label.id, slot=slot),
    )
    return Request(key, label, slot, messages, shown, sources, attributes)


def completion(
    plan: Plan, request: Request, answer: Answer, *, provider: Provider, batch_id: int | None = None
) -> Completion:
    """The row of an answer, not stored yet."""
    return Completion(
        arm_id=plan.arm.id,
        label_id=request.label.id,
        slot=request.slot,
        prompt_id=plan.prompt.id,
        example_ids=[sample.id for sample in request.examples],
        source_ids=[sample.id for sample in request.sources],
        attributes=request.attributes,
        batch_id=batch_id,
        is_recorded=answer.is_recorded,
        **vars(received.received(provider, request.messages, answer)),
        **received.origin(provider, answer),
    )


def _previous(store: Store, plan: Plan, *, label_id: int, slot: int) -> Sequence[str]:
    """The answers with texts that the same prompt version got in the earlier turns of a slot's conversation."""
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
