"""Generation: an arm is filled with texts, label by label, until each has the number asked for.

Everything is stored at once and nothing is paid twice: a slot with a stored answer is never asked again, so a
generation that was stopped or killed goes on where it ended. Two processes on the same arm take turns (`claim.py`);
should two answers for one slot meet all the same, the unique constraint keeps the first.
"""

import asyncio
import functools
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.errors import ProviderPaused, StudyError
from core.study import tasks
from core.study.records import Arm, ArmKind, Completion, Label, Prompt, Sample, SampleStatus, Split, Study, Task
from core.study.store import Store
from core.synthesis import budget, claim, examples, intake, prompts
from core.synthesis.answers import Answer, Provider, SlotKey
from core.synthesis.providers import RecordingsUsedUp
from core.synthesis.quota import Quota

Report = Callable[[int, int, str, Mapping[str, Any]], None]
Ticket = tuple[Quota, int]

REPORT_EVERY_S = 0.5


@dataclass(frozen=True)
class Generated:
    """What an arm has after a generation. All but `seconds` and `stopped` are totals over all attempts.

    `asked` counts texts asked for in stored completions, `rejected` texts and whole answers by reason. `cost_usd` is
    None when a price is unknown. `stopped` says for each label given up why.
    """

    asked: int
    kept: int
    rejected: dict[str, int]
    completions: int
    tokens_in: int
    tokens_out: int
    cost_usd: float | None
    seconds: float
    stopped: dict[str, str]


def silent(done: int, total: int, message: str, extra: Mapping[str, Any]) -> None:
    """A report that goes nowhere."""


def generate(
    store: Store,
    *,
    arm_id: int,
    per_label: int,
    provider: Provider,
    concurrency: int = 8,
    budget_usd: float | None = None,
    seed: int = 0,
    report: Report = silent,
) -> Generated:
    """Fill an arm until every label keeps `per_label` texts, with `concurrency` calls side by side.

    The budget bounds what the arm costs over all attempts. Raises `StudyError` (`ProviderError`, `ProviderPaused`,
    `ProviderRefused` or `BudgetReached`) when it must stop early; the message says what is kept and how to go on.
    """
    if per_label < 1 or concurrency < 1:
        raise StudyError(f"Texts per label and concurrency are 1 or more; they are {per_label} and {concurrency}.")
    check_budget(provider, budget_usd)
    started = time.monotonic()
    waiting = functools.partial(report, 0, 0, "Waiting for another process that fills this arm", {})
    with claim.one_at_a_time(store, arm_id=arm_id, waiting=waiting):
        plan = _plan(store, arm_id=arm_id, seed=seed)
        quotas = _quotas(store, plan, per_label=per_label)
        with store() as session:
            purse = budget.Budget(budget_usd, spent=_spent(session, arm_id))
            if budget_usd is not None and _cost(session, arm_id) is None:
                raise StudyError(
                    "This arm holds answers whose price is unknown, so what it has cost cannot be kept to a budget. "
                    "Generate into another arm, or without a budget."
                )
        asyncio.run(_Generation(store, plan, quotas, provider, purse, report).run(concurrency))
    stopped = {quota.label.name: quota.stopped for quota in quotas if quota.stopped}
    with store() as session:
        return totals(session, arm_id, seconds=time.monotonic() - started, stopped=stopped)


def check_budget(provider: Provider, budget_usd: float | None) -> None:
    """Raise `StudyError` when a budget is set that cannot be kept, since the model's price is unknown."""
    if budget_usd is not None and provider.price is None:
        raise StudyError(
            f"The price of {provider.model!r} is unknown, so the budget of ${budget_usd:g} cannot be kept. "
            "Add the model to core/catalogue/prices.json, or run without a budget."
        )


def totals(session: Session, arm_id: int, *, seconds: float, stopped: Mapping[str, str]) -> Generated:
    """What an arm has, read from the database."""
    asked, completions, tokens_in, tokens_out = session.execute(
        select(
            func.coalesce(func.sum(Prompt.texts_per_call), 0),
            func.count(Completion.id),
            func.coalesce(func.sum(Completion.tokens_in), 0),
            func.coalesce(func.sum(Completion.tokens_out), 0),
        )
        .join(Prompt, Prompt.id == Completion.prompt_id)
        .where(Completion.arm_id == arm_id)
    ).one()
    kept = session.scalar(
        select(func.count(Sample.id)).where(
            Sample.arm_id == arm_id, Sample.status == SampleStatus.KEPT, Sample.split == Split.TRAIN
        )
    )
    return Generated(
        asked=asked,
        kept=kept or 0,
        rejected=_rejected(session, arm_id),
        completions=completions,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost_usd=_cost(session, arm_id),
        seconds=seconds,
        stopped=dict(stopped),
    )


@dataclass(frozen=True)
class _Plan:
    study: Study
    task: Task
    arm: Arm
    labels: list[Label]
    prompt: Prompt
    pool: examples.Pool


