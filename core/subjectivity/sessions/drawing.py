"""Which texts a campaign shows: drawn at random for each label, from real test data, from any arm, or from several blind."""

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
    """Ids of at most `per_class` kept samples of each label and arm; of a real arm only from its test split.

    A text that several arms have is taken once. No arm means the real one. Raises `StudyError` when nothing is there.
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
        raise StudyError(_nothing(task, arms))
    return list(taken.values())


def gold(session: Session, *, task: Task, n: int, seed: int) -> list[tuple[int, str]]:
    """Real samples with a known answer, (sample id, label), taken in turn from each label outside the test split.

    Raises `StudyError` when the task has none.
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
    shuffled = [rng.sample(some, len(some)) for some in of_label]
    in_turn = [some[place] for place in range(n) for some in shuffled if place < len(some)]
    return [(row.id, labels[row.label_id]) for row in in_turn[:n]]


def pairs(ids: Sequence[int], *, per_item: int, seed: int) -> list[tuple[int, int]]:
    """Pairs in which every id comes about `per_item` times and that join all ids into one graph; no pair comes twice.

    Raises `StudyError` for less than two ids.
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
    known = tasks.arms(session, task.id)
    if not arm_ids:
        return [arm for arm in known if arm.kind == ArmKind.REAL]
    return [arm for arm in known if arm.id in set(arm_ids)]


def _nothing(task: Task, arms: Sequence[Arm]) -> str:
    if all(arm.kind == ArmKind.REAL for arm in arms):
        return f"Task {task.name!r} has no real test samples to rate. Import them on Tasks and data."
    return (
        f"There is no kept sample of task {task.name!r} in {', '.join(arm.name for arm in arms)}. Generate some first."
    )
