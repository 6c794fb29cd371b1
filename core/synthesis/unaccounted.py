"""Money that no stored answer accounts for: written down before calls are sent, so that a killed process hides none."""

from collections.abc import Callable

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.study.records import Arm
from core.study.store import Store

ROOM = 1.25


class Ledger:
    """The calls under a budget, as the store remembers them should the process be killed.

    While calls are under way it counts all that they may cost; afterwards only what lost answers may have cost. `add`
    adds to what is noted, in US dollars.
    """

    def __init__(self, add: Callable[[float], None], *, concurrency: int) -> None:
        self._add, self._concurrency = add, concurrency
        self._noted = 0.0

    def cover(self, most: float) -> None:
        """Note, before a call of up to `most` US dollars is sent, that so many such calls may be under way at once."""
        needed = self._concurrency * most
        if needed > self._noted:
            self._add(needed * ROOM - self._noted)
            self._noted = needed * ROOM

    def settle(self, lost: float) -> None:
        """No call is under way any more: keep only `lost`, the most that answers that never came may have cost."""
        if self._noted or lost:
            self._add(lost - self._noted)
            self._noted = 0.0


def add(store: Store, arm_id: int, usd: float) -> None:
    """Add to the most that calls of an arm without a stored answer may have cost, in US dollars."""
    change = update(Arm).where(Arm.id == arm_id).values(unaccounted_usd=Arm.unaccounted_usd + usd)
    with store.write() as session:
        session.execute(change.execution_options(synchronize_session=False))


def of(session: Session, arm_id: int) -> float:
    """The most that calls of an arm without a stored answer may have cost, in US dollars."""
    return session.scalar(select(Arm.unaccounted_usd).where(Arm.id == arm_id)) or 0.0
