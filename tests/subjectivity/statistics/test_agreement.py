"""Agreement coefficients: published examples, an independent computation by the definition, invariants, real ratings."""

import itertools
import json
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import fleiss_kappa

from core.errors import StudyError
from core.subjectivity.statistics import aggregation, agreement, consistency, counts
from core.subjectivity.statistics.counts import Level

GOLDEN = Path(__file__).parents[2] / "golden"


def frame(*rows: tuple[object, object, object]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["item_id", "rater_id", "label"])


def from_lists(items: list[list[int]]) -> pd.DataFrame:
    return frame(*((f"i{i:03d}", f"r{r}", label) for i, labels in enumerate(items) for r, label in enumerate(labels)))


def krippendorff_2011() -> tuple[pd.DataFrame, dict[str, float]]:
    golden = json.loads((GOLDEN / "krippendorff_2011.json").read_text())
    rows = [
        (unit, observer, label)
        for observer, labels in enumerate(golden["observers"])
        for unit, label in enumerate(labels)
        if label is not None
    ]
    return frame(*rows), golden["alpha"]


def by_pairs(ratings: pd.DataFrame, *, level: Level) -> float:
    """Alpha by its definition, pair by pair: 1 - mean difference within items / mean difference of all pairs."""
    units = [list(map(float, group)) for _, group in ratings.groupby("item_id")["label"] if len(group) > 1]
    pool = sorted(itertools.chain(*units))

    def difference(a: float, b: float) -> float:
        if level in (Level.NOMINAL, Level.SETS):  # sets of one label each
            return float(a != b)
        if level == Level.INTERVAL:
            return (a - b) ** 2
        low, high = min(a, b), max(a, b)
        return (sum(low <= c <= high for c in pool) - (pool.count(a) + pool.count(b)) / 2) ** 2 if a != b else 0.0

    n = len(pool)
    observed = sum(
        sum(difference(a, b) for a, b in itertools.permutations(unit, 2)) / (len(unit) - 1) for unit in units
    )
    expected = sum(difference(a, b) for a, b in itertools.permutations(pool, 2)) / (n - 1)
    return 1 - observed / expected


def masi(first: str, second: str) -> float:
    """MASI distance of two sets, computed from the sets as in Passonneau (2006)."""
    a, b = set(first.split(" + ")), set(second.split(" + "))
    weight = 1.0 if a == b else 2 / 3 if a <= b or b <= a else 1 / 3 if a & b else 0.0
    return 1 - len(a & b) / len(a | b) * weight


NUMBERED = (Level.NOMINAL, Level.ORDINAL, Level.INTERVAL)
SETS = st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True).map(
    lambda parts: " + ".join(sorted(parts))
)
LISTS = st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=5), min_size=2, max_size=8)


@pytest.mark.parametrize("level", list(NUMBERED))
def test_alpha_gives_the_values_krippendorff_published(level: Level) -> None:
    ratings, published = krippendorff_2011()

    alpha = agreement.krippendorff_alpha(ratings, level=level)

    assert alpha == pytest.approx(published[level], abs=0.0005)


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [
        ("a", "a", 0), ("a", "b", 1), ("a", "a + b", 1 - 1 / 2 * 2 / 3), ("a + b", "b + c", 1 - 1 / 3 * 1 / 3),
        ("a + b", "a + b + c + d", 1 - 2 / 4 * 2 / 3),
    ],
)  # fmt: skip
def test_sets_are_as_far_apart_as_passonneau_says(first: str, second: str, distance: float) -> None:
    assert counts.set_distances([first, second])[0, 1] == pytest.approx(distance, abs=1e-12)
    assert masi(first, second) == pytest.approx(distance, abs=1e-12)


@pytest.mark.slow
@given(st.lists(st.lists(SETS, min_size=1, max_size=4), min_size=2, max_size=7))
def test_alpha_of_sets_is_that_of_its_definition_over_pairs(items: list[list[str]]) -> None:
    rows = frame(*((f"i{i}", f"r{r}", label) for i, labels in enumerate(items) for r, label in enumerate(labels)))
    units = [labels for labels in items if len(labels) > 1]
    pool = [label for labels in units for label in labels]

    alpha = agreement.krippendorff_alpha(rows, level=Level.SETS)

    if len(set(pool)) < 2:
        assert np.isnan(alpha)
        return
    observed = sum(sum(itertools.starmap(masi, itertools.permutations(unit, 2))) / (len(unit) - 1) for unit in units)
    expected = sum(itertools.starmap(masi, itertools.permutations(pool, 2))) / (len(pool) - 1)
    assert alpha == pytest.approx(1 - observed / expected, abs=1e-9)


