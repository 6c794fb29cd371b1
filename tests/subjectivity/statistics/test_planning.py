"""Planned ratings: widths predicted from half a study, and invariants of plans."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import StudyError
from core.subjectivity.statistics import agreement, planning
from core.subjectivity.statistics.counts import Level
from core.subjectivity.statistics.intervals import Coefficient
from core.subjectivity.statistics.planning import Way


def rated(items: int, *, per_item: int, seed: int = 0, clear: tuple[float, float] = (3, 2)) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    true = rng.choice(2, items)
    right = rng.random((items, per_item)) < rng.beta(*clear, items)[:, None]
    label = np.where(right, true[:, None], rng.choice(2, (items, per_item)))
    return pd.DataFrame(
        {
            "item_id": np.repeat(np.arange(items), per_item),
            "rater_id": np.tile(np.arange(per_item), items),
            "label": label.ravel(),
        }
    )


def width_of(ratings: pd.DataFrame, statistic: Coefficient) -> float:
    found = agreement.summary(ratings)
    if statistic == Coefficient.MAJORITY:
        return found.mean_majority_high - found.mean_majority_low
    return found.high - found.low


def expected_width(ratings: pd.DataFrame, way: Way, size: int, statistic: Coefficient) -> float:
    """Mean simulated width of the interval with `size` items in all, or `size` raters for every item."""
    present = planning.prepare(ratings, level=Level.NOMINAL, statistic=statistic, seed=0)
    return float(planning.simulated_widths(present, way, size, seed=0).mean())


@pytest.mark.parametrize("statistic", [Coefficient.ALPHA, Coefficient.MAJORITY])
def test_half_the_items_foretell_the_width_of_all(real_data: Path, statistic: Coefficient) -> None:
    ratings = pd.read_csv(real_data / "multipico_irony_en.ratings.csv", keep_default_na=False, dtype=str)
    chosen = ratings["item_id"].drop_duplicates().sample(frac=0.5, random_state=0)
    half = ratings[ratings["item_id"].isin(chosen)]

    expected = expected_width(half, Way.ITEMS, ratings["item_id"].nunique(), statistic)

    assert expected == pytest.approx(width_of(ratings, statistic), rel=0.25)


@pytest.mark.parametrize("statistic", [Coefficient.ALPHA, Coefficient.MAJORITY])
@pytest.mark.parametrize("name", ["multipico_irony_en", "face_sentiment", "duck_binary"])
def test_half_the_raters_foretell_the_width_with_all(real_data: Path, name: str, statistic: Coefficient) -> None:
    ratings = pd.read_csv(real_data / f"{name}.ratings.csv", keep_default_na=False, dtype=str)
    shuffled = ratings.sample(frac=1, random_state=2)
    place, size = shuffled.groupby("item_id").cumcount(), shuffled.groupby("item_id")["label"].transform("size")
    half = shuffled[place < (size + 1) // 2]

    expected = expected_width(half, Way.RATERS, round(size.mean()), statistic)

    assert expected == pytest.approx(width_of(ratings, statistic), rel=0.25)


def test_the_items_planned_bring_the_width_asked_for() -> None:
    plan = planning.more_ratings(rated(60, per_item=3), width=0.15)

    widths = [width_of(rated(plan.needed_items, per_item=3, seed=seed), Coefficient.ALPHA) for seed in range(1, 11)]

    assert not plan.reached
    assert np.mean(widths) == pytest.approx(0.15, rel=0.2)


@pytest.mark.slow
def test_a_narrower_interval_never_takes_fewer_ratings() -> None:
    ratings = rated(60, per_item=3)

    plans = [planning.more_ratings(ratings, width=width) for width in (0.5, 0.3, 0.2, 0.1, 0.05, 0.01)]

    for count in ("needed_items", "needed_ratings"):
        assert [getattr(plan, count) for plan in plans] == sorted(getattr(plan, count) for plan in plans)
    assert plans[-1].needed_items > 1000


def test_the_curve_falls_and_starts_at_the_present() -> None:
    plan = planning.more_ratings(rated(60, per_item=3), width=0.1)

    assert list(plan.curve.columns) == ["way", "n_items", "raters_per_item", "n_ratings", "width", "low", "high"]
    for _, curve in plan.curve.groupby("way"):
        assert curve["width"].iloc[0] == plan.now_width
        assert curve["n_ratings"].is_monotonic_increasing
        assert curve["width"].is_monotonic_decreasing
        assert (curve["low"] <= curve["width"]).all()
        assert (curve["width"] <= curve["high"]).all()


def test_a_width_already_reached_stops_the_session() -> None:
    ratings = rated(200, per_item=5)

    plan = planning.more_ratings(ratings, width=0.9)

    assert plan.reached
    assert (plan.needed_items, plan.needed_ratings) == (200, 1000)
    assert plan.sentence.endswith("the session can stop.")


def test_more_raters_alone_do_not_make_up_for_few_items() -> None:
    plan = planning.more_ratings(rated(20, per_item=3), width=0.02)

    assert plan.needed_raters_per_item is None
    assert "further raters on the items at hand alone do not get there" in plan.sentence


def test_the_same_seed_gives_the_same_plan() -> None:
    first, again = (planning.more_ratings(rated(60, per_item=3), width=0.1, seed=3) for _ in range(2))

    pd.testing.assert_frame_equal(first.curve, again.curve)
    assert first.sentence == again.sentence


def test_unanimous_raters_can_be_planned_for() -> None:
    ratings = pd.DataFrame(
        [(item, rater, item % 2) for item in range(10) for rater in range(3)], columns=["item_id", "rater_id", "label"]
    )

    plan = planning.more_ratings(ratings, width=0.1)

    assert plan.now_width > 0.1
    assert 20 < plan.needed_items < 200


def test_a_plan_needs_an_interval_to_start_from_and_a_width_that_can_be() -> None:
    with pytest.raises(StudyError, match="no interval to plan from yet"):
        planning.more_ratings(rated(1, per_item=3), width=0.1)
    with pytest.raises(StudyError, match="between 0 and 1; found 0"):
        planning.more_ratings(rated(20, per_item=3), width=0)


@pytest.mark.timeout(60)  # 0.3 s on a quiet core
def test_a_plan_for_many_ratings_ends() -> None:
    plan = planning.more_ratings(rated(2000, per_item=10), width=0.01)

    assert plan.needed_items > 2000


def test_raters_who_all_differ_alike_leave_nothing_to_plan() -> None:
    ratings = pd.DataFrame(
        [(item, rater, rater) for item in range(10) for rater in range(2)], columns=["item_id", "rater_id", "label"]
    )

    with pytest.raises(StudyError, match="All items are split alike so far"):
        planning.more_ratings(ratings, width=0.1, statistic=Coefficient.PERCENT)
    assert planning.more_ratings(ratings, width=0.9, statistic=Coefficient.PERCENT).reached


@pytest.mark.parametrize("items", [["ab", "cb"], ["ab", "ab"], ["ab"] * 12])
def test_items_that_are_all_split_alike_promise_no_narrow_interval(items: list[str]) -> None:
    rows = [(item, rater, label) for item, given in enumerate(items) for rater, label in enumerate(given)]

    with pytest.raises(StudyError, match="cannot be foreseen"):
        planning.more_ratings(pd.DataFrame(rows, columns=["item_id", "rater_id", "label"]), width=0.1)
