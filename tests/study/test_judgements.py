"""Decisions of people about samples: reject, restore, give another label; also two people at the same time."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from core import settings as settings_module
from core.errors import StudyError
from core.study import judgements, samples
from core.study import store as store_module
from core.study.rows.kinds import CampaignKind, JudgementKind, RaterKind, SampleStatus, Split
from core.study.rows.sessions import Campaign, Comparison, Item, Rater, Rating
from core.study.rows.study import Arm, Judgement, Label, Sample, Task
from core.study.splits import equal_texts
from core.study.store import Store
from tests.study.conftest import Letters


@pytest.fixture
def store(request: pytest.FixtureRequest, home_folder: Path) -> Iterator[Store]:
    """A store on the database that a test names, by default SQLite."""
    environ = {"LITMUS_HOME": str(home_folder)}
    if getattr(request, "param", "sqlite") == "postgresql":
        environ["LITMUS_DATABASE"] = request.getfixturevalue("migrated_postgresql_url")
    opened = store_module.open_store(settings_module.load(environ))
    yield opened
    opened.close()


def state(store: Store, sample: Sample) -> tuple[str, str | None, int]:
    with store() as session:
        row = session.get_one(Sample, sample.id)
        return row.status, row.reject_reason, row.label_id


def add(store: Store, arm: Arm, label: Label, text: str, **more: object) -> Sample:
    given = {"split": Split.TRAIN, "status": SampleStatus.REJECTED, "reject_reason": "duplicate text"} | more
    with store.write() as session:
        sample = Sample(arm_id=arm.id, label_id=label.id, text=text, text_hash=equal_texts.text_hash(text), **given)
        session.add(sample)
    return sample


def test_a_text_is_rejected_and_restored_with_its_intended_label_unchanged(store: Store, letters: Letters) -> None:
    one = letters.texts["one"]

    with store.write() as session:
        rejected = judgements.reject(session, [one.id, letters.texts["short"].id])
    after = state(store, one)
    with store.write() as session:
        restored = judgements.restore(session, [one.id])

    assert (rejected, restored) == (1, 1)
    assert after == ("rejected", judgements.BY_PERSON, letters.labels["glad"].id)
    assert state(store, one) == ("kept", None, letters.labels["glad"].id)
    assert state(store, letters.texts["short"])[1] == "too short"


def test_texts_of_the_test_split_are_not_rejected_and_none_of_the_others_with_them(
    store: Store, letters: Letters
) -> None:
    ids = [letters.texts["one"].id, letters.texts["test sad"].id]

    with pytest.raises(StudyError, match="test split"), store.write() as session:
        judgements.reject(session, ids)

    assert state(store, letters.texts["one"])[0] == SampleStatus.KEPT


def test_a_rated_text_is_not_rejected(store: Store, letters: Letters) -> None:
    one = letters.texts["one"]
    with store.write() as session:
        study_id = session.get_one(Task, letters.task.id).study_id
        campaign = Campaign(study_id=study_id, name="c", kind=CampaignKind.LABEL, token="t", task_id=letters.task.id)
        session.add(campaign)
        session.flush()
        item = Item(campaign_id=campaign.id, external_id="1", sample_id=one.id)
        rater = Rater(campaign_id=campaign.id, pseudonym="r", kind=RaterKind.PERSON, code="x")
        session.add_all([item, rater])
        session.flush()
        session.add(Rating(item_id=item.id, rater_id=rater.id, label="glad"))

    with pytest.raises(StudyError, match="predictions or ratings"), store.write() as session:
        judgements.reject(session, [one.id])

    assert state(store, one)[0] == SampleStatus.KEPT


@pytest.mark.parametrize("side", ["left_sample_id", "right_sample_id"])
def test_a_compared_text_is_not_rejected(store: Store, letters: Letters, side: str) -> None:
    one = letters.texts["one"]
    with store.write() as session:
        study_id = session.get_one(Task, letters.task.id).study_id
        campaign = Campaign(study_id=study_id, name="c", kind=CampaignKind.COMPARE_ITEMS, token="t")
        session.add(campaign)
        session.flush()
        rater = Rater(campaign_id=campaign.id, pseudonym="r", kind=RaterKind.PERSON, code="x")
        session.add(rater)
        session.flush()
        session.add(Comparison(campaign_id=campaign.id, rater_id=rater.id, winner="tie", **{side: one.id}))

    with pytest.raises(StudyError, match="predictions or ratings"), store.write() as session:
        judgements.reject(session, [one.id])

    assert state(store, one)[0] == SampleStatus.KEPT


@pytest.mark.parametrize("column", ["sample_id", "left_sample_id", "right_sample_id"])
@pytest.mark.parametrize("is_open", [True, False])
def test_a_text_is_not_rejected_while_a_campaign_that_shows_it_is_open(
    store: Store, letters: Letters, column: str, is_open: bool
) -> None:
    one = letters.texts["one"]
    with store.write() as session:
        study_id = session.get_one(Task, letters.task.id).study_id
        campaign = Campaign(study_id=study_id, name="c", kind=CampaignKind.LABEL, token="t", is_open=is_open)
        session.add(campaign)
        session.flush()
        session.add(Item(campaign_id=campaign.id, external_id="1", **{column: one.id}))

    with store() as session:
        fixed = judgements.relied_on(session, [one.id])

    assert fixed == ({one.id} if is_open else set())


def test_a_text_that_is_kept_elsewhere_in_the_arm_is_not_restored(store: Store, letters: Letters) -> None:
    again = add(store, letters.made, letters.labels["sad"], "nothing went WELL")

    with pytest.raises(StudyError, match="kept already"), store.write() as session:
        judgements.restore(session, [again.id, letters.texts["short"].id])

    assert state(store, letters.texts["short"])[0] == SampleStatus.REJECTED


def test_of_two_rejected_texts_that_are_the_same_only_one_can_be_restored(store: Store, letters: Letters) -> None:
    twice = [add(store, letters.made, letters.labels["sad"], text) for text in ("Rain again", "rain  again")]

    with pytest.raises(StudyError, match="kept already"), store.write() as session:
        judgements.restore(session, [sample.id for sample in twice])
    with store.write() as session:
        restored = judgements.restore(session, [twice[0].id])

    assert restored == 1


def test_a_text_of_the_test_split_is_not_restored_for_training(store: Store, letters: Letters) -> None:
    leak = add(store, letters.made, letters.labels["sad"], "A real test text, sad", reject_reason=samples.LEAK)

    with pytest.raises(StudyError, match="real test split"), store.write() as session:
        judgements.restore(session, [leak.id])


def test_a_copy_of_a_text_that_the_prompt_showed_is_not_restored(store: Store, letters: Letters) -> None:
    copy = add(
        store, letters.made, letters.labels["glad"], "a real pool text, GLAD", completion_id=letters.completions[0].id
    )

    with pytest.raises(StudyError, match="prompt showed"), store.write() as session:
        judgements.restore(session, [copy.id])


def test_a_human_label_stands_beside_the_intended_one_and_can_be_changed_and_taken_back(
    store: Store, letters: Letters
) -> None:
    one, said = letters.texts["one"], []
    for name in ("sad", "glad", None):
        with store.write() as session:
            label_id = letters.labels[name].id if name else None
            judgements.set_human_label(session, one.id, label_id)
        with store() as session:
            said.append(list(session.scalars(select(Judgement.label_id).where(Judgement.sample_id == one.id))))

    assert said == [[letters.labels["sad"].id], [letters.labels["glad"].id], []]
    assert state(store, one)[2] == letters.labels["glad"].id


def test_a_label_of_another_task_is_refused(store: Store, letters: Letters) -> None:
    with store.write() as session:
        study_id = session.get_one(Task, letters.task.id).study_id
        other = Task(study_id=study_id, name="other", question="?")
        session.add(other)
        session.flush()
        label = Label(task_id=other.id, name="glad")
        session.add(label)

    with pytest.raises(StudyError, match="not one of the sample's task"), store.write() as session:
        judgements.set_human_label(session, letters.texts["one"].id, label.id)


@pytest.mark.slow
@pytest.mark.parametrize("store", ["sqlite", "postgresql"], indirect=True)
def test_of_many_people_who_decide_at_once_one_changes_a_text_and_no_label_is_doubled(
    store: Store, letters: Letters
) -> None:
    changed: list[int] = []
    one = letters.texts["one"]

    def decide(name: str) -> None:
        with store.write() as session:
            changed.append(judgements.reject(session, [one.id]))
        with store.write() as session:
            judgements.set_human_label(session, one.id, letters.labels[name].id)

    threads = [threading.Thread(target=decide, args=(name,)) for name in ("glad", "sad") * 8]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with store.write() as session:
        restored = judgements.restore(session, [one.id, letters.texts["short"].id])

    with store() as session:
        human = session.scalars(select(Judgement.id).where(Judgement.kind == JudgementKind.HUMAN)).all()
    assert sorted(changed) == [0] * 15 + [1]
    assert len(human) == 1
    assert restored == 2
