"""Store an LLM's answers as completions, then the texts in them as samples: kept, or rejected with a reason.

Both steps are short transactions. Texts beyond the number wanted are rejected as "over quota"; they are paid for, so they
are the first to be kept when more are wanted later. A text that a person rejected is never kept again, even if an LLM
writes it once more.
"""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import Table, bindparam, case, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from core.study import judgements, samples, tasks
from core.study.chunks import chunks
from core.study.rows.kinds import ArmKind, SampleStatus, Split
from core.study.rows.study import Arm, Completion, Prompt, Sample, Task
from core.study.splits import equal_texts
from core.study.store import Store
from core.synthesis.generation import standing
from core.synthesis.parsing import texts as parsing
from core.synthesis.prompts import versions

OVER_QUOTA = "over quota"
COPY = "copy of an example"
RECOUNT_S = 1.0

ARM, COMPLETION, SAMPLE = (cast(Table, mapped.__table__) for mapped in (Arm, Completion, Sample))
PARSED = select(COMPLETION.c.id).where(
    COMPLETION.c.id.in_(bindparam("ids", expanding=True)), COMPLETION.c.parsed_at.is_not(None)
)
MARK_PARSED = (
    update(COMPLETION)
    .where(COMPLETION.c.id == bindparam("completion_id"))
    .values(parsed_at=bindparam("now"), reject_reason=bindparam("reason"))
)
ADD_SAMPLE = insert(SAMPLE)


@dataclass(frozen=True)
class Outcome:
    """What an answer brought its label.

    `kept` is the number of texts that the label keeps now. `is_fruitful` says whether a text of the answer could be kept
    (over quota counts as well). `rejected` counts its rejected texts by reason, or the whole answer if it held no text.
    `n_texts` is the number of texts in the answer, duplicates included, without texts that the parser rejected.
    """

    kept: int
    is_fruitful: bool
    rejected: Mapping[str, int] = field(default_factory=dict)
    n_texts: int = 0


class SampleWriter:
    """Stores the answers for one arm and the texts in them, many answers at a time.

    Held between calls are the number of kept texts of each label, the texts that people rejected, and whether the task
    has real test texts to keep out. All three are read again every second, as people may reject and import texts
    meanwhile.
    """

    def __init__(self, store: Store, *, arm_id: int, per_label: int) -> None:
        self.store = store
        self.arm_id = arm_id
        self.per_label = per_label
        self._asked: dict[
            tuple[int, int], tuple[int, parsing.Asked]
        ] = {}  # number of texts and more, by prompt and label
        self._kept: dict[int, int] = {}
        self._rejected_by_people: set[str] = set()
        self._tested_task_id: int | None = None
        self._counted_at = 0.0

    def store_answers(self, completions: Sequence[Completion]) -> list[Completion]:
        """Store answers, and return those that were stored.

        An answer is dropped if another process has stored an answer for the same slot: the unique constraint keeps the
        first.
        """
        try:
            with self.store.write() as session:
                session.add_all(completions)
            return list(completions)
        except IntegrityError:
            if len(completions) == 1:
                return []
            return [stored for completion in completions for stored in self.store_answers([completion])]

    def store_texts(self, completions: Sequence[Completion], *, now: float) -> list[Outcome]:
        """Store the texts of stored answers, and return an outcome for each answer, in their order.

        Answers whose texts are stored already are left as they are. `now` is in seconds since 1970.
        """
        parsed = [self._parsed(completion) for completion in completions]
        with self.store.write() as session:
            _lock_arm(session, self.arm_id)
            self._recount(session)
            done = _parsed_already(session, completions)
            new = [
                _Texts(completion, _rows(completion, answer), len(answer.texts))
                for completion, answer in zip(completions, parsed, strict=True)
                if completion.id not in done
            ]
            self._decide(session, new)
            rows = [row for texts in new for row in texts.rows]
            if rows:
                session.connection().execute(ADD_SAMPLE, rows)
            reasons = {completion.id: answer.reason for completion, answer in zip(completions, parsed, strict=True)}
            _mark_parsed(session, {row_id: reason for row_id, reason in reasons.items() if row_id not in done}, now=now)
        outcomes = {texts.completion.id: texts.outcome(self._kept, reasons[texts.completion.id]) for texts in new}
        known = {row.id: Outcome(self._kept.get(row.label_id, 0), is_fruitful=True) for row in completions}
        return [outcomes.get(row.id) or known[row.id] for row in completions]

    def dropped(self, completion: Completion) -> Outcome:
        """The outcome of an answer that was not stored because its slot had an answer."""
        with self.store() as session:
            kept = standing.kept_by_label(session, self.arm_id)
        return Outcome(kept.get(completion.label_id, 0), is_fruitful=True)

    def _parsed(self, completion: Completion) -> parsing.Parsed:
        key = (completion.prompt_id, completion.label_id)
        if key not in self._asked:
            with self.store() as session:
                prompt = session.get_one(Prompt, completion.prompt_id)
                task = session.get_one(Task, session.get_one(Arm, self.arm_id).task_id)
                labels = tasks.labels_of(session, task.id)
            asked = versions.asked(prompt, task, labels, label_id=completion.label_id)
            self._asked[key] = (prompt.texts_per_call, asked)
        expected, asked = self._asked[key]
        return parsing.parse(completion.content, finish_reason=completion.finish_reason, expected=expected, asked=asked)

    def _recount(self, session: Session) -> None:
        """Read again, at most once a second, what people may have changed."""
        if time.monotonic() - self._counted_at < RECOUNT_S:
            return
        self._kept = standing.kept_by_label(session, self.arm_id)
        self._tested_task_id = _tested_task(session, self.arm_id)
        self._rejected_by_people = _rejected_by_people(session, self.arm_id)
        self._counted_at = time.monotonic()

    def _decide(self, session: Session, new: Sequence["_Texts"]) -> None:
        """Set the status of each usable text: rejected as a copy, a leak, a duplicate or over quota, else kept.

        The index on kept texts is searched for these texts alone, so the cost does not grow with the arm.
        """
        hashes = [row["text_hash"] for texts in new for row in texts.rows]
        seen = judgements.kept_hashes(session, self.arm_id, hashes) | self._rejected_by_people
        shown = _hashes_of(session, {sample_id for texts in new for sample_id in texts.shown_ids})
        tested = _tested_hashes(session, self._tested_task_id, hashes)
        for texts in new:
            label_id = texts.completion.label_id
            copied = {shown[sample_id] for sample_id in texts.shown_ids if sample_id in shown}
            for row in texts.rows:
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


