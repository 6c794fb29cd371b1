"""Scores, predictions and notes of finished runs, from hand-written predictions."""

import math
import time

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.analysis.inference import gaps
from core.errors import StudyError
from core.study import tasks
from core.study.rows.kinds import Split
from core.study.rows.study import Label, Prediction, Run, Sample, Task
from core.study.store import Store
from core.training import fingerprints, runs, score


def add_run(session: Session, task: Task, *, wrong: int, arm: str = "real", seed: int = 0, mark: str = "a") -> Run:
    """A finished run that predicts all 16 test texts (8 good, then 8 bad), the first `wrong` texts wrongly."""
    found = tasks.get_arm(session, task, arm)
    run = Run(
        arm_id=found.id, encoder="minilm", seed=seed, n_train=20, config={"training": {"steps": 1}}, fingerprint=f"{arm} {seed} {mark}",
        facts={"loss": [[1, 0.9], [2, 0.5]]}, finished_at=time.time(),
    )  # fmt: skip
    session.add(run)
    session.flush()
    labels = {label.name: label.id for label in tasks.labels_of(session, task.id)}
    tested = session.execute(
        select(Sample.id, Label.name).join(Label, Label.id == Sample.label_id).where(Sample.split == Split.TEST)
        .order_by(Label.position, Sample.id)
    )  # fmt: skip
    for place, (sample_id, truth) in enumerate(tested):
        other = "bad" if truth == "good" else "good"
        answer = labels[other if place < wrong else truth]
        session.add(Prediction(run_id=run.id, sample_id=sample_id, label_id=answer, probability=0.75))
    session.flush()
    return run


def test_scores_have_one_row_per_finished_run(store: Store, task: Task) -> None:
    with store.write() as session:
        add_run(session, task, wrong=4, arm="zero-shot")
        add_run(session, task, wrong=0)
        unfinished = add_run(session, task, wrong=0, seed=1)
        unfinished.finished_at = None
        session.flush()

        found = runs.scores(session, task.study_id)

    assert list(found.columns) == runs.SCORE_COLUMNS
    assert list(found["arm"]) == ["real", "zero-shot"]
    assert list(found["arm_kind"]) == ["real", "zero-shot"]
    assert list(found["accuracy"]) == [1.0, 0.75]
    assert found["macro_f1"][1] == pytest.approx((8 / 12 + 16 / 20) / 2, abs=1e-12)
    assert list(found["n_test"]) == [16, 16]
    assert list(found["n_train"]) == [20, 20]


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [0, 3, 8, 16])
def test_scores_are_those_of_the_predictions_one_by_one(store: Store, task: Task, wrong: int) -> None:
    with store.write() as session:
        run = add_run(session, task, wrong=wrong)
        add_run(session, task, wrong=5, seed=1)

        found = runs.scores(session, task.study_id).set_index("run_id").loc[run.id]
        own = runs.predictions(session, run.id)

    truth, answers = own["label"].tolist(), own["predicted"].tolist()
    assert found["macro_f1"] == score.macro_f1(truth, answers, labels=sorted({*truth, *answers}))
    assert found["accuracy"] == score.accuracy(truth, answers)


@pytest.mark.parametrize("wrong", [2, 0])
def test_macro_f1_is_over_the_labels_of_the_test_texts_as_in_a_gap(store: Store, task: Task, wrong: int) -> None:
    with store.write() as session:
        elsewhere = Label(task_id=task.id, name="neutral", position=2)
        session.add(elsewhere)
        run = add_run(session, task, wrong=wrong)
        last = session.scalars(select(Prediction).where(Prediction.run_id == run.id)).all()[-1]
        last.label_id = elsewhere.id  # no test text has it
        session.flush()

        found = runs.scores(session, task.study_id)["macro_f1"][0]
        own, alone = runs.predictions(session, run.id), runs.macro_f1(session, run.id)

    codes = {"good": 0, "bad": 1, "neutral": 2}
    expected = gaps.macro_f1(own["label"].map(codes), [own["predicted"].map(codes)]).scores[0]
    assert (found, alone) == (pytest.approx(expected, abs=1e-12), pytest.approx(expected, abs=1e-12))


def test_a_run_without_predictions_has_no_score_rather_than_0(store: Store, task: Task) -> None:
    with store.write() as session:
        arm = tasks.get_arm(session, task, "real")
        session.add(
            Run(
                arm_id=arm.id, encoder="minilm", seed=0, n_train=2, config={"training": {"steps": 1}}, fingerprint="empty", finished_at=1.0
            )
        )  # fmt: skip
        session.flush()

        found = runs.scores(session, task.study_id)

    assert math.isnan(found["macro_f1"][0])
    assert math.isnan(found["accuracy"][0])
    assert found["n_test"][0] == 0


def test_a_study_without_runs_has_an_empty_table_of_scores(store: Store, task: Task) -> None:
    with store() as session:
        found = runs.scores(session, task.study_id)

    assert found.empty
    assert list(found.columns) == runs.SCORE_COLUMNS


def test_predictions_stand_beside_the_human_label(store: Store, task: Task) -> None:
    with store.write() as session:
        run = add_run(session, task, wrong=3)

        found = runs.predictions(session, run.id)

    assert list(found.columns) == ["sample_id", "text", "label", "predicted", "probability", "correct"]
    assert len(found) == 16
    assert found["correct"].sum() == 13
    assert set(found.loc[~found["correct"], "label"]) == {"good"}
    assert set(found.loc[~found["correct"], "predicted"]) == {"bad"}


