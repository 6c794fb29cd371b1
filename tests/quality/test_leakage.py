"""Leakage: a published odds ratio, planted cues, and scores of words alone within an arm and on real texts."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score
from statsmodels.stats.contingency_tables import Table2x2
from statsmodels.stats.proportion import proportion_confint

from core.errors import StudyError
from core.quality import leakage

GOLDEN = Path(__file__).parents[1] / "golden"
NEUTRAL = ("letter", "window", "river", "table", "street", "garden", "train", "paper")


def written(n: int, *, seed: int, glad: str = "", sad: str = "") -> tuple[list[str], list[str]]:
    """Texts of neutral words and their labels; every text of a label contains the label's cue."""
    rng = np.random.default_rng(seed)
    labels = ["glad" if k % 2 else "sad" for k in range(n)]
    cue = {"glad": glad, "sad": sad}
    return [" ".join([*rng.choice(NEUTRAL, 5), str(rng.integers(10**9)), cue[label]]) for label in labels], labels


def test_the_published_odds_ratio_and_its_interval_are_reproduced() -> None:
    golden = json.loads((GOLDEN / "bland_altman_2000.json").read_text(encoding="utf-8"))
    a, b = golden["hay_fever_with_eczema"], golden["hay_fever_without_eczema"]
    c, d = golden["neither_with_eczema"], golden["neither_without_eczema"]

    value, low, high = leakage.log_odds_ratio([a], [b], of_in=a + c, of_out=b + d, correction=0)

    assert math.exp(value[0]) == pytest.approx(golden["odds_ratio"], abs=0.005)
    assert (value[0], low[0], high[0]) == pytest.approx((golden["log_odds"], golden["low"], golden["high"]), abs=5e-4)


@given(st.integers(0, 40), st.integers(0, 40))
@settings(max_examples=50, deadline=None)
def test_with_the_correction_it_is_the_odds_ratio_of_the_table_with_a_half_added(n_in: int, n_out: int) -> None:
    expected = Table2x2(np.array([[n_in, 40 - n_in], [n_out, 50 - n_out]]) + 0.5)

    value, low, high = leakage.log_odds_ratio([n_in], [n_out], of_in=40, of_out=50)

    assert value[0] == pytest.approx(expected.log_oddsratio, abs=1e-12)
    assert (low[0], high[0]) == pytest.approx(expected.log_oddsratio_confint(), abs=1e-12)


def test_a_planted_cue_leads_its_label_and_neutral_words_do_not_pass() -> None:
    texts, labels = written(400, seed=1, glad="wow oh", sad="")

    found = leakage.cues(texts, labels)

    glad = found[found["label"] == "glad"]
    assert set(glad["word"].head(3)) == {"wow", "oh", "wow oh"}
    assert glad["n_in"].iloc[0] == 200
    assert glad["share_out"].iloc[0] == 0
    assert set(found.loc[found["q"] < 0.05, "word"]) <= {"wow", "oh", "wow oh"}


def test_cues_do_not_depend_on_the_order_of_texts_nor_on_how_often_one_text_repeats_a_word() -> None:
    texts, labels = written(60, seed=2, glad="wow wow wow", sad="hm")
    backwards = leakage.cues(texts[::-1], labels[::-1])

    found = leakage.cues(texts, labels)

    again = found.sort_values(["label", "word"]).reset_index(drop=True)
    assert again.equals(backwards.sort_values(["label", "word"]).reset_index(drop=True))
    assert found.loc[found["word"] == "wow", "n_in"].tolist() == [30]


def test_a_rare_word_is_not_tested_but_the_labels_own_name_is() -> None:
    texts = ["a once seen thing", "so not-sarcastic here", *["a b"] * 10, *["c d"] * 10]
    labels = ["not-sarcastic"] * 12 + ["sarcastic"] * 10

    found = leakage.cues(texts, labels, least=5)

    assert "not sarcastic" in set(found["word"])
    assert "once" not in set(found["word"])


@pytest.mark.parametrize(("texts", "labels"), [([], []), (["!", "?"], ["x", "y"]), (["a b", "a c"], ["x", "x"])])
def test_without_words_or_a_second_label_there_are_no_cues(texts: list[str], labels: list[str]) -> None:
    found = leakage.cues(texts, labels, least=1)

    assert found.empty
    assert list(found.columns) == leakage.CUE_COLUMNS


