"""Words: distinct-n, self-BLEU against a library and a published example, lengths and vocabulary."""

import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.translate import bleu_score

from core.quality import lexical

GOLDEN = Path(__file__).parents[1] / "golden" / "bleu_papineni_2002.json"
TEXTS = st.lists(st.lists(st.sampled_from("abcde"), max_size=9).map(" ".join), max_size=7)


def by_nltk(texts: list[str], max_n: int = 4) -> float:
    tokens = [found for text in texts if (found := lexical.words(text))]
    smoothing, weights = bleu_score.SmoothingFunction().method1, [1 / max_n] * max_n
    scores = [
        bleu_score.sentence_bleu(tokens[:k] + tokens[k + 1 :], one, weights=weights, smoothing_function=smoothing)
        for k, one in enumerate(tokens)
    ]
    return float(np.mean(scores))


def random_texts(n: int, *, seed: int = 0, words: int = 20) -> list[str]:
    rng = np.random.default_rng(seed)
    vocabulary = [f"w{k}" for k in range(2000)]
    return [" ".join(vocabulary[k] for k in rng.zipf(1.3, size=words) % 2000) for _ in range(n)]


def test_distinct_is_different_over_all() -> None:
    texts = ["The cat, the CAT", "a cat"]

    assert lexical.distinct(texts, 1) == pytest.approx(3 / 6)
    assert lexical.distinct(texts, 2) == pytest.approx(3 / 4)
    assert math.isnan(lexical.distinct(["one", ""], 2))
    assert math.isnan(lexical.distinct([], 1))


def test_words_keep_an_apostrophe_and_drop_punctuation() -> None:
    assert lexical.words("Don't stop: it’s 5 o'clock!! 'quoted'") == ["don't", "stop", "it’s", "5", "o'clock", "quoted"]


def test_clipping_follows_the_published_example() -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    texts = [golden["candidate"], *golden["references"]]
    found, possible = golden["modified_unigram_precision"]

    score = lexical.self_bleu(texts, max_n=1)

    first_reference = 5 / 6  # the cat is on the mat: all but one "the" is in the other one, both are in the candidate
    assert lexical.self_bleu(texts[:2], max_n=1) == pytest.approx((found / possible + 2 / 6 * math.exp(1 - 7 / 6)) / 2)
    assert score == pytest.approx(by_nltk(texts, max_n=1), abs=1e-9)
    assert score < (found / possible + 2 * first_reference * 1.2) / 3


@given(texts=TEXTS, max_n=st.integers(1, 5))
def test_self_bleu_is_the_library_s_mean_over_texts(texts: list[str], max_n: int) -> None:
    score = lexical.self_bleu(texts, max_n=max_n)

    if sum(bool(text) for text in texts) < 2:
        assert math.isnan(score)
    else:
        assert score == pytest.approx(by_nltk(texts, max_n=max_n), abs=1e-9)


def test_the_same_text_again_and_again_scores_one_and_nothing_shared_scores_zero() -> None:
    assert lexical.self_bleu(["one two three four five"] * 3) == pytest.approx(1)
    assert lexical.self_bleu(["one two", "three four"]) == 0


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_many_texts_are_sampled_the_same_way_each_time() -> None:
    texts = random_texts(2000)

    score = lexical.self_bleu(texts)

    assert score == lexical.self_bleu(texts)
    assert score == pytest.approx(lexical.self_bleu(random_texts(500, seed=1)), abs=0.03)


def test_lengths_are_in_words() -> None:
    found = lexical.lengths(["one", "one two", "one two three", "", "one, two, three, four!"])

    assert found == lexical.Lengths(n=5, mean=2.0, q1=1.0, median=2.0, q3=3.0)
    assert math.isnan(lexical.lengths([]).median)


def test_vocabulary_counts_types_and_tokens() -> None:
    found = lexical.vocabulary(["a b", "A c!", ""])

    assert (found.tokens, found.types, found.type_token_ratio) == (4, 3, 0.75)
    assert math.isnan(found.hd_d)
    assert math.isnan(lexical.vocabulary([]).type_token_ratio)


