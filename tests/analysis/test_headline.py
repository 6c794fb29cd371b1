"""The first sentence about a study."""

import dataclasses

import pandas as pd
import pytest

from core.analysis.gap_table import GapTable
from core.analysis.headline import headline
from tests.analysis.test_findings import found

GAPS = {
    ("news", "zero-shot"): (0.005, -0.04, 0.05),
    ("spam", "zero-shot"): (0.02, -0.03, 0.07),
    ("sarcasm", "zero-shot"): (0.313, 0.2, 0.43),
    ("sarcasm", "few-shot"): (0.06, -0.02, 0.14),
    ("film", "zero-shot"): (0.5, 0.4, 0.6),
}
NAN = float("nan")


def said(
    gaps: dict[tuple[str, str], tuple[float, float, float]], *, unlearned: str = "film", encoders: int = 1, cut: int = 0
) -> str:
    rows = [
        (task, arm, f"encoder{place}", *numbers) for (task, arm), numbers in gaps.items() for place in range(encoders)
    ]
    table = pd.DataFrame(rows, columns=["task", "arm", "encoder", "gap", "low", "high"]).assign(unconverged=cut)
    measured = GapTable(table, {}, pd.DataFrame(), frozenset({(unlearned, "encoder0")}))
    return headline(dataclasses.replace(found(low=0.1), measured=measured))


def test_the_largest_gap_stands_beside_the_smallest_of_the_same_arm() -> None:
    assert said(GAPS) == (
        "The largest of 4 gaps: on sarcasm, zero-shot texts lose 31 points (95 % interval [20, 43]) of Macro-F1 against real texts; "
        "on news, 0.5 [-4, 5]."
    )


def test_a_loss_that_is_shown_stands_before_a_larger_one_that_is_not() -> None:
    one = said({("a", "zero-shot"): (0.1, -0.02, 0.22), ("b", "zero-shot"): (0.06, 0.04, 0.08)})
    more = said(
        {
            ("a", "zero-shot"): (0.1, -0.02, 0.22),
            ("b", "few-shot"): (0.06, 0.04, 0.08),
            ("c", "few-shot"): (0.03, 0.02, 0.04),
        }
    )

    assert one.startswith("The only loss that is shown, of 2 gaps: on b, zero-shot texts lose 6 points")
    assert more.startswith("The largest loss that is shown, of 3 gaps: on b, few-shot texts lose 6 points")
    assert "not known" not in one + more


def test_a_gap_with_runs_that_had_not_converged_says_so_behind_its_number() -> None:
    assert "lose 31 points (95 % interval [20, 43]; 3 runs not converged) of Macro-F1" in said(GAPS, cut=3)


def test_gaps_without_an_interval_and_gaps_to_a_real_arm_that_learned_nothing_do_not_count() -> None:
    bare = GAPS | {("trees", "zero-shot"): (0.9, NAN, NAN)}

    assert said(bare) == said(GAPS)
    assert said({("film", "zero-shot"): (0.5, 0.4, 0.6)}) == (
        "No gap can be judged yet. Film: the real arm is no better than chance. Train with more steps or on more real texts, or test on "
        "more real texts."
    )
    assert said({("trees", "zero-shot"): (0.9, NAN, NAN)}) == ""


@pytest.mark.parametrize(
    "gaps", [{("a", "x"): (0.1, -0.1, 0.3)}, {("a", "x"): (0.1, -0.1, 0.3), ("b", "x"): (0, -1, 1)}]
)
def test_a_gap_whose_interval_holds_zero_is_no_loss(gaps: dict[tuple[str, str], tuple[float, float, float]]) -> None:
    assert "10 points (95 % interval [-10, 30])" in said(gaps)
    assert "Whether anything is lost is not known" in said(
        gaps
    ) and "interval holds 0 and a loss of 30 points." in said(gaps)


def test_a_narrow_interval_around_zero_shows_no_loss_and_the_only_gap_with_an_interval_is_not_called_the_only_gap() -> (
    None
):
    found = said({("a", "x"): (-0.009, -0.03, 0.01), ("a", "y"): (0.04, NAN, NAN)})

    assert found == (
        "The only one of 2 gaps that can be judged yet: on a, x texts gain 0.9 points (95 % interval [1 lost, 3 gained]) of "
        "Macro-F1 against real texts. No loss is shown: the interval holds 0."
    )


def test_no_gap_is_called_no_loss_while_another_gap_may_be_one() -> None:
    sure = {("a", "x"): (-0.03, -0.05, -0.01)}

    assert said(sure | {("b", "x"): (-0.04, -0.06, -0.02)}).endswith(" No gap is a loss.")
    for other in ((-0.04, -0.14, 0.06), (0.2, NAN, NAN)):
        assert said(sure | {("b", "x"): other}).endswith(" This gap is no loss, but 1 of 2 gaps may be one.")


def test_one_gap_and_several_encoders_are_named() -> None:
    assert (
        said({("a", "x"): (0.2, 0.1, 0.3)})
        == "The only gap: on a, x texts lose 20 points (95 % interval [10, 30]) of Macro-F1 against real texts."
    )
    assert "on a with encoder0, x" in said({("a", "x"): (0.2, 0.1, 0.3)}, encoders=2)
