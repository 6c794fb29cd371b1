"""Measure the words of texts: distinct-n, self-BLEU, words per text, and vocabulary richness (HD-D)."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from core.study.combining import JOINER, MARKS

# Scripts without blanks between words: Han, Hiragana, Katakana, Thai, Lao, Burmese, Khmer.
UNSPACED = (
    "\u3005\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d\U00020000-\U0002fa1f"
    "\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff"
)
ONE_CHARACTER = rf"(?:(?=[{UNSPACED}])[^\W_])[{MARKS}]*"
LETTER = rf"(?![{UNSPACED}])\w"
IN_A_WORD = rf"{LETTER}(?:[{MARKS}]|{JOINER}(?=\w)|{LETTER})*"
WORD = re.compile(rf"{ONE_CHARACTER}|{IN_A_WORD}(?:['’]{IN_A_WORD})*")
WITHOUT_BLANKS = re.compile(f"[{UNSPACED}]")
SAMPLE = 500
HDD_DRAWS = 42
EPSILON = 0.1

Gram = tuple[str, ...]


@dataclass(frozen=True)
class Lengths:
    """Words per text of `n` texts: mean and quartiles; nan if `n` is 0."""

    n: int
    mean: float
    q1: float
    median: float
    q3: float


@dataclass(frozen=True)
class Vocabulary:
    """Vocabulary of texts: `tokens` words in all, `types` different words, and two measures of richness in [0, 1].

    `type_token_ratio` falls as texts are added; `hd_d` does not. Both are nan if there are too few words.
    """

    tokens: int
    types: int
    type_token_ratio: float
    hd_d: float


def words(text: str) -> list[str]:
    """The lower-cased words of a text, without punctuation and emoji, in composed form (NFC).

    Apostrophes, combining marks and joiners inside a word are kept; a mark that follows no letter is no word.
    In scripts without blanks between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) every character, with its
    combining marks, counts as a word.
    """
    return WORD.findall(unicodedata.normalize("NFC", text.lower()))


def share_by_characters(texts: Sequence[str]) -> float:
    """The share of texts, in [0, 1], with a script that `words` counts by characters; 0 if there are no texts."""
    return sum(WITHOUT_BLANKS.search(text) is not None for text in texts) / max(1, len(texts))


def distinct(texts: Sequence[str], n: int) -> float:
    """distinct-n: the number of different n-grams over that of all n-grams, in [0, 1], higher = more varied (Li et al. 2016).

    It falls as texts are added, so compare arms on the same number of texts. nan if no text has `n` words.
    """
    grams = [gram for text in texts for gram in _grams(words(text), n)]
    return len(set(grams)) / len(grams) if grams else math.nan


def self_bleu(texts: Sequence[str], *, max_n: int = 4, sample: int = SAMPLE, seed: int = 0) -> float:
    """Self-BLEU: the mean BLEU of each text against all other texts, in [0, 1], lower = more varied (Zhu et al. 2018).

    BLEU has equal weights for 1- to `max_n`-grams, the brevity penalty of the nearest length, and smoothing method 1 of
    Chen and Cherry (2014); a text that shares no word with any other text scores 0. Self-BLEU rises with the number of
    texts: of more than `sample` texts, a random subset of that size is used. Texts without words are left out. nan below
    two texts.
    """
    tokens = [tokens for text in texts if (tokens := words(text))]
    if len(tokens) > sample:
        drawn = np.random.default_rng(seed).choice(len(tokens), size=sample, replace=False)
        tokens = [tokens[place] for place in sorted(drawn)]
    if len(tokens) < 2:
        return math.nan
    gram_counts = [[Counter(_grams(text, n)) for text in tokens] for n in range(1, max_n + 1)]
    largest = [_two_largest(counts) for counts in gram_counts]
    lengths = Counter(map(len, tokens))
    scores = []
    for place, text in enumerate(tokens):
        matches = [_matches(counts[place], table) for counts, table in zip(gram_counts, largest, strict=True)]
        grams = [max(1, counts[place].total()) for counts in gram_counts]
        precisions = [(matched or EPSILON) / n for matched, n in zip(matches, grams, strict=True)]
        shares_a_word = matches[0] > 0
        scores.append(_brevity(len(text), lengths) * _geometric_mean(precisions) if shares_a_word else 0.0)
    return float(np.mean(scores))


def lengths(texts: Sequence[str]) -> Lengths:
    """The mean and the quartiles of words per text; nan if there are no texts."""
    counts = [len(words(text)) for text in texts]
    if not counts:
        return Lengths(0, math.nan, math.nan, math.nan, math.nan)
    q1, median, q3 = np.percentile(counts, [25, 50, 75])
    return Lengths(len(counts), float(np.mean(counts)), float(q1), float(median), float(q3))


def vocabulary(texts: Sequence[str]) -> Vocabulary:
    """The vocabulary of texts: tokens, types, type-token ratio and HD-D; higher ratios = richer.

    HD-D is the expected type-token ratio of 42 words drawn without replacement (McCarthy and Jarvis 2010). It can be
    compared across numbers of texts, which the plain ratio cannot, and does not depend on the order of texts, as a moving
    window does. HD-D is nan below 42 words, the plain ratio below one word.
    """
    counts = Counter(word for text in texts for word in words(text))
    tokens = counts.total()
    return Vocabulary(tokens, len(counts), len(counts) / tokens if tokens else math.nan, _hd_d(counts))


def _hd_d(counts: Counter[str]) -> float:
    """HD-D: the sum over types of the probability to be among 42 drawn words, divided by 42."""
    tokens = counts.total()
    if tokens < HDD_DRAWS:
        return math.nan
    frequencies, n_types = np.unique(list(counts.values()), return_counts=True)
    drawn = 1 - stats.hypergeom.pmf(0, tokens, frequencies, HDD_DRAWS)
    return float(n_types @ drawn / HDD_DRAWS)


def _grams(tokens: Sequence[str], n: int) -> list[Gram]:
    return list(zip(*(tokens[start:] for start in range(n)), strict=False))


def _two_largest(counts: Sequence[Counter[Gram]]) -> dict[Gram, tuple[int, int]]:
    """N-gram -> its two largest counts in a text, which give its largest count in the *other* texts without a search."""
    largest: dict[Gram, tuple[int, int]] = {}
    for of_text in counts:
        for gram, count in of_text.items():
            first, second = largest.get(gram, (0, 0))
            largest[gram] = (count, first) if count > first else (first, max(second, count))
    return largest


def _matches(counts: Counter[Gram], largest: dict[Gram, tuple[int, int]]) -> int:
    """The number of n-grams of a text that other texts have, each counted at most as often as any other text has it."""
    matched = 0
    for gram, count in counts.items():
        first, second = largest[gram]
        matched += min(count, second if count == first else first)
    return matched


def _geometric_mean(precisions: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, precisions)) / len(precisions))


def _brevity(length: int, lengths: Counter[int]) -> float:
    """The brevity penalty against the nearest length of other texts; of two equally near lengths, the shorter."""
    others = [other for other, count in lengths.items() if count > (other == length)]
    nearest = min(others, key=lambda other: (abs(other - length), other))
    return 1.0 if length > nearest else math.exp(1 - nearest / length)
