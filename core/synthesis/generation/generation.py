"""Generation: an arm is filled with texts, label by label, until each has the number asked for.

Everything is stored at once and nothing is paid twice: a slot with a stored answer is never asked again, so a
generation that was stopped or killed goes on where it ended. Two processes on the same arm take turns (`claim.py`);
should two answers for one slot meet all the same, the unique constraint keeps the first.
"""

import asyncio
import functools
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.llm.answers import Provider
from core.llm.money import budget, committed
from core.llm.money.committed import Account, Way
from core.llm.money.spending import open_spending
from core.llm.side_by_side import CallRunner
from core.reports import Report, silent
from core.study import claim, tasks
from core.study.rows.kinds import SampleStatus, Split
from core.study.rows.study import Arm, Batch, Completion, Prompt, Sample
from core.study.store import Store
from core.synthesis.generation import intake, requests, scheduler


@dataclass(frozen=True)
class Generated:
    """What an arm has after a generation. All but `seconds` and `stopped` are totals over all attempts.

    `asked` counts texts asked for in stored completions, `rejected` texts and whole answers by reason. `cost_usd` is
    None when a price is unknown. `stopped` says for each label given up why. `not_taken` maps a model to the parts of a call
    that it did not take.
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
    not_taken: dict[str, list[str]]


def generate(
    store: Store,
    *,
    arm_id: int,
    per_label: int,
    provider: Provider | Sequence[Provider],
    concurrency: int = 8,
    budget_usd: float | None = None,
    seed: int = 0,
    report: Report = silent,
) -> Generated:
    """Fill an arm until every label keeps `per_label` texts, with `concurrency` calls side by side.

    Several providers take the conversations in turn, so that each slot has its own, also after a restart with the
    same providers. The budget bounds what the arm costs over all attempts. Raises `StudyError` (`ProviderError`,
    `ProviderPaused`, `ProviderRefused` or `BudgetReached`) when it must stop early; the message says what is kept and
    how to go on.
    """
    providers = _as_list(provider)
    if per_label < 1 or concurrency < 1:
        raise StudyError(f"Texts per label and concurrency are 1 or more; they are {per_label} and {concurrency}.")
    check_budget(providers, budget_usd)
    started = time.monotonic()
    waiting = functools.partial(report, 0, 0, "Waiting for another process that fills this arm", {})
    with claim.one_at_a_time(store, claim.Claim(claim.Kind.FILL, arm_id), waiting=waiting):
        plan = requests.plan(store, arm_id=arm_id, seed=seed)
        quotas = requests.quotas(store, plan, per_label=per_label)
        spending = open_spending(store, Account(Way.GENERATE, arm_id), limit=budget_usd, concurrency=concurrency)
        with store() as session:
            so_far = totals(session, arm_id, seconds=0.0, stopped={})
        runner = CallRunner(providers, spending=spending, concurrency=concurrency, report=report)
        totals_so_far = scheduler.RunningTotals(
            so_far.completions, so_far.tokens_in + so_far.tokens_out, Counter(so_far.rejected)
        )
        taking = intake.Intake(store, arm_id=arm_id, per_label=per_label)
        work = scheduler.SlotScheduler(plan, quotas, runner, intake=taking, totals=totals_so_far)
        asyncio.run(runner.run(work))
    stopped = {quota.label.name: quota.stopped for quota in quotas if quota.stopped}
    with store() as session:
        return totals(session, arm_id, seconds=time.monotonic() - started, stopped=stopped)


def is_full(session: Session, arm_id: int, *, per_label: int) -> bool:
    """Whether an arm has all the texts that are wanted and nothing is under way, so that no call would be made."""
    arm = session.get_one(Arm, arm_id)
    labels = tasks.labels_of(session, arm.task_id)
    under_way = select(Batch.id).where(Batch.arm_id == arm_id, Batch.state.in_(committed.UNDER_WAY))
    return (
        all(intake.count_kept(session, arm_id, label.id) >= per_label for label in labels)
        and session.scalar(under_way.limit(1)) is None
        and not intake.unparsed(session, arm_id)
    )


def check_budget(provider: Provider | Sequence[Provider], budget_usd: float | None) -> None:
    """Raise `StudyError` when a budget is set that is none, or that cannot be kept since a model's price is unknown."""
    budget.check(budget_usd)
    for one in _as_list(provider):
        if budget_usd is not None and one.price is None:
            raise StudyError(
                f"The price of {one.model!r} is unknown, so the budget of ${budget_usd:g} cannot be kept. "
                "Set its price under Prices on Generate, or run without a budget."
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
        rejected=dict(intake.rejected(session, arm_id).most_common()),
        completions=completions,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost_usd=committed.of(session, Account(Way.GENERATE, arm_id)).cost_usd,
        seconds=seconds,
        stopped=dict(stopped),
        not_taken=session.get_one(Arm, arm_id, populate_existing=True).not_taken,
    )


def _as_list(provider: Provider | Sequence[Provider]) -> list[Provider]:
    providers = list(provider) if isinstance(provider, Sequence) else [provider]
    if not providers:
        raise StudyError("No provider is chosen. Name at least one model.")
    return providers
