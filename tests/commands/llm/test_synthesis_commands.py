"""The commands around a generation: try a prompt, list kinds, write requests for a Batch API and take its answers in."""

import json
import sqlite3
import time
import urllib.request
from pathlib import Path

import pytest
from sqlalchemy import select

from core.llm.money import committed, prices
from core.llm.money.committed import Way
from core.settings import Settings
from core.steps import judge, train
from core.study import tasks
from core.study.rows.kinds import Slot
from core.study.rows.study import Study
from core.study.store import Store
from tests.command_line import CommandLine
from tests.llm_server import LlmServer


def with_task(call: CommandLine, folder: Path) -> None:
    rows = [
        f"a letter number {n} about the sea,{'glad' if n % 2 else 'sad'},{'test' if n % 3 else 'train'}"
        for n in range(30)
    ]
    path = folder / "real.csv"
    path.write_text("\n".join(["text,label,split", *rows]))
    code, _, stderr = call("import", path, "--task", "mood", "--arm", "real")
    assert code == 0, stderr


def answered(requests: Path, url: str) -> str:
    """What a Batch API gives back for a file of requests."""
    lines = []
    for line in requests.read_text().splitlines():
        asked = json.loads(line)
        sent = urllib.request.Request(
            f"{url}/chat/completions", json.dumps(asked["body"]).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(sent) as response:
            body = json.load(response)
        lines.append(json.dumps({"custom_id": asked["custom_id"], "response": {"status_code": 200, "body": body}}))
    return "\n".join(lines)


def test_a_tried_prompt_shows_its_texts_and_leaves_no_samples(call: CommandLine, tmp_path: Path) -> None:
    with_task(call, tmp_path)

    with LlmServer(models=["m"]) as llm:
        endpoint = ("--model", "m", "--base-url", llm.url)
        code, stdout, stderr = call("try", "--task", "mood", "--arm", "zero-shot", *endpoint, "--json")
        kinds = call("try", "--task", "mood", "--arm", "zero-shot", *endpoint, "--kinds", "4", "--json")

    assert code == 0, stderr
    tried = json.loads(stdout)["tried"]
    assert [one["label"] for one in tried] == ["sad", "glad", "sad", "glad", "sad"]
    assert all(len(one["texts"]) == 10 for one in tried)
    assert {label: len(found) for label, found in json.loads(kinds[1])["kinds"].items()} == {"glad": 4, "sad": 4}
    with sqlite3.connect(tmp_path / "home" / "litmus.db") as found:
        assert found.execute("SELECT count(*) FROM sample WHERE completion_id IS NOT NULL").fetchone() == (0,)
        assert found.execute("SELECT count(*) FROM trial").fetchone() == (7,)


@pytest.mark.slow
def test_a_try_that_cannot_be_answered_says_why(call: CommandLine, tmp_path: Path) -> None:
    with_task(call, tmp_path)

    code, _, stderr = call(
        "try", "--task", "mood", "--arm", "zero-shot", "--model", "m", "--base-url", "http://127.0.0.1:9/v1"
    )

    assert code == 1
    assert "Nothing answers at" in stderr
    assert "Traceback" not in stderr
    with sqlite3.connect(tmp_path / "home" / "litmus.db") as found:
        assert found.execute("SELECT name FROM arm WHERE kind != 'real'").fetchall() == []


def test_requests_that_cannot_be_written_leave_no_arm_behind(call: CommandLine, tmp_path: Path) -> None:
    with_task(call, tmp_path)
    for place, said in (
        (tmp_path, "is a folder"),
        (tmp_path / "none/r.jsonl", "does not exist"),
        ("x" * 300, "too long"),
    ):
        code, _, stderr = call("requests", place, "--task", "mood", "--arm", "new", "--per-label", 2, "--model", "m")

        assert code == 1 and said in " ".join(stderr.split())
    with sqlite3.connect(call.home / "litmus.db") as rows:
        assert rows.execute("SELECT count(*) FROM arm WHERE name = 'new'").fetchone() == (0,)


def test_requests_go_out_as_a_file_and_their_answers_come_back_once(call: CommandLine, tmp_path: Path) -> None:
    with_task(call, tmp_path)
    arm = ("--task", "mood", "--arm", "zero-shot", "--per-label", "20")
    out, back = tmp_path / "requests.jsonl", tmp_path / "answers.jsonl"

    code, stdout, stderr = call("requests", out, *arm, "--model", "m", "--json")
    with LlmServer(models=["m"]) as llm:
        back.write_text(answered(out, llm.url))
    first = json.loads(call("answers", back, *arm, "--json")[1])
    again = json.loads(call("answers", back, *arm, "--json")[1])

    assert (code, stderr) == (0, "")
    n = json.loads(stdout)["requests"]
    assert n == len(out.read_text().splitlines())
    assert first["answers"] == again["stored before"] == n
    assert again["answers"] == 0


@pytest.mark.slow
def test_a_try_that_waits_for_its_turn_does_not_wait_for_its_answer(call: CommandLine, tmp_path: Path) -> None:
    with_task(call, tmp_path)
    with LlmServer(models=["m"]) as llm:
        pace = ("--rpm", 120, "--timeout", 1, "--calls", 4, "--json")
        arm = ("--task", "mood", "--arm", "zero-shot")
        code, stdout, stderr = call("try", *arm, "--model", "m", "--base-url", llm.url, *pace)

    assert (code, stderr) == (0, "")
    assert [one["error"] for one in json.loads(stdout)["tried"]] == [None] * 4


@pytest.mark.slow
def test_a_draft_of_another_shape_is_told_in_a_sentence(call: CommandLine, tmp_path: Path) -> None:
    with_task(call, tmp_path)
    whole = {"context": "", "generation": "{label}", "diversity": "", "turns": 1}
    endpoint = ("--model", "m", "--base-url", "http://127.0.0.1:9/v1")

    for draft in (json.dumps(whole | {"words": "many"}), json.dumps(whole | {"attributes": [1]}), "[" * 100_000):
        code, _, stderr = call("try", "--task", "mood", "--arm", "a", *endpoint, "--draft", draft)

        assert code == 1 and stderr.startswith("--draft takes a prompt as a JSON object") and stderr.count("\n") == 1

    _, _, stderr = call("try", "--task", "mood", "--arm", "a", *endpoint, "--draft", json.dumps(whole))
    assert stderr.startswith("Nothing answers at")


def test_a_judge_that_runs_in_the_job_takes_the_place_of_a_training(store: Store) -> None:
    slots = {}
    with store.write() as session:
        study = tasks.study_named(session, "letters")
        for provider in ("openai", "local"):
            task = tasks.make_task(session, study_id=study.id, name=provider, question="?", labels={"a": "", "b": ""})
            given = ["--provider", provider, "--model", "m"]
            slots[provider] = judge.queue_judging(session, study=study, task=task, arguments=given).slot

    assert slots == {"openai": Slot.API, "local": train.worker_slot()}


@pytest.mark.slow
def test_batches_under_way_are_listed_and_can_be_cancelled_after_their_process_was_killed(
    call: CommandLine, tmp_path: Path
) -> None:
    with_task(call, tmp_path)
    arm = ("--task", "mood", "--arm", "zero-shot")

    with LlmServer(models=["m"], batch_polls=1000) as llm:
        process = call.start("generate", *arm, "--per-label", "10", "--model", "m", "--base-url", llm.url, "--batch")
        deadline = time.monotonic() + 30
        while not llm.batches.batches and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        process.kill()
        process.communicate()
        listed = json.loads(call("batches", *arm, "--json")[1])["batches"]
        code, _, stderr = call("batches", *arm, "--cancel", "--json")

    assert (code, stderr) == (0, "")
    assert [batch["remote_id"] for batch in listed] == ["batch-1"]
    assert llm.batches.batches["batch-1"]["status"] == "cancelling"


def test_a_full_arm_asks_for_no_key_and_one_that_wants_more_does(call: CommandLine, tmp_path: Path) -> None:
    with_task(call, tmp_path)
    arm = ("--task", "mood", "--arm", "zero-shot", "--json")
    with LlmServer() as llm:
        filled = call("generate", *arm, "--per-label", 4, "--model", "test-model", "--base-url", llm.url)
    study = tmp_path / "study.yaml"

    def checked(per_label: int) -> tuple[int, str]:
        with_arm = f"zero-shot: {{generate: {{per_label: {per_label}, model: test-model}}}}"
        study.write_text(
            f"study: my-study\nseeds: [0]\ntasks:\n  mood:\n    question: '?'\n    labels: [glad, sad]\n"
            f"    real: {{file: {tmp_path / 'real.csv'}}}\n    arms: {{{with_arm}}}\n"
        )
        code, stdout, stderr = call("run", study, "--check")
        return code, stdout + stderr

    again = call("generate", *arm, "--per-label", 4, "--model", "test-model")
    more = call("generate", *arm, "--per-label", 9, "--model", "test-model")

    assert filled.code == again.code == 0, filled.stderr + again.stderr
    assert json.loads(again.stdout)["kept"] == json.loads(filled.stdout)["kept"] == 8
    assert more.code == 1 and "OPENAI_API_KEY" in more.stderr
    code, said = checked(4)
    assert code == 0 and "OPENAI_API_KEY" not in said, said
    code, said = checked(9)
    assert code == 1 and "OPENAI_API_KEY" in said


def test_a_temperature_that_is_not_taken_is_told_once_in_the_terminal(call: CommandLine, tmp_path: Path) -> None:
    with_task(call, tmp_path)
    with LlmServer() as llm:
        endpoint = ("--model", "temperature-one", "--base-url", llm.url, "--temperature", "0.7")
        code, stdout, stderr = call(
            "generate", "--task", "mood", "--arm", "zero-shot", "--per-label", 10, *endpoint, "--json"
        )

    assert code == 0, stderr
    assert stderr.count("Not taken by the model, so its calls go without: temperature (temperature-one).") == 1
    assert json.loads(stdout)["not_taken"] == {"temperature-one": ["temperature"]}


def test_tries_and_lists_of_kinds_share_a_budget_over_all_attempts(
    call: CommandLine, tmp_path: Path, store: Store, settings: Settings
) -> None:
    with_task(call, tmp_path)
    prices.set_price(settings.home, "test-model", 100.0, 100.0, "2026-01-01")
    with LlmServer() as llm:
        options = ("--task", "mood", "--arm", "zero-shot", "--model", "test-model", "--base-url", llm.url)
        first = call("try", *options, "--calls", 4, "--budget", 1.2)
        kinds = call("try", *options, "--kinds", 3, "--budget", 0.3)
        unpriced = call("try", *options, "--calls", 1, "--model", "gpt-4o-mini-x", "--budget", 5)
        answered = llm.seen.answered
    spent = json.loads(call("spent", "--json").stdout)

    assert first.code == 0, first.stderr
    assert kinds.code == 1 and "budget of $0.3 is reached" in kinds.stderr
    assert unpriced.code == 1 and "is unknown, so the budget" in unpriced.stderr
    with store() as session:
        found = committed.of_study(session, session.scalars(select(Study.id)).one())
    assert answered == 4 and [(one.account.way, one.lost_usd) for one in found] == [(Way.TRY, pytest.approx(0))]
    assert 0.1 < found[0].stored_usd <= 1.2
    assert [(one["way"], one["of"]) for one in spent["accounts"]] == [("try", "mood · zero-shot")]
    assert spent["most_usd"] == pytest.approx(found[0].stored_usd)
    assert "mood · zero-shot" in call("spent").stdout