def parse_left_over(store: Store, arm_id: int, *, per_label: int) -> None:
    """Store the texts of an arm's completions that a killed process stored without them."""
    with store() as session:
        left = standing.unparsed(session, arm_id)
    writer = SampleWriter(store, arm_id=arm_id, per_label=per_label)
    for completion in left:
        writer.store_texts([completion], now=time.time())


def restore_surplus(store: Store, *, arm_id: int, label_id: int, per_label: int) -> int:
    """Keep texts that were over an earlier quota, oldest first, and return how many texts the label keeps now."""
    with store.write() as session:
        session.get_one(Arm, arm_id, with_for_update=True)
        kept = standing.kept_by_label(session, arm_id).get(label_id, 0)
        if kept >= per_label:
            return kept
        surplus = select(Sample).where(
            Sample.arm_id == arm_id,
            Sample.label_id == label_id,
            Sample.status == SampleStatus.REJECTED,
            Sample.reject_reason == OVER_QUOTA,
        )
        found = list(session.scalars(surplus.order_by(Sample.id)))
        known = judgements.kept_hashes(session, arm_id, [sample.text_hash for sample in found])
        known |= _rejected_by_people(session, arm_id) if found else set()
        tested = _tested_hashes(session, _tested_task(session, arm_id), [sample.text_hash for sample in found])
        for sample in found:
            if sample.text_hash in tested:
                sample.reject_reason = samples.LEAK
            elif sample.text_hash in known:
                sample.reject_reason = samples.DUPLICATE
            elif kept < per_label:
                sample.status, sample.reject_reason = SampleStatus.KEPT, None
                known.add(sample.text_hash)
                kept += 1
        return kept


def fruits(session: Session, *, batch_id: int) -> tuple[Counter[int], Counter[int]]:
    """How many answers of a batch hold a text that could be kept (over quota counts as well), and how many hold none, by label id."""
    is_useful = or_(Sample.status == SampleStatus.KEPT, Sample.reject_reason == OVER_QUOTA)
    answers = (
        select(Completion.label_id, func.max(case((is_useful, 1), else_=0)))
        .outerjoin(Sample, Sample.completion_id == Completion.id)
        .where(Completion.batch_id == batch_id)
        .group_by(Completion.id, Completion.label_id)
    )
    fruitful, fruitless = Counter[int](), Counter[int]()
    for label_id, is_fruitful in session.execute(answers):
        (fruitful if is_fruitful else fruitless)[label_id] += 1
    return fruitful, fruitless


