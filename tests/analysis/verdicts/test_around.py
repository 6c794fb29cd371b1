"""What stands around a verdict: prices as they are stored, and other margins with other advice."""

import pytest

from core.analysis import findings
from core.analysis.verdicts import around
from core.analysis.verdicts.around import Around
from core.study import tasks
from core.study.rows.study import Study
from core.study.store import Store
from tests.analysis.arms.test_costs import paid
from tests.finished_study import add_runs, make_task


@pytest.fixture
def study(store: Store) -> Study:
    with store.write() as session:
        made = tasks.study_named(session, "s")
        for name, loss in {"news": 0.02, "tone": 0.3}.items():
            task = make_task(session, made, name, test_texts=200, arms=["zero-shot"])
            add_runs(session, task, {"real": 0.92, "zero-shot": 0.92 - loss})
    return made


def beside(store: Store, study: Study, task: str, margin: float) -> tuple[str, Around]:
    with store() as session:
        found = findings.collect(session, study)
        said = findings.verdict_on(session, found, task, margin=margin)
        return said.advice, around.of_verdict(session, found, said)


@pytest.mark.slow
def test_a_margin_that_changes_the_advice_is_named_and_does_change_it(store: Store, study: Study) -> None:
    advice, found = beside(store, study, "tone", 0.05)
    larger = next(sentence for sentence in found.changes if "up to" in sentence)
    margin = float(larger.split("up to ")[1].split(" ")[0]) / 100

    other, _ = beside(store, study, "tone", margin)

    assert advice == "collect"
    assert other != advice


def test_more_test_texts_narrow_less_where_there_are_many(store: Store, study: Study) -> None:
    _, found = beside(store, study, "news", 0.05)

    (texts,) = [sentence for sentence in found.changes if sentence.startswith("800 test texts in place of 200")]
    share = float(texts.split("by about ")[1].split("%")[0]) / 100
    assert 0.1 < share < 0.5  # four times as many texts halve the part of the error that is theirs


def test_nobody_having_rated_is_among_what_would_change_it(store: Store, study: Study) -> None:
    _, found = beside(store, study, "news", 0.05)

    assert any(sentence.startswith("Ratings of this task") for sentence in found.changes)


def test_ratings_change_nothing_where_there_is_no_other_task(store: Store) -> None:
    with store.write() as session:
        alone = tasks.study_named(session, "alone")
        task = make_task(session, alone, "news", test_texts=200, arms=["zero-shot"])
        add_runs(session, task, {"real": 0.92, "zero-shot": 0.9})

    _, found = beside(store, alone, "news", 0.05)

    assert found.changes
    assert not any("Ratings" in sentence for sentence in found.changes)


def test_a_price_is_stored_answers_over_kept_texts_and_an_unknown_one_is_said(store: Store, study: Study) -> None:
    with store.write() as session:
        task = tasks.get_task(session, study.id, "news")
        paid(session, task, tasks.get_arm(session, task, "zero-shot"), [0.02, 0.03])
        paid(session, task, tasks.make_arm(session, task_id=task.id, name="few-shot"), [0.02, None])

    _, found = beside(store, study, "news", 0.05)

    assert "zero-shot: 2 kept training texts for $0.05, $25.00 per 1,000." in found.costs
    (unknown,) = [sentence for sentence in found.costs if sentence.startswith("few-shot")]
    assert "$" not in unknown and "without a known price: 1 of 2" in unknown
