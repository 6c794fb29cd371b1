"""Texts for tests, stored as an import or a generation would store them."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.study import samples
from core.study.rows.kinds import SampleStatus, Split
from core.study.rows.study import Arm, Label, Prompt, Sample
from core.study.splits import equal_texts
from core.study.store import Store


def sample(arm: Arm, label: Label, text: str) -> Sample:
    """A training text of an arm, not stored yet."""
    return Sample(arm_id=arm.id, label_id=label.id, split=Split.TRAIN, text=text, text_hash=equal_texts.text_hash(text))


def texts_a_call(store: Store, arm: Arm) -> list[int]:
    """Texts a call of each version of an arm's prompt, the oldest first."""
    with store() as session:
        found = select(Prompt.texts_per_call).where(Prompt.arm_id == arm.id).order_by(Prompt.version)
        return list(session.scalars(found))


def keep_new(session: Session, made: Iterable[Sample]) -> list[Sample]:
    """Adds samples of one arm to its own; of those with the same text the first is kept and the others are rejected."""
    found = list(made)
    arm_ids = {sample.arm_id for sample in found}
    kept = select(Sample.text_hash).where(Sample.arm_id.in_(arm_ids), Sample.status == SampleStatus.KEPT)
    seen = set(session.scalars(kept))
    for sample in found:
        if sample.text_hash in seen:
            sample.status, sample.reject_reason = SampleStatus.REJECTED, samples.DUPLICATE
        seen.add(sample.text_hash)
    session.add_all(found)
    session.flush()
    return found
