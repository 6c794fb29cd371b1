"""Near-duplicates: all planted pairs are found, no pair below the threshold is, and the fast search misses no pair."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.study.splits import duplicates

LETTERS = "abcdefghijklmnopqrstuvwxyz"
Edit = Callable[[str, np.random.Generator], str]


def change_letters(n: int) -> Edit:
    def edit(text: str, rng: np.random.Generator) -> str:
        letters = list(text)
        for place in rng.choice(len(letters), size=n, replace=False):
            letters[place] = LETTERS[rng.integers(26)]
        return "".join(letters)

    return edit


def swap_words(text: str, rng: np.random.Generator) -> str:
    words = text.split()
    place = int(rng.integers(len(words) - 1))
    words[place], words[place + 1] = words[place + 1], words[place]
    return " ".join(words)


def drop_a_word(text: str, rng: np.random.Generator) -> str:
    words = text.split()
    del words[rng.integers(len(words))]
    return " ".join(words)


def add_a_word(text: str, rng: np.random.Generator) -> str:
    words = text.split()
    words.insert(int(rng.integers(len(words))), "really")
    return " ".join(words)


EDITS: dict[str, Edit] = {
    "one letter": change_letters(1),
    "two letters": change_letters(2),
    "punctuation": lambda text, rng: text.replace(" ", ", ", 2) + "!!",
    "capitals": lambda text, rng: text.upper(),
    "spaces": lambda text, rng: "  " + text.replace(" ", "   "),
    "words swapped": swap_words,
    "word dropped": drop_a_word,
    "word added": add_a_word,
}


def random_texts(n: int, *, words: int = 12, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    vocabulary = ["".join(rng.choice(list(LETTERS), size=rng.integers(3, 9))) for _ in range(5000)]
    return [" ".join(vocabulary[k] for k in rng.integers(5000, size=words)) for _ in range(n)]


def jaccard(a: str, b: str) -> float:
    left, right = duplicates.shingles(a), duplicates.shingles(b)
    return len(left & right) / len(left | right) if left | right else 0.0


def test_exact_ones_differ_at_most_in_case_spaces_and_unicode_form() -> None:
    texts = ["Oh no", "fine", "oh  NO ", "ﬁne", "fine.", "oh no"]

    assert duplicates.exact(texts) == [[0, 2, 5], [1, 3]]
    assert duplicates.exact([]) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", EDITS)
def test_planted_near_duplicates_are_all_found_and_nothing_else(name: str) -> None:
    rng, texts = np.random.default_rng(5), random_texts(1500)
    planted = [EDITS[name](text, rng) for text in texts[:200]]

    found = duplicates.near(texts + planted)

    assert found.groups == [[place, 1500 + place] for place in range(200)]
    assert found.extra == list(range(1500, 1700))
    assert found.complete


def test_planted_near_duplicates_of_real_tweets_are_all_found(real_data: Path) -> None:
    frame = pd.read_csv(real_data / "tweet_sarcasm.csv", keep_default_na=False)
    texts = [text for text in frame["text"] if len(duplicates.shingles(text)) >= 40]
    rng = np.random.default_rng(0)
    planted = [(place, EDITS[name](texts[place], rng)) for name in EDITS for place in range(0, len(texts), 10)]

    found = duplicates.near(texts + [text for _, text in planted])

    group_of = {place: number for number, group in enumerate(found.groups) for place in group}
    missed = [
        text for k, (place, text) in enumerate(planted) if group_of.get(len(texts) + k, -1) != group_of.get(place)
    ]
    assert missed == []


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.text(alphabet="abc d!", max_size=24), max_size=25),
    threshold=st.sampled_from([0.3, 0.5, 0.7, 0.8, 0.95, 1.0]),
)
def test_the_search_finds_exactly_the_pairs_that_reach_the_threshold(texts: list[str], threshold: float) -> None:
    alike = {
        (i, j) for (i, a), (j, b) in itertools.combinations(enumerate(texts), 2) if jaccard(a, b) >= threshold - 1e-9
    }

    found = duplicates.near(texts, threshold=threshold)
    beside = duplicates.between(texts, texts, threshold=threshold)

    listed = set(zip(found.pairs["first"], found.pairs["second"], strict=True))
    assert listed <= alike
    assert components(listed, len(texts)) == components(alike, len(texts))
    assert found.groups == components(alike, len(texts))
    assert {(i, j) for i, j in zip(beside["text"], beside["other"], strict=True) if i < j} == alike
    assert all(
        jaccard(texts[row.first], texts[row.second]) == pytest.approx(row.similarity)
        for row in found.pairs.itertuples(index=False)
    )


def components(pairs: set[tuple[int, int]], n: int) -> list[list[int]]:
    """The connected groups of at least two texts, found by spreading the lowest index."""
    root = list(range(n))
    for _ in range(n):
        for i, j in pairs:
            root[i] = root[j] = min(root[i], root[j])
    groups: dict[int, list[int]] = {}
    for place in range(n):
        groups.setdefault(root[place], []).append(place)
    return [group for group in groups.values() if len(group) > 1]


def test_a_chain_is_one_group_of_which_the_first_is_kept() -> None:
    texts = ["alpha bravo charlie delta echo", "unlike anything else here", "alpha bravo charlie delta echoes"]
    texts += ["alpha bravo charles deltas echoes", "alphas bravo charles deltas echoes"]

    found = duplicates.near(texts)

    assert found.groups == [[0, 2, 3, 4]]
    assert found.extra == [2, 3, 4]
    assert jaccard(texts[0], texts[4]) < duplicates.THRESHOLD


def test_texts_without_letters_are_compared_by_their_signs_and_empty_ones_with_nothing() -> None:
    found = duplicates.near(["", "", "😀 😀", "😀 😀", "!!"])

    assert found.groups == [[2, 3]]


@pytest.mark.parametrize(
    ("text", "nearly", "other"),
    [
        ("शिक्षा और विज्ञान जीवन बदलते हैं", "शिक्षा, और विज्ञान: जीवन बदलते हैं!", "शाक्षु ओर विज्ञोन जेवन बादलता हों"),
        ("الْعَرَبِيَّةُ لُغَةٌ جَمِيلَةٌ", "الْعَرَبِيَّةُ، لُغَةٌ جَمِيلَةٌ!", "الرياضة مفيدة للصحة"),
        ("cafe\u0301 cre\u0300me", "café crème ❤️", "thé au lait"),
        ("نمی‌خواهم بروم", "نمیخواهم بروم", "دوست دارم بمانم"),
    ],
)
def test_marks_and_joiners_belong_to_their_words(text: str, nearly: str, other: str) -> None:
    found = duplicates.between([text], [nearly, other])

    assert found["other"].tolist() == [0]
    assert found["similarity"].tolist() == [1.0]


def test_shingles_of_hindi_hold_vowel_signs_and_of_emoji_alone_the_emoji() -> None:
    assert duplicates.shingles("शिक्षा") == {" शि", "शिक", "िक्", "क्ष", "्षा", "षा "}
    assert duplicates.shingles("❤️ 👍🏽") == {" ❤️", "❤️ ", " 👍🏽", "👍🏽 "}


def test_scripts_without_spaces_are_compared_too() -> None:
    texts = ["今天天气真好我们一起去公园散步吧", "今天天气真好我们一起去公园散步", "他昨天在图书馆借了三本新书"]

    assert duplicates.near(texts).groups == [[0, 1]]


@pytest.mark.slow
def test_a_template_is_one_group_however_many_pairs_it_has() -> None:
    texts = [f"Sample number {k} of a template that never changes much" for k in range(1600)]

    found = duplicates.near(texts)

    assert found.groups == [list(range(1600))]
    assert not found.complete
    assert len(found.pairs) == duplicates.MOST_PAIRS


@pytest.mark.slow
def test_near_duplicates_among_fifty_thousand_short_texts_are_all_found() -> None:
    rng, texts = np.random.default_rng(1), random_texts(48_000, words=14)
    names = list(EDITS)
    texts += [EDITS[names[k % len(names)]](texts[k], rng) for k in range(2000)]

    found = duplicates.near(texts)  # about 15 s on a quiet core; comparing all pairs would take hours

    assert found.groups == [[k, 48_000 + k] for k in range(2000)]
