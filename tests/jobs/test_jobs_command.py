"""The command `jobs`, as it is called."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from core.jobs import local, queue
from core.study.records import JobState
from tests.jobs.bench import Bench


def call(bench: Bench, *arguments: object) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "core", "jobs", *map(str, arguments)], cwd=local.ROOT, capture_output=True, text=True,
        env=local.child_environment(bench.settings, os.environ), timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, " ".join(done.stderr.split())


def listed(bench: Bench, *arguments: object) -> list[dict[str, Any]]:
    code, stdout, stderr = call(bench, *arguments, "--json")
    assert code == 0, stderr
    rows: list[dict[str, Any]] = json.loads(stdout)["jobs"]
    return rows


def test_a_job_is_paused_listed_with_its_time_and_resumed(bench: Bench, tmp_path: Path) -> None:
    job_id = bench.add("sleepy", tmp_path / "log", 0)

    (paused,) = listed(bench, "pause", job_id)
    assert (paused["state"], paused["resume_at"]) == ("paused", None)
    with bench.store.write() as session:
        queue.get(session, job_id).resume_at = time.time() + 36_000
    assert "paused until" in " ".join(call(bench)[1].split())

    assert listed(bench, "resume", job_id)[0]["resume_at"] is None
    bench.wait_for(job_id, JobState.DONE)


def test_an_unknown_action_is_wrong_usage_and_a_job_that_cannot_be_resumed_a_sentence(bench: Bench) -> None:
    job_id = bench.add("failing", "code")

    code, _, stderr = call(bench, "foo")
    assert code == 2
    assert "'foo' is not one of 'list', 'pause', 'resume'" in stderr.replace("│ │ ", "")
    assert call(bench, "resume", job_id) == (1, "", f"Job {job_id} is queued; only a paused job can be resumed.")
