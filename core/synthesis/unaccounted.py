"""Money that no stored answer accounts for: written down before calls are sent, so that a killed process hides none."""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.study.records import Arm
from core.study.store import Store

ROOM = 1.25


class Ledger:
    """The calls of one generation under a budget, as its arm remembers them should the process be killed.

    While calls are under way the arm counts all that they may cost; afterwards only what lost answers may have cost.
    """

    def __init__(self, store: Store, *, arm_id: int, concurrency: int) -> None:
        self._store, self._arm_id, self._concurrency = store, arm_id, concurrency
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

    def _add(self, usd: float) -> None:
        change = update(Arm).where(Arm.id == self._arm_id).values(unaccounted_usd=Arm.unaccounted_usd + usd)
        with self._store.write() as session:
            session.execute(change.execution_options(synchronize_session=False))


def of(session: Session, arm_id: int) -> float:
    """The most that calls of an arm without a stored answer may have cost, in US dollars."""
    return session.scalar(select(Arm.unaccounted_usd).where(Arm.id == arm_id)) or 0.0