def test_several_labels_are_each_set_against_the_others() -> None:
    texts = [f"{word} text" for word in ("up", "down", "flat") for _ in range(20)]
    labels = [label for label in ("rise", "fall", "same") for _ in range(20)]

    found = leakage.cues(texts, labels, top=1)

    assert dict(zip(found["label"], found["word"], strict=True)) == {"rise": "up", "fall": "down", "same": "flat"}
    assert found["n_out"].tolist() == [0, 0, 0]


def test_a_text_names_itself_when_it_holds_the_whole_name_of_its_label() -> None:
    texts = ["This is not sarcastic.", "NOT-SARCASTIC!", "so sarcastic", "I am sarcastically yours", "Sarcastic, me?"]
    labels = ["not-sarcastic", "not-sarcastic", "not-sarcastic", "sarcastic", "sarcastic"]

    found = leakage.names_itself(texts, labels).set_index("label")

    assert found.loc["not-sarcastic", ["n", "named"]].tolist() == [3, 2]
    assert found.loc["sarcastic", "share"] == 0.5
    assert found.loc["sarcastic", ["low", "high"]].tolist() == pytest.approx(proportion_confint(1, 2, method="wilson"))


def test_a_cue_of_the_arm_is_learned_within_it_and_fails_on_real_texts() -> None:
    texts, labels = written(120, seed=3, glad="wow", sad="hm")
    real_texts, real_labels = written(200, seed=4)

    inside = leakage.within(texts, labels)
    outside = leakage.bag_of_words(texts, labels, real_texts, real_labels)

    assert inside.accuracy.low > 0.8
    assert outside.accuracy.low < 0.5 < outside.accuracy.high
    assert (inside.n_train, inside.n_test, outside.n_train, outside.n_test) == (96, 120, 120, 200)


def test_macro_f1_is_that_of_scikit_learn_inside_its_interval() -> None:
    rng = np.random.default_rng(5)
    truth = rng.choice(["a", "b", "c"], 300)
    predicted = np.where(rng.random(300) < 0.6, truth, "a")

    found = leakage._score(truth.tolist(), predicted.tolist(), n_train=0, seed=0)

    assert found.macro_f1.value == pytest.approx(f1_score(truth, predicted, average="macro"), abs=1e-12)
    assert found.macro_f1.low < found.macro_f1.value < found.macro_f1.high
    assert (found.accuracy.low, found.accuracy.high) == pytest.approx(
        proportion_confint(int((truth == predicted).sum()), 300, method="wilson"), abs=1e-9
    )


def test_a_label_without_training_texts_is_said_and_a_single_label_has_no_score() -> None:
    test = (["x y", "u v", "p q"], ["a", "b", "c"])

    missing = leakage.bag_of_words(["x y", "u v"], ["a", "b"], *test)
    single = leakage.bag_of_words(["x y", "u v"], ["a", "a"], *test)
    empty = leakage.bag_of_words(["x y", "u v"], ["a", "b"], [], [])
    lonely = leakage.within(["x y", "u v", "u w"], ["a", "b", "b"])

    assert missing.note == "No training text has the label c, so it is never predicted."
    assert missing.macro_f1.value == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert math.isnan(single.accuracy.value)
    assert "at least two labels" in single.note
    assert math.isnan(empty.macro_f1.value)
    assert math.isnan(lonely.accuracy.value)
    assert "two texts each" in lonely.note


def test_texts_without_words_can_be_learned_from() -> None:
    found = leakage.bag_of_words(["!!", "??", "...", "!"], ["a", "b", "a", "b"], ["!"], ["a"])

    assert found.n_test == 1


@pytest.mark.slow
def test_the_same_kind_of_text_cannot_be_told_apart_and_a_habit_can() -> None:
    real, _ = written(150, seed=6)
    alike, _ = written(400, seed=7)
    habit = [f"as an author {text}" for text in alike]

    same = leakage.tell_apart(alike, real)
    other = leakage.tell_apart(habit, real)
    nothing = leakage.tell_apart(["one"], real)

    assert 0.4 < same.auc < 0.6
    assert other.auc == pytest.approx(1)
    assert (same.n_synthetic, same.n_real, same.folds) == (150, 150, 5)
    assert same.sd > 0
    assert math.isnan(nothing.auc)


def test_texts_and_labels_of_different_number_are_refused() -> None:
    with pytest.raises(StudyError, match="2 texts and 1 labels"):
        leakage.cues(["a", "b"], ["x"])
