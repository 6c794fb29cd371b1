"""Batches end to end: a real server with files and batches, a real store, real kills."""

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from core.errors import ProviderRefused, StudyError
from core.llm.endpoint.endpoint import OpenAIProvider
from core.llm.money import budget, committed, prices
from core.llm.money.committed import Account, Way
from core.settings import Settings
from core.study import tasks
from core.study.rows.kinds import BatchState, SampleStatus, Split
from core.study.rows.study import Arm, Batch, Completion, Label, Sample, Task
from core.study.splits import equal_texts
from core.study.store import Store
from core.study.upkeep import arms
from core.synthesis.batches import batch_generation, files, jsonl
from core.synthesis.batches.remote import Remote
from core.synthesis.generation import generation, samples_from_answers, standing
from core.synthesis.generation.generation import Generated
from core.synthesis.limits import BatchLimits, Limits
from core.synthesis.prompts import drafts, versions
from core.synthesis.prompts.drafts import Draft
from tests import endpoints
from tests.llm_server import LlmServer
from tests.synthesis.generation.test_generation import completions

ROOT = Path(__file__).parents[3]
PAYLOAD = Path(__file__).parent / "payloads" / "fill_by_batch.py"
SIMPLE = Draft(
    context="", generation="Number of texts: {n}\nLabel: {label}", diversity="others", texts_per_call=5, turns=1
)
PRICE = prices.Price(model="test-model", input_usd_per_million=100.0, output_usd_per_million=400.0)


class Stopped(Exception):
    """Raised by a report to end a generation at a chosen step."""


@pytest.fixture
def arm(store: Store, make_arm: Callable[[str], Arm]) -> Arm:
    arm = make_arm("zero-shot")
    with store.write() as session:
        versions.save(session, arm_id=arm.id, draft=SIMPLE)
    return arm


def provider_at(url: str, **more: Any) -> OpenAIProvider:
    return endpoints.client("test-model", base_url=url, api_key=None, first_wait_s=0.02, **more)


def fill(
    store: Store,
    arm: Arm,
    provider: OpenAIProvider,
    *,
    per_label: int = 20,
    budget_usd: float | None = None,
    **more: Any,
) -> Generated:
    limits = BatchLimits(budget_usd, poll_s=0.01)
    return batch_generation.generate_by_batch(
        store, arm_id=arm.id, per_label=per_label, provider=provider, limits=limits, **more
    )


def batches_of(store: Store, arm: Arm) -> list[Batch]:
    with store() as session:
        return list(session.scalars(select(Batch).where(Batch.arm_id == arm.id).order_by(Batch.id)))


def assert_nothing_is_paid_twice(server: LlmServer, store: Store, arm: Arm) -> None:
    stored = completions(store, arm)
    assert set(server.counts()["by_key"].values()) == {1}
    assert len(stored) == server.counts()["answered"] == len({(row.label_id, row.slot) for row in stored})
    with store() as session:
        kept = session.scalars(
            select(Sample.text_hash).where(Sample.arm_id == arm.id, Sample.status == SampleStatus.KEPT)
        ).all()
    assert len(kept) == len(set(kept))


def test_a_batch_fills_an_arm_at_half_the_price(store: Store, arm: Arm) -> None:
    with LlmServer() as server:
        made = fill(store, arm, provider_at(server.url, price=PRICE))
        again = fill(store, arm, provider_at(server.url, price=PRICE))

    (batch,) = batches_of(store, arm)
    stored = completions(store, arm)
    assert made.kept == 40 and made.completions == 8 and made.stopped == {} and again.completions == 8
    assert batch.state == BatchState.COLLECTED and batch.remote_state == "completed" and batch.error is None
    assert batch.counts["answered"] == 8 and batch.counts["missing"] == {}
    assert {row.batch_id for row in stored} == {batch.id} and all(row.parsed_at for row in stored)
    for row in stored:
        assert row.cost_usd == pytest.approx((row.tokens_in * 50 + row.tokens_out * 200) / 1e6, rel=1e-9)
        assert row.request["messages"] and row.request["model"] == "test-model" and row.request_id
    assert_nothing_is_paid_twice(server, store, arm)


