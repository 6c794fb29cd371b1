"""Money that is committed: what every way of spending has spent, holds, and may have lost; each asks here, and notes here."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from core.errors import StudyError
from core.study.rows.kinds import BatchState, JudgementKind, RaterKind
from core.study.rows.sessions import Campaign, Rater, Reply
from core.study.rows.study import Arm, Batch, Completion, Judgement, Sample, Task, Trial
from core.study.store import ONE_AT_A_TIME, Store

UNDER_WAY = (BatchState.PREPARING, BatchState.SUBMITTED)
LOST = "unaccounted_usd"  # among the facts of a campaign's first LLM rater


class Way(StrEnum):
    """The ways of spending, by their commands: `GENERATE` is for batches too, `TRY` also for lists of kinds."""

    GENERATE = "generate"
    TRY = "try"
    JUDGE = "judge"
    RATE = "rate-by-llm"


UNPRICED = {
    Way.GENERATE: "This arm holds {n} answers whose price is unknown, so what it has cost cannot be kept to a budget. "
    "Generate into another arm, or without a budget.",
    Way.TRY: "{n} tried calls of this arm have an unknown price, so what they cost cannot be kept to a budget. "
    "Try without a budget, or for another arm.",
    Way.JUDGE: "{name} gave {n} answers on these arms at an unknown price, so what it has cost cannot be kept to a budget. "
    "Judge without a budget, or name another judge.",
    Way.RATE: "LLM raters of this campaign gave {n} replies at an unknown price, so what they cost cannot be kept to a "
    "budget. Rate without a budget, or in another campaign.",
}


@dataclass(frozen=True)
class Account:
    """What a budget is for. `id` is that of an arm (generate, try), of a task (judge) or of a campaign (rate-by-llm).

    `judge` is the name of a judge, whose stored answers are those about the texts of `arm_ids`.
    """

    way: Way
    id: int
    judge: str = ""
    arm_ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class Committed:
    """Money of an account over all attempts, in US dollars.

    `stored_usd` is the cost of stored answers whose price is known, and `unpriced` counts those whose price is not.
    `lost_usd` is the most that calls without a stored answer may have cost. `held_usd` is the most that batches under way
    may cost, and `unbounded` counts the batches that set no bound.
    """

    account: Account
    stored_usd: float
    unpriced: int
    lost_usd: float
    held_usd: float = 0.0
    unbounded: int = 0

    @property
    def cost_usd(self) -> float | None:
        """The cost of the stored answers; None when the price of one of them is unknown."""
        return None if self.unpriced else self.stored_usd

    @property
    def most_usd(self) -> float:
        """The most that may be spent by now: stored answers, batches under way, and calls without an answer."""
        return self.stored_usd + self.held_usd + self.lost_usd

    def check(self) -> None:
        """Raise `StudyError` when a budget cannot be kept since a part of what is spent is unknown."""
        if self.unbounded:
            raise StudyError(
                "A batch that was sent without a budget is under way for this arm, so what the arm costs cannot be kept to "
                "one. Collect it first with generate --batch, or generate without a budget."
            )
        if self.unpriced:
            raise StudyError(UNPRICED[self.account.way].format(n=self.unpriced, name=self.account.judge))


def of(session: Session, account: Account) -> Committed:
    """What is committed on an account, read from the database."""
    return READ[account.way](session, account)


def for_budget(store: Store, account: Account, *, limit: float | None) -> float:
    """The most that may be spent by now on an account; every way of spending begins with it.

    Raises `StudyError` when that is not known and a `limit` in US dollars is to be kept.
    """
    with store() as session:
        found = of(session, account)
    if limit is not None:
        found.check()
    return found.most_usd


def note(store: Store, account: Account, usd: float) -> None:
    """Add to the most that calls on an account without a stored answer may have cost, in US dollars."""
    with store.write() as session:
        if account.way in LOST_OF_ARM:
            lost = LOST_OF_ARM[account.way]
            change = update(Arm).where(Arm.id == account.id).values({lost: lost + usd})
            session.execute(change.execution_options(synchronize_session=False))
        elif account.way == Way.JUDGE:
            task = session.get_one(Task, account.id, with_for_update=ONE_AT_A_TIME, populate_existing=True)
            known = dict(task.judging_lost)
            task.judging_lost = known | {account.judge: max(0.0, known.get(account.judge, 0.0) + usd)}
        else:
            first = _raters(account).order_by(Rater.id).limit(1).with_for_update(key_share=True)
            rater = session.scalars(first).one()
            rater.facts = {**rater.facts, LOST: rater.facts.get(LOST, 0.0) + usd}


def of_study(session: Session, study_id: int) -> list[Committed]:
    """What is committed on every account of a study on which anything is, by way of spending."""
    tasks = session.scalars(select(Task).where(Task.study_id == study_id).order_by(Task.id)).all()
    arms = session.execute(select(Arm.id, Arm.task_id).where(Arm.task_id.in_([task.id for task in tasks]))).all()
    accounts = [Account(way, arm_id) for way in LOST_OF_ARM for arm_id, _ in arms]
    for task in tasks:
        mine = tuple(arm_id for arm_id, task_id in arms if task_id == task.id)
        judges = select(Judgement.judge).distinct().join(Sample, Sample.id == Judgement.sample_id)
        judges = judges.where(Sample.arm_id.in_(mine), Judgement.kind == JudgementKind.JUDGE)
        names = sorted({*session.scalars(judges), *task.judging_lost})
        accounts += [Account(Way.JUDGE, task.id, name, mine) for name in names]
    campaigns = session.scalars(select(Campaign.id).where(Campaign.study_id == study_id).order_by(Campaign.id))
    accounts += [Account(Way.RATE, campaign_id) for campaign_id in campaigns]
    found = [of(session, account) for account in accounts]
    return [one for one in found if one.most_usd or one.unpriced or one.unbounded]


def _of_arm(session: Session, account: Account) -> Committed:
    stored, unknown = _sums(session, Completion.cost_usd, Completion.arm_id == account.id)
    under_way = select(Batch.counts).where(Batch.arm_id == account.id, Batch.state.in_(UNDER_WAY))
    held = [float(found.get("most_usd") or 0.0) for found in session.scalars(under_way)]
    return Committed(
        account, stored, unknown, _lost_of_arm(session, account), sum(held), unbounded=sum(not most for most in held)
    )


def _of_tries(session: Session, account: Account) -> Committed:
    stored, unknown = _sums(session, Trial.cost_usd, Trial.arm_id == account.id)
    return Committed(account, stored, unknown, _lost_of_arm(session, account))


def _of_judge(session: Session, account: Account) -> Committed:
    about = Judgement.sample_id.in_(select(Sample.id).where(Sample.arm_id.in_(account.arm_ids)))
    mine = (about, Judgement.kind == JudgementKind.JUDGE, Judgement.judge == account.judge)
    stored, unknown = _sums(session, Judgement.cost_usd, *mine)
    lost = session.get_one(Task, account.id).judging_lost.get(account.judge, 0.0)
    return Committed(account, stored, unknown, float(lost))


def _of_raters(session: Session, account: Account) -> Committed:
    raters = session.scalars(_raters(account)).all()
    stored, unknown = _sums(session, Reply.cost_usd, Reply.rater_id.in_([rater.id for rater in raters]))
    return Committed(account, stored, unknown, sum(float(rater.facts.get(LOST, 0.0)) for rater in raters))


def _sums(
    session: Session, cost: InstrumentedAttribute[float | None], *which: ColumnElement[bool]
) -> tuple[float, int]:
    """The sum of the known costs of some rows, and how many costs are unknown."""
    known, unknown = session.execute(
        select(func.coalesce(func.sum(cost), 0.0), func.count() - func.count(cost)).where(*which)
    ).one()
    return float(known or 0.0), int(unknown)


def _lost_of_arm(session: Session, account: Account) -> float:
    return session.scalar(select(LOST_OF_ARM[account.way]).where(Arm.id == account.id)) or 0.0


def _raters(account: Account) -> Select[Rater]:
    return select(Rater).where(Rater.campaign_id == account.id, Rater.kind == RaterKind.LLM)


LOST_OF_ARM = {Way.GENERATE: Arm.unaccounted_usd, Way.TRY: Arm.tries_lost_usd}
READ: dict[Way, Callable[[Session, Account], Committed]] = {
    Way.GENERATE: _of_arm,
    Way.TRY: _of_tries,
    Way.JUDGE: _of_judge,
    Way.RATE: _of_raters,
}
