"""Which arms of a task may be compared: those of the conditions that most arms share, and what is left out is said."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.analysis import gap_table
from core.analysis.arms import trained
from core.analysis.inference import gaps
from core.analysis.points import Metric
from core.errors import StudyError
from core.study import tasks
from core.study.store import Store
from core.training import runs
from tests.analysis.arms.runs_of_arms import study_of, trained_arm
from tests.finished_study import add_runs, make_task


def test_the_real_arm_comes_first_and_the_conditions_with_the_most_arms_are_compared() -> None:
    study = study_of(
        trained_arm("zero-shot"), trained_arm("real"), trained_arm("real", seeds=9, n_train=300, conditions="b")
    )

    found = trained.comparable(study, "t")

    assert [arm.arm for arm in found.arms] == ["real", "zero-shot"] and found.n_train == 100
    assert found.left_out == (
        "9 runs were on another number of training texts or other test texts; they are not compared here.",
    )


def test_an_arm_that_was_trained_under_other_conditions_only_is_named() -> None:
    study = study_of(
        trained_arm("real"), trained_arm("zero-shot"), trained_arm("few-shot", n_train=50, conditions="b", seeds=1)
    )

    found = trained.comparable(study, "t")

    assert found.left_out[0] == "Not compared, because not trained on 100 texts with the same test texts: few-shot."
    assert found.left_out[1].startswith("1 run was on another number")
    assert [arm.arm for arm in trained.comparable(study, "t", size=50).arms] == ["few-shot"]


def test_arms_that_were_tested_on_other_texts_are_not_compared() -> None:
    study = study_of(trained_arm("real"), trained_arm("zero-shot", texts=100), trained_arm("few-shot"))

    assert [arm.arm for arm in trained.comparable(study, "t").arms] == ["real", "few-shot"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"task": "u"}, "No run of task 'u' has finished"),
        ({"encoder": "bert"}, "No arm of task 't' was trained with 'bert'; there are: minilm"),
        ({"size": 7}, "No arm of task 't' was trained on 7 texts; there are runs on 100"),
        ({"names": ["mixed"]}, "has no finished run of an arm 'mixed'; there are: real, zero-shot"),
    ],
)
def test_what_was_not_trained_is_refused_with_what_there_is(asked: dict[str, Any], said: str) -> None:
    study = study_of(trained_arm("real"), trained_arm("zero-shot"))

    with pytest.raises(StudyError, match=said):
        trained.comparable(study, **({"task": "t"} | asked))


def test_the_encoder_with_the_most_arms_counts_and_the_others_are_named() -> None:
    study = study_of(trained_arm("real", encoder="bert", conditions="b"), trained_arm("real"), trained_arm("zero-shot"))

    found = trained.comparable(study, "t")

    assert found.encoder == "minilm" and found.left_out == ("All numbers are of minilm; also trained: bert.",)


def test_a_runs_texts_are_matched_by_their_number_and_runs_on_other_texts_are_said() -> None:
    scores = pd.DataFrame(
        [
            {"task": "t", "arm": "real", "arm_kind": "real", "encoder": "m", "seed": seed, "n_train": 9, "n_test": 2,
             "conditions": "a", "run_id": seed, "converged": seed != 3}
            for seed in (1, 2, 3)
        ]
    )  # fmt: skip
    answers = pd.DataFrame(
        [(3, 11, 1, 1), (3, 10, 2, 1), (2, 10, 2, 2), (2, 11, 1, 1), (1, 10, 2, 2)],
        columns=["run_id", "sample_id", "label_id", "predicted_id"],
    )

    found = trained.of_runs(scores, answers)

    assert found.arms[0].seeds == (2, 3) and found.left_out == (
        "1 run was tested on other texts than the newest run; no figure counts such runs.",
    )
    assert found.arms[0].unconverged == 1
    assert found.arms[0].truth.tolist() == [2, 1] and found.arms[0].predicted.tolist() == [[2, 1], [1, 1]]


def test_stored_arms_have_the_gaps_of_the_page_analyse(store: Store) -> None:
    with store.write() as session:
        study = tasks.study_named(session, "s")
        for name in ("a", "b"):
            task = make_task(session, study, name, arms=["zero-shot", "few-shot"])
            add_runs(session, task, {"real": 0.9, "zero-shot": 0.7, "few-shot": 0.8})
    with store() as session:
        found = trained.read(session, study.id)
        spread = trained.shared_spread(found, Metric.MACRO_F1)
        table = gap_table.of_runs(
            runs.scores(session, study.id), runs.answers(session, study.id), metric=Metric.MACRO_F1
        ).table

    assert spread.df > 0
    for row in table.itertuples():
        real, arm = (
            next(one for one in found.of(str(row.task), "minilm") if one.arm == name) for name in ("real", row.arm)
        )
        gap = gaps.gap(arm.scored(Metric.MACRO_F1), real.scored(Metric.MACRO_F1), spread=spread)
        assert (-gap.value, -gap.high, -gap.low) == pytest.approx((row.gap, row.low, row.high), abs=1e-12)
    assert np.array_equal(found.arms[0].truth, found.arms[1].truth)
