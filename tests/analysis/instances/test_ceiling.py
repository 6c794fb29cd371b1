"""The label ceiling by hand, against brute force over raters, and at its edges; labels that differ from the majority."""

import math

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from statsmodels.stats.proportion import proportion_confint

from core.analysis.instances import ceiling
from core.analysis.points import Metric


def ratings(*items: str) -> pd.DataFrame:
    """Ratings of items; an item "aab" has three raters, who chose a, a and b."""
    rows = [(place, f"r{rater}", label) for place, item in enumerate(items) for rater, label in enumerate(item)]
    return pd.DataFrame(rows, columns=["item_id", "rater_id", "label"])


def drawn(seed: int, *, texts: int, labels: str = "abc", most: int = 6) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return ratings(*("".join(rng.choice(list(labels), size=rng.integers(2, most))) for _ in range(texts)))


def left_out(answers: pd.DataFrame) -> pd.DataFrame:
    """Every rater beside each label that the most of the other raters of the text chose: columns label, majority, weight."""
    rows = []
    for _, own in answers.groupby("item_id"):
        for place in range(len(own)):
            others = own["label"].drop(own.index[place]).value_counts()
            top = list(others[others == others.max()].index)
            rows += [(own["label"].iloc[place], label, 1 / len(own) / len(top)) for label in top]
    return pd.DataFrame(rows, columns=["label", "majority", "weight"])


def test_one_text_by_hand() -> None:
    assert ceiling.label_ceiling(ratings("aab"), metric=Metric.ACCURACY).value == pytest.approx(1 / 3, abs=1e-12)
    assert ceiling.label_ceiling(ratings("aaab"), metric=Metric.ACCURACY).value == pytest.approx(3 / 4, abs=1e-12)
    assert ceiling.label_ceiling(ratings("ab"), metric=Metric.ACCURACY).value == 0


@pytest.mark.parametrize("seed", range(4))
def test_both_metrics_are_those_of_brute_force_over_raters(seed: int) -> None:
    answers = drawn(seed, texts=40)
    pairs = left_out(answers)
    labels = sorted(pairs["majority"].unique())
    expected = metrics.f1_score(
        pairs["majority"], pairs["label"], sample_weight=pairs["weight"], average="macro", labels=labels
    )

    accuracy = ceiling.label_ceiling(answers, metric=Metric.ACCURACY)
    macro_f1 = ceiling.label_ceiling(answers, metric=Metric.MACRO_F1)

    hits = (pairs["weight"] * (pairs["label"] == pairs["majority"])).sum() / 40
    assert accuracy.value == pytest.approx(hits, abs=1e-10) and macro_f1.value == pytest.approx(expected, abs=1e-10)
    assert accuracy.low < accuracy.value < accuracy.high and accuracy.n == 40
    assert ceiling.by_text(answers).mean() == pytest.approx(accuracy.value, abs=1e-10)


def test_the_interval_is_that_of_resampled_texts() -> None:
    answers = drawn(7, texts=300, labels="aaab", most=5)
    by_text = ceiling.by_text(answers).to_numpy()

    found = ceiling.label_ceiling(answers, metric=Metric.ACCURACY)

    half = 1.96 * by_text.std(ddof=1) / math.sqrt(len(by_text))
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), abs=0.15 * half)


def test_texts_count_alike_however_many_raters_they_have_and_in_any_order() -> None:
    answers = drawn(3, texts=30)

    found = ceiling.label_ceiling(answers.sample(frac=1, random_state=0), metric=Metric.ACCURACY)

    assert found == ceiling.label_ceiling(answers, metric=Metric.ACCURACY)
    assert ceiling.label_ceiling(ratings("aa", "abababab"), metric=Metric.ACCURACY).value == pytest.approx(
        0.5, abs=1e-12
    )


def test_without_any_disagreement_the_interval_is_the_rule_of_three() -> None:
    even, rare = ratings(*["aaa", "bbb"] * 15), ratings(*["aaa"] * 27, *["bbb"] * 3)
    hits, f1, of_few = (
        ceiling.label_ceiling(given, metric=metric)
        for given, metric in ((even, Metric.ACCURACY), (even, Metric.MACRO_F1), (rare, Metric.MACRO_F1))
    )

    assert (hits.value, hits.low, hits.high, hits.n) == (1.0, 0.9, 1.0, 30)
    assert f1.low == pytest.approx(1 - 3 / 29)  # a lost true positive of 15 leaves 28 / 29 of a label's F1
    assert of_few.low == pytest.approx(1 - 3 * (1 / 5 + 1 / 53) / 2)


@pytest.mark.parametrize(("items", "n"), [(["a", "b"], 0), (["aab"] * 9, 9)])
def test_too_few_ratings_or_texts_have_no_interval(items: list[str], n: int) -> None:
    found = ceiling.label_ceiling(ratings(*items), metric=Metric.ACCURACY)

    assert found.n == n and not found.is_defined and math.isnan(found.value) == (n == 0)


def test_labels_that_differ_from_the_majority_are_counted_without_ties() -> None:
    answers = ratings("aab", "abb", "ab", "bbb", "a")
    labels = pd.Series(["a", "a", "a", "a", "a"])

    found = ceiling.doubted_labels(answers, labels)

    assert (found.share.value, found.share.n, found.n_tied) == (pytest.approx(2 / 3), 3, 1)
    assert (found.share.low, found.share.high) == pytest.approx(proportion_confint(2, 3, method="wilson"), abs=1e-12)