@pytest.mark.slow
def test_every_turn_is_a_batch_that_shows_the_answers_before_it(store: Store, make_arm: Callable[[str], Arm]) -> None:
    arm = make_arm("zero-shot")
    with store.write() as session:
        versions.save(session, arm_id=arm.id, draft=drafts.Draft(**{**vars(SIMPLE), "turns": 3}))
    with LlmServer() as server:
        fill(store, arm, provider_at(server.url), per_label=30)

    made = batches_of(store, arm)
    by_slot = {(row.label_id, row.slot): row for row in completions(store, arm)}
    assert [batch.counts["requests"] for batch in made] == [4, 4, 4]
    for (label_id, slot), row in by_slot.items():
        shown = [message["content"] for message in row.request["messages"] if message["role"] == "assistant"]
        assert shown == [by_slot[label_id, before].content for before in range(slot - slot % 3, slot)]


@pytest.mark.slow
@pytest.mark.parametrize("end", ["expired", "cancelled"])
def test_a_batch_that_ends_early_still_pays_in_what_it_answered(store: Store, arm: Arm, end: str) -> None:
    told: list[str] = []
    with LlmServer(batches=[end, end], batch_share=0.5) as server:
        made = fill(store, arm, provider_at(server.url), report=lambda *given: told.append(given[2]))

    first, second, third = batches_of(store, arm)
    assert made.kept == 40 and made.stopped == {}
    assert first.state == second.state == third.state == BatchState.COLLECTED
    assert first.counts["answered"] == 4 and first.counts["missing"] == {f"batch {end}": 4}
    assert f"is {end}: 4 of 8 requests are answered and stored; missing: batch {end} (4)" in str(first.error)
    assert first.error in told and third.error is None
    assert_nothing_is_paid_twice(server, store, arm)


@pytest.mark.slow
def test_lines_that_fail_are_asked_again_and_malformed_answers_are_counted(store: Store, arm: Arm) -> None:
    with LlmServer(rate_500=0.2, rate_429=0.1, rate_malformed=0.1, seed=3) as server:
        made = fill(store, arm, provider_at(server.url), per_label=100)

    first, *_ = batches_of(store, arm)
    assert made.kept == 200 and sum(made.rejected.values()) > 0
    assert first.counts["missing"] and set(first.counts["missing"]) <= {"status 500", "rate limit exceeded"}
    assert_nothing_is_paid_twice(server, store, arm)


def test_a_batch_that_fails_its_validation_says_why_and_frees_its_slots(store: Store, arm: Arm) -> None:
    with LlmServer(batches=["failed"]) as server:
        with pytest.raises(ProviderRefused, match="failed it: invalid_json_line This line is not parseable"):
            fill(store, arm, provider_at(server.url))
        made = fill(store, arm, provider_at(server.url))

    first, second = batches_of(store, arm)
    assert first.state == BatchState.FAILED and "not parseable" in str(first.error) and first.ended_at
    assert second.state == BatchState.COLLECTED and made.kept == 40


def test_a_batch_without_any_answer_gives_up_with_its_reason(store: Store, arm: Arm) -> None:
    with LlmServer(batches=["expired"] * 9, batch_share=0.0) as server:
        made = fill(store, arm, provider_at(server.url), per_label=25)

    assert made.completions == 0 and set(made.stopped) == {"glad", "sad"}
    assert "gave up: 5 requests in a row without a new text; most were: batch expired (5)" in made.stopped["glad"]
    assert [batch.state for batch in batches_of(store, arm)] == [BatchState.FAILED]


