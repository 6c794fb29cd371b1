"""The alternative annotator test: its definition by hand, its correction, and its error where an LLM is just too bad."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats import multitest

from core.errors import StudyError
from core.subjectivity.llm import alternative_annotator
from core.subjectivity.llm.alternative_annotator import Skill
from core.subjectivity.statistics.counts import Level


def table(answers: dict[str, list[str]], kind: str = "person") -> pd.DataFrame:
    """Answers by rater, one for each item in order; "" is no answer."""
    rows = [
        (item, rater, label, kind) for rater, labels in answers.items() for item, label in enumerate(labels) if label
    ]
    return pd.DataFrame(rows, columns=["item_id", "rater_id", "label", "kind"])


def test_a_small_case_by_hand() -> None:
    people = table({"a": ["x"] * 40, "b": ["x"] * 30 + ["y"] * 10, "c": ["x"] * 40})
    llm = table({"m": ["x"] * 20 + ["y"] * 20}, "llm")

    found = alternative_annotator.alt_test(people, llm, name="m", skill=Skill.EXPERTS)

    a, b, c = found.against
    # Against a: items 0-19 both match all others; 20-29 the LLM matches neither; 30-39 each matches one of the two others.
    assert (a.n, a.advantage, a.persons) == (40, 30 / 40, 40 / 40)
    # Against b: the others always say x, so the LLM loses items 20-29 and ties on the rest.
    assert (b.advantage, b.persons) == (30 / 40, 40 / 40)
    assert (c.advantage, c.persons) == (a.advantage, a.persons)
    differences = np.array([0.0] * 30 + [1.0] * 10)
    expected = stats.ttest_1samp(differences, 0.2, alternative="less").pvalue
    assert a.p == pytest.approx(expected, abs=1e-12)
    assert (found.winning_rate, found.advantage, found.passes) == (0.0, 0.75, False)
    assert "may not stand in" in alternative_annotator.reading(found)


def test_an_llm_that_agrees_with_everybody_wins_and_ties_count_for_both() -> None:
    people = table({name: ["x", "y"] * 20 for name in "abc"})

    found = alternative_annotator.alt_test(people, table({"m": ["x", "y"] * 20}, "llm"), name="m")

    assert (found.winning_rate, found.advantage, found.passes) == (1.0, 1.0, True)
    assert {one.persons for one in found.against} == {1.0}
    assert "winning rate 1.00" in alternative_annotator.reading(found)


def test_on_a_scale_distances_count() -> None:
    people = table({name: ["3"] * 40 for name in "ab"} | {"c": ["5"] * 40})

    found = alternative_annotator.alt_test(people, table({"m": ["4"] * 40}, "llm"), name="m", level=Level.ORDINAL)

    assert [one.advantage for one in found.against] == [1.0, 1.0, 1.0]
    assert [one.persons for one in found.against] == [0.0, 0.0, 0.0]


def test_too_few_people_or_items_have_a_sentence_and_two_llms_are_refused() -> None:
    few = alternative_annotator.alt_test(
        table({"a": ["x"] * 40, "b": ["x"] * 40, "c": ["x"] * 29 + [""] * 11}),
        table({"m": ["x"] * 40}, "llm"),
        name="m",
    )

    assert math.isnan(few.winning_rate) and not few.passes and few.left_out == 1
    assert "here it is 2 of 3 people" in alternative_annotator.reading(few)
    with pytest.raises(StudyError, match="one LLM rater at a time"):
        alternative_annotator.alt_test(table({"a": ["x"]}), table({"m": ["x"], "n": ["x"]}, "llm"), name="m")


def test_the_correction_is_that_of_statsmodels() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        p_values = list(rng.beta(0.3, 2, size=int(rng.integers(1, 8))))
        expected = multitest.multipletests(p_values, alpha=0.05, method="fdr_by")[0].tolist()
        assert alternative_annotator._after_benjamini_yekutieli(p_values) == expected


def test_every_llm_rater_is_tested_alone() -> None:
    people = table({name: ["x", "y"] * 20 for name in "abc"})
    llms = table({"m": ["x", "y"] * 20, "n": ["y", "x"] * 20}, "llm")

    good, bad = alternative_annotator.of_raters(pd.concat([people, llms]))

    assert (good.llm, good.passes, bad.llm, bad.passes) == ("m", True, "n", False)


def test_an_llm_exactly_epsilon_worse_than_a_person_seldom_wins_against_the_person() -> None:
    """People agree on everything, so the LLM's wrong answers are the differences: their mean is epsilon."""
    rng = np.random.default_rng(1)
    people = table({name: ["x"] * 50 for name in "abc"})
    wins = []
    for _ in range(100):
        labels = np.where(rng.random(50) < 0.15, "y", "x").tolist()
        found = alternative_annotator.alt_test(people, table({"m": labels}, "llm"), name="m", skill=Skill.SKILLED)
        wins.append(found.winning_rate > 0)

    assert np.mean(wins) <= 0.1
