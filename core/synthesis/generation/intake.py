"""Intake: answers become stored completions first, then samples. Both are short transactions.

A text is kept, or stored as rejected with its reason. Texts beyond the number wanted are rejected as "over quota"; they
are paid for, so they are the first to be kept when more are wanted later. A text that a person rejected is never taken
back, nor kept when an LLM writes it again.
"""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import Table, bindparam, func, insert, literal_column, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from core.study import judgements, samples, tasks
from core.study.chunks import chunks
from core.study.rows.kinds import ArmKind, SampleStatus, Split
from core.study.rows.study import Arm, Completion, Prompt, Sample
from core.study.store import Store
from core.synthesis.parsing import texts as parsing

OVER_QUOTA = "over quota"
COPY = "copy of an example"
RECOUNT_S = 1.0

ARM, COMPLETION, SAMPLE = (cast(Table, mapped.__table__) for mapped in (Arm, Completion, Sample))
KEPT = select(SAMPLE.c.text_hash).where(
    SAMPLE.c.arm_id == bindparam("arm_id"),
    SAMPLE.c.text_hash.in_(bindparam("hashes", expanding=True)),
    SAMPLE.c.status == literal_column(f"'{SampleStatus.KEPT}'"),  # a bound value would miss the index
)
PARSED = select(COMPLETION.c.id).where(
    COMPLETION.c.id.in_(bindparam("known", expanding=True)), COMPLETION.c.parsed_at.is_not(None)
)
MARK = (
    update(COMPLETION)
    .where(COMPLETION.c.id == bindparam("known"))
    .values(parsed_at=bindparam("now"), reject_reason=bindparam("why"))
)
ADD = insert(SAMPLE)


@dataclass(frozen=True)
class Outcome:
    """After an answer: how many texts its label keeps now, whether it brought any that could be kept, and what else.

    `rejected` counts its rejected texts by reason, or the whole answer when it held no text.
    """

    kept: int
    is_fruitful: bool
    rejected: Mapping[str, int] = field(default_factory=dict)


