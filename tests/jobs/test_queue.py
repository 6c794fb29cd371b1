"""The queue of jobs: one active job for a key, changes of state by compare-and-set."""

import math
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.errors import StudyError
from core.jobs import progress, queue, transitions
from core.settings import Settings
from core.study.rows.kinds import JobState, Slot, Work
from core.study.rows.study import Job
from core.study.store import Store


def add(store: Store, *, key: str = "train 1", slot: Slot = Slot.CPU) -> Job:
    with store.write() as session:
        return queue.enqueue(session, title="Train", command=["-m", "core"], key=key, slot=slot)


def claim(store: Store, job: Job) -> Job:
    with store.write() as session:
        claimed = transitions.claim(session, job, place={}, now=time.time())
    assert claimed is not None
    return claimed


def end(store: Store, job: Job, to: JobState) -> bool:
    with store.write() as session:
        return transitions.finish(session, job, to=to, error=None, now=time.time())


def stored(store: Store, job: Job) -> Job:
    with store() as session:
        return queue.get(session, job.id)


def test_enqueuing_the_same_key_twice_gives_one_job(store: Store) -> None:
    assert add(store).id == add(store).id


def test_many_at_once_enqueue_one_job_per_key(store: Store) -> None:
    with ThreadPoolExecutor(12) as pool:
        ids = set(pool.map(lambda _: add(store).id, range(24)))

    with store() as session:
        assert ids == {job.id for job in queue.rows(session)} and len(ids) == 1


def test_a_key_is_free_again_once_its_job_has_ended(store: Store) -> None:
    first = claim(store, add(store))

    end(store, first, JobState.DONE)

    assert add(store).id != first.id


def test_jobs_are_found_by_their_exact_key_or_by_what_they_do(store: Store) -> None:
    with store.write() as session:
        for key in ("train:1", "train:12", "training:1", "train"):
            queue.enqueue(session, title="Train", command=["-m", "core"], key=key, slot=Slot.CPU)

    with store() as session:
        exact = {asked: {job.key for job in queue.rows(session, key=asked)} for asked in ("train:1", "train", "tr_in")}
        trained = {job.key for job in queue.rows(session, work=(Work.TRAIN,))}

    assert exact == {"train:1": {"train:1"}, "train": {"train"}, "tr_in": set()}
    assert trained == {"train", "train:1", "train:12"}


def test_a_command_must_name_a_module(store: Store) -> None:
    with store.write() as session, pytest.raises(StudyError, match="MODULE"):
        queue.enqueue(session, title="Shell", command=["rm", "x"], key="k", slot=Slot.CPU)


def test_a_stale_attempt_changes_nothing(store: Store) -> None:
    stale = claim(store, add(store))
    with store.write() as session:
        transitions.lost(session, stale, now=time.time())
    newest = claim(store, stored(store, stale))

    with store.write() as session:
        begun = transitions.begin(session, stale.id, attempt=stale.attempt, handle={}, now=time.time())

    assert begun is None
    assert not end(store, stale, JobState.DONE)
    assert (stored(store, newest).state, stored(store, newest).attempt) == (JobState.STARTING, 2)


def test_a_job_that_vanishes_before_it_runs_uses_up_no_attempt_but_not_for_ever(store: Store) -> None:
    job = add(store)
    for start in range(transitions.MAX_UNSTARTED):
        job = claim(store, job)
        with store.write() as session:
            transitions.lost(session, job, now=time.time())
        job = stored(store, job)
        assert job.max_attempts - job.attempt >= queue.ATTEMPTS - 1, start

    assert job.state == JobState.FAILED
    assert "could not be started 5 times" in (job.error or "")


def test_a_queued_job_is_cancelled_at_once_and_can_be_retried(store: Store) -> None:
    job = add(store)

    with store.write() as session:
        assert queue.request_cancel(session, job.id).state == JobState.CANCELLED
    with store.write() as session:
        again = queue.retry(session, job.id)

    assert (again.state, again.cancel_requested, again.finished_at) == (JobState.QUEUED, False, None)


def test_an_ended_or_unknown_job_cannot_be_cancelled(store: Store) -> None:
    job = claim(store, add(store))
    end(store, job, JobState.DONE)

    with store.write() as session, pytest.raises(StudyError, match="already done"):
        queue.request_cancel(session, job.id)
    with store.write() as session, pytest.raises(StudyError, match="no job 99"):
        queue.request_cancel(session, 99)


def test_a_retry_resets_progress_and_error_and_gives_new_attempts(store: Store) -> None:
    job = claim(store, add(store))
    with store.write() as session:
        transitions.begin(session, job.id, attempt=1, handle={}, now=time.time())
    progress.reporter(store, {progress.VARIABLE: f"{job.id} 1"})(progress.Progress(done=4, total=4))
    assert stored(store, job).progress["done"] == 4
    with store.write() as session:
        transitions.finish(session, job, to=JobState.FAILED, error="Too few texts.", now=time.time())

    with store.write() as session:
        again = queue.retry(session, job.id)

    assert (again.progress, again.error, again.max_attempts) == ({}, None, 1 + queue.ATTEMPTS)


def test_a_retry_is_refused_while_another_job_does_the_same(store: Store) -> None:
    first = add(store)
    with store.write() as session:
        queue.request_cancel(session, first.id)
    second = add(store)

    with store.write() as session, pytest.raises(StudyError, match="is active"):
        queue.retry(session, first.id)
    with store.write() as session, pytest.raises(StudyError, match="only a failed or cancelled"):
        queue.retry(session, second.id)


