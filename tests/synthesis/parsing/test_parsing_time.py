"""The time that an answer takes grows with its length and no faster, whatever it holds, and hardly with the number of labels."""

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


@pytest.mark.slow
def test_the_answers_of_a_task_with_many_labels_take_about_the_time_of_one_with_two() -> None:
    answer = "\n".join(
        f"{n}. Nobody at the counter could tell me why my card takes {n} weeks to come." for n in range(1, 11)
    )

    def seconds_each(n_labels: int, answers: int) -> float:
        labels = [f"reason {n} of card {n % 7}" for n in range(n_labels)]
        begun = time.process_time()
        for n in range(answers):
            label = labels[n % n_labels]
            others = [other for other in labels if other != label]
            found = texts.parse(answer, finish_reason="stop", expected=10, asked=texts.Asked(label, others))
            assert len(found.texts) == 10
        return (time.process_time() - begun) / answers

    assert seconds_each(150, 300) < 15 * seconds_each(2, 300)  # 100 times where patterns are made for each label