class Intake:
    """Takes in the answers for one arm, many at a time.

    Held between calls is what the arm keeps of each label, which texts people rejected, and whether its task has test
    texts to keep out; all are asked anew every second, as people may reject and import texts meanwhile.
    """

    def __init__(self, store: Store, *, arm_id: int, per_label: int) -> None:
        self.store = store
        self.arm_id = arm_id
        self.per_label = per_label
        self._expected: dict[int, int] = {}
        self._names: dict[int, str] = {}
        self._kept: dict[int, int] = {}
        self._unwanted: set[str] = set()
        self._tested_task_id: int | None = None
        self._counted_at = 0.0

    def keep(self, completions: Sequence[Completion]) -> list[Completion]:
        """Store answers and give those that were.

        When another process has stored an answer for the same slot meanwhile, the unique constraint keeps that one
        and this one is dropped.
        """
        try:
            with self.store.write() as session:
                session.add_all(completions)
            return list(completions)
        except IntegrityError:
            if len(completions) == 1:
                return []
            return [row for one in completions for row in self.keep([one])]

    def parse(self, completions: Sequence[Completion], *, now: float) -> list[Outcome]:
        """Store the texts of stored answers, in their order, unless that has been done."""
        parsed = [self._parsed(completion) for completion in completions]
        with self.store.write() as session:
            _hold(session, self.arm_id)
            self._recount(session)
            done = _parsed_already(session, completions)
            found = [
                _Found(completion, _rows(completion, one))
                for completion, one in zip(completions, parsed, strict=True)
                if completion.id not in done
            ]
            self._judge(session, found)
            rows = [row for one in found for row in one.rows]
            if rows:
                session.connection().execute(ADD, rows)
            reasons = {completion.id: one.reason for completion, one in zip(completions, parsed, strict=True)}
            _mark_parsed(session, {known: reason for known, reason in reasons.items() if known not in done}, now=now)
        outcomes = {one.completion.id: one.outcome(self._kept, reasons[one.completion.id]) for one in found}
        seen = {row.id: Outcome(self._kept.get(row.label_id, 0), is_fruitful=True) for row in completions}
        return [outcomes.get(row.id) or seen[row.id] for row in completions]

    def dropped(self, completion: Completion) -> Outcome:
        """The outcome of an answer that was not stored, as its slot had one."""
        with self.store() as session:
            return Outcome(count_kept(session, self.arm_id, completion.label_id), is_fruitful=True)

    def _parsed(self, completion: Completion) -> parsing.Parsed:
        if completion.prompt_id not in self._expected:
            with self.store() as session:
                self._expected[completion.prompt_id] = session.get_one(Prompt, completion.prompt_id).texts_per_call
                task_id = session.get_one(Arm, self.arm_id).task_id
                self._names = {label.id: label.name for label in tasks.labels_of(session, task_id)}
        return parsing.parse(
            completion.content,
            finish_reason=completion.finish_reason,
            expected=self._expected[completion.prompt_id],
            label=self._names.get(completion.label_id, ""),
            others=[name for label_id, name in self._names.items() if label_id != completion.label_id],
        )

    def _recount(self, session: Session) -> None:
        if time.monotonic() - self._counted_at < RECOUNT_S:
            return
        per_label = (
            select(Sample.label_id, func.count(Sample.id))
            .where(Sample.arm_id == self.arm_id, Sample.status == SampleStatus.KEPT, Sample.split == Split.TRAIN)
            .group_by(Sample.label_id)
        )
        self._kept = dict(session.execute(per_label).all())
        self._tested_task_id = _tested_task(session, self.arm_id)
        self._unwanted = unwanted_hashes(session, self.arm_id)
        self._counted_at = time.monotonic()

    def _judge(self, session: Session, found: Sequence["_Found"]) -> None:
        """Reject copies, duplicates and what is over the quota.

        The index on kept texts is asked about these texts alone, so the cost does not grow with the arm.
        """
        hashes = [row["text_hash"] for one in found for row in one.rows]
        seen = _kept_hashes(session, self.arm_id, hashes) | self._unwanted
        shown = _hashes_of(session, {number for one in found for number in one.shown_ids})
        tested = _tested_hashes(session, self._tested_task_id, hashes)
        for one in found:
            label_id = one.completion.label_id
            copied = {shown[number] for number in one.shown_ids if number in shown}
            for row in one.rows:
                if row["reject_reason"] is not None:
                    continue
                kept = self._kept.get(label_id, 0)
                reason = _reason(
                    row["text_hash"], shown=copied, tested=tested, seen=seen, is_full=kept >= self.per_label
                )
                row["reject_reason"] = reason
                row["status"] = (SampleStatus.REJECTED if reason else SampleStatus.KEPT).value
                self._kept[label_id] = kept + (reason is None)
                seen.add(row["text_hash"])


def take(store: Store, completion: Completion, *, per_label: int, now: float) -> Outcome:
    """Store an answer, then its texts. An answer whose slot has one meanwhile is dropped."""
    intake = Intake(store, arm_id=completion.arm_id, per_label=per_label)
    if not intake.keep([completion]):
        return intake.dropped(completion)
    return intake.parse([completion], now=now)[0]


def parse_stored(store: Store, completion: Completion, *, per_label: int, now: float) -> Outcome:
    """Store the texts of a completion, unless that has been done."""
    return Intake(store, arm_id=completion.arm_id, per_label=per_label).parse([completion], now=now)[0]


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
        found = list(session.scalars(surplus.order_by(Sample.id)))
        known = _kept_hashes(session, arm_id, [sample.text_hash for sample in found])
        known |= unwanted_hashes(session, arm_id) if found else set()
        for sample in found:
            if sample.text_hash in known:
                sample.reject_reason = samples.DUPLICATE
            elif kept < per_label:
                sample.status, sample.reject_reason = SampleStatus.KEPT, None
                known.add(sample.text_hash)
                kept += 1
        return kept


def unwanted_hashes(session: Session, arm_id: int) -> set[str]:
    """The digests of the texts of an arm that a person rejected."""
    unwanted = select(Sample.text_hash).where(
        Sample.arm_id == arm_id, Sample.status == SampleStatus.REJECTED, Sample.reject_reason == judgements.BY_PERSON
    )
    return set(session.scalars(unwanted))


