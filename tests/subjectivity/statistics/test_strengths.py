"""Strengths and their standard errors: published tables, independent computations, and simulated raters who differ."""

import json
from pathlib import Path
from typing import Any

import evalica
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from core.subjectivity.statistics import strengths, tallies

Floats = npt.NDArray[np.float64]

GOLDEN = Path(__file__).parents[2] / "golden"
PUBLISHED = sorted(GOLDEN.glob("bradley_terry_*.json"))


def by_minorise_maximise(wins: Floats) -> Floats:
    """Hunter (2004), equation 3, iterated until it converges: gamma_i = W_i / sum_j n_ij / (gamma_i + gamma_j)."""
    n, gamma = wins + wins.T, np.ones(len(wins))
    for _ in range(200_000):
        after = wins.sum(axis=1) / (n / (gamma[:, None] + gamma[None, :])).sum(axis=1)
        after = after / np.exp(np.log(after).mean())
        if np.abs(after / gamma - 1).max() < 1e-13:
            break
        gamma = after
    return np.log(after)


def connected_wins(k: int, *, seed: int) -> Floats:
    """Random tables of wins with halves, in which every name beats the next name in a ring."""
    rng = np.random.default_rng(seed)
    wins = rng.integers(0, 9, (k, k)) / 2
    wins[np.arange(k), np.roll(np.arange(k), -1)] += 1
    np.fill_diagonal(wins, 0)
    return wins


@pytest.fixture(params=PUBLISHED, ids=lambda path: path.stem)
def published(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(json.loads(request.param.read_text()))


def test_a_published_table_gives_its_abilities_to_every_digit(published: dict[str, Any]) -> None:
    value = strengths.log_strengths(np.array(published["wins"], dtype=float))

    above = value - value[published["names"].index(published["reference"])]
    found = {name: round(float(one), published["digits"]) for name, one in zip(published["names"], above, strict=True)}
    assert found == published["ability"]


def test_a_published_table_gives_its_standard_errors_to_every_digit(published: dict[str, Any]) -> None:
    wins = np.array(published["wins"], dtype=float)
    value = strengths.log_strengths(wins)
    others = [place for place, name in enumerate(published["names"]) if name != published["reference"]]

    a = strengths.information(wins + wins.T, special.expit(value[:, None] - value[None, :]))
    errors = np.sqrt(np.diag(np.linalg.inv(a[np.ix_(others, others)])))

    found = {
        published["names"][place]: round(float(e), published["digits"]) for place, e in zip(others, errors, strict=True)
    }
    assert found == published["standard_error"]


@pytest.mark.parametrize("k", [2, 3, 7, 20])
def test_strengths_are_those_of_plain_iterations(k: int) -> None:
    wins = connected_wins(k, seed=k)

    assert strengths.log_strengths(wins) == pytest.approx(by_minorise_maximise(wins), abs=1e-6)


def test_strengths_are_those_of_another_package() -> None:
    wins = connected_wins(12, seed=1)
    winner, loser = np.nonzero(wins)

    found = evalica.bradley_terry(
        winner.tolist(),
        loser.tolist(),
        [evalica.Winner.X] * len(winner),
        index=pd.RangeIndex(12),
        weights=wins[winner, loser].tolist(),
        tolerance=1e-12,
        limit=100_000,
    )

    logs = np.log(found.scores.sort_index().to_numpy())
    assert strengths.log_strengths(wins) == pytest.approx(logs - logs.mean(), abs=1e-6)


def test_strengths_of_real_emotion_ratings_are_those_of_plain_iterations(real_data: Path) -> None:
    """Within every rater, the headline with more of the emotion wins over a headline with less; equal intensities are ties."""
    ratings = pd.read_csv(real_data / "emotion_affect_snow2008.ratings.csv", usecols=["item_id", "rater_id", "label"])
    pairs = ratings.merge(ratings, on="rater_id", suffixes=("", "_other"))
    pairs = pairs[(pairs["item_id"] < pairs["item_id_other"]) & (pairs["item_id_other"] <= 60)]
    above = np.sign(pairs["label"] - pairs["label_other"])
    comparisons = pd.DataFrame(
        {
            "rater_id": pairs["rater_id"],
            "left": pairs["item_id"],
            "right": pairs["item_id_other"],
            "winner": above.map({1: "left", -1: "right", 0: "tie"}),
        }
    )

    wins = tallies.tally(comparisons).wins

    assert strengths.connected(wins)
    assert len(wins) == 60
    assert strengths.log_strengths(wins) == pytest.approx(by_minorise_maximise(wins), abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 8), st.integers(0, 10**6), st.sampled_from([1.0, 1e3, 1e6]))
def test_the_score_is_zero_at_the_strengths_however_lopsided(k: int, seed: int, times: float) -> None:
    wins = connected_wins(k, seed=seed)
    wins = np.where(np.tri(k, dtype=bool), wins, wins * times)

    value = strengths.log_strengths(wins)

    n = wins + wins.T
    expected = n * special.expit(value[:, None] - value[None, :])
    assert wins.sum(axis=1) == pytest.approx(expected.sum(axis=1), rel=1e-7)


def simulated(k: int, *, raters: int, answers: int, seed: int) -> tallies.Tally:
    rng = np.random.default_rng(seed)
    left = rng.integers(k, size=raters * answers)
    right = (left + rng.integers(1, k, size=raters * answers)) % k
    share = rng.choice([0.0, 0.5, 1.0], size=raters * answers, p=[0.3, 0.2, 0.5])
    names = tuple(f"t{place}" for place in range(k))
    return tallies.Tally(names, np.repeat(np.arange(raters), answers), left, right, share, raters)


@pytest.mark.parametrize("raters", [1, 2, 40])
def test_the_covariance_is_that_of_a_logistic_regression_clustered_by_rater(raters: int) -> None:
    tally = simulated(4, raters=raters, answers=240 // raters, seed=raters)
    value = strengths.log_strengths(tally.wins)
    columns = np.arange(1, 4)
    design = (tally.left[:, None] == columns).astype(float) - (tally.right[:, None] == columns)
    groups = tally.rater if raters > 1 else np.arange(len(tally.share))

    covariance, units = strengths.covariance(tally, value)
    fitted = sm.GLM(tally.share, design, family=sm.families.Binomial()).fit(
        tol=1e-13, cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}
    )

    against_first = np.hstack([-np.ones((3, 1)), np.eye(3)])
    found = against_first @ covariance @ against_first.T
    assert units == len(set(groups))
    assert found == pytest.approx(fitted.cov_params() * units / (units - 1), rel=1e-6)


def test_the_covariance_leaves_the_sum_of_strengths_without_error() -> None:
    tally = simulated(5, raters=10, answers=30, seed=0)

    covariance, _ = strengths.covariance(tally, strengths.log_strengths(tally.wins))

    assert covariance.sum(axis=0) == pytest.approx(np.zeros(5), abs=1e-12)


def test_one_answer_has_no_covariance() -> None:
    tally = tallies.Tally(("a", "b"), np.array([0]), np.array([0]), np.array([1]), np.array([0.5]), 1)

    covariance, units = strengths.covariance(tally, np.zeros(2))

    assert np.isnan(covariance).all()
    assert units == 1
