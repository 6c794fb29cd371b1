"""Words of an arm: distinct-n, self-BLEU, lengths, and how rich the vocabulary is."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

# Scripts whose words have no blanks between them: Han, Hiragana, Katakana, Thai, Lao, Burmese, Khmer.
UNSPACED = (
    "\u3005\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d\U00020000-\U0002fa1f"
    "\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff"
)
MARKS = "".join(
    re.escape(chr(code)) for code in range(0x300, 0x11000) if unicodedata.category(chr(code)).startswith("M")
)
ONE_CHARACTER = rf"(?:(?=[{UNSPACED}])[^\W_])[{MARKS}]*"
IN_A_WORD = rf"(?:(?![{UNSPACED}])[\w{MARKS}])+"
WORD = re.compile(rf"{ONE_CHARACTER}|{IN_A_WORD}(?:['’]{IN_A_WORD})*")
WITHOUT_BLANKS = re.compile(f"[{UNSPACED}]")
SAMPLE = 500
HDD_DRAWS = 42
EPSILON = 0.1

Gram = tuple[str, ...]


@dataclass(frozen=True)
class Lengths:
    """Words per text over n texts; nan when there is none."""

    n: int
    mean: float
    q1: float
    median: float
    q3: float


@dataclass(frozen=True)
class Vocabulary:
    """`tokens` words in all, `types` different ones. `type_token_ratio` falls as texts are added; `hd_d` does not."""

    tokens: int
    types: int
    type_token_ratio: float
    hd_d: float


def words(text: str) -> list[str]:
    """Lower-cased words; punctuation is left out, an apostrophe inside a word kept, combining marks are part of a word.

    Where a script has no blanks between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) every character with its marks
    counts as one word.
    """
    return WORD.findall(text.lower())


def share_by_characters(texts: Sequence[str]) -> float:
    """Share of the texts, in [0, 1], that are counted by characters for want of blanks between words; 0 without texts."""
    return sum(WITHOUT_BLANKS.search(text) is not None for text in texts) / max(1, len(texts))


def distinct(texts: Sequence[str], n: int) -> float:
    """distinct-n: different n-grams over all n-grams, in [0, 1], higher is more varied (Li et al. 2016).

    It falls as texts are added, so compare arms on equally many. nan when no text has n words.
    """
    grams = [gram for text in texts for gram in _grams(words(text), n)]
    return len(set(grams)) / len(grams) if grams else math.nan


def self_bleu(texts: Sequence[str], *, max_n: int = 4, sample: int = SAMPLE, seed: int = 0) -> float:
    """Mean BLEU of each text against all others, in [0, 1], lower is more varied (Zhu et al. 2018, Texygen).

    Equal weights for 1- to `max_n`-grams, the brevity penalty of the nearest length, smoothing 1 of Chen and Cherry
    (2014); a text that shares no word with another scores 0. More texts make it higher: beyond `sample` texts a random
    subset of that size is both what is scored and what it is scored against, so that arms compare. Texts without a
    word are left out; nan below two texts.
    """
    tokens = [found for text in texts if (found := words(text))]
    if len(tokens) > sample:
        drawn = np.random.default_rng(seed).choice(len(tokens), size=sample, replace=False)
        tokens = [tokens[place] for place in sorted(drawn)]
    if len(tokens) < 2:
        return math.nan
    counted = [[Counter(_grams(one, n)) for one in tokens] for n in range(1, max_n + 1)]
    tables = [_two_largest(counts) for counts in counted]
    lengths = Counter(map(len, tokens))
    scores = []
    for place, one in enumerate(tokens):
        matches = [_matches(counts[place], table) for counts, table in zip(counted, tables, strict=True)]
        grams = [max(1, counts[place].total()) for counts in counted]
        precisions = [(matched or EPSILON) / n for matched, n in zip(matches, grams, strict=True)]
        shares_a_word = matches[0] > 0
        scores.append(_brevity(len(one), lengths) * _geometric_mean(precisions) if shares_a_word else 0.0)
    return float(np.mean(scores))


def lengths(texts: Sequence[str]) -> Lengths:
    """Words per text: mean and quartiles."""
    counts = [len(words(text)) for text in texts]
    if not counts:
        return Lengths(0, math.nan, math.nan, math.nan, math.nan)
    q1, median, q3 = np.percentile(counts, [25, 50, 75])
    return Lengths(len(counts), float(np.mean(counts)), float(q1), float(median), float(q3))


def vocabulary(texts: Sequence[str]) -> Vocabulary:
    """Tokens, types and two ratios in [0, 1], higher is richer.

    `hd_d` is the type-token ratio expected of 42 words drawn without replacement (McCarthy and Jarvis 2010): unlike a
    plain ratio it can be compared across sizes, and unlike a moving window it does not depend on the texts' order. nan
    below 42 words.
    """
    counts = Counter(word for text in texts for word in words(text))
    tokens = counts.total()
    return Vocabulary(tokens, len(counts), len(counts) / tokens if tokens else math.nan, _hd_d(counts))


def _hd_d(counts: Counter[str]) -> float:
    """Each type's chance to be among the words drawn (1 - hypergeometric P(0)), summed, over the words drawn."""
    tokens = counts.total()
    if tokens < HDD_DRAWS:
        return math.nan
    rest = tokens - np.array(list(counts.values()), dtype=np.float64)
    drawable = rest >= HDD_DRAWS
    log_none = gammaln(rest[drawable] + 1) - gammaln(rest[drawable] - HDD_DRAWS + 1)
    log_none -= gammaln(tokens + 1) - gammaln(tokens - HDD_DRAWS + 1)
    return float((len(counts) - np.exp(log_none).sum()) / HDD_DRAWS)


def _grams(tokens: Sequence[str], n: int) -> list[Gram]:
    return list(zip(*(tokens[start:] for start in range(n)), strict=False))


def _two_largest(counts: Sequence[Counter[Gram]]) -> dict[Gram, tuple[int, int]]:
    """For each n-gram its two largest counts in a text, so that the largest in *other* texts needs no search."""
    largest: dict[Gram, tuple[int, int]] = {}
    for one in counts:
        for gram, count in one.items():
            first, second = largest.get(gram, (0, 0))
            largest[gram] = (count, first) if count > first else (first, max(second, count))
    return largest


def _matches(counts: Counter[Gram], largest: dict[Gram, tuple[int, int]]) -> int:
    """n-grams of a text found in another text, each at most as often as in the other text that has it most often."""
    matched = 0
    for gram, count in counts.items():
        first, second = largest[gram]
        matched += min(count, second if count == first else first)
    return matched


def _geometric_mean(precisions: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, precisions)) / len(precisions))


def _brevity(length: int, lengths: Counter[int]) -> float:
    """Brevity penalty against the other texts' nearest length; of two equally near ones the shorter."""
    others = [other for other, count in lengths.items() if count > (other == length)]
    nearest = min(others, key=lambda other: (abs(other - length), other))
    return 1.0 if length > nearest else math.exp(1 - nearest / length)
