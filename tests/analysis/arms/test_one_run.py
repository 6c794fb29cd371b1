"""One run beside another: its confusion is that of its predictions, and its surest mistakes come first."""

import numpy as np
import pytest
from sqlalchemy.orm import Session

from core.analysis.arms import one_run
from core.errors import StudyError
from core.study import tasks
from core.study.rows.study import Prediction, Study
from core.study.store import Store
from core.training import runs
from tests.finished_study import add_runs, make_task


@pytest.fixture
def study(store: Store) -> Study:
    with store.write() as session:
        made = tasks.study_named(session, "s")
        task = make_task(session, made, "tone", arms=["zero-shot", "few-shot"])
        add_runs(session, task, {"real": 0.9, "zero-shot": 0.6, "few-shot": 0.8}, seeds=2)
        add_runs(session, task, {"zero-shot": 0.7}, seeds=1, steps=7)
        rng = np.random.default_rng(0)
        for prediction in session.query(Prediction):
            prediction.probability = float(rng.uniform(0.5, 1.0))
    return made


def run_of(session: Session, study: Study, arm: str, seed: int, steps: int = 100) -> int:
    found = runs.scores(session, study.id)
    own = found[(found["arm"] == arm) & (found["seed"] == seed) & found["settings"].str.contains(f"steps {steps},")]
    return int(own["run_id"].iloc[0])


def test_the_confusion_of_a_run_counts_its_predictions(store: Store, study: Study) -> None:
    with store() as session:
        number = run_of(session, study, "zero-shot", 1)
        found = one_run.beside(session, number, None)
        table = runs.predictions(session, number)

    counted = table.groupby(["label", "predicted"]).size()
    for row, label in enumerate(found.run.labels):
        for column, predicted in enumerate(found.run.labels):
            assert found.run.counts[row, column] == counted.get((label, predicted), 0)
    assert found.n_test == found.run.counts.sum() == len(table)
    assert found.other is None


def test_the_surest_mistakes_come_first_with_the_answer_of_the_other_run(store: Store, study: Study) -> None:
    with store() as session:
        number, real = run_of(session, study, "zero-shot", 0), run_of(session, study, "real", 0)
        found = one_run.beside(session, number, real)
        table = runs.predictions(session, number).set_index("sample_id")
        other = runs.predictions(session, real).set_index("sample_id")

    assert list(found.mistakes["probability"]) == sorted(found.mistakes["probability"], reverse=True)
    assert set(found.mistakes["sample_id"]) == set(table.index[~table["correct"]])
    assert (found.mistakes["label"] != found.mistakes["predicted"]).all()
    assert list(found.mistakes["other"]) == list(other["predicted"].reindex(found.mistakes["sample_id"]))
    right = int((found.mistakes["other"] == found.mistakes["label"]).sum())
    assert one_run.sentence(found) == (
        f"zero-shot mistakes {len(found.mistakes)} of 120 test texts; {right} of them real gets right."
    )


def test_a_run_stands_beside_the_real_arm_of_its_seed_first_and_never_beside_other_settings(
    store: Store, study: Study
) -> None:
    with store() as session:
        scores = runs.scores(session, study.id)
        alike = one_run.counterparts(scores, run_of(session, study, "zero-shot", 1))
        alone = one_run.counterparts(scores, run_of(session, study, "zero-shot", 0, steps=7))

    assert alike[["arm", "seed"]].to_numpy().tolist() == [["real", 1], ["few-shot", 1], ["real", 0], ["few-shot", 0]]
    assert alone.empty
    assert one_run.counterparts(scores, 10_000).empty


def test_runs_on_other_test_texts_are_refused(store: Store, study: Study) -> None:
    with store.write() as session:
        number, real = run_of(session, study, "zero-shot", 0), run_of(session, study, "real", 0)
        session.delete(session.query(Prediction).filter(Prediction.run_id == real).first())
        session.flush()

        with pytest.raises(StudyError, match="other texts"):
            one_run.beside(session, number, real)