def test_an_unknown_model_and_an_endpoint_without_batches_are_told(store: Store, arm: Arm) -> None:
    with LlmServer(models=["another"]) as server, pytest.raises(ProviderRefused, match="not know the model 'test-mod"):
        fill(store, arm, provider_at(server.url))
    with LlmServer() as server, pytest.raises(ProviderRefused, match="offers no Batch API"):
        fill(store, arm, provider_at(server.url.removesuffix("/v1")))
    with LlmServer(key="right") as server, pytest.raises(ProviderRefused, match="The key was refused"):
        fill(store, arm, provider_at(server.url))

    assert {batch.state for batch in batches_of(store, arm)} == {BatchState.FAILED}


def test_a_refused_parameter_is_left_out_of_the_next_batch(store: Store, arm: Arm) -> None:
    with LlmServer(refused_parameters=["temperature"]) as server:
        made = fill(store, arm, provider_at(server.url, temperature=1.0))

    assert made.kept == 40 and [batch.state for batch in batches_of(store, arm)] == ["failed", "collected"]
    assert all("temperature" not in row.request for row in completions(store, arm))


@pytest.mark.slow
def test_the_budget_bounds_what_a_batch_may_cost(store: Store, arm: Arm) -> None:
    most = 0.5
    with LlmServer() as server:
        provider = provider_at(server.url, price=PRICE)
        with pytest.raises(budget.BudgetReached, match="Raise the budget"):
            fill(store, arm, provider, per_label=100, budget_usd=most)

        sent = [json.loads(line) for line in server.batches.files["file-1"].decode().splitlines()]

    made = batches_of(store, arm)
    with store() as session:
        spent = session.scalar(select(func.sum(Completion.cost_usd)))
    assert 0 < spent <= most and len(made) > 1 and made[0].counts["most_usd"] <= most
    assert all(line["body"]["max_tokens"] for line in sent)
    with pytest.raises(StudyError, match="price of 'unpriced' is unknown"):
        batch_generation.generate_by_batch(
            store,
            arm_id=arm.id,
            per_label=1,
            provider=endpoints.client("unpriced", base_url=server.url, api_key=None),
            limits=BatchLimits(budget_usd=1),
        )


def test_a_batch_created_just_before_a_crash_is_found_and_not_sent_again(store: Store, arm: Arm) -> None:
    with LlmServer() as server:
        provider = provider_at(server.url)
        stop_at(store, arm, provider, 1)
        (left,) = batches_of(store, arm)
        with contextlib.closing(Remote(provider)) as remote:
            remote.submit(jsonl.written(jsonl.ids_and_bodies(left.requests)), key=left.key, made_at=left.created_at)

        made = fill(store, arm, provider)

    assert left.state == BatchState.PREPARING and left.remote_id is None
    assert made.kept == 40 and len(server.batches.batches) == 1
    assert_nothing_is_paid_twice(server, store, arm)


@pytest.mark.slow
def test_stopped_after_any_step_it_goes_on_and_pays_nothing_twice(store: Store, make_arm: Callable[[str], Arm]) -> None:
    for step in range(1, 12):
        arm = make_arm(f"zero-shot-{step}")
        with store.write() as session:
            versions.save(session, arm_id=arm.id, draft=drafts.Draft(**{**vars(SIMPLE), "turns": 2}))
        with LlmServer(batches=["expired"]) as server:
            provider = provider_at(server.url)
            stop_at(store, arm, provider, step)
            made = fill(store, arm, provider)

            assert made.kept == 40 and len(server.batches.batches) == len(batches_of(store, arm))
            assert_nothing_is_paid_twice(server, store, arm)


def stop_at(store: Store, arm: Arm, provider: OpenAIProvider, step: int) -> None:
    """Fill the arm until the report is called for the `step`-th time."""
    steps = iter(range(1, step + 1))

    def report(done: int, total: int, message: str, extra: Mapping[str, Any]) -> None:
        if next(steps) == step:
            raise Stopped

    with pytest.raises(Stopped):
        fill(store, arm, provider, report=report)


