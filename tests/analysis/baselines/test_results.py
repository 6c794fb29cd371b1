"""Baselines beside runs: scores by hand, only those of the same texts, and in words which of them the real arm does not beat."""

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import select

from core.analysis.arms import trained
from core.analysis.arms.compared import SCORE_COLUMNS
from core.analysis.arms.trained import TaskArms
from core.analysis.baselines import beside_runs, results, sentences
from core.analysis.baselines.results import POOL, UNREAD, Result, TaskBaselines
from core.analysis.points import Metric
from core.study import tasks
from core.study.rows.baselines import Baseline
from core.study.rows.kinds import JudgementKind, SampleStatus, Split
from core.study.rows.study import Judgement, Label, Run, Sample, Task
from core.study.store import Store
from tests.finished_study import add_runs, make_task

CONFIG = {"balance": "equal", "class_weights": "none", "stop": "last"}


@pytest.fixture
def task(store: Store) -> Task:
    """A task with 120 test texts, runs of two arms with 3 seeds, whose training texts have the digest of their arm and seed."""
    with store.write() as session:
        study = tasks.study_named(session, "s")
        made = make_task(session, study, "tone", arms=["zero-shot"])
        add_runs(session, made, {"real": 0.8, "zero-shot": 0.7})
        for run in session.scalars(select(Run)):
            run.facts = {"train_digest": f"{run.arm_id} {run.seed}"}
    return made


def add_fits(store: Store, task: Task, arm: str, *, right: float, seeds: int = 3, **changes: object) -> None:
    """Stored answers of a classifier that are right for this share of the test texts."""
    with store.write() as session:
        own = tasks.get_arm(session, task, arm)
        real = tasks.get_arm(session, task, "real")
        tested = session.execute(
            select(Sample.text_hash, Label.name)
            .join(Label, Label.id == Sample.label_id)
            .where(Sample.arm_id == real.id)
        ).all()
        for seed in range(seeds):
            hit = np.random.default_rng([seed, int(100 * right)]).random(len(tested)) < right
            other = {"yes": "no", "no": "yes"}
            answers = {
                digest: [truth, truth if is_hit else other[truth]]
                for (digest, truth), is_hit in zip(tested, hit, strict=True)
            }
            plain = {
                "arm_id": own.id, "name": "tfidf", "split": Split.TRAIN, "seed": seed, "n_train": 100, "config": CONFIG,
                "train_digest": f"{own.id} {seed}", "test_digest": "t", "fingerprint": f"{own.id} {seed}", "answers": answers,
            }  # fmt: skip
            session.add(Baseline(**(plain | changes)))


def read(store: Store, task: Task) -> tuple[TaskBaselines, TaskArms]:
    with store() as session:
        chosen = trained.comparable(trained.read(session, task.study_id), task.name)
        return results.of_task(session, task, chosen), chosen


def named(found: TaskBaselines) -> list[tuple[str, str]]:
    return [(one.arm, one.name) for one in found.results]


def test_the_commonest_label_is_scored_as_by_hand() -> None:
    truth = np.array([1] * 6 + [2] * 3 + [3])
    majority = Result("", "majority", 0, truth, np.ones((1, 10), dtype=np.intp))

    [row] = results.table(TaskBaselines("t", (majority,), ())).to_dict("records")

    assert row["accuracy"] == pytest.approx(0.6)
    assert row["macro_f1"] == pytest.approx((2 * 6 / (2 * 6 + 4)) / 3)
    assert row["accuracy_low"] < 0.6 < row["accuracy_high"] and row["n_seeds"] == 0


def test_baselines_of_the_runs_texts_are_shown_and_those_of_other_texts_counted(store: Store, task: Task) -> None:
    add_fits(store, task, "real", right=0.9)
    add_fits(store, task, "zero-shot", right=0.6, train_digest="of other texts")

    found, _ = read(store, task)

    assert named(found) == [("", "majority"), ("real", "tfidf")]
    assert found.left_out == ("3 stored baselines answered other test texts or learned from other texts; not shown.",)


def test_other_class_weights_than_those_of_the_runs_do_not_match(store: Store, task: Task) -> None:
    add_fits(store, task, "real", right=0.9, config=CONFIG | {"class_weights": "balanced"})

    assert named(read(store, task)[0]) == [("", "majority")]


def test_a_test_text_that_left_the_split_changes_nothing_for_finished_runs(store: Store, task: Task) -> None:
    add_fits(store, task, "real", right=0.9)
    before = results.table(read(store, task)[0])
    with store.write() as session:
        for sample in session.scalars(select(Sample).where(Sample.split == Split.TEST).limit(70)):
            sample.status = SampleStatus.REJECTED

    after = results.table(read(store, task)[0])

    assert after.equals(before) and len(after) == 2


