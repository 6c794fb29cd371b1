"""Draw the texts, gold items and pairs of texts of a campaign at random."""

import random
from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import tasks
from core.study.rows.kinds import ArmKind, SampleStatus, Split
from core.study.rows.study import Arm, Sample, Task


def samples(session: Session, *, task: Task, arm_ids: Sequence[int], per_class: int, seed: int) -> list[int]:
    """Draw at most `per_class` kept samples of each label and arm, and return their ids.

    Only the test split of a real arm is used. A text that several arms have is drawn once. Without arms, the real arm is
    used. Raises `StudyError` if no sample is found.
    """
    arms = _arms(session, task, arm_ids)
    rng = random.Random(seed)
    taken: dict[str, int] = {}
    for arm in arms:
        query = select(Sample.label_id, Sample.id, Sample.text_hash).where(
            Sample.arm_id == arm.id, Sample.status == SampleStatus.KEPT
        )
        if arm.kind == ArmKind.REAL:
            query = query.where(Sample.split == Split.TEST)
        of_label: dict[int, list[tuple[int, str]]] = defaultdict(list)
        for label_id, sample_id, text_hash in session.execute(query.order_by(Sample.id)):
            if text_hash not in taken:
                of_label[label_id].append((sample_id, text_hash))
        for label_id in sorted(of_label):
            drawn = rng.sample(of_label[label_id], min(per_class, len(of_label[label_id])))
            taken |= {text_hash: sample_id for sample_id, text_hash in drawn}
    if not taken:
        raise StudyError(_no_samples(task, arms))
    return list(taken.values())


def gold(session: Session, *, task: Task, n: int, seed: int) -> list[tuple[int, str]]:
    """Draw at most `n` gold items: (sample id, label) of real samples outside the test split, from each label in turn.

    Raises `StudyError` if the task has no such sample.
    """
    labels = {label.id: label.name for label in tasks.labels_of(session, task.id)}
    rows = session.execute(
        select(Sample.label_id, Sample.id)
        .join(Arm, Arm.id == Sample.arm_id)
        .where(Arm.task_id == task.id, Arm.kind == ArmKind.REAL, Sample.status == SampleStatus.KEPT)
        .where(Sample.split != Split.TEST)
        .order_by(Sample.id)
    ).all()
    if not rows:
        raise StudyError(f"Gold items are taken from the training texts of {task.name!r}, and it has none.")
    rng = random.Random(seed)
    of_label = [[row for row in rows if row.label_id == label_id] for label_id in labels]
    shuffled = [rng.sample(samples, len(samples)) for samples in of_label]
    in_turn = [samples[place] for place in range(n) for samples in shuffled if place < len(samples)]
    return [(row.id, labels[row.label_id]) for row in in_turn[:n]]


def pairs(ids: Sequence[int], *, per_item: int, seed: int) -> list[tuple[int, int]]:
    """Draw pairs of ids: every id is in about `per_item` pairs, the pairs connect all ids, and no pair occurs twice.

    Raises `StudyError` with fewer than two ids.
    """
    if len(ids) < 2:
        raise StudyError("Comparing texts needs at least two of them.")
    rng = random.Random(seed)
    found: dict[tuple[int, int], None] = {}
    for _ in range(max(1, round(per_item / 2))):
        ring = rng.sample(list(ids), len(ids))
        for left, right in zip(ring, [*ring[1:], ring[0]], strict=True):
            found.setdefault((min(left, right), max(left, right)))
    return [pair if rng.random() < 0.5 else (pair[1], pair[0]) for pair in found]


def _arms(session: Session, task: Task, arm_ids: Sequence[int]) -> list[Arm]:
    """The chosen arms of a task; without a choice its real arms."""
    known = tasks.arms(session, task.id)
    if not arm_ids:
        return [arm for arm in known if arm.kind == ArmKind.REAL]
    return [arm for arm in known if arm.id in set(arm_ids)]


def _no_samples(task: Task, arms: Sequence[Arm]) -> str:
    """The error message for arms without a kept sample."""
    if all(arm.kind == ArmKind.REAL for arm in arms):
        return f"Task {task.name!r} has no real test samples to rate. Import them on Tasks and data."
    return (
        f"There is no kept sample of task {task.name!r} in {', '.join(arm.name for arm in arms)}. Generate some first."
    )
