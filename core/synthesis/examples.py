"""Examples: the real texts that a few-shot prompt shows, drawn anew for each call and never from the test split."""

import hashlib
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study.records import Arm, ArmKind, Label, Sample, SampleStatus, Split, Task
from core.synthesis.answers import SlotKey

SHARE_OF_TRAIN = 0.1


@dataclass(frozen=True)
class Pool:
    """The texts of each label that may be shown, by label id, in an order that does not depend on the database."""

    texts: dict[int, list[Sample]]
    per_call: int
    seed: int

    def draw(self, label_id: int, slot_key: SlotKey) -> list[Sample]:
        """The examples of one call: the same whenever that call is made again."""
        if not self.per_call:
            return []
        rng = random.Random(f"{self.seed}/{slot_key}")
        return rng.sample(self.texts[label_id], self.per_call)


def pool(session: Session, *, task: Task, labels: Sequence[Label], per_call: int, seed: int) -> Pool:
    """The pool split of the task's real arm, or a tenth of its train split (at least `per_call`) when it has none.

    Which tenth depends on the seed and the texts alone. Raises `StudyError` when a label has too few real texts.
    """
    if not per_call:
        return Pool({}, 0, seed)
    texts: dict[int, list[Sample]] = {}
    for label in labels:
        found = _real(session, task.id, label.id, Split.POOL)
        if not found:
            train = _real(session, task.id, label.id, Split.TRAIN)
            train.sort(key=lambda sample: hashlib.sha256(f"{seed}/{sample.text_hash}".encode()).hexdigest())
            found = train[: max(per_call, math.ceil(SHARE_OF_TRAIN * len(train)))]
        if len(found) < per_call:
            raise StudyError(
                f"A few-shot prompt shows {per_call} real texts of each label; task {task.name!r} has {len(found)} for "
                f"{label.name!r} in its pool and train splits. Import real texts, or use a zero-shot arm."
            )
        texts[label.id] = sorted(found, key=lambda sample: sample.text_hash)
    return Pool(texts, per_call, seed)


def _real(session: Session, task_id: int, label_id: int, split: Split) -> list[Sample]:
    return list(
        session.scalars(
            select(Sample)
            .join(Arm, Arm.id == Sample.arm_id)
            .where(
                Arm.task_id == task_id,
                Arm.kind == ArmKind.REAL,
                Sample.label_id == label_id,
                Sample.split == split,
                Sample.status == SampleStatus.KEPT,
            )
            .order_by(Sample.text_hash)
        )
    )
