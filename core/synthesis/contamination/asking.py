"""Ask a language model for the second half of real test texts, with and without the name of the data set

A call holds one text and one wording. An answer is stored before it is read, and is paid for once per model, whatever is
stopped or killed.
"""

import functools
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.llm import gather
from core.llm import text as llm_text
from core.llm.answers import Message, Provider, SlotKey
from core.llm.money.committed import Account, Way
from core.llm.money.spending import open_spending
from core.llm.received import Received
from core.llm.side_by_side import CallRunner, Progress
from core.reports import Report, silent
from core.study import claim
from core.study.chunks import chunks
from core.study.rows.kinds import ArmKind, SampleStatus, Split, Wording
from core.study.rows.study import Arm, Continuation, Sample, Study, Task
from core.study.store import Store
from core.synthesis.contamination import completed
from core.synthesis.contamination.completed import Contamination, Halves
from core.synthesis.generation import generation
from core.synthesis.limits import NO_BUDGET, Limits

MOST_TEXTS = 100

CONTEXT = "You continue texts. You answer with the continuation alone, without quotes and without comments."
GUIDED = """\
Below is the first half of a text from the {split} split of the data set {dataset}. Write its second half exactly as it \
stands in the data set."""
BEFORE_NAME, _, AFTER_NAME = GUIDED.partition("{dataset}")
GENERAL = "Below is the first half of a text. Write a second half that completes it."


@dataclass(frozen=True)
class _Plan:
    """What a model is asked: the halves of each chosen text by its id, and the (id, wording) that are `left` to ask."""

    study: Study
    task: Task
    arm: Arm
    model: str
    dataset: str
    chosen: dict[int, Halves]
    left: list[tuple[int, Wording]]


def ask(
    store: Store,
    *,
    task_id: int,
    provider: Provider,
    dataset: str = "",
    n: int = MOST_TEXTS,
    limits: Limits = NO_BUDGET,
    report: Report = silent,
) -> Contamination:
    """Ask a model to complete `n` real test texts of a task, or all texts if there are fewer, in both wordings.

    `dataset` is the name that the guided wording says; by default the name in the model's earlier answers, or else the name
    of the task. Under a new name the guided wording is asked anew, and each answer takes the place of the one before. The
    texts are drawn by a hash of their ids: a later, larger `n` keeps the texts already asked about. The budget bounds what
    this test of the model costs. Raises `StudyError` (`ProviderError`, `ProviderPaused`, `ProviderRefused` or
    `BudgetReached`) if asking must stop early; the answers that came are stored. An answer that did not come in time is
    left for the next attempt.
    """
    if limits.concurrency < 1 or n < 1:
        raise StudyError(f"Texts and concurrency are 1 or more; they are {n} and {limits.concurrency}.")
    generation.check_budget(provider, limits.budget_usd)
    waiting = functools.partial(report, 0, 0, "Waiting for another process that works on this task", {})
    with store() as session:
        arm = _real_arm(session, task_id)
    with claim.one_at_a_time(store, claim.Claim(claim.Kind.FILL, arm.id), waiting=waiting):
        room = provider.max_tokens or (None if limits.budget_usd is None else gather.ANSWER_TOKENS)
        with store() as session:
            plan = _plan(session, arm, provider.model[:200], dataset=dataset, n=n, room=room)
        if plan.left:
            account = Account(Way.CONTAMINATION, task_id, plan.model)
            spending = open_spending(store, account, limit=limits.budget_usd, concurrency=limits.concurrency)
            runner = CallRunner([provider], spending=spending, concurrency=limits.concurrency, report=report)
            wanted = len(plan.chosen) * len(Wording)
            progress = Progress(wanted - len(plan.left), wanted, f"Completions by {plan.model}", "answers are stored")
            gather.ask(_questions(store, plan, provider), runner, progress=progress)
    with store() as session:
        return of_task(session, task_id, plan.model, n=n, dataset=plan.dataset)


