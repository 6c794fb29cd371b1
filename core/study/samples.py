"""Find texts that stand in the test split, and count the samples of a study."""

from collections.abc import Iterable

import pandas as pd
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.study.rows.kinds import ArmKind, SampleStatus, Split
from core.study.rows.study import Arm, Completion, Label, Sample, Task

DUPLICATE = "duplicate text"
UNDONE = "import undone"
LEAK = "also in the test split"
MOVED = "in the test split of a later import"  # a text that was kept until that import


def tested_hashes(session: Session, task_id: int, hashes: Iterable[str]) -> set[str]:
    """The digests, among `hashes`, of texts in the test split of the task's real arm: no training text may have one of these."""
    query = (
        select(Sample.text_hash)
        .join(Arm, Arm.id == Sample.arm_id)
        .where(
            Arm.task_id == task_id,
            Arm.kind == ArmKind.REAL,
            Sample.split == Split.TEST,
            Sample.status == SampleStatus.KEPT,
            Sample.text_hash.in_(list(hashes)),
        )
    )
    return set(session.scalars(query))


def counts(session: Session, study_id: int) -> pd.DataFrame:
    """Numbers of kept and of rejected samples of a study: columns task, arm, arm_id, kind, split, label, status, n.

    Texts of an import that was undone are in neither.
    """
    query = (
        select(
            Task.name.label("task"),
            Arm.name.label("arm"),
            Arm.id.label("arm_id"),
            Arm.kind,
            Sample.split,
            Label.name.label("label"),
            Sample.status,
            func.count(Sample.id).label("n"),
        )
        .join(Arm, Arm.id == Sample.arm_id)
        .join(Task, Task.id == Arm.task_id)
        .join(Label, Label.id == Sample.label_id)
        .where(Task.study_id == study_id, Sample.reject_reason.is_distinct_from(UNDONE))
        .group_by(Task.name, Arm.name, Arm.id, Arm.kind, Sample.split, Label.name, Sample.status)
        .order_by(Arm.id, Sample.split, Label.name)
    )
    columns = ["task", "arm", "arm_id", "kind", "split", "label", "status", "n"]
    return pd.DataFrame(session.execute(query).all(), columns=columns)


def answers_without_text(session: Session, study_id: int) -> dict[int, int]:
    """Arm id -> number of completions in which no text was found; each counts as rejected, like a rejected text."""
    query = (
        select(Completion.arm_id, func.count())
        .join(Arm, Arm.id == Completion.arm_id)
        .join(Task, Task.id == Arm.task_id)
        .where(Task.study_id == study_id, Completion.reject_reason.is_not(None))
        .group_by(Completion.arm_id)
    )
    return dict(session.execute(query).all())


def of_import(session: Session, import_id: int) -> pd.DataFrame:
    """Numbers of samples that came with an import: columns split, label, n."""
    query = (
        select(Sample.split, Label.name, func.count(Sample.id))
        .join(Label, Label.id == Sample.label_id)
        .where(Sample.import_id == import_id)
        .group_by(Sample.split, Label.name)
    )
    return pd.DataFrame(session.execute(query).all(), columns=["split", "label", "n"])
