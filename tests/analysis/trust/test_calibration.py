"""Calibration: equal to closed forms and to scikit-learn, honest at chance, and from stored runs of old and new kinds."""

import math
import tracemalloc

import numpy as np
import pytest
from sklearn import calibration as of_sklearn
from sklearn import metrics
from sqlalchemy import select

from core.analysis.trust import calibration
from core.analysis.trust.calibration import Sure
from core.errors import StudyError
from core.study import tasks
from core.study.rows.study import Label, Prediction
from core.study.store import Store
from tests.finished_study import add_runs, make_task


def drawn(n: int, *, runs: int = 1, overconfident: float = 1.0, seed: int = 0) -> Sure:
    """Runs whose log-odds are too large by a factor; with 1 they are calibrated."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(1.2, 1.2, size=(runs, n))
    confidence = 1 / (1 + np.exp(-np.abs(odds * overconfident)))
    correct = rng.random((runs, n)) < 1 / (1 + np.exp(-np.abs(odds)))
    true = np.where(correct, confidence, 1 - confidence)
    return Sure(confidence, correct, true, 2 * (1 - true) ** 2)


def test_the_closed_form_of_two_bins() -> None:
    confidence = np.array([[0.6] * 20 + [0.9] * 20])
    correct = np.array([[True] * 10 + [False] * 10 + [True] * 20])

    found = calibration.calibration(Sure(confidence, correct, None, None))

    assert found.n_bins == 2
    assert found.observed == pytest.approx(0.5 * 0.1 + 0.5 * 0.1, abs=1e-12)
    assert found.bins[["confidence", "accuracy", "n"]].to_numpy() == pytest.approx(
        np.array([[0.6, 0.5, 20], [0.9, 1.0, 20]]), abs=1e-12
    )
    assert math.isnan(found.brier.value) and "not stored: only the winning probability" in calibration.reading(
        found, "a"
    )


def test_bins_brier_and_log_loss_are_those_of_scikit_learn() -> None:
    sure = drawn(1000, overconfident=2)
    assert sure.true is not None

    found = calibration.calibration(sure)

    accuracy, confidence = of_sklearn.calibration_curve(
        sure.correct[0], sure.confidence[0], n_bins=10, strategy="quantile"
    )
    assert found.bins["accuracy"].to_numpy() == pytest.approx(accuracy, abs=1e-12)
    assert found.bins["confidence"].to_numpy() == pytest.approx(confidence, abs=1e-12)
    brier = metrics.brier_score_loss(sure.correct[0], sure.confidence[0])
    assert found.brier.value == pytest.approx(2 * brier, abs=1e-12)  # scikit-learn counts one of two labels
    assert found.log_loss.value == pytest.approx(metrics.log_loss(sure.correct[0], sure.confidence[0]), abs=1e-12)
    assert found.brier.low < found.brier.value < found.brier.high
    weights = found.bins["n"] / found.bins["n"].sum()
    assert found.observed == pytest.approx(float((weights * abs(accuracy - confidence)).sum()), abs=1e-12)


def test_chance_alone_is_no_miscalibration_and_overconfidence_is() -> None:
    honest = calibration.calibration(drawn(400, runs=3))
    sure = calibration.calibration(drawn(400, runs=3, overconfident=3))

    assert honest.observed > 0.02 and honest.ece.low == 0 and honest.ece.value < honest.observed
    assert "no miscalibration is shown" in calibration.reading(honest, "real")
    assert sure.ece.low > 0.05 and sure.ece.low < sure.ece.value < sure.ece.high
    assert "surer than it is right" in calibration.reading(sure, "real")


def test_too_few_texts_have_a_sentence_and_none_are_refused() -> None:
    found = calibration.calibration(drawn(39))

    assert found.n_bins == 0 and math.isnan(found.ece.value) and found.bins.empty and found.brier.n == 39
    assert calibration.reading(found, "real").startswith(
        "real: The calibration error needs 40 test texts; there are 39. Brier "
    )
    with pytest.raises(StudyError, match="there are none"):
        calibration.calibration(drawn(0))


def test_hardly_any_error_is_no_evidence_of_calibration_either_way() -> None:
    confidence = np.full((2, 60), 0.97)
    correct = np.ones((2, 60), dtype=bool)
    correct[0, :5] = False

    found = calibration.calibration(Sure(confidence, correct, None, None))

    assert math.isnan(found.ece.value) and math.isfinite(found.observed) and found.bins["low"].iloc[0] < 0.95
    assert (
        "2.5 of 60 answers are wrong on average, too few to say how far the probabilities are off"
        in calibration.reading(found, "a")
    )


def test_a_true_label_with_probability_0_makes_the_log_loss_infinite() -> None:
    sure = drawn(50)
    assert sure.true is not None
    sure.true[0, 3] = 0.0

    assert calibration.calibration(sure).log_loss.value == math.inf


def test_stored_runs_of_two_labels_lack_nothing_and_of_three_say_what_was_not_stored(store: Store) -> None:
    with store.write() as session:
        study = tasks.study_named(session, "s")
        task = make_task(session, study, "t", arms=["zero-shot"])
        add_runs(session, task, {"real": 0.9, "zero-shot": 0.7})

        found = calibration.of_task(session, task)

        assert list(found) == [("real", "minilm"), ("zero-shot", "minilm")]
        real = found["real", "minilm"]
        accuracy = float(real.bins["accuracy"].iloc[0])
        assert real.brier.value == pytest.approx(2 * (accuracy * 0.01 + (1 - accuracy) * 0.81), abs=1e-9)
        assert real.n_runs == 3 and real.ece.n == 120

        first, *labels = tasks.labels_of(session, task.id)
        labels.append(Label(task_id=task.id, name="unsure"))
        session.add(labels[-1])
        session.flush()
        table = calibration.runs.probabilities(session, [session.scalars(select(Prediction.run_id)).first() or 0])
        known = calibration.sure(table, [label.id for label in (first, *labels)])
        assert known.true is None
        table["probabilities"] = [[0.2, 0.7, 0.1]] * len(table)
        full = calibration.sure(table, [label.id for label in (first, *labels)])
        assert full.true is not None and set(np.unique(full.true)) == {0.2, 0.7}


def test_intervals_of_many_texts_hold_few_draws_at_once() -> None:
    sure = drawn(20_000, overconfident=1.5)
    tracemalloc.start()

    found = calibration.calibration(sure)

    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 100e6 and sure.squared is not None
    error = sure.squared.std() / math.sqrt(20_000)
    assert found.brier.low == pytest.approx(found.brier.value - 1.96 * error, abs=0.2 * error)
    assert found.brier.high == pytest.approx(found.brier.value + 1.96 * error, abs=0.2 * error)


def test_bins_of_unequal_size_count_by_their_texts() -> None:
    rng = np.random.default_rng(0)
    confidence = np.concatenate([rng.uniform(0.5, 0.9, 100), np.full(300, 0.99)])[None, :]
    correct = np.concatenate([rng.random(100) < 0.95, rng.random(300) < 0.8])[None, :]

    said = calibration.reading(calibration.calibration(Sure(confidence, correct, None, None)), "real")

    assert "real is surer than it is right" in said
    assert "(3 bins of 40 to 320 texts, as equal probabilities share a bin, 400 test texts" in said