def test_hd_d_is_the_expected_share_of_types_among_42_words() -> None:
    texts = random_texts(30)
    tokens = np.array([word for text in texts for word in lexical.words(text)])
    _, counts = np.unique(tokens, return_counts=True)
    rng = np.random.default_rng(0)

    found = lexical.vocabulary(texts).hd_d

    n, all_draws = len(tokens), math.comb(len(tokens), 42)
    exact = sum(1 - Fraction(math.comb(n - count, 42), all_draws) for count in counts.tolist()) / 42
    assert found == pytest.approx(float(exact), rel=1e-9)
    drawn = [len(set(rng.choice(tokens, 42, replace=False))) / 42 for _ in range(2000)]
    assert found == pytest.approx(np.mean(drawn), abs=0.01)


def test_hd_d_hardly_changes_with_more_texts_where_the_plain_ratio_falls() -> None:
    few, many = lexical.vocabulary(random_texts(100)), lexical.vocabulary(random_texts(2000))

    assert many.hd_d == pytest.approx(few.hd_d, abs=0.03)
    assert many.type_token_ratio < few.type_token_ratio / 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\u5feb\u9012\u592a\u6162\u4e86", list("\u5feb\u9012\u592a\u6162\u4e86")),
        ("\u304a\u8336 tea\u3002", ["\u304a", "\u8336", "tea"]),
        # Hindi and Arabic words keep their marks
        (
            "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e",
            ["\u0928\u092e\u0938\u094d\u0924\u0947", "\u0926\u0941\u0928\u093f\u092f\u093e"],
        ),
        (
            "\u0645\u064e\u0631\u0652\u062d\u0628\u0627 \u0628\u0643",
            ["\u0645\u064e\u0631\u0652\u062d\u0628\u0627", "\u0628\u0643"],
        ),
        (
            "\u0e2d\u0e32\u0e2b\u0e32\u0e23\u0e14\u0e35",
            ["\u0e2d", "\u0e32", "\u0e2b", "\u0e32", "\u0e23", "\u0e14\u0e35"],
        ),
        # an accent of its own is the accent of the letter before it
        ("gru\u0308n und blau", ["gr\u00fcn", "und", "blau"]),
        # joiners hold a Persian and a Hindi word together
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", ["\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"]),
        ("\u0915\u094d\u200d\u0937 \u0928", ["\u0915\u094d\u200d\u0937", "\u0928"]),
        # pointed Hebrew
        ("\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd", ["\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd"]),
        # emoji with variation selectors, joiners and tones are no words
        ("I \u2764\ufe0f it \U0001f469\u200d\U0001f467 \U0001f44d\U0001f3fd!", ["i", "it"]),
        ("Don\u2019t stop_it, 3.5 times", ["don\u2019t", "stop_it", "3", "5", "times"]),
        ("\ud55c\uad6d\uc5b4 \ubb38\uc7a5", ["\ud55c\uad6d\uc5b4", "\ubb38\uc7a5"]),
    ],
)
def test_words_of_other_scripts_are_words_or_characters(text: str, words: list[str]) -> None:
    assert lexical.words(text) == words


def test_texts_without_blanks_say_that_they_were_counted_by_characters() -> None:
    texts = ["\u5ba2\u670d\u5f88\u8010\u5fc3", "\u5feb\u9012\u592a\u6162\u4e86", "plain words"]

    assert lexical.share_by_characters(texts) == 2 / 3
    assert lexical.distinct(["\u5feb\u5feb", "\u6162\u6162"], 1) == 0.5


@pytest.mark.parametrize(
    "text",
    [
        "It's a plain sentence, isn't it? 42 times_over \u2014 na\u00efve caf\u00e9.",
        "\u00dcber \u0441\u043b\u043e\u0432\u0430 \u03ba\u03b1\u03b9",
    ],
)
def test_other_texts_are_counted_as_before(text: str) -> None:
    import re

    assert lexical.words(text) == re.findall(r"\w+(?:['\u2019]\w+)*", text.lower())
