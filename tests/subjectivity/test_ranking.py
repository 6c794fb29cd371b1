"""Ranking: a published table, simulated raters, the majority graph, and what cannot be ranked."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import StudyError
from core.subjectivity import ranking

GOLDEN = Path(__file__).parents[1] / "golden"


def frame(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["rater_id", "left", "right", "winner"])


def beats(*pairs: str) -> pd.DataFrame:
    """ "ab" = a over b, "a=b" = a tie; every answer by another rater."""
    return frame(*((f"r{row}", pair[0], pair[-1], "tie" if "=" in pair else "left") for row, pair in enumerate(pairs)))


def simulated(strengths: list[float], *, raters: int, answers: int, seed: int, own: float = 0.5) -> pd.DataFrame:
    """Raters differ: each has strengths of their own around the common ones."""
    rng = np.random.default_rng(seed)
    rows = []
    for rater in range(raters):
        felt = np.array(strengths) + own * rng.standard_normal(len(strengths))
        for _ in range(answers):
            i, j = rng.choice(len(strengths), 2, replace=False)
            won = rng.random() < 1 / (1 + math.exp(felt[j] - felt[i]))
            rows.append((f"r{rater:03d}", f"t{i}", f"t{j}", "left" if won else "right"))
    return frame(*rows)


def by_logistic_regression(comparisons: pd.DataFrame) -> dict[str, float]:
    """Maximum likelihood by another road: a logit of wins on +1 / -1 columns; ties enter half each way."""
    names = sorted(set(comparisons["left"]) | set(comparisons["right"]))
    design = np.array(
        [
            [(name == left) - (name == right) for name in names[1:]]
            for left, right in zip(comparisons["left"], comparisons["right"], strict=True)
        ],
        dtype=float,
    )
    won = comparisons["winner"].map({"left": 1.0, "right": 0.0, "tie": 0.5}).to_numpy()
    logs = np.concatenate([[0.0], sm.GLM(won, design, family=sm.families.Binomial()).fit(tol=1e-12).params])
    return dict(zip(names, logs - logs.mean(), strict=True))


def test_baseball_of_1987_gives_the_abilities_published() -> None:
    golden = json.loads((GOLDEN / "bradley_terry_baseball_1987.json").read_text())
    teams = golden["teams"]
    games = [
        (f"g{i}{j}{k}", teams[i], teams[j], "left")
        for i in range(7)
        for j in range(7)
        for k in range(golden["wins"][i][j])
    ]

    found = ranking.bradley_terry(frame(*games), resamples=20)

    above = {team: strength.value - found.strength["Baltimore"].value for team, strength in found.strength.items()}
    assert above == pytest.approx(golden["ability"], abs=0.00006)
    assert found.order == tuple(teams)
    assert found.n == 273


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["ab", "bc", "cd", "ad", "bd", "ca"]), st.sampled_from(["left", "right", "tie"])),
        max_size=30,
    )
)
def test_strengths_are_those_of_a_logistic_regression(answers: list[tuple[str, str]]) -> None:
    ring = [("r", "a", "b", "left"), ("r", "b", "c", "left"), ("r", "c", "d", "left"), ("r", "d", "a", "left")]
    comparisons = frame(*ring, *(("r", pair[0], pair[1], winner) for pair, winner in answers))

    found = ranking.bradley_terry(comparisons, resamples=2)

    assert {name: s.value for name, s in found.strength.items()} == pytest.approx(
        by_logistic_regression(comparisons), abs=1e-5
    )
    assert sum(s.value for s in found.strength.values()) == pytest.approx(0, abs=1e-9)


def test_strengths_do_not_change_with_the_order_of_rows_the_sides_or_the_names() -> None:
    comparisons = simulated([-1, 0, 0.5, 1], raters=12, answers=10, seed=3)
    swapped = comparisons.iloc[::-1].rename(columns={"left": "right", "right": "left"})
    swapped["winner"] = swapped["winner"].map({"left": "right", "right": "left"})
    renamed = comparisons.replace({"left": {"t0": "zz"}, "right": {"t0": "zz"}})

    found, mirrored, other = (ranking.bradley_terry(rows, resamples=50) for rows in (comparisons, swapped, renamed))

    for name in found.order:
        assert mirrored.strength[name].value == pytest.approx(found.strength[name].value, abs=1e-6)
        assert mirrored.strength[name].low == pytest.approx(found.strength[name].low, abs=1e-6)
        assert other.strength[name.replace("t0", "zz")].value == pytest.approx(found.strength[name].value, abs=1e-6)


def test_a_tie_is_half_a_win_for_each() -> None:
    tied = ranking.bradley_terry(beats("a=b", "ab", "ba", "ab"), resamples=20)
    split = ranking.bradley_terry(beats("ab", "ba", "ab", "ba", "ab", "ab", "ab", "ba"), resamples=20)

    assert tied.strength["a"].value == pytest.approx(split.strength["a"].value, abs=1e-6)
    assert tied.strength["a"].value - tied.strength["b"].value == pytest.approx(math.log(2.5 / 1.5), abs=1e-6)


def test_simulated_strengths_are_recovered() -> None:
    truth = [-1.5, -0.5, 0.0, 0.8, 1.2]

    found = ranking.bradley_terry(simulated(truth, raters=200, answers=30, seed=0, own=0), resamples=20)

    assert [found.strength[f"t{i}"].value for i in range(5)] == pytest.approx(truth, abs=0.15)
    assert found.order == ("t4", "t3", "t2", "t1", "t0")


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    truth = [-0.8, -0.2, 0.2, 0.8]
    great = ranking.bradley_terry(simulated(truth, raters=3000, answers=12, seed=99, own=1.0), resamples=2)

    found = [
        ranking.bradley_terry(simulated(truth, raters=15, answers=12, seed=seed, own=1.0), resamples=100)
        for seed in range(80)
    ]

    covered = [s.low <= great.strength[name].value <= s.high for one in found for name, s in one.strength.items()]
    assert all(one.method == "resampling raters" for one in found)
    assert 0.90 <= np.mean(covered) <= 0.99


def test_names_that_never_lost_have_no_estimate_and_the_note_says_so() -> None:
    found = ranking.bradley_terry(beats("ab", "ab", "bc", "ac", "cb"))

    assert not found.connected
    assert "a never lost to the rest" in found.note
    assert found.order[0] == "a"
    assert all(math.isfinite(s.value) and math.isnan(s.low) and math.isnan(s.high) for s in found.strength.values())


def test_names_in_two_groups_apart_are_told() -> None:
    found = ranking.bradley_terry(beats("ab", "ba", "cd", "dc"))

    assert not found.connected
    assert "a, b was never compared with the rest" in found.note


def test_with_one_rater_answers_are_resampled_and_the_note_says_so() -> None:
    found = ranking.bradley_terry(beats("ab", "ab", "ba", "bc", "cb", "ac").assign(rater_id="one"), resamples=50)

    assert found.method == "resampling comparisons"
    assert found.note.startswith("With one rater")
    assert all(s.low < s.value < s.high for s in found.strength.values())


def test_levels_rise_along_the_majority_and_a_cycle_shares_one() -> None:
    comparisons = beats("ab", "bc", "ca", "ad", "ae", "de", "ed", "xa", "xb", "xb", "bx")

    levels = ranking.majority_levels(comparisons)

    assert levels == {"d": 1, "e": 1, "a": 2, "b": 2, "c": 2, "x": 3}
    assert ranking.bradley_terry(comparisons, resamples=2).levels == levels


@given(st.permutations("abcdef"))
def test_a_plain_order_gives_a_level_each(order: list[str]) -> None:
    comparisons = beats(*(more + less for place, more in enumerate(order) for less in order[place + 1 :]))

    levels = ranking.majority_levels(comparisons)

    assert [levels[name] for name in order] == [6, 5, 4, 3, 2, 1]


def test_bad_comparisons_are_refused_with_the_row() -> None:
    with pytest.raises(StudyError, match="Row 2 of the comparisons: winner must be left, right or tie; found 'both'"):
        ranking.bradley_terry(frame(("r", "a", "b", "left"), ("r", "a", "b", "both")))
    with pytest.raises(StudyError, match="Row 1 of the comparisons compares 'a' with itself"):
        ranking.bradley_terry(frame(("r", "a", "a", "left")))
    with pytest.raises(StudyError, match="Row 1 of the comparisons: left and right must both have a name"):
        ranking.bradley_terry(frame(("r", "a", "", "left")))
    with pytest.raises(StudyError, match="winner is missing"):
        ranking.bradley_terry(frame(("r", "a", "b", "left")).drop(columns="winner"))
    with pytest.raises(StudyError, match="at least one comparison"):
        ranking.majority_levels(frame())


def test_the_real_three_tasks_rank_as_expected(real_data: Path) -> None:
    comparisons = pd.read_csv(real_data.parent / "studies" / "real-three.comparisons.csv", dtype=str)

    found = ranking.bradley_terry(comparisons)

    assert found.order == ("tweet_sarcasm", "tweet_sentiment", "ag_news")
    assert found.levels == {"ag_news": 1, "tweet_sentiment": 2, "tweet_sarcasm": 3}
    assert found.connected


def test_raters_who_all_answer_alike_leave_no_interval() -> None:
    found = ranking.bradley_terry(beats("a=b", "a=b", "a=b", "a=b", "a=b"), resamples=20)

    assert found.strength["a"].value == pytest.approx(0, abs=1e-9)
    assert math.isnan(found.strength["a"].low) and math.isnan(found.strength["a"].high)
