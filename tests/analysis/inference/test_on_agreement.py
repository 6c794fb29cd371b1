"""The gap over the agreement of raters: found where it is, absent where it is not, and refused where nothing can be told."""

import math

import numpy as np
import pytest

from core.analysis.inference import on_agreement
from core.analysis.inference.on_agreement import Effect, effect_words
from core.errors import StudyError
from tests.simulations.sizes import slack


def drawn(rng: np.random.Generator, *, slope: float, n: int = 120) -> Effect:
    """Two arms whose difference in accuracy changes with agreement by `slope`; labels are less agreed on in one class."""
    label = rng.integers(0, 2, n)
    agreement = rng.choice([0.6, 0.8, 1.0], n) - 0.05 * label
    real = (rng.random((3, n)) < 0.8).mean(axis=0)
    synthetic = (rng.random((3, n)) < np.clip(0.7 - slope * (agreement - 0.8), 0, 1)).mean(axis=0)
    return on_agreement.gap_over_agreement(real, synthetic, agreement=agreement, classes=label)


def test_a_gap_that_grows_as_agreement_falls_is_found_and_said() -> None:
    found = drawn(np.random.default_rng(1), slope=-1.2, n=600)

    assert found.low < -1.2 < found.high < 0
    assert effect_words(found).startswith("the gap is larger on texts with less agreement (-1.")


def test_without_an_effect_one_of_twenty_studies_finds_one() -> None:
    rng = np.random.default_rng(2)
    found = [drawn(rng, slope=0.0).p < 0.05 for _ in range(400)]

    assert 100 * float(np.mean(found)) == pytest.approx(5, abs=slack(5, n=400))


@pytest.mark.parametrize(
    ("real", "agreement", "classes", "said"),
    [
        ([1.0] * 10, [0.6] * 10, [0] * 10, "10 rated test texts are too few"),
        ([1.0, 0.0] * 20, [0.6] * 40, [0] * 40, "All 40 texts have the same agreement."),
        ([0.5] * 40, [0.6, 1.0] * 20, [0] * 40, "Both arms answer all 40 texts alike."),
        ([1.0, 0.0, 0.0, 1.0] * 10, [0.6, 1.0] * 20, [0, 1] * 20, "cannot be told from the label"),
    ],
)
def test_what_cannot_be_told_says_why(real: list[float], agreement: list[float], classes: list[int], said: str) -> None:
    found = on_agreement.gap_over_agreement(real, [0.5] * len(real), agreement=agreement, classes=classes)

    assert math.isnan(found.slope) and said in effect_words(found)


def test_lengths_must_agree() -> None:
    with pytest.raises(StudyError, match="found 3, 2 and 3"):
        on_agreement.gap_over_agreement([1, 0, 1], [1, 0, 0], agreement=[1, 1], classes=[0, 1, 0])


@pytest.mark.parametrize("seed", range(6))
def test_the_only_text_of_a_label_is_left_out_and_counted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes = np.array(["a"] * 20 + ["b"] * 19 + ["c"])
    agreement, real, synthetic = (rng.choice(values, 40) for values in ([0.6, 0.8, 1.0], [0, 0.5, 1], [0, 0.5, 1]))

    found = on_agreement.gap_over_agreement(real, synthetic, agreement=agreement, classes=classes)
    without = on_agreement.gap_over_agreement(real[:39], synthetic[:39], agreement=agreement[:39], classes=classes[:39])

    assert (found.slope, found.low, found.high) == (without.slope, without.low, without.high)
    assert math.isfinite(found.low) and found.n_texts == 39
    assert "39 texts; 1 text left out as the only one of a label" in effect_words(found)
