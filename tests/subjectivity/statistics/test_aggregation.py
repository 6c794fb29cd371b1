"""Aggregation: the data of Dawid and Skene, simulated raters, crowd-kit, and real ratings with known labels."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import StudyError
from core.subjectivity.statistics import aggregation
from core.subjectivity.statistics.aggregation import Method
from tests.subjectivity.statistics import textbook

GOLDEN = Path(__file__).parents[2] / "golden"


def anaesthetists() -> tuple[pd.DataFrame, dict[str, list[list[float]] | dict[str, float]]]:
    golden = json.loads((GOLDEN / "dawid_skene_1979.json").read_text())
    rows = [
        (patient, observer, label)
        for patient, answers in enumerate(golden["patients"], start=1)
        for observer, given_labels in enumerate(answers.split(), start=1)
        for label in given_labels
    ]
    return pd.DataFrame(rows, columns=["item_id", "rater_id", "label"]), golden


def spammers_and_knowers(seed: int, *, items: int = 150) -> tuple[pd.DataFrame, np.ndarray]:
    """Simulated ratings: three raters know the label in 90 %; five raters answer by habit, mostly "a"."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(["a", "b", "c"], items)
    habit = rng.choice(["a", "b", "c"], (items, 5), p=[0.8, 0.1, 0.1])
    known = np.where(rng.random((items, 3)) < 0.9, truth[:, None], rng.choice(["a", "b", "c"], (items, 3)))
    answers = np.hstack([known, habit])
    return pd.DataFrame(
        {"item_id": np.repeat(np.arange(items), 8), "rater_id": np.tile(np.arange(8), items), "label": answers.ravel()}
    ), truth


def test_dawid_and_skene_find_in_their_own_data_what_they_published() -> None:
    ratings, golden = anaesthetists()

    model = aggregation.dawid_skene_model(ratings)

    first = model.confusion[model.confusion["rater_id"] == 1]
    rates = first.pivot(index="true", columns="given", values="probability").to_numpy()
    assert model.prevalence.to_dict() == pytest.approx(golden["prevalence"], abs=0.005)
    assert rates == pytest.approx(np.array(golden["observer_1"]), abs=0.005)
    assert model.labels.head(6).tolist() == golden["labels_of_first_six"]


@pytest.mark.parametrize("method", [Method.DAWID_SKENE, Method.MACE])
def test_raters_who_know_outweigh_those_who_answer_by_habit(method: Method) -> None:
    ratings, truth = spammers_and_knowers(0)

    labels = aggregation.aggregate(ratings, method=method)

    assert (labels.to_numpy() == truth).mean() > 0.9
    assert (aggregation.majority(ratings).to_numpy() == truth).mean() < 0.75


def test_confusion_matrices_recover_how_raters_err() -> None:
    ratings, _ = spammers_and_knowers(1, items=1000)

    confusion = aggregation.dawid_skene_model(ratings).confusion.set_index(["rater_id", "true", "given"])["probability"]

    assert [confusion[0, label, label] for label in "abc"] == pytest.approx([0.933] * 3, abs=0.04)
    assert [confusion[5, label, "a"] for label in "abc"] == pytest.approx([0.8] * 3, abs=0.06)
    assert confusion.groupby(["rater_id", "true"]).sum().to_numpy() == pytest.approx(1, abs=1e-9)


def test_a_rater_who_saw_no_item_of_a_label_has_no_error_rate_there() -> None:
    ratings = pd.DataFrame(
        [("i", 1, "x"), ("i", 2, "x"), ("j", 1, "y"), ("j", 3, "y")], columns=["item_id", "rater_id", "label"]
    )

    confusion = aggregation.dawid_skene_model(ratings).confusion.set_index(["rater_id", "true", "given"])["probability"]

    assert np.isnan(confusion[2, "y", "x"])
    assert confusion[2, "x", "x"] == 1


ANSWERS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.sampled_from("abc")), min_size=1, max_size=30)


@pytest.mark.slow
@settings(max_examples=40)
@given(ANSWERS, st.sampled_from(list(Method)))
def test_labels_do_not_depend_on_the_order_of_rows(answers: list[tuple[int, int, str]], method: Method) -> None:
    ratings = pd.DataFrame(answers, columns=["item_id", "rater_id", "label"])

    labels = aggregation.aggregate(ratings, method=method)

    pd.testing.assert_series_equal(aggregation.aggregate(ratings.iloc[::-1], method=method), labels)
    assert labels.index.tolist() == sorted(set(ratings["item_id"]))


@settings(max_examples=40)
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=8), st.sampled_from(list(Method)))
def test_what_all_raters_say_is_the_label(truth: list[str], method: Method) -> None:
    rows = [(item, rater, label) for item, label in enumerate(truth) for rater in range(3)]

    labels = aggregation.aggregate(pd.DataFrame(rows, columns=["item_id", "rater_id", "label"]), method=method)

    assert labels.tolist() == truth


def test_a_tie_goes_to_the_label_that_sorts_first() -> None:
    ratings = pd.DataFrame([("i", 1, "b"), ("i", 2, "a")], columns=["item_id", "rater_id", "label"])

    assert [aggregation.aggregate(ratings, method=method)["i"] for method in Method] == ["a", "a", "a"]