def test_the_real_arm_that_does_not_beat_tfidf_is_said_with_the_metric(store: Store, task: Task) -> None:
    add_fits(store, task, "real", right=0.82)
    found, chosen = read(store, task)

    said = sentences.not_beaten(found, chosen, metric=Metric.ACCURACY)

    assert len(said) == 1
    assert said[0].startswith(
        "The real arm with minilm is not shown to beat TF-IDF + logistic regression on real texts:"
    )
    assert "of accuracy [" in said[0] and "n 120 test texts" in said[0]


def test_a_beaten_baseline_is_not_named_and_a_better_one_is_called_better(store: Store, task: Task) -> None:
    add_fits(store, task, "real", right=0.5)
    assert sentences.not_beaten(*read(store, task), metric=Metric.MACRO_F1) == []

    with store.write() as session:
        for row in session.scalars(select(Baseline)):
            row.answers = {digest: [truth, truth] for digest, (truth, _) in row.answers.items()}
    [said] = sentences.not_beaten(*read(store, task), metric=Metric.MACRO_F1)

    assert "is worse than TF-IDF" in said


def test_an_llm_that_answered_all_test_texts_is_a_baseline_and_unread_answers_are_wrong(
    store: Store, task: Task
) -> None:
    with store.write() as session:
        real = tasks.get_arm(session, task, "real")
        tested = list(session.scalars(select(Sample).where(Sample.arm_id == real.id).order_by(Sample.id)))
        for place, sample in enumerate(tested):
            own = None if place < 12 else sample.label_id
            session.add(Judgement(sample_id=sample.id, kind=JudgementKind.JUDGE, judge="gpt", label_id=own))
        session.add(Judgement(sample_id=tested[0].id, kind=JudgementKind.JUDGE, judge="half", label_id=None))

    found, chosen = read(store, task)
    rows = results.table(found).set_index("name")

    assert rows.loc["llm:gpt", "accuracy"] == pytest.approx(0.9)
    assert found.results[-1].predicted[0, 0] == UNREAD
    assert found.left_out == (
        "half has answered 1 of 120 test texts; ask it the rest to see it as a classifier.",
        "12 answers of gpt named no label and count as wrong.",
    )
    shown = beside_runs.table(found, pd.DataFrame(columns=SCORE_COLUMNS), encoder="minilm", metric=Metric.ACCURACY)
    assert list(shown["name"]) == ["always the commonest label", "gpt as classifier"]
    assert sentences.not_beaten(found, chosen, metric=Metric.ACCURACY)


def test_seeds_that_chose_the_same_texts_are_one_fit_and_the_pool_has_an_interval(store: Store, task: Task) -> None:
    truth = np.tile([1, 2], 60)
    one = Result(POOL, "tfidf", 10, truth, np.where(np.arange(120) < 90, truth, 3 - truth)[None, :])

    [row] = results.table(TaskBaselines("t", (one,), ())).to_dict("records")

    assert row["n_seeds"] == 1 and row["low"] < row["macro_f1"] < row["high"]


def test_before_the_first_run_baselines_stand_on_the_test_split(store: Store) -> None:
    with store.write() as session:
        made = make_task(session, tasks.study_named(session, "s"), "tone")

    with store() as session:
        found = results.of_task(session, made, None)
        records = results.records(results.of_study(session, tasks.study_named(session, "s"), trained.StudyArms((), ())))

    assert named(found) == [("", "majority")]
    assert records[0]["n"] == 120 and records[0]["accuracy"] == 0.5


def test_a_synthetic_arm_that_does_not_beat_the_seed_student_is_said(store: Store, task: Task) -> None:
    found, chosen = read(store, task)
    truth = chosen.arms[0].truth
    yes = np.unique(truth)[0]
    hit = np.arange(len(truth)) % 10 < 7
    rows = np.where(hit, truth, np.where(truth == yes, np.unique(truth)[1], yes))
    student = Result(POOL, "student:minilm", 10, truth, np.tile(rows, (3, 1)))

    said = sentences.not_beaten(TaskBaselines("tone", (student,), found.left_out), chosen, metric=Metric.ACCURACY)

    assert len(said) == 1
    assert said[0].startswith(
        "The zero-shot arm with minilm is not shown to beat seed student (minilm) on the few-shot"
    )
    assert "added nothing to the real texts of the pool" in said[0]


def test_an_arm_whose_seeds_all_take_the_same_texts_has_an_interval(store: Store, task: Task) -> None:
    add_fits(store, task, "real", right=0.7)
    with store.write() as session:
        rows = list(session.scalars(select(Baseline)))
        for row in rows:
            row.fingerprint, row.answers = "the same", rows[0].answers

    [_, row] = results.table(read(store, task)[0]).to_dict("records")

    assert row["n_seeds"] == 1 and row["low"] < row["macro_f1"] < row["high"]
