"""Campaigns: found by their link, and their answers in tables."""

from pathlib import Path

import pytest

from core.errors import StudyError
from core.study import tasks, trash
from core.study.exchange import tables
from core.study.rows.kinds import CampaignKind, RaterKind
from core.study.rows.study import Study
from core.study.store import Store
from core.subjectivity import ratings
from core.subjectivity.exchange import imported
from core.subjectivity.sessions import answers, campaigns
from tests.subjectivity.conftest import Sessions


def test_a_wrong_or_closed_link_is_one_sentence(sessions: Sessions) -> None:
    campaign = sessions.campaign()
    with sessions.store.write() as session:
        assert campaigns.by_token(session, campaign.token).id == campaign.id
        campaigns.set_open(session, campaign.id, is_open=False)

    with sessions.store() as session:
        with pytest.raises(StudyError, match="has been closed"):
            campaigns.by_token(session, campaign.token)
        with pytest.raises(StudyError, match="does not belong"):
            campaigns.by_token(session, "guessed")


def test_comparisons_between_tasks_end_as_a_table_that_can_be_ranked(sessions: Sessions) -> None:
    campaign = sessions.campaign(kind=CampaignKind.COMPARE, task=None)
    rater = sessions.rater(campaign)
    sessions.shown(rater)
    left, right = ("hard", "easy") if sessions.again(rater).is_swapped else ("easy", "hard")

    sessions.rate(rater, "right")

    with sessions.store() as session:
        found = ratings.comparisons(session, sessions.study.id, kinds=[RaterKind.PERSON])
    assert found[["left", "right", "winner"]].to_numpy().tolist() == [[left, right, "right"]]


def test_answers_about_texts_say_where_each_text_is_from(sessions: Sessions, tmp_path: Path) -> None:
    synthetic = sessions.synthetic(4, folder=tmp_path)
    campaign = sessions.campaign(arm_ids=(synthetic.id,), per_class=1)

    sessions.rate(sessions.rater(campaign), "yes")

    with sessions.store() as session:
        found = answers.of_campaign(session, campaign)
        assert ratings.of_task(session, sessions.task().id, kinds=[RaterKind.PERSON]).empty
    assert set(found["arm"]) == {"zero-shot"}
    assert sorted(found["intended"]) == ["no", "yes"]
    assert found["text"].str.startswith("written").all()


def test_answers_about_pairs_of_texts_name_both(sessions: Sessions) -> None:
    campaign = sessions.campaign(kind=CampaignKind.COMPARE_ITEMS, per_class=2)

    sessions.rate(sessions.rater(campaign), "tie", limit=1)

    with sessions.store() as session:
        found = answers.of_campaign(session, campaign).iloc[0]
        assert ratings.comparisons(session, sessions.study.id, kinds=[RaterKind.PERSON]).empty
    assert found["left"].startswith("sample-")
    assert found["left"] != found["right"]
    assert found["left_text"] != found["right_text"]


def test_a_campaign_without_answers_gives_a_table_without_rows(sessions: Sessions) -> None:
    campaign, pairs = sessions.campaign(), sessions.campaign(kind=CampaignKind.COMPARE, task=None, name="pairs")

    with sessions.store() as session:
        assert list(answers.of_campaign(session, campaign).columns) == answers.LABELS
        assert list(answers.of_campaign(session, pairs).columns) == answers.PAIRS


def test_imported_ratings_find_their_samples_by_text_and_come_in_once(
    store: Store, study: Study, tmp_path: Path
) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text(
        "item_id,text,rater_id,label\n1,Easy text 3,a,yes\n1,Easy text 3,b,no\n2,elsewhere,a,yes\n2,elsewhere,a,yes\n3,x,,no\n"
    )

    with store.write() as session:
        task = tasks.get_task(session, study.id, "easy")
        first = imported.import_ratings(session, task=task, table=tables.read(path))
        second = imported.import_ratings(session, task=task, table=tables.read(path))
        found = ratings.of_task(session, task.id, kinds=ratings.people(study))

    assert (first.read, first.kept, first.rejected, first.matched) == (
        5,
        3,
        {"no rater": 1, "repeated row": 1},
        1,
    )
    assert second.again
    assert len(found) == 3
    assert found["sample_id"].notna().sum() == 2


def test_simulated_answers_count_in_a_sample_study_only(store: Store, study: Study, tmp_path: Path) -> None:
    path = tmp_path / "comparisons.csv"
    path.write_text("rater_id,left,right,winner\na,easy,hard,right\na,easy,gone,left\na,easy,hard,maybe\n")

    with store.write() as session:
        found = imported.import_comparisons(
            session, study_id=study.id, table=tables.read(path), kind=RaterKind.SIMULATED
        )

    assert (found.kept, found.rejected) == (1, {"unknown task 'gone'": 1, "unknown winner 'maybe'": 1})
    with store() as session:
        assert ratings.comparisons(session, study.id, kinds=ratings.people(study)).empty
        assert len(ratings.comparisons(session, study.id, kinds=ratings.people(Study(name="x", is_sample=True)))) == 1


def test_characters_that_no_database_takes_are_left_out(sessions: Sessions) -> None:
    made = sessions.campaign(name="round\0 one", instructions="Read\0 each.")

    assert (made.name, made.instructions) == ("round one", "Read each.")


def test_an_export_has_the_comparisons_of_a_task_in_the_trash_too(sessions: Sessions) -> None:
    campaign = sessions.campaign(kind=CampaignKind.COMPARE, task=None)
    sessions.rate(sessions.rater(campaign), "left")
    with sessions.store.write() as session:
        campaigns.set_open(session, campaign.id, is_open=False)
        trash.put_task(session, sessions.task("hard").id, now=1.0)

    with sessions.store() as session:
        exported = answers.of_campaign(session, campaign)
        counted = answers.counted(session, campaign, kinds=[RaterKind.PERSON])
    assert set(exported[["left", "right"]].to_numpy().ravel()) == {"easy", "hard"} and counted.empty


def test_a_task_in_the_trash_is_called_by_its_whole_name(sessions: Sessions) -> None:
    long = "n" * 200
    with sessions.store.write() as session:
        tasks.get_task(session, sessions.study.id, "hard").name = long
    campaign = sessions.campaign(kind=CampaignKind.COMPARE, task=None)
    sessions.rate(sessions.rater(campaign), "left")
    with sessions.store.write() as session:
        campaigns.set_open(session, campaign.id, is_open=False)
        trash.put_task(session, sessions.task(long).id, now=1.0)

    with sessions.store.write() as session, pytest.raises(StudyError, match=f"the task '{long}', which"):
        campaigns.set_open(session, campaign.id, is_open=True)
    with sessions.store() as session:
        exported = answers.of_campaign(session, campaign)
    assert set(exported[["left", "right"]].to_numpy().ravel()) == {"easy", long}
