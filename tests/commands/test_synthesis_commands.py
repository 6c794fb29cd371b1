"""The commands around a generation: try a prompt, list kinds, write requests for a Batch API and take its answers in."""

import json
import sqlite3
import time
import urllib.request
from pathlib import Path

import pytest

from core.commands import judging, queueing
from core.study import tasks
from core.study.records import Slot
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


def test_a_try_that_cannot_be_answered_says_why(call: CommandLine, tmp_path: Path) -> None:
    with_task(call, tmp_path)

    code, _, stderr = call(
        "try", "--task", "mood", "--arm", "zero-shot", "--model", "m", "--base-url", "http://127.0.0.1:9/v1"
    )

    assert code == 1
    assert "Nothing answers at" in stderr
    assert "Traceback" not in stderr


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
            slots[provider] = judging.queue_judging(session, study=study, task=task, arguments=given).slot

    assert slots == {"openai": Slot.API, "local": queueing.worker_slot()}


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