def rejected(
    session: Session, arm_id: int, *, label_id: int | None = None, prompt_id: int | None = None
) -> Counter[str]:
    """Rejected texts and whole answers without a text, by reason; of one label and one prompt when they are given."""
    texts = select(Sample.reject_reason, func.count(Sample.id)).where(
        Sample.arm_id == arm_id, Sample.status == SampleStatus.REJECTED
    )
    answers = select(Completion.reject_reason, func.count(Completion.id)).where(
        Completion.arm_id == arm_id, Completion.reject_reason.is_not(None)
    )
    if label_id is not None:
        texts, answers = texts.where(Sample.label_id == label_id), answers.where(Completion.label_id == label_id)
    if prompt_id is not None:
        texts = texts.join(Completion, Completion.id == Sample.completion_id).where(Completion.prompt_id == prompt_id)
        answers = answers.where(Completion.prompt_id == prompt_id)
    found: Counter[str] = Counter()
    for query in (texts.group_by(Sample.reject_reason), answers.group_by(Completion.reject_reason)):
        found.update({reason or "unknown": n for reason, n in session.execute(query)})
    return found


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


@dataclass(frozen=True)
class _Found:
    """The texts of an answer as rows to be: those the parser could use first, then those it rejected."""

    completion: Completion
    rows: list[dict[str, Any]]

    @property
    def shown_ids(self) -> list[int]:
        return [*self.completion.example_ids, *self.completion.source_ids]

    def outcome(self, kept: Mapping[int, int], reason: str | None) -> Outcome:
        rejected = Counter(row["reject_reason"] for row in self.rows if row["reject_reason"] is not None)
        if reason is not None:
            rejected[reason] += 1
        is_fruitful = any(row["reject_reason"] in (None, OVER_QUOTA) for row in self.rows)
        return Outcome(kept.get(self.completion.label_id, 0), is_fruitful=is_fruitful, rejected=rejected)


def _rows(completion: Completion, parsed: parsing.Parsed) -> list[dict[str, Any]]:
    judged: list[tuple[str, str | None]] = [(text, None) for text in parsed.texts]
    judged += parsed.rejected
    now = time.time()
    return [
        {
            "arm_id": completion.arm_id,
            "label_id": completion.label_id,
            "split": Split.TRAIN.value,
            "text": text,
            "text_hash": samples.text_hash(text),
            "status": SampleStatus.REJECTED.value,
            "reject_reason": reason,
            "completion_id": completion.id,
            "part": part,
            "created_at": now,
        }
        for part, (text, reason) in enumerate(judged)
    ]


def _hold(session: Session, arm_id: int) -> None:
    """Let no other process on PostgreSQL store texts of this arm before this transaction ends."""
    session.connection().execute(select(ARM.c.id).where(ARM.c.id == arm_id).with_for_update())


def _tested_task(session: Session, arm_id: int) -> int | None:
    """The arm's task if it has real test texts, else None."""
    real = aliased(Arm)
    tested = (
        select(Arm.task_id)
        .join(real, real.task_id == Arm.task_id)
        .join(Sample, Sample.arm_id == real.id)
        .where(Arm.id == arm_id, real.kind == ArmKind.REAL, Sample.split == Split.TEST)
    )
    return session.scalar(tested.limit(1))


def _tested_hashes(session: Session, task_id: int | None, hashes: Sequence[str]) -> set[str]:
    if task_id is None:
        return set()
    return {found for part in chunks(hashes) for found in samples.tested_hashes(session, task_id, part)}


def _mark_parsed(session: Session, reasons: Mapping[int, str | None], *, now: float) -> None:
    if reasons:
        rows = [{"known": known, "now": now, "why": why} for known, why in reasons.items()]
        session.connection().execute(MARK, rows)


def _parsed_already(session: Session, completions: Sequence[Completion]) -> set[int]:
    known = [completion.id for completion in completions]
    return set(session.connection().execute(PARSED, {"known": known}).scalars())


def _kept_hashes(session: Session, arm_id: int, hashes: Sequence[str]) -> set[str]:
    """Those of the digests that the arm keeps already."""
    found: set[str] = set()
    for part in chunks(hashes):
        found.update(session.connection().execute(KEPT, {"arm_id": arm_id, "hashes": part}).scalars())
    return found


def _hashes_of(session: Session, ids: Iterable[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for part in chunks(sorted(ids)):
        found.update(session.execute(select(Sample.id, Sample.text_hash).where(Sample.id.in_(part))).all())
    return found


def _reason(text_hash: str, *, shown: set[str], tested: set[str], seen: set[str], is_full: bool) -> str | None:
    if text_hash in shown:
        return COPY
    if text_hash in tested:
        return samples.LEAK
    if text_hash in seen:
        return samples.DUPLICATE
    return OVER_QUOTA if is_full else None
