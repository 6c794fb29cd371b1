"""Agreement on public files of ratings equals the result of plain loops, and its sentences fit the files."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.subjectivity.statistics import agreement
from core.subjectivity.statistics.counts import Level
from tests.subjectivity.statistics import textbook

FILES = [
    "duck_binary",
    "emotion_affect_snow2008",
    "face_sentiment",
    "krippendorff_wikipedia",
    "multipico_irony_en",
    "varierr_nli",
]
NUMBERS = [name for name in FILES if name != "varierr_nli"]


def read(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"{name}.ratings.csv", keep_default_na=False, dtype=str)


@pytest.mark.parametrize("name", FILES)
def test_nominal_alpha_is_that_of_the_coincidence_matrix(real_data: Path, name: str) -> None:
    ratings = read(real_data, name)

    assert agreement.krippendorff_alpha(ratings) == pytest.approx(textbook.alpha(ratings, "nominal"), abs=1e-6)


@pytest.mark.parametrize("level", [Level.ORDINAL, Level.INTERVAL])
@pytest.mark.parametrize("name", NUMBERS)
def test_alpha_of_numbers_is_that_of_the_coincidence_matrix(real_data: Path, name: str, level: Level) -> None:
    ratings = read(real_data, name)

    alpha = agreement.krippendorff_alpha(ratings, level=level)

    assert alpha == pytest.approx(textbook.alpha(ratings, level), abs=1e-6)


@pytest.mark.parametrize("name", FILES)
def test_the_other_coefficients_are_those_of_plain_loops(real_data: Path, name: str) -> None:
    ratings = read(real_data, name)

    found = agreement.summary(ratings)

    assert found.percent_agreement == pytest.approx(textbook.percent_agreement(ratings), abs=1e-6)
    assert found.fleiss_kappa == pytest.approx(textbook.fleiss_kappa(ratings), abs=1e-6)
    assert found.mean_majority_agreement == pytest.approx(textbook.majority_agreement(ratings), abs=1e-6)


@pytest.mark.parametrize("name", FILES)
def test_entropy_per_item_is_that_of_plain_loops(real_data: Path, name: str) -> None:
    ratings = read(real_data, name)

    items = agreement.by_item(ratings).set_index("item_id")["entropy"]

    assert items.to_dict() == pytest.approx(textbook.entropies(ratings), abs=1e-6)


@pytest.mark.parametrize("name", FILES)
def test_every_interval_holds_its_value(real_data: Path, name: str) -> None:
    found = agreement.summary(read(real_data, name))

    assert found.low < found.alpha < found.high
    assert found.mean_majority_low < found.mean_majority_agreement < found.mean_majority_high
    assert found.percent_agreement_low < found.percent_agreement < found.percent_agreement_high
    assert found.fleiss_kappa_low < found.fleiss_kappa < found.fleiss_kappa_high


def test_rare_strong_emotions_show_the_prevalence_paradox(real_data: Path) -> None:
    ratings = read(real_data, "emotion_affect_snow2008")
    strong = ratings.assign(label=np.where(ratings["label"].astype(int) > 60, "strong", "not strong"))

    found = agreement.summary(strong)

    assert found.percent_agreement > 0.85
    assert found.alpha < 0.667
    assert "of the ratings are 'not strong', so they would mostly agree by chance as well" in found.note


def test_two_raters_who_read_a_scale_the_other_way_round_are_told(real_data: Path) -> None:
    ratings = read(real_data, "duck_binary")
    two = ratings[ratings["rater_id"].isin(sorted(ratings["rater_id"].unique())[:2])]
    first = two["rater_id"] == two["rater_id"].min()
    agreeing = two.groupby("item_id")["label"].transform("nunique") == 1
    reversed_scale = two[agreeing].assign(
        label=np.where(first[agreeing], two["label"][agreeing], 1 - two["label"][agreeing].astype(int)).astype(str)
    )

    found = agreement.summary(reversed_scale)

    assert found.high < 0
    assert "raters disagree more than by chance" in found.note


def test_ratings_of_a_single_rater_are_undefined_with_a_reason(real_data: Path) -> None:
    ratings = read(real_data, "face_sentiment")

    found = agreement.summary(ratings[ratings["rater_id"] == ratings["rater_id"].iloc[0]].drop_duplicates("item_id"))

    assert np.isnan(found.alpha)
    assert found.note.startswith("Alpha is undefined: no item has two ratings")


def test_items_that_all_have_one_label_are_undefined_with_a_reason(real_data: Path) -> None:
    ratings = read(real_data, "multipico_irony_en")

    found = agreement.summary(ratings[ratings["label"] == "0"])

    assert np.isnan(found.alpha)
    assert found.note == "Alpha is undefined: all items with two ratings were labelled '0'. It needs two labels in use."
