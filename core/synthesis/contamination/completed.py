"""Halve a text, and decide whether an answer completes it: the longest common subsequence of words"""

import re
from dataclasses import dataclass

from core.interval import Interval, clopper_pearson
from core.llm import text as llm_text
from core.wording import percent, percent_within

FEWEST_UNITS = 4  # words (or characters of a script without spaces) in each half; shorter halves are guessed too easily
COMPLETED = 0.8  # of the second half
ROOM = 1.5  # times the length of the second half: what an answer says later does not count
NO_SPACES = "\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
UNIT = re.compile(rf"[{NO_SPACES}]|[^\W{NO_SPACES}]+")
SHOWN = 0.05  # a p-value below shows that naming the data set helps


@dataclass(frozen=True)
class Halves:
    """The two halves of a text, cut before its middle word."""

    first: str
    second: str


@dataclass(frozen=True)
class Contamination:
    """What a model completed of the real test texts of a task, over all attempts.

    `wanted` counts the texts to ask about, `too_short` the test texts that cannot be halved. `n` texts have a usable answer
    to both wordings; `guided` and `general` are the shares of them completed with the data set named and without, with
    exact 95 % intervals. `only_guided` and `only_general` count the texts completed with one wording alone, `p` is the
    exact one-sided McNemar test that naming the data set helps; nan without usable answers. `unusable` counts the other
    answers by reason. `cost_usd` is None if a price is unknown.
    """

    model: str
    wanted: int
    too_short: int
    n: int
    guided: Interval
    general: Interval
    only_guided: int
    only_general: int
    p: float
    unusable: dict[str, int]
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = None


def halves(text: str) -> Halves | None:
    """The halves of a text; None for a text with fewer than four words (or characters without spaces) in a half."""
    units = list(UNIT.finditer(text))
    if len(units) < 2 * FEWEST_UNITS:
        return None
    middle = units[len(units) // 2].start()
    return Halves(text[:middle].rstrip(), text[middle:])


def likeness(halved: Halves, answer: str) -> float:
    """The share of the second half that an answer repeats in order, in [0, 1]: longest common subsequence of words over words.

    Case and punctuation do not count; a repeated first half at the start of the answer is skipped, and only as much of
    the answer is read as is one and a half times the second half.
    """
    first, second, said = _units(halved.first), _units(halved.second), _units(answer)
    if said[: len(first)] == first:
        said = said[len(first) :]
    said = said[: round(ROOM * len(second))]
    row = [0] * (len(said) + 1)
    for unit in second:
        last = 0
        for place, other in enumerate(said, start=1):
            last, row[place] = row[place], last + 1 if unit == other else max(row[place], row[place - 1])
    return row[-1] / len(second)


def unusable(content: str, finish_reason: str) -> str | None:
    """Why an answer says nothing about what a model knows (a refusal, a filter, an empty answer), or None."""
    if finish_reason in (llm_text.PROMPT_TOO_LONG, llm_text.PROMPT_REFUSED):
        return llm_text.FILTERED if finish_reason == llm_text.PROMPT_REFUSED else finish_reason
    visible = llm_text.visible(content)
    if not visible:
        return llm_text.FILTERED if llm_text.is_filtered(finish_reason) else llm_text.EMPTY
    return llm_text.REFUSAL if finish_reason == "refusal" or llm_text.is_refusal(visible) else None


def mcnemar(only_guided: int, only_general: int) -> float:
    """The exact one-sided p that naming the data set helps, in (0, 1]; 1 if no text was completed with one wording alone.

    Source: McNemar (1947), with the binomial distribution in place of chi squared.
    """
    from scipy import stats  # heavy: loaded only when a test is computed

    n = only_guided + only_general
    return float(stats.binomtest(only_guided, n, alternative="greater").pvalue) if n else 1.0


def share(k: int, n: int) -> Interval:
    """The share k / n with its exact 95 % interval; undefined without texts."""
    return clopper_pearson(k, n)


def reading(found: Contamination) -> str:
    """What the answers say about the model's knowledge of the test texts, in a sentence or two."""
    if not found.n:
        return f"{found.model} gave no usable answer yet, so contamination is not tested."
    k = round(found.guided.value * found.n)
    general = round(found.general.value * found.n)
    where = f"of {found.n:,} real test texts"
    short = f" {found.too_short:,} texts are too short to be halved and left out." if found.too_short else ""
    if not k and not general:
        return (
            f"{found.model} completed none {where}: no sign that it knows them by heart (at most {percent(found.guided.high, 1)} of "
            f"such texts, 95 %).{short}"
        )
    said = (
        f"{found.model} completed {k:,} {where} ({percent_within(found.guided.value, found.guided.low, found.guided.high, 1)}) "
        f"with the data set named, {general:,} without"
    )
    if found.p < SHOWN:
        return (
            f"{said}; naming it helps (exact McNemar p {_p(found.p)}), so the model has most likely seen this data. Texts it "
            f"writes may repeat the test, and the gap looks smaller than it is.{short}"
        )
    return f"{said}; that naming it helps is not shown (exact McNemar p {_p(found.p)}), but texts known by heart are a risk.{short}"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _units(text: str) -> list[str]:
    return [unit.casefold() for unit in UNIT.findall(llm_text.visible(text))]
