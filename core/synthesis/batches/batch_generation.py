"""Generate texts into an arm through a Batch API: half the price, answers within a day instead of at once.

A batch is stored before anything is sent, under a key that is written into the remote batch too. Whichever process is killed, the
batch is found again, and no other batch asks for its slots before it has ended. A batch that expired or was cancelled
still holds paid answers, which are stored; its slots without an answer are free again. One batch asks for the next turn
of every conversation, since a later turn shows the answers before it, so `turns` batches follow one another.
"""

import functools
import itertools
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import update

from core.errors import ProviderRefused, StudyError
from core.llm import not_taken
from core.llm.endpoint import failures
from core.llm.endpoint.endpoint import SYSTEM, OpenAIProvider, refuses_system
from core.llm.money import committed, prices
from core.llm.money.committed import Account, Way
from core.llm.money.prices import BATCH_SHARE, Price
from core.reports import Report, silent
from core.study import claim
from core.study.rows.kinds import BatchState
from core.study.rows.study import Batch
from core.study.store import Store
from core.synthesis.batches import collect, jsonl, prepare
from core.synthesis.batches import remote as batch_remote
from core.synthesis.batches.collect import Collected
from core.synthesis.batches.remote import Remote
from core.synthesis.generation import generation, requests, standing
from core.synthesis.generation.generation import Generated
from core.synthesis.generation.quota import MOST_FRUITLESS
from core.synthesis.limits import BATCH_WITHOUT_BUDGET, BatchLimits

if TYPE_CHECKING:
    from openai.types import Batch as RemoteBatch

FIRST_POLL_S = 1.0
MOST_REASONS = 3
OUT_OF_TIME = ("batch_expired", "batch_cancelled")


def generate_by_batch(
    store: Store,
    *,
    arm_id: int,
    per_label: int,
    provider: OpenAIProvider,
    limits: BatchLimits = BATCH_WITHOUT_BUDGET,
    seed: int = 0,
    report: Report = silent,
) -> Generated:
    """Generate batch after batch until every label of an arm keeps `per_label` texts.

    Goes on with the batches that an earlier attempt left. A batch is sent only if the most that it can cost fits the
    budget. A label is given up as in `generation.generate`, or after 5 requests in a row without a new text; requests
    that a batch had no time for do not count if the batch answered others. Raises `StudyError` (`ProviderError`,
    `ProviderPaused`, `ProviderRefused` or `BudgetReached`) if the generation must stop early.
    """
    if per_label < 1 or limits.most_requests < 1:
        raise StudyError(
            f"Texts per label and requests per batch are 1 or more; {per_label} and {limits.most_requests}."
        )
    generation.check_budget(provider, limits.budget_usd)
    started = time.monotonic()
    waiting = functools.partial(report, 0, 0, "Waiting for another process that fills this arm", {})
    remote = Remote(provider)
    try:
        with claim.one_at_a_time(store, claim.Claim(claim.Kind.FILL, arm_id), waiting=waiting):
            plan = requests.plan(store, arm_id=arm_id, seed=seed)
            batches = _Batches(store, plan, provider, remote, per_label=per_label, limits=limits, report=report)
            try:
                batches.run()
            finally:
                not_taken.note(store, arm_id, [provider])
    finally:
        remote.close()
    with store() as session:
        return generation.totals(session, arm_id, seconds=time.monotonic() - started, stopped=batches.stopped)


def open_batches(store: Store, *, arm_id: int) -> list[Batch]:
    """The batches of an arm that were begun and are not yet collected, oldest first."""
    with store() as session:
        return standing.batches_under_way(session, arm_id)


def cancel(store: Store, *, arm_id: int, provider: OpenAIProvider) -> int:
    """Ask the endpoint to end the batches of an arm, and return their number. Their answers are collected later."""
    remote = Remote(provider)
    try:
        begun = [batch.remote_id for batch in open_batches(store, arm_id=arm_id) if batch.remote_id]
        for remote_id in begun:
            if remote.look(remote_id).status not in batch_remote.ENDED:
                remote.cancel(remote_id)
        return len(begun)
    finally:
        remote.close()


def half(price: Price | None) -> Price | None:
    """The price of a model in a batch, half of its usual price; None if unknown."""
    if price is None:
        return None
    return price.model_copy(
        update={
            "input_usd_per_million": price.input_usd_per_million * BATCH_SHARE,
            "output_usd_per_million": price.output_usd_per_million * BATCH_SHARE,
        }
    )


