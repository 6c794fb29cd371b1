"""Look at samples page by page, and walk one back to what it came from. The database filters and pages."""

from dataclasses import dataclass

import pandas as pd
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from core.study.records import Arm, Completion, Import, Label, Prompt, Sample, SampleStatus, Split

PAGE = 200


@dataclass(frozen=True)
class Filter:
    """Which samples of an arm; None or an empty string leaves a condition out."""

    arm_id: int
    label_id: int | None = None
    status: str | None = None
    words: str = ""


@dataclass(frozen=True)
class Origin:
    """A sample with what it came from: a file, or a completion and the prompt that asked for it."""

    sample: Sample
    imported: Import | None
    completion: Completion | None
    prompt: Prompt | None


def count(session: Session, wanted: Filter) -> int:
    """How many samples pass the filter."""
    return session.scalar(select(func.count(Sample.id)).where(*_conditions(wanted))) or 0


def page(session: Session, wanted: Filter, *, number: int = 1) -> pd.DataFrame:
    """One page of samples, `number` from 1: columns id, text, label, split, status, reason."""
    query = select(Sample.id, Sample.text, Label.name, Sample.split, Sample.status, Sample.reject_reason)
    query = query.join(Label, Label.id == Sample.label_id).where(*_conditions(wanted))
    rows = session.execute(query.order_by(Sample.id).offset((number - 1) * PAGE).limit(PAGE)).all()
    columns = ["id", "text", "label", "split", "status", "reason"]
    return pd.DataFrame(rows, columns=columns).fillna({"reason": ""})


def newest(session: Session, arm_id: int, *, limit: int) -> pd.DataFrame:
    """The newest generated samples of an arm: columns text, label, status, reason, recorded."""
    query = (
        select(Sample.text, Label.name, Sample.status, Sample.reject_reason, Completion.is_recorded)
        .join(Label, Label.id == Sample.label_id)
        .join(Completion, Completion.id == Sample.completion_id)
        .where(Sample.arm_id == arm_id)
        .order_by(Sample.id.desc())
        .limit(limit)
    )
    columns = ["text", "label", "status", "reason", "recorded"]
    return pd.DataFrame(session.execute(query).all(), columns=columns).fillna({"reason": ""})


def origin(session: Session, sample_id: int) -> Origin:
    """Where a sample came from."""
    sample = session.get_one(Sample, sample_id)
    completion = session.get(Completion, sample.completion_id) if sample.completion_id else None
    return Origin(
        sample=sample,
        imported=session.get(Import, sample.import_id) if sample.import_id else None,
        completion=completion,
        prompt=session.get(Prompt, completion.prompt_id) if completion else None,
    )


def word_counts(session: Session, task_id: int) -> pd.DataFrame:
    """Words in every kept training or test text of a task: columns arm, words."""
    query = (
        select(Arm.name, Sample.text)
        .join(Arm, Arm.id == Sample.arm_id)
        .where(Arm.task_id == task_id, Sample.status == SampleStatus.KEPT, Sample.split.in_([Split.TRAIN, Split.TEST]))
        .order_by(Arm.id)
    )
    rows = [(arm, len(text.split())) for arm, text in session.execute(query)]
    return pd.DataFrame(rows, columns=["arm", "words"])


def median_words(counted: pd.DataFrame) -> dict[str, float]:
    """Median number of words per arm, from what `word_counts` gives."""
    return {str(arm): float(value) for arm, value in counted.groupby("arm", sort=False)["words"].median().items()}


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    conditions = [Sample.arm_id == wanted.arm_id]
    if wanted.label_id is not None:
        conditions.append(Sample.label_id == wanted.label_id)
    if wanted.status:
        conditions.append(Sample.status == wanted.status)
    if wanted.words:
        conditions.append(Sample.text.icontains(wanted.words, autoescape=True))
    return conditions
