"""Gaps over texts and seeds: influences are derivatives, spreads are limma's, and what has no interval says why."""

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from core.analysis.inference import gaps
from core.errors import StudyError

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "limma_squeeze.json").read_text(encoding="utf-8"))["cases"]
Arrays = np.ndarray[Any, Any]
SCORERS = pytest.mark.parametrize("scorer", [gaps.accuracy, gaps.macro_f1])
Scorer = Callable[[Arrays, Arrays], gaps.Scored]


def answers(rng: np.random.Generator, truth: Arrays, *, seeds: int, share: float) -> Arrays:
    """Answers of some seeds that are right with this share and else drawn at random."""
    shape = (seeds, len(truth))
    return np.where(rng.random(shape) < share, truth, rng.integers(0, truth.max() + 1, shape))


def test_scores_are_those_of_scikit_learn_over_the_classes_of_the_test_split() -> None:
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 4, 120)
    predicted = np.vstack([answers(rng, truth, seeds=3, share=0.6), np.full((1, 120), 9)])

    found = gaps.macro_f1(truth, predicted)

    expected = [metrics.f1_score(truth, row, labels=range(4), average="macro", zero_division=0) for row in predicted]
    assert found.scores == pytest.approx(expected, abs=1e-12)
    assert gaps.accuracy(truth, predicted).scores == pytest.approx((predicted == truth).mean(axis=1), abs=1e-12)


@pytest.mark.parametrize("classes", [2, 5])
def test_the_influence_of_a_text_is_the_derivative_of_the_score_by_its_weight(classes: int) -> None:
    rng = np.random.default_rng(4)
    truth = rng.integers(0, classes, 60)
    predicted = answers(rng, truth, seeds=1, share=0.5)
    found = gaps.macro_f1(truth, predicted).influence[0]

    step = 1e-6
    for text in range(60):
        up, down = np.ones(60), np.ones(60)
        up[text] += step
        down[text] -= step
        high, low = (
            metrics.f1_score(truth, predicted[0], average="macro", sample_weight=weights) for weights in (up, down)
        )
        assert found[text] == pytest.approx(60 * (high - low) / (2 * step), abs=1e-6)
    assert found.mean() == pytest.approx(0, abs=1e-12)


def test_the_influence_of_a_text_on_the_f1_of_a_class_is_its_derivative() -> None:
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 3, 50)
    predicted = answers(rng, truth, seeds=1, share=0.5)
    found = gaps.class_f1(truth, predicted, own=2)

    for text in range(50):
        weights = np.ones((2, 50))
        weights[0, text] += 1e-6
        weights[1, text] -= 1e-6
        high, low = (
            metrics.f1_score(truth, predicted[0], labels=[2], average="macro", sample_weight=one) for one in weights
        )
        assert found.influence[0, text] == pytest.approx(50 * (high - low) / 2e-6, abs=1e-6)
    assert found.scores[0] == pytest.approx(metrics.f1_score(truth, predicted[0], labels=[2], average="macro"))


def test_the_error_of_a_classs_f1_is_that_of_a_bootstrap_of_texts() -> None:
    rng = np.random.default_rng(16)
    truth = (rng.random(300) < 0.3).astype(int)
    real, synthetic = (answers(rng, truth, seeds=3, share=share) for share in (0.8, 0.6))
    found = gaps.gap(gaps.class_f1(truth, real, own=1), gaps.class_f1(truth, synthetic, own=1))

    drawn = []
    for _ in range(2000):
        draw = rng.integers(0, 300, 300)
        both = [gaps.class_f1(truth[draw], one[:, draw], own=1).scores.mean() for one in (real, synthetic)]
        drawn.append(both[0] - both[1])
    assert math.sqrt(found.text_variance) == pytest.approx(np.std(drawn), rel=0.08)


def test_a_class_without_test_texts_has_no_f1() -> None:
    with pytest.raises(StudyError, match="needs a test text of the class"):
        gaps.class_f1([0, 1], [[0, 1]], own=2)


def test_the_mean_score_of_an_arm_has_an_interval_over_texts_and_seeds() -> None:
    rng = np.random.default_rng(8)
    truth = rng.integers(0, 2, 200)
    scored = gaps.accuracy(truth, answers(rng, truth, seeds=4, share=0.6))
    found = gaps.mean_score(scored)
    against_none = gaps.gap(scored, gaps.Scored(np.full(4, 0.5), np.zeros((4, 200))))

    assert (found.value, found.n) == (pytest.approx(scored.scores.mean()), 200)
    assert found.high - found.low == pytest.approx(against_none.high - against_none.low, rel=1e-3)