class _Batches:
    """One generation: prepares a batch of the missing requests, waits until the batch has ended, collects it, and repeats."""

    def __init__(
        self,
        store: Store,
        plan: requests.Plan,
        provider: OpenAIProvider,
        remote: Remote,
        *,
        per_label: int,
        limits: BatchLimits,
        report: Report,
    ) -> None:
        self.store, self.plan, self.provider, self.remote = store, plan, provider, remote
        self.per_label, self.limits, self.report = per_label, limits, report
        self.price = half(provider.price)
        self.stopped: dict[str, str] = {}
        self._fruitless: Counter[int] = Counter()
        self._reasons: defaultdict[int, Counter[str]] = defaultdict(Counter)

    def run(self) -> None:
        """Submit and collect the batches of earlier attempts, then new batches until no text is missing."""
        for batch in open_batches(self.store, arm_id=self.plan.arm.id):
            self._see_through(batch, is_left=True)
        while new := self._prepared():
            self._see_through(new, is_left=False)

    def _prepared(self) -> Batch | None:
        """A stored batch of the missing requests that the budget can pay; None if no text is missing."""
        quotas = requests.quotas(self.store, self.plan, per_label=self.per_label)
        for quota in quotas:
            quota.stopped = self.stopped.get(quota.label.name)
        batch = prepare.prepare(
            self.store,
            self.plan,
            quotas,
            provider=self.provider,
            price=self.price,
            limits=self.limits,
        )
        self.stopped |= {quota.label.name: quota.stopped for quota in quotas if quota.stopped}
        if batch is not None:
            with self.store.write() as session:
                session.add(batch)
        return batch

    def _see_through(self, batch: Batch, *, is_left: bool) -> None:
        """Submit a batch if it was not submitted, wait until it has ended, and collect it.

        `is_left` says whether an earlier attempt stored the batch.
        """
        if batch.base_url != self.provider.shown_url:
            raise StudyError(
                f"This arm waits for a batch at {batch.base_url}, where its answers are. Generate with that address "
                "first; then go on with this one."
            )
        if batch.state == BatchState.PREPARING:
            self._submit(batch, is_left=is_left)
        ended = self._ended(batch)
        if ended.status == "failed":
            error = _invalid(ended, batch.base_url)
            self._failed(batch, error, remote_state=ended.status)
            raise error
        self._collect(batch, ended)

    def _submit(self, batch: Batch, *, is_left: bool) -> None:
        """Hand a batch over to the endpoint, unless an attempt before a crash did so."""
        self._report(batch, "Handing over a batch", done=0)
        try:
            remote = self.remote.find(batch.key, made_at=batch.created_at) if is_left else None
            if remote is None:
                content = jsonl.written(jsonl.ids_and_bodies(batch.requests))
                remote = self.remote.submit(content, key=batch.key, made_at=batch.created_at)
        except batch_remote.NoBatches as error:
            self._failed(batch, error, remote_state="")
            raise
        except ProviderRefused as error:
            if not is_left:
                self._failed(batch, error, remote_state="")
            raise
        self._change(
            batch,
            state=BatchState.SUBMITTED,
            remote_id=remote.id,
            remote_state=remote.status,
            submitted_at=time.time(),
        )

    def _ended(self, batch: Batch) -> "RemoteBatch":
        """Wait until a batch has completed, failed, expired or been cancelled, and return the remote batch.

        The state is read after 1 second at first, then at growing intervals up to `limits.poll_s`.
        """
        wait = FIRST_POLL_S
        while True:
            try:
                remote = self.remote.look(str(batch.remote_id))
            except batch_remote.NoBatches as error:
                most = sum(float(row.get("most_usd", 0.0)) for row in batch.requests)
                lost = float(batch.counts.get("most_usd") or most)  # it was taken, and may be billed
                self._failed(batch, error, remote_state=batch.remote_state, lost_usd=lost)
                raise
            if remote.status != batch.remote_state:
                self._change(batch, remote_state=remote.status)
            done = remote.request_counts.completed if remote.request_counts else 0
            self._report(batch, f"Batch {remote.id} is {remote.status.replace('_', ' ')}", done=done)
            if remote.status in batch_remote.ENDED:
                return remote
            time.sleep(min(wait, self.limits.poll_s))
            wait *= 1.5

    def _collect(self, batch: Batch, remote: "RemoteBatch") -> None:
        """Store every answer of an ended batch, free the slots without an answer, and learn from the failures."""
        files = [self.remote.text(file_id) for file_id in (remote.output_file_id, remote.error_file_id) if file_id]
        found = collect.collect(
            self.store,
            self.plan,
            batch,
            itertools.chain.from_iterable(map(jsonl.replies, files)),
            provider=self.provider,
            price=self.price if batch.model == self.provider.model else half(prices.price(batch.model)),
            per_label=self.per_label,
        )
        sentence = _sentence(remote, found)
        self._change(
            batch,
            lost_usd=sum(float(row.get("most_usd", 0.0)) for row, failure in found.unanswered if failure is None),
            state=BatchState.COLLECTED if found.answered else BatchState.FAILED,
            ended_at=time.time(),
            counts={**batch.counts, "answered": found.answered, "missing": found.missing},
            error=sentence if found.missing else None,
            requests=[{"label_id": row["label_id"], "slot": row["slot"]} for row in batch.requests],
        )
        self._report(batch, sentence, done=found.answered)
        self._learn(batch, found)

    def _learn(self, batch: Batch, found: Collected) -> None:
        """Stop sending parameters that were refused, and give up labels without new texts.

        Raises `ProviderRefused` if no request was answered and one was refused for its key, address or model.
        """
        fruitless = found.fruitless + Counter(request["label_id"] for request, _ in found.unanswered)
        adapted: set[str] = set()
        for request, failure in found.unanswered:
            self._reasons[request["label_id"]][collect.reason(failure)] += 1
            if failure is None:
                continue
            if failure.code in OUT_OF_TIME and found.answered:
                fruitless[request["label_id"]] -= 1
            refused = failure.refused_parameter(request["body"].keys() - {"model", "messages"})
            refused = SYSTEM if refuses_system(failure, request["body"]) else refused
            if refused == SYSTEM or (failure.status in (400, 422) and refused):
                fruitless[request["label_id"]] -= 1
                if refused not in adapted:
                    self.provider.adapt(failure, request["body"], must_limit=self.limits.budget_usd is not None)
                adapted.add(refused)
            elif failure.status in (401, 403, 404) and not found.answered:
                raise ProviderRefused(failures.refusal(failure, url=batch.base_url, model=batch.model))
        for label in self.plan.labels:
            self._reasons[label.id].update(found.rejected.get(label.id, {}))
            self._fruitless[label.id] = (
                0 if found.fruitful[label.id] else self._fruitless[label.id] + fruitless[label.id]
            )
            if self._fruitless[label.id] >= MOST_FRUITLESS:
                most = ", ".join(f"{reason} ({n})" for reason, n in self._reasons[label.id].most_common(MOST_REASONS))
                self.stopped[label.name] = (
                    f"gave up: {self._fruitless[label.id]} requests in a row without a new text; most were: {most}"
                )

    def _failed(self, batch: Batch, error: StudyError, *, remote_state: str, lost_usd: float = 0.0) -> None:
        """Store that a batch has failed, which frees its slots, and what its requests may have cost in US dollars."""
        ended: dict[str, Any] = {"state": BatchState.FAILED, "remote_state": remote_state, "ended_at": time.time()}
        self._change(batch, lost_usd=lost_usd, error=str(error), **ended)

    def _change(self, batch: Batch, *, lost_usd: float = 0.0, **values: Any) -> None:
        """Set columns of a batch, in memory and in the database.

        In the same transaction, so that a kill never counts it twice, note what requests without a reply may have cost.
        """
        for name, value in values.items():
            setattr(batch, name, value)
        with self.store.write() as session:
            session.execute(update(Batch).where(Batch.id == batch.id).values(**values))
            if lost_usd:
                committed.note_in(session, Account(Way.GENERATE, batch.arm_id), lost_usd)

    def _report(self, batch: Batch, message: str, *, done: int) -> None:
        with self.store() as session:
            so_far = standing.of(session, self.plan.arm.id)
        extra = {
            "cost_usd": so_far.money.cost_usd if self.price else None,
            "tokens": so_far.tokens_in + so_far.tokens_out,
            "completions": so_far.completions,
            "kept": so_far.n_kept,
            "rejected": dict(so_far.rejected),
            "in_flight": max(0, int(batch.counts["requests"]) - done),
            "not_taken": not_taken.counted([self.provider]),
        }
        self.report(so_far.n_kept, self.per_label * len(self.plan.labels), message, extra)


def _sentence(remote: "RemoteBatch", found: Collected) -> str:
    """A sentence on how a batch ended, how many answers are stored, and how many are missing by reason."""
    n = found.answered + len(found.unanswered)
    said = f"Batch {remote.id} is {remote.status}: {found.answered} of {n} requests are answered and stored"
    missing = ", ".join(f"{reason} ({number})" for reason, number in found.missing.items())
    return f"{said}; missing: {missing}." if missing else f"{said}."


def _invalid(remote: "RemoteBatch", url: str) -> ProviderRefused:
    """The error for a batch that failed before any of its requests was answered, with the reasons of the endpoint."""
    problems = (remote.errors.data if remote.errors else None) or []
    said = "; ".join(
        " ".join(f"{problem.code or ''} {problem.message or ''}".split()).rstrip(".") for problem in problems[:3]
    )
    return ProviderRefused(
        f"{url} took the batch {remote.id} and failed it: {said or 'it gives no reason'}. "
        "No request of the batch is answered or billed; its slots are free again."
    )
