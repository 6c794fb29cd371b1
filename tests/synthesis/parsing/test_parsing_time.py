"""The time that an answer takes grows with its length and no faster, whatever it holds."""

import time
from collections.abc import Callable

import pytest

from core.llm import choices
from core.synthesis.parsing import slips, texts

ASKED = texts.Asked("positive", ["negative", "a - b"], slips.Instructions(["x y z a b c d"]))
CHOICES = [choices.Choice("positive", ("positive",)), choices.Choice("negative", ("negative", "no"))]
RUNS = [
    *"\"'`*_-—|#:;.,!?()[]{}<>/\\ \t\n\x0b\u00a0“”«»①1一",
    "— ", "- ", "* ", "| ", "|-", "--|", "1. ", "1.\n", "9. ", "a\n", "\n\n", " \n", "label ", "label: ", "Label: positive ",
    "[positive]", "(positive) ", "positive\n", "Positive:\n", "sorry ", "can't ", "i can't write ", "I know ", "<s>", "</s>",
    "<s>x</s>", "<think>", "<details reasoning", "<|", "analysis assistant ", "```", "``` ", '"a"', '"a":', '["', '{"a":', '{"a":"b"}\n',
    '{"text":"b","label":"positive"}\n', "here list ", "note texts ", "if you want ", "word ", "because ", "answer is ",
]  # fmt: skip
ENDS = ["{}x", "1. Great phone {}", "label{}x", '["a", "{}', "| a | b |\n{}x\n| c | d |", "- a\n{}"]


QUICK_S = 0.2  # a shape whose time grows with the square of its length takes seconds at this length


def seconds(work: Callable[[str], object], answer: str) -> float:
    begun = time.process_time()
    work(answer)
    return time.process_time() - begun


def is_slow(work: Callable[[str], object], end: str, run: str) -> bool:
    """Whether twice the length takes over three times the time, by the least of three runs each; not if it takes 0.2 s."""
    once, twice = (end.replace("{}", run * (n // len(run))) for n in (6_000, 12_000))
    if seconds(work, twice) < QUICK_S:
        return False
    return min(seconds(work, twice) for _ in range(3)) > 3 * min(seconds(work, once) for _ in range(3))


@pytest.mark.slow
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("expected", [1, 10])
def test_twice_the_length_takes_about_twice_the_time_to_parse(end: str, expected: int) -> None:
    def parse(answer: str) -> object:
        return texts.parse(answer, finish_reason="stop", expected=expected, asked=ASKED)

    assert [run for run in RUNS if is_slow(parse, end, run)] == []


@pytest.mark.slow
@pytest.mark.parametrize("end", ENDS[:3])
def test_twice_the_length_takes_about_twice_the_time_to_read_a_choice(end: str) -> None:
    assert [run for run in RUNS if is_slow(lambda answer: choices.read(answer, CHOICES), end, run)] == []