def test_a_perfect_score_has_the_rule_of_three_and_one_seed_has_no_interval() -> None:
    truth = np.tile([0, 1], 50)

    perfect = gaps.mean_score(gaps.macro_f1(truth, np.tile(truth, (3, 1))))

    assert (perfect.low, perfect.high) == (pytest.approx(0.97, abs=0.001), 1.0)
    assert math.isnan(gaps.mean_score(gaps.macro_f1(truth, truth)).low)


@pytest.mark.slow
@SCORERS
def test_the_error_from_texts_is_that_of_a_bootstrap_of_texts(scorer: Scorer) -> None:
    rng = np.random.default_rng(6)
    truth = (rng.random(300) < 0.25).astype(int)
    real, synthetic = (answers(rng, truth, seeds=3, share=share) for share in (0.8, 0.6))
    found = gaps.gap(scorer(truth, real), scorer(truth, synthetic))

    draws = [rng.integers(0, 300, 300) for _ in range(3000)]
    drawn = [
        scorer(truth[draw], real[:, draw]).scores.mean() - scorer(truth[draw], synthetic[:, draw]).scores.mean()
        for draw in draws
    ]
    assert math.sqrt(found.text_variance) == pytest.approx(np.std(drawn), rel=0.08)


@pytest.mark.parametrize("case", GOLDEN)
def test_the_spread_that_arms_share_is_that_of_limma(case: dict[str, Any]) -> None:
    n_seeds = case["df"] + 1
    arms = [
        gaps.Scored(0.7 + math.sqrt(variance) * _of_unit_variance(n_seeds), np.zeros((n_seeds, 9)))
        for variance in case["variances"]
    ]

    found = gaps.shared_spread(arms)

    assert (found.df, found.variance) == pytest.approx((case["prior_df"], case["prior_variance"]), rel=1e-6)
    squeezed = [gaps.moderated(variance, case["df"], found) for variance in case["variances"]]
    assert squeezed == pytest.approx(case["squeezed"], rel=1e-6)


def _of_unit_variance(n: int) -> Arrays:
    values = np.arange(n) - (n - 1) / 2
    return values / values.std(ddof=1)


def test_seeds_that_agree_leave_the_error_of_the_texts_and_arms_that_never_err_the_rule_of_three() -> None:
    truth = np.tile([0, 1], 50)
    right, wrong = np.tile(truth, (3, 1)), np.tile(1 - truth, (3, 1))
    half = np.where(np.arange(100) < 60, truth, 1 - truth)

    some = gaps.gap(gaps.accuracy(truth, right), gaps.accuracy(truth, np.tile(half, (3, 1))))
    never = gaps.gap(gaps.accuracy(truth, right), gaps.accuracy(truth, right))
    always = gaps.gap(gaps.accuracy(truth, right), gaps.accuracy(truth, wrong))

    assert some.value == pytest.approx(0.4) and some.high - some.low > 0.15
    assert (never.value, never.low, never.high) == pytest.approx((0, -0.03, 0.03))
    assert (always.value, always.low, always.high) == pytest.approx((1, 0.97, 1))
    assert "rule of three" in never.note


def test_the_rule_of_three_of_an_f1_is_by_what_a_text_of_the_class_is_worth() -> None:
    truth = np.repeat([0, 1], [990, 10])
    right = np.tile(truth, (3, 1))

    of_class = gaps.gap(*[gaps.class_f1(truth, right, own=1)] * 2)
    macro = gaps.gap(*[gaps.macro_f1(truth, right)] * 2)
    accuracy = gaps.gap(*[gaps.accuracy(truth, right)] * 2)

    assert of_class.high == pytest.approx(3 / 19)  # a lost true positive leaves 18 / 19
    assert macro.high == pytest.approx((3 / 19 + 3 / 1979) / 2)
    assert accuracy.high == pytest.approx(3 / 1000)


def test_arms_that_differ_without_a_right_answer_of_the_class_have_no_interval() -> None:
    truth = np.repeat([0, 1], [990, 10])
    one, other = np.zeros((2, 3, 1000), dtype=int)
    one[:, :50], other[:, 100:200] = 1, 1

    found = gaps.gap(gaps.class_f1(truth, one, own=1), gaps.class_f1(truth, other, own=1))

    assert found.value == 0 and math.isnan(found.low) and math.isnan(found.high)
    assert found.note.startswith("The arms answer 150 of 1000 texts differently")


