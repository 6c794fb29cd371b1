"""Labelling sessions: what is shown to whom, and that an answer counts once."""

import random
import threading
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core.errors import StudyError
from core.study import importing, tables, tasks
from core.study.records import Campaign, CampaignKind, Rater, RaterKind, Rating, Study
from core.study.store import Store
from core.subjectivity import assignment, campaigns, enrolment, ratings, screens, standing


@pytest.fixture
def study(store: Store, tmp_path: Path) -> Study:
    """Two tasks with twenty test texts each."""
    with store.write() as session:
        made = tasks.study_named(session, "s")
        for name in ("easy", "hard"):
            path = tmp_path / f"{name}.csv"
            rows = [f"{name} text {number},{'yes' if number % 2 else 'no'},test" for number in range(20)]
            path.write_text("\n".join(["text,label,split", *rows, f"{name} train,yes,train"]))
            task = tasks.make_task(
                session, study_id=made.id, name=name, question=f"Is it {name}?", labels={"yes": "it is", "no": ""}
            )
            arm = tasks.make_arm(session, task_id=task.id, name="real")
            importing.bring_in(session, task=task, arm=arm, table=tables.read(path), options=importing.Options())
    return made


def label_campaign(store: Store, study: Study, **sizes: int) -> Campaign:
    with store.write() as session:
        task = tasks.get_task(session, study.id, "easy")
        plan = campaigns.Plan(name="round one", task=task, **{"raters_per_item": 3, **sizes})
        return campaigns.make(session, study_id=study.id, plan=plan)


def new_rater(store: Store, campaign: Campaign) -> Rater:
    with store.write() as session:
        return enrolment.join(session, campaign, now=0)


def rate_all(store: Store, rater: Rater, answer: str, *, now: float = 0, limit: int = 1000) -> list[int]:
    seen: list[int] = []
    while len(seen) < limit:
        with store.write() as session:
            item = assignment.next_item(session, rater_id=rater.id, now=now, rng=random.Random(len(seen)))
        if item is None:
            break
        with store.write() as session:
            assert assignment.record(session, rater_id=rater.id, item_id=item.id, answer=answer, now=now + 1)
        seen.append(item.id)
    return seen


def test_a_campaign_draws_the_same_number_of_test_samples_from_each_label(store: Store, study: Study) -> None:
    campaign = label_campaign(store, study, per_class=6)

    with store() as session:
        assert standing.of(session, campaign, now=0).items == 12


def test_a_rater_sees_every_item_once_up_to_the_personal_quota(store: Store, study: Study) -> None:
    campaign = label_campaign(store, study, per_class=10, items_per_rater=7)

    seen = rate_all(store, new_rater(store, campaign), "yes")

    assert len(seen) == len(set(seen)) == 7


def test_the_least_rated_items_come_first(store: Store, study: Study) -> None:
    campaign = label_campaign(store, study, per_class=5, items_per_rater=5, raters_per_item=2)

    first, second = (rate_all(store, new_rater(store, campaign), "yes") for _ in range(2))

    assert not set(first) & set(second)


def test_an_item_on_a_screen_is_kept_for_its_rater_until_it_has_lain_idle(store: Store, study: Study) -> None:
    campaign = label_campaign(store, study, per_class=1, raters_per_item=1)
    idle, eager = new_rater(store, campaign), new_rater(store, campaign)
    with store.write() as session:
        assignment.next_item(session, rater_id=idle.id, now=0, rng=random.Random(0))

    at_once = rate_all(store, eager, "yes", now=1)
    later = rate_all(store, eager, "yes", now=600 + 2)

    assert (len(at_once), len(later)) == (1, 1)


def test_coming_back_shows_the_same_item(store: Store, study: Study) -> None:
    campaign = label_campaign(store, study)
    rater = new_rater(store, campaign)

    shown = set()
    for seed in range(5):
        with store.write() as session:
            back = enrolment.come_back(session, campaign, rater.code)
            assert back is not None
            item = assignment.next_item(session, rater_id=back.id, now=seed, rng=random.Random(seed))
            assert item is not None
            shown.add(item.id)

    assert len(shown) == 1