def test_fleiss_kappa_gives_the_value_fleiss_published() -> None:
    golden = json.loads((GOLDEN / "fleiss_1971.json").read_text())
    ratings = from_lists([[int(label) for label in patient] for patient in golden["diagnoses"]])

    kappa = agreement.summary(ratings).fleiss_kappa

    assert kappa == pytest.approx(golden["kappa"], abs=0.0005)
    assert kappa == pytest.approx(golden["kappa_irr"], abs=1e-7)
    assert kappa == pytest.approx(fleiss_kappa(counts.per_item(counts.code(ratings))), abs=1e-12)


@pytest.mark.slow
@given(LISTS, st.sampled_from(list(Level)))
def test_alpha_is_that_of_its_definition_over_pairs(items: list[list[int]], level: Level) -> None:
    ratings = from_lists(items)

    alpha = agreement.krippendorff_alpha(ratings, level=level)

    pool = [label for labels in items if len(labels) > 1 for label in labels]
    if len(set(pool)) < 2:
        assert np.isnan(alpha)
    else:
        assert alpha == pytest.approx(by_pairs(ratings, level=level), abs=1e-9)


@pytest.mark.slow
@given(LISTS, st.randoms(use_true_random=False))
def test_alpha_does_not_change_with_the_order_of_rows_or_the_names_of_labels(
    items: list[list[int]], random: object
) -> None:
    ratings = from_lists(items)
    shuffled = ratings.sample(frac=1, random_state=len(items)).assign(
        label=lambda rows: "z" + (9 - rows["label"]).astype(str)
    )

    before, after = agreement.krippendorff_alpha(ratings), agreement.krippendorff_alpha(shuffled)

    assert after == pytest.approx(before, abs=1e-9, nan_ok=True)
    pd.testing.assert_frame_equal(agreement.by_item(ratings), agreement.by_item(ratings.sample(frac=1, random_state=1)))


@pytest.mark.slow
@given(
    st.lists(st.integers(1, 4), min_size=2, max_size=8).filter(lambda labels: len(set(labels)) > 1),
    st.sampled_from(list(Level)),
)
def test_alpha_is_1_when_all_raters_agree(labels: list[int], level: Level) -> None:
    ratings = from_lists([[label] * 3 for label in labels])

    assert agreement.krippendorff_alpha(ratings, level=level) == pytest.approx(1, abs=1e-12)
    assert agreement.summary(ratings).fleiss_kappa == pytest.approx(1, abs=1e-12)
    assert agreement.summary(ratings).percent_agreement == 1
    assert agreement.summary(ratings).mean_majority_agreement == 1


@pytest.mark.slow
@given(LISTS, st.floats(0.1, 10), st.floats(-5, 5))
def test_interval_alpha_does_not_change_with_the_unit_or_the_zero(
    items: list[list[int]], scale: float, shift: float
) -> None:
    ratings = from_lists(items)

    moved = agreement.krippendorff_alpha(ratings.assign(label=ratings["label"] * scale + shift), level=Level.INTERVAL)

    assert moved == pytest.approx(agreement.krippendorff_alpha(ratings, level=Level.INTERVAL), abs=1e-6, nan_ok=True)


def test_alpha_is_nan_with_a_reason_when_no_item_has_two_ratings() -> None:
    found = agreement.summary(from_lists([[1], [2]]))

    assert np.isnan([found.alpha, found.low, found.high]).all()
    assert found.note.startswith("Alpha is undefined: no item has two ratings")


def test_alpha_is_nan_with_a_reason_when_only_one_label_is_used() -> None:
    found = agreement.summary(from_lists([[1, 1], [1, 1]]))

    assert np.isnan(found.alpha)
    assert found.note == (
        "Alpha is undefined: all items with two ratings were labelled '1'. It needs two labels in use."
    )


def test_the_prevalence_paradox_is_told() -> None:
    found = agreement.summary(from_lists([[1, 1, 1, 1]] * 28 + [[1, 1, 1, 2]] * 2))

    assert found.alpha < 0.1
    assert found.prevalence == pytest.approx({"1": 118 / 120, "2": 2 / 120})
    assert found.note.startswith("98 % of the ratings are '1'")


def test_text_labels_have_no_interval_and_the_first_is_named() -> None:
    ratings = frame(("a", 1, "2"), ("a", 2, "mild"), ("b", 1, "severe"))

    with pytest.raises(StudyError, match="interval level needs labels that are numbers; found 'mild'"):
        agreement.krippendorff_alpha(ratings, level=Level.INTERVAL)


def test_ordered_text_labels_are_ordinal() -> None:
    ratings, published = krippendorff_2011()
    grades = ["none", "mild", "bad", "worse", "worst"]
    named = ratings.assign(
        label=pd.Categorical([grades[k - 1] for k in ratings["label"]], categories=grades, ordered=True)
    )

    assert agreement.krippendorff_alpha(named, level=Level.ORDINAL) == pytest.approx(published["ordinal"], abs=0.0005)


