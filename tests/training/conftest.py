"""A small study whose two labels a fine-tuned encoder can tell apart."""

from collections.abc import Sequence

import pytest
from sqlalchemy.orm import Session

from core.study import tasks
from core.study.rows.kinds import Split
from core.study.rows.study import Arm, Sample, Task
from core.study.splits import equal_texts
from core.study.store import Store
from core.training import plan
from core.training.settings import TrainingSettings
from tests.texts import keep_new

SETTINGS = TrainingSettings(steps=6, batch_size=8, learning_rate=5e-4, max_length=32)
SUBJECTS = [
    "the soup",
    "this film",
    "our hotel",
    "the concert",
    "my new phone",
    "the garden",
    "her speech",
    "the match",
]
PRAISE = ["was wonderful", "is lovely", "made everyone happy", "was a delight", "is excellent", "was simply great"]
BLAME = ["was terrible", "is awful", "made everyone angry", "was a disaster", "is horrible", "was simply bad"]


def add_samples(session: Session, arm: Arm, *, label: str, texts: Sequence[str], split: Split = Split.TRAIN) -> None:
    ids = {found.name: found.id for found in tasks.labels_of(session, arm.task_id)}
    keep_new(
        session,
        [
            Sample(arm_id=arm.id, label_id=ids[label], split=split, text=text, text_hash=equal_texts.text_hash(text))
            for text in texts
        ],
    )


def sentences(ends: Sequence[str], n: int, *, start: int = 0) -> list[str]:
    """`n` different short sentences; another `start` gives other sentences."""
    pairs = [f"{subject} {end}" for end in ends for subject in SUBJECTS]
    return pairs[start : start + n]


@pytest.fixture
def task(store: Store) -> Task:
    """A task with the labels good and bad, a real arm (24 training and 16 test texts) and a zero-shot arm (20)."""
    with store.write() as session:
        study = tasks.study_named(session, "small")
        made = tasks.make_task(session, study_id=study.id, name="reviews", question="?", labels={"good": "", "bad": ""})
        real = tasks.make_arm(session, task_id=made.id, name="real")
        written = tasks.make_arm(session, task_id=made.id, name="zero-shot")
        for label, ends in (("good", PRAISE), ("bad", BLAME)):
            add_samples(session, real, label=label, texts=sentences(ends, 12))
            add_samples(session, real, label=label, texts=sentences(ends, 8, start=12), split=Split.TEST)
            add_samples(session, written, label=label, texts=sentences(ends, 10, start=20))
    return made


@pytest.fixture
def planned(store: Store, task: Task) -> list[int]:
    """The ids of two planned runs: both arms, MiniLM, seed 0."""
    with store.write() as session:
        made = plan.plan(
            session,
            task=task,
            arms=tasks.arms(session, task.id),
            encoders=["minilm"],
            seeds=[0],
            settings=SETTINGS,
        )
    return [run.id for run in made.new]
