"""What an arm has cost, and what it may still cost: the one place that every way of spending money on an arm asks."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study.records import Batch, BatchState, Completion
from core.synthesis import unaccounted

UNDER_WAY = (BatchState.PREPARING, BatchState.SUBMITTED)


@dataclass(frozen=True)
class Committed:
    """Money of an arm over all attempts, in US dollars.

    `stored_usd` is the cost of stored answers whose price is known, and `unpriced` counts those whose price is not.
    `held_usd` is the most that batches under way may cost, and `unbounded` counts the batches that set no bound.
    `lost_usd` is the most that calls without a stored answer may have cost.
    """

    stored_usd: float
    unpriced: int
    held_usd: float
    unbounded: int
    lost_usd: float

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
            raise StudyError(
                "This arm holds answers whose price is unknown, so what it has cost cannot be kept to a budget. "
                "Generate into another arm, or without a budget."
            )


def of_arm(session: Session, arm_id: int) -> Committed:
    """What an arm has cost and may still cost, read from the database."""
    unpriced = func.count(Completion.id).filter(Completion.cost_usd.is_(None))
    stored, unknown = session.execute(
        select(func.coalesce(func.sum(Completion.cost_usd), 0.0), unpriced).where(Completion.arm_id == arm_id)
    ).one()
    counts = session.scalars(select(Batch.counts).where(Batch.arm_id == arm_id, Batch.state.in_(UNDER_WAY))).all()
    held = [float(found.get("most_usd") or 0.0) for found in counts]
    return Committed(
        stored_usd=float(stored or 0.0),
        unpriced=unknown,
        held_usd=sum(held),
        unbounded=sum(not most for most in held),
        lost_usd=unaccounted.of(session, arm_id),
    )
