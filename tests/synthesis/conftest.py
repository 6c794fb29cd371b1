"""Fixtures for the tests of synthesis: a task with two labels, a real arm, and arms to fill."""

from collections.abc import Callable

import pytest

from core.study import samples, tasks
from core.study.rows.kinds import Split
from core.study.rows.study import Arm, Label, Sample, Task
from core.study.store import Store


@pytest.fixture
def task(store: Store) -> Task:
    with store.write() as session:
        study = tasks.study_named(session, "letters")
        return tasks.make_task(
            session,
            study_id=study.id,
            name="mood",
            question="How does the writer feel?",
            labels={"glad": "the writer is happy", "sad": "the writer is unhappy"},
        )


@pytest.fixture
def labels(store: Store, task: Task) -> list[Label]:
    with store() as session:
        return tasks.labels_of(session, task.id)


@pytest.fixture
def make_arm(store: Store, task: Task) -> Callable[[str], Arm]:
    def make(name: str) -> Arm:
        with store.write() as session:
            return tasks.make_arm(session, task_id=task.id, name=name)

    return make


@pytest.fixture
def add_real(store: Store, labels: list[Label], make_arm: Callable[[str], Arm]) -> Callable[[Split, int], None]:
    """A function that adds `n` real texts of each label to a split of the real arm."""

    def add(split: Split, n: int) -> None:
        arm = make_arm("real")
        with store.write() as session:
            for label in labels:
                texts = [f"A real {split} letter, {label.name}, number {number}" for number in range(n)]
                session.add_all(
                    [
                        Sample(
                            arm_id=arm.id, label_id=label.id, split=split, text=text, text_hash=samples.text_hash(text)
                        )
                        for text in texts
                    ]
                )

    return add