def _plan(store: Store, *, arm_id: int, seed: int) -> _Plan:
    """What is asked and with which prompt: the arm's latest, or a default one that is stored with it."""
    with store.write() as session:
        arm = session.get(Arm, arm_id)
        if arm is None:
            raise StudyError(f"There is no arm with the id {arm_id}. Make it before generating into it.")
        if arm.kind == ArmKind.REAL:
            raise StudyError(f"Arm {arm.name!r} holds real texts; none are generated into it. Name a synthetic arm.")
        task = session.get_one(Task, arm.task_id)
        labels = tasks.labels_of(session, task.id)
        prompt = prompts.latest(session, arm_id)
        if prompt is None:
            prompt = prompts.save(session, arm_id=arm_id, draft=prompts.default(task, labels, kind=ArmKind(arm.kind)))
        pool = examples.pool(session, task=task, labels=labels, per_call=prompt.examples, seed=seed)
        return _Plan(session.get_one(Study, task.study_id), task, arm, labels, prompt, pool)


def _quotas(store: Store, plan: _Plan, *, per_label: int) -> list[Quota]:
    """Where each label stands, after texts that are paid for and not yet kept have been taken in."""
    with store() as session:
        left = intake.unparsed(session, plan.arm.id)
    for completion in left:
        intake.parse_stored(store, completion, per_label=per_label, now=time.time())
    quotas = []
    for label in plan.labels:
        kept = intake.restore_surplus(store, arm_id=plan.arm.id, label_id=label.id, per_label=per_label)
        with store() as session:
            rows = session.execute(
                select(Completion.slot, Completion.prompt_id).where(
                    Completion.arm_id == plan.arm.id, Completion.label_id == label.id
                )
            ).all()
        quotas.append(
            Quota(
                label=label,
                wanted=per_label,
                texts_per_call=plan.prompt.texts_per_call,
                turns=plan.prompt.turns,
                kept=kept,
                asked={slot for slot, _ in rows},
                asked_by_prompt=sum(by == plan.prompt.id for _, by in rows),
            )
        )
    return quotas


