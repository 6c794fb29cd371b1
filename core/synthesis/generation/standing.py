"""Where an arm stands: texts asked for, kept and rejected, slots answered or held by batches, and money spent."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.llm.money import committed
from core.llm.money.committed import Account, Committed, Way
from core.study import tasks
from core.study.rows.kinds import SampleStatus, Split
from core.study.rows.study import Arm, Batch, Completion, Prompt, Sample


@dataclass(frozen=True)
class Standing:
    """Totals of one arm over all attempts.

    `asked` counts the texts that the stored completions were asked for. `kept` counts kept texts of the train split, by
    label id. `rejected` counts rejected texts, and whole answers without a text, by reason, the most frequent first.
    `money` holds the stored cost, what batches under way hold, and what may have been spent. `not_taken` maps a model to
    the parts of a call that it refused.
    """

    asked: int
    kept: Mapping[int, int]
    rejected: Counter[str]
    completions: int
    tokens_in: int
    tokens_out: int
    money: Committed
    not_taken: Mapping[str, list[str]]

    @property
    def n_kept(self) -> int:
        """The number of kept texts of all labels."""
        return sum(self.kept.values())


@dataclass(frozen=True)
class Slots:
    """The slots of an arm that are not asked again, by label id.

    `answered` maps each slot with a stored answer to the id of the prompt version that asked it; `held` are the slots
    that batches under way hold.
    """

    answered: Mapping[int, Mapping[int, int]]
    held: Mapping[int, set[int]]


def of(session: Session, arm_id: int) -> Standing:
    """The totals of an arm, read from the database."""
    asked, completions, tokens_in, tokens_out = session.execute(
        select(
            func.coalesce(func.sum(Prompt.texts_per_call), 0),
            func.count(Completion.id),
            func.coalesce(func.sum(Completion.tokens_in), 0),
            func.coalesce(func.sum(Completion.tokens_out), 0),
        )
        .join(Prompt, Prompt.id == Completion.prompt_id)
        .where(Completion.arm_id == arm_id)
    ).one()
    rejected = sum(rejected_by_label(session, arm_id).values(), Counter[str]())
    return Standing(
        asked=asked,
        kept=kept_by_label(session, arm_id),
        rejected=Counter(dict(rejected.most_common())),
        completions=completions,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        money=committed.of(session, Account(Way.GENERATE, arm_id)),
        not_taken=session.get_one(Arm, arm_id, populate_existing=True).not_taken,
    )


def is_full(session: Session, arm_id: int, *, per_label: int) -> bool:
    """Whether a generation would make no call: each label keeps `per_label` texts, and no batch or answer is left over."""
    labels = tasks.labels_of(session, session.get_one(Arm, arm_id).task_id)
    kept = kept_by_label(session, arm_id)
    return (
        all(kept.get(label.id, 0) >= per_label for label in labels)
        and not batches_under_way(session, arm_id)
        and not unparsed(session, arm_id)
    )


def kept_by_label(session: Session, arm_id: int) -> dict[int, int]:
    """The number of kept texts in the train split of an arm, by label id; labels without a kept text are left out."""
    kept = (
        select(Sample.label_id, func.count(Sample.id))
        .where(Sample.arm_id == arm_id, Sample.status == SampleStatus.KEPT, Sample.split == Split.TRAIN)
        .group_by(Sample.label_id)
    )
    return dict(session.execute(kept).all())


def rejected_by_label(
    session: Session, arm_id: int, *, prompt_id: int | None = None, batch_id: int | None = None
) -> dict[int, Counter[str]]:
    """Label id -> reason -> number rejected; a rejected text counts one, and so does an answer rejected as a whole.

    With `prompt_id`, only those that this prompt version brought; with `batch_id`, only those of this batch.
    """
    texts = select(Sample.label_id, Sample.reject_reason, func.count(Sample.id)).where(
        Sample.arm_id == arm_id, Sample.status == SampleStatus.REJECTED
    )
    answers = select(Completion.label_id, Completion.reject_reason, func.count(Completion.id)).where(
        Completion.arm_id == arm_id, Completion.reject_reason.is_not(None)
    )
    by = ((Completion.prompt_id, prompt_id), (Completion.batch_id, batch_id))
    if only := [column == wanted for column, wanted in by if wanted is not None]:
        texts = texts.join(Completion, Completion.id == Sample.completion_id).where(*only)
        answers = answers.where(*only)
    found: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for query in (
        texts.group_by(Sample.label_id, Sample.reject_reason),
        answers.group_by(Completion.label_id, Completion.reject_reason),
    ):
        for label_id, reason, n in session.execute(query):
            found[label_id][reason or "unknown"] += n
    return dict(found)


def slots(session: Session, arm_id: int) -> Slots:
    """The slots of an arm that have an answer or wait for one in a batch."""
    answered: defaultdict[int, dict[int, int]] = defaultdict(dict)
    stored = select(Completion.label_id, Completion.slot, Completion.prompt_id).where(Completion.arm_id == arm_id)
    for label_id, slot, prompt_id in session.execute(stored):
        answered[label_id][slot] = prompt_id
    held: defaultdict[int, set[int]] = defaultdict(set)
    for batch in batches_under_way(session, arm_id):
        for request in batch.requests:
            held[request["label_id"]].add(request["slot"])
    return Slots(dict(answered), dict(held))


def batches_under_way(session: Session, arm_id: int) -> list[Batch]:
    """The batches of an arm that were begun and are not yet collected, oldest first."""
    under_way = select(Batch).where(Batch.arm_id == arm_id, Batch.state.in_(committed.UNDER_WAY))
    return list(session.scalars(under_way.order_by(Batch.id)))


def unparsed(session: Session, arm_id: int) -> list[Completion]:
    """The completions of an arm whose texts are not stored yet, because the process was killed in between."""
    left = select(Completion).where(Completion.arm_id == arm_id, Completion.parsed_at.is_(None))
    return list(session.scalars(left.order_by(Completion.label_id, Completion.slot)))