def of_task(
    session: Session, task_id: int, model: str, *, n: int | None = None, dataset: str | None = None
) -> Contamination:
    """What a model has completed of a task's real test texts, read from the stored answers.

    `n` chooses the texts as in `ask`; with `n` None, all texts that the model was asked about count. Guided answers count
    if they were asked by the name `dataset`, by default the name in most of them. Raises `StudyError` if the task has no
    real test text.
    """
    halved, too_short = _halved(session, _real_arm(session, task_id))
    known: dict[int, dict[Wording, Continuation]] = {}
    for row in _answers(session, model[:200], list(halved)):
        known.setdefault(row.sample_id, {})[row.wording] = row
    chosen = list(known) if n is None else _drawn(halved, n=n)
    reasons: Counter[str] = Counter()
    pairs = []
    rows = [row for number in chosen for row in known.get(number, {}).values()]
    name = dataset or _usual_name(rows)
    for number in chosen:
        answers = {wording: row for wording, row in known.get(number, {}).items() if _is_under(name, row)}
        why = {wording: completed.unusable(row.content, row.finish_reason) for wording, row in answers.items()}
        reasons.update(reason for reason in why.values() if reason)
        if len(answers) == len(Wording) and not any(why.values()):
            alike = {wording: completed.likeness(halved[number], row.content) for wording, row in answers.items()}
            pairs.append(tuple(alike[wording] >= completed.COMPLETED for wording in Wording))
    counts = Counter(pairs)
    only_guided, only_general, both = counts[True, False], counts[False, True], counts[True, True]
    prices = [row.cost_usd for row in rows]
    return Contamination(
        model=model,
        wanted=len(chosen),
        too_short=too_short,
        n=len(pairs),
        guided=completed.share(only_guided + both, len(pairs)),
        general=completed.share(only_general + both, len(pairs)),
        only_guided=only_guided,
        only_general=only_general,
        p=completed.mcnemar(only_guided, only_general) if pairs else float("nan"),
        unusable=dict(reasons.most_common()),
        tokens_in=sum(row.tokens_in for row in rows),
        tokens_out=sum(row.tokens_out for row in rows),
        cost_usd=None if None in prices else sum(price or 0.0 for price in prices),
    )


def models(session: Session, task_id: int) -> list[str]:
    """The models that were asked to complete real test texts of a task, the latest first."""
    query = select(Continuation.model).join(Sample, Sample.id == Continuation.sample_id)
    query = query.join(Arm, Arm.id == Sample.arm_id).where(Arm.task_id == task_id)
    return list(session.scalars(query.group_by(Continuation.model).order_by(func.max(Continuation.id).desc())))


def messages_for(halved: Halves, wording: Wording, *, dataset: str) -> list[Message]:
    """The messages that ask for the second half of a text of a data set's test split."""
    asked = GENERAL if wording == Wording.GENERAL else GUIDED.format(split=Split.TEST, dataset=dataset)
    return [{"role": "system", "content": CONTEXT}, {"role": "user", "content": f"{asked}\n\n{halved.first}"}]


def _real_arm(session: Session, task_id: int) -> Arm:
    arm = session.scalar(select(Arm).where(Arm.task_id == task_id, Arm.kind == ArmKind.REAL))
    if arm is None:
        name = session.get_one(Task, task_id).name
        raise StudyError(f"Task {name!r} has no real test texts. Import real data with a test split on Tasks and data.")
    return arm


def _plan(session: Session, arm: Arm, model: str, *, dataset: str, n: int, room: int | None) -> _Plan:
    task = session.get_one(Task, arm.task_id)
    halved, too_short = _halved(session, arm)
    if not halved:
        why = f"all {too_short:,} are too short to be halved" if too_short else "it has none"
        raise StudyError(f"Contamination is tested on real test texts of task {task.name!r}, and {why}.")
    chosen = _drawn(halved, n=n)
    rows = _answers(session, model, chosen)
    dataset = dataset or _usual_name(rows) or task.name
    done = {
        (row.sample_id, row.wording)
        for row in rows
        if _is_under(dataset, row) and not llm_text.had_no_room(row.content, row.request, room=room)
    }
    left = [(number, wording) for number in chosen for wording in Wording if (number, wording) not in done]
    study = session.get_one(Study, task.study_id)
    return _Plan(study, task, arm, model, dataset, {number: halved[number] for number in chosen}, left)


