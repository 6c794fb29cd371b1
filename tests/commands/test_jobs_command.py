"""The command `jobs`, as it is called."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from core.jobs import queue
from core.study.rows.kinds import JobState
from tests.command_line import CommandLine
from tests.jobs.bench import Bench


def listed(call: CommandLine, *arguments: object) -> list[dict[str, Any]]:
    code, stdout, stderr = call("jobs", *arguments, "--json")
    assert code == 0, stderr
    rows: list[dict[str, Any]] = json.loads(stdout)["jobs"]
    return rows


@pytest.mark.slow
def test_a_job_is_paused_listed_with_its_time_and_resumed(bench: Bench, call: CommandLine, tmp_path: Path) -> None:
    job_id = bench.add("sleepy", tmp_path / "log", 0)

    (paused,) = listed(call, "pause", job_id)
    assert (paused["state"], paused["resume_at"]) == ("paused", None)
    with bench.store.write() as session:
        queue.get(session, job_id).resume_at = time.time() + 36_000
    assert "paused until" in " ".join(call("jobs").stdout.split())

    assert listed(call, "resume", job_id)[0]["resume_at"] is None
    bench.wait_for(job_id, JobState.DONE)


def test_an_unknown_action_is_wrong_usage_and_a_job_that_cannot_be_resumed_a_sentence(
    bench: Bench, call: CommandLine
) -> None:
    job_id = bench.add("failing", "code")

    unknown, refused = call("jobs", "foo"), call("jobs", "resume", job_id)

    said = " ".join(unknown.stderr.split()).replace("│ │ ", "")
    assert (unknown.code, "'foo' is not one of 'list', 'pause', 'resume'" in said) == (2, True)
    assert refused == (1, "", f"Job {job_id} is queued; only a paused job can be resumed.\n")