@contextlib.contextmanager
def killed_before_a_batch_is_collected(store: Store) -> Iterator[None]:
    """Inside, a process ends with `Stopped` after its answers are stored, just before their batch counts as collected."""
    engine = store.writer.kw["bind"]

    def stop(*statement: Any) -> None:
        if statement[2].startswith("UPDATE batch ") and "COLLECTED" in str(statement[3]).upper():
            raise Stopped

    event.listen(engine, "before_cursor_execute", stop)
    try:
        with pytest.raises(Stopped):
            yield
    finally:
        event.remove(engine, "before_cursor_execute", stop)


@pytest.mark.slow
def test_killed_after_the_answers_are_stored_no_label_is_given_up(store: Store, make_arm: Callable[[str], Arm]) -> None:
    arm = make_arm("zero-shot")
    with store.write() as session:
        versions.save(session, arm_id=arm.id, draft=Draft(**{**vars(SIMPLE), "texts_per_call": 1}))
    with LlmServer() as server:
        with killed_before_a_batch_is_collected(store):
            fill(store, arm, provider_at(server.url), per_label=20)
        stored = len(completions(store, arm))
        made = fill(store, arm, provider_at(server.url), per_label=25)

    assert stored == 40 and made.stopped == {} and made.kept == 50
    assert_nothing_is_paid_twice(server, store, arm)


@pytest.mark.slow
def test_killed_before_a_batch_is_collected_a_lost_request_counts_once(store: Store, arm: Arm) -> None:
    with LlmServer(batch_drops=1) as server:  # one request of each batch is lost
        with killed_before_a_batch_is_collected(store):
            fill(store, arm, provider_at(server.url, price=PRICE), budget_usd=100.0)
        (left,) = batches_of(store, arm)
        fill(store, arm, provider_at(server.url, price=PRICE), budget_usd=100.0)

    with store() as session:
        found = committed.of(session, Account(Way.GENERATE, arm.id))
    dearest = max(row["most_usd"] for row in left.requests)
    assert round(found.lost_usd / dearest) == len(batches_of(store, arm)) and found.held_usd == 0


def test_while_a_batch_is_under_way_its_slots_are_asked_by_nothing_else(store: Store, arm: Arm) -> None:
    with LlmServer() as server:
        provider = provider_at(server.url)
        stop_at(store, arm, provider, 2)
        generation.generate(store, arm_id=arm.id, per_label=20, provider=provider)
        made = fill(store, arm, provider)

    assert made.kept == 40 and made.completions == 16
    assert_nothing_is_paid_twice(server, store, arm)


def test_a_budget_is_not_promised_while_a_batch_of_unknown_cost_is_under_way(store: Store, arm: Arm) -> None:
    with LlmServer() as server:
        provider = provider_at(server.url, price=PRICE)
        stop_at(store, arm, provider, 2)
        with pytest.raises(StudyError, match="sent without a budget is under way"):
            generation.generate(store, arm_id=arm.id, per_label=40, provider=provider, limits=Limits(budget_usd=1.0))

        assert server.counts()["answered"] == 0


@pytest.mark.slow
def test_a_batch_waits_for_its_own_address_and_can_be_cancelled(store: Store, arm: Arm) -> None:
    with LlmServer(batch_polls=50) as server, LlmServer() as other:
        provider = provider_at(server.url)
        stop_at(store, arm, provider, 2)
        with pytest.raises(StudyError, match=f"waits for a batch at {server.url}"):
            fill(store, arm, provider_at(other.url))

        cancelled = batch_generation.cancel(store, arm_id=arm.id, provider=provider)
        server.behaviour.batch_polls = 1
        made = fill(store, arm, provider)

    first, second = batches_of(store, arm)
    assert cancelled == 1 and first.remote_state == "cancelled" and second.remote_state == "completed"
    assert made.kept == 40
    assert_nothing_is_paid_twice(server, store, arm)