def test_an_arm_without_training_has_no_error_from_seeds() -> None:
    rng = np.random.default_rng(4)
    truth = (rng.random(2000) < 0.4).astype(int)
    real = gaps.accuracy(truth, answers(rng, truth, seeds=3, share=0.3))
    commonest = gaps.accuracy(truth, np.zeros((3, 2000), dtype=int))
    spread = gaps.SeedSpread(0.03**2, math.inf)

    trained = gaps.gap(real, commonest, spread=spread)
    fixed = gaps.gap(real, dataclasses.replace(commonest, is_fixed=True), spread=spread)

    assert trained.seed_variance == pytest.approx(2 * 0.03**2 / 3)
    assert fixed.seed_variance == pytest.approx(0.03**2 / 3)
    assert fixed.high - fixed.low < trained.high - trained.low


@SCORERS
def test_the_order_of_texts_and_seeds_changes_nothing_and_swapped_arms_change_the_sign(scorer: Scorer) -> None:
    rng = np.random.default_rng(9)
    truth = rng.integers(0, 3, 90)
    real, synthetic = answers(rng, truth, seeds=4, share=0.8), answers(rng, truth, seeds=3, share=0.5)
    order = rng.permutation(90)

    plain = gaps.gap(scorer(truth, real), scorer(truth, synthetic))
    moved = gaps.gap(scorer(truth[order], real[::-1][:, order]), scorer(truth[order], synthetic[:, order]))
    swapped = gaps.gap(scorer(truth, synthetic), scorer(truth, real))

    assert (moved.value, moved.low, moved.df) == pytest.approx((plain.value, plain.low, plain.df))
    assert (swapped.value, swapped.low, swapped.high) == pytest.approx((-plain.value, -plain.high, -plain.low))


def test_few_seeds_have_no_interval_unless_other_arms_lend_theirs() -> None:
    rng = np.random.default_rng(12)
    truth = rng.integers(0, 2, 200)
    single, three = (gaps.accuracy(truth, answers(rng, truth, seeds=n, share=0.7)) for n in (1, 3))
    lent = gaps.shared_spread([gaps.accuracy(truth, answers(rng, truth, seeds=3, share=0.7)) for _ in range(6)])

    alone = gaps.gap(three, single)
    borrowed = gaps.gap(three, single, spread=lent)

    assert math.isnan(alone.low) and alone.note == "An interval needs 3 seeds in each arm; there are 3 and 1."
    assert math.isfinite(borrowed.low) and borrowed.note.startswith("One seed in an arm")
    assert gaps.shared_spread([three] * 5) == gaps.ALONE


def test_arms_on_different_texts_are_refused() -> None:
    one, other = (gaps.accuracy(np.zeros(n), np.zeros((3, n))) for n in (10, 12))

    with pytest.raises(StudyError, match="one has 10, the other 12"):
        gaps.gap(one, other)
    with pytest.raises(StudyError, match="found 4 for 5"):
        gaps.accuracy(np.zeros(5), np.zeros((3, 4)))


def test_only_an_arm_that_looks_at_the_texts_has_learned() -> None:
    rng = np.random.default_rng(3)
    truth = (rng.random(200) < 0.15).astype(int)

    assert gaps.has_learned(truth, answers(rng, truth, seeds=1, share=0.5))
    assert not gaps.has_learned(truth, np.zeros((3, 200), dtype=int))
    guessed = [gaps.has_learned(truth, rng.integers(0, 2, (3, 200))) for _ in range(200)]
    assert np.mean(guessed) < 0.06


def test_an_arm_whose_every_training_collapses_has_not_learned_whatever_the_sizes() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        classes = int(rng.integers(2, 5))
        truth = np.repeat(np.arange(classes), rng.integers(10, 200, classes))
        named = rng.integers(0, classes, (int(rng.integers(3, 8)), 1))  # by each training, of every text

        assert not gaps.has_learned(truth, np.tile(named, (1, len(truth))))


@pytest.mark.parametrize("score", [gaps.accuracy, gaps.macro_f1])
@pytest.mark.parametrize("seeds", [(3, 3), (3, 5), (3, 4), (5, 10)])
def test_arms_that_never_disagree_have_the_rule_of_three_for_any_numbers_of_seeds(
    score: Any, seeds: tuple[int, int]
) -> None:
    truth = np.arange(200) % 2
    answers = np.where(np.arange(200) < 7, 1 - truth, truth)

    one, other = (score(truth, np.tile(answers, (n, 1))) for n in seeds)
    found = gaps.gap(one, other)

    assert (round(found.low, 3), round(found.high, 3)) in {(-0.015, 0.015), (-0.016, 0.016)}
    assert "No disagreement" in found.note
