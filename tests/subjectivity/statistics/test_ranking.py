"""Ranking: strengths and intervals, names that can be told apart, strengths and levels side by side."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from core.subjectivity.statistics import ranking, ranking_coverage

SIDE_BY_SIDE_COLUMNS = ["name", "strength", "low", "high", "bt_rank", "level", "wins", "losses", "ties", "n"]


def frame(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["rater_id", "left", "right", "winner"])


def beats(*pairs: str) -> pd.DataFrame:
    """Comparisons from "ab" (a wins over b) and "a=b" (a tie), each by another rater."""
    return frame(*((f"r{row}", pair[0], pair[-1], "tie" if "=" in pair else "left") for row, pair in enumerate(pairs)))


def simulated(strengths: list[float], *, raters: int, answers: int, seed: int, own: float = 0.5) -> pd.DataFrame:
    """Simulated comparisons by raters with individual strengths, normal around the common strengths."""
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
    """Maximum-likelihood strengths by a logistic regression on +1 / -1 columns; a tie enters as half a win each way."""
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

    found = ranking.bradley_terry(comparisons)

    assert {name: s.value for name, s in found.strength.items()} == pytest.approx(
        by_logistic_regression(comparisons), abs=1e-5
    )
    assert sum(s.value for s in found.strength.values()) == pytest.approx(0, abs=1e-9)


def test_strengths_do_not_change_with_the_order_of_rows_the_sides_or_the_names() -> None:
    comparisons = simulated([-1, 0, 0.5, 1], raters=12, answers=10, seed=3)
    swapped = comparisons.iloc[::-1].rename(columns={"left": "right", "right": "left"})
    swapped["winner"] = swapped["winner"].map({"left": "right", "right": "left"})
    renamed = comparisons.replace({"left": {"t0": "zz"}, "right": {"t0": "zz"}})

    found, mirrored, other = (ranking.bradley_terry(rows) for rows in (comparisons, swapped, renamed))

    for name in found.order:
        assert mirrored.strength[name].value == pytest.approx(found.strength[name].value, abs=1e-6)
        assert mirrored.strength[name].low == pytest.approx(found.strength[name].low, abs=1e-6)
        assert other.strength[name.replace("t0", "zz")].value == pytest.approx(found.strength[name].value, abs=1e-6)


def test_a_tie_is_half_a_win_for_each() -> None:
    tied = ranking.bradley_terry(beats("a=b", "ab", "ba", "ab"))
    split = ranking.bradley_terry(beats("ab", "ba", "ab", "ba", "ab", "ab", "ab", "ba"))

    assert tied.strength["a"].value == pytest.approx(split.strength["a"].value, abs=1e-6)
    assert tied.strength["a"].value - tied.strength["b"].value == pytest.approx(math.log(2.5 / 1.5), abs=1e-6)


def test_simulated_strengths_are_recovered() -> None:
    truth = [-1.5, -0.5, 0.0, 0.8, 1.2]

    found = ranking.bradley_terry(simulated(truth, raters=200, answers=30, seed=0, own=0))

    assert [found.strength[f"t{i}"].value for i in range(5)] == pytest.approx(truth, abs=0.15)
    assert found.order == ("t4", "t3", "t2", "t1", "t0")


def test_names_that_never_lost_have_no_estimate_and_the_note_says_so() -> None:
    found = ranking.bradley_terry(beats("ab", "ab", "bc", "ac", "cb"))

    assert not found.connected
    assert "a never lost to the rest" in found.note
    assert found.order[0] == "a"
    assert all(math.isfinite(s.value) and math.isnan(s.low) and math.isnan(s.high) for s in found.strength.values())


def test_names_in_two_groups_apart_are_told() -> None:
    found = ranking.bradley_terry(beats("ab", "ba", "cd", "dc"))

    assert not found.connected
    assert "a, b were never compared with the rest" in found.note


def test_with_one_rater_the_spread_is_that_of_answers_and_the_note_says_so() -> None:
    found = ranking.bradley_terry(beats("ab", "ab", "ba", "bc", "cb", "ac").assign(rater_id="one"))

    assert found.method == "robust over answers"
    assert found.note.startswith("With one rater")
    assert all(s.low < s.value < s.high for s in found.strength.values())


def test_the_real_three_tasks_rank_as_expected(real_data: Path) -> None:
    comparisons = pd.read_csv(real_data.parent / "studies" / "real-three.comparisons.csv", dtype=str)

    found = ranking.bradley_terry(comparisons)

    assert found.order == ("tweet_sarcasm", "tweet_sentiment", "ag_news")
    assert found.levels == {"ag_news": 1, "tweet_sentiment": 2, "tweet_sarcasm": 3}
    assert found.connected


def test_raters_who_all_answer_alike_leave_no_interval() -> None:
    found = ranking.bradley_terry(beats("a=b", "a=b", "a=b", "a=b", "a=b"))

    assert found.strength["a"].value == pytest.approx(0, abs=1e-9)
    assert math.isnan(found.strength["a"].low) and math.isnan(found.strength["a"].high)


def test_ties_are_counted() -> None:
    found = ranking.bradley_terry(beats("a=b", "ab", "ba", "a=b", "ab"))

    assert (found.n, found.ties) == (5, 2)


def test_a_difference_has_a_narrower_interval_than_two_strengths_side_by_side() -> None:
    comparisons = simulated([-0.5, 0, 0.5], raters=20, answers=12, seed=5)

    strength = ranking.bradley_terry(comparisons).strength
    table = ranking.differences(comparisons).set_index(["a", "b"])

    top = table.loc[("t2", "t0")]
    both = (strength["t2"].high - strength["t2"].low) + (strength["t0"].high - strength["t0"].low)
    assert top["difference"] == pytest.approx(strength["t2"].value - strength["t0"].value, abs=1e-9)
    assert 0 < top["high"] - top["low"] < both


def test_a_difference_of_two_names_is_twice_their_strength() -> None:
    comparisons = beats("ab", "ab", "ab", "ba", "ab", "a=b")

    strength = ranking.bradley_terry(comparisons).strength["a"]
    difference = ranking.differences(comparisons).iloc[0]

    assert difference["low"] == pytest.approx(2 * strength.low, abs=1e-9)
    assert difference["high"] == pytest.approx(2 * strength.high, abs=1e-9)


def test_pairs_are_listed_once_the_stronger_first() -> None:
    table = ranking.differences(simulated([-1, 0, 0.5, 1], raters=12, answers=10, seed=3))

    assert list(table.columns) == ranking.DIFFERENCE_COLUMNS
    assert len(table) == 6
    assert (table["difference"] >= 0).all()
    assert (table["told_apart"] == (table["low"] > 0)).all()


def apart(order: str, *untold: str) -> pd.DataFrame:
    """A table of differences of single-letter names in order; the given pairs, such as "ab", are not told apart."""
    rows = [
        (a, b, 1.0, -1.0 if a + b in untold else 0.5, 2.0, a + b not in untold)
        for place, a in enumerate(order)
        for b in order[place + 1 :]
    ]
    return pd.DataFrame(rows, columns=ranking.DIFFERENCE_COLUMNS)


@pytest.mark.parametrize(
    ("untold", "groups"),
    [
        ((), ()),
        (("bc",), (("b", "c"),)),
        (("ab", "bc"), (("a", "b"), ("b", "c"))),
        (("ab", "ac", "bc"), (("a", "b", "c"),)),
        (("ad",), (("a", "d"),)),
    ],
)
def test_names_share_a_group_exactly_when_they_are_not_told_apart(
    untold: tuple[str, ...], groups: tuple[tuple[str, ...], ...]
) -> None:
    assert ranking.tied_groups(apart("abcd", *untold)) == groups


@given(st.sets(st.sampled_from(["ab", "ac", "ad", "ae", "bc", "bd", "be", "cd", "ce", "de"])))
def test_groups_cover_all_pairs_that_are_tied_and_no_other(untold: set[str]) -> None:
    groups = ranking.tied_groups(apart("abcde", *untold))

    covered = {group[i] + group[j] for group in groups for j in range(len(group)) for i in range(j)}
    assert covered == untold


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (apart("ab"), "a is more subjective than b."),
        (apart("ab", "ab"), "a and b cannot be told apart."),
        (apart(("news_topic", "spam")), "news topic is more subjective than spam."),
        (apart("abc"), "All 3 are told apart."),
        (apart("abc", "ab", "ac", "bc"), "None of the 3 can be told apart."),
        (apart("abc", "ab"), "c is less subjective than all others; a and b cannot be told apart."),
        (
            apart("abcd", "bc"),
            "a is more subjective than all others; d is less subjective than all others; b and c cannot be told apart.",
        ),
    ],
)
def test_what_can_be_told_apart_is_said_in_one_sentence(table: pd.DataFrame, words: str) -> None:
    assert ranking.told_apart_words(table) == words


def test_a_long_group_is_not_spelled_out() -> None:
    untold = [a + b for place, a in enumerate("bcdefg") for b in "bcdefg"[place + 1 :]]

    words = ranking.told_apart_words(apart("abcdefg", *untold))

    assert words == "a is more subjective than all others; b, c, d and 3 more cannot be told apart."


def test_without_intervals_nothing_is_told_apart() -> None:
    table = ranking.differences(beats("ab", "ac", "bc"))

    assert not table["told_apart"].any()
    assert ranking.told_apart_words(table).startswith("No difference has an interval yet")


def test_both_rankings_stand_side_by_side_with_their_counts() -> None:
    table = ranking.side_by_side(beats("ab", "ab", "ba", "bc", "cb", "bc", "ac", "a=c"))

    assert list(table.columns) == SIDE_BY_SIDE_COLUMNS
    assert table["name"].tolist() == ["a", "b", "c"]
    assert table["level"].tolist() == [3, 2, 1]
    assert table[["wins", "losses", "ties", "n"]].to_numpy().tolist() == [[3, 1, 1, 5], [3, 3, 0, 6], [1, 3, 1, 5]]


def test_both_rankings_agree_fully_on_a_plain_order() -> None:
    comparisons = beats("ab", "ab", "ba", "bc", "bc", "cb", "ac", "ac", "ca")

    found = ranking.correlation(ranking.side_by_side(comparisons))

    assert (found.spearman, found.kendall, found.n) == (pytest.approx(1), pytest.approx(1), 3)


def test_rankings_are_not_compared_on_a_single_level() -> None:
    found = ranking.correlation(ranking.side_by_side(beats("ab", "bc", "ca")))

    assert math.isnan(found.spearman) and math.isnan(found.kendall)


def test_the_answer_says_how_far_its_intervals_miss() -> None:
    comparisons = beats("ab", "ba", "bc", "cb", "ac", "ca")

    found = ranking.bradley_terry(comparisons)

    assert found.coverage == ranking_coverage.words(n_names=3, n_raters=6, n=6)


@pytest.mark.parametrize("raters", [1, 4])
def test_without_intervals_or_with_one_rater_nothing_is_said_of_their_coverage(raters: int) -> None:
    found = ranking.bradley_terry(frame(*[(f"r{one}", "a", "b", "tie") for one in range(raters)]))

    assert found.coverage == ""
    assert ("one rater" if raters == 1 else "All raters answered alike") in found.note
