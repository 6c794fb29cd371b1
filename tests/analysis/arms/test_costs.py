"""Costs and measures beside scores: unknown costs stay unknown, and few arms rank nothing."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sqlalchemy.orm import Session

from core.analysis.arms import costs, trained
from core.analysis.points import Metric
from core.study import tasks
from core.study.rows.kinds import Split
from core.study.rows.study import Arm, Completion, Prompt, Sample, Task
from core.study.store import Store
from tests.finished_study import add_runs, make_task


def paid(session: Session, task: Task, arm: Arm, prices: list[float | None], **changes: Any) -> None:
    """A stored answer with one kept text at each price."""
    label = tasks.labels_of(session, task.id)[0]
    prompt = Prompt(
        arm_id=arm.id, version=1, context="", generation="", diversity="", texts_per_call=1, turns=1, examples=0, words=9
    )  # fmt: skip
    session.add(prompt)
    session.flush()
    for slot, price in enumerate(prices):
        plain = {
            "arm_id": arm.id, "label_id": label.id, "slot": slot, "prompt_id": prompt.id, "provider": "p", "model": "m",
            "request": {}, "content": "", "finish_reason": "stop", "tokens_in": 1, "tokens_out": 1, "cost_usd": price,
            "latency_s": 0.1,
        }  # fmt: skip
        answer = Completion(**(plain | changes))
        session.add(answer)
        session.flush()
        kept(session, arm, label.id, f"{arm.name} {slot}", completion_id=answer.id)
    session.flush()


def kept(session: Session, arm: Arm, label_id: int, text: str, *, completion_id: int | None = None) -> None:
    session.add(
        Sample(arm_id=arm.id, label_id=label_id, split=Split.TRAIN, text=text, text_hash=text, completion_id=completion_id)
    )  # fmt: skip


@pytest.fixture
def task(store: Store) -> Task:
    with store.write() as session:
        made = make_task(session, tasks.study_named(session, "s"), "t", arms=["zero-shot", "few-shot", "mixed", "old"])
        add_runs(session, made, {"real": 0.9, "zero-shot": 0.8, "few-shot": 0.85, "mixed": 0.5, "old": 0.7})
        arms = {arm.name: arm for arm in tasks.arms(session, made.id)}
        paid(session, made, arms["zero-shot"], [0.02, 0.03])
        paid(session, made, arms["few-shot"], [0.02, None])
        paid(session, made, arms["mixed"], [0.0], is_recorded=True)
        arms["zero-shot"].unaccounted_usd = 0.5
    return made


def test_costs_are_those_of_stored_answers_and_unknown_ones_say_why(store: Store, task: Task) -> None:
    with store() as session:
        chosen = trained.comparable(trained.read(session, task.study_id), "t")
        found = costs.table(session, task, chosen, metric=Metric.ACCURACY).set_index("arm")

    zero = found.loc["zero-shot"]
    assert (zero["cost_usd"], zero["kept"], zero["usd_per_1000"]) == pytest.approx((0.05, 2, 25.0))
    assert zero["usd_per_point"] == pytest.approx(0.05 / (100 * (zero["mean_score"] - 0.5)))
    assert zero["note"] == "Up to $0.5000 more may be lost with calls without an answer."
    assert math.isnan(found.loc["few-shot", "cost_usd"])
    assert found.loc["few-shot", "note"] == "Answers without a known price: 1 of 2."
    assert found.loc["mixed", "note"] == "Recorded answers, which cost nothing here: 1 of 1."
    assert found.loc["old", "note"] == "Its texts were not generated here, so their cost is unknown."
    assert found.loc["real", "note"] == "What real texts and their labels cost is not stored."


def test_texts_from_files_make_those_that_were_paid_for_no_cheaper(store: Store, task: Task) -> None:
    with store.write() as session:
        arm = tasks.get_arm(session, task, "zero-shot")
        for number in range(98):
            kept(session, arm, tasks.labels_of(session, task.id)[0].id, f"from a file {number}")
    with store() as session:
        found = costs.of_arm(session, arm)

    assert (found.kept, found.generated, found.usd_per_1000) == (100, 2, pytest.approx(25.0))
    assert found.note.startswith("98 more kept texts came from files; what they cost is not known.")


def test_arms_without_measures_have_their_scores_only(store: Store, task: Task) -> None:
    with store() as session:
        chosen = trained.comparable(trained.read(session, task.study_id), "t")
        beside = costs.with_measures(session, task, chosen, None, metric=Metric.ACCURACY)

    assert list(beside.columns) == ["arm", "mean_score", "lost", *costs.MEASURES]
    assert beside.loc[beside["arm"] == "real", "lost"].item() == 0 and beside[list(costs.MEASURES)].isna().all(
        axis=None
    )
    assert costs.rank_sentence(costs.ranks(beside, ["zero-shot"])).startswith("No synthetic arm has both runs")


def beside(n: int, **columns: list[float]) -> pd.DataFrame:
    plain = {name: [math.nan] * n for name in costs.MEASURES}
    return pd.DataFrame(
        {"arm": [f"a{i}" for i in range(n)], "mean_score": np.linspace(0.5, 0.8, n), "lost": 0.0} | plain | columns
    )


def test_a_measure_ranks_arms_by_spearman_with_holm_over_the_measures() -> None:
    table = beside(
        8, self_bleu=[8, 7, 6, 5, 4, 3, 2, 1.0], distinct_2=[3, 1, 2, 4, 6, 5, 8, 7.0], within=[0.5] * 8
    )  # fmt: skip

    found = costs.ranks(table, list(table["arm"])).set_index("measure")

    assert found.index[0] == "self_bleu" and found.loc["self_bleu", "spearman"] == -1
    expected = stats.spearmanr(table["distinct_2"], table["mean_score"])
    assert found.loc["distinct_2", "spearman"] == pytest.approx(expected.statistic)
    assert found.loc["distinct_2", "p_adjusted"] == pytest.approx(expected.pvalue)
    assert math.isnan(found.loc["within", "spearman"]) and found.loc["within", "n"] == 8
    said = costs.rank_sentence(costs.ranks(table, list(table["arm"])))
    assert "Self-BLEU orders the 8 synthetic arms" in said and "chance alone would hardly do that" in said


def test_under_four_arms_no_measure_is_said_to_rank_and_four_can_never_show_it() -> None:
    three = costs.ranks(beside(3, self_bleu=[1, 2, 3.0]), ["a0", "a1", "a2"])
    four = costs.ranks(beside(4, self_bleu=[1, 2, 3, 4.0]), ["a0", "a1", "a2", "a3"])

    assert three["spearman"].isna().all()
    assert "3 synthetic arms have both runs and measures: too few" in costs.rank_sentence(three)
    assert four["p"].max() == pytest.approx(2 / 24) and "chance alone may do that" in costs.rank_sentence(four)
