"""Baselines are fitted on the very texts of the runs, equal scikit-learn called directly, and are computed once per text."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sqlalchemy import select

from core.study import tasks
from core.study.rows.baselines import Baseline
from core.study.rows.kinds import SampleStatus, Split
from core.study.rows.study import Sample, Task
from core.study.store import Store
from core.training import fingerprints, plan, selection
from core.training.baselines import classifiers, compute, wanted
from core.training.settings import TrainingSettings
from tests.training.conftest import BLAME, PRAISE, SETTINGS, add_samples, sentences


def lengths(texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Two numbers of a text in place of an embedding."""
    return np.array([[len(text), text.count("a")] for text in texts], dtype=np.float32)


def rows(store: Store) -> list[Baseline]:
    with store() as session:
        return list(session.scalars(select(Baseline).order_by(Baseline.id)))


def planned(store: Store, task: Task, *, arms: Sequence[str], seeds: Sequence[int], **settings: object) -> None:
    with store.write() as session:
        plan.plan(
            session,
            task=task,
            arms=[tasks.get_arm(session, task, name) for name in arms],
            encoders=["minilm"],
            seeds=seeds,
            settings=TrainingSettings(**(SETTINGS.model_dump() | settings)),
        )


@pytest.mark.parametrize("class_weights", ["none", "balanced"])
def test_tfidf_equals_scikit_learn_called_directly(class_weights: str) -> None:
    train, labels = [*sentences(PRAISE, 12), *sentences(BLAME, 5)], ["good"] * 12 + ["bad"] * 5
    test = [*sentences(PRAISE, 30, start=12), *sentences(BLAME, 30, start=12)]

    answers = classifiers.tfidf(train, labels, test, class_weights=class_weights)

    words = TfidfVectorizer()
    model = LogisticRegression(max_iter=2000, class_weight=None if class_weights == "none" else class_weights)
    model.fit(words.fit_transform(train), labels)
    assert answers == list(model.predict(words.transform(test)))


def test_texts_without_words_and_a_single_label_get_the_commonest_label() -> None:
    assert classifiers.tfidf(["!", "?", "."], ["b", "a", "a"], ["!!"]) == ["a"]
    assert classifiers.tfidf(["one two", "three"], ["a", "a"], ["four five"]) == ["a"]


@pytest.mark.slow
def test_every_arm_is_fitted_on_the_texts_of_its_runs_and_no_fit_is_made_twice(store: Store, task: Task) -> None:
    planned(store, task, arms=["real", "zero-shot"], seeds=[0, 4])

    new, left_out = compute.execute(store, task.id, embed=lengths)
    again, _ = compute.execute(store, task.id, embed=lengths)

    assert (new, again, left_out) == (8, 0, ())
    with store() as session:
        test = selection.test_samples(session, task)
        for row in rows(store):
            arm = next(arm for arm in tasks.arms(session, task.id) if arm.id == row.arm_id)
            texts = selection.run_texts(session, arm, test=test, n=row.n_train, seed=row.seed, settings=SETTINGS)
            assert row.train_digest == fingerprints.data_digest(texts.chosen)
            assert set(row.answers) == set(test["text_hash"])


def test_an_arm_without_runs_is_fitted_like_the_others(store: Store, task: Task) -> None:
    planned(store, task, arms=["real"], seeds=[0, 1])
    with store.write() as session:
        task = session.get_one(Task, task.id)
        late = tasks.make_arm(session, task_id=task.id, name="few-shot")
        for label, ends in (("good", PRAISE), ("bad", BLAME)):
            add_samples(session, late, label=label, texts=sentences(ends, 12, start=20))

    compute.execute(store, task.id, embed=lengths)

    assert {(row.n_train, row.seed) for row in rows(store) if row.arm_id == late.id} == {(24, 0), (24, 1)}


def test_an_arm_with_too_few_texts_is_said_and_the_others_are_fitted(store: Store, task: Task) -> None:
    planned(store, task, arms=["real"], seeds=[0])

    new, left_out = compute.execute(store, task.id, embed=lengths)

    assert new == 2
    assert "Arm zero-shot has 20 training texts where its baselines need 24" in left_out[0]


def test_runs_on_texts_that_have_left_an_arm_do_not_take_the_baselines_of_its_newest_runs(
    store: Store, task: Task
) -> None:
    planned(store, task, arms=["real", "zero-shot"], seeds=[0])
    with store.write() as session:
        arm = tasks.get_arm(session, task, "zero-shot")
        for sample in session.scalars(select(Sample).where(Sample.arm_id == arm.id, Sample.split == Split.TRAIN)).all()[
            :2
        ]:
            sample.status = SampleStatus.REJECTED
    planned(store, task, arms=["real", "zero-shot"], seeds=[0])

    _, left_out = compute.execute(store, task.id, embed=lengths)

    fitted = {(row.arm_id == arm.id, row.n_train) for row in rows(store)}
    assert (left_out, fitted) == ((), {(True, 18), (False, 18), (False, 20)})


def test_a_task_without_runs_is_fitted_as_the_study_would_train(store: Store, task: Task) -> None:
    compute.execute(store, task.id, embed=lengths)

    assert {(row.n_train, row.seed) for row in rows(store)} == {(20, 0), (20, 1), (20, 2)}


def test_a_changed_training_or_test_text_makes_baselines_missing_again(store: Store, task: Task) -> None:
    planned(store, task, arms=["real", "zero-shot"], seeds=[0])
    compute.execute(store, task.id, embed=lengths)
    with store.write() as session:
        real = tasks.get_arm(session, task, "real")
        own = session.scalars(select(Sample).where(Sample.arm_id == real.id, Sample.split == Split.TRAIN)).first()
        assert own is not None
        own.text += "!"

    with store() as session:
        changed = wanted.of_task(session, session.get_one(Task, task.id)).missing(session)
    assert {(fit.arm.name, name) for fit, name in changed} == {("real", "tfidf"), ("real", "embeddings")}

    with store.write() as session:
        tested = session.scalars(select(Sample).where(Sample.arm_id == real.id, Sample.split == Split.TEST)).first()
        assert tested is not None
        tested.status = SampleStatus.REJECTED
    with store() as session:
        changed = wanted.of_task(session, session.get_one(Task, task.id)).missing(session)
    assert {fit.arm.name for fit, _ in changed} == {"real", "zero-shot"}


def test_a_task_without_test_texts_of_a_label_gets_no_fit_and_a_sentence(store: Store, task: Task) -> None:
    with store.write() as session:
        for sample in session.scalars(select(Sample).where(Sample.split == Split.TEST)):
            sample.status = SampleStatus.REJECTED

    new, left_out = compute.execute(store, task.id, embed=lengths)

    assert new == 0 and "no real test texts" in left_out[0]


def test_class_weights_reach_the_baselines_and_the_pool_has_its_own(store: Store, task: Task) -> None:
    planned(store, task, arms=["real"], seeds=[0], class_weights="balanced")
    with store.write() as session:
        real = tasks.get_arm(session, task, "real")
        for label, ends in (("good", PRAISE), ("bad", BLAME)):
            add_samples(session, real, label=label, texts=sentences(ends, 5, start=40), split=Split.POOL)

    compute.execute(store, task.id, embed=lengths)

    found = {(row.split, row.config["class_weights"], row.n_train) for row in rows(store)}
    assert found == {(Split.TRAIN, "balanced", 24), (Split.POOL, "none", 10)}