def test_numbers_written_as_text_are_ordered_as_numbers() -> None:
    ratings = from_lists([[1, 2], [2, 10], [10, 10], [1, 1]])

    as_text = agreement.krippendorff_alpha(ratings.assign(label=ratings["label"].astype(str)), level=Level.ORDINAL)

    assert as_text == pytest.approx(agreement.krippendorff_alpha(ratings, level=Level.ORDINAL), abs=1e-12)


def test_missing_columns_and_empty_ratings_are_told() -> None:
    with pytest.raises(StudyError, match="rater_id is missing"):
        agreement.summary(pd.DataFrame({"item_id": [1], "label": ["a"]}))
    with pytest.raises(StudyError, match="all 0 rows are without one"):
        agreement.summary(frame())


def test_two_labels_of_one_rater_count_as_two_ratings_and_blanks_as_none() -> None:
    ratings = frame(
        ("a", "r1", "x"), ("a", "r1", "y"), ("a", "r2", "x"), ("a", "r3", " "), ("b", "r2", None), ("b", "r1", "y")
    )

    coded = counts.code(ratings)

    assert (coded.items.tolist(), coded.labels.tolist()) == (["a", "b"], ["x", "y"])
    assert counts.per_item(coded).tolist() == [[2, 1], [0, 1]]
    assert agreement.summary(ratings).n_raters == 2


def test_items_show_agreement_entropy_and_ties() -> None:
    ratings = frame(
        ("a", 1, "x"), ("a", 2, "y"), ("b", 1, "y"), ("b", 2, "y"), ("b", 3, "x"), ("b", 4, "y"), ("c", 1, "x")
    )

    items = agreement.by_item(ratings).set_index("item_id")

    assert items["agreement"].tolist()[:2] == [0.5, 0.75]
    assert np.isnan(items["agreement"]["c"])
    assert items["entropy"].tolist() == pytest.approx([1.0, 0.8112781, 0.0], abs=1e-6)
    assert items["majority"].tolist() == ["x", "y", "x"]
    assert items["tied"].tolist() == [True, False, False]
    assert items["n_ratings"].tolist() == [2, 4, 1]
    assert agreement.summary(ratings).mean_majority_agreement == (0.5 + 0.75) / 2
    assert agreement.summary(ratings).percent_agreement == pytest.approx((0 + 0.5) / 2, abs=1e-12)


def test_disagreement_beyond_chance_is_told() -> None:
    found = agreement.summary(from_lists([[1, 2]] * 30))

    assert found.high < 0
    assert "raters disagree more than by chance. Look for raters who read the question the other way" in found.note


def test_agreement_that_may_be_chance_is_told() -> None:
    found = agreement.summary(from_lists([[1, 1], [1, 2], [2, 1], [2, 2]] * 5))

    assert found.low < 0 < found.high
    assert "The interval of alpha holds 0: with 20 items agreement cannot be told from chance." in found.note


def test_the_label_named_where_alpha_is_undefined_is_that_of_the_items_that_count() -> None:
    found = agreement.summary(from_lists([[1, 1], [2], [2], [2], [2]]))

    assert "all items with two ratings were labelled '1'" in found.note


@pytest.mark.parametrize(
    ("alpha", "low", "words"),
    [
        (0.9, 0.85, "reaches the 0.8 that Krippendorff (2004) asks for before relying on ratings. These"),
        (0.82, 0.7, "asks for before relying on ratings, but its interval starts below"),
        (0.7, 0.6, "between 0.667 and 0.8, where Krippendorff (2004) allows tentative conclusions"),
        (0.3, 0.2, "under 0.667"),
    ],
)
def test_the_bounds_are_named_as_conventions_of_krippendorff(alpha: float, low: float, words: str) -> None:
    sentence = agreement.convention_words(alpha, low)

    assert words in sentence
    assert "his conventions" in sentence


def test_an_undefined_alpha_has_no_place_on_the_scale() -> None:
    assert agreement.convention_words(float("nan")) == ""


def test_answers_without_an_item_are_refused() -> None:
    with pytest.raises(StudyError, match="needs an item_id; 1 of 2 are without one"):
        agreement.by_item(frame(("a", 1, "x"), (None, 1, "x")))


@pytest.mark.parametrize("kind", ["str", "category", "object"])
def test_the_kind_of_column_does_not_matter(kind: str) -> None:
    ratings = simulated(np.random.default_rng(2), items=50)

    assert agreement.alpha_interval(ratings.astype(str).astype(kind)) == agreement.alpha_interval(ratings)
    assert agreement.by_item(ratings.astype(str).astype(kind))["majority"].tolist() == [
        str(label) for label in agreement.by_item(ratings.astype({"item_id": str}))["majority"]
    ]


