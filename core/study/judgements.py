"""A person's decisions about samples: reject a sample, restore it, or note which label fits. The label of a sample never changes.

Every change names the state that it starts from: if two people decide at once, the second decision changes nothing.
"""

import time
from collections.abc import Sequence
from typing import cast

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    Table,
    bindparam,
    delete,
    exists,
    literal_column,
    or_,
    select,
    union,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session

from core.errors import StudyError
from core.study import samples
from core.study.chunks import chunks
from core.study.rows.kinds import JudgementKind, SampleStatus, Split
from core.study.rows.sessions import Campaign, Comparison, Item, Rating
from core.study.rows.study import Arm, Completion, Judgement, Label, Prediction, Sample

BY_PERSON = "rejected by a person"
SHOWN = 60
_OPEN = select(Campaign.id).where(Campaign.is_open)
_SAMPLE = cast(Table, Sample.__table__)
_KEPT = select(_SAMPLE.c.text_hash).where(
    _SAMPLE.c.arm_id == bindparam("arm_id"),
    _SAMPLE.c.text_hash.in_(bindparam("hashes", expanding=True)),
    _SAMPLE.c.status == literal_column(f"'{SampleStatus.KEPT}'"),  # a bound value would miss the index
)


def reject(session: Session, sample_ids: Sequence[int], *, reason: str = BY_PERSON) -> int:
    """Reject the samples that are kept, and return their number.

    Raises `StudyError`, and rejects no sample, if a sample is in the test split, has predictions or ratings, or is rated
    in an open campaign: scores and agreement are computed on read, so findings would change without a word.
    """
    for chunk in chunks(sample_ids):
        fixed = session.scalars(_relied_on(chunk).limit(1)).first()
        if fixed is not None:
            raise StudyError(_why_not_rejected(fixed))
    changed = 0
    for chunk in chunks(sample_ids):
        change = update(Sample).where(Sample.id.in_(chunk), Sample.status == SampleStatus.KEPT)
        change = change.values(status=SampleStatus.REJECTED, reject_reason=reason[:100]).returning(Sample.id)
        changed += len(session.execute(change.execution_options(synchronize_session=False)).all())
    session.expire_all()
    return changed


def restore(session: Session, sample_ids: Sequence[int]) -> int:
    """Keep the samples that are rejected again, and return their number.

    Raises `StudyError`, and restores no sample, if a text is kept elsewhere in its arm, is in the real test split, or
    repeats a real text that its prompt showed.
    """
    found = [
        sample
        for chunk in chunks(sample_ids)
        for sample in session.scalars(
            select(Sample)
            .where(Sample.id.in_(chunk), Sample.status == SampleStatus.REJECTED)
            .order_by(Sample.id)
            .execution_options(populate_existing=True)
        )
    ]
    for arm_id in sorted({sample.arm_id for sample in found}):
        arm = session.get_one(Arm, arm_id, with_for_update=True)
        _check_restorable(session, arm, [sample for sample in found if sample.arm_id == arm_id])
    changed = 0
    try:
        with session.begin_nested():
            for chunk in chunks([sample.id for sample in found]):
                change = update(Sample).where(Sample.id.in_(chunk), Sample.status == SampleStatus.REJECTED)
                change = change.values(status=SampleStatus.KEPT, reject_reason=None).returning(Sample.id)
                changed += len(session.execute(change.execution_options(synchronize_session=False)).all())
    except IntegrityError as error:
        raise StudyError("A text like one of these was kept in the meantime. Look at the page again.") from error
    session.expire_all()
    return changed


def set_human_label(session: Session, sample_id: int, label_id: int | None, *, by: str = "organiser") -> None:
    """Store the label that a person finds fitting, in place of that person's earlier label; None deletes the label.

    `by` names the person. Raises `StudyError` if the label does not belong to the sample's task.
    """
    by_person = (Judgement.sample_id == sample_id, Judgement.kind == JudgementKind.HUMAN, Judgement.judge == by)
    if label_id is None:
        session.execute(delete(Judgement).where(*by_person))
        return
    label = session.get(Label, label_id)
    task_id = session.scalar(select(Arm.task_id).join(Sample, Sample.arm_id == Arm.id).where(Sample.id == sample_id))
    if label is None or label.task_id != task_id:
        raise StudyError("This label is not one of the sample's task. Choose one of its labels.")
    change = update(Judgement).where(*by_person).values(label_id=label_id, created_at=time.time())
    if session.execute(change.returning(Judgement.id)).first() is None:
        try:
            with session.begin_nested():
                session.add(Judgement(sample_id=sample_id, kind=JudgementKind.HUMAN, judge=by, label_id=label_id))
        except IntegrityError:
            session.execute(change)


