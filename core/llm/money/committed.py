"""Money committed for each way of spending, such as generate or judge: paid, held by batches, or perhaps lost with an answer."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, case, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from core.errors import StudyError
from core.study.rows.kinds import BatchState, JudgementKind, RaterKind
from core.study.rows.sessions import Campaign, Rater, Reply
from core.study.rows.study import Arm, Batch, Completion, Continuation, Judgement, Sample, Task, Trial
from core.study.store import ONE_AT_A_TIME, Store

LEAST_USD = 1e-9
UNDER_WAY = (BatchState.PREPARING, BatchState.SUBMITTED)


class Way(StrEnum):
    """The ways of spending, named like their commands. `GENERATE` includes batches, `TRY` includes lists of kinds."""

    GENERATE = "generate"
    TRY = "try"
    JUDGE = "judge"
    CONTAMINATION = "contamination"
    RATE = "rate-by-llm"


UNPRICED = {
    Way.GENERATE: "This arm holds {n} answers whose price is unknown, so what it has cost cannot be kept to a budget. "
    "Generate into another arm, or without a budget.",
    Way.TRY: "{n} tried calls of this arm have an unknown price, so what they cost cannot be kept to a budget. "
    "Try without a budget, or for another arm.",
    Way.JUDGE: "{name} gave {n} answers on these arms at an unknown price, so what it has cost cannot be kept to a budget. "
    "Judge without a budget, or name another judge.",
    Way.CONTAMINATION: "{name} completed {n} texts of this task at an unknown price, so what it has cost cannot be kept to a "
    "budget. Test without a budget, or name another model.",
    Way.RATE: "LLM raters of this campaign gave {n} replies at an unknown price, so what they cost cannot be kept to a "
    "budget. Rate without a budget, or in another campaign.",
}


@dataclass(frozen=True)
class Account:
    """What a budget is for. `id` is the id of an arm (generate, try), of a task (judge, contamination) or of a campaign
    (rate-by-llm).

    `judge` is the name of a judge, or of the model that is tested for contamination; `arm_ids` are the arms whose texts a
    judge's answers are about. Both are empty for the other ways.
    """

    way: Way
    id: int
    judge: str = ""
    arm_ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class Committed:
    """The money of an account over all attempts, in US dollars.

    `stored_usd` is the cost of the stored answers with a known price; `unpriced` counts the stored answers without a
    known price. `lost_usd` is the most that calls without a stored answer may have cost. `held_usd` is the most that
    batches under way may cost; `unbounded` counts the batches under way that were sent without a budget.
    """

    account: Account
    stored_usd: float
    unpriced: int
    lost_usd: float
    held_usd: float = 0.0
    unbounded: int = 0

    @property
    def cost_usd(self) -> float | None:
        """The cost of the stored answers; None if the price of a stored answer is unknown."""
        return None if self.unpriced else self.stored_usd

    @property
    def most_usd(self) -> float:
        """The most that may be spent by now: stored answers, batches under way, and calls without an answer."""
        return self.stored_usd + self.held_usd + self.lost_usd

    def check(self) -> None:
        """Raise `StudyError` if a part of the money spent is unknown, so that a budget cannot be kept."""
        if self.unbounded:
            raise StudyError(
                "A batch that was sent without a budget is under way for this arm, so what the arm costs cannot be kept to "
                "one. Collect it first with generate --batch, or generate without a budget."
            )
        if self.unpriced:
            raise StudyError(UNPRICED[self.account.way].format(n=self.unpriced, name=self.account.judge))


def of(session: Session, account: Account) -> Committed:
    """Return the committed money of an account, read from the database."""
    return READERS[account.way](session, account)


def for_budget(store: Store, account: Account, *, limit: float | None) -> float:
    """Return the most that may be spent by now on an account, in US dollars. Every way of spending starts here.

    Raises `StudyError` if `limit` (US dollars) is not None and a part of the money spent is unknown.
    """
    with store() as session:
        found = of(session, account)
    if limit is not None:
        found.check()
    return found.most_usd


def note(store: Store, account: Account, usd: float) -> None:
    """Add `usd` to the most that calls without a stored answer may have cost the account, in a transaction of its own."""
    with store.write() as session:
        note_in(session, account, usd)


def note_in(session: Session, account: Account, usd: float) -> None:
    """Add `usd` to the most that calls without a stored answer may have cost the account. `usd` may be negative.

    A sum under a billionth of a dollar, which is left by rounding, is stored as 0.
    """
    if account.way in LOST_BY_MODEL:
        task = session.get_one(Task, account.id, with_for_update=ONE_AT_A_TIME, populate_existing=True)
        by_model = dict(getattr(task, LOST_BY_MODEL[account.way]))
        total = by_model.get(account.judge, 0.0) + usd
        by_model[account.judge] = total if total >= LEAST_USD else 0.0
        setattr(task, LOST_BY_MODEL[account.way], by_model)
        return
    lost = LOST_COLUMNS[account.way]
    summed = case((lost + usd >= LEAST_USD, lost + usd), else_=0.0)
    change = update(lost.class_).where(lost.class_.id == account.id).values({lost: summed})
    session.execute(change.execution_options(synchronize_session=False))


def of_study(session: Session, study_id: int) -> list[Committed]:
    """Return the committed money of every account of a study, without the accounts on which no money is committed."""
    tasks = session.scalars(select(Task).where(Task.study_id == study_id).order_by(Task.id)).all()
    arms = session.execute(select(Arm.id, Arm.task_id).where(Arm.task_id.in_([task.id for task in tasks]))).all()
    accounts = [Account(way, arm_id) for way in (Way.GENERATE, Way.TRY) for arm_id, _ in arms]
    for task in tasks:
        arm_ids = tuple(arm_id for arm_id, task_id in arms if task_id == task.id)
        judges = select(Judgement.judge).distinct().join(Sample, Sample.id == Judgement.sample_id)
        judges = judges.where(Sample.arm_id.in_(arm_ids), Judgement.kind == JudgementKind.JUDGE)
        names = sorted({*session.scalars(judges), *task.judging_lost})
        accounts += [Account(Way.JUDGE, task.id, name, arm_ids) for name in names]
        models = select(Continuation.model).distinct().join(Sample, Sample.id == Continuation.sample_id)
        tested = {*session.scalars(models.where(Sample.arm_id.in_(arm_ids))), *task.contamination_lost}
        accounts += [Account(Way.CONTAMINATION, task.id, name) for name in sorted(tested)]
    campaigns = session.scalars(select(Campaign.id).where(Campaign.study_id == study_id).order_by(Campaign.id))
    accounts += [Account(Way.RATE, campaign_id) for campaign_id in campaigns]
    found = [of(session, account) for account in accounts]
    return [money for money in found if money.most_usd or money.unpriced or money.unbounded]


def _of_arm(session: Session, account: Account) -> Committed:
    stored, unpriced = _sum_of_costs(session, Completion.cost_usd, Completion.arm_id == account.id)
    under_way = select(Batch.counts).where(Batch.arm_id == account.id, Batch.state.in_(UNDER_WAY))
    held = [float(counts.get("most_usd") or 0.0) for counts in session.scalars(under_way)]
    unbounded = sum(not most for most in held)
    return Committed(account, stored, unpriced, _lost(session, account), sum(held), unbounded)


def _of_tries(session: Session, account: Account) -> Committed:
    stored, unpriced = _sum_of_costs(session, Trial.cost_usd, Trial.arm_id == account.id)
    return Committed(account, stored, unpriced, _lost(session, account))


def _of_judge(session: Session, account: Account) -> Committed:
    about_arms = Judgement.sample_id.in_(select(Sample.id).where(Sample.arm_id.in_(account.arm_ids)))
    by_judge = (about_arms, Judgement.kind == JudgementKind.JUDGE, Judgement.judge == account.judge)
    stored, unpriced = _sum_of_costs(session, Judgement.cost_usd, *by_judge)
    lost = session.get_one(Task, account.id).judging_lost.get(account.judge, 0.0)
    return Committed(account, stored, unpriced, float(lost))


def _of_contamination(session: Session, account: Account) -> Committed:
    arms = select(Arm.id).where(Arm.task_id == account.id)
    about_task = Continuation.sample_id.in_(select(Sample.id).where(Sample.arm_id.in_(arms)))
    stored, unpriced = _sum_of_costs(session, Continuation.cost_usd, about_task, Continuation.model == account.judge)
    lost = session.get_one(Task, account.id).contamination_lost.get(account.judge, 0.0)
    return Committed(account, stored, unpriced, float(lost))


def _of_raters(session: Session, account: Account) -> Committed:
    raters = select(Rater.id).where(Rater.campaign_id == account.id, Rater.kind == RaterKind.LLM)
    stored, unpriced = _sum_of_costs(session, Reply.cost_usd, Reply.rater_id.in_(raters))
    return Committed(account, stored, unpriced, _lost(session, account))


def _sum_of_costs(
    session: Session, cost: InstrumentedAttribute[float | None], *where: ColumnElement[bool]
) -> tuple[float, int]:
    """Return the sum of the known costs (US dollars) of the selected rows, and how many of the costs are unknown."""
    known, unknown = session.execute(
        select(func.coalesce(func.sum(cost), 0.0), func.count() - func.count(cost)).where(*where)
    ).one()
    return float(known or 0.0), int(unknown)


def _lost(session: Session, account: Account) -> float:
    lost = LOST_COLUMNS[account.way]
    return session.scalar(select(lost).where(lost.class_.id == account.id)) or 0.0


LOST_BY_MODEL = {Way.JUDGE: "judging_lost", Way.CONTAMINATION: "contamination_lost"}  # columns of the task
LOST_COLUMNS: dict[Way, InstrumentedAttribute[float]] = {
    Way.GENERATE: Arm.unaccounted_usd,
    Way.TRY: Arm.tries_lost_usd,
    Way.RATE: Campaign.rating_lost_usd,
}
READERS: dict[Way, Callable[[Session, Account], Committed]] = {
    Way.GENERATE: _of_arm,
    Way.TRY: _of_tries,
    Way.JUDGE: _of_judge,
    Way.CONTAMINATION: _of_contamination,
    Way.RATE: _of_raters,
}
