"""Decide whether an encoder knows the language of texts, from how its tokenizer cuts their words"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.quality import lexical
from core.wording import percent

# Measured with minilm (docs/methods.md): words of 41 collections of English texts have 3.04 to 5.7 characters a token and at most
# 0.3 % unknown tokens; of 80 other languages and variants none has both 3 characters a token and under 5 % unknown tokens.
LEAST_CHARACTERS = 3.0
MOST_UNKNOWN = 0.05
LEAST_UNSPACED = 0.9  # characters a token, in scripts without blanks between words; byte by byte it is a third
MULTILINGUAL = 100_000  # entries of a vocabulary from which its tokens are short in every language
MOSTLY = 0.5
SAMPLE = 500  # texts that are read
ADVICE = "Measure with an encoder of this language or a multilingual one (measure --encoder NAME)"


@dataclass(frozen=True)
class Tokens:
    """How a tokenizer cuts the words without digits of `n` texts.

    `unknown`: share of tokens that its vocabulary lacks, in [0, 1]. `characters`: characters for each token, above 0. Both
    are nan if the texts have no words. `is_unspaced`: most texts are in a script without blanks between words.
    `vocabulary`: entries of the tokenizer.
    """

    n: int
    unknown: float
    characters: float
    is_unspaced: bool
    vocabulary: int

    @property
    def is_known(self) -> bool:
        """Whether the vocabulary holds the words of the texts, so that distances between embeddings speak of their meaning."""
        least = LEAST_UNSPACED if self.is_unspaced else LEAST_CHARACTERS
        is_cut = self.characters < least and self.vocabulary < MULTILINGUAL
        return math.isfinite(self.unknown) and self.unknown <= MOST_UNKNOWN and not is_cut


def tokens(texts: Sequence[str], tokenizer: Any) -> Tokens:
    """How a tokenizer of transformers cuts the words of texts; of more than 500 texts, 500 evenly spaced ones are read."""
    some = [texts[place * len(texts) // SAMPLE] for place in range(SAMPLE)] if len(texts) > SAMPLE else texts
    words = [[word for word in lexical.words(text) if not any(map(str.isdigit, word))] for text in some]
    rows = tokenizer([" ".join(row) for row in words], add_special_tokens=False)["input_ids"] if some else []
    ids = [token for row in rows for token in row]
    n = len(ids)
    return Tokens(
        n=len(some),
        unknown=ids.count(tokenizer.unk_token_id) / n if n else math.nan,
        characters=sum(len(word) for row in words for word in row) / n if n else math.nan,
        is_unspaced=lexical.share_by_characters(some) > MOSTLY,
        vocabulary=len(tokenizer),
    )


def reason(encoder: str, arms: Sequence[tuple[str, Tokens]], *, advice: str = ADVICE) -> str:
    """Say that an encoder does not know the language of these arms, with the numbers of the first arm, and what to do."""
    name, read = arms[0]
    others = f" (and of {', '.join(arm for arm, _ in arms[1:])})" if len(arms) > 1 else ""
    found = "finds no words in"
    if math.isfinite(read.unknown):
        found = f"lacks {percent(read.unknown)} of the tokens and reads {read.characters:.1f} characters a token in"
    return (
        f"the encoder {encoder} does not know the language of {name}{others}: it {found} {read.n:,} texts, so distances between "
        f"texts mean nothing. {advice}."
    )