def relied_on(session: Session, sample_ids: Sequence[int]) -> set[int]:
    """The ids of the samples that `reject` refuses to reject."""
    return {sample.id for chunk in chunks(sample_ids) for sample in session.scalars(_relied_on(chunk))}


def kept_hashes(session: Session, arm_id: int, hashes: Sequence[str]) -> set[str]:
    """The text hashes that belong to a kept text of the arm. An index is searched, so the cost does not grow with the arm."""
    session.flush()
    found: set[str] = set()
    for chunk in chunks(hashes):
        found.update(session.connection().execute(_KEPT, {"arm_id": arm_id, "hashes": chunk}).scalars())
    return found


def _relied_on(sample_ids: Sequence[int]) -> Select[Sample]:
    """A query for the samples that are kept and that results rest on already."""
    rated = exists().where(Item.sample_id == Sample.id, Rating.item_id == Item.id)
    compared = Sample.id.in_(_either(Comparison.left_sample_id, Comparison.right_sample_id))
    in_campaign = exists().where(Item.sample_id == Sample.id, Item.campaign_id == Campaign.id, Campaign.is_open)
    in_pair = Sample.id.in_(_either(Item.left_sample_id, Item.right_sample_id, Item.campaign_id.in_(_OPEN)))
    predicted = exists().where(Prediction.sample_id == Sample.id)
    return select(Sample).where(
        Sample.id.in_(sample_ids),
        Sample.status == SampleStatus.KEPT,
        or_(Sample.split == Split.TEST, predicted, rated, compared, in_campaign, in_pair),
    )


def _either(
    left: InstrumentedAttribute[int | None], right: InstrumentedAttribute[int | None], *wanted: ColumnElement[bool]
) -> CompoundSelect[int | None]:
    """A query for the ids of all samples on either side of a pair that meets the conditions."""
    return union(*(select(side).where(side.is_not(None), *wanted) for side in (left, right)))


def _why_not_rejected(sample: Sample) -> str:
    """The sentence that says why a sample is not rejected, and what to do in place of it."""
    rests = (
        "belongs to the test split, on which"
        if sample.split == Split.TEST
        else "has predictions or ratings, or is in an open campaign, and on them"
    )
    return (
        f"The text {_shown(sample)} {rests} results rest: they would change without a word, so it is not rejected. "
        "Import other test data into a new task, or leave the text out of a new campaign."
    )


def _check_restorable(session: Session, arm: Arm, rejected: Sequence[Sample]) -> None:
    """Raise `StudyError` for the first sample of an arm that cannot be kept again."""
    hashes = [sample.text_hash for sample in rejected]
    kept = kept_hashes(session, arm.id, hashes)
    tested = {found for chunk in chunks(hashes) for found in samples.tested_hashes(session, arm.task_id, chunk)}
    for sample in rejected:
        why = ""
        if sample.text_hash in kept:
            why = "is kept already in this arm; a text counts once"
        elif sample.split != Split.TEST and sample.text_hash in tested:
            why = "is in the real test split, so training on it would spoil the score"
        elif sample.text_hash in _shown_hashes(session, sample):
            why = "repeats a real text that its prompt showed, so it is no synthetic text"
        if why:
            raise StudyError(f"The text {_shown(sample)} {why}. It stays rejected.")
        kept.add(sample.text_hash)


def _shown_hashes(session: Session, sample: Sample) -> set[str]:
    """The hashes of the real texts that the prompt of a sample showed; empty for an imported sample."""
    completion = session.get(Completion, sample.completion_id) if sample.completion_id else None
    if completion is None:
        return set()
    shown = [*completion.example_ids, *completion.source_ids]
    return set(session.scalars(select(Sample.text_hash).where(Sample.id.in_(shown))))


def _shown(sample: Sample) -> str:
    """The first 60 characters of a sample's text, and its id."""
    text = " ".join(sample.text.split())
    return f"{text[:SHOWN]!r}{' ...' if len(text) > SHOWN else ''} (sample {sample.id})"
