"""Consistency of raters: small tables by hand, raters left out, and careless raters found among many."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import StudyError
from core.subjectivity.statistics import agreement, consistency
from core.subjectivity.statistics.counts import Level
from tests.subjectivity.statistics.test_agreement import frame


def crowd(items: int, *, per_item: int, raters: int) -> pd.DataFrame:
    """Simulated ratings: rater 0 always gives the same label, rater 1 a random label; the other raters are right in 80 %."""
    rng = np.random.default_rng(0)
    true = rng.choice(3, items)
    rater = rng.random((items, raters)).argsort(axis=1)[:, :per_item]
    label = np.where(rng.random((items, per_item)) < 0.8, true[:, None], rng.choice(3, (items, per_item)))
    label = np.where(rater == 0, 2, np.where(rater == 1, rng.choice(3, (items, per_item)), label))
    return pd.DataFrame(
        {"item_id": np.repeat(np.arange(items), per_item), "rater_id": rater.ravel(), "label": label.ravel()}
    )


def test_agreement_with_the_others_is_counted_by_hand() -> None:
    ratings = frame(
        ("a", "r1", "x"), ("a", "r2", "x"), ("a", "r3", "y"), ("b", "r1", "y"), ("b", "r2", "x"), ("c", "r3", "x")
    )

    found = consistency.by_rater(ratings).set_index("rater_id")

    assert found["n_ratings"].to_dict() == {"r1": 2, "r2": 2, "r3": 2}
    assert found["with_others"].to_dict() == pytest.approx({"r1": 0.25, "r2": 0.25, "r3": 0.0})
    assert found["with_majority"].to_dict() == pytest.approx({"r1": 0.25, "r2": 0.25, "r3": 0.0})


def test_a_rater_alone_on_every_item_has_no_agreement() -> None:
    found = consistency.by_rater(frame(("a", "r1", "x"), ("b", "r2", "x"), ("b", "r3", "y"))).set_index("rater_id")

    assert np.isnan(found.loc["r1", ["with_others", "with_majority"]].astype(float)).all()


def test_two_labels_of_one_rater_are_not_compared_with_each_other() -> None:
    found = consistency.by_rater(frame(("a", "r1", "x"), ("a", "r1", "y"), ("a", "r2", "x"))).set_index("rater_id")

    assert found["with_others"].to_dict() == {"r1": 0.5, "r2": 0.5}
    assert np.isnan(found.loc["r2", "alpha_without"]) == np.isnan(
        agreement.krippendorff_alpha(frame(("a", "r1", "x"), ("a", "r1", "y")))
    )


@pytest.mark.parametrize("level", list(Level))
def test_alpha_without_a_rater_is_alpha_of_the_rest(level: Level) -> None:
    ratings = crowd(60, per_item=3, raters=8)

    found = consistency.by_rater(ratings, level=level).set_index("rater_id")

    whole = agreement.krippendorff_alpha(ratings, level=level)
    for rater, row in found.iterrows():
        rest = agreement.krippendorff_alpha(ratings[ratings["rater_id"] != rater], level=level)
        assert row["alpha_without"] == pytest.approx(rest, abs=1e-12)
        assert row["alpha_change"] == pytest.approx(rest - whole, abs=1e-12)


def test_who_answers_without_looking_stands_out() -> None:
    found = consistency.by_rater(crowd(400, per_item=5, raters=20)).set_index("rater_id")

    assert set(found["with_others"].nsmallest(2).index) == {0, 1}
    assert set(found["alpha_change"].nlargest(2).index) == {0, 1}
    assert found["longest_run"].idxmax() == 0
    assert found.loc[0, ["top_share", "entropy"]].tolist() == [1, 0]
    assert found.loc[2:, "entropy"].min() > 1.4


def test_runs_follow_the_time_of_the_answers() -> None:
    labels = ["x", "y", "x", "x", "y", "x"]
    ratings = frame(*((item, "r", label) for item, label in enumerate(labels)))

    as_given = consistency.by_rater(ratings)["longest_run"].item()
    by_time = consistency.by_rater(ratings.assign(created_at=[1, 6, 2, 3, 5, 4]))["longest_run"].item()
    by_place = consistency.by_rater(ratings.assign(place=[1, 3, 2, 4, 6, 5]))["longest_run"].item()

    assert (as_given, by_time, by_place) == (2, 4, 2)


def test_the_median_time_leaves_out_answers_without_one() -> None:
    ratings = frame(("a", "r1", "x"), ("b", "r1", "y"), ("c", "r1", "y"), ("a", "r2", "x"), ("b", "r2", " "))

    found = consistency.by_rater(ratings.assign(duration_ms=[1000, 3000, None, None, 50]))

    assert found["median_ms"].iloc[0] == 2000
    assert np.isnan(found["median_ms"].iloc[1])
    assert consistency.by_rater(ratings)["median_ms"].isna().all()


def test_answers_without_a_rater_are_refused() -> None:
    with pytest.raises(StudyError, match="needs a rater_id"):
        consistency.by_rater(frame(("a", "r1", "x"), ("a", None, "x")))


@pytest.mark.timeout(60)  # 0.03 s on a quiet core
def test_every_rater_of_twenty_thousand_ratings_has_a_row() -> None:
    assert len(consistency.by_rater(crowd(2000, per_item=10, raters=100))) == 100


def test_real_raters_are_those_of_plain_loops(real_data: Path) -> None:
    ratings = pd.read_csv(real_data / "varierr_nli.ratings.csv", keep_default_na=False, dtype=str)
    items = dict(list(ratings.groupby("item_id")))

    found = consistency.by_rater(ratings).set_index("rater_id")

    for rater, answers in ratings.groupby("rater_id"):
        shares = []
        for item, label in zip(answers["item_id"], answers["label"], strict=True):
            others = [
                one for who, one in zip(items[item]["rater_id"], items[item]["label"], strict=True) if who != rater
            ]
            shares += [others.count(label) / len(others)] if others else []
        assert found.loc[rater, "with_others"] == pytest.approx(np.mean(shares), abs=1e-12)
