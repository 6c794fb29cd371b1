"""Intake: an answer becomes a stored completion first, then samples. Both are short transactions.

A text is kept, or stored as rejected with its reason. Texts beyond the number wanted are rejected as "over quota"; they
are paid for, so they are the first to be kept when more are wanted later.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, literal_column, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.study import samples
from core.study.records import Arm, Completion, Prompt, Sample, SampleStatus, Split
from core.study.store import Store
from core.synthesis import parsing

OVER_QUOTA = "over quota"
COPY = "copy of an example"


@dataclass(frozen=True)
class Outcome:
    """After an answer: how many texts its label keeps now, and whether the answer brought any that could be kept."""

    kept: int
    is_fruitful: bool


def take(store: Store, completion: Completion, *, per_label: int, now: float) -> Outcome:
    """Store an answer, then its texts.

    When another process has stored an answer for the same slot meanwhile, the unique constraint keeps that one and
    this one is dropped.
    """
    try:
        with store.write() as session:
            session.add(completion)
    except IntegrityError:
        with store() as session:
            return Outcome(count_kept(session, completion.arm_id, completion.label_id), is_fruitful=True)
    return parse_stored(store, completion, per_label=per_label, now=now)


def parse_stored(store: Store, completion: Completion, *, per_label: int, now: float) -> Outcome:
    """Store the texts of a completion, unless that has been done."""
    with store() as session:
        prompt = session.get_one(Prompt, completion.prompt_id)
    parsed = parsing.parse(completion.content, finish_reason=completion.finish_reason, expected=prompt.texts_per_call)
    with store.write() as session:
        session.get_one(Arm, completion.arm_id, with_for_update=True)
        row = session.get_one(Completion, completion.id)
        if row.parsed_at is not None:
            return Outcome(count_kept(session, row.arm_id, row.label_id), is_fruitful=True)
        found = _samples(row, parsed)
        kept = _keep(session, row, found, per_label=per_label)
        session.add_all(found)
        row.parsed_at, row.reject_reason = now, parsed.reason
    is_fruitful = any(sample.status == SampleStatus.KEPT or sample.reject_reason == OVER_QUOTA for sample in found)
    return Outcome(kept, is_fruitful)


def unparsed(session: Session, arm_id: int) -> list[Completion]:
    """Completions whose texts were never stored, because the process was killed in between."""
    left = select(Completion).where(Completion.arm_id == arm_id, Completion.parsed_at.is_(None))
    return list(session.scalars(left.order_by(Completion.label_id, Completion.slot)))


def restore_surplus(store: Store, *, arm_id: int, label_id: int, per_label: int) -> int:
    """Keep texts that were over an earlier quota, oldest first, and return how many texts the label keeps now."""
    with store.write() as session:
        session.get_one(Arm, arm_id, with_for_update=True)
        kept = count_kept(session, arm_id, label_id)
        if kept >= per_label:
            return kept
        surplus = select(Sample).where(
            Sample.arm_id == arm_id,
            Sample.label_id == label_id,
            Sample.status == SampleStatus.REJECTED,
            Sample.reject_reason == OVER_QUOTA,
        )
        known = samples.known_hashes(session, arm_id)
        for sample in session.scalars(surplus.order_by(Sample.id)):
            if sample.text_hash in known:
                sample.reject_reason = samples.DUPLICATE
            elif kept < per_label:
                sample.status, sample.reject_reason = SampleStatus.KEPT, None
                known.add(sample.text_hash)
                kept += 1
        return kept


def count_kept(session: Session, arm_id: int, label_id: int) -> int:
    """The texts an arm keeps for a label in its train split."""
    return (
        session.scalar(
            select(func.count(Sample.id)).where(
                Sample.arm_id == arm_id,
                Sample.label_id == label_id,
                Sample.split == Split.TRAIN,
                Sample.status == SampleStatus.KEPT,
            )
        )
        or 0
    )


def _samples(completion: Completion, parsed: parsing.Parsed) -> list[Sample]:
    """All texts of an answer as rows: those the parser could use first, then those it rejected."""
    judged: list[tuple[str, str | None]] = [(text, None) for text in parsed.texts]
    judged += parsed.rejected
    return [
        Sample(
            arm_id=completion.arm_id,
            label_id=completion.label_id,
            split=Split.TRAIN,
            text=text,
            text_hash=samples.text_hash(text),
            status=SampleStatus.REJECTED if reason else SampleStatus.KEPT,
            reject_reason=reason,
            completion_id=completion.id,
            part=part,
        )
        for part, (text, reason) in enumerate(judged)
    ]


def _keep(session: Session, completion: Completion, found: Sequence[Sample], *, per_label: int) -> int:
    """Reject copies, duplicates and what is over the quota; returns how many texts the label keeps then.

    The index on kept texts is asked about these texts alone, so the cost does not grow with the arm.
    """
    hashes = [sample.text_hash for sample in found]
    is_kept = Sample.status == literal_column(f"'{SampleStatus.KEPT}'")  # a bound value would miss the index
    seen = set(
        session.scalars(
            select(Sample.text_hash).where(Sample.arm_id == completion.arm_id, Sample.text_hash.in_(hashes), is_kept)
        )
    )
    shown = set(session.scalars(select(Sample.text_hash).where(Sample.id.in_(completion.example_ids))))
    task_id = session.get_one(Arm, completion.arm_id).task_id
    tested = samples.tested_hashes(session, task_id, hashes)
    kept = count_kept(session, completion.arm_id, completion.label_id)
    for sample in found:
        if sample.status == SampleStatus.REJECTED:
            continue
        sample.reject_reason = _reason(
            sample.text_hash, shown=shown, tested=tested, seen=seen, is_full=kept >= per_label
        )
        sample.status = SampleStatus.REJECTED if sample.reject_reason else SampleStatus.KEPT
        kept += sample.status == SampleStatus.KEPT
        seen.add(sample.text_hash)
    return kept


def _reason(text_hash: str, *, shown: set[str], tested: set[str], seen: set[str], is_full: bool) -> str | None:
    if text_hash in shown:
        return COPY
    if text_hash in tested:
        return samples.LEAK
    if text_hash in seen:
        return samples.DUPLICATE
    return OVER_QUOTA if is_full else None
