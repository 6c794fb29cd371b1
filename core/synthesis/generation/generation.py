"""Generate texts into an arm, label by label, until each label keeps the number asked for.

Every answer is stored at once and no answer is paid twice: a slot with a stored answer is never asked again, so a
generation that was stopped or killed goes on where it ended. Two processes on the same arm take turns (`claim.py`). If
two answers for one slot meet all the same, the unique constraint keeps the first.
"""

import asyncio
import functools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from core.errors import StudyError
from core.llm.answers import Provider
from core.llm.money import budget
from core.llm.money.committed import Account, Way
from core.llm.money.spending import open_spending
from core.llm.side_by_side import CallRunner
from core.reports import Report, silent
from core.study import claim
from core.study.store import Store
from core.synthesis.generation import obedience, requests, samples_from_answers, scheduler, standing
from core.synthesis.limits import NO_BUDGET, Limits


@dataclass(frozen=True)
class Generated:
    """What an arm has after a generation. All fields but `seconds` and `stopped` are totals over all attempts.

    `asked` counts texts asked for in stored completions, `rejected` counts texts and whole answers by reason. `cost_usd`
    is None if a price is unknown. `stopped` maps each label that was given up to the reason. `not_taken` maps a model to
    the parts of a call that it refused. `slips` are sentences about texts that do not follow the prompt.
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
    slips: list[str]


def generate(
    store: Store,
    *,
    arm_id: int,
    per_label: int,
    provider: Provider | Sequence[Provider],
    limits: Limits = NO_BUDGET,
    seed: int = 0,
    report: Report = silent,
) -> Generated:
    """Ask a model until every label of an arm keeps `per_label` texts.

    Several providers take the conversations in turn, so that each slot has a fixed provider, also after a restart with
    the same providers. Raises `StudyError` (`ProviderError`, `ProviderPaused`, `ProviderRefused` or `BudgetReached`) if
    the generation must stop early; the message says what is kept and how to go on.
    """
    providers = _as_list(provider)
    if per_label < 1 or limits.concurrency < 1:
        raise StudyError(
            f"Texts per label and concurrency are 1 or more; they are {per_label} and {limits.concurrency}."
        )
    check_budget(providers, limits.budget_usd)
    started = time.monotonic()
    waiting = functools.partial(report, 0, 0, "Waiting for another process that fills this arm", {})
    with claim.one_at_a_time(store, claim.Claim(claim.Kind.FILL, arm_id), waiting=waiting):
        plan = requests.plan(store, arm_id=arm_id, seed=seed)
        quotas = requests.quotas(store, plan, per_label=per_label)
        spending = open_spending(
            store, Account(Way.GENERATE, arm_id), limit=limits.budget_usd, concurrency=limits.concurrency
        )
        with store() as session:
            before = standing.of(session, arm_id)
        running = scheduler.RunningTotals(before.completions, before.tokens_in + before.tokens_out, before.rejected)
        runner = CallRunner(providers, spending=spending, concurrency=limits.concurrency, report=report)
        writer = samples_from_answers.SampleWriter(store, arm_id=arm_id, per_label=per_label)
        work = scheduler.SlotScheduler(plan, quotas, runner, writer=writer, totals=running)
        asyncio.run(runner.run(work))
    stopped = {quota.label.name: quota.stopped for quota in quotas if quota.stopped}
    with store() as session:
        return totals(session, arm_id, seconds=time.monotonic() - started, stopped=stopped)


def check_budget(provider: Provider | Sequence[Provider], budget_usd: float | None) -> None:
    """Raise `StudyError` if a budget in US dollars is not above 0 or the price of a model is unknown; None is no budget."""
    budget.check(budget_usd)
    for model in _as_list(provider):
        if budget_usd is not None and model.price is None:
            raise StudyError(
                f"The price of {model.model!r} is unknown, so the budget of ${budget_usd:g} cannot be kept. "
                "Set its price under Prices on Generate, or run without a budget."
            )


def totals(session: Session, arm_id: int, *, seconds: float, stopped: Mapping[str, str]) -> Generated:
    """What an arm has, read from the database; `seconds` and `stopped` are those of this generation."""
    found = standing.of(session, arm_id)
    return Generated(
        asked=found.asked,
        kept=found.n_kept,
        rejected=dict(found.rejected),
        completions=found.completions,
        tokens_in=found.tokens_in,
        tokens_out=found.tokens_out,
        cost_usd=found.money.cost_usd,
        seconds=seconds,
        stopped=dict(stopped),
        not_taken=dict(found.not_taken),
        slips=obedience.sentences(session, arm_id),
    )


def _as_list(provider: Provider | Sequence[Provider]) -> list[Provider]:
    providers = list(provider) if isinstance(provider, Sequence) else [provider]
    if not providers:
        raise StudyError("No provider is chosen. Name at least one model.")
    return providers