@pytest.mark.slow
def test_killed_at_random_moments_nothing_is_lost_or_paid_twice(store: Store, settings: Settings, arm: Arm) -> None:
    environ = {**os.environ, "LITMUS_HOME": str(settings.home), "PYTHONPATH": str(ROOT)}
    rng, kills = random.Random(5), 0
    with LlmServer(batches=["expired"] * 15, batch_share=0.15, batch_polls=4, rate_500=0.1) as server:
        command = [sys.executable, str(PAYLOAD), str(arm.id), "200", server.url]
        for _ in range(10):
            process = subprocess.Popen(command, env=environ, cwd=ROOT)
            time.sleep(0.9 + 0.5 * rng.random())
            kills += process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.wait()
        done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=120)

        assert done.returncode == 0, done.stderr
        assert len(server.batches.batches) == len(batches_of(store, arm))
        assert_nothing_is_paid_twice(server, store, arm)

    with store() as session:
        kept = standing.kept_by_label(session, arm.id)
    assert kills >= 5 and list(kept.values()) == [200, 200]


def test_requests_can_be_written_to_a_file_and_their_answers_read_back(
    store: Store, arm: Arm, labels: list[Label], tmp_path: Path
) -> None:
    file, answers = tmp_path / "requests.jsonl", tmp_path / "answers.jsonl"

    n = files.to_batch_file(
        store, arm_id=arm.id, per_label=20, model="test-model", path=file, parameters={"temperature": 1}
    )

    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert n == len(lines) == 8
    with store() as session:
        assert standing.slots(session, arm.id).held == {}
    assert set(lines[0]) == {"custom_id", "method", "url", "body"} and lines[0]["url"] == "/v1/chat/completions"
    assert lines[0]["body"]["temperature"] == 1
    assert re.fullmatch(r"letters/mood/zero-shot/glad/0/v1/s0/f[0-9a-f]{12}", lines[0]["custom_id"])
    with LlmServer(rate_500=0.2, seed=2) as server:
        remote = Remote(provider_at(server.url))
        batch = remote.submit(file.read_bytes(), key="k", made_at=time.time())
        while (batch := remote.look(batch.id)).status != "completed":
            pass
        parts = [remote.text(file_id) for file_id in (batch.output_file_id, batch.error_file_id) if file_id]
        remote.close()
    foreign = {"custom_id": "other/mood/x/glad/0/v1/s0", "response": {"status_code": 200, "body": {"choices": []}}}
    answers.write_text("".join(parts) + json.dumps(foreign) + "\n")

    found, again = (
        files.from_batch_file(
            store, arm_id=arm.id, per_label=20, path=answers, now=1.0, price=batch_generation.half(PRICE)
        )
        for _ in range(2)
    )

    stored = completions(store, arm)
    assert found["answers"] == len(stored) == again["stored before"] > 0
    assert found["answers"] + found["without an answer"] == 8 and found["of another arm"] == 1
    assert {row.provider for row in stored} == {"batch file"} and all(row.cost_usd and row.parsed_at for row in stored)
    with store() as session:
        assert standing.of(session, arm.id).n_kept == 5 * len(stored)


def written_requests(store: Store, arm: Arm, path: Path) -> list[dict[str, Any]]:
    """Write the requests of an arm to a file, and return its lines."""
    files.to_batch_file(store, arm_id=arm.id, per_label=2, model="m", path=path)
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.slow
def test_an_answer_in_a_file_is_stored_with_what_was_sent_though_texts_came_and_the_arm_was_renamed(
    store: Store, labels: list[Label], make_arm: Callable[[str], Arm], tmp_path: Path
) -> None:
    few, file, back = few_shot(store, labels, make_arm), tmp_path / "requests.jsonl", tmp_path / "answers.jsonl"
    sent, real = written_requests(store, few, file), make_arm("real")

    with store.write() as session:
        add_real(session, real, labels, range(20, 40))
        arms.rename(session, few.id, "few-shot-2")
    back.write_text(repeating_what_was_shown(sent))
    found, again = (files.from_batch_file(store, arm_id=few.id, per_label=2, path=back, now=1.0) for _ in range(2))

    assert found["answers"] == again["stored before"] == len(sent) == 2
    assert [row.request for row in completions(store, few)] == [line["body"] for line in sent]
    assert [row.requests[0].keys() & {"body"} for row in batches_of(store, few)] == [set()]
    with store() as session:
        reasons = Counter(session.scalars(select(Sample.reject_reason).where(Sample.arm_id == few.id)))
        assert reasons == {samples_from_answers.COPY: 4, None: 2}


