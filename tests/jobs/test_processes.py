"""Jobs as real processes: started, stopped, killed, queued again."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from core.jobs import progress, queue, runner, transitions
from core.jobs.backends import local
from core.settings import NICENESS, Settings
from core.study.rows.kinds import JobState, Slot
from tests.jobs.bench import Bench, lines, processes, start_runner, until

pytestmark = pytest.mark.slow


def test_a_job_runs_to_its_end_and_keeps_a_log(bench: Bench, tmp_path: Path) -> None:
    job_id = bench.add("sleepy", tmp_path / "log", 0)

    job = bench.step_until(job_id, JobState.DONE)

    assert [line[0] for line in lines(tmp_path / "log")] == ["start", "end"]
    assert (job.attempt, job.error) == (1, None)
    assert ".1] begins: -m tests.jobs.payloads.sleepy" in queue.log_tail(bench.settings, job)


def test_a_job_and_what_it_starts_give_way_to_the_dashboard(bench: Bench, tmp_path: Path) -> None:
    job_id = bench.add("sleepy", tmp_path / "log", 60)

    job = bench.step_until(job_id, JobState.RUNNING)

    process = psutil.Process(job.handle["pid"])
    until(lambda: all(each.nice() == NICENESS for each in [process, *process.children(recursive=True)]))
    if local.AUTOGROUP.exists():
        assert Path(f"/proc/{process.pid}/autogroup").read_text().endswith(f"nice {NICENESS}\n")
    assert psutil.Process().nice() < NICENESS


def test_a_job_gives_way_to_nobody_where_that_is_asked_for(bench: Bench, settings: Settings, tmp_path: Path) -> None:
    bench.local.settings = dataclasses.replace(settings, niceness=0)
    job_id = bench.add("sleepy", tmp_path / "log", 60)

    job = bench.step_until(job_id, JobState.RUNNING)

    process = psutil.Process(job.handle["pid"])
    assert all(each.nice() == psutil.Process().nice() for each in [process, *process.children(recursive=True)])


def test_a_failing_command_gives_its_sentence_and_keeps_the_traceback_in_the_log(bench: Bench) -> None:
    expected = {
        "study": "Training needs 60 texts; this arm has 12. Import more.",
        "command": "Training needs 60 texts; this arm has 12. Import more.",
        "bug": "ZeroDivisionError: no rows",
        "code": "The command ended with exit code 3; the end of its log says why.",
    }
    ids = {way: bench.add("failing", way) for way in expected}

    jobs = {way: bench.step_until(job_id, JobState.FAILED) for way, job_id in ids.items()}

    assert {way: job.error for way, job in jobs.items()} == expected
    assert "Traceback" in queue.log_tail(bench.settings, jobs["bug"])
    assert {job.attempt for job in jobs.values()} == {1}


def test_a_killed_job_is_taken_up_as_the_second_attempt(bench: Bench, tmp_path: Path) -> None:
    job_id = bench.add("sleepy", tmp_path / "log", 1)
    first = bench.step_until(job_id, JobState.RUNNING)
    os.kill(first.handle["pid"], signal.SIGKILL)

    job = bench.step_until(job_id, JobState.DONE)

    assert job.attempt == 2
    assert [line[0] for line in lines(tmp_path / "log")].count("end") == 1
    assert job.handle["pid"] != first.handle["pid"]


def test_a_job_that_is_killed_again_and_again_fails_with_a_sentence(bench: Bench, tmp_path: Path) -> None:
    job_id = bench.add("sleepy", tmp_path / "log", 60)
    for _attempt in range(queue.ATTEMPTS):
        os.kill(bench.step_until(job_id, JobState.RUNNING).handle["pid"], signal.SIGKILL)
        until(lambda: bench.step() is None or bench.job(job_id).state != JobState.RUNNING)

    assert "disappeared, in attempt 3 of 3" in (bench.job(job_id).error or "")


def test_a_job_that_keeps_work_in_every_attempt_is_not_failed_for_being_killed_often(bench: Bench) -> None:
    job_id = bench.add("keeping")
    for _kill in range(queue.ATTEMPTS + 2):
        job = bench.step_until(job_id, JobState.RUNNING)
        until(lambda: progress.has_kept_work(bench.job(job_id)))
        os.kill(job.handle["pid"], signal.SIGKILL)
        until(lambda: bench.step() is None or bench.job(job_id).state != JobState.RUNNING)

    job = bench.step_until(job_id, JobState.RUNNING)
    assert (job.attempt, job.max_attempts) == (queue.ATTEMPTS + 3, 2 * queue.ATTEMPTS + 2)


def test_cancelling_stops_the_process_within_seconds(bench: Bench, tmp_path: Path) -> None:
    job_id = bench.add("sleepy", tmp_path / "log", 60)
    job = bench.step_until(job_id, JobState.RUNNING)
    until(lambda: lines(tmp_path / "log"))

    with bench.store.write() as session:
        queue.request_cancel(session, job_id)
    bench.step_until(job_id, JobState.CANCELLED)

    until(lambda: bench.local.poll(job, now=time.time()) == local.Verdict.GONE)
    assert [line[0] for line in lines(tmp_path / "log")] == ["start"]


def test_a_job_notices_its_cancellation_without_a_runner(bench: Bench, tmp_path: Path) -> None:
    job_id = bench.add("sleepy", tmp_path / "log", 60)
    bench.step_until(job_id, JobState.RUNNING)

    with bench.store.write() as session:
        queue.request_cancel(session, job_id)

    assert bench.wait_for(job_id, JobState.CANCELLED).error is None


def test_a_job_that_will_not_stop_is_killed(bench: Bench) -> None:
    job_id = bench.add("stubborn")
    bench.step_until(job_id, JobState.RUNNING)

    with bench.store.write() as session:
        queue.request_cancel(session, job_id)
    bench.step()
    runner.step(bench.store, {"local": bench.local}, now=time.time() + 15)

    assert bench.step_until(job_id, JobState.CANCELLED).attempt == 1


def test_a_stale_process_is_refused(bench: Bench, tmp_path: Path) -> None:
    job_id = bench.add("sleepy", tmp_path / "log", 0)

    late = subprocess.run(
        [sys.executable, "-m", "core.jobs.run", str(job_id), "7"], cwd=local.ROOT, capture_output=True, text=True,
        env=local.child_environment(bench.settings, os.environ), check=False,
    )  # fmt: skip

    assert (late.returncode, late.stderr) == (1, f"Job {job_id}: attempt 7 is not the one that should run now.\n")
    assert not (tmp_path / "log").exists()


def test_a_running_process_that_lost_its_row_ends(bench: Bench, tmp_path: Path) -> None:
    job_id = bench.add("sleepy", tmp_path / "log", 60)
    job = bench.step_until(job_id, JobState.RUNNING)

    with bench.store.write() as session:
        job.cancel_requested = False
        assert transitions.lost(session, job, now=time.time()) == JobState.QUEUED

    until(lambda: bench.local.poll(job, now=time.time()) == local.Verdict.GONE)
    assert bench.job(job_id).state == JobState.QUEUED


def test_a_claim_whose_runner_died_before_the_start_is_taken_up(bench: Bench, tmp_path: Path) -> None:
    job_id = bench.add("sleepy", tmp_path / "log", 0)
    with bench.store.write() as session:
        transitions.claim(session, queue.get(session, job_id), place={}, now=time.time() - 2 * local.CLAIM_SECONDS)

    job = bench.step_until(job_id, JobState.DONE)

    assert (job.attempt, job.max_attempts) == (2, queue.ATTEMPTS + 1)


def test_progress_is_written_by_a_step_inside_its_job(bench: Bench) -> None:
    job_id = bench.add("counting", 0)

    job = bench.step_until(job_id, JobState.DONE)

    until(lambda: bench.job(job_id).progress.get("done") == 2)
    assert bench.job(job_id).progress["loss"] == 0.5
    assert job.attempt == 1


def test_queued_jobs_wait_for_a_slot_and_api_jobs_do_not_block_others(bench: Bench, tmp_path: Path) -> None:
    api = [bench.add("sleepy", tmp_path / "log", 60, slot=Slot.API) for _ in range(local.API_SLOTS + 1)]
    cpu = [bench.add("sleepy", tmp_path / "log", 60) for _ in range(bench.settings.slots + 2)]

    bench.step()
    bench.step()

    waiting = {job_id for job_id in api + cpu if bench.job(job_id).state == JobState.QUEUED}
    assert waiting == {api[-1], *cpu[-2:]}


def test_gpu_jobs_get_a_device_each_and_fail_with_a_sentence_where_there_is_none(bench: Bench) -> None:
    with bench.store() as session:
        job = queue.get(session, bench.add("sleepy", "unused", 0, slot=Slot.GPU))
    two = local.Local(_with_gpus(bench.settings, 2), {"CUDA_VISIBLE_DEVICES": "4,7"})

    assert two.room(job, []) == {"gpu": "4"}
    job.handle = {"gpu": "4"}
    assert two.room(job, [job]) == {"gpu": "7"}
    assert local.Local(_with_gpus(bench.settings, 1), {}).room(job, []) == {"gpu": "0"}
    bench.step()
    assert "no GPU" in (bench.job(job.id).error or "")


def test_as_many_jobs_share_a_gpu_as_its_slots_say_the_emptiest_gpu_first(bench: Bench) -> None:
    jobs = [bench.job(bench.add("sleepy", f"unused {n}", 0, slot=Slot.GPU)) for n in range(5)]
    shared = dataclasses.replace(_with_gpus(bench.settings, 2), slots_per_gpu=2)
    here, held = local.Local(shared, {}), []

    for job in jobs[:4]:
        job.handle = here.room(job, held) or {}
        held.append(job)

    assert [job.handle["gpu"] for job in held] == ["0", "1", "0", "1"]
    assert here.room(jobs[4], held) is None
    assert "4 on a GPU" in here.condition().sentences[0]


def test_a_job_of_another_machine_is_judged_by_its_beat(bench: Bench, tmp_path: Path) -> None:
    job = bench.job(bench.add("sleepy", tmp_path / "log", 0))
    job.handle = {"host": "elsewhere", "pid": os.getpid(), "create_time": 0.0}
    job.beat_at = 1000.0

    assert bench.local.poll(job, now=1100.0) == local.Verdict.RUNNING
    assert bench.local.poll(job, now=1200.0) == local.Verdict.GONE


def test_a_process_number_given_away_again_is_not_the_job(bench: Bench, tmp_path: Path) -> None:
    job = bench.job(bench.add("sleepy", tmp_path / "log", 0))
    mine = local.process_handle(os.getpid())

    job.handle = mine
    assert bench.local.poll(job, now=time.time()) == local.Verdict.RUNNING
    job.handle = mine | {"create_time": mine["create_time"] - 60}
    assert bench.local.poll(job, now=time.time()) == local.Verdict.GONE


def test_twelve_runners_started_at_once_leave_one_that_goes_when_idle(bench: Bench, settings: Settings) -> None:
    started = [start_runner(settings, idle=9) for _ in range(12)]

    until(lambda: sum(runner_.poll() is None for runner_ in started) == 1)
    runner.ensure(settings)
    assert len(processes(settings, "core.jobs.runner")) == 1

    until(lambda: all(runner_.poll() == 0 for runner_ in started))
    assert processes(settings) == []


def test_a_runner_that_may_not_idle_does_the_work_there_is_and_ends(
    bench: Bench, settings: Settings, tmp_path: Path
) -> None:
    job_id = bench.add("sleepy", tmp_path / "log", 0)

    started = start_runner(settings, idle=0)

    assert bench.wait_for(job_id, JobState.DONE).attempt == 1
    until(lambda: started.poll() == 0)


def test_a_dashboard_that_starts_puts_a_runner_with_its_own_settings_in_the_place_of_an_older_one(
    bench: Bench, settings: Settings, tmp_path: Path
) -> None:
    job_id = bench.add("sleepy", tmp_path / "log", 60)
    older = start_runner(settings)
    pid = bench.wait_for(job_id, JobState.RUNNING).handle["pid"]

    runner.replace(dataclasses.replace(settings, slots=settings.slots + 1))

    until(lambda: older.poll() == 0)
    until(lambda: processes(settings, "core.jobs.runner"))
    newer = processes(settings, "core.jobs.runner")[0]
    assert newer.environ()["LITMUS_SLOTS"] == str(settings.slots + 1)
    until(lambda: (settings.home / "runner.pid").read_text() == str(newer.pid))
    job = bench.job(job_id)
    assert (job.state, job.attempt, job.handle["pid"]) == (JobState.RUNNING, 1, pid)


def test_a_runner_that_is_still_starting_is_not_started_again(bench: Bench, settings: Settings) -> None:
    for _ in range(10):
        runner.ensure(settings, idle=0.1)

    assert len(processes(settings, "core.jobs.runner")) == 1
    until(lambda: not processes(settings))
    runner.ensure(settings, idle=0.1)
    assert len(processes(settings, "core.jobs.runner")) == 1
    until(lambda: not processes(settings))


def test_a_runner_that_has_given_up_its_lock_and_is_still_ending_does_not_count(
    bench: Bench, settings: Settings
) -> None:
    runner.ensure(settings, idle=0.1)
    ending = runner._started[settings.home]
    until(lambda: (settings.home / "runner.pid").exists())
    os.kill(ending.pid, signal.SIGSTOP)
    until(lambda: psutil.Process(ending.pid).status() == psutil.STATUS_STOPPED)
    (settings.home / "runner.lock").rename(
        settings.home / "given up"
    )  # as if released: nobody holds the lock at this path

    runner.ensure(settings, idle=0.1)
    assert runner._started[settings.home].pid != ending.pid
    os.kill(ending.pid, signal.SIGCONT)
    until(lambda: not processes(settings))


def test_the_next_runner_takes_over_the_same_process(bench: Bench, settings: Settings, tmp_path: Path) -> None:
    job_id = bench.add("sleepy", tmp_path / "log", 3)
    first = start_runner(settings)
    pid = bench.wait_for(job_id, JobState.RUNNING).handle["pid"]
    first.kill()
    first.wait()

    runner.ensure(settings, idle=1)
    job = bench.wait_for(job_id, JobState.DONE)

    assert (job.attempt, job.handle["pid"]) == (1, pid)
    assert [line[0] for line in lines(tmp_path / "log")] == ["start", "end"]
    until(lambda: not processes(settings))


def _with_gpus(settings: Settings, gpus: int) -> Settings:
    return dataclasses.replace(settings, gpus=gpus)
