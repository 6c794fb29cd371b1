"""Fixtures: a study with two tasks, and raters who answer a session without a browser."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from core.study import tasks
from core.study.exchange import importing, tables
from core.study.rows.kinds import RaterKind
from core.study.rows.sessions import Campaign, Item, Rater
from core.study.rows.study import Arm, Study, Task
from core.study.store import Store
from core.subjectivity.sessions import assignment, campaigns, enrolment


@pytest.fixture
def study(store: Store, tmp_path: Path) -> Study:
    """Two tasks, `easy` and `hard`, with twenty test texts and two training texts each."""
    with store.write() as session:
        made = tasks.study_named(session, "s")
        for name in ("easy", "hard"):
            path = tmp_path / f"{name}.csv"
            rows = [f"{name} text {number},{'yes' if number % 2 else 'no'},test" for number in range(20)]
            train = [f"{name} train,yes,train", f"{name} practice,no,train"]
            path.write_text("\n".join(["text,label,split", *rows, *train]))
            task = tasks.make_task(
                session, study_id=made.id, name=name, question=f"Is it {name}?", labels={"yes": "it is", "no": ""}
            )
            arm = tasks.make_arm(session, task_id=task.id, name="real")
            importing.bring_in(session, task=task, arm=arm, table=tables.read(path), options=importing.Options())
    return made


@dataclass(frozen=True)
class Sessions:
    """Create campaigns and let raters answer in them."""

    store: Store
    study: Study

    def task(self, name: str = "easy") -> Task:
        with self.store() as session:
            return tasks.get_task(session, self.study.id, name)

    def synthetic(self, rows: int, *, folder: Path, task: str = "easy") -> Arm:
        """Add a zero-shot arm with `n` texts, half of each label, to a task."""
        path = folder / "synthetic.csv"
        texts = [f"written {number},{'yes' if number % 2 else 'no'}" for number in range(rows)]
        path.write_text("\n".join(["text,label", *texts]))
        with self.store.write() as session:
            found = tasks.get_task(session, self.study.id, task)
            arm = tasks.make_arm(session, task_id=found.id, name="zero-shot")
            importing.bring_in(session, task=found, arm=arm, table=tables.read(path), options=importing.Options())
        return arm

    def campaign(self, **plan: object) -> Campaign:
        wanted = {"name": "round one", "task": self.task(), **plan}
        with self.store.write() as session:
            return campaigns.make(session, study_id=self.study.id, plan=campaigns.Plan(**wanted))  # type: ignore[arg-type]

    def rater(self, campaign: Campaign, *, kind: RaterKind = RaterKind.PERSON) -> Rater:
        with self.store.write() as session:
            return enrolment.join(session, campaign, now=0, kind=kind)

    def shown(self, rater: Rater, *, now: float = 0, seed: int = 0) -> Item | None:
        with self.store.write() as session:
            return assignment.next_item(session, rater_id=rater.id, now=now, rng=random.Random(seed))

    def answer(self, rater: Rater, item: Item, given: str, *, now: float = 1) -> bool:
        with self.store.write() as session:
            return assignment.record(session, rater_id=rater.id, item_id=item.id, answer=given, now=now)

    def rate(
        self, rater: Rater, given: str | Callable[[Item], str], *, limit: int = 1000, now: float = 0, takes: float = 2
    ) -> list[Item]:
        """Answer the assigned items, at most `limit` of them, with the given number of seconds per item."""
        seen: list[Item] = []
        while len(seen) < limit and (item := self.shown(rater, now=now, seed=len(seen))) is not None:
            answer = given if isinstance(given, str) else given(item)
            assert self.answer(rater, item, answer, now=now + takes)
            seen.append(item)
            now += takes
        return seen

    def items(self, campaign: Campaign) -> list[int]:
        """The ids of a campaign's items, sorted."""
        with self.store() as session:
            return list(session.scalars(select(Item.id).where(Item.campaign_id == campaign.id).order_by(Item.id)))

    def again(self, rater: Rater) -> Rater:
        """Read a rater from the store."""
        with self.store() as session:
            return session.get_one(Rater, rater.id)


@pytest.fixture
def sessions(store: Store, study: Study) -> Sessions:
    return Sessions(store, study)