@dataclass(frozen=True)
class _Texts:
    """The texts of one answer as rows to insert: first the usable texts, then those that the parser rejected."""

    completion: Completion
    rows: list[dict[str, Any]]
    n_texts: int

    @property
    def shown_ids(self) -> list[int]:
        """Ids of the real samples that the prompt of the answer showed."""
        return [*self.completion.example_ids, *self.completion.source_ids]

    def outcome(self, kept: Mapping[int, int], reason: str | None) -> Outcome:
        rejected = Counter(row["reject_reason"] for row in self.rows if row["reject_reason"] is not None)
        if reason is not None:
            rejected[reason] += 1
        is_fruitful = any(row["reject_reason"] in (None, OVER_QUOTA) for row in self.rows)
        return Outcome(
            kept.get(self.completion.label_id, 0), is_fruitful=is_fruitful, rejected=rejected, n_texts=self.n_texts
        )


def _rows(completion: Completion, parsed: parsing.Parsed) -> list[dict[str, Any]]:
    texts: list[tuple[str, str | None]] = [(text, None) for text in parsed.texts]
    texts += parsed.rejected
    now = time.time()
    return [
        {
            "arm_id": completion.arm_id,
            "label_id": completion.label_id,
            "split": Split.TRAIN.value,
            "text": text,
            "text_hash": equal_texts.text_hash(text),
            "status": SampleStatus.REJECTED.value,
            "reject_reason": reason,
            "completion_id": completion.id,
            "part": part,
            "created_at": now,
        }
        for part, (text, reason) in enumerate(texts)
    ]


def _lock_arm(session: Session, arm_id: int) -> None:
    """Let no other process on PostgreSQL store texts of this arm before this transaction ends."""
    session.connection().execute(select(ARM.c.id).where(ARM.c.id == arm_id).with_for_update())


def _rejected_by_people(session: Session, arm_id: int) -> set[str]:
    """The hashes of the texts of an arm that a person rejected."""
    by_people = select(Sample.text_hash).where(
        Sample.arm_id == arm_id, Sample.status == SampleStatus.REJECTED, Sample.reject_reason == judgements.BY_PERSON
    )
    return set(session.scalars(by_people))


def _tested_task(session: Session, arm_id: int) -> int | None:
    """The id of the arm's task if the task has real test texts, else None."""
    real = aliased(Arm)
    tested = (
        select(Arm.task_id)
        .join(real, real.task_id == Arm.task_id)
        .join(Sample, Sample.arm_id == real.id)
        .where(Arm.id == arm_id, real.kind == ArmKind.REAL, Sample.split == Split.TEST)
    )
    return session.scalar(tested.limit(1))


def _tested_hashes(session: Session, task_id: int | None, hashes: Sequence[str]) -> set[str]:
    """The hashes that belong to a real test text of the task; empty without a task."""
    if task_id is None:
        return set()
    return {found for chunk in chunks(hashes) for found in samples.tested_hashes(session, task_id, chunk)}


def _mark_parsed(session: Session, reasons: Mapping[int, str | None], *, now: float) -> None:
    """Note when completions, by id, were parsed, and why a whole answer held no text (None if it held texts)."""
    if reasons:
        rows = [{"completion_id": row_id, "now": now, "reason": reason} for row_id, reason in reasons.items()]
        session.connection().execute(MARK_PARSED, rows)


def _parsed_already(session: Session, completions: Sequence[Completion]) -> set[int]:
    """Ids of the completions whose texts are stored."""
    ids = [completion.id for completion in completions]
    return set(session.connection().execute(PARSED, {"ids": ids}).scalars())


def _hashes_of(session: Session, ids: Iterable[int]) -> dict[int, str]:
    """The text hash of each sample, by id."""
    found: dict[int, str] = {}
    for chunk in chunks(sorted(ids)):
        found.update(session.execute(select(Sample.id, Sample.text_hash).where(Sample.id.in_(chunk))).all())
    return found


def _reason(text_hash: str, *, shown: set[str], tested: set[str], seen: set[str], is_full: bool) -> str | None:
    """Why a text is rejected, None if it is kept."""
    if text_hash in shown:
        return COPY
    if text_hash in tested:
        return samples.LEAK
    if text_hash in seen:
        return samples.DUPLICATE
    return OVER_QUOTA if is_full else None