def test_a_file_from_before_requests_were_stored_is_read_too(
    store: Store, labels: list[Label], make_arm: Callable[[str], Arm], tmp_path: Path
) -> None:
    few, file, back = few_shot(store, labels, make_arm), tmp_path / "requests.jsonl", tmp_path / "answers.jsonl"
    sent = written_requests(store, few, file)

    back.write_text(re.sub(r"/f[0-9a-f]{12}", "", repeating_what_was_shown(sent)))
    found = files.from_batch_file(store, arm_id=few.id, per_label=2, path=back, now=1.0)

    assert found["answers"] == 2
    assert [row.request["messages"] for row in completions(store, few)] == [line["body"]["messages"] for line in sent]


@pytest.mark.parametrize(("added", "is_named"), [((), True), ((), False), (("tender",), True)])
def test_answers_about_a_label_that_was_removed_are_stored_under_no_other(
    store: Store, task: Task, arm: Arm, tmp_path: Path, added: tuple[str, ...], is_named: bool
) -> None:
    file, back = tmp_path / "requests.jsonl", tmp_path / "answers.jsonl"
    relabel(store, task, "glad", "sad", "angry")
    files.to_batch_file(store, arm_id=arm.id, per_label=5, model="m", path=file)
    if not is_named:
        forget_names(store, arm)

    relabel(store, task, "glad", "sad")
    relabel(store, task, "glad", "sad", *added)
    back.write_text(repeating_what_was_shown([json.loads(line) for line in file.read_text().splitlines()]))
    found = files.from_batch_file(store, arm_id=arm.id, per_label=5, path=back, now=1.0)

    with store() as session:
        names = {label.id: label.name for label in tasks.labels_of(session, task.id)}
    stored = {names[row.label_id] for row in completions(store, arm)}
    assert stored == {"glad", "sad"} and (found["answers"], found["of another arm"]) == (2, 1)


def relabel(store: Store, task: Task, *labels: str) -> None:
    with store.write() as session:
        tasks.make_task(session, study_id=task.study_id, name=task.name, question="", labels=dict.fromkeys(labels, ""))


def forget_names(store: Store, arm: Arm) -> None:
    """Store the requests of an arm as they were stored before the names of labels stood in them."""
    with store.write() as session:
        for batch in session.scalars(select(Batch).where(Batch.arm_id == arm.id)):
            batch.requests = [{key: value for key, value in row.items() if key != "label"} for row in batch.requests]


def few_shot(store: Store, labels: list[Label], make_arm: Callable[[str], Arm]) -> Arm:
    """An arm whose prompt shows two of 20 real texts of each label."""
    real, few = make_arm("real"), make_arm("few-shot")
    draft = Draft("", "{n} texts like:\n{examples}", "", texts_per_call=5, turns=1, examples=2)
    with store.write() as session:
        add_real(session, real, labels, range(20))
        versions.save(session, arm_id=few.id, draft=draft)
    return few


def add_real(session: Session, real: Arm, labels: list[Label], numbers: range) -> None:
    for label in labels:
        for number in numbers:
            text = f"A {label.name} letter on the matter of number {number * number * 7919}"
            session.add(
                Sample(arm_id=real.id, label_id=label.id, split=Split.POOL, text=text,
                       text_hash=equal_texts.text_hash(text), status=SampleStatus.KEPT, part=0)
            )  # fmt: skip


