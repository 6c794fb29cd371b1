"""Our gaps beside the published ones: matched by name, directions and order, and what was not checked says so."""

import math

import pandas as pd
import pytest
from sqlalchemy.orm import Session

from core import catalogue
from core.analysis import beside_paper, findings
from core.analysis.points import Metric
from core.study import tasks
from core.study.rows.study import Study
from core.study.store import Store
from core.synthesis.prompts import catalogued
from tests.finished_study import add_runs, make_task


def study_of(session: Session, losses: dict[str, float]) -> Study:
    study = tasks.study_named(session, "s")
    for name, loss in losses.items():
        task = make_task(session, study, name, test_texts=200, arms=["zero-shot"])
        add_runs(session, task, {"real": 0.95, "zero-shot": 0.95 - loss})
    return study


def beside(store: Store, losses: dict[str, float], metric: Metric = Metric.MACRO_F1) -> beside_paper.BesidePaper:
    with store.write() as session:
        return beside_paper.beside(findings.collect(session, study_of(session, losses), metric=metric))


def test_the_published_scores_are_shares_of_known_tasks_and_say_whether_they_were_checked() -> None:
    scores = pd.read_csv(catalogue.PUBLISHED)

    assert set(scores["task"]) == {entry.name for entry in catalogued.catalogue_tasks()}
    assert (
        scores["percent"].between(40, 100).all() and not scores.duplicated(["task", "arm", "encoder", "metric"]).any()
    )
    assert (scores["status"] == "quoted at second hand").sum() == 8
    assert set(scores["status"]) == {"quoted at second hand", beside_paper.RECALLED}


@pytest.mark.slow
def test_tasks_are_matched_by_name_title_or_alias_alone(store: Store) -> None:
    found = beside(store, {"AG's News": 0.1, "headline_sarcasm": 0.3, "film_sentiment": 0.2})

    assert list(found.table["task"]) == ["AG's News"]
    assert found.table["paper_gap"].tolist() == pytest.approx([0.06])
    assert found.table["paper_encoder"].tolist() == ["bert-base-uncased"]
    assert any("Encoders that the paper did not train" in sentence for sentence in found.readings)


def test_nothing_is_said_where_no_task_matches(store: Store) -> None:
    found = beside(store, {"tickets": 0.1})

    assert found.table.empty and found.readings == [] and found.ranks == ()


def test_only_cells_quoted_at_second_hand_are_said_to_be(store: Store) -> None:
    accuracy = beside(store, {"ag_news": 0.1, "humor": 0.3}, Metric.ACCURACY).table.set_index("task")["status"]

    assert accuracy.to_dict() == {"ag_news": "quoted at second hand", "humor": "recalled, not checked"}


@pytest.mark.slow
def test_directions_and_the_order_of_four_tasks_are_compared(store: Store) -> None:
    found = beside(store, {"ag_news": 0.08, "imdb": 0.2, "humor": 0.4, "sarcasm_news": -0.04})

    said = ["loses in both"] * 3 + ["gains here, loses there"]
    assert [words.removesuffix(beside_paper.UNCLEAR) for words in found.table["direction"]] == said
    holds_zero = (found.table["low"] <= 0) & (found.table["high"] >= 0)
    assert found.table["direction"].str.endswith("not clear here").tolist() == holds_zero.tolist()
    # our order: sarcasm, AG, IMDB, humor; the published one: AG, IMDB, sarcasm, humor. Squared differences of ranks: 6
    assert (found.ranks[0].n, found.ranks[0].spearman) == (4, pytest.approx(1 - 6 * 6 / (4 * 15)))
    assert found.ranks[0].p == pytest.approx(18 / 24)  # 18 of the 24 orders are at least as far from 0


@pytest.mark.slow
def test_three_tasks_have_no_order_that_could_be_compared(store: Store) -> None:
    found = beside(store, {"ag_news": 0.02, "imdb": 0.1, "humor": 0.4})

    assert math.isnan(found.ranks[0].spearman)
    assert any("needs at least 4 tasks; 3 tasks are in both studies" in sentence for sentence in found.readings)


@pytest.mark.slow
def test_gaps_to_a_real_arm_that_learned_nothing_stand_in_no_count_and_no_order(store: Store) -> None:
    with store.write() as session:
        study = study_of(session, {"ag_news": 0.08, "imdb": 0.2, "humor": 0.4})
        add_runs(
            session, make_task(session, study, "sarcasm_news", arms=["zero-shot"]), {"real": 0.5, "zero-shot": 0.4}
        )
        found = beside_paper.beside(findings.collect(session, study))

    assert found.table.set_index("task")["direction"]["sarcasm_news"] == beside_paper.NOT_JUDGED
    assert found.ranks[0].n == 3 and " of 3 gaps over 3 tasks have the direction" in found.readings[0]
    assert found.readings[1].startswith("1 gap is not judged: the real arm is not shown to beat chance")
