"""The evidence of single texts on stored studies: what is counted, which texts are shown, and what is said where there is nothing."""

import math

import pytest
from sqlalchemy import select

from core.analysis import findings
from core.analysis.instances import evidence, evidence_words
from core.analysis.instances.evidence import Evidence
from core.analysis.points import Metric
from core.study import tasks
from core.study.rows.kinds import Split
from core.study.rows.sessions import Rating
from core.study.rows.study import Label, Prediction, Sample, Study
from core.study.store import Store
from tests.finished_study import add_runs, make_task
from tests.rated_study import add_ratings


def studied(
    store: Store, *, noise: float = 0.8, texts: int | None = None, runs: bool = True, raters: int = 5, seeds: int = 2
) -> Study:
    with store.write() as session:
        study = tasks.study_named(session, "s")
        task = make_task(session, study, "t", arms=["zero-shot"], test_texts=60)
        if runs:
            add_runs(session, task, {"real": 0.9, "zero-shot": 0.7}, seeds=seeds)
        if raters:
            add_ratings(session, task, noise=noise, texts=texts, raters=raters)
    return study


def of(store: Store, study: Study) -> Evidence | None:
    with store() as session:
        found = findings.collect(session, study)
        return evidence.of_task(session, study, "t", run_ids=list(found.scores["run_id"]))


def said(found: Evidence) -> str:
    parts = [evidence_words.ceiling_words(found), evidence_words.ends_words(found), found.reading]
    parts.append(evidence_words.soft_words(found.soft) if found.soft else "")
    parts.append(evidence_words.no_curve(found) if not found.curves else "")
    return "\n".join(parts)


def test_both_ends_hold_texts_with_their_ratings_and_the_answers_of_every_arm(store: Store) -> None:
    found = of(store, studied(store))

    assert found is not None
    agreed, disagreed = found.ends
    assert (
        len(agreed) == len(disagreed) == 5 and (agreed["agreement"] == 1).all() and disagreed["agreement"].max() < 0.9
    )
    assert list(agreed.columns) == ["text", "label", "agreement", "ratings", "real answered", "zero-shot answered"]
    assert agreed["ratings"].iloc[0] in {"yes 5", "no 5"} and agreed["real answered"].iloc[0] in {
        "yes 2",
        "no 2",
        "no 1, yes 1",
    }


def test_curves_and_ceiling_stand_on_the_same_texts(store: Store) -> None:
    found = of(store, studied(store))

    assert found is not None and set(found.curves) == {"real", "zero-shot"} and found.n_texts == 60
    assert found.curves["real"]["n"].tolist() == found.ceiling_curve["n"].tolist()
    assert found.ceiling_curve["accuracy"].iloc[0] == pytest.approx(found.ceiling.value, abs=1e-9)
    assert found.soft is not None and found.soft.is_whole
    assert "nan" not in said(found)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"runs": False}, "no finished run predicted them"),
        ({"texts": 12}, "a curve needs 20"),
        ({"noise": 0.0}, "All 60 texts have the same agreement."),
        ({"texts": 3}, "Only 3 texts have two ratings or more"),
        ({"seeds": 1}, "Label ceiling"),
    ],
)
def test_what_cannot_be_shown_is_said(store: Store, given: dict[str, float], expected: str) -> None:
    found = of(store, studied(store, **given))  # type: ignore[arg-type]

    assert found is not None
    assert expected in said(found) and "nan" not in said(found).lower()


@pytest.mark.parametrize("raters", [0, 1])
def test_without_two_ratings_of_a_text_there_is_no_evidence(store: Store, raters: int) -> None:
    study = studied(store, raters=raters)

    assert of(store, study) is None
    with store() as session:
        assert evidence.ceilings(session, study, metric=Metric.MACRO_F1) == {}


def test_ratings_of_other_splits_and_foreign_labels_are_left_out_and_counted(store: Store) -> None:
    study = studied(store, noise=0.3)
    with store.write() as session:
        moved = list(session.scalars(select(Sample).where(Sample.split == Split.TEST).order_by(Sample.id).limit(10)))
        for sample in moved:
            sample.split = Split.TRAIN
        last = session.scalars(select(Rating).order_by(Rating.id.desc()).limit(1)).one()
        last.label = "maybe"
        session.flush()
        people = evidence.rated(session, study, tasks.get_task(session, study.id, "t"))

    assert len(people.shares) == 50 and people.n_foreign == 1
    assert (people.shares.sum(axis=1) - 1).abs().max() < 1e-12 and list(people.shares.columns) == ["yes", "no"]


@pytest.mark.parametrize("is_stored", [True, False])
def test_soft_labels_of_three_labels_are_whole_once_every_probability_is_stored(store: Store, is_stored: bool) -> None:
    study = studied(store)
    with store.write() as session:
        task = tasks.get_task(session, study.id, "t")
        session.add(Label(task_id=task.id, name="a third", description="", position=2))
        session.flush()
        names = sorted((label.name, label.id) for label in tasks.labels_of(session, task.id))
        for place, prediction in enumerate(session.scalars(select(Prediction))):
            shares = [0.9 if number == prediction.label_id else 0.05 for _, number in names]
            prediction.probabilities = shares if is_stored or place else None

    found = of(store, study)

    assert found is not None and found.soft is not None and found.soft.is_whole == is_stored
    assert math.isnan(found.soft.table.set_index("arm").loc["real", "cross_entropy"]) != is_stored


@pytest.mark.slow
def test_an_arm_is_compared_over_agreement_with_the_real_arm_of_its_own_encoder(store: Store) -> None:
    study = studied(store)
    alone = of(store, study)
    with store.write() as session:
        task = tasks.get_task(session, study.id, "t")
        add_runs(session, task, {"real": 1.0}, encoder="bert")
    mixed = of(store, study)

    assert alone is not None and mixed is not None and alone.soft is not None and mixed.soft is not None
    assert mixed.effects == alone.effects and mixed.effects["zero-shot"].n_texts == 60
    assert mixed.soft.further == alone.soft.further


def test_no_arm_is_compared_with_a_real_arm_that_learned_nothing(store: Store) -> None:
    study = studied(store)
    with store.write() as session:
        label = tasks.labels_of(session, tasks.get_task(session, study.id, "t").id)[0]
        for prediction in session.scalars(select(Prediction)):
            prediction.label_id = label.id
    with store() as session:
        found = findings.collect(session, study)
        unlearned = found.unlearned_encoders("t")
        own = evidence.of_task(session, study, "t", unlearned=unlearned)

    assert unlearned == ("minilm",) and own is not None and own.soft is not None
    assert own.soft.further == {} and own.reading.startswith("zero-shot: No real arm that is shown to have learned")
