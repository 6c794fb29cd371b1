"""Remote clique and Chamfer distance against hand-computed values and definitions, and changes that must not matter."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import StudyError
from core.interval import NORMAL_95
from core.quality import all_pairs, diversity
from core.quality.diversity import Distance

BOTH = list(Distance)


def random_rows(n: int, d: int = 24, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)) + 0.3


def by_definition(rows: np.ndarray, distance: str) -> tuple[float, float]:
    """Remote clique and Chamfer distance pair by pair, in float64."""
    apart = pairwise(rows, distance)
    return float(apart[np.isfinite(apart)].mean()), float(apart.min(axis=1).mean())


def pairwise(rows: np.ndarray, distance: str) -> np.ndarray:
    """The distance of every pair of rows, in float64; infinite from a row to itself."""
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    gaps = np.linalg.norm(unit[:, None, :] - unit[None, :, :], axis=2)
    apart = gaps**2 / 2 if distance == Distance.COSINE else 2 * np.arcsin(np.clip(gaps / 2, 0, 1))
    np.fill_diagonal(apart, np.inf)
    return apart


@pytest.mark.parametrize(
    ("distance", "clique", "chamfer"), [("cosine", 4 / 3, 1.0), ("angular", 2 * math.pi / 3, math.pi / 2)]
)
def test_three_rows_by_hand(distance: str, clique: float, chamfer: float) -> None:
    rows = np.array([[3.0, 0.0], [0.0, 0.5], [-1.0, 0.0]])

    assert diversity.remote_clique(rows, distance=distance) == pytest.approx(clique, abs=1e-6)
    assert diversity.chamfer_distance(rows, distance=distance) == pytest.approx(chamfer, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("distance", BOTH)
@pytest.mark.parametrize("n", [2, 3, 50, all_pairs.BLOCK, all_pairs.BLOCK + 1])
def test_both_equal_their_definitions(n: int, distance: Distance) -> None:
    rows = random_rows(n).astype(np.float32)

    found = diversity.measure(rows, distance=distance)

    clique, chamfer = by_definition(rows.astype(np.float64), distance)
    assert found.remote_clique.value == pytest.approx(clique, abs=1e-5)
    assert found.chamfer_distance.value == pytest.approx(chamfer, abs=1e-5)
    assert diversity.remote_clique(rows, distance=distance) == pytest.approx(found.remote_clique.value, abs=1e-9)
    assert diversity.chamfer_distance(rows, distance=distance) == pytest.approx(found.chamfer_distance.value, abs=1e-9)


@pytest.mark.parametrize("distance", BOTH)
@pytest.mark.parametrize("noise", [0.0, 1e-6, 1e-3, 1e-2])
def test_rows_that_are_nearly_the_same_are_exact_too(noise: float, distance: Distance) -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=16) + noise * rng.normal(size=(300, 16))

    found = diversity.measure(rows, distance=distance)

    clique, chamfer = by_definition(rows, distance)
    assert found.remote_clique.value == pytest.approx(clique, abs=1e-7)
    assert found.chamfer_distance.value == pytest.approx(chamfer, abs=1e-7)


def test_a_duplicate_is_another_row_and_counts_nothing() -> None:
    rows = random_rows(40)
    doubled = np.concatenate([rows, rows])

    for distance in BOTH:
        assert diversity.chamfer_distance(doubled, distance=distance) == pytest.approx(0, abs=1e-7)
        assert diversity.remote_clique(doubled, distance=distance) > 0.1


@pytest.mark.slow
@given(seed=st.integers(0, 1000), n=st.integers(2, 40))
def test_order_length_and_turning_change_nothing(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    rows = random_rows(n, d=6, seed=seed)
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    other = (rows * rng.uniform(0.1, 9, size=(n, 1)))[rng.permutation(n)] @ turn

    before, after = diversity.measure_all(rows), diversity.measure_all(other)

    for distance in BOTH:
        assert after[distance].remote_clique.value == pytest.approx(before[distance].remote_clique.value, abs=1e-5)
        assert after[distance].chamfer_distance.value == pytest.approx(
            before[distance].chamfer_distance.value, abs=1e-5
        )


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_rows_have_no_diversity(n: int) -> None:
    found = diversity.measure_all(random_rows(n))

    assert all(math.isnan(found[distance].remote_clique.value) for distance in BOTH)
    assert math.isnan(diversity.remote_clique(random_rows(n)))
    assert math.isnan(diversity.chamfer_distance(random_rows(n), distance="angular"))


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (np.array([[1.0, 0.0], [0.0, 0.0]]), "Row 2 of the embeddings holds only zeros"),
        (np.array([[np.nan, 0.0], [0.0, 1.0]]), "Row 1 of the embeddings holds a number that is not finite"),
        (np.array([1.0, 2.0]), "one row per text"),
    ],
)
def test_rows_without_a_direction_are_refused(rows: np.ndarray, sentence: str) -> None:
    with pytest.raises(StudyError, match=sentence):
        diversity.remote_clique(rows)


@pytest.mark.slow
def test_the_interval_of_remote_clique_is_the_jackknife_and_holds_the_truth_as_often_as_it_says() -> None:
    rows, n = random_rows(12, d=5), 12
    left_out = [diversity.remote_clique(np.delete(rows, place, axis=0)) for place in range(n)]
    error = math.sqrt((n - 1) * np.var(left_out))

    one = diversity.measure(rows)
    draws = [diversity.measure(random_rows(60, d=5, seed=seed)) for seed in range(400)]

    assert (one.remote_clique.high - one.remote_clique.value) == pytest.approx(NORMAL_95 * error, rel=1e-6)
    truth = diversity.remote_clique(random_rows(20_000, d=5, seed=9999))
    covered = np.mean([draw.remote_clique.low <= truth <= draw.remote_clique.high for draw in draws])
    assert 0.90 < covered < 0.98


@pytest.mark.parametrize("distance", BOTH)
@pytest.mark.parametrize("n", [3, 12, all_pairs.BLOCK + 40])
def test_the_interval_of_chamfer_distance_is_the_delete_one_jackknife(n: int, distance: Distance) -> None:
    rows = random_rows(n, d=5)
    rows[: n // 3] = rows[0] + 1e-3 * rows[: n // 3]  # close to one another, so that a row has many nearest to it
    apart = pairwise(rows, distance)
    whole = apart.min(axis=1).sum()
    left_out = []
    for place in range(n):
        affected = np.flatnonzero(apart.argmin(axis=1) == place)
        others = np.delete(apart[affected], place, axis=1).min(axis=1).sum() - apart[affected].min(axis=1).sum()
        left_out.append((whole - apart[place].min() + others) / (n - 1))

    found = diversity.measure(rows, distance=distance).chamfer_distance

    error = math.sqrt((n - 1) * np.var(left_out))
    assert found.high - found.value == pytest.approx(NORMAL_95 * error, rel=1e-3)
    if n == 12:
        assert left_out[5] == pytest.approx(by_definition(np.delete(rows, 5, axis=0), distance)[1], abs=1e-9)


def test_two_rows_have_a_distance_without_an_interval() -> None:
    found = diversity.measure(random_rows(2)).chamfer_distance

    assert found.value > 0
    assert not found.is_defined


def test_arms_are_compared_on_as_many_texts_as_the_smallest_has() -> None:
    same = random_rows(900)
    arms = {"small": same[:200], "large": same}

    table = diversity.at_equal_size(arms, draws=4, seed=3)
    small, large = (table[(table["arm"] == arm) & (table["distance"] == "cosine")].iloc[0] for arm in arms)

    assert (small["n"], small["available"], small["draws"]) == (200, 200, 1)
    assert (large["n"], large["available"], large["draws"]) == (200, 900, 4)
    assert small["chamfer_distance"] == pytest.approx(diversity.chamfer_distance(same[:200]), abs=1e-9)
    assert diversity.chamfer_distance(same) < 0.9 * small["chamfer_distance"]
    assert large["chamfer_distance"] == pytest.approx(small["chamfer_distance"], rel=0.05)
    assert table.equals(diversity.at_equal_size(arms, draws=4, seed=3))


def test_asking_for_more_texts_than_there_are_names_the_smallest_arm() -> None:
    with pytest.raises(StudyError, match="'small' has 5"):
        diversity.at_equal_size({"large": random_rows(9), "small": random_rows(5)}, n=6)


@pytest.mark.slow
def test_thirty_thousand_texts_are_measured_whole() -> None:
    rows = random_rows(30_000, d=32).astype(np.float32)

    assert diversity.measure_all(rows)[Distance.COSINE].n == 30_000