class _Generation:
    """One run of the event loop: asks slots side by side and hands every answer to a single writing thread."""

    def __init__(
        self, store: Store, plan: _Plan, quotas: list[Quota], provider: Provider, purse: budget.Budget, report: Report
    ) -> None:
        self.store, self.plan, self.quotas = store, plan, quotas
        self.provider, self.purse, self.report = provider, purse, report
        self.writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="intake")
        self.tokens = 0
        self.reported_at = 0.0

    async def run(self, concurrency: int) -> None:
        """Ask until every quota is met or given up. After an error nothing new is asked; answers under way are kept."""
        pending: dict[asyncio.Task[intake.Outcome], Ticket] = {}
        error: BaseException | None = None
        try:
            while True:
                while error is None and len(pending) < concurrency and (ticket := self._next()):
                    pending[asyncio.create_task(self._ask(*ticket))] = ticket
                if not pending:
                    break
                done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    error = self._finish(*pending.pop(task), task) or error
                self._tell(is_last=not pending)
        finally:
            await self.provider.close()
            self.writer.shutdown(wait=True)
        if error is not None:
            raise self._stopped(error) if isinstance(error, StudyError) else error

    def _next(self) -> Ticket | None:
        """The slot to ask next, for the label that has the fewest in flight."""
        for quota in sorted(self.quotas, key=lambda quota: len(quota.in_flight)):
            slot = quota.next_slot()
            if slot is not None:
                quota.start(slot)
                return quota, slot
        return None

    async def _ask(self, quota: Quota, slot: int) -> intake.Outcome:
        """Ask one slot, and store the answer before anything else is done with it."""
        plan, label, prompt = self.plan, quota.label, self.plan.prompt
        key = SlotKey(study=plan.study.name, task=plan.task.name, arm=plan.arm.name, label=label.name, index=slot)
        shown = plan.pool.draw(label.id, key)
        messages = prompts.render(
            prompt,
            task=plan.task,
            label=label,
            labels=plan.labels,
            examples=[sample.text for sample in shown],
            previous=self._previous(label.id, slot),
        )
        most, limit = self._most(messages)
        async with self.purse.hold(most):
            answer = await self.provider.complete(messages, slot_key=key, max_tokens=limit)
            completion = self._completion(answer, messages, label_id=label.id, slot=slot)
            completion.example_ids = [sample.id for sample in shown]
            self.purse.spend(completion.cost_usd)
        self.tokens += answer.tokens_in + answer.tokens_out
        take = functools.partial(intake.take, self.store, completion, per_label=quota.wanted, now=time.time())
        return await asyncio.get_running_loop().run_in_executor(self.writer, take)

    def _previous(self, label_id: int, slot: int) -> list[str]:
        """The usable answers to the same prompt in the earlier turns of a slot's conversation."""
        first = slot - slot % self.plan.prompt.turns
        earlier = select(Completion.content).where(
            Completion.arm_id == self.plan.arm.id,
            Completion.label_id == label_id,
            Completion.slot >= first,
            Completion.slot < slot,
            Completion.prompt_id == self.plan.prompt.id,
            Completion.reject_reason.is_(None),
        )
        with self.store() as session:
            return list(session.scalars(earlier.order_by(Completion.slot)))

    def _most(self, messages: list[prompts.Message]) -> tuple[float, int | None]:
        """The most a request can cost (US dollars) and the limit of its answer (tokens); 0 and None without budget."""
        if self.purse.limit is None or self.provider.price is None:
            return 0.0, None
        prompt = self.plan.prompt
        room = budget.answer_limit(texts_per_call=prompt.texts_per_call, words=prompt.words)
        limit = self.provider.max_tokens or room
        return self.provider.price.of(tokens_in=budget.most_tokens_in(messages), tokens_out=limit), limit

    def _completion(self, answer: Answer, messages: list[prompts.Message], *, label_id: int, slot: int) -> Completion:
        """The row of an answer. A refusal that came outside the content is kept as the content."""
        price = self.provider.price
        return Completion(
            arm_id=self.plan.arm.id,
            label_id=label_id,
            slot=slot,
            prompt_id=self.plan.prompt.id,
            provider=self.provider.name,
            model=answer.model[:200],
            request={"model": self.provider.model, "messages": messages, **answer.parameters},
            content=(answer.content or answer.refusal or "").replace("\x00", ""),
            finish_reason="refusal" if answer.refusal else answer.finish_reason[:50],
            tokens_in=answer.tokens_in,
            tokens_out=answer.tokens_out,
            latency_s=answer.latency_s,
            cost_usd=price.of(tokens_in=answer.tokens_in, tokens_out=answer.tokens_out) if price else None,
            request_id=answer.request_id[:200] if answer.request_id else None,
            is_recorded=answer.is_recorded,
        )

    def _finish(self, quota: Quota, slot: int, task: asyncio.Task[intake.Outcome]) -> BaseException | None:
        """Count what a finished call brought; gives the error that must stop the whole generation, if it is one."""
        error = task.exception()
        if error is None:
            outcome = task.result()
            quota.finish(slot, kept=outcome.kept, is_fruitful=outcome.is_fruitful)
            return None
        quota.abandon(slot)
        if isinstance(error, RecordingsUsedUp):
            quota.stopped = str(error)
            return None
        return error

    def _tell(self, *, is_last: bool) -> None:
        now = time.monotonic()
        if not is_last and now - self.reported_at < REPORT_EVERY_S:
            return
        self.reported_at = now
        extra = {
            "cost_usd": self.purse.spent if self.provider.price else None,
            "tokens": self.tokens,
            "in_flight": sum(len(quota.in_flight) for quota in self.quotas),
        }
        self.report(self._kept, self._wanted, f"Filling arm {self.plan.arm.name}", extra)

    def _stopped(self, error: StudyError) -> StudyError:
        """The same error, also saying what is kept and how to go on."""
        message = (
            f"{error} {self._kept} of {self._wanted} texts are kept, and every answer that came is stored; "
            "the same command goes on from here and pays for nothing twice."
        )
        if isinstance(error, ProviderPaused):
            return ProviderPaused(message, seconds=error.seconds)
        return type(error)(message)

    @property
    def _kept(self) -> int:
        return sum(min(quota.kept, quota.wanted) for quota in self.quotas)

    @property
    def _wanted(self) -> int:
        return sum(quota.wanted for quota in self.quotas)


def _rejected(session: Session, arm_id: int) -> dict[str, int]:
    """Rejected texts and whole answers without a text, by reason, the most frequent first."""
    texts = (
        select(Sample.reject_reason, func.count(Sample.id))
        .where(Sample.arm_id == arm_id, Sample.status == SampleStatus.REJECTED)
        .group_by(Sample.reject_reason)
    )
    answers = (
        select(Completion.reject_reason, func.count(Completion.id))
        .where(Completion.arm_id == arm_id, Completion.reject_reason.is_not(None))
        .group_by(Completion.reject_reason)
    )
    found: Counter[str] = Counter()
    for query in (texts, answers):
        found.update({reason or "unknown": n for reason, n in session.execute(query)})
    return dict(found.most_common())


def _cost(session: Session, arm_id: int) -> float | None:
    """What an arm has cost in US dollars over all attempts; None when the price of an answer is unknown."""
    unpriced = session.scalar(
        select(func.count(Completion.id)).where(Completion.arm_id == arm_id, Completion.cost_usd.is_(None))
    )
    return None if unpriced else _spent(session, arm_id)


def _spent(session: Session, arm_id: int) -> float:
    """What is known of the cost of an arm over all attempts, in US dollars."""
    return session.scalar(select(func.sum(Completion.cost_usd)).where(Completion.arm_id == arm_id)) or 0.0
