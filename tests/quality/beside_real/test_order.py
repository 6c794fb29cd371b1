"""The arm to start with: named with its reason, shared where arms cannot be told apart, withheld with what to do."""

from dataclasses import replace

import pytest

from core.quality import readings
from core.quality.beside_real import order
from core.quality.measures import Measures
from tests import measured

FIVE = {"real": 0.40, "grid": 0.31, "simple": 0.22, "long": 0.28, "short": 0.18, "odd": 0.20}


def test_the_arm_with_the_largest_chamfer_distance_comes_first_with_its_interval_and_the_next() -> None:
    found = order.foretell(measured.by_distance(FIVE))

    assert found.arms == ("grid", "long", "simple", "odd", "short")
    assert found.first == ("grid",)
    why, based_on, *_ = order.sentences(found)
    assert why.startswith("Of these five arms, start with grid:")
    assert "0.31 [0.30, 0.32]; next: long with 0.28 [0.27, 0.29]" in why
    assert "32 public arms" in based_on
    assert "300 texts of each arm" in based_on


def test_arms_whose_intervals_overlap_are_named_together() -> None:
    found = order.foretell(measured.by_distance(FIVE, margin=0.02))

    assert found.first == ("grid", "long")
    assert "start with grid or long: grid comes first, but the two cannot be told apart" in order.sentences(found)[0]


def test_the_arms_that_other_measures_put_first_are_named() -> None:
    arms = [measured.arm(name, value) for name, value in FIVE.items()]
    best, other = (next(place for place, arm in enumerate(arms) if arm.arm == name) for name in ("grid", "odd"))
    arms[best] = replace(arms[best], beside=replace(arms[best].beside, recall=0.9))
    arms[other] = replace(arms[other], beside=replace(arms[other].beside, vendi_score=200.0, compression_ratio=2.0))

    found = order.foretell(measured.task(*arms))

    assert found.leaders == {"recall": "grid", "vendi_score": "odd", "compression_ratio": "odd"}
    assert order.sentences(found)[2] == (
        "The other measures put first: odd (Vendi, Compression); grid (Recall of real). So be less sure: "
        "train a few hundred texts of grid and of odd before you pay for more."
    )


def test_no_second_arm_is_named_where_most_other_measures_agree() -> None:
    arms = [measured.arm(name, value) for name, value in FIVE.items()]
    best = next(place for place, arm in enumerate(arms) if arm.arm == "grid")
    arms[best] = replace(arms[best], beside=replace(arms[best].beside, recall=0.9, mmd=0.01))

    said = order.sentences(order.foretell(measured.task(*arms)))

    assert said[2] == "The other measures put first: grid (Recall of real, MMD)."


def test_an_arm_more_varied_than_real_texts_is_to_be_read_first() -> None:
    said = order.sentences(order.foretell(measured.by_distance({"real": 0.2, "grid": 0.31, "simple": 0.1})))

    assert "grid is more varied than the real texts (0.20 [0.19, 0.21])" in said[2]


def test_a_small_arm_is_said_not_to_be_in_the_order() -> None:
    arms = [measured.arm(name, value) for name, value in FIVE.items()]
    found = order.foretell(measured.task(*arms, measured.arm("tiny", n=9, compared=0)))

    assert found.left_out == ("tiny",)
    assert order.sentences(found)[-1] == "Not in the order, with too few texts: tiny."


@pytest.mark.parametrize(
    ("measures", "reason"),
    [
        (measured.by_distance({"grid": 0.3, "simple": 0.2}), "no real texts"),
        (measured.by_distance({"real": 0.3, "simple": 0.2}), "two synthetic arms"),
        (measured.by_distance({"real": 0.3, "grid": 0.3, "simple": 0.2}, n=60), "real has 60"),
        (
            measured.task(measured.arm("real"), measured.arm("grid", n=9, compared=0), measured.arm("simple")),
            "grid has 9",
        ),
        (
            measured.task(*(measured.arm(name, tokens=measured.THAI) for name in ("real", "grid", "simple"))),
            "does not know the language of real (and of grid, simple): it lacks 56 % of the tokens",
        ),
    ],
)
def test_no_arm_is_named_where_that_is_not_worth_saying(measures: Measures, reason: str) -> None:
    found = order.foretell(measures)

    assert (found.arms, found.first) == ((), ())
    said = order.sentences(found)
    assert len(said) == 1
    assert said[0].startswith("No arm is named to start with:")
    assert reason in said[0]


def test_the_table_is_in_the_order_foretold_with_the_real_arm_last() -> None:
    measures = measured.by_distance(FIVE)

    table = order.table(measures, order.foretell(measures))

    assert list(table.columns) == order.COLUMNS
    assert table["arm"].tolist() == ["grid", "long", "simple", "odd", "short", "real"]
    assert table["chamfer"].iloc[0] == "0.31 [0.30, 0.32]"
    assert table["recall_of_real"].isna().tolist() == [False] * 5 + [True]


def test_diversity_is_not_put_in_words_for_an_unknown_language() -> None:
    measures = measured.task(*(measured.arm(name, tokens=measured.THAI) for name in ("real", "grid")))

    said = readings.reading(measures)["diversity"]

    assert "as diverse as" not in " ".join(said)
    assert "does not know the language of real, grid" in said[0]
