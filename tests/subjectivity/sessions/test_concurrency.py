"""Many raters at the same time on both databases: no answer lost or stored twice, no item rated too often."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import select

from benchmarks import raters, writers
from core import settings as settings_module
from core.errors import StudyError
from core.settings import Settings
from core.study import store as store_module
from core.study import tasks
from core.study.rows.kinds import CampaignKind
from core.study.rows.sessions import Item, Rater
from core.study.rows.study import Task
from core.study.store import Store
from core.subjectivity.exchange import formats, imported
from core.subjectivity.sessions import assignment, campaigns, enrolment, protocol
from core.subjectivity.sessions.protocol import Protocol

WRITERS, ITEMS, PLACES = 16, 5, 3
T = TypeVar("T")


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, home_folder: Path) -> Settings:
    url = request.getfixturevalue("migrated_postgresql_url") if request.param == "postgresql" else ""
    return settings_module.load({"LITMUS_HOME": str(home_folder), "LITMUS_DATABASE": url})


def scarce(settings: Settings, kind: CampaignKind = CampaignKind.LABEL) -> str:
    """A campaign that needs fewer ratings than its raters could give."""
    return raters.campaign(settings, n=20, items_per_rater=ITEMS, raters_per_item=PLACES, kind=kind)


def joined(store: Store, token: str) -> Rater:
    with store.write() as session:
        return enrolment.join(session, campaigns.by_token(session, token), now=0)


def at_once(work: Callable[[], T], n: int) -> list[T]:
    """The results of the given number of threads that call the same function at the same time."""
    start = threading.Barrier(n)

    def run(_place: int) -> T:
        start.wait(30)
        return work()

    with ThreadPoolExecutor(n) as threads:
        return list(threads.map(run, range(n)))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [CampaignKind.LABEL, CampaignKind.COMPARE_ITEMS])
def test_every_answer_of_raters_who_meet_at_the_last_items_is_stored_once(
    settings: Settings, kind: CampaignKind
) -> None:
    token = scarce(settings, kind)

    given = writers.at_once(settings, token, writers=WRITERS, start=threading.Barrier(WRITERS))

    told = {pair for one in given for pair in one.answers}
    found = writers.stored(settings)
    assert set(found.pairs) == told
    assert found.pairs.total() == len(told)


@pytest.mark.slow
def test_no_item_goes_to_more_raters_than_asked_for(settings: Settings) -> None:
    token = scarce(settings)

    writers.at_once(settings, token, writers=WRITERS, start=threading.Barrier(WRITERS))

    assert writers.stored(settings).most_on_an_item == PLACES


@pytest.mark.slow
def test_raters_who_come_at_once_are_given_different_items_without_waiting_for_each_other(
    migrated_postgresql_url: str, home_folder: Path
) -> None:
    settings = settings_module.load({"LITMUS_HOME": str(home_folder), "LITMUS_DATABASE": migrated_postgresql_url})
    store, token = store_module.open_store(settings), raters.campaign(settings, n=20, items_per_rater=5)
    many, given = [joined(store, token) for _ in range(6)], []

    with ExitStack() as open_transactions:
        for rater in many:
            session = open_transactions.enter_context(store.write())
            given.append(assignment.next_item(session, rater_id=rater.id, now=0, rng=random.Random(0)))

    store.close()
    assert len({item.id for item in given if item is not None}) == len(many)


@pytest.mark.slow
def test_who_finds_the_last_items_just_being_given_away_waits_to_know_what_is_left(
    migrated_postgresql_url: str, home_folder: Path
) -> None:
    settings = settings_module.load({"LITMUS_HOME": str(home_folder), "LITMUS_DATABASE": migrated_postgresql_url})
    store = store_module.open_store(settings)
    token = raters.campaign(settings, n=2, items_per_rater=1, raters_per_item=1)
    first, *late = (joined(store, token) for _ in range(3))

    def come(rater: Rater) -> Item | None:
        with store.write() as session:
            return assignment.next_item(session, rater_id=rater.id, now=0, rng=random.Random(0))

    with ThreadPoolExecutor(2) as threads:
        with store.write() as session:
            taken = assignment.next_item(session, rater_id=first.id, now=0, rng=random.Random(0))
            coming = [threads.submit(come, rater) for rater in late]
            still_waiting = wait(coming, timeout=1).not_done
        others = [future.result(timeout=30) for future in coming]

    store.close()
    assert taken is not None and still_waiting
    assert sorted(item is None for item in others) == [False, True]
    assert taken.id not in {item.id for item in others if item is not None}


@pytest.mark.slow
def test_a_file_of_ratings_that_comes_in_twice_at_once_is_stored_once(
    migrated_postgresql_url: str, home_folder: Path, tmp_path: Path
) -> None:
    settings = settings_module.load({"LITMUS_HOME": str(home_folder), "LITMUS_DATABASE": migrated_postgresql_url})
    store, _ = store_module.open_store(settings), raters.campaign(settings, n=2, items_per_rater=1)
    with store() as session:
        task = session.scalars(select(Task)).one()
        labels = tasks.labels_of(session, task.id)
    path = tmp_path / "r.csv"
    path.write_text(f"item_id,rater_id,label\n1,ann,{labels[0].name}\n1,ben,{labels[1].name}\n")

    def bring() -> imported.Imported:
        with store.write() as session:
            return imported.import_ratings(session, task=task, table=formats.read(path))

    with ThreadPoolExecutor(1) as threads:
        with store.write() as session:
            first = imported.import_ratings(session, task=task, table=formats.read(path))
            second = threads.submit(bring)
            wait([second], timeout=1)
        again = second.result(timeout=30).again

    store.close()
    assert (first.kept, again) == (2, True)


def test_clicks_at_once_on_one_item_give_one_rating(settings: Settings, store: Store) -> None:
    rater = joined(store, scarce(settings))
    with store.write() as session:
        item = assignment.next_item(session, rater_id=rater.id, now=0, rng=random.Random(0))
    assert item is not None
    item_id = item.id

    def click() -> bool:
        with store.write() as session:
            return assignment.record(session, rater_id=rater.id, item_id=item_id, answer="glad", now=1)

    assert sorted(at_once(click, 12)) == [False] * 11 + [True]
    assert writers.stored(settings).pairs.total() == 1


def test_a_rater_in_several_windows_has_the_same_item_in_all_of_them(settings: Settings, store: Store) -> None:
    rater = joined(store, scarce(settings))

    def look() -> int | None:
        with store.write() as session:
            item = assignment.next_item(session, rater_id=rater.id, now=0, rng=random.Random())
            return item.id if item else None

    assert len(set(at_once(look, 12))) == 1


def test_windows_that_join_at_once_with_one_panel_id_are_one_rater(settings: Settings, store: Store) -> None:
    token, panel = scarce(settings), {"PROLIFIC_PID": "p1"}
    with store.write() as session:
        campaigns.change(session, campaigns.by_token(session, token).id, Protocol(panel=protocol.PROLIFIC))

    def join() -> int:
        with store.write() as session:
            rater = enrolment.join(session, campaigns.by_token(session, token), now=0, panel=panel)
            assignment.next_item(session, rater_id=rater.id, now=0, rng=random.Random())
            return rater.id

    assert len(set(at_once(join, 12))) == 1


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * 100_000])
def test_a_link_that_none_can_be_is_said_to_be_wrong(store: Store, text: str) -> None:
    with store() as session, pytest.raises(StudyError, match="does not belong"):
        campaigns.by_token(session, text)