def _answers(session: Session, model: str, sample_ids: Sequence[int]) -> list[Continuation]:
    """A model's stored answers about some test texts."""
    found: list[Continuation] = []
    for some in chunks(sample_ids):
        query = select(Continuation).where(Continuation.model == model, Continuation.sample_id.in_(some))
        found += session.scalars(query.order_by(Continuation.id))
    return found


def _name_in(request: Mapping[str, Any]) -> str | None:
    """The name of the data set that a stored request says; None if it says no such name."""
    for message in request.get("messages", []):
        _, is_guided, rest = message["content"].partition(BEFORE_NAME.format(split=Split.TEST))
        if is_guided:
            return str(rest.partition(AFTER_NAME)[0])
    return None


def _usual_name(rows: Sequence[Continuation]) -> str | None:
    """The name of the data set that most of some requests say; None if no request says a name."""
    names = Counter(name for row in rows if (name := _name_in(row.request)) is not None)
    return names.most_common(1)[0][0] if names else None


def _is_under(name: str | None, row: Continuation) -> bool:
    """Whether an answer was asked by this name of the data set, or by no name."""
    return _name_in(row.request) in (None, name)


def _halved(session: Session, arm: Arm) -> tuple[dict[int, Halves], int]:
    """The halves of each kept test text of the real arm by its id, and the number of texts too short to be halved."""
    query = select(Sample.id, Sample.text).where(Sample.arm_id == arm.id, Sample.split == Split.TEST)
    found = {
        row.id: completed.halves(row.text) for row in session.execute(query.where(Sample.status == SampleStatus.KEPT))
    }
    halved = {number: both for number, both in found.items() if both is not None}
    return halved, len(found) - len(halved)


def _drawn(halved: Mapping[int, Halves], *, n: int) -> list[int]:
    """The ids of `n` texts, drawn by a hash of the id."""
    return sorted(halved, key=lambda number: hashlib.blake2b(f"0/{number}".encode(), digest_size=8).digest())[:n]


def _questions(store: Store, plan: _Plan, provider: Provider) -> Iterator[gather.Question]:
    """The call for each text and wording that is left; the id of the text is the index of its slot."""
    is_named = plan.dataset != plan.task.name
    for number, wording in plan.left:
        name = f" as {plan.dataset}" if is_named and wording == Wording.GUIDED else ""
        yield gather.Question(
            key=SlotKey(
                plan.study.name,
                plan.task.name,
                plan.arm.name,
                label=f"{wording} completion by {plan.model}{name}",
                index=number,
            ),
            messages=messages_for(plan.chosen[number], wording, dataset=plan.dataset),
            provider=provider,
            keep=functools.partial(_store, store, plan.model, number, wording),
        )


def _store(store: Store, model: str, sample_id: int, wording: Wording, received: Received) -> None:
    """Store an answer. An answer that is stored already stays, unless it is empty or names the data set otherwise.

    Then the costs of both are added up.
    """
    row = Continuation(sample_id=sample_id, model=model, wording=wording, **vars(received))
    try:
        with store.write() as session:
            session.add(row)
    except IntegrityError:
        with store.write() as session:
            of_slot = (
                Continuation.sample_id == sample_id,
                Continuation.model == model,
                Continuation.wording == wording,
            )
            old = session.scalars(select(Continuation).where(*of_slot).with_for_update()).one()
            if llm_text.visible(old.content) and _name_in(old.request) == _name_in(received.request):
                return
            is_known = old.cost_usd is not None and received.cost_usd is not None
            old.cost_usd = (old.cost_usd or 0.0) + (received.cost_usd or 0.0) if is_known else None
            old.tokens_in, old.tokens_out = old.tokens_in + received.tokens_in, old.tokens_out + received.tokens_out
            old.request, old.content = received.request, received.content
            old.finish_reason, old.latency_s = received.finish_reason, received.latency_s