def test_classes_are_scored_in_the_order_of_the_task(store: Store, task: Task) -> None:
    with store.write() as session:
        run = add_run(session, task, wrong=2)

        found = runs.per_class(session, run.id)

    assert list(found["label"]) == ["good", "bad"]
    assert list(found["recall"]) == [0.75, 1.0]
    assert list(found["n"]) == [8, 8]


def test_predictions_of_a_task_are_those_of_the_runs_asked_for(store: Store, task: Task) -> None:
    with store.write() as session:
        add_run(session, task, wrong=8, mark="old settings")
        newest = add_run(session, task, wrong=1, mark="new settings")
        other = add_run(session, task, wrong=2, arm="zero-shot")

        found = runs.task_predictions(session, task.id, run_ids=[newest.id, other.id])

    assert {"run_id", "arm", "arm_kind", "encoder", "seed", "sample_id", "label"} <= set(found.columns)
    assert (found["predicted"] == found["label"]).equals(found["correct"]) and found["probability"].between(0, 1).all()
    assert len(found) == 2 * 16
    assert found[found["run_id"] == newest.id]["correct"].sum() == 15
    assert found["correct"].dtype == bool and set(found["label"]) == {"good", "bad"}


def test_runs_of_other_conditions_stand_side_by_side_and_a_repeated_run_counts_once(store: Store, task: Task) -> None:
    with store.write() as session:
        add_run(session, task, wrong=8, mark="first")
        again = add_run(session, task, wrong=1, mark="again")
        longer = add_run(session, task, wrong=2, mark="longer")
        longer.config = {"training": {"steps": 300}}
        session.flush()

        found = runs.scores(session, task.study_id)

    assert found["run_id"].tolist() == [again.id, longer.id]
    assert (
        found["settings"].tolist() == ["steps 1, version 1", "steps 300, version 1"]
        and found["conditions"].nunique() == 2
    )


def test_answers_are_read_as_numbers(store: Store, task: Task) -> None:
    with store.write() as session:
        run = add_run(session, task, wrong=3)

        found = runs.answers(session, task.study_id)

    assert list(found.columns) == ["run_id", "sample_id", "label_id", "predicted_id"]
    assert set(found["run_id"]) == {run.id} and (found["label_id"] != found["predicted_id"]).sum() == 3


def test_the_loss_is_told_with_the_runs_name(store: Store, task: Task) -> None:
    with store.write() as session:
        run = add_run(session, task, wrong=0, arm="zero-shot", seed=3)

        found = runs.loss_table(session, run.id)

    assert found.to_dict("list") == {"run": ["zero-shot · minilm · seed 3"] * 2, "step": [1, 2], "loss": [0.9, 0.5]}


def test_an_unknown_run_is_refused(store: Store, task: Task) -> None:
    with store() as session:
        for read in (runs.predictions, runs.per_class, runs.loss_table):
            with pytest.raises(StudyError, match="no run 7"):
                read(session, 7)


def test_runs_may_be_compared_only_under_the_same_settings_to_the_last_digit_code_test_texts_and_size() -> None:
    config = {"training": {"learning_rate": 5e-5, "steps": 100}, "code": 2, "test": "a"}
    turned = {"test": "a", "code": 2, "training": {"steps": 100, "learning_rate": 5e-5}, "notes": ["Mind this."]}
    other = [
        config | {"training": {"learning_rate": 5.0000001e-5, "steps": 100}},
        config | {"training": {"learning_rate": 5e-5, "steps": 20}},
        config | {"code": 1},
        config | {"test": "b"},
    ]

    found = fingerprints.conditions(config, n_train=100)

    assert fingerprints.conditions(turned, n_train=100) == found
    assert fingerprints.conditions(config, n_train=50) != found
    assert all(fingerprints.conditions(changed, n_train=100) != found for changed in other)


def test_runs_on_other_devices_or_in_other_number_formats_are_not_compared_where_that_is_known() -> None:
    config = {"training": {"steps": 100}, "code": 2, "test": "a"}
    cpu = fingerprints.conditions(config, n_train=100, facts={"device": "cpu", "dtype": "float32", "threads": 1})

    assert fingerprints.conditions(config, n_train=100, facts={"seconds": 3.0}) == fingerprints.conditions(
        config, n_train=100
    )
    assert (
        fingerprints.conditions(config, n_train=100, facts={"device": "cpu", "dtype": "float32", "threads": 9}) == cpu
    )
    assert fingerprints.conditions(config, n_train=100, facts={"device": "cpu", "dtype": "bfloat16"}) != cpu
    some, other = (
        fingerprints.conditions(config, n_train=100, facts={"device": name, "dtype": "float32"})
        for name in ("A100", "H100")
    )
    assert some == other != cpu


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0, ""),
        (0.004, "Under 1 % of the training"),
        (0.25, "25 % of the training"),
        (0.999, "Over 99 % of the training"),
        (1.0, "100 % of the training"),
    ],
)
def test_the_share_of_cut_texts_stands_beside_the_score_with_its_arm(
    store: Store, task: Task, share: float, words: str
) -> None:
    with store.write() as session:
        run = add_run(session, task, wrong=1)
        run.config = {"training": {"steps": 1, "max_length": 16}, "notes": ["Mind this."]}
        run.facts = {"cut": {"train": share, "test": 0.0}}

    with store() as session:
        notes = runs.notes(session, run.id)
        beside = runs.scores(session, task.study_id)["notes"].iloc[0]

    assert notes == beside
    assert notes[0] == "Mind this."
    assert " ".join(notes[1:]).startswith(words)
    assert len(notes) == (2 if words else 1)
    assert not words or "texts of arm real are longer than 16 tokens" in notes[1]