def test_twenty_clicks_at_once_on_one_item_give_one_rating(store: Store, study: Study) -> None:
    campaign = label_campaign(store, study)
    rater = new_rater(store, campaign)
    with store.write() as session:
        item = assignment.next_item(session, rater_id=rater.id, now=0, rng=random.Random(0))
    assert item is not None
    item_id = item.id
    stored: list[bool] = []

    def click() -> None:
        with store.write() as session:
            stored.append(assignment.record(session, rater_id=rater.id, item_id=item_id, answer="yes", now=1))

    threads = [threading.Thread(target=click) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(stored) == [False] * 19 + [True]
    with store() as session:
        assert session.scalar(select(func.count(Rating.id))) == 1


def test_undo_puts_the_last_item_back_on_the_screen(store: Store, study: Study) -> None:
    campaign = label_campaign(store, study)
    rater = new_rater(store, campaign)
    (first, last) = rate_all(store, rater, "yes", limit=2)

    with store.write() as session:
        assert assignment.undo(session, rater_id=rater.id, now=5)
        back = assignment.next_item(session, rater_id=rater.id, now=6, rng=random.Random(0))

    assert back is not None
    assert back.id == last
    with store() as session:
        assert session.scalars(select(Rating.item_id)).all() == [first]


def test_an_answer_that_is_no_label_is_refused(store: Store, study: Study) -> None:
    campaign = label_campaign(store, study)
    rater = new_rater(store, campaign)

    with pytest.raises(StudyError, match="Possible answers: yes, no"), store.write() as session:
        item = assignment.next_item(session, rater_id=rater.id, now=0, rng=random.Random(0))
        assert item is not None
        assignment.record(session, rater_id=rater.id, item_id=item.id, answer="perhaps", now=1)


def test_comparisons_between_tasks_end_as_a_table_that_can_be_ranked(store: Store, study: Study) -> None:
    with store.write() as session:
        campaign = campaigns.make(
            session, study_id=study.id, plan=campaigns.Plan(name="tasks", kind=CampaignKind.COMPARE)
        )
    rater = new_rater(store, campaign)

    rate_all(store, rater, "right")

    with store() as session:
        found = ratings.comparisons(session, study.id, kinds=[RaterKind.PERSON])
    assert found[["left", "right", "winner"]].to_numpy().tolist() == [["easy", "hard", "right"]]


def test_a_comparison_shows_both_tasks_with_their_labels_and_an_example(store: Store, study: Study) -> None:
    with store.write() as session:
        campaign = campaigns.make(
            session, study_id=study.id, plan=campaigns.Plan(name="tasks", kind=CampaignKind.COMPARE)
        )
        rater = enrolment.join(session, campaign, now=0)
        item = assignment.next_item(session, rater_id=rater.id, now=0, rng=random.Random(0))
        screen = screens.of(session, campaign, item)

    assert [heading for heading, _ in screen.parts] == ["First task", "Second task"]
    assert all(word in screen.parts[0][1] for word in ("Is it easy?", "yes: it is", "easy train"))
    assert [option.value for option in screen.options] == ["left", "right", "tie"]


def test_a_wrong_or_closed_link_is_one_sentence(store: Store, study: Study) -> None:
    campaign = label_campaign(store, study)
    with store.write() as session:
        campaigns.set_open(session, campaign.id, is_open=False)

    with store() as session:
        with pytest.raises(StudyError, match="has been closed"):
            campaigns.by_token(session, campaign.token)
        with pytest.raises(StudyError, match="does not belong"):
            campaigns.by_token(session, "guessed")


def test_imported_ratings_find_their_samples_by_text_and_come_in_once(
    store: Store, study: Study, tmp_path: Path
) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text(
        "item_id,text,rater_id,label\n1,Easy text 3,a,yes\n1,Easy text 3,b,no\n2,elsewhere,a,yes\n2,elsewhere,a,yes\n3,x,,no\n"
    )

    with store.write() as session:
        task = tasks.get_task(session, study.id, "easy")
        first = ratings.import_ratings(session, task=task, table=tables.read(path))
        second = ratings.import_ratings(session, task=task, table=tables.read(path))
        found = ratings.of_task(session, task.id, kinds=ratings.people(study))

    assert (first.read, first.kept, first.rejected, first.matched) == (
        5,
        3,
        {"empty or over-long cell": 1, "repeated row": 1},
        1,
    )
    assert second.again
    assert len(found) == 3
    assert found["sample_id"].notna().sum() == 2


def test_simulated_answers_count_in_a_sample_study_only(store: Store, study: Study, tmp_path: Path) -> None:
    path = tmp_path / "comparisons.csv"
    path.write_text("rater_id,left,right,winner\na,easy,hard,right\na,easy,gone,left\na,easy,hard,both\n")

    with store.write() as session:
        found = ratings.import_comparisons(
            session, study_id=study.id, table=tables.read(path), kind=RaterKind.SIMULATED
        )

    assert (found.kept, found.rejected) == (1, {"unknown task 'gone'": 1, "unknown winner 'both'": 1})
    with store() as session:
        assert ratings.comparisons(session, study.id, kinds=ratings.people(study)).empty
        assert len(ratings.comparisons(session, study.id, kinds=ratings.people(Study(name="x", is_sample=True)))) == 1
