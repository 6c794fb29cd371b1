"""Studies as wholes: another name, a copy, put aside."""

import pandas as pd
import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.jobs import queue
from core.study import tasks, trash
from core.study.rows.kinds import JobState, Slot
from core.study.rows.sessions import Campaign
from core.study.rows.study import Job, Study, Task
from core.study.store import Store
from core.study.upkeep import studies
from core.training import runs
from tests.finished_study import add_runs, make_task
from tests.study.archive import whole_study


@pytest.fixture
def study(store: Store) -> Study:
    with store.write() as session:
        made = tasks.study_named(session, "tickets")
        task = make_task(session, made, "urgency", test_texts=20, arms=["zero-shot"])
        add_runs(session, task, {"real": 0.9, "zero-shot": 0.7})
    return made


def test_a_renamed_study_is_found_by_its_new_name_only(store: Store, study: Study) -> None:
    with store.write() as session:
        studies.rename(session, study.id, "letters to support")

    with store() as session:
        assert [known.name for known in tasks.studies(session)] == ["letters to support"]
        assert [task.name for task in tasks.tasks(session, study.id)] == ["urgency"]


@pytest.mark.parametrize(("by_name", "state"), [(True, JobState.PAUSED), (False, JobState.RUNNING)])
def test_a_job_that_waits_or_needs_no_name_goes_on_after_its_study_is_renamed(
    store: Store, study: Study, by_name: bool, state: JobState
) -> None:
    with store.write() as session:
        job = queued(session, study, by_name=by_name)
        job.state = state

    with store.write() as session:
        studies.rename(session, study.id, "letters")

    with store() as session:
        assert queue.get(session, job.id).command == [
            "-m",
            "core",
            *(["judge", "--study", "letters"] if by_name else []),
        ]


def test_a_study_keeps_its_name_while_a_running_job_may_look_for_it(store: Store, study: Study) -> None:
    with store.write() as session:
        queued(session, study, by_name=True).state = JobState.STARTING

    with pytest.raises(StudyError, match="'Judge' is running"), store.write() as session:
        studies.rename(session, study.id, "letters")


def queued(session: Session, study: Study, *, by_name: bool) -> Job:
    command = ["-m", "core", *(["judge", "--study", study.name] if by_name else [])]
    return queue.enqueue(session, title="Judge", command=command, key="judge:1", slot=Slot.API, study_id=study.id)


@pytest.mark.parametrize("name", ["other", " ", "x" * 201, "two\nlines"])
def test_a_name_that_is_taken_or_not_valid_is_refused_and_nothing_changes(
    store: Store, study: Study, name: str
) -> None:
    with store.write() as session:
        tasks.study_named(session, "other")

    with pytest.raises(StudyError), store.write() as session:
        studies.rename(session, study.id, name)

    with store() as session:
        assert {known.name for known in tasks.studies(session)} == {"other", "tickets"}


def test_the_sample_study_keeps_its_name(store: Store) -> None:
    with store.write() as session:
        sample = tasks.study_named(session, "sample-study", is_sample=True)

    with pytest.raises(StudyError, match="Copy it"), store.write() as session:
        studies.rename(session, sample.id, "mine")


def test_a_copy_of_the_sample_gets_another_name(store: Store) -> None:
    with store.write() as session:
        sample = tasks.study_named(session, "sample-study", is_sample=True)
    copied, _ = studies.copy(store, sample.id, "sample-2")

    with store.write() as session:
        assert studies.rename(session, copied.id, "mine").is_sample


def test_the_copy_of_a_study_put_aside_is_in_the_lists(store: Store, study: Study) -> None:
    with store.write() as session:
        studies.put_aside(session, study.id, True)

    copied, _ = studies.copy(store, study.id, "second")

    with store() as session:
        assert [known.name for known in tasks.studies(session)] == ["second"]
        assert not studies.is_aside(session.get_one(Study, copied.id))


def test_a_copy_has_the_scores_of_its_original_and_later_changes_do_not_meet(store: Store, study: Study) -> None:
    copied, left_out = studies.copy(store, study.id, "tickets-2")

    assert left_out == {}
    with store() as session:
        ours, theirs = runs.scores(session, study.id), runs.scores(session, copied.id)
    pd.testing.assert_series_equal(ours["macro_f1"], theirs["macro_f1"])
    assert set(ours["run_id"]).isdisjoint(theirs["run_id"])
    with store.write() as session:
        tasks.make_arm(session, task_id=tasks.get_task(session, copied.id, "urgency").id, name="few-shot")
    with store() as session:
        first = tasks.get_task(session, study.id, "urgency")
        assert [arm.name for arm in tasks.arms(session, first.id)] == ["real", "zero-shot"]


@pytest.mark.slow
def test_a_copy_says_which_rows_it_leaves_out_since_they_are_about_a_task_in_the_trash(store: Store) -> None:
    with store.write() as session:
        whole = whole_study.fill(session)
        session.execute(update(Campaign).values(is_open=False))
        session.execute(update(Job).values(state="done"))
        trash.put_task(session, session.scalars(select(Task.id).where(Task.name == "news")).one(), now=1.0)

    copied, left_out = studies.copy(store, whole.id, "without news")

    assert left_out["comparison"] == 15 and left_out["item"] == 3
    with store() as session:
        names = [task.name for task in tasks.tasks(session, copied.id)]
    assert "news" not in names and len(names) == 3


def test_a_copy_under_a_taken_name_is_refused_before_anything_is_stored(store: Store, study: Study) -> None:
    with pytest.raises(StudyError, match="already"):
        studies.copy(store, study.id, "tickets")

    with store() as session:
        assert len(tasks.studies(session)) == 1


def test_a_study_put_aside_is_in_no_list_until_it_is_taken_back(store: Store, study: Study) -> None:
    with store.write() as session:
        studies.put_aside(session, study.id, True)
    with store() as session:
        assert not tasks.studies(session)
        assert [studies.is_aside(known) for known in tasks.studies(session, even_aside=True)] == [True]
        assert len(runs.scores(session, study.id)) == 6

    with store.write() as session:
        studies.put_aside(session, study.id, False)

    with store() as session:
        assert [known.config for known in tasks.studies(session)] == [study.config]


def test_a_study_in_the_trash_is_not_renamed_copied_or_put_aside(store: Store, study: Study) -> None:
    with store.write() as session:
        trash.put_study(session, study.id, name="tickets", now=1.0)

    with pytest.raises(StudyError, match="is in the trash"), store.write() as session:
        studies.rename(session, study.id, "letters")
    with pytest.raises(StudyError, match="is in the trash"), store.write() as session:
        studies.put_aside(session, study.id, True)
    with pytest.raises(StudyError, match="is in the trash"):
        studies.copy(store, study.id, "tickets-2")

    with store() as session:
        kept = session.scalars(select(Study)).one()
    assert (kept.id, studies.is_aside(kept)) == (study.id, False)
