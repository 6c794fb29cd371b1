"""Draw the real texts that a call shows as examples or has rewritten: never a test text, nor a near-duplicate of a test text."""

import hashlib
import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.llm.answers import SlotKey
from core.study.rows.kinds import ArmKind, SampleStatus, Split
from core.study.rows.study import Arm, Label, Sample, Task

SHARE_OF_TRAIN = 0.1


@dataclass(frozen=True)
class Pool:
    """The real texts of each label that calls may show, by label id, in an order that does not depend on the database.

    A call shows `per_call` texts as examples and has `sources` texts rewritten.
    """

    texts: dict[int, list[Sample]]
    per_call: int
    sources: int
    seed: int

    def draw(self, label_id: int, slot_key: SlotKey) -> list[Sample]:
        """The examples of one call for a label: the same every time for the same slot key; empty for a zero-shot prompt."""
        if not self.per_call:
            return []
        rng = random.Random(f"{self.seed}/{slot_key}")
        return rng.sample(self.texts[label_id], self.per_call)

    def draw_sources(self, label_id: int, slot_key: SlotKey) -> list[Sample]:
        """The texts that one call rewrites, of the other labels in turn: the same every time for the same slot key."""
        if not self.sources:
            return []
        rng = random.Random(f"{self.seed}/sources/{slot_key}")
        others = [texts for other, texts in sorted(self.texts.items()) if other != label_id]
        shuffled = [rng.sample(texts, min(self.sources, len(texts))) for texts in rng.sample(others, len(others))]
        in_turn = [sample for row in itertools.zip_longest(*shuffled) for sample in row if sample is not None]
        return in_turn[: self.sources]


def pool(session: Session, *, task: Task, labels: Sequence[Label], per_call: int, seed: int, sources: int = 0) -> Pool:
    """The real texts that calls may show: the pool split of the real arm, or a tenth of its train split without a pool.

    Near-duplicates of real test texts are left out, since generated texts that copy them would leak the test. The tenth
    holds at least as many texts as a call shows, and depends on the seed and the texts alone. Raises `StudyError` if a
    label has too few real texts to show as examples, or if the other labels together have too few to rewrite.
    """
    if not per_call and not sources:
        return Pool({}, 0, 0, seed)
    least = max(per_call, sources)
    texts = {label.id: _pooled(session, task.id, label.id, least=least, seed=seed) for label in labels}
    texts = _without_near_test(session, task.id, texts)
    for label in labels:
        found = len(texts[label.id])
        others = sum(len(of_label) for other, of_label in texts.items() if other != label.id)
        if found < per_call:
            raise StudyError(
                f"A few-shot prompt shows {per_call} real texts of each label; task {task.name!r} has {found} for "
                f"{label.name!r} in its pool and train splits that are no near-duplicates of test texts. Import real texts, or use a "
                "zero-shot arm."
            )
        if others < sources:
            raise StudyError(
                f"A call rewrites {sources} real texts of other labels into {label.name!r}; task {task.name!r} has "
                f"{others} in its pool and train splits. Import real texts of the other labels, or write without sources."
            )
    return Pool(texts, per_call, sources, seed)


def _pooled(session: Session, task_id: int, label_id: int, *, least: int, seed: int) -> list[Sample]:
    """The real texts of a label that calls may show, sorted by hash; `least` is the number of texts that a call shows."""
    found = _real(session, task_id, label_id, Split.POOL)
    if not found:
        train = _real(session, task_id, label_id, Split.TRAIN)
        train.sort(key=lambda sample: hashlib.sha256(f"{seed}/{sample.text_hash}".encode()).hexdigest())
        found = train[: max(least, math.ceil(SHARE_OF_TRAIN * len(train)))]
    return sorted(found, key=lambda sample: sample.text_hash)


def _without_near_test(session: Session, task_id: int, texts: dict[int, list[Sample]]) -> dict[int, list[Sample]]:
    """The texts of each label without near-duplicates of the task's real test texts."""
    from core.study.splits import across  # scipy: loaded only when a prompt shows real texts

    every = [sample for of_label in texts.values() for sample in of_label]
    near = {every[place].id for place in across.near_test(session, task_id, [sample.text for sample in every])}
    return {label: [sample for sample in of_label if sample.id not in near] for label, of_label in texts.items()}


def _real(session: Session, task_id: int, label_id: int, split: Split) -> list[Sample]:
    """The kept real texts of a label in a split, sorted by hash."""
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
