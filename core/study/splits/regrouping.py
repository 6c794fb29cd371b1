"""Move whole groups of near-duplicate real texts to one side of the test split, recorded, and move them back"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import tasks
from core.study.chunks import chunks
from core.study.rows.kinds import ArmKind, SampleStatus, Split
from core.study.rows.study import Arm, Regrouping, Sample, Task
from core.study.splits import across, duplicates
from core.wording import counted

SIDES = (Split.TEST, Split.TRAIN)


@dataclass(frozen=True)
class Proposed:
    """A move of whole groups to one side: `moved` maps the digest of each text to move to its split now; `n_groups` counts the
    groups of near-duplicates that lie on both sides; `left` maps a split to its number of texts afterwards."""

    side: Split
    moved: dict[str, Split]
    n_groups: int
    left: dict[Split, int]
    threshold: float


def propose(session: Session, task: Task, side: Split, *, threshold: float = duplicates.THRESHOLD) -> Proposed:
    """The move after which no group of near-duplicates lies on both sides of the test split; nothing is changed.

    A group is a set of kept real texts that are connected by near-duplicates. With side `test`, the group's texts of all
    other splits go into the test split; with side `train`, its test texts go into training. Raises `StudyError` for another
    side, or if a label would be left without test texts or without training texts.
    """
    if side not in SIDES:
        raise StudyError(f"Groups of near-duplicates go to {' or '.join(SIDES)}; {side} was asked for.")
    texts = across.real_texts(session, task.id)
    digests, splits = texts["text_hash"].tolist(), texts["split"].tolist()
    groups = duplicates.near(texts["text"].tolist(), threshold=threshold).groups
    spread = [group for group in groups if 0 < sum(splits[place] == Split.TEST for place in group) < len(group)]
    leaves = {place for group in spread for place in group if (splits[place] == Split.TEST) == (side == Split.TRAIN)}
    after = [side if place in leaves else split for place, split in enumerate(splits)]
    _check(session, task, texts, texts.assign(split=after))
    moved = {digests[place]: Split(splits[place]) for place in sorted(leaves)}
    counts = Counter(after)
    return Proposed(side, moved, len(spread), {split: counts[split] for split in Split if counts[split]}, threshold)


def regroup(session: Session, task: Task, side: Split, *, threshold: float = duplicates.THRESHOLD) -> Regrouping:
    """Make the move that `propose` describes and record it; labels, ratings and finished runs stay as they are.

    Finished runs keep the test texts they were scored on, and are not compared with runs planned afterwards. Raises
    `StudyError` as `propose` does, and if no group lies on both sides.
    """
    session.execute(select(Task.id).where(Task.id == task.id).with_for_update())
    found = propose(session, task, side, threshold=threshold)
    if not found.moved:
        raise StudyError(f"No near-duplicates of task {task.name!r} lie on both sides of its test split.")
    for digests in chunks(list(found.moved)):
        _move(session, task.id, digests, side)
    moved = {digest: str(split) for digest, split in found.moved.items()}
    made = Regrouping(task_id=task.id, side=side, threshold=threshold, moved=moved)
    session.add(made)
    session.flush()
    return made


def undo(session: Session, regrouping_id: int, *, now: float) -> int:
    """Move the texts of a regrouping back and return their number; texts that are not where it put them stay.

    Raises `StudyError` if there is no such regrouping, if it was undone, or if a later one of the task was not.
    """
    made = session.get(Regrouping, regrouping_id, with_for_update=True)
    if made is None or made.undone_at is not None:
        raise StudyError("This move was undone already, or it does not exist: there is nothing to do.")
    if standing(session, made.task_id)[0].id != made.id:
        raise StudyError("A later move of the same task stands. Undo that one first.")
    back: dict[Split, list[str]] = defaultdict(list)
    for digest, split in made.moved.items():
        back[Split(split)].append(digest)
    n = sum(
        _move(session, made.task_id, some, split, only_from=made.side)
        for split, digests in back.items()
        for some in chunks(digests)
    )
    made.undone_at = now
    session.flush()
    return n


def standing(session: Session, task_id: int) -> Sequence[Regrouping]:
    """The regroupings of a task that were not undone, the newest first."""
    of_task = select(Regrouping).where(Regrouping.task_id == task_id, Regrouping.undone_at.is_(None))
    return session.scalars(of_task.order_by(Regrouping.id.desc())).all()


def words(made: Regrouping) -> str:
    """A move in a sentence: how many texts it moved, from where to where."""
    counts: Mapping[str, int] = Counter(made.moved.values())
    whence = ", ".join(f"{n:,} from {split}" for split, n in sorted(counts.items()))
    return f"Near-duplicates moved into {made.side}: {whence}."


def moved_back(n: int) -> str:
    """The sentence after `undo` moved `n` texts back."""
    return f"{counted(n, 'text')} moved back."


def _check(session: Session, task: Task, before: pd.DataFrame, after: pd.DataFrame) -> None:
    """Raise `StudyError` if a label loses its last text of the test split or of training."""
    for split in SIDES:
        had, held = (set(texts[texts["split"] == split]["label_id"]) for texts in (before, after))
        lost = [label.name for label in tasks.labels_of(session, task.id) if label.id in had - held]
        if lost:
            raise StudyError(
                f"Afterwards the {split} split of task {task.name!r} would hold no text labelled "
                f"{', '.join(map(repr, lost))}. Move the groups to the other side, or import more real texts."
            )


def _move(
    session: Session, task_id: int, digests: Sequence[str], split: Split, *, only_from: Split | None = None
) -> int:
    """Move the kept texts of the task's real arm with these digests into a split; return their number."""
    real = select(Arm.id).where(Arm.task_id == task_id, Arm.kind == ArmKind.REAL)
    change = update(Sample).where(
        Sample.arm_id.in_(real), Sample.text_hash.in_(digests), Sample.status == SampleStatus.KEPT
    )
    if only_from is not None:
        change = change.where(Sample.split == only_from)
    change = change.values(split=split).returning(Sample.id).execution_options(synchronize_session="fetch")
    return len(session.scalars(change).all())
