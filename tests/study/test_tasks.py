"""Tasks: when their labels may change, and what happens to stored rows then."""

from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.study import tasks
from core.study.exchange import importing, tables
from core.study.rows.kinds import JobState, RaterKind, RaterState
from core.study.rows.sessions import Campaign, Item, Rater
from core.study.rows.study import Batch, Job, Run, Task
from core.study.store import Store
from tests.study.conftest import Letters


def made(session: Session, study_id: int, labels: list[str]) -> Task:
    return tasks.make_task(
        session, study_id=study_id, name="mood", question="How is it?", labels=dict.fromkeys(labels, "")
    )


def brought(session: Session, task: Task, path: Path) -> importing.Imported:
    arm = tasks.make_arm(session, task_id=task.id, name="real")
    return importing.bring_in(session, task=task, arm=arm, table=tables.read(path), options=importing.Options())


def test_a_label_without_texts_can_go_and_another_come_whose_rows_are_then_let_in(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "letters.csv"
    path.write_text("text,label\na fine day,glad\na grey day,sad\na day,calm\n", encoding="utf-8")
    with store.write() as session:
        study = tasks.study_named(session, "letters")
        first = brought(session, made(session, study.id, ["glad", "sad", "cross"]), path)

    with store.write() as session:
        task = made(session, study.id, ["calm", "glad", "sad"])
        second = brought(session, task, path)
        named = [label.name for label in tasks.labels_of(session, task.id)]

    assert named == ["calm", "glad", "sad"]
    assert (first.kept, second.kept, second.again) == (2, 1, False)
    assert second.labels == {"calm": 1}


@pytest.mark.parametrize(
    ("labels", "reason"),
    [(["glad", "calm"], "something is stored under 'sad'"), (["glad"], "something is stored under 'sad'")],
)
def test_a_label_with_texts_stays(store: Store, letters: Letters, labels: list[str], reason: str) -> None:
    with store.write() as session, pytest.raises(StudyError, match=reason):
        made(session, letters.task.study_id, labels)


def test_labels_stay_once_something_was_trained(store: Store, letters: Letters) -> None:
    with store.write() as session:
        session.add(Run(arm_id=letters.real.id, encoder="minilm", seed=0, n_train=2, config={}, fingerprint="f" * 64))

    with store.write() as session, pytest.raises(StudyError, match="runs were made with them"):
        made(session, letters.task.study_id, ["glad", "sad", "calm"])


def test_labels_stay_once_a_person_was_asked(store: Store, letters: Letters) -> None:
    with store.write() as session:
        campaign = Campaign(
            study_id=letters.task.study_id, task_id=letters.task.id, name="c", kind="label", token="t", is_open=True
        )
        session.add(campaign)
        session.flush()
        session.add(
            Rater(campaign_id=campaign.id, pseudonym="p", kind=RaterKind.PERSON, code="c", state=RaterState.DONE)
        )

    with store.write() as session, pytest.raises(StudyError, match="raters were asked with them"):
        made(session, letters.task.study_id, ["glad", "sad", "calm"])


def test_a_label_that_a_check_of_a_campaign_asks_for_stays(store: Store, letters: Letters) -> None:
    study_id, task_id = letters.task.study_id, letters.task.id
    with store.write() as session:
        made(session, study_id, ["glad", "sad", "calm"])
        campaign = Campaign(study_id=study_id, task_id=task_id, name="c", kind="label", token="t", is_open=True)
        session.add(campaign)
        session.flush()
        session.add(Item(campaign_id=campaign.id, external_id="attention-0", role="attention", expected="calm"))

    with store.write() as session, pytest.raises(StudyError, match="campaign 'c' asks its raters for 'calm'"):
        made(session, study_id, ["glad", "sad"])


def test_a_label_can_be_added_beside_stored_texts_but_a_task_keeps_two(store: Store, letters: Letters) -> None:
    with store.write() as session:
        task = made(session, letters.task.study_id, ["sad", "calm", "glad"])
        named = [label.name for label in tasks.labels_of(session, task.id)]

    assert named == ["sad", "calm", "glad"]


def test_labels_stay_while_texts_are_on_their_way(store: Store) -> None:
    with store.write() as session:
        study = tasks.study_named(session, "letters")
        task = made(session, study.id, ["glad", "sad", "calm"])
        arm = tasks.make_arm(session, task_id=task.id, name="zero-shot")
        job = Job(title="Generate", command=["-m", "core"], key=f"generate:{arm.id}", slot="api", study_id=study.id)
        session.add(job)

    with store.write() as session, pytest.raises(StudyError, match="has not ended"):
        made(session, study.id, ["glad", "sad"])

    with store.write() as session:
        session.get_one(Job, job.id).state = JobState.CANCELLED
        session.add(Batch(arm_id=arm.id, key="k", provider="openai", model="m", base_url="http://x/v1", requests=[]))

    with store.write() as session, pytest.raises(StudyError, match="a batch of requests was made with them"):
        made(session, study.id, ["glad", "sad"])