@pytest.mark.slow
@pytest.mark.timeout(120)  # 0.06 to 0.16 s on a quiet core
@pytest.mark.parametrize("kind", ["str", "category", "int64"])
def test_a_million_ratings_take_little_memory(kind: str) -> None:
    ratings = simulated(np.random.default_rng(3), items=100_000, raters=10).astype(kind)

    tracemalloc.start()
    agreement.krippendorff_alpha(ratings)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 100e6


@pytest.mark.slow
@pytest.mark.timeout(60)  # 0.1 s on a quiet core
@pytest.mark.parametrize("count", [agreement.summary, agreement.by_item, aggregation.majority, consistency.by_rater])
def test_texts_in_place_of_labels_are_one_sentence_and_take_no_gigabytes(
    count: Callable[[pd.DataFrame], object],
) -> None:
    n = 8_000
    texts = pd.DataFrame(
        {
            "item_id": np.repeat(np.arange(n), 2),
            "rater_id": ["a", "b"] * n,
            "label": [f"text {row}" for row in range(2 * n)],
        }
    )
    few = texts.assign(label=[f"text {row % 10_000}" for row in range(2 * n)])

    for found in (texts, texts[:500], few.assign(label=few["label"].str[5:])):
        tracemalloc.start()
        with pytest.raises(
            StudyError, match=r"different labels, too many to count agreement\. Check that the label is read"
        ):
            count(found)
        assert tracemalloc.get_traced_memory()[1] < 50e6
        tracemalloc.stop()


def test_many_labels_that_recur_and_numbers_of_a_slider_are_counted() -> None:
    rng = np.random.default_rng(0)
    items = np.repeat(np.arange(300), 2)
    slider = pd.DataFrame({"item_id": items, "rater_id": np.tile(["a", "b"], 300), "label": rng.random(600).round(6)})
    words = slider.assign(label=[f"word {n}" for n in rng.integers(0, 290, 600)])

    assert np.isfinite(agreement.krippendorff_alpha(slider, level=Level.INTERVAL))
    assert np.isfinite(agreement.krippendorff_alpha(words))


@pytest.mark.timeout(60)  # 0.2 s on a quiet core
@pytest.mark.parametrize("level", list(Level))
def test_a_thousand_resamples_of_20_000_ratings_end(level: Level) -> None:
    ratings = simulated(np.random.default_rng(1), items=2000, raters=10)

    assert agreement.alpha_interval(ratings, level=level).is_defined


def simulated(rng: np.random.Generator, *, items: int, raters: int = 5) -> pd.DataFrame:
    true = rng.choice(3, items, p=[0.5, 0.3, 0.2])
    right = rng.random((items, raters)) < rng.beta(3, 2, items)[:, None]
    labels = np.where(right, true[:, None], rng.choice(3, (items, raters)))
    return pd.DataFrame(
        {
            "item_id": np.repeat(np.arange(items), raters),
            "rater_id": np.tile(np.arange(raters), items),
            "label": labels.ravel(),
        }
    )


def test_the_wikipedia_example_gives_its_published_values(real_data: Path) -> None:
    ratings = pd.read_csv(real_data / "krippendorff_wikipedia.ratings.csv", keep_default_na=False, dtype=str)

    assert agreement.krippendorff_alpha(ratings) == pytest.approx(0.691, abs=0.0005)
    assert agreement.krippendorff_alpha(ratings, level=Level.INTERVAL) == pytest.approx(0.811, abs=0.0005)
    assert agreement.summary(ratings).n_items == 13


@pytest.mark.parametrize("name", ["multipico_irony_en", "face_sentiment", "duck_binary", "varierr_nli"])
def test_alpha_on_real_ratings_is_that_of_crowd_kit(real_data: Path, name: str) -> None:
    ratings = pd.read_csv(real_data / f"{name}.ratings.csv", keep_default_na=False, dtype=str)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from crowdkit.metrics.data import alpha_krippendorff

        expected = alpha_krippendorff(
            ratings.rename(columns={"item_id": "task", "rater_id": "worker"})[["task", "worker", "label"]]
        )

    assert agreement.krippendorff_alpha(ratings) == pytest.approx(expected, abs=1e-9)


def test_kappa_of_items_with_unequal_numbers_of_ratings_is_never_below_minus_one() -> None:
    ratings = pd.DataFrame(
        [
            (item, rater, label)
            for item, labels in enumerate(("ccccc", "cd", "ccccc"))
            for rater, label in enumerate(labels)
        ],
        columns=["item_id", "rater_id", "label"],
    )

    # shares of items: 5/6 and 1/6, so chance 26/36; two items agree wholly, one not at all
    assert agreement.summary(ratings).fleiss_kappa == pytest.approx((2 / 3 - 26 / 36) / (1 - 26 / 36), abs=1e-12)
