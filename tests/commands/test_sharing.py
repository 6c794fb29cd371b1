"""The commands judge, push and import hf: as they are called, against a real LLM server and a real hub server."""

import json
import time
from pathlib import Path

import pytest

from core.llm import connection
from core.steps import judge
from core.study import tasks
from core.study.rows.kinds import Slot
from core.study.store import Store
from core.synthesis.judging import Texts
from tests.command_line import CommandLine
from tests.hub_server import HubServer
from tests.llm_server import LlmServer


class SadJudge(LlmServer):
    """Finds every text sad."""

    def _content(self, body: object) -> str:
        return "sad"


def letters(folder: Path, *, n: int, name: str) -> Path:
    rows = [f"a {name} letter {k},{'glad' if k % 2 else 'sad'}" for k in range(n)]
    path = folder / f"{name}.csv"
    path.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    return path


def imported(call: CommandLine, folder: Path, *, n: int) -> None:
    call("import", letters(folder, n=n, name="real"), "--task", "mood", "--arm", "real")
    call("import", letters(folder, n=n, name="made"), "--task", "mood", "--arm", "zero-shot")


@pytest.mark.slow
def test_a_judge_is_killed_and_goes_on_without_paying_twice_beyond_what_was_in_flight(
    call: CommandLine, tmp_path: Path
) -> None:
    imported(call, tmp_path, n=60)
    with SadJudge(latency=0.1) as server:
        options = ["--model", "test-model", "--base-url", server.url, "--concurrency", "2", "--json"]
        with call.start("judge", "--task", "mood", "--arm", "zero-shot", *options) as first:
            deadline = time.monotonic() + 60
            while server.counts()["answered"] < 10 and time.monotonic() < deadline:
                time.sleep(0.05)
            first.kill()
        killed_after = server.counts()["answered"]
        done = call("judge", "--task", "mood", "--arm", "zero-shot", *options)
        answered = server.counts()["answered"]

    found = json.loads(done.stdout)
    assert 10 <= killed_after < 60
    assert (found["wanted"], found["judged"], found["named"]) == (60, 60, 60)
    assert found["agrees"] == {"zero-shot": [30, 60]}
    assert answered <= 60 + 2 + 1


@pytest.mark.slow
def test_arms_are_pushed_to_the_hub_and_imported_from_it(call: CommandLine, tmp_path: Path) -> None:
    imported(call, tmp_path, n=20)
    with HubServer() as hub:
        environ = {"HF_ENDPOINT": hub.url, "HF_TOKEN": hub.key, "HF_HOME": str(tmp_path / "hf")}
        pushed = call.apart("push", "--task", "mood", "--to", "me/mood", "--json", **environ)
        source = ("import", "hf:me/mood", "--task", "mood", "--arm", "zero-shot-again", "--json")
        back = call.apart(*source, **environ)
        nowhere = call.apart(
            "push", "--task", "mood", "--to", "me/mood", HF_ENDPOINT=hub.url, HF_HOME=str(tmp_path / "hf")
        )

    assert json.loads(pushed.stdout)["rows"] == {"zero-shot": 20}, pushed.stderr
    assert json.loads(back.stdout)["kept"] == 20, back.stderr
    assert hub.sets["me/mood"].private
    assert nowhere.code == 1 and "Set HF_TOKEN" in nowhere.stderr


def test_a_task_has_one_judging_at_a_time_and_its_job_asks_for_what_was_connected(store: Store) -> None:
    with store.write() as session:
        study = tasks.study_named(session, "s")
        task = tasks.make_task(session, study_id=study.id, name="t", question="?", labels={"a": "", "b": ""})
        asked = connection.made(models=("m",), base_url="http://127.0.0.1:9/v1", concurrency=3, structured=True)
        options = judge.arguments(asked, arms=["zero-shot"], texts=Texts(50), budget_usd=1.5)
        first = judge.queue_judging(session, study=study, task=task, arguments=options)
        second = judge.queue_judging(session, study=study, task=task, arguments=options)

    assert first.id == second.id
    assert (first.key, first.title, first.slot) == (f"judge:{task.id}", "Judge t", Slot.API)
    assert first.command[:7] == ["-m", "core", "judge", "--study", "s", "--task", "t"]
    assert "--structured" not in first.command
    assert {"--model", "m", "--per-label", "50", "--budget", "1.5", "--arm", "zero-shot"} <= set(first.command)