def test_answers_without_a_rater_are_refused_by_the_models() -> None:
    ratings = pd.DataFrame({"item_id": ["i", "i"], "rater_id": ["r", None], "label": ["a", "b"]})

    with pytest.raises(StudyError, match="needs a rater_id"):
        aggregation.mace(ratings)


@pytest.mark.parametrize("name", ["duck_binary", "face_sentiment"])
def test_dawid_skene_on_real_answers_agrees_with_crowd_kit_and_beats_the_majority(real_data: Path, name: str) -> None:
    ratings = pd.read_csv(real_data / f"{name}.ratings.csv", keep_default_na=False, dtype=str)
    gold = pd.read_csv(real_data / f"{name}.gold.csv", keep_default_na=False, dtype=str).set_index("item_id")["gold"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from crowdkit.aggregation import DawidSkene

        renamed = ratings.rename(columns={"item_id": "task", "rater_id": "worker"})[["task", "worker", "label"]]
        expected = DawidSkene(n_iter=300, tol=1e-10).fit_predict(renamed)

    labels = aggregation.dawid_skene(ratings)

    right = {
        method: (aggregation.aggregate(ratings, method=method).reindex(gold.index) == gold).mean() for method in Method
    }
    assert (labels == expected.reindex(labels.index)).mean() > 0.98
    assert right[Method.DAWID_SKENE] > right[Method.MAJORITY]
    assert right[Method.MACE] > right[Method.MAJORITY]


def test_dawid_and_skenes_data_give_the_probabilities_of_plain_loops() -> None:
    ratings, _ = anaesthetists()

    posterior = aggregation.dawid_skene_model(ratings).posterior

    assert as_nested(posterior) == approx_nested(textbook.dawid_skene(ratings))


def test_mace_gives_the_probabilities_and_competences_of_plain_loops() -> None:
    ratings, _ = spammers_and_knowers(2, items=60)

    model = aggregation.mace_model(ratings)

    posterior, competence = textbook.mace(ratings)
    assert as_nested(model.posterior) == approx_nested(posterior)
    assert model.competence.to_dict() == pytest.approx(competence, abs=1e-6)


@pytest.mark.parametrize(
    "name",
    [
        "duck_binary",
        "face_sentiment",
        "krippendorff_wikipedia",
        pytest.param("varierr_nli", marks=pytest.mark.slow),
    ],
)
def test_both_models_on_real_answers_are_those_of_plain_loops(real_data: Path, name: str) -> None:
    ratings = pd.read_csv(real_data / f"{name}.ratings.csv", keep_default_na=False, dtype=str)

    model = aggregation.mace_model(ratings)

    posterior, competence = textbook.mace(ratings)
    assert as_nested(aggregation.dawid_skene_model(ratings).posterior) == approx_nested(textbook.dawid_skene(ratings))
    assert as_nested(model.posterior) == approx_nested(posterior)
    assert model.competence.to_dict() == pytest.approx(competence, abs=1e-6)


def test_mace_tells_who_knows_from_who_answers_by_habit() -> None:
    ratings, _ = spammers_and_knowers(0)

    model = aggregation.mace_model(ratings)

    habit = model.habit.set_index(["rater_id", "given"])["probability"]
    assert model.competence.loc[:2].min() > 0.7
    assert model.competence.loc[3:].max() < 0.3
    assert habit[5, "a"] > 0.6
    assert habit.groupby("rater_id").sum().to_numpy() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("method", list(Method))
def test_the_table_holds_the_labels_with_how_sure_they_are(method: Method) -> None:
    ratings, truth = spammers_and_knowers(0)

    table = aggregation.aggregate_table(ratings, method=method)

    right = table["label"].to_numpy() == truth
    assert list(table.columns) == ["item_id", "label", "confidence", "n_ratings"]
    assert table.set_index("item_id")["label"].to_dict() == aggregation.aggregate(ratings, method=method).to_dict()
    assert table["confidence"].between(1 / 3, 1).all()
    assert table["confidence"][right].mean() > table["confidence"][~right].mean()
    assert (table["n_ratings"] == 8).all()


def as_nested(posterior: pd.DataFrame) -> dict:
    return posterior.to_dict("index")


def approx_nested(chances: dict) -> dict:
    return {item: pytest.approx(one, abs=1e-6) for item, one in chances.items()}


def test_a_model_of_raters_who_answered_once_is_cautioned_against_and_the_majority_is_not() -> None:
    rows = [
        (item, f"r{item}-{place}", label)
        for item in range(10)
        for place, label in enumerate("nnp" if item % 2 else "ppn")
    ]
    rows += [(item, f"s{item}", "n") for item in range(10, 18)]
    ratings = pd.DataFrame(rows, columns=["item_id", "rater_id", "label"])

    said = aggregation.caution(ratings, method=aggregation.Method.DAWID_SKENE)

    assert "at most 1 answer," in said and "of 18 items" in said
    assert aggregation.caution(ratings, method=aggregation.Method.MAJORITY) == ""
    often = ratings.assign(rater_id=[f"r{place % 3}" for place in range(len(ratings))])
    assert aggregation.caution(often.drop_duplicates(["item_id", "rater_id"]), method=aggregation.Method.MACE) == ""
