"""Sentences on the data: runs without predictions, labels without test texts, near chance, unknown places, dominant labels."""

import pytest
from sqlalchemy import select

from core.analysis import data_notes, findings
from core.study import tasks
from core.study.rows.kinds import SampleStatus, Split
from core.study.rows.sessions import Rating
from core.study.rows.study import Label, Prediction, Run, Sample, Study
from core.study.store import Store
from core.subjectivity import levels
from tests.finished_study import add_runs, make_task
from tests.rated_study import add_comparisons, add_ratings


def studied(store: Store, *, right: float = 0.9, noise: float = 0.3) -> Study:
    with store.write() as session:
        study = tasks.study_named(session, "s")
        for name in ("news", "tone"):
            task = make_task(session, study, name, arms=["zero-shot"], test_texts=80)
            add_runs(session, task, {"real": right, "zero-shot": 0.8 * right})
        add_ratings(session, task, noise=noise)
    return study


def notes(store: Store, study: Study) -> str:
    with store() as session:
        return "\n".join(findings.cautions(findings.collect(session, study)))


def test_a_plain_study_names_the_task_whose_subjectivity_is_not_known(store: Store) -> None:
    assert notes(store, studied(store)) == (
        "Subjectivity not known, so in no line and no figure over subjectivity: news."
    )


def test_runs_without_predictions_and_labels_without_test_texts_are_told(store: Store) -> None:
    study = studied(store)
    with store.write() as session:
        run = session.scalars(select(Run).order_by(Run.id)).first()
        assert run is not None
        for prediction in session.scalars(select(Prediction).where(Prediction.run_id == run.id)):
            session.delete(prediction)
        news = tasks.get_task(session, study.id, "news")
        session.add(Label(task_id=news.id, name="neither", position=2))

    said = notes(store, study)

    assert "1 run has no predictions on the test split" in said
    assert "news: the test split holds no text of neither" in said


def test_runs_that_were_scored_on_other_test_texts_are_named_by_task(store: Store) -> None:
    study = studied(store)
    with store.write() as session:
        news = tasks.get_task(session, study.id, "news")
        real = tasks.get_arm(session, news, "real")
        text = session.scalars(select(Sample).where(Sample.arm_id == real.id, Sample.split == Split.TEST)).first()
        assert text is not None
        text.status = SampleStatus.REJECTED

    said = notes(store, study)
    with store() as session:
        of_task = data_notes.of_test_texts(session, study.id, task="news")

    assert (
        "news: 6 of 6 runs were scored on other test texts than the task has now" in said and "tone: 6 of 6" not in said
    )
    assert len(of_task) == 1 and data_notes.of_test_texts(session, study.id, task="tone") == []


def test_a_real_arm_near_chance_can_hardly_lose_and_it_is_said(store: Store) -> None:
    assert "tone: the real arm scores 0." in notes(store, studied(store, right=0.62))


def test_a_label_that_dominates_the_ratings_is_warned_of_only_where_ratings_measure(store: Store) -> None:
    study = studied(store)
    with store.write() as session:
        for rating in session.scalars(select(Rating).order_by(Rating.id).limit(250)):
            rating.label = "yes"
        add_comparisons(session, study, tasks.tasks(session, study.id))
        session.flush()
        by = {
            measure: "\n".join(findings.cautions(findings.collect(session, study, measure=measure)))
            for measure in (levels.Measure.RATINGS, levels.Measure.COMPARISONS)
        }

    assert "of its ratings are one label" in by[levels.Measure.RATINGS]
    assert "one label" not in by[levels.Measure.COMPARISONS]


@pytest.mark.parametrize(
    ("arms", "expected"),
    [
        ({"real": 0.9}, "Only real arms have finished runs."),
        ({"zero-shot": 0.9}, "No real arm has finished runs."),
    ],
)
def test_why_there_is_no_gap_is_said(store: Store, arms: dict[str, float], expected: str) -> None:
    with store.write() as session:
        study = tasks.study_named(session, "s")
        add_runs(session, make_task(session, study, "news", arms=["zero-shot"], test_texts=20), arms, seeds=1)
        found = findings.collect(session, study)

    assert found.gaps.empty and data_notes.why_no_gap(found.scores).startswith(expected)
    assert data_notes.why_no_gap(found.scores.assign(n_test=0)).startswith("No finished run has predictions")


def test_runs_that_had_not_converged_are_named_once_with_their_arms_and_in_the_note_of_the_gap(store: Store) -> None:
    study = studied(store)
    falling = {"loss": [[step, 0.69 - 0.006 * step] for step in range(1, 101)], "guess": 0.693}
    done = {"loss": [[step, 0.05] for step in range(1, 101)], "guess": 0.693}
    with store.write() as session:
        for run in session.scalars(select(Run).order_by(Run.id)):
            run.facts = run.facts | (falling if run.id <= 3 else done)

    said = notes(store, study)
    with store() as session:
        table = findings.collect(session, session.get_one(Study, study.id)).gaps.set_index("task")

    assert said.count("had not converged") == 1
    assert "3 of 12 runs had not converged (news: real), so these scores and gaps may change" in said
    assert "3 of its 6 runs had not converged" in table["note"]["news"] and "converged" not in table["note"]["tone"]