def repeating_what_was_shown(sent: list[dict[str, Any]]) -> str:
    """A file of answers to requests, each the examples of its request and a new text."""
    lines = []
    for number, line in enumerate(sent):
        shown = re.findall(r"^- (.+)$", line["body"]["messages"][-1]["content"], re.MULTILINE)
        content = "\n".join(f"- {text}" for text in [*shown, f"This is a new text with the number {number}"])
        body = {"choices": [{"message": {"content": content}}]}
        lines.append(json.dumps({"custom_id": line["custom_id"], "response": {"status_code": 200, "body": body}}))
    return "\n".join(lines)


def test_a_file_that_holds_no_answers_is_named_by_its_line(store: Store, arm: Arm, tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    file.write_text('{"custom_id": "a"}\nnonsense\n')

    with pytest.raises(StudyError, match=r"Line 2 of answers.jsonl"):
        files.from_batch_file(store, arm_id=arm.id, per_label=1, path=file, now=0.0)
    with pytest.raises(StudyError, match="cannot be read"):
        files.from_batch_file(store, arm_id=arm.id, per_label=1, path=tmp_path / "no", now=0.0)


def test_a_line_that_is_no_completion_costs_no_other_answer(store: Store, arm: Arm, tmp_path: Path) -> None:
    file, answers = tmp_path / "requests.jsonl", tmp_path / "answers.jsonl"
    files.to_batch_file(store, arm_id=arm.id, per_label=20, model="m", path=file)
    names = [json.loads(line)["custom_id"] for line in file.read_text().splitlines()]
    start = names[0].split("/0/v1/")[0]
    good = {"choices": [{"message": {"content": "1. A letter from the sea"}}]}
    lines = [
        {"custom_id": names[0], "response": {"status_code": 200, "body": {"error": {"message": "overloaded"}}}},
        {"custom_id": names[1], "error": {"code": "batch_expired"}},
        {"custom_id": names[2], "error": "gone"},
        {"custom_id": f"{start}/{'9' * 30}/v1/s0", "response": {"status_code": 200, "body": good}},
        {"custom_id": f"{start}/0/v{'9' * 30}/s0", "response": {"status_code": 200, "body": good}},
        {"custom_id": names[3], "response": {"status_code": 200, "body": good}},
    ]
    answers.write_text("\n".join(map(json.dumps, lines)))

    found = files.from_batch_file(store, arm_id=arm.id, per_label=20, path=answers, now=1.0)

    assert found == {"answers": 1, "without an answer": 3, "of another arm": 2, "stored before": 0}


def test_requests_that_cannot_be_written_are_told(store: Store, arm: Arm, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="cannot be written: No such file or directory"):
        files.to_batch_file(store, arm_id=arm.id, per_label=5, model="m", path=tmp_path / "no" / "requests.jsonl")


def test_requests_are_on_disk_before_they_are_stored_and_whole_or_not_at_all(
    store: Store, arm: Arm, tmp_path: Path
) -> None:
    folder, at_store = tmp_path / "files", list[int]()
    folder.mkdir()
    file = folder / "requests.jsonl"
    file.write_text("as before")

    def stops(*_arguments: Any) -> None:
        at_store.extend(path.stat().st_size for path in folder.iterdir() if path != file)
        raise Stopped

    event.listen(Batch, "before_insert", stops)
    try:
        with pytest.raises(Stopped):
            files.to_batch_file(store, arm_id=arm.id, per_label=5, model="m", path=file)
    finally:
        event.remove(Batch, "before_insert", stops)

    assert len(at_store) == 1 and at_store[0] > 100
    assert [path.name for path in folder.iterdir()] == ["requests.jsonl"] and file.read_text() == "as before"


def test_a_batch_counts_what_calls_without_an_answer_may_have_cost(store: Store, arm: Arm) -> None:
    account = Account(Way.GENERATE, arm.id)
    committed.note(store, account, 4.999)
    with LlmServer() as server, pytest.raises(budget.BudgetReached, match=r"\$4\.9990 is spent, or may have been"):
        fill(store, arm, provider_at(server.url, price=PRICE), per_label=40, budget_usd=5.0)

    with store() as session:
        assert session.query(Batch).count() == 0
        assert committed.of(session, account).most_usd == pytest.approx(4.999)


@pytest.mark.parametrize("model", ["no-system", "temperature-deprecated"])
def test_a_batch_goes_on_without_what_the_model_does_not_take_and_says_so(store: Store, arm: Arm, model: str) -> None:
    with store.write() as session:
        versions.save(session, arm_id=arm.id, draft=Draft(**{**vars(SIMPLE), "context": "You write letters."}))
    with LlmServer() as server:
        client = endpoints.client(model, base_url=server.url, api_key=None, first_wait_s=0.02, temperature=0.7)
        made = fill(store, arm, client)

    assert made.kept == 40 and [len(parts) for parts in made.not_taken.values()] == [1]


@pytest.mark.slow
@pytest.mark.parametrize("budget_usd", [100.0, None])
def test_requests_that_nothing_is_heard_of_count_with_what_they_may_have_cost(
    store: Store, arm: Arm, budget_usd: float | None
) -> None:
    with LlmServer(batch_drops=1) as server:
        fill(store, arm, provider_at(server.url, price=PRICE), budget_usd=budget_usd)
        charged = batch_generation.half(PRICE).of(tokens_in=server.seen.tokens_in, tokens_out=server.seen.tokens_out)

    with store() as session:
        found = committed.of(session, Account(Way.GENERATE, arm.id))
    assert found.lost_usd > 0 and found.stored_usd < charged <= found.most_usd


def test_a_batch_that_the_endpoint_has_lost_counts_with_what_it_may_have_cost(store: Store, arm: Arm) -> None:
    with LlmServer() as server:
        with store.write() as session:
            lost = Batch(
                arm_id=arm.id, key="k", provider="openai", model="test-model", base_url=server.url, requests=[],
                state=BatchState.SUBMITTED, remote_id="batch-99", counts={"requests": 3, "most_usd": 0.5},
            )  # fmt: skip
            session.add(lost)
        with pytest.raises(StudyError, match="has lost a batch"):
            fill(store, arm, provider_at(server.url, price=PRICE), budget_usd=100.0)

    with store() as session:
        found = committed.of(session, Account(Way.GENERATE, arm.id))
    assert (found.held_usd, found.lost_usd) == (0.0, 0.5)


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan")])
def test_a_budget_that_is_none_sends_no_batch(store: Store, arm: Arm, limit: float) -> None:
    with LlmServer() as server, pytest.raises(StudyError, match="budget is more than 0"):
        fill(store, arm, provider_at(server.url, price=PRICE), budget_usd=limit)

    assert batches_of(store, arm) == []


def test_an_endpoint_that_sends_something_else_than_a_batch_has_none(store: Store, arm: Arm) -> None:
    reply = {"id": "x", "object": "chat.completion", "choices": []}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._send(reply)

        def do_GET(self) -> None:
            self._send({"data": [reply]})

        def _send(self, body: dict[str, Any]) -> None:
            raw = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True).start()
        for _ in range(2):
            with pytest.raises(ProviderRefused, match="offers no Batch API"):
                fill(store, arm, provider_at(f"http://127.0.0.1:{server.server_port}/v1"))
        server.shutdown()

    assert {batch.state for batch in batches_of(store, arm)} == {BatchState.FAILED}


def test_a_batch_at_this_machine_goes_through_no_proxy(store: Store, arm: Arm, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "socks5://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    with LlmServer() as server:
        made = fill(store, arm, provider_at(server.url))

    assert made.kept == 40