def test_rows_are_the_newest_first_and_can_be_the_active_ones(store: Store) -> None:
    ended, active = claim(store, add(store, key="a")), add(store, key="b")
    end(store, ended, JobState.FAILED)

    with store() as session:
        assert [job.id for job in queue.rows(session)] == [active.id, ended.id]
        assert [job.id for job in queue.rows(session, active_only=True)] == [active.id]
        assert queue.rows(session, study_id=1) == []


def test_outside_a_job_reporting_does_nothing(store: Store) -> None:
    progress.reporter(store, {})(progress.Progress(done=1, total=2))

    assert progress.job_in({}) is None


@pytest.mark.slow
def test_quick_reports_are_thinned_and_the_last_is_kept(store: Store) -> None:
    job = claim(store, add(store))
    with store.write() as session:
        transitions.begin(session, job.id, attempt=1, handle={}, now=time.time())
    report = progress.reporter(store, {progress.VARIABLE: f"{job.id} 1"})

    for done in range(200):
        report(progress.Progress(done=done, total=1000, message=str(done), extra={"loss": 0.25, "bad": math.nan}))
    assert stored(store, job).progress["done"] < 199
    deadline = time.monotonic() + 20
    while stored(store, job).progress["done"] < 199 and time.monotonic() < deadline:
        time.sleep(0.05)

    found = stored(store, job).progress
    assert (found["done"], found["total"], found["message"], found["loss"]) == (199, 1000, "199", 0.25)
    assert found["done_at_start"] == 0 and "bad" not in found


def test_rate_and_time_left_count_what_this_attempt_has_done() -> None:
    at = {"done": 30, "total": 50, "done_at_start": 20, "started_at": 100.0, "at": 105.0}
    job = Job(title="t", command=["-m", "core"], key="k", slot=Slot.CPU, state=JobState.RUNNING, progress=at)

    assert progress.rate_and_left(job, 106.0) == pytest.approx((2.0, 9.0))


def test_the_time_left_at_the_rate_of_the_last_minutes_differs_where_work_became_slower() -> None:
    at = {"done": 300, "total": 500, "done_at_start": 0, "started_at": 0.0, "at": 400.0}
    job = Job(title="t", command=["-m", "core"], key="k", slot=Slot.CPU, state=JobState.RUNNING, progress=at)
    assert math.isnan(progress.left_at_recent_rate(job, 400.0))

    job.progress |= {"recent_at": 300.0, "recent_done": 280}

    assert progress.rate_and_left(job, 400.0)[1] == pytest.approx(200 / 0.75)
    assert progress.left_at_recent_rate(job, 400.0) == pytest.approx(1000.0)


def test_rate_and_time_left_forget_what_an_earlier_attempt_has_done() -> None:
    at = {"done": 30, "total": 50, "done_at_start": 20, "started_at": 100.0, "at": 105.0}
    job = Job(title="t", command=["-m", "core"], key="k", slot=Slot.CPU, state=JobState.RUNNING, progress=at)
    job.started_at = 200.0

    assert all(math.isnan(value) for value in progress.rate_and_left(job, 201.0))


def test_counts_by_name_are_kept_and_bounded(store: Store) -> None:
    job = claim(store, add(store))
    with store.write() as session:
        transitions.begin(session, job.id, attempt=1, handle={}, now=time.time())
    rejected = {f"reason {n}": n for n in range(30)} | {"broken": math.nan, "other": 100}
    extra = {"cost_usd": None, "tokens": 12, "note": "words", "rejected": rejected}

    progress.reporter(store, {progress.VARIABLE: f"{job.id} 1"})(progress.Progress(done=1, total=1, extra=extra))

    found = stored(store, job).progress
    assert found["tokens"] == 12 and not {"cost_usd", "note"} & found.keys()
    assert len(found["rejected"]) <= progress.MOST_COUNTS and found["rejected"]["reason 29"] == 29
    assert sum(found["rejected"].values()) == sum(range(30)) + 100


def test_rate_and_time_left_are_nan_before_anything_is_done() -> None:
    job = Job(title="t", command=["-m", "core"], key="k", slot=Slot.CPU, state=JobState.RUNNING)

    assert all(math.isnan(value) for value in progress.rate_and_left(job, 1.0))


def test_the_tail_of_a_log_shows_the_last_state_of_a_progress_bar(settings: Settings, store: Store) -> None:
    job = add(store)
    assert queue.log_tail(settings, job) == ""
    settings.logs.mkdir(parents=True)
    queue.log_path(settings, job).write_bytes(b"first\r\nsecond\n10 %\r50 %\r100 %\nlast\n")

    assert queue.log_tail(settings, job) == "first\nsecond\n100 %\nlast"
    assert queue.log_tail(settings, job, lines=2) == "100 %\nlast"


def test_retrying_the_failed_jobs_leaves_cancelled_ones_and_those_done_since(store: Store) -> None:
    ends = {
        "a": [JobState.FAILED],
        "b": [JobState.CANCELLED],
        "c": [JobState.FAILED, JobState.DONE],
        "d": [JobState.FAILED],
    }
    for key, states in ends.items():
        for state in states:
            end(store, claim(store, add(store, key=key)), state)

    with store.write() as session:
        again = queue.retry_failed(session)

    assert [(job.key, job.state) for job in again] == [("a", JobState.QUEUED), ("d", JobState.QUEUED)]


def test_a_clone_is_a_new_job_with_the_same_command_and_waits_for_no_twin(store: Store) -> None:
    job = add(store)
    with store.write() as session, pytest.raises(StudyError, match="does the same work and is queued"):
        queue.clone(session, job.id)
    end(store, claim(store, job), JobState.DONE)

    with store.write() as session:
        twin = queue.clone(session, job.id)

    assert twin.id != job.id and twin.state == JobState.QUEUED
    assert (twin.command, twin.title, twin.key, twin.slot) == (job.command, job.title, job.key, job.slot)
